//! Trip 1, the end: a linked phone, a first sync, the marketplace's callback, an active salon, a welcome.
//!
//! Every step may be repeated: it looks where the tenant stands, does what is missing and moves one state on.

use super::error::Error;
use super::install::zone_named;
use super::replan::replan_upcoming;
use super::{App, alerts, bus::News, catalog, enqueue, sync, tenant_in, tenants_of, why};
use crate::domain::alert::AlertKind;
use crate::domain::message::MessageKind;
use crate::domain::tenant::{Tenant, TenantState};
use crate::domain::why::Verb;
use crate::domain::wording::Filling;
use crate::kernel::clock::UnixMs;
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::seal::DataKey;
use crate::kernel::secret::Secret;
use crate::storage::outbox::NewOutbox;
use crate::storage::{Conn, outbox, tenant, wa_session};
use crate::yclients;
use crate::yclients::marketplace::ConnectionStatus;

const WELCOME_DEADLINE_MS: i64 = 24 * 3600 * 1000;

/// A phone is linked: the installation goes on when the owner says that it is the right number, or by itself after a while.
pub async fn phone_was_linked(app: &App, conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    use TenantState::{Configuring, PendingWhatsapp, WhatsappConnected};
    let moved = tenant::set_state(conn, id, PendingWhatsapp, WhatsappConnected, now).await?;
    // A phone that was removed in the middle of it stopped the installation: with the next one it goes on.
    let goes_on = matches!(tenant_in(app, conn, id).await?.tenant.state, WhatsappConnected | Configuring);
    if moved || goes_on {
        let run_at = now.plus_ms(app.settings.confirm_wait_ms);
        enqueue::installation(conn, enqueue::CONFIGURE, id, run_at, now).await?;
    }
    Ok(())
}

/// "Yes, that is the number": goes on at once.
pub async fn confirm_number(app: &App, id: &TenantId) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let stored = tenant::find(&mut conn, id).await?.ok_or(Error::NotFound)?;
    tenant::confirm_number(&mut conn, id, now).await?;
    if matches!(stored.tenant.state, TenantState::WhatsappConnected | TenantState::Configuring) {
        enqueue::installation(&mut conn, enqueue::CONFIGURE, id, now, now).await?;
    }
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::View);
    Ok(())
}

/// The job: from a linked phone to an active salon.
pub async fn configure(app: &App, id: &TenantId) -> Result<(), Error> {
    let stored = tenants_of(app, id).await?;
    let mut known = stored.tenant;
    if known.state == TenantState::WhatsappConnected {
        step(app, id, TenantState::WhatsappConnected, TenantState::Configuring).await?;
        known.state = TenantState::Configuring;
    }
    if known.state != TenantState::Configuring {
        return Ok(());
    }
    refresh_profile(app, &known).await?;
    let synced = match catalog::sync(app, &app.crm, &known).await {
        Ok(_) => true,
        // Some salons are shown to us only once the installation is active.
        Err(Error::Crm(yclients::Error::Forbidden(_))) => false,
        Err(error) => return Err(error),
    };
    app.bus.tell(id, News::View);
    tell_marketplace(app, &known, &stored.keys.api_key, &stored.keys.hook_key).await?;
    if !synced {
        refresh_profile(app, &known).await?;
        catalog::sync(app, &app.crm, &known).await?;
    }
    become_active(app, id).await
}

async fn step(app: &App, id: &TenantId, from: TenantState, to: TenantState) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    tenant::set_state(&mut conn, id, from, to, app.now()).await?;
    conn.commit().await?;
    app.bus.tell(id, News::View);
    Ok(())
}

async fn refresh_profile(app: &App, known: &Tenant) -> Result<(), Error> {
    match app.crm.company(known.salon_id).await {
        Ok(company) => {
            let zone = zone_named(company.timezone_name.as_deref()).unwrap_or(known.timezone);
            let mut conn = app.db.begin().await?;
            tenant::set_profile(&mut conn, &known.id, &company.title, &company.address, zone, app.now())
                .await?;
            Ok(conn.commit().await?)
        }
        Err(yclients::Error::Forbidden(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells the marketplace that we are ready. The call is not idempotent there, so the status is read before it; and whatever it
/// answers, the salon is active when its status says so, and not before.
async fn tell_marketplace(app: &App, known: &Tenant, api_key: &str, hook_key: &str) -> Result<(), Error> {
    match app.crm.connection(known.salon_id).await? {
        None => return Err(Error::Rejected("not_installed")),
        Some(c) if c.status == ConnectionStatus::Active && known.activated_at.is_some() => return Ok(()),
        Some(_) => {}
    }
    let key = app.keys.of(&known.id).await?;
    let api_key = Secret::new(key.open_text("tenant", "api_key", api_key)?);
    let hook_key = key.open_text("tenant", "hook_key", hook_key)?;
    failpoint!("activate.before_callback");
    let called = app.crm.activate(known.salon_id, &api_key, &hook_urls(app, &hook_key)).await;
    failpoint!("activate.called_back");
    let status = app.crm.connection(known.salon_id).await?.map(|c| c.status);
    match (status, called) {
        (Some(ConnectionStatus::Active), _) => Ok(()),
        (_, Err(error)) => Err(error.into()),
        (_, Ok(_)) => {
            Err(yclients::Error::Malformed("the installation is not active after its callback").into())
        }
    }
}

/// A tenant's two webhook addresses.
#[must_use]
pub fn hook_urls(app: &App, hook_key: &str) -> Vec<String> {
    ["yclients", "events"]
        .map(|kind| format!("{}/webhook/{kind}/{hook_key}", app.settings.public_url))
        .to_vec()
}

async fn become_active(app: &App, id: &TenantId) -> Result<(), Error> {
    let now = app.now();
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    let moved = tenant::set_state(&mut conn, id, TenantState::Configuring, TenantState::Active, now).await?;
    if !moved {
        // Unlinked, frozen or gone during the sync: whatever it is now, it is not newly active.
        return Ok(());
    }
    to_own_number(app, &key, &mut conn, id, MessageKind::Welcome, now).await?;
    // One that was active before has something to say: what waited was withdrawn when it was disconnected.
    replan_upcoming(&mut conn, id, now).await?;
    let known = tenant_in(app, &mut conn, id).await?.tenant;
    sync::ring_active(app, &mut conn, &known, now).await?;
    let fact = format!("activated:{now}", now = now.0);
    alerts::raise(&mut conn, id.as_str(), AlertKind::Activated, (&fact, ""), now).await?;
    conn.commit().await?;
    app.ring();
    let stored = tenants_of(app, id).await?;
    tracing::info!(tenant.id = %id, salon.id = %stored.tenant.salon_id, "the salon is active");
    app.bus.tell(id, News::View);
    app.bus.tell(id, News::Activated { redirect_url: return_url(app, &stored.tenant) });
    Ok(())
}

/// Where "back to YClients" leads.
#[must_use]
pub fn return_url(app: &App, known: &Tenant) -> String {
    app.settings.return_url.replace("{salon}", &known.salon_id.to_string())
}

/// A trial message to the salon's own number, on the owner's wish.
pub async fn send_trial(app: &App, id: &TenantId) -> Result<(), Error> {
    let now = app.now();
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    to_own_number(app, &key, &mut conn, id, MessageKind::Trial, now).await?;
    conn.commit().await?;
    app.ring();
    Ok(())
}

/// Plans a message to the salon's own number: one welcome an activation, one trial a minute.
async fn to_own_number(
    app: &App,
    key: &DataKey,
    conn: &mut Conn,
    id: &TenantId,
    kind: MessageKind,
    now: UnixMs,
) -> Result<(), Error> {
    let stored = tenant_in(app, conn, id).await?.tenant;
    let session = wa_session::find(conn, id).await?.filter(|s| !s.phone.is_empty());
    let Some(session) = session else { return Err(Error::Rejected("not_linked")) };
    let phone = key.open_text("wa_session", "phone", &session.phone)?;
    let rules = app.tenants.rules(stored.salon_id);
    let filling = Filling { salon: stored.title.clone(), ..Filling::default() };
    let text = app.tenants.wording(stored.salon_id).render(stored.locale, &rules.wording, kind, &filling);
    let version = match kind {
        MessageKind::Trial => now.0 / 60_000,
        _ => stored.activated_at.map_or(0, |at| at.0),
    };
    let intent = format!("{}:{version}", kind.as_str());
    let new = NewOutbox {
        id: OutboxId::new(now),
        recipient: key.seal_text("outbox", "recipient", &phone),
        peer: super::pace::peer(key, &phone),
        text: key.seal_text("outbox", &intent, &text),
        told: String::new(),
        told_before: String::new(),
        message_id: super::notify::message_id(key, &intent),
        intent,
        kind,
        record: None,
        not_before: now,
        deadline: now.plus_ms(WELCOME_DEADLINE_MS),
        nearest: now.plus_ms(WELCOME_DEADLINE_MS),
    };
    if let Some(planned) = outbox::plan(conn, id, &new, now).await? {
        why::note(conn, id, (None, Some(&planned)), Verb::Planned, kind, now).await?;
        enqueue::send(conn, id, now, now).await?;
    }
    Ok(())
}
