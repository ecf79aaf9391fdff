//! What one record's timeline is made of: hooks, decisions and messages, each page from where the one before it ended.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use super::outbox::{OutboxRow, Raw};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::TenantId;

/// Two reads, so that each finds its partial index.
const HOOKS: &str = "SELECT id, CASE WHEN by_sync THEN 'sync' ELSE source END AS source, body, received_at, absorbed_at, outcome FROM ( \
     SELECT id, source, by_sync, body, received_at, absorbed_at, outcome FROM inbox WHERE tenant_id = $1 AND resource = 'record' \
     AND resource_id = $2 AND absorbed_at IS NULL UNION ALL \
     SELECT id, source, by_sync, body, received_at, absorbed_at, outcome FROM inbox WHERE tenant_id = $1 AND resource = 'record' \
     AND resource_id = $2 AND absorbed_at IS NOT NULL) AS hook \
     WHERE (received_at, id) > ($3, $4) ORDER BY received_at, id LIMIT $5";
const DECISIONS: &str = "SELECT id, verb, reason, outbox_id, decided_at FROM decision WHERE tenant_id = $1 AND record_id = $2 \
     AND (decided_at, id) > ($3, $4) ORDER BY decided_at, id LIMIT $5";
const MESSAGES: &str =
    "SELECT * FROM outbox WHERE tenant_id = $1 AND record_id = $2 ORDER BY id DESC LIMIT $3";

pub const SQL: &[&str] = &[HOOKS, DECISIONS, MESSAGES];

/// Where a page begins: after this moment, and of this moment after this id.
#[derive(Debug, Clone)]
pub struct After<'a> {
    pub at: UnixMs,
    pub id: &'a str,
}

/// A hook of a record; `body` is sealed.
#[derive(Debug, Clone, FromRow)]
pub struct HookRow {
    pub id: String,
    pub source: String,
    pub body: String,
    pub received_at: i64,
    pub absorbed_at: Option<i64>,
    pub outcome: Option<String>,
}

#[derive(Debug, Clone, FromRow)]
pub struct DecidedRow {
    pub id: String,
    pub verb: String,
    pub reason: String,
    pub outbox_id: Option<String>,
    pub decided_at: i64,
}

pub async fn list_hooks(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    after: &After<'_>,
    limit: i64,
) -> Result<Vec<HookRow>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(HOOKS).bind(tenant.as_str()).bind(record.0).bind(after.at.0).bind(after.id)
        .bind(limit).fetch_all(c).await)?,
    )
}

pub async fn list_decisions(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    after: &After<'_>,
    limit: i64,
) -> Result<Vec<DecidedRow>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(DECISIONS).bind(tenant.as_str()).bind(record.0).bind(after.at.0).bind(after.id)
        .bind(limit).fetch_all(c).await)?,
    )
}

/// The newest first.
pub async fn list_messages(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    limit: i64,
) -> Result<Vec<OutboxRow>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(MESSAGES).bind(tenant.as_str()).bind(record.0).bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
