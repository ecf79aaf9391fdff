//! Records: the journal as we know it, and what each client was last told of it.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::TenantId;

const FIND: &str = "SELECT record_id, starts_at, deleted, changed_at, body, told, told_revision FROM record \
     WHERE tenant_id = $1 AND record_id = $2";
/// Only over what was read: `$9` is the body that was there, '' for none. Each sealing of a body differs from every other.
const UPSERT: &str = "INSERT INTO record (tenant_id, record_id, starts_at, deleted, changed_at, body, raw, told, told_revision, \
     updated_at, books_due) VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0, $8, TRUE) ON CONFLICT (tenant_id, record_id) DO UPDATE SET \
     starts_at = excluded.starts_at, deleted = excluded.deleted, changed_at = excluded.changed_at, body = excluded.body, \
     raw = CASE WHEN excluded.raw = '' THEN record.raw ELSE excluded.raw END, updated_at = excluded.updated_at, books_due = TRUE \
     WHERE record.body = $9";
const LOCK: &str = "UPDATE record SET updated_at = updated_at WHERE tenant_id = $1 AND record_id = $2";
const SET_TOLD: &str = "UPDATE record SET told = $3, told_revision = told_revision + 1, updated_at = $4 \
     WHERE tenant_id = $1 AND record_id = $2";
const UNTELL: &str = "UPDATE record SET told = $3, updated_at = $4 WHERE tenant_id = $1 AND record_id = $2";
const LIST_UPCOMING: &str = "SELECT starts_at, record_id FROM record WHERE tenant_id = $1 \
     AND (starts_at, record_id) > ($2, $3) ORDER BY starts_at, record_id LIMIT $4";
const DELETE_ALL: &str = "DELETE FROM record WHERE tenant_id = $1";
const COUNT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM record WHERE tenant_id = $1";

pub const SQL: &[&str] = &[FIND, UPSERT, LOCK, SET_TOLD, UNTELL, LIST_UPCOMING, DELETE_ALL, COUNT];

/// A record's row; `body` and `told` are sealed, `told` is empty until something was told.
#[derive(Debug, Clone, FromRow)]
pub struct RecordRow {
    pub record_id: i64,
    pub starts_at: Option<i64>,
    pub deleted: bool,
    pub changed_at: i64,
    pub body: String,
    pub told: String,
    /// How many things the client was told so far.
    pub told_revision: i64,
}

/// What is written of a record when it is absorbed.
#[derive(Debug, Clone)]
pub struct RecordWrite<'a> {
    pub id: RecordId,
    pub starts_at: Option<UnixMs>,
    pub deleted: bool,
    pub changed_at: UnixMs,
    pub body: &'a str,
    /// The sealed body that this was learnt on top of; '' when there was none.
    pub over: &'a str,
    /// The payload that said all of it, packed and sealed; '' leaves the one that is there.
    pub raw: &'a str,
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, id: RecordId) -> Result<Option<RecordRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(id.0).fetch_optional(c).await)?)
}

/// Writes what was learnt of a record; `false`, and nothing is written, when somebody else learnt more of it meanwhile. From then on
/// it is due to be kept in the books: ring for that in the same unit of work.
pub async fn upsert(
    conn: &mut Conn,
    tenant: &TenantId,
    write: RecordWrite<'_>,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(UPSERT)
        .bind(tenant.as_str()).bind(write.id.0).bind(write.starts_at.map(|at| at.0)).bind(write.deleted)
        .bind(write.changed_at.0).bind(write.body).bind(write.raw).bind(now.0).bind(write.over)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Until the unit of work ends nobody else begins a message of the record or notes what its client was told.
pub async fn lock(conn: &mut Conn, tenant: &TenantId, id: RecordId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(LOCK).bind(tenant.as_str()).bind(id.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Notes what the client knows from now on, and counts it.
pub async fn set_told(
    conn: &mut Conn,
    tenant: &TenantId,
    id: RecordId,
    told: &str,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_TOLD).bind(tenant.as_str()).bind(id.0).bind(told).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Takes back what was noted for a message that did not leave. The count stays: it only has to differ from telling to telling.
pub async fn untell(
    conn: &mut Conn,
    tenant: &TenantId,
    id: RecordId,
    told_before: &str,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(UNTELL).bind(tenant.as_str()).bind(id.0).bind(told_before).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Records that begin after `after`, the nearest first; the last of a page is where the next begins.
pub async fn list_upcoming(
    conn: &mut Conn,
    tenant: &TenantId,
    after: (UnixMs, RecordId),
    limit: i64,
) -> Result<Vec<(UnixMs, RecordId)>, Error> {
    let rows: Vec<(i64, i64)> = on!(conn, c => sqlx::query_as(LIST_UPCOMING)
        .bind(tenant.as_str()).bind(after.0.0).bind(after.1.0).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(at, id)| (UnixMs(at), RecordId(id))).collect())
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) = on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
