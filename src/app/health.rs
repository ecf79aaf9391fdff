//! Health of one company: one light, what is wrong, and what to do about it.

use serde::Serialize;

use super::error::Error;
use super::{App, pace, tenants_of};
use crate::domain::pacing::Standing;
use crate::domain::session::SessionState;
use crate::domain::sync::{HookCheck, SyncKind, SyncRun, Trouble};
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::storage::desk::CompanyRow;
use crate::storage::{catalog, hook_check, inbox, job, outbox, sync_run, uncertain, wa_session};
use crate::yclients::marketplace::ConnectionStatus;

/// Hooks that wait longer than this for being absorbed are a fault.
const MOST_WAITING_HOOKS: i64 = 100;

/// How long the answer may wait for YClients, its turn included.
const YCLIENTS_PATIENCE: std::time::Duration = std::time::Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Light {
    Green,
    Yellow,
    Red,
}

/// Answer of `GET /api/v1/companies/{id}/health`. Instants are unix milliseconds.
#[derive(Debug, Serialize)]
pub struct Health {
    pub company_id: String,
    pub salon_id: i64,
    pub state: &'static str,
    pub light: Light,
    pub whatsapp: &'static str,
    /// Whether YClients says that the installation is active; `unreachable` when it does not answer.
    pub yclients: &'static str,
    /// When the journal was last read to its end; before that, when the catalogue was copied.
    pub last_sync_at: Option<UnixMs>,
    /// How the last reading of the journal ended: `done`, `failed`, or `none` so far.
    pub sync: &'static str,
    /// Whether YClients' own settings send hooks to us, as it was last seen; `unchecked` so far.
    pub webhooks: &'static str,
    pub last_message_at: Option<UnixMs>,
    pub waiting_hooks: i64,
    pub parked_jobs: usize,
    /// Messages of which nobody can say whether they left.
    pub uncertain_messages: i64,
    /// How its number writes: its day of the link, its new chats, what waits and what came too late.
    pub sending: Standing,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Serialize)]
pub struct Problem {
    pub code: &'static str,
    pub what: String,
    pub what_to_do: &'static str,
}

/// With what YClients says now.
pub async fn of(app: &App, id: &TenantId) -> Result<Health, Error> {
    let known = tenants_of(app, id).await?.tenant;
    // A monitor may ask for every salon at once: it comes after whatever sends a message, and has an answer all the same.
    let crm = app.crm.in_background();
    let yclients = match tokio::time::timeout(YCLIENTS_PATIENCE, crm.connection(known.salon_id)).await {
        Ok(Ok(Some(connection))) => status_word(&connection.status),
        Ok(Ok(None)) => "not_installed",
        Ok(Err(_)) | Err(_) => "unreachable",
    };
    told(app, &known, yclients).await
}

/// With what YClients said last: for a page, which must not wait for it.
pub async fn at_hand(app: &App, id: &TenantId) -> Result<Health, Error> {
    let known = tenants_of(app, id).await?.tenant;
    let yclients = match known.state {
        TenantState::Active => "active",
        TenantState::Frozen => "freezed",
        TenantState::Uninstalled => "not_installed",
        TenantState::PendingWhatsapp | TenantState::WhatsappConnected | TenantState::Configuring => "pending",
    };
    told(app, &known, yclients).await
}

async fn told(app: &App, known: &Tenant, yclients: &'static str) -> Result<Health, Error> {
    let (id, rules, now) = (&known.id, app.tenants.rules(known.salon_id), app.now());
    let (session, last_message_at, waiting_hooks, parked, copied_at, uncertain, sending, (last, good), hooks) = {
        let mut conn = app.db.read().await?;
        (
            wa_session::find(&mut conn, id).await?,
            outbox::last_sent(&mut conn, id).await?,
            inbox::count_waiting(&mut conn, id).await?,
            job::list_parked(&mut conn, id, 20).await?,
            catalog::last_sync(&mut conn, id).await?,
            uncertain::count(&mut conn, id).await?,
            pace::standing(&mut conn, id, rules, now).await?,
            sync_run::last(&mut conn, id, SyncKind::Records).await?,
            hook_check::find(&mut conn, id).await?,
        )
    };
    let session_state = session.map_or(SessionState::Unpaired, |s| s.state);
    let mut problems = Vec::new();
    note_whatsapp(&mut problems, known.state, session_state);
    note_yclients(&mut problems, yclients);
    if waiting_hooks > MOST_WAITING_HOOKS {
        problems.push(Problem {
            code: "hooks_waiting",
            what: format!("{waiting_hooks} hooks wait to be read"),
            what_to_do: "Look at the parked jobs and at the load of the node",
        });
    }
    for job in &parked {
        problems.push(Problem {
            code: "job_parked",
            what: format!("{}: {}", job.kind, job.last_error.as_deref().unwrap_or("no reason kept")),
            what_to_do: "Mend the cause; it is tried again at the next start and every six hours",
        });
    }
    if uncertain > 0 {
        problems.push(Problem {
            code: "uncertain_messages",
            what: format!("Of {uncertain} messages nobody can say whether they left"),
            what_to_do: "Look for each in the chat on the salon's phone and say what became of it: GET …/messages?state=uncertain, \
                then POST …/messages/{id}/settle, or the buttons on the record's timeline",
        });
    }
    note_sending(&mut problems, &sending, now);
    note_sync(&mut problems, last.as_ref());
    note_hooks(&mut problems, hooks.map(|(outcome, _)| outcome));
    let light = light(known.state, session_state, yclients, problems.is_empty());
    Ok(Health {
        company_id: id.to_string(),
        salon_id: known.salon_id.0,
        state: known.state.as_str(),
        light,
        whatsapp: session_state.as_str(),
        yclients,
        last_sync_at: good.and_then(|run| run.finished_at).or(copied_at),
        sync: last.map_or("none", |run| run.state.as_str()),
        webhooks: hooks.map_or("unchecked", |(outcome, _)| outcome.as_str()),
        last_message_at,
        waiting_hooks,
        parked_jobs: parked.len(),
        uncertain_messages: uncertain,
        sending,
        problems,
    })
}

fn note_sending(problems: &mut Vec<Problem>, sending: &Standing, now: UnixMs) {
    let minutes = |until: UnixMs| (until.since(now) + 59_999) / 60_000;
    if let Some(until) = sending.locked_until {
        problems.push(Problem {
            code: "reach_out_locked",
            what: format!("WhatsApp lets the number begin no new chats for {} minutes more", minutes(until)),
            what_to_do: "Call clients whose visit is near. Who writes to the salon's number first is told at once",
        });
    }
    if let Some(until) = sending.rests_until {
        problems.push(Problem {
            code: "sending_rests",
            what: format!("Sending failed too often and rests for {} minutes more", minutes(until)),
            what_to_do: "Nothing: it is tried again by itself. If it comes back, look at the log and at the salon's WhatsApp",
        });
    }
    if sending.dropped_today > 0 {
        problems.push(Problem {
            code: "messages_dropped",
            what: format!("{} messages of the last 24 hours came too late and were dropped", sending.dropped_today),
            what_to_do: "Look at what stood in their way: GET …/messages?state=expired, and each record's timeline",
        });
    }
}

fn note_sync(problems: &mut Vec<Problem>, last: Option<&SyncRun>) {
    let Some(trouble) = last.and_then(|run| Trouble::parse(&run.error)) else { return };
    // A salon that is not active has a problem of its own.
    if trouble != Trouble::NotActive {
        problems.push(Problem {
            code: "sync_failed",
            what: format!("The journal could not be read: {}", trouble.as_str()),
            what_to_do: trouble.sentence(),
        });
    }
}

fn note_hooks(problems: &mut Vec<Problem>, outcome: Option<HookCheck>) {
    let Some((outcome, what_to_do)) = outcome.and_then(|outcome| Some((outcome, outcome.advice()?))) else {
        return;
    };
    problems.push(Problem {
        code: "webhook_settings",
        what: format!("YClients may not send this salon's hooks to us: {}", outcome.as_str()),
        what_to_do,
    });
}

fn status_word(status: &ConnectionStatus) -> &'static str {
    match status {
        ConnectionStatus::Pending => "pending",
        ConnectionStatus::Active => "active",
        ConnectionStatus::Freezed => "freezed",
        ConnectionStatus::Other(_) => "unknown",
    }
}

fn light(state: TenantState, session: SessionState, yclients: &str, is_quiet: bool) -> Light {
    let lost = matches!(
        session,
        SessionState::LoggedOut | SessionState::Replaced | SessionState::Banned | SessionState::Outdated
    );
    if lost || state == TenantState::Uninstalled || yclients == "not_installed" {
        Light::Red
    } else if is_quiet && state == TenantState::Active {
        Light::Green
    } else {
        Light::Yellow
    }
}

/// The light of a company in a list: the same as its own page shows, from what the list reads of it.
pub(super) fn glance(row: &CompanyRow, state: TenantState, session: SessionState, now: UnixMs) -> Light {
    let ahead = |at: Option<i64>| at.is_some_and(|at| at > now.0);
    let trouble = row.sync_error.as_deref().and_then(Trouble::parse);
    let hooks = row.hook_check.as_deref().and_then(HookCheck::parse);
    let is_quiet = session == SessionState::Online
        && trouble.is_none_or(|trouble| trouble == Trouble::NotActive)
        && hooks.and_then(HookCheck::advice).is_none()
        && row.waiting_hooks <= MOST_WAITING_HOOKS
        && row.parked + row.uncertain + row.dropped == 0
        && !ahead(row.locked_until_at)
        && !ahead(row.rests_until_at);
    light(state, session, "", is_quiet)
}

fn note_whatsapp(problems: &mut Vec<Problem>, state: TenantState, session: SessionState) {
    let what_to_do = match session {
        SessionState::Online => return,
        SessionState::Unpaired if state == TenantState::Uninstalled => return,
        SessionState::Unpaired | SessionState::Pairing => {
            "Open the app in YClients and scan the code with the salon's phone"
        }
        SessionState::Offline | SessionState::Halted => {
            "Nothing: it reconnects by itself. If it lasts, check WhatsApp on the phone"
        }
        SessionState::LoggedOut => "The device was removed on the phone: link it again on the connect page",
        SessionState::Replaced => {
            "The same device was opened elsewhere: stop the other copy, then link again"
        }
        SessionState::Banned => {
            "WhatsApp restricted the number: wait until the restriction ends, write less to new clients"
        }
        SessionState::Outdated => "WhatsApp no longer takes this version: update Salonbridge",
    };
    problems.push(Problem {
        code: session.as_str(),
        what: format!("WhatsApp is {}", session.as_str()),
        what_to_do,
    });
}

fn note_yclients(problems: &mut Vec<Problem>, yclients: &'static str) {
    let what_to_do = match yclients {
        "active" => return,
        "pending" => "The installation is not finished: link the phone on the connect page",
        "freezed" => "The app is not paid in YClients: pay there; nothing is sent until then",
        "not_installed" => "The app is disconnected in YClients: connect it again from the marketplace",
        _ => "YClients does not answer: nothing to do, what waits goes on by itself",
    };
    problems.push(Problem { code: "yclients", what: format!("YClients says: {yclients}"), what_to_do });
}
