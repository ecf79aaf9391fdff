//! Runs of the sync: one open at a time for each kind, and the log of those that ended.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::sync::{Counts, SyncKind, SyncRun, SyncState};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{SyncId, TenantId};

const OPEN: &str = "INSERT INTO sync_run (id, tenant_id, kind, state, by_hand, scope, place, page, created, updated, unchanged, \
     cancelled, healed, skipped, failed, skips, own_ms, attempts, error, asked_at, began_at, moved_at, finished_at) \
     VALUES ($1, $2, $3, 'waiting', $4, '', '', 0, 0, 0, 0, 0, 0, 0, 0, '{}', 0, 0, '', $5, NULL, $5, NULL) \
     ON CONFLICT (tenant_id, kind) WHERE finished_at IS NULL DO NOTHING";
const FIND_OPEN: &str = "SELECT * FROM sync_run WHERE tenant_id = $1 AND kind = $2 AND finished_at IS NULL";
const FIND: &str = "SELECT * FROM sync_run WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "SELECT * FROM sync_run WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const LAST: &str = "SELECT * FROM sync_run WHERE tenant_id = $1 AND kind = $2 AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1";
const LAST_GOOD: &str =
    "SELECT * FROM sync_run WHERE tenant_id = $1 AND kind = $2 AND state = 'done' ORDER BY id DESC LIMIT 1";
const BEGIN: &str = "UPDATE sync_run SET state = 'running', scope = $3, place = '', page = page + 1, began_at = $4, moved_at = $4, \
     created = 0, updated = 0, unchanged = 0, cancelled = 0, healed = 0, skipped = 0, failed = 0, skips = '{}', own_ms = 0 \
     WHERE tenant_id = $1 AND id = $2 AND page = $5 AND finished_at IS NULL";
const MOVE_ON: &str = "UPDATE sync_run SET state = 'running', place = $3, page = page + 1, created = $4, updated = $5, \
     unchanged = $6, cancelled = $7, healed = $8, skipped = $9, failed = $10, skips = $11, own_ms = $14, moved_at = $12, attempts = 0, error = '' \
     WHERE tenant_id = $1 AND id = $2 AND page = $13 AND finished_at IS NULL";
const PUT_OFF: &str = "UPDATE sync_run SET state = 'waiting', attempts = attempts + 1, error = $3 \
     WHERE tenant_id = $1 AND id = $2 AND finished_at IS NULL";
const FINISH: &str = "UPDATE sync_run SET state = $3, error = $4, finished_at = $5 WHERE tenant_id = $1 AND id = $2 \
     AND finished_at IS NULL";
/// Across tenants on purpose: the oldest of all. What the next run of a salon goes by is kept.
const DELETE_OLD: &str = "DELETE FROM sync_run WHERE id IN (SELECT id FROM sync_run WHERE id < $1 AND finished_at IS NOT NULL \
     AND EXISTS (SELECT 1 FROM sync_run AS later WHERE later.tenant_id = sync_run.tenant_id AND later.kind = sync_run.kind \
     AND later.state = 'done' AND later.id > sync_run.id) ORDER BY id LIMIT $2)";
/// Across tenants on purpose: active salons without a job of this kind, whatever has become of it.
const LIST_UNRUNG: &str = "SELECT id, salon_id FROM tenant WHERE state = 'active' \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'ready' AND kind = $1 AND subject = tenant.id || $2) \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'leased' AND lane = tenant.id || $2) \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'parked' AND kind = $1 AND subject = tenant.id || $2) ORDER BY id LIMIT $3";

pub const SQL: &[&str] =
    &[OPEN, FIND_OPEN, FIND, LIST, LAST, LAST_GOOD, BEGIN, MOVE_ON, PUT_OFF, FINISH, DELETE_OLD, LIST_UNRUNG];

#[derive(FromRow)]
struct Raw {
    id: String,
    kind: String,
    state: String,
    by_hand: bool,
    scope: String,
    place: String,
    page: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    cancelled: i64,
    healed: i64,
    failed: i64,
    skips: String,
    own_ms: i64,
    attempts: i64,
    error: String,
    asked_at: i64,
    began_at: Option<i64>,
    moved_at: i64,
    finished_at: Option<i64>,
}

impl TryFrom<Raw> for SyncRun {
    type Error = Error;

    fn try_from(row: Raw) -> Result<Self, Error> {
        let bad = |column| Error::Inconsistent { table: "sync_run", column, id: row.id.clone() };
        let counts = Counts {
            created: row.created,
            updated: row.updated,
            unchanged: row.unchanged,
            cancelled: row.cancelled,
            healed: row.healed,
            failed: row.failed,
            skipped: serde_json::from_str(&row.skips).map_err(|_| bad("skips"))?,
        };
        Ok(Self {
            kind: SyncKind::parse(&row.kind).ok_or_else(|| bad("kind"))?,
            state: SyncState::parse(&row.state).ok_or_else(|| bad("state"))?,
            id: SyncId::from_stored(row.id),
            by_hand: row.by_hand,
            scope: row.scope,
            place: row.place,
            page: row.page,
            counts,
            own_ms: row.own_ms,
            attempts: row.attempts,
            error: row.error,
            asked_at: UnixMs(row.asked_at),
            began_at: row.began_at.map(UnixMs),
            moved_at: UnixMs(row.moved_at),
            finished_at: row.finished_at.map(UnixMs),
        })
    }
}

/// Opens a run, unless one is open: which of the two is what [`find_open`] says.
pub async fn open(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: SyncKind,
    by_hand: bool,
    now: UnixMs,
) -> Result<(), Error> {
    let id = SyncId::new(now);
    on!(conn, c => sqlx::query(OPEN).bind(id.as_str()).bind(tenant.as_str()).bind(kind.as_str()).bind(by_hand).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find_open(conn: &mut Conn, tenant: &TenantId, kind: SyncKind) -> Result<Option<SyncRun>, Error> {
    let row: Option<Raw> = on!(conn, c => sqlx::query_as(FIND_OPEN).bind(tenant.as_str()).bind(kind.as_str())
        .fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, id: &SyncId) -> Result<Option<SyncRun>, Error> {
    let row: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(id.as_str()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// Runs made before `before`, the newest first.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    before: &str,
    limit: i64,
) -> Result<Vec<SyncRun>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST).bind(tenant.as_str()).bind(before).bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The last that ended, and the last that ended well.
pub async fn last(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: SyncKind,
) -> Result<(Option<SyncRun>, Option<SyncRun>), Error> {
    let mut found = [None, None];
    for (place, sql) in found.iter_mut().zip([LAST, LAST_GOOD]) {
        let row: Option<Raw> = on!(conn, c => sqlx::query_as(sql).bind(tenant.as_str()).bind(kind.as_str())
            .fetch_optional(c).await)?;
        *place = row.map(TryInto::try_into).transpose()?;
    }
    let [last, good] = found;
    Ok((last, good))
}

/// Begins an open run, or begins it anew; `false` when another was quicker.
pub async fn begin(
    conn: &mut Conn,
    tenant: &TenantId,
    run: &SyncRun,
    scope: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(BEGIN).bind(tenant.as_str()).bind(run.id.as_str()).bind(scope).bind(now.0)
        .bind(run.page).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Notes one page more, with all counts and our own time as they are then; `false` when another has written this page.
pub async fn move_on(
    conn: &mut Conn,
    tenant: &TenantId,
    run: &SyncRun,
    (place, counts, own_ms): (&str, &Counts, i64),
    now: UnixMs,
) -> Result<bool, Error> {
    let skips = serde_json::to_string(&counts.skipped).unwrap_or_else(|_| "{}".to_owned());
    let rows = on!(conn, c => sqlx::query(MOVE_ON).bind(tenant.as_str()).bind(run.id.as_str()).bind(place)
        .bind(counts.created).bind(counts.updated).bind(counts.unchanged).bind(counts.cancelled).bind(counts.healed)
        .bind(counts.skips()).bind(counts.failed).bind(&skips).bind(now.0).bind(run.page).bind(own_ms)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Something stands in its way: it goes on later, where it stood.
pub async fn put_off(conn: &mut Conn, tenant: &TenantId, id: &SyncId, error: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(PUT_OFF).bind(tenant.as_str()).bind(id.as_str()).bind(error).execute(c).await.map(drop))?;
    Ok(())
}

/// Ends a run; `false` when it had ended before. `error` is empty for one that ended well.
pub async fn finish(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &SyncId,
    error: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let state = if error.is_empty() { SyncState::Done } else { SyncState::Failed };
    let rows = on!(conn, c => sqlx::query(FINISH).bind(tenant.as_str()).bind(id.as_str()).bind(state.as_str()).bind(error)
        .bind(now.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Drops runs that were made before `before`; of each salon and kind the last good one stays.
pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    let id = SyncId::new(before);
    Ok(
        on!(conn, c => sqlx::query(DELETE_OLD).bind(id.as_str()).bind(limit).execute(c).await.map(|d| d.rows_affected()))?,
    )
}

/// Active salons for which no job of `kind` waits, runs or is put aside, with the salon's number. A job's subject and lane are the
/// tenant and `ending`.
pub async fn list_unrung(
    conn: &mut Conn,
    kind: &'static str,
    ending: &str,
    limit: i64,
) -> Result<Vec<(TenantId, i64)>, Error> {
    let rows: Vec<(String, i64)> = on!(conn, c => sqlx::query_as(LIST_UNRUNG).bind(kind).bind(ending).bind(limit)
        .fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id, salon)| (TenantId::from_stored(id), salon)).collect())
}

#[cfg(test)]
#[path = "sync_run_tests.rs"]
mod tests;
