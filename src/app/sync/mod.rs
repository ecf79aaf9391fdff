//! The journal is read beside the hooks: a hook is sent once, and one that is lost is found here.
//!
//! # Decision: the job is the timetable
//! Each active salon has one job of this kind, which never ends: a run answers with the wait until the next. So a run that was
//! killed is run again by whoever takes back its lease, one that failed comes back sooner, and nothing else has to remember when
//! a salon's turn is. [`sweep`] rings for a salon that has none.

mod page;
pub mod said;
mod trouble;

use std::time::Instant;

use super::bus::News;
use super::error::Error;
use super::{App, enqueue, tenants_of};
use crate::domain::sync::{self as rules, Place, Scope, SyncKind, SyncRules, SyncRun, SyncState, Trouble};
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{SyncId, TenantId};
use crate::storage::sync_run;
use crate::storage::{Conn, tenant};
use crate::yclients;

pub use trouble::of as trouble_of;

/// A run that stood still for so long begins anew: the list it was reading is another one by now.
const STALE_MS: i64 = 2 * 3_600_000;
/// A page takes seconds; a run that wrote none for so long may have nobody who reads.
const STILL_MS: i64 = 2 * 60_000;
/// How often the catalogue is copied, and the hooks' settings are looked at.
const DAY_MS: i64 = 24 * 3_600_000;
/// How often a run asks again at once when YClients asks it to slow down.
const MOST_SLOWED: usize = 3;
/// How often a page is read again that gave way to others who held its records.
const MOST_LOST: usize = 3;
/// Salons looked at in one sweep.
const SWEEP_BATCH: i64 = 5_000;

/// The job: reads a salon's journal, and says how long until it is read again. `None`: not by itself.
pub async fn records(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let known = tenants_of(app, id).await?.tenant;
    let often = often(app, &known);
    let open = sync_run::find_open(&mut app.db.read().await?, id, SyncKind::Records).await?;
    if known.state != TenantState::Active {
        if let Some(run) = open {
            finish(app, id, &run, Some(Trouble::NotActive)).await?;
        }
        return Ok(None);
    }
    let run = match open {
        Some(run) => run,
        None if often.is_off() => return Ok(None),
        None => open_run(app, id, SyncKind::Records).await?,
    };
    let ended = match read_all(app, &known, run.clone()).await {
        Ok(()) => Ok(()),
        Err(error) => Err(put_off(app, id, &run.id, &error).await?),
    };
    let now = app.now();
    Ok(match ended {
        Err(wait @ Put::Off(_)) => Some(wait.ms()),
        _ if often.is_off() => None,
        Ok(()) => Some(often.wait_ms(known.salon_id.0, now)),
        Err(wait) => Some(wait.ms().max(often.wait_ms(known.salon_id.0, now))),
    })
}

/// The job: copies a salon's catalogue, and says how long until it is copied again. Its own hooks ring for it sooner.
pub async fn catalog(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let known = tenants_of(app, id).await?.tenant;
    let open = sync_run::find_open(&mut app.db.read().await?, id, SyncKind::Catalog).await?;
    if known.state != TenantState::Active {
        if let Some(run) = open {
            finish(app, id, &run, Some(Trouble::NotActive)).await?;
        }
        return Ok(None);
    }
    let run = match open {
        Some(run) => run,
        None => open_run(app, id, SyncKind::Catalog).await?,
    };
    let copied = async {
        let run = begin(app, &known, &run).await?;
        let counts = super::catalog::sync(app, &app.crm.in_background(), &known).await?;
        let mut conn = app.db.begin().await?;
        sync_run::move_on(&mut conn, id, &run, ("", &counts, 0), app.now()).await?;
        conn.commit().await?;
        finish(app, id, &SyncRun { counts, ..run }, None).await
    };
    let wait = match copied.await {
        Ok(()) => rules::wait_ms(DAY_MS, known.salon_id.0, app.now()),
        Err(error) => put_off(app, id, &run.id, &error).await?.ms(),
    };
    Ok(Some(wait))
}

fn often(app: &App, known: &Tenant) -> SyncRules {
    app.tenants.rules(known.salon_id).sync
}

async fn open_run(app: &App, id: &TenantId, kind: SyncKind) -> Result<SyncRun, Error> {
    let mut conn = app.db.begin().await?;
    sync_run::open(&mut conn, id, kind, false, app.now()).await?;
    let run = sync_run::find_open(&mut conn, id, kind).await?.ok_or(Error::NotFound)?;
    conn.commit().await?;
    Ok(run)
}

/// Reads page after page, each in one unit of work with the note that it was read.
async fn read_all(app: &App, known: &Tenant, mut run: SyncRun) -> Result<(), Error> {
    let (id, crm) = (&known.id, app.crm.in_background());
    let key = app.keys.of(id).await?;
    if run.began_at.is_none() || app.now().since(run.moved_at) > STALE_MS {
        run = begin(app, known, &run).await?;
    }
    let scope: Scope = serde_json::from_str(&run.scope)?;
    let mut place: Place =
        if run.place.is_empty() { Place::default() } else { serde_json::from_str(&run.place)? };
    let (mut slowed, mut lost) = (0, 0);
    loop {
        let (before, step) = (place.clone(), place.next());
        let list = match crm.records(known.salon_id, &scope, step.page, step.count).await {
            // Whoever is told to slow down waits for the next turn anyway.
            Err(yclients::Error::Throttled(_)) if slowed < MOST_SLOWED => {
                slowed += 1;
                continue;
            }
            list => list?,
        };
        failpoint!("sync.read");
        let began = Instant::now();
        let rows: Vec<_> = list.rows.iter().map(page::place_of).collect();
        if !place.take(step, &rows) {
            tracing::info!(tenant.id = %id, sync.id = %run.id, "the journal shifted while it was read; a step back");
            continue;
        }
        let page = page::Page {
            known,
            key: &key,
            rows: list.rows,
            before: before.clone(),
            start: step.start(),
            began,
        };
        let taken = match page::take(app, &run, page, &place).await {
            // The books and the hooks hold records too. Who gave way reads the page again; five minutes on it would still be so.
            Err(Error::Storage(error)) if error.is_lost_race() && lost < MOST_LOST => {
                (lost, place) = (lost + 1, before);
                continue;
            }
            taken => taken?,
        };
        metrics::histogram!("salonbridge_sync_page_seconds").record(began.elapsed().as_secs_f64());
        failpoint!("sync.written");
        let Some(counts) = taken else {
            tracing::warn!(tenant.id = %id, sync.id = %run.id, "another process reads this journal; this one stops");
            return Ok(());
        };
        app.bus.tell(id, News::Sync(run.id.clone()));
        run = SyncRun { counts, page: run.page + 1, own_ms: run.own_ms + ms(began), ..run };
        if !list.has_more {
            return finish(app, id, &run, None).await;
        }
    }
}

fn ms(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
}

async fn begin(app: &App, known: &Tenant, run: &SyncRun) -> Result<SyncRun, Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let (_, good) = sync_run::last(&mut conn, &known.id, run.kind).await?;
    // A salon that was away and came back begins as a new one.
    let good =
        good.and_then(|run| run.began_at).filter(|began| known.activated_at.is_none_or(|at| *began >= at));
    let scope = match run.kind {
        SyncKind::Records => serde_json::to_string(&rules::scope(good, known.timezone, now))?,
        SyncKind::Catalog => "null".to_owned(),
    };
    sync_run::begin(&mut conn, &known.id, run, &scope, now).await?;
    let begun = sync_run::find(&mut conn, &known.id, &run.id).await?.ok_or(Error::NotFound)?;
    conn.commit().await?;
    app.bus.tell(&known.id, News::Sync(run.id.clone()));
    Ok(begun)
}

/// How a run that was broken off goes on.
enum Put {
    /// The same run, after so long.
    Off(i64),
    /// It has ended; the next comes no sooner than this.
    Down(i64),
}

impl Put {
    fn ms(&self) -> i64 {
        let (Self::Off(ms) | Self::Down(ms)) = self;
        *ms
    }
}

async fn put_off(app: &App, id: &TenantId, run: &SyncId, error: &Error) -> Result<Put, Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    // Read again: it may have got on since, and the salon may have been stopped.
    let is_active = tenant::find(&mut conn, id).await?.is_some_and(|t| t.tenant.state == TenantState::Active);
    let trouble = if is_active { trouble_of(error) } else { Trouble::NotActive };
    let Some(run) = sync_run::find(&mut conn, id, run).await? else {
        return Ok(Put::Down(trouble.rest_ms()));
    };
    if trouble == Trouble::Forbidden {
        enqueue::installation(&mut conn, enqueue::CHECK_STATUS, id, now, now).await?;
    }
    let put = match trouble.again_ms(run.attempts + 1) {
        Some(ms) => {
            sync_run::put_off(&mut conn, id, &run.id, trouble.as_str()).await?;
            Put::Off(ms)
        }
        None => {
            sync_run::finish(&mut conn, id, &run.id, trouble.as_str(), now).await?;
            Put::Down(trouble.rest_ms())
        }
    };
    conn.commit().await?;
    app.bus.tell(id, News::Sync(run.id.clone()));
    let again_ms = put.ms();
    metrics::counter!("salonbridge_sync_errors_total", "kind" => run.kind.as_str(), "trouble" => trouble.as_str())
        .increment(1);
    tracing::warn!(tenant.id = %id, sync.id = %run.id, %error, trouble = trouble.as_str(), again_ms, "a sync was broken off");
    Ok(put)
}

async fn finish(app: &App, id: &TenantId, run: &SyncRun, trouble: Option<Trouble>) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    let error = trouble.map_or("", Trouble::as_str);
    let ended = sync_run::finish(&mut conn, id, &run.id, error, app.now()).await?;
    conn.commit().await?;
    if ended {
        app.bus.tell(id, News::Sync(run.id.clone()));
        let outcome = if trouble.is_some() { "failed" } else { "done" };
        metrics::counter!("salonbridge_sync_runs_total", "kind" => run.kind.as_str(), "outcome" => outcome)
            .increment(1);
        let counts = &run.counts;
        tracing::info!(
            tenant.id = %id, sync.id = %run.id, sync.kind = run.kind.as_str(), outcome, pages = run.page, created = counts.created,
            updated = counts.updated, unchanged = counts.unchanged, cancelled = counts.cancelled, healed = counts.healed,
            skipped = counts.skips(), failed = counts.failed, own_ms = run.own_ms, "a sync ended"
        );
    }
    Ok(())
}

/// Somebody wants it read now. One that is under way is answered; one that waits for better weather tries again at once.
pub async fn start(app: &App, id: &TenantId, kind: SyncKind) -> Result<SyncRun, Error> {
    let known = tenants_of(app, id).await?.tenant;
    if known.state != TenantState::Active {
        return Err(Error::Rejected("not_active"));
    }
    let now = app.now();
    let mut conn = app.db.begin().await?;
    sync_run::open(&mut conn, id, kind, true, now).await?;
    let run = sync_run::find_open(&mut conn, id, kind).await?.ok_or(Error::NotFound)?;
    // One that stands still may have lost its job; one more bell does no harm.
    if run.state == SyncState::Waiting || now.since(run.moved_at) > STILL_MS {
        ring(&mut conn, id, kind, now, now).await?;
    }
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::Sync(run.id.clone()));
    Ok(run)
}

/// Puts a salon's job where it is due.
async fn ring(
    conn: &mut Conn,
    id: &TenantId,
    kind: SyncKind,
    run_at: UnixMs,
    now: UnixMs,
) -> Result<(), Error> {
    match kind {
        SyncKind::Records => enqueue::sync_records(conn, id, run_at, now).await,
        SyncKind::Catalog => enqueue::installation(conn, enqueue::SYNC_CATALOG, id, run_at, now).await,
    }
}

/// A salon became active, or is so again: what no hook told of meanwhile is read at once, and whether hooks come at all.
pub async fn ring_active(app: &App, conn: &mut Conn, known: &Tenant, now: UnixMs) -> Result<(), Error> {
    enqueue::installation(conn, enqueue::CHECK_HOOKS, &known.id, now, now).await?;
    if often(app, known).is_off() {
        return Ok(());
    }
    ring(conn, &known.id, SyncKind::Records, now, now).await
}

/// Gives every active salon that has none its place in each timetable.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let now = app.now();
    let mut due: Vec<(TenantId, &'static str, i64)> = Vec::new();
    {
        let mut conn = app.db.read().await?;
        let (kind, ending) = (enqueue::SYNC_RECORDS, enqueue::SYNC_ENDING);
        for (id, salon) in sync_run::list_unrung(&mut conn, kind, ending, SWEEP_BATCH).await? {
            let often = app.tenants.rules(SalonId(salon)).sync;
            due.extend((!often.is_off()).then(|| (id, kind, often.wait_ms(salon, now))));
        }
        for kind in [enqueue::SYNC_CATALOG, enqueue::CHECK_HOOKS] {
            for (id, salon) in sync_run::list_unrung(&mut conn, kind, "", SWEEP_BATCH).await? {
                due.push((id, kind, rules::wait_ms(DAY_MS, salon, now)));
            }
        }
    }
    if due.is_empty() {
        return Ok(());
    }
    let mut conn = app.db.begin().await?;
    for (id, kind, wait_ms) in due {
        let run_at = now.plus_ms(wait_ms);
        match kind {
            enqueue::SYNC_RECORDS => enqueue::sync_records(&mut conn, &id, run_at, now).await?,
            kind => enqueue::installation(&mut conn, kind, &id, run_at, now).await?,
        }
    }
    Ok(conn.commit().await?)
}

/// One run of a salon.
pub async fn find(app: &App, id: &TenantId, run: &SyncId) -> Result<SyncRun, Error> {
    sync_run::find(&mut app.db.read().await?, id, run).await?.ok_or(Error::NotFound)
}

/// A page of a salon's runs, the newest first, and where the next begins.
pub async fn list(
    app: &App,
    id: &TenantId,
    before: Option<&SyncId>,
    limit: usize,
) -> Result<(Vec<SyncRun>, Option<SyncId>), Error> {
    // After every id of a kind, in whatever order a database puts letters.
    let before = before.map_or("zzzz", SyncId::as_str);
    let mut runs = sync_run::list(&mut app.db.read().await?, id, before, limit as i64 + 1).await?;
    let is_more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| is_more).map(|run| run.id.clone());
    Ok((runs, next))
}
