//! Sessions: linking, what they tell, and bringing them back after a start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use super::error::Error;
use super::{App, activate, bus::News, enqueue, inbound, notify};
use crate::domain::session::{InboundMessage, PairBy, Refusal, SessionEvent, SessionState};
use crate::kernel::clock::UnixMs;
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;
use crate::kernel::secret::hmac_sha256;
use crate::storage::wa_session::SessionRow;
use crate::storage::{job, tenant, wa_session};
use crate::whatsapp::gateway::Sink;

/// Where a linking stands. Lives in memory: it is worth nothing after a restart, and then begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pairing {
    Starting {
        since: UnixMs,
    },
    Qr {
        raw: String,
        number: u8,
        of: u8,
        expires_at: UnixMs,
    },
    /// Waiting for WhatsApp to make a code.
    CodeAsked,
    Code {
        code: String,
        expires_at: UnixMs,
    },
    Exhausted {
        minutes: u32,
    },
    Scanned,
    /// Stays until a person asks again: what WhatsApp does not want to be asked for is not asked for by itself.
    Refused {
        why: Refusal,
        at: UnixMs,
    },
}

/// Linkings under way in this process.
#[derive(Default)]
pub struct Pairings(Mutex<HashMap<TenantId, Pairing>>);

impl Pairings {
    #[must_use]
    pub fn get(&self, id: &TenantId) -> Option<Pairing> {
        self.lock().get(id).cloned()
    }

    pub fn set(&self, id: &TenantId, pairing: Pairing) {
        self.lock().insert(id.clone(), pairing);
    }

    pub fn clear(&self, id: &TenantId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Pairing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins linking, or joins the linking under way.
pub async fn pair(app: &App, id: &TenantId, how: PairBy) -> Result<(), Error> {
    let state = tenant::find(&mut app.db.read().await?, id).await?.ok_or(Error::NotFound)?.tenant.state;
    if state == crate::domain::tenant::TenantState::Uninstalled {
        return Err(Error::Rejected("not_installed"));
    }
    let next = match (&how, app.pairings.get(id)) {
        (PairBy::Qr, Some(Pairing::Qr { .. } | Pairing::Starting { .. } | Pairing::Scanned)) => None,
        (PairBy::Qr, _) => Some(Pairing::Starting { since: app.now() }),
        (PairBy::Code(_), _) => Some(Pairing::CodeAsked),
    };
    if let Some(next) = next {
        app.pairings.set(id, next);
    }
    app.bus.tell(id, News::View);
    let begun = app.gateway()?.pair(id, how).await;
    if let Err(error) = begun {
        tracing::warn!(tenant.id = %id, %error, "linking could not begin");
        app.pairings.set(id, Pairing::Refused { why: Refusal::Unreachable, at: app.now() });
        app.bus.tell(id, News::View);
    }
    Ok(())
}

pub async fn cancel(app: &App, id: &TenantId) -> Result<(), Error> {
    app.gateway()?.cancel_pairing(id).await;
    app.pairings.clear(id);
    app.bus.tell(id, News::View);
    Ok(())
}

/// "Link another phone": the linked one is really unlinked first.
pub async fn relink(app: &App, id: &TenantId) -> Result<(), Error> {
    app.gateway()?.logout(id).await?;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    wa_session::forget(&mut conn, id, "relink", now).await?;
    tenant::unconfirm_number(&mut conn, id, now).await?;
    use crate::domain::tenant::TenantState::{Configuring, PendingWhatsapp, WhatsappConnected};
    for from in [WhatsappConnected, Configuring] {
        tenant::set_state(&mut conn, id, from, PendingWhatsapp, now).await?;
    }
    conn.commit().await?;
    app.pairings.clear(id);
    pair(app, id, PairBy::Qr).await
}

/// "Try again" on a linked session that rests. A ban whose end is known is waited out; one without an end may have been lifted
/// on the phone meanwhile, and a person who says so is believed once a minute.
pub async fn wake(app: &App, id: &TenantId, session: &SessionRow) -> Result<(), Error> {
    const KNOCK_EVERY_MS: i64 = 60_000;
    let now = app.now();
    let gateway = app.gateway()?;
    match (session.state, session.until) {
        (SessionState::Banned, Some(until)) if until > now => {}
        (SessionState::Banned, None) if now.since(session.changed_at) < KNOCK_EVERY_MS => {}
        // Restoring is what happens by itself, and a session keeps quiet then.
        (SessionState::Banned, None) => gateway.pair(id, PairBy::Qr).await?,
        _ => gateway.restore(id).await?,
    }
    app.bus.tell(id, News::View);
    Ok(())
}

/// The job: brings one linked session back.
pub async fn restore(app: &App, id: &TenantId) -> Result<(), Error> {
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    if session.is_some_and(|s| s.state.is_linked()) {
        app.gateway()?.restore(id).await?;
    }
    Ok(())
}

/// Rings for every linked session after a start, the most urgent first, and for a banned one when its ban ends. Leases of the
/// sessions' lanes pace them.
pub async fn restore_all(app: &App) -> Result<usize, Error> {
    let linked = wa_session::list_linked(&mut app.db.read().await?).await?;
    for (place, chunk) in linked.chunks(50).enumerate() {
        let now = app.now();
        let mut conn = app.db.begin().await?;
        for (id, rests_until) in chunk {
            let run_at = now.plus_ms(i64::try_from(place).unwrap_or(0) * 50).max(*rests_until);
            enqueue::installation(&mut conn, enqueue::RESTORE, id, run_at, now).await?;
        }
        conn.commit().await?;
        app.ring();
    }
    Ok(linked.len())
}

/// Takes what sessions tell. Holds the app weakly: the app holds the gateway, and the gateway this.
pub struct AppSink(pub Weak<App>);

#[async_trait]
impl Sink for AppSink {
    async fn keep(&self, id: &TenantId, message: InboundMessage) -> anyhow::Result<()> {
        let app = self.app()?;
        Ok(inbound::keep(&app, id, &message).await?)
    }

    async fn tell(&self, id: &TenantId, event: SessionEvent) {
        // A session tells each thing once. The database may be away for a while: what matters is asked of it again.
        for wait_ms in [100, 500, 2_000, 5_000, 15_000, 60_000] {
            let Ok(app) = self.app() else { return };
            match take(&app, id, event.clone()).await {
                Ok(()) => return,
                Err(error) if error.retry() == Retry::Never => {
                    return tracing::error!(tenant.id = %id, %error, "what a session told could not be written down");
                }
                Err(error) => {
                    tracing::warn!(tenant.id = %id, %error, "what a session told must wait for the database")
                }
            }
            drop(app);
            tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        }
        tracing::error!(tenant.id = %id, "what a session told was not written down: the database was away too long");
    }
}

impl AppSink {
    fn app(&self) -> anyhow::Result<Arc<App>> {
        self.0.upgrade().ok_or_else(|| anyhow::anyhow!("stopping"))
    }
}

async fn take(app: &App, id: &TenantId, event: SessionEvent) -> Result<(), Error> {
    match event {
        SessionEvent::Qr { code, number, of, expires_at } => {
            // A linking by number draws codes too, and so does one whose code was refused; the reader asked for the other way,
            // or has a refusal to read.
            if !matches!(
                app.pairings.get(id),
                Some(Pairing::CodeAsked | Pairing::Code { .. } | Pairing::Refused { .. })
            ) {
                app.pairings.set(id, Pairing::Qr { raw: code, number, of, expires_at });
            }
        }
        SessionEvent::PairingCode { code, expires_at } => {
            app.pairings.set(id, Pairing::Code { code, expires_at });
        }
        SessionEvent::QrExhausted => {
            let stays = match app.pairings.get(id) {
                Some(Pairing::Code { expires_at, .. }) => expires_at > app.now(),
                Some(Pairing::Refused { .. }) => true,
                _ => false,
            };
            if !stays {
                // One code of a minute and five of twenty seconds.
                app.pairings.set(id, Pairing::Exhausted { minutes: 3 });
            }
        }
        SessionEvent::Scanned => app.pairings.set(id, Pairing::Scanned),
        SessionEvent::Linked { phone, name } => linked(app, id, &phone, &name).await?,
        SessionEvent::PairingRefused { why, detail } => {
            tracing::warn!(tenant.id = %id, ?why, detail, "WhatsApp refused to link");
            app.pairings.set(id, Pairing::Refused { why, at: app.now() });
        }
        SessionEvent::State { state, reason, until } => changed(app, id, state, &reason, until).await?,
        SessionEvent::Ack { message_id, error } => notify::acknowledged(app, id, &message_id, error).await?,
        SessionEvent::Receipt { message_ids, read } => notify::received(app, id, &message_ids, read).await?,
    }
    app.bus.tell(id, News::View);
    Ok(())
}

async fn linked(app: &App, id: &TenantId, phone: &Phone, name: &str) -> Result<(), Error> {
    let key = app.keys.of(id).await?;
    let now = app.now();
    let sealed = key.seal_text("wa_session", "phone", phone.digits());
    let mut conn = app.db.begin().await?;
    wa_session::set_linked(&mut conn, id, &sealed, &phone_hash(app, phone), name, now).await?;
    activate::phone_was_linked(app, &mut conn, id, now).await?;
    conn.commit().await?;
    app.ring();
    app.pairings.clear(id);
    app.bus.tell(id, News::Connected { phone: phone.international(), name: name.to_owned() });
    tracing::info!(tenant.id = %id, %phone, "a phone was linked");
    Ok(())
}

/// The title of another salon that uses this number, when there is one.
pub(super) async fn other_salon(app: &App, id: &TenantId, phone: &str) -> Result<Option<String>, Error> {
    let Some(phone) = Phone::parse(phone) else { return Ok(None) };
    let mut conn = app.db.read().await?;
    let Some(other) = wa_session::find_other_by_phone(&mut conn, &phone_hash(app, &phone), id).await? else {
        return Ok(None);
    };
    Ok(tenant::find(&mut conn, &other).await?.map(|stored| stored.tenant.title))
}

/// A hash of a number that is the same for all salons: only so can it be seen that one number serves two.
fn phone_hash(app: &App, phone: &Phone) -> String {
    hex::encode(hmac_sha256(
        app.settings.jwt_secret.expose().as_bytes(),
        format!("number|{}", phone.digits()).as_bytes(),
    ))
}

async fn changed(
    app: &App,
    id: &TenantId,
    state: SessionState,
    reason: &str,
    until: Option<UnixMs>,
) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    wa_session::set_state(&mut conn, id, state, reason, until, now).await?;
    if state == SessionState::Online {
        job::hurry_all(&mut conn, id, &enqueue::session_lane(id), now).await?;
    }
    conn.commit().await?;
    match state {
        SessionState::Online => {
            app.pairings.clear(id);
            app.ring();
        }
        SessionState::LoggedOut | SessionState::Replaced | SessionState::Banned | SessionState::Outdated => {
            app.pairings.clear(id);
            tracing::warn!(tenant.id = %id, state = state.as_str(), reason, "a session was lost");
            metrics::counter!("salonbridge_sessions_lost_total", "state" => state.as_str()).increment(1);
        }
        // Somebody asked to link what is linked: it comes back by itself, and no code will ever replace "preparing".
        SessionState::Offline | SessionState::Halted
            if matches!(app.pairings.get(id), Some(Pairing::Starting { .. })) =>
        {
            app.pairings.clear(id);
        }
        _ => {}
    }
    Ok(())
}
