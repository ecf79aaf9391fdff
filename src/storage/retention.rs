//! What is kept for looking things up is not kept for ever: clients' texts and numbers stand in it, sealed or not.
//!
//! Ids begin with the moment they were made, so what is old lies at the beginning of the primary key and is found without an index
//! of its own.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{AlertId, DecisionId, OutboxId, TenantId};

/// Across tenants on purpose, as all of this file: a batch of whatever is oldest. What still waits, or may have left, stays.
const DELETE_OUTBOX: &str = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE id < $1 \
     AND state IN ('sent', 'failed', 'cancelled', 'expired', 'uncertain') AND updated_at < $2 ORDER BY id LIMIT $3)";
const DELETE_DECISIONS: &str =
    "DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE id < $1 ORDER BY id LIMIT $2)";
const DELETE_ALERTS: &str =
    "DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE id < $1 ORDER BY id LIMIT $2)";
/// Of one salon: days that are over.
const DELETE_DAYS: &str = "DELETE FROM schedule WHERE tenant_id = $1 AND day < $2";

pub const SQL: &[&str] = &[DELETE_OUTBOX, DELETE_DECISIONS, DELETE_ALERTS, DELETE_DAYS];

/// Drops messages that were settled before `before`, and decisions and alerts of before then: of each so many at most.
pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    let (outbox, decision, alert) = (OutboxId::new(before), DecisionId::new(before), AlertId::new(before));
    let mut dropped = on!(conn, c => sqlx::query(DELETE_OUTBOX).bind(outbox.as_str()).bind(before.0).bind(limit)
        .execute(c).await.map(|d| d.rows_affected()))?;
    for (sql, id) in [(DELETE_DECISIONS, decision.as_str()), (DELETE_ALERTS, alert.as_str())] {
        dropped += on!(conn, c => sqlx::query(sql).bind(id).bind(limit).execute(c).await.map(|d| d.rows_affected()))?;
    }
    Ok(dropped)
}

/// Drops a salon's working days before `day` (YYYY-MM-DD, its own calendar).
pub async fn delete_days(conn: &mut Conn, tenant: &TenantId, day: &str) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(DELETE_DAYS).bind(tenant.as_str()).bind(day).execute(c).await
        .map(|d| d.rows_affected()))?)
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
