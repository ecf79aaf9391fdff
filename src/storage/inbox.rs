//! The inbox: what arrived, committed before its sender gets an answer, read until it is absorbed.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{InboxId, TenantId};

const INSERT: &str = "INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (tenant_id, resource, resource_id, dedup) WHERE absorbed_at IS NULL DO NOTHING";
/// What the sync found is read as a hook, and shown as what it is.
const MARK_FOUND: &str = "UPDATE inbox SET by_sync = TRUE WHERE tenant_id = $1 AND id = $2";
const LIST_WAITING: &str = "SELECT id, source, resource, resource_id, body, received_at FROM inbox \
     WHERE tenant_id = $1 AND resource = $2 AND resource_id = $3 AND absorbed_at IS NULL ORDER BY received_at, id LIMIT $4";
const MARK_ABSORBED: &str = "UPDATE inbox SET absorbed_at = $3, outcome = $4 WHERE tenant_id = $1 AND id = $2 AND absorbed_at IS NULL";
const COUNT_WAITING: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM inbox WHERE tenant_id = $1 AND absorbed_at IS NULL AND source = 'hook'";
const DELETE_OLD: &str =
    "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE absorbed_at < $1 LIMIT $2)";
/// Clients' answers wait for a person to read them, and not for ever.
const DELETE_UNREAD: &str = "DELETE FROM inbox WHERE id IN \
     (SELECT id FROM inbox WHERE absorbed_at IS NULL AND source = 'whatsapp' AND received_at < $1 LIMIT $2)";
const DELETE_ALL: &str = "DELETE FROM inbox WHERE tenant_id = $1";

pub const SQL: &[&str] =
    &[INSERT, MARK_FOUND, LIST_WAITING, MARK_ABSORBED, COUNT_WAITING, DELETE_OLD, DELETE_UNREAD, DELETE_ALL];

/// Something that arrived; `body` is sealed.
#[derive(Debug, Clone)]
pub struct NewInbox {
    pub id: InboxId,
    pub tenant: TenantId,
    pub source: &'static str,
    pub resource: String,
    pub resource_id: i64,
    pub dedup: String,
    pub body: String,
    pub received_at: UnixMs,
}

#[derive(Debug, Clone, FromRow)]
pub struct InboxRow {
    pub id: String,
    pub source: String,
    pub resource: String,
    pub resource_id: i64,
    pub body: String,
    pub received_at: i64,
}

/// Stores one arrival; a repeated delivery of what still waits folds into it. Hooks come in by [`super::intake`].
pub async fn insert(conn: &mut Conn, row: &NewInbox) -> Result<(), Error> {
    on!(conn, c => sqlx::query(INSERT)
        .bind(row.id.as_str()).bind(row.tenant.as_str()).bind(row.source).bind(&row.resource).bind(row.resource_id)
        .bind(&row.dedup).bind(&row.body).bind(row.received_at.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Stores what the sync found as if a hook had brought it.
pub async fn insert_found(conn: &mut Conn, row: &NewInbox) -> Result<(), Error> {
    insert(conn, row).await?;
    on!(conn, c => sqlx::query(MARK_FOUND).bind(row.tenant.as_str()).bind(row.id.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

/// What waits for one resource, in the order it came.
pub async fn list_waiting(
    conn: &mut Conn,
    tenant: &TenantId,
    resource: &str,
    resource_id: i64,
    limit: i64,
) -> Result<Vec<InboxRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(LIST_WAITING)
        .bind(tenant.as_str()).bind(resource).bind(resource_id).bind(limit).fetch_all(c).await)?)
}

/// Writes what became of a row; the first word stands.
pub async fn mark_absorbed(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    now: UnixMs,
    outcome: &str,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_ABSORBED).bind(tenant.as_str()).bind(id).bind(now.0).bind(outcome)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn count_waiting(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) =
        on!(conn, c => sqlx::query_as(COUNT_WAITING).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

/// Drops what was absorbed before `before`, and answers that came before it, a batch at a time.
pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    let mut dropped = 0;
    for sql in [DELETE_OLD, DELETE_UNREAD] {
        dropped += on!(conn, c => sqlx::query(sql).bind(before.0).bind(limit).execute(c).await.map(|d| d.rows_affected()))?;
    }
    Ok(dropped)
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "inbox_tests.rs"]
mod tests;
