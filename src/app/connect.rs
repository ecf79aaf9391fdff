//! The connect page's state, made anew from what is stored and what the session says.

use super::error::Error;
use super::sessions::pair;
use super::{App, activate, bus::News, enqueue, pace, pairings, sessions, tenants_of};
use crate::domain::connect::{ConnectStep, ConnectView, Lost};
use crate::domain::dates;
use crate::domain::message::MessageKind;
use crate::domain::pacing::Standing;
use crate::domain::pairing::Pairing;
use crate::domain::session::{PairBy, Refusal, SessionState};
use crate::domain::tenant::{Tenant, TenantState};
use crate::domain::wording::Filling;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;
use crate::kernel::phone::Phone;
use crate::storage::job::{self, JobRow};
use crate::storage::wa_session::SessionRow;
use crate::storage::{catalog, outbox, wa_session};
use crate::yclients;

/// A salon that became active less than this ago is shown as just finished.
const JUST_NOW_MS: i64 = 10 * 60_000;

/// How an error of YClients begins where a job keeps it.
const OF_YCLIENTS: &str = "YClients: ";
/// A page that is reloaded tries WhatsApp again no more often.
const RELOAD_PACE_MS: i64 = 5_000;

/// What the reader sees now.
pub async fn view(app: &App, id: &TenantId) -> Result<ConnectView, Error> {
    let known = tenants_of(app, id).await?.tenant;
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    let step = step(app, &known, session.as_ref()).await?;
    Ok(ConnectView { salon_title: known.title, as_of: app.now(), step })
}

async fn step(app: &App, known: &Tenant, session: Option<&SessionRow>) -> Result<ConnectStep, Error> {
    let return_url = activate::return_url(app, known);
    match known.state {
        TenantState::Uninstalled => return Ok(ConnectStep::NotInstalled),
        TenantState::Frozen => return Ok(ConnectStep::Frozen { return_url }),
        _ => {}
    }
    if let Some(pairing) = pairings::get(app, &known.id).await? {
        return Ok(pairing_step(pairing));
    }
    if let Some(lost) = lost_step(session) {
        return Ok(lost);
    }
    // A number of which nothing is linked any more says nothing.
    let Some(session) = session.filter(|s| s.state.is_linked() && !s.phone.is_empty()) else {
        return Ok(ConnectStep::Preparing { since: app.now() });
    };
    let key = app.keys.of(&known.id).await?;
    let phone = Phone::parse(&format!("+{}", key.open_text("wa_session", "phone", &session.phone)?));
    let phone = phone.map(|p| p.international()).unwrap_or_default();
    let name = session.name.clone();
    Ok(match known.state {
        TenantState::PendingWhatsapp | TenantState::WhatsappConnected => {
            match sessions::other_salon(app, &known.id, &phone).await? {
                Some(salon_title) => ConnectStep::NumberServesAnother { salon_title },
                None => ConnectStep::Linked { phone, name },
            }
        }
        TenantState::Configuring => configuring_step(app, &known.id, return_url).await?,
        _ if just_activated(app, known) => {
            ConnectStep::Active { phone, name, preview: preview(app, known), return_url }
        }
        _ => ConnectStep::AlreadyActive {
            phone,
            name,
            linked_at: session.linked_at,
            last_message_at: outbox::last_sent(&mut app.db.read().await?, &known.id).await?,
            online: session.state == SessionState::Online,
            sending: sending(app, known).await?,
            return_url,
        },
    })
}

async fn sending(app: &App, known: &Tenant) -> Result<Standing, Error> {
    let rules = app.tenants.rules(known.salon_id);
    pace::standing(&mut app.db.read().await?, &known.id, rules, app.now()).await
}

fn pairing_step(pairing: Pairing) -> ConnectStep {
    match pairing {
        Pairing::Starting { since } => ConnectStep::Preparing { since },
        // The picture is drawn where pages are made; the raw code is all that is known here.
        Pairing::Qr { raw, number, of, expires_at } => {
            ConnectStep::Qr { raw, svg: String::new(), number, of, expires_at }
        }
        Pairing::CodeAsked => ConnectStep::Code { code: String::new(), expires_at: None },
        Pairing::Code { code, expires_at } => ConnectStep::Code { code, expires_at: Some(expires_at) },
        Pairing::Exhausted { minutes } => ConnectStep::QrExhausted { minutes },
        Pairing::Scanned => ConnectStep::Linking,
        Pairing::Refused { why, .. } => ConnectStep::Refused { why, lost: None, until: None },
    }
}

fn lost_step(session: Option<&SessionRow>) -> Option<ConnectStep> {
    let session = session?;
    let (lost, why) = match session.state {
        SessionState::LoggedOut => (Lost::LoggedOut, Refusal::Other),
        SessionState::Replaced => (Lost::Replaced, Refusal::Other),
        SessionState::Banned => (Lost::Banned, Refusal::Restricted),
        SessionState::Outdated => (Lost::Outdated, Refusal::Outdated),
        _ => return None,
    };
    Some(ConnectStep::Refused { why, lost: Some(lost), until: session.until })
}

async fn configuring_step(app: &App, id: &TenantId, return_url: String) -> Result<ConnectStep, Error> {
    let mut conn = app.db.read().await?;
    let job = job::find(&mut conn, id, enqueue::CONFIGURE, id.as_str()).await?;
    if let Some(failed) = job.and_then(|job| failed_step(job, return_url)) {
        return Ok(failed);
    }
    let parts = catalog::list_progress(&mut conn, id).await?;
    let done = parts.iter().all(|part| part.finished);
    Ok(if done { ConnectStep::Activating } else { ConnectStep::Syncing { parts } })
}

/// What there is to say of an activation that does not get on. One failure is no news: it is mended in two seconds, or a second
/// one follows.
fn failed_step(job: JobRow, return_url: String) -> Option<ConnectStep> {
    let error = job.last_error.unwrap_or_default();
    let says = |known: yclients::Error| error == Error::Crm(known).to_string();
    if says(yclients::Error::LicenceExpired) {
        return Some(ConnectStep::LicenceExpired { return_url });
    }
    // A token of ours that is not taken is nothing an owner could wait for.
    if job.state == "parked" || says(yclients::Error::Unauthorised) {
        // Support finds the job by it.
        return Some(ConnectStep::OurFault { request_id: job.id });
    }
    (job.attempt > 1 && error.starts_with(OF_YCLIENTS))
        .then_some(ConnectStep::YclientsSilent { linked: true })
}

fn just_activated(app: &App, known: &Tenant) -> bool {
    known.activated_at.is_some_and(|at| app.now().since(at) < JUST_NOW_MS)
}

/// The confirmation a client of this salon will get, with made-up details.
fn preview(app: &App, known: &Tenant) -> String {
    let (name, service, master) = match known.locale {
        Locale::Ru => ("Анна", "Маникюр с покрытием", "Мария"),
        Locale::En => ("Anna", "Manicure", "Maria"),
    };
    let today = dates::local(app.now(), known.timezone).date();
    let visit = (today + chrono::Duration::days(2)).and_hms_opt(15, 0, 0).unwrap_or_default();
    let filling = Filling {
        name: name.to_owned(),
        salon: known.title.clone(),
        address: known.address.clone(),
        date: dates::day(visit, chrono::Datelike::year(&today), known.locale),
        time: dates::time(visit),
        services: vec![service.to_owned()],
        master: master.to_owned(),
        ..Filling::default()
    };
    let set = &app.tenants.rules(known.salon_id).wording;
    app.tenants.wording(known.salon_id).render(known.locale, set, MessageKind::Confirmation, &filling)
}

/// A page is open for this salon: a code is made ready when there is something to link, and WhatsApp is tried again when it did
/// not answer the last time.
pub async fn page_opened(app: &App, id: &TenantId) -> Result<(), Error> {
    let step = view(app, id).await?.step;
    let begins = match (step, pairings::get(app, id).await?) {
        (ConnectStep::Preparing { .. }, None) => true,
        (ConnectStep::Refused { why: Refusal::Unreachable, .. }, Some(Pairing::Refused { at, .. })) => {
            app.now().since(at) >= RELOAD_PACE_MS
        }
        _ => false,
    };
    if begins {
        pair(app, id, PairBy::Qr).await?;
    }
    Ok(())
}

/// A new QR code, asked for by a person: also the way on after a lost session or an exhausted code.
pub async fn request_qr(app: &App, id: &TenantId) -> Result<(), Error> {
    guard_unlinked(app, id).await?;
    pair(app, id, PairBy::Qr).await
}

pub async fn request_code(app: &App, id: &TenantId, phone: &str) -> Result<(), Error> {
    let phone = Phone::parse(phone).ok_or(Error::Rejected("bad_phone"))?;
    guard_unlinked(app, id).await?;
    pair(app, id, PairBy::Code(phone)).await
}

/// A linked phone is never unlinked by opening a page: that takes [`super::sessions::relink`].
async fn guard_unlinked(app: &App, id: &TenantId) -> Result<(), Error> {
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    let linked = session.is_some_and(|s| {
        matches!(s.state, SessionState::Online | SessionState::Offline | SessionState::Halted)
    });
    if linked { Err(Error::Rejected("already_linked")) } else { Ok(()) }
}

/// "Try again": a linking that was refused begins anew, a linked session that rests is called back, and else whatever the
/// installation waits for is rung.
pub async fn try_again(app: &App, id: &TenantId) -> Result<(), Error> {
    let known = tenants_of(app, id).await?.tenant;
    // Of a salon that is frozen or gone the page says nothing else, and the status is what can change it.
    if !matches!(known.state, TenantState::Frozen | TenantState::Uninstalled) {
        if let Some(Pairing::Refused { .. }) = pairings::get(app, id).await? {
            return pair(app, id, PairBy::Qr).await;
        }
        let session = wa_session::find(&mut app.db.read().await?, id).await?;
        if session.is_some_and(|s| lost_step(Some(&s)).is_some() && s.state.is_linked()) {
            return sessions::wake(app, id).await;
        }
    }
    let kind = match known.state {
        TenantState::WhatsappConnected | TenantState::Configuring => enqueue::CONFIGURE,
        _ => enqueue::CHECK_STATUS,
    };
    let now = app.now();
    let mut conn = app.db.begin().await?;
    job::drop_parked(&mut conn, id, kind, id.as_str()).await?;
    enqueue::installation(&mut conn, kind, id, now, now).await?;
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::View);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_yclients_is_known_by_its_beginning() {
        assert!(Error::Crm(yclients::Error::Unauthorised).to_string().starts_with(OF_YCLIENTS));
        assert!(!Error::Overloaded.to_string().starts_with(OF_YCLIENTS));
    }
}
