//! The workers: each claims due jobs of one kind, runs them side by side, settles each under its lease. A kind has places of its
//! own, so that none waits behind another: a marketplace that is slow to say its statuses delays no message.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::kinds::{self, KINDS, Kind, Outcome};
use crate::app::bus::News;
use crate::app::enqueue::{self, POLL_MS};
use crate::app::{App, Error, alerts, books, client_door, lifecycle, node, sync, turns};
use crate::domain::alert::AlertKind;
use crate::domain::login::{FORGET_MS, IDLE_MS};
use crate::kernel::clock::UnixMs;
use crate::kernel::failpoint::failpoint;
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::TenantId;
use crate::kernel::secret::random_hex;
use crate::storage::job::{self, Claim, JobRow};
use crate::storage::{Conn, guess, inbox, retention, sitting, sync_run};

/// What was parked may have been mended: it is tried again after so long.
const PARKED_MS: i64 = 6 * 3_600_000;
/// A hook that waits longer than this, and has no job, was forgotten.
const FORGOTTEN_MS: i64 = 60_000;
/// A run is given up for dead when it did not settle or renew for so long.
const LEASE_MS: i64 = 60_000;
/// How often the end of a run is tried to be written, and with what pause. Shorter than a lease and than a stop's grace.
const SETTLE_ATTEMPTS: u32 = 10;
const SETTLE_PAUSE: Duration = Duration::from_millis(500);
/// Looked at least so often, though nothing rang.
const POLL: Duration = Duration::from_millis(POLL_MS.unsigned_abs());
const HOUSEKEEPING: Duration = Duration::from_secs(20);
/// Absorbed hooks are kept for looking things up, then dropped.
const INBOX_KEPT_MS: i64 = 14 * 24 * 3_600_000;
/// Messages, decisions and alerts: "why was this sent?" is asked of the last half year.
const HISTORY_KEPT_MS: i64 = 180 * 24 * 3_600_000;

/// Runs every kind until `stop`; what runs then is finished.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    let all = KINDS.map(|kind| work(app.clone(), kind, stop.clone()));
    futures::future::join_all(all).await;
}

async fn work(app: Arc<App>, kind: Kind, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(kind.places));
    let running = TaskTracker::new();
    while !stop.is_cancelled() {
        // Registered before looking, so that a ring between the look and the wait is not lost.
        let rung = app.bells.rung(kind.name);
        let free = places.available_permits();
        // While there is no place, the end of a run rings.
        let looked = if free == 0 { Ok((Vec::new(), POLL)) } else { claim(&app, kind, free).await };
        let (claimed, pause) = looked.unwrap_or_else(|error| {
            tracing::error!(%error, job.kind = kind.name, "no job could be claimed");
            (Vec::new(), POLL)
        });
        let found = claimed.len();
        for (token, job) in claimed {
            let Ok(place) = places.clone().acquire_owned().await else { break };
            let app = app.clone();
            running.spawn(async move {
                run_one(&app, &token, &job).await;
                drop(place);
                if kind.shares_its_lane { app.ring() } else { app.ring_for(kind.name) }
            });
        }
        if found == 0 || places.available_permits() == 0 {
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }
    running.close();
    running.wait().await;
}

/// Takes what is due, and says how long nothing more can be, at most a poll. What is due and was not taken has a busy lane, whose
/// end rings.
async fn claim(app: &App, kind: Kind, free: usize) -> Result<(Vec<(String, JobRow)>, Duration), Error> {
    let token = random_hex(8);
    let now = app.now();
    // One salon has a quarter of the places at most, give or take what one claim brings.
    let share = kind.places.div_ceil(4);
    let limit = free.min(share);
    // A look costs nothing; the writer is taken only when there is something to take.
    let due = job::next_due(&mut app.db.read().await?, kind.name, now.plus_ms(POLL_MS)).await?;
    let pause = due.map_or(POLL, |due| Duration::from_millis(u64::try_from(due.since(now)).unwrap_or(0)));
    if !pause.is_zero() {
        return Ok((Vec::new(), pause));
    }
    let mut conn = app.db.begin().await?;
    let want = Claim {
        kind: kind.name,
        node: &app.node.id(),
        token: &token,
        of_session: kind.of_session,
        now,
        lease_until: now.plus_ms(LEASE_MS),
        limit: i64::try_from(limit).unwrap_or(1),
        share: i64::try_from(share).unwrap_or(1),
    };
    let jobs = job::claim(&mut conn, &want).await?;
    failpoint!("job.before_claim");
    conn.commit().await?;
    failpoint!("job.claimed");
    Ok((jobs.into_iter().map(|job| (token.clone(), job)).collect(), POLL))
}

async fn run_one(app: &Arc<App>, token: &str, row: &JobRow) {
    let began = std::time::Instant::now();
    let outcome = {
        let run = std::panic::AssertUnwindSafe(kinds::run(app, row)).catch_unwind();
        tokio::pin!(run);
        let mut renewal = tokio::time::interval(Duration::from_millis(LEASE_MS.unsigned_abs() / 3));
        renewal.tick().await;
        loop {
            tokio::select! {
                ended = &mut run => break ended,
                // Beside the run: it may hold the very connection that a renewal waits for.
                _ = renewal.tick() => drop(tokio::spawn(renew(app.clone(), token.to_owned(), row.clone()))),
            }
        }
    };
    let outcome = outcome.unwrap_or_else(|_| {
        tracing::error!(job.kind = row.kind, "a job panicked and is parked");
        Outcome::Park("panicked".to_owned())
    });
    let word = match &outcome {
        Outcome::Done => "done",
        Outcome::Again { .. } => "again",
        Outcome::Park(_) => "parked",
    };
    metrics::histogram!("salonbridge_job_seconds", "kind" => row.kind.clone(), "outcome" => word)
        .record(began.elapsed().as_secs_f64());
    settle_at_last(app, token, row, &outcome).await;
}

/// Writes how a run ended, after a database that was locked or full for a moment too: until it is written its lane stands still.
async fn settle_at_last(app: &App, token: &str, row: &JobRow, outcome: &Outcome) {
    for attempt in 1.. {
        let Err(error) = settle(app, token, row, outcome).await else { return };
        if error.retry() == Retry::Never || attempt == SETTLE_ATTEMPTS {
            // The lease runs out and the job is run again; every kind bears that.
            tracing::error!(%error, job.kind = row.kind, "a job's end could not be written");
            return;
        }
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
}

async fn renew(app: Arc<App>, token: String, row: JobRow) {
    let renewed = async {
        let mut conn = app.db.begin().await?;
        job::renew(&mut conn, &row.id, &token, app.now().plus_ms(LEASE_MS)).await?;
        conn.commit().await
    };
    if let Err(error) = renewed.await {
        tracing::warn!(%error, job.kind = row.kind, "a lease could not be renewed");
    }
}

async fn settle(app: &App, token: &str, row: &JobRow, outcome: &Outcome) -> Result<(), Error> {
    let now = app.now();
    // The connect page says why an activation does not get on.
    let shown = row.kind == enqueue::CONFIGURE && !matches!(outcome, Outcome::Done);
    let mut conn = app.db.begin().await?;
    match outcome {
        Outcome::Done => {
            job::finish(&mut conn, &row.id, token).await?;
        }
        Outcome::Again { at, error, counts } => {
            job::retry(&mut conn, (&row.id, token), *at, error, *counts, now).await?;
        }
        Outcome::Park(error) => {
            job::park(&mut conn, &row.id, token, error, now).await?;
            let (fact, detail) = (format!("parked:{}", row.id), format!("{}: {error}", row.kind));
            alerts::raise(&mut conn, &row.tenant_id, AlertKind::JobParked, (&fact, &detail), now).await?;
        }
    }
    failpoint!("job.before_finish");
    conn.commit().await?;
    failpoint!("job.finished");
    if shown {
        app.bus.tell(&TenantId::from_stored(row.tenant_id.clone()), News::View);
    }
    Ok(())
}

/// Chores by the clock: leases of the dead, statuses nobody told, old rows.
pub async fn housekeeping(app: Arc<App>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = stop.cancelled() => return,
        }
        if let Err(error) = chores(&app).await {
            tracing::warn!(%error, "housekeeping was put off");
        }
    }
}

async fn chores(app: &App) -> Result<(), Error> {
    let now = app.now();
    node::take_back(app).await?;
    lifecycle::sweep(app).await?;
    sync::sweep(app).await?;
    let mut conn: Conn = app.db.begin().await?;
    inbox::delete_old(&mut conn, now.plus_ms(-INBOX_KEPT_MS), 1000).await?;
    sync_run::delete_old(&mut conn, now.plus_ms(-INBOX_KEPT_MS), 1000).await?;
    retention::delete_old(&mut conn, now.plus_ms(-HISTORY_KEPT_MS), 1000).await?;
    sitting::delete_old(&mut conn, now.plus_ms(-IDLE_MS), 1000).await?;
    guess::delete_old(&mut conn, now.plus_ms(-FORGET_MS), 1000).await?;
    client_door::tidy(&mut conn, now, 1000).await?;
    conn.commit().await?;
    unpark(app, now.plus_ms(-PARKED_MS)).await?;
    turns::ring_silent(app).await?;
    books::ring_silent(app).await?;
    ring_for_forgotten(app, now).await
}

/// Parked jobs get another try: at a start, and after a while.
pub async fn unpark(app: &App, before: UnixMs) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    let again = job::unpark(&mut conn, before, app.now()).await?;
    conn.commit().await?;
    if again > 0 {
        tracing::warn!(jobs = again, "parked jobs get another try");
        app.ring();
    }
    Ok(())
}

/// Acknowledged is absorbed, whatever became of the bell.
async fn ring_for_forgotten(app: &App, now: UnixMs) -> Result<(), Error> {
    let before = now.plus_ms(-FORGOTTEN_MS);
    let forgotten = job::list_bellless(&mut app.db.read().await?, enqueue::ABSORB, before, 200).await?;
    if forgotten.is_empty() {
        return Ok(());
    }
    tracing::warn!(resources = forgotten.len(), "hooks waited without a job");
    let mut conn = app.db.begin().await?;
    for (tenant, resource, id) in &forgotten {
        job::enqueue(&mut conn, &enqueue::absorb_job(tenant, resource, *id, now, now)).await?;
    }
    conn.commit().await?;
    app.ring_for(enqueue::ABSORB);
    Ok(())
}
