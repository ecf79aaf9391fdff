//! What the marketplace says of an installation: frozen, thawed, paid, gone. An event is a hint; the status is the truth.

use super::error::Error;
use super::replan::replan_upcoming;
use super::{App, alerts, bus::News, enqueue, sync, tenant_in, tenants_of, why};
use crate::domain::alert::AlertKind;
use crate::domain::tenant::{Tenant, TenantState};
use crate::domain::why::{Key, Verb};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::storage::{Conn, job, login, pairing, sitting, tenant, wa_session};
use crate::yclients::lifecycle::Event;
use crate::yclients::marketplace::ConnectionStatus;

/// How often each installation's status is read though nothing was heard of it.
const SWEEP_EVERY_MS: i64 = 30 * 60_000;
const SWEEP_BATCH: i64 = 100;

/// Takes an event whose sender was proven. Answers after the commit; what follows from it is done by a job.
pub async fn accept(app: &App, salon: SalonId, event: &Event) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let Some(stored) = tenant::find_by_salon(&mut conn, salon).await? else {
        tracing::info!(salon.id = %salon, "an event for a salon we do not have");
        return Ok(());
    };
    let known = stored.tenant;
    match event {
        // Nothing goes out from this moment on; what cannot be undone waits until the status confirms it, and a status that
        // says otherwise thaws the salon again.
        Event::Freeze => freeze(&mut conn, &known, now).await?,
        Event::Uninstall => {
            freeze(&mut conn, &known, now).await?;
            tenant::set_gone(&mut conn, &known.id, Some(now)).await?;
        }
        Event::Unfreeze | Event::Payment(_) | Event::Other(_) => {}
    }
    enqueue::installation(&mut conn, enqueue::CHECK_STATUS, &known.id, now, now).await?;
    conn.commit().await?;
    app.ring();
    app.bus.tell(&known.id, News::View);
    tracing::info!(tenant.id = %known.id, salon.id = %salon, event = name(event), "the marketplace told of an event");
    Ok(())
}

fn name(event: &Event) -> &str {
    match event {
        Event::Uninstall => "uninstall",
        Event::Freeze => "freeze",
        Event::Unfreeze => "unfreeze",
        Event::Payment(_) => "payment",
        Event::Other(name) => name,
    }
}

async fn freeze(conn: &mut Conn, known: &Tenant, now: UnixMs) -> Result<(), Error> {
    if tenant::set_state(conn, &known.id, TenantState::Active, TenantState::Frozen, now).await? {
        why::withdrawn_all(conn, &known.id, Key::SalonStopped, now).await?;
        note(conn, &known.id, Verb::Frozen, now).await?;
        let fact = format!("frozen:{}", now.0);
        alerts::raise(conn, known.id.as_str(), AlertKind::Frozen, (&fact, ""), now).await?;
    }
    Ok(())
}

async fn note(conn: &mut Conn, id: &TenantId, verb: Verb, now: UnixMs) -> Result<(), Error> {
    why::note(conn, id, (None, None), verb, Key::Marketplace, now).await
}

/// The job: reads an installation's status and brings the tenant in line with it. Many may be due at once, so messages go first.
pub async fn check_status(app: &App, id: &TenantId) -> Result<(), Error> {
    let known = tenants_of(app, id).await?.tenant;
    if known.state == TenantState::Uninstalled {
        return Ok(());
    }
    let status = app.crm.in_background().connection(known.salon_id).await?.map(|c| c.status);
    let now = app.now();
    let mut conn = app.db.begin().await?;
    tenant::mark_checked(&mut conn, id, now).await?;
    // While we asked, an event may have said more.
    let known = tenant_in(app, &mut conn, id).await?.tenant;
    if status.is_some() {
        tenant::set_gone(&mut conn, id, None).await?;
    }
    match (status, known.state) {
        (None, _) if now < known.believed_gone_at(now) => {
            tracing::warn!(tenant.id = %id, salon.id = %known.salon_id, "YClients says that we are not installed; nobody told us so");
            tenant::set_gone(&mut conn, id, Some(known.believed_gone_at(now))).await?;
            freeze(&mut conn, &known, now).await?;
        }
        (None, _) => {
            tenant::set_state(&mut conn, id, known.state, TenantState::Uninstalled, now).await?;
            why::withdrawn_all(&mut conn, id, Key::SalonStopped, now).await?;
            job::delete_all(&mut conn, id).await?;
            note(&mut conn, id, Verb::Uninstalled, now).await?;
            let fact = format!("uninstalled:{}", now.0);
            alerts::raise(&mut conn, id.as_str(), AlertKind::Uninstalled, (&fact, ""), now).await?;
            enqueue::installation(&mut conn, enqueue::UNLINK, id, now, now).await?;
        }
        (Some(ConnectionStatus::Freezed), TenantState::Active) => freeze(&mut conn, &known, now).await?,
        (Some(ConnectionStatus::Active), TenantState::Frozen) => {
            tenant::set_state(&mut conn, id, TenantState::Frozen, TenantState::Active, now).await?;
            note(&mut conn, id, Verb::Thawed, now).await?;
            replan_upcoming(&mut conn, id, now).await?;
            sync::ring_active(app, &mut conn, &known, now).await?;
        }
        _ => {}
    }
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::View);
    Ok(())
}

/// The job after an uninstall: the phone is really unlinked, then every key of the salon is destroyed.
pub async fn unlink(app: &App, id: &TenantId) -> Result<(), Error> {
    let known = tenants_of(app, id).await?;
    if known.tenant.state != TenantState::Uninstalled || known.keys.data_key.is_empty() {
        return Ok(());
    }
    app.gateway()?.logout(id).await?;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    // Unlinking takes a while: the owner may have connected the salon again.
    if !tenant::destroy_keys(&mut conn, id, &known.keys.data_key, now).await? {
        return Ok(());
    }
    wa_session::forget(&mut conn, id, "uninstalled", now).await?;
    pairing::forget(&mut conn, id).await?;
    // Its people have nothing to look at any more, and their addresses are not ours to keep.
    sitting::delete_all(&mut conn, id).await?;
    login::delete_all(&mut conn, id).await?;
    super::client_door::forget(&mut conn, id).await?;
    conn.commit().await?;
    app.keys.forget(id);
    app.key_changes.look_again();
    app.bus.tell(id, News::View);
    tracing::warn!(tenant.id = %id, salon.id = %known.tenant.salon_id, "a salon uninstalled: unlinked, its keys destroyed");
    Ok(())
}

/// Rings for installations whose status was not read for a while: what no event told is found here.
pub async fn sweep(app: &App) -> Result<usize, Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let due = tenant::list_unchecked(&mut conn, now.plus_ms(-SWEEP_EVERY_MS), SWEEP_BATCH).await?;
    for id in &due {
        tenant::mark_checked(&mut conn, id, now).await?;
        enqueue::installation(&mut conn, enqueue::CHECK_STATUS, id, now, now).await?;
    }
    conn.commit().await?;
    app.ring();
    Ok(due.len())
}
