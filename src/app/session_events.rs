//! What sessions tell, written down under the lease they ran under: a session that has passed to another node says nothing more.

use std::sync::{Arc, Weak};

use async_trait::async_trait;

use super::error::Error;
use super::sessions::phone_hash;
use super::{App, activate, alerts, bus::News, enqueue, inbound, notify, pace, pairings};
use crate::domain::alert::AlertKind;
use crate::domain::pairing::Pairing;
use crate::domain::session::{InboundMessage, Lease, SessionEvent, SessionState};
use crate::kernel::clock::UnixMs;
use crate::kernel::failpoint::failpoint;
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;
use crate::storage::{Conn, job, pairing, session_lease, wa_session};
use crate::whatsapp::gateway::Sink;

/// Takes what sessions tell. Holds the app weakly: the app holds the gateway, and the gateway this.
pub struct AppSink(pub Weak<App>);

#[async_trait]
impl Sink for AppSink {
    async fn keep(&self, id: &TenantId, message: InboundMessage) -> anyhow::Result<()> {
        let app = self.app()?;
        Ok(inbound::keep(&app, id, &message).await?)
    }

    async fn tell(&self, lease: &Lease, event: SessionEvent) {
        let id = &lease.tenant;
        // A session tells each thing once. The database may be away for a while: what matters is asked of it again.
        for wait_ms in [100, 500, 2_000, 5_000, 15_000, 60_000] {
            let Ok(app) = self.app() else { return };
            match take(&app, lease, event.clone()).await {
                Ok(()) => return,
                Err(Error::NotHeld) => {
                    return tracing::warn!(tenant.id = %id, "a session told something after another node had taken it over");
                }
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

async fn take(app: &App, lease: &Lease, event: SessionEvent) -> Result<(), Error> {
    let id = &lease.tenant;
    match event {
        SessionEvent::Qr { code, number, of, expires_at } => {
            // A linking by number draws codes too, and so does one whose code was refused; the reader asked for the other way,
            // or has a refusal to read.
            if !matches!(
                pairings::get(app, id).await?,
                Some(Pairing::CodeAsked | Pairing::Code { .. } | Pairing::Refused { .. })
            ) {
                show(app, lease, &Pairing::Qr { raw: code, number, of, expires_at }).await?;
            }
        }
        SessionEvent::PairingCode { code, expires_at } => {
            show(app, lease, &Pairing::Code { code, expires_at }).await?;
        }
        SessionEvent::QrExhausted => {
            let stays = match pairings::get(app, id).await? {
                Some(Pairing::Code { expires_at, .. }) => expires_at > app.now(),
                Some(Pairing::Refused { .. }) => true,
                _ => false,
            };
            if !stays {
                // One code of a minute and five of twenty seconds.
                show(app, lease, &Pairing::Exhausted { minutes: 3 }).await?;
            }
        }
        SessionEvent::Scanned => show(app, lease, &Pairing::Scanned).await?,
        SessionEvent::Linked { phone, name } => linked(app, lease, &phone, &name).await?,
        SessionEvent::PairingRefused { why, detail } => {
            tracing::warn!(tenant.id = %id, ?why, detail, "WhatsApp refused to link");
            show(app, lease, &Pairing::Refused { why, at: app.now() }).await?;
        }
        SessionEvent::State { state, reason, until } => changed(app, lease, state, &reason, until).await?,
        SessionEvent::Ack { message_id, error } => notify::acknowledged(app, id, &message_id, error).await?,
        SessionEvent::Receipt { message_ids, read } => notify::received(app, id, &message_ids, read).await?,
    }
    app.bus.tell(id, News::View);
    Ok(())
}

/// A unit of work that the lease stands in for to its end.
async fn under(app: &App, lease: &Lease) -> Result<Conn, Error> {
    let mut conn = app.db.begin().await?;
    if session_lease::guard(&mut conn, lease).await? { Ok(conn) } else { Err(Error::NotHeld) }
}

async fn show(app: &App, lease: &Lease, step: &Pairing) -> Result<(), Error> {
    let key = app.keys.of(&lease.tenant).await?;
    let mut conn = under(app, lease).await?;
    pairings::put(app, &mut conn, &key, &lease.tenant, step).await?;
    Ok(conn.commit().await?)
}

async fn linked(app: &App, lease: &Lease, phone: &Phone, name: &str) -> Result<(), Error> {
    let id = &lease.tenant;
    let key = app.keys.of(id).await?;
    let now = app.now();
    let sealed = key.seal_text("wa_session", "phone", phone.digits());
    let mut conn = under(app, lease).await?;
    let hash = phone_hash(app, phone);
    wa_session::set_linked(&mut conn, id, &sealed, &hash, name, now).await?;
    pace::linked(&mut conn, id, &hash, now).await?;
    activate::phone_was_linked(app, &mut conn, id, now).await?;
    pairing::clear(&mut conn, id, now).await?;
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::Connected { phone: phone.international(), name: name.to_owned() });
    tracing::info!(tenant.id = %id, %phone, "a phone was linked");
    Ok(())
}

async fn changed(
    app: &App,
    lease: &Lease,
    state: SessionState,
    reason: &str,
    until: Option<UnixMs>,
) -> Result<(), Error> {
    let (id, now) = (&lease.tenant, app.now());
    let lost = matches!(
        state,
        SessionState::LoggedOut | SessionState::Replaced | SessionState::Banned | SessionState::Outdated
    );
    // Somebody asked to link what is linked: it comes back by itself, and no code will ever replace "preparing".
    let in_vain = matches!(state, SessionState::Offline | SessionState::Halted)
        && matches!(pairings::get(app, id).await?, Some(Pairing::Starting { .. }));
    let mut conn = under(app, lease).await?;
    wa_session::set_state(&mut conn, id, state, reason, until, now).await?;
    if state == SessionState::Online {
        job::hurry_all(&mut conn, id, &enqueue::session_lane(id), now).await?;
    }
    if state == SessionState::Banned {
        pace::restricted(&mut conn, id, now).await?;
    }
    if lost {
        let fact = format!("lost:{}:{}", lease.epoch, now.0);
        alerts::raise(&mut conn, id.as_str(), AlertKind::SessionLost, (&fact, state.as_str()), now).await?;
    }
    if lost || in_vain || state == SessionState::Online {
        pairing::clear(&mut conn, id, now).await?;
    }
    failpoint!("session.before_commit");
    conn.commit().await?;
    failpoint!("session.committed");
    if state == SessionState::Online {
        app.ring();
    }
    if lost {
        app.ring_for(enqueue::ALERT);
        tracing::warn!(tenant.id = %id, state = state.as_str(), reason, "a session was lost");
        metrics::counter!("salonbridge_sessions_lost_total", "state" => state.as_str()).increment(1);
    }
    Ok(())
}
