//! Sessions: linking, unlinking, and bringing them back.

use super::asks::{self, Ask};
use super::error::Error;
use super::{App, bus::News, enqueue, pairings};
use crate::domain::pairing::Pairing;
use crate::domain::session::{PairBy, Refusal, SessionState};
use crate::domain::tenant::TenantState;
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;
use crate::kernel::secret::hmac_sha256;
use crate::storage::{tenant, wa_session};
use crate::whatsapp;

/// A node with more sessions than its share lets the others look first.
const FULL_WAIT_MS: i64 = 500;

/// Begins linking, or joins the linking under way.
pub async fn pair(app: &App, id: &TenantId, how: PairBy) -> Result<(), Error> {
    asks::ask(app, id, &Ask::Pair(how)).await
}

pub async fn cancel(app: &App, id: &TenantId) -> Result<(), Error> {
    asks::ask(app, id, &Ask::Cancel).await
}

/// "Link another phone": the linked one is really unlinked first.
pub async fn relink(app: &App, id: &TenantId) -> Result<(), Error> {
    asks::ask(app, id, &Ask::Relink).await
}

/// "Try again" on a linked session that rests.
pub async fn wake(app: &App, id: &TenantId) -> Result<(), Error> {
    asks::ask(app, id, &Ask::Wake).await
}

/// Does on this node what was asked of the session; `Elsewhere` when it turns out to be another's.
pub(super) async fn carry_out(app: &App, id: &TenantId, ask: &Ask) -> Result<(), Error> {
    match ask {
        Ask::Pair(how) => pair_here(app, id, how.clone()).await?,
        Ask::Cancel => {
            app.gateway()?.cancel_pairing(id).await;
            pairings::clear(app, id).await?;
        }
        Ask::Relink => relink_here(app, id).await?,
        Ask::Wake => wake_here(app, id).await?,
    }
    app.bus.tell(id, News::View);
    Ok(())
}

async fn pair_here(app: &App, id: &TenantId, how: PairBy) -> Result<(), Error> {
    let state = tenant::find(&mut app.db.read().await?, id).await?.ok_or(Error::NotFound)?.tenant.state;
    if state == TenantState::Uninstalled {
        return Err(Error::Rejected("not_installed"));
    }
    let next = match (&how, pairings::get(app, id).await?) {
        (PairBy::Qr, Some(Pairing::Qr { .. } | Pairing::Starting { .. } | Pairing::Scanned)) => None,
        (PairBy::Qr, _) => Some(Pairing::Starting { since: app.now() }),
        (PairBy::Code(_), _) => Some(Pairing::CodeAsked),
    };
    if let Some(next) = next {
        pairings::set(app, id, &next).await?;
    }
    app.bus.tell(id, News::View);
    match app.gateway()?.pair(id, how).await {
        Ok(()) => Ok(()),
        Err(error @ whatsapp::error::Error::Elsewhere) => Err(error.into()),
        Err(error) => {
            tracing::warn!(tenant.id = %id, %error, "linking could not begin");
            pairings::set(app, id, &Pairing::Refused { why: Refusal::Unreachable, at: app.now() }).await
        }
    }
}

async fn relink_here(app: &App, id: &TenantId) -> Result<(), Error> {
    app.gateway()?.logout(id).await?;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    wa_session::forget(&mut conn, id, "relink", now).await?;
    tenant::unconfirm_number(&mut conn, id, now).await?;
    use TenantState::{Configuring, PendingWhatsapp, WhatsappConnected};
    for from in [WhatsappConnected, Configuring] {
        tenant::set_state(&mut conn, id, from, PendingWhatsapp, now).await?;
    }
    conn.commit().await?;
    pairings::clear(app, id).await?;
    pair_here(app, id, PairBy::Qr).await
}

/// A ban whose end is known is waited out; one without an end may have been lifted on the phone meanwhile, and a person who says
/// so is believed once a minute.
async fn wake_here(app: &App, id: &TenantId) -> Result<(), Error> {
    const KNOCK_EVERY_MS: i64 = 60_000;
    let Some(session) = wa_session::find(&mut app.db.read().await?, id).await? else { return Ok(()) };
    let now = app.now();
    let gateway = app.gateway()?;
    match (session.state, session.until) {
        (SessionState::Banned, Some(until)) if until > now => {}
        (SessionState::Banned, None) if now.since(session.changed_at) < KNOCK_EVERY_MS => {}
        // Restoring is what happens by itself, and a session keeps quiet then.
        (SessionState::Banned, None) => gateway.pair(id, PairBy::Qr).await?,
        _ => gateway.restore(id).await?,
    }
    Ok(())
}

/// The job: brings one linked session back. A number of milliseconds when others are to take it before this node does.
pub async fn restore(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    if session.is_none_or(|s| !s.state.is_linked()) {
        return Ok(None);
    }
    let gateway = app.gateway()?;
    if gateway.state(id).is_none() && app.node.is_full(gateway.running()) {
        return Ok(Some(FULL_WAIT_MS));
    }
    match gateway.restore(id).await {
        // Somebody else was quicker.
        Ok(()) | Err(whatsapp::error::Error::Elsewhere) => Ok(None),
        // Its keys were destroyed by a process that died before it could say so.
        Err(whatsapp::error::Error::NotPaired) => {
            let now = app.now();
            let mut conn = app.db.begin().await?;
            wa_session::set_state(&mut conn, id, SessionState::LoggedOut, "keys_gone", None, now).await?;
            conn.commit().await?;
            app.bus.tell(id, News::View);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Rings for every linked session that no node runs, the most urgent first, and for a banned one when its ban ends. Leases of the
/// sessions' lanes pace them.
pub async fn restore_all(app: &App) -> Result<usize, Error> {
    let linked = wa_session::list_orphans(&mut app.db.read().await?, enqueue::RESTORE).await?;
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
pub(super) fn phone_hash(app: &App, phone: &Phone) -> String {
    hex::encode(hmac_sha256(
        app.settings.jwt_secret.expose().as_bytes(),
        format!("number|{}", phone.digits()).as_bytes(),
    ))
}
