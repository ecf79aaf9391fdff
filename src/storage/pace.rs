//! What a salon's number did and may do, for its pace.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::breaker::Breaker;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const FIND: &str = "SELECT * FROM pace WHERE tenant_id = $1";
/// Another number has another history; the same one, linked again, keeps its own.
const SET_NUMBER: &str = "INSERT INTO pace (tenant_id, phone_hash, since_at, busy_until_at, locks, failures) VALUES ($1, $2, $3, 0, 0, 0) \
     ON CONFLICT (tenant_id) DO UPDATE SET phone_hash = excluded.phone_hash, since_at = excluded.since_at, last_at = NULL, \
     busy_until_at = 0, locked_until_at = NULL, locks = 0, failures = 0, failing_since_at = NULL, rests_until_at = NULL, rests = 0 \
     WHERE pace.phone_hash <> excluded.phone_hash";
const MARK_TRIED: &str = "INSERT INTO pace (tenant_id, phone_hash, since_at, last_at, busy_until_at, locks, failures) \
     VALUES ($1, '', $2, $2, $3, 0, 0) ON CONFLICT (tenant_id) DO UPDATE SET last_at = excluded.last_at, \
     busy_until_at = excluded.busy_until_at";
const SET_LOCK: &str = "UPDATE pace SET locked_until_at = $2, locks = locks + 1 WHERE tenant_id = $1";
const FORGET_LOCKS: &str =
    "UPDATE pace SET locked_until_at = NULL, locks = 0 WHERE tenant_id = $1 AND locks > 0";
const RESTART: &str = "UPDATE pace SET since_at = $2 WHERE tenant_id = $1";
const SET_BREAKER: &str = "UPDATE pace SET failures = $2, failing_since_at = $3, rests_until_at = $4, rests = $5 WHERE tenant_id = $1";
/// Most often there is nothing to forget, and nothing is written.
const MARK_WORKED: &str = "UPDATE pace SET failures = 0, failing_since_at = NULL, rests_until_at = NULL, rests = 0 \
     WHERE tenant_id = $1 AND failures > 0";
const DELETE: &str = "DELETE FROM pace WHERE tenant_id = $1";

pub const SQL: &[&str] =
    &[FIND, SET_NUMBER, MARK_TRIED, SET_LOCK, FORGET_LOCKS, RESTART, SET_BREAKER, MARK_WORKED, DELETE];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaceRow {
    pub since: UnixMs,
    pub last_at: Option<UnixMs>,
    pub busy_until: UnixMs,
    pub locked_until: Option<UnixMs>,
    pub locks: i64,
    pub breaker: Breaker,
}

#[derive(FromRow)]
struct Raw {
    since_at: i64,
    last_at: Option<i64>,
    busy_until_at: i64,
    locked_until_at: Option<i64>,
    locks: i64,
    failures: i64,
    failing_since_at: Option<i64>,
    rests_until_at: Option<i64>,
    rests: i64,
}

impl From<Raw> for PaceRow {
    fn from(raw: Raw) -> Self {
        Self {
            since: UnixMs(raw.since_at),
            last_at: raw.last_at.map(UnixMs),
            busy_until: UnixMs(raw.busy_until_at),
            locked_until: raw.locked_until_at.map(UnixMs),
            locks: raw.locks,
            breaker: Breaker {
                failures: raw.failures,
                since: raw.failing_since_at.map(UnixMs),
                open_until: raw.rests_until_at.map(UnixMs),
                rests: raw.rests,
            },
        }
    }
}

pub async fn find(conn: &mut Conn, tenant: &TenantId) -> Result<Option<PaceRow>, Error> {
    let row: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).fetch_optional(c).await)?;
    Ok(row.map(Into::into))
}

/// A number was linked; `true` when its history begins now.
pub async fn set_number(
    conn: &mut Conn,
    tenant: &TenantId,
    phone_hash: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(SET_NUMBER).bind(tenant.as_str()).bind(phone_hash).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// A message to a client is about to leave.
pub async fn mark_tried(
    conn: &mut Conn,
    tenant: &TenantId,
    busy_until: UnixMs,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_TRIED).bind(tenant.as_str()).bind(now.0).bind(busy_until.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Until when WhatsApp lets the number begin no chat, as far as we can tell; once more than before.
pub async fn set_lock(conn: &mut Conn, tenant: &TenantId, until: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_LOCK).bind(tenant.as_str()).bind(until.0).execute(c).await.map(drop))?;
    Ok(())
}

/// A stranger took a message: whatever WhatsApp had against it is over.
pub async fn forget_locks(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(FORGET_LOCKS).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

/// The number was restricted: it starts slowly again.
pub async fn restart(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(RESTART).bind(tenant.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn set_breaker(conn: &mut Conn, tenant: &TenantId, breaker: Breaker) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_BREAKER).bind(tenant.as_str()).bind(breaker.failures)
        .bind(breaker.since.map(|at| at.0)).bind(breaker.open_until.map(|at| at.0)).bind(breaker.rests).execute(c).await.map(drop))?;
    Ok(())
}

/// WhatsApp took a message: whatever failed before is over.
pub async fn mark_worked(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_WORKED).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
