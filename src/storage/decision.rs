//! Decisions: why something was sent, or was not.

use sqlx::{FromRow, QueryBuilder};

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{DecisionId, OutboxId, TenantId};

const INSERT: &str = "INSERT INTO decision (id, tenant_id, record_id, verb, reason, outbox_id, decided_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const LIST_OF_RECORD: &str = "SELECT record_id, verb, reason, outbox_id, decided_at FROM decision \
     WHERE tenant_id = $1 AND record_id = $2 ORDER BY decided_at, id LIMIT $3";
const LIST_RECENT: &str = "SELECT record_id, verb, reason, outbox_id, decided_at FROM decision \
     WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2";
const LAST_OF_RECORD: &str = "SELECT record_id, verb, reason, outbox_id, decided_at FROM decision \
     WHERE tenant_id = $1 AND record_id = $2 ORDER BY decided_at DESC, id DESC LIMIT 1";
const DELETE_ALL: &str = "DELETE FROM decision WHERE tenant_id = $1";

pub const SQL: &[&str] = &[INSERT, LIST_OF_RECORD, LIST_RECENT, LAST_OF_RECORD, DELETE_ALL];

/// One decision. `verb` says what was done, `reason` why, as a key.
#[derive(Debug, Clone)]
pub struct NewDecision<'a> {
    pub record: Option<RecordId>,
    pub verb: &'static str,
    pub reason: &'a str,
    pub outbox: Option<&'a OutboxId>,
}

#[derive(Debug, Clone, FromRow)]
pub struct DecisionRow {
    pub record_id: Option<i64>,
    pub verb: String,
    pub reason: String,
    pub outbox_id: Option<String>,
    pub decided_at: i64,
}

pub async fn insert(
    conn: &mut Conn,
    tenant: &TenantId,
    new: NewDecision<'_>,
    now: UnixMs,
) -> Result<(), Error> {
    let id = DecisionId::new(now);
    on!(conn, c => sqlx::query(INSERT)
        .bind(id.as_str()).bind(tenant.as_str()).bind(new.record.map(|r| r.0)).bind(new.verb).bind(new.reason)
        .bind(new.outbox.map(OutboxId::as_str)).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Several at once, each of a record and of no message.
pub async fn insert_many(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[(RecordId, &'static str, &'static str)],
    now: UnixMs,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let head = INSERT.split_once("VALUES").map_or(INSERT, |(head, _)| head);
    let none: Option<&str> = None;
    on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_values(rows, |mut row, (record, verb, reason)| {
            row.push_bind(DecisionId::new(now).as_str().to_owned()).push_bind(tenant.as_str()).push_bind(record.0)
                .push_bind(*verb).push_bind(*reason).push_bind(none).push_bind(now.0);
        });
        query.build().persistent(false).execute(c).await.map(drop)
    })?;
    Ok(())
}

pub async fn list_of_record(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    limit: i64,
) -> Result<Vec<DecisionRow>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(LIST_OF_RECORD).bind(tenant.as_str()).bind(record.0).bind(limit).fetch_all(c).await)?,
    )
}

/// The newest first.
pub async fn list_recent(conn: &mut Conn, tenant: &TenantId, limit: i64) -> Result<Vec<DecisionRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(LIST_RECENT).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?)
}

/// What was decided of a record last.
pub async fn last_of_record(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
) -> Result<Option<DecisionRow>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(LAST_OF_RECORD).bind(tenant.as_str()).bind(record.0).fetch_optional(c).await)?,
    )
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
