//! The kinds of jobs: which use case each name runs, and how patient it is.

use crate::app::enqueue;
use crate::app::{
    App, Error, absorb, activate, alerts, asks, books, client_door, hook_settings, lifecycle, sessions, sync,
    turns,
};
use crate::domain::retry::Schedule;
use crate::kernel::clock::UnixMs;
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::{AlertId, TenantId};
use crate::storage::job::JobRow;

/// One kind of job.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// Jobs that run at once in this process.
    pub places: usize,
    /// Other kinds wait for the end of this one.
    pub shares_its_lane: bool,
    /// Done by the node that runs the salon's session, where one does.
    pub of_session: bool,
}

/// Those that mostly wait for YClients have few places: the turns there are few. A salon sends one thing at a time, so many places
/// are many salons: those whose WhatsApp is slow to answer leave room for the others.
pub const KINDS: [Kind; 13] = [
    own(enqueue::ABSORB, 32),
    own(enqueue::SEND, 128).of_session(),
    own(enqueue::ASK, 8).of_session(),
    shared(enqueue::RESTORE, 32).of_session(),
    shared(enqueue::CONFIGURE, 8),
    shared(enqueue::UNLINK, 4).of_session(),
    shared(enqueue::SYNC_CATALOG, 2),
    own(enqueue::SYNC_RECORDS, 8),
    shared(enqueue::CHECK_HOOKS, 2),
    shared(enqueue::CHECK_STATUS, 2),
    own(enqueue::ALERT, 2),
    own(enqueue::BOOKS, 4),
    own(enqueue::ISSUE_CODE, 8),
];

const fn own(name: &'static str, places: usize) -> Kind {
    Kind { name, places, shares_its_lane: false, of_session: false }
}

const fn shared(name: &'static str, places: usize) -> Kind {
    Kind { name, places, shares_its_lane: true, of_session: false }
}

impl Kind {
    const fn of_session(self) -> Self {
        Self { of_session: true, ..self }
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    Done,
    /// Run again then. `counts` is false for a wait that was no failure.
    Again {
        at: UnixMs,
        error: String,
        counts: bool,
    },
    /// Put aside for a person.
    Park(String),
}

/// Hours, not minutes: a salon's installation is worth waiting for; a message's own deadline ends its job.
const PATIENT: Schedule = Schedule { first_ms: 2_000, cap_ms: 10 * 60_000, attempts: None };
/// YClients holds a fresh installation open for twelve hours.
const INSTALLATION: Schedule = Schedule { first_ms: 2_000, cap_ms: 5 * 60_000, attempts: Some(150) };

/// Runs one job to its end. Never panics outward: the worker catches what does.
pub async fn run(app: &App, job: &JobRow) -> Outcome {
    let schedule = if job.kind == enqueue::CONFIGURE { INSTALLATION } else { PATIENT };
    match dispatch(app, job).await {
        Ok(None) => Outcome::Done,
        Ok(Some(wait_ms)) => {
            Outcome::Again { at: app.now().plus_ms(wait_ms), error: String::new(), counts: false }
        }
        Err(Failure::Unknown(what)) => Outcome::Park(what),
        Err(Failure::Failed(error)) => failed(app, job, schedule, &error),
    }
}

fn failed(app: &App, job: &JobRow, schedule: Schedule, error: &Error) -> Outcome {
    let wish = error.retry();
    let text = error.to_string();
    match schedule.delay_ms(job.attempt, wish, rand::random()) {
        Some(delay) => {
            tracing::warn!(
                job.kind,
                job.attempt,
                tenant.id = job.tenant_id,
                error = text,
                delay_ms = delay,
                "a job will be tried again"
            );
            Outcome::Again { at: app.now().plus_ms(delay), error: text, counts: true }
        }
        None => {
            let why = if wish == Retry::Never { "cannot succeed" } else { "was tried long enough" };
            tracing::error!(
                job.kind,
                job.attempt,
                tenant.id = job.tenant_id,
                error = text,
                why,
                "a job is parked: somebody must look"
            );
            Outcome::Park(text)
        }
    }
}

enum Failure {
    Unknown(String),
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// `Some(ms)`: not now, look again then.
async fn dispatch(app: &App, job: &JobRow) -> Result<Option<i64>, Failure> {
    let tenant = TenantId::from_stored(job.tenant_id.clone());
    match job.kind.as_str() {
        enqueue::ABSORB => {
            let (tenant, resource, id) = enqueue::absorb_subject(&job.subject)
                .ok_or_else(|| Failure::Unknown(format!("not a subject: {}", job.subject)))?;
            absorb::absorb(app, &tenant, resource, id).await?;
        }
        enqueue::SEND => return Ok(turns::take(app, &tenant).await?),
        enqueue::CONFIGURE => activate::configure(app, &tenant).await?,
        enqueue::SYNC_CATALOG => return Ok(sync::catalog(app, &tenant).await?),
        enqueue::SYNC_RECORDS => return Ok(sync::records(app, &tenant).await?),
        enqueue::CHECK_HOOKS => return Ok(hook_settings::check(app, &tenant).await?),
        enqueue::CHECK_STATUS => lifecycle::check_status(app, &tenant).await?,
        enqueue::UNLINK => lifecycle::unlink(app, &tenant).await?,
        enqueue::RESTORE => return Ok(sessions::restore(app, &tenant).await?),
        enqueue::ASK => asks::hear(app, &tenant).await?,
        enqueue::BOOKS => return Ok(books::keep(app, &tenant).await?),
        enqueue::ISSUE_CODE => {
            let (tenant, phone) = enqueue::issue_code_subject(&job.subject)
                .ok_or_else(|| Failure::Unknown(format!("not a subject: {}", job.subject)))?;
            client_door::issue(app, &tenant, phone).await?;
        }
        enqueue::ALERT => {
            alerts::tell(app, &job.tenant_id, &AlertId::from_stored(job.subject.clone())).await?
        }
        other => return Err(Failure::Unknown(format!("no kind is named {other}"))),
    }
    Ok(None)
}
