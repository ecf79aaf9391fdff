//! Alerts for the operator.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::alert::AlertKind;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::AlertId;

const INSERT: &str = "INSERT INTO alert (id, tenant_id, kind, fact, detail, created_at, told_at) \
     VALUES ($1, $2, $3, $4, $5, $6, NULL) ON CONFLICT (tenant_id, fact) DO NOTHING";
const FIND: &str = "SELECT kind, detail, created_at, told_at FROM alert WHERE tenant_id = $1 AND id = $2";
const MARK_TOLD: &str = "UPDATE alert SET told_at = $3 WHERE tenant_id = $1 AND id = $2 AND told_at IS NULL";

pub const SQL: &[&str] = &[INSERT, FIND, MARK_TOLD];

/// `tenant` is '' for the platform's own.
#[derive(Debug, Clone)]
pub struct NewAlert<'a> {
    pub id: &'a AlertId,
    pub tenant: &'a str,
    pub kind: AlertKind,
    pub fact: &'a str,
    pub detail: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AlertRow {
    pub kind: String,
    pub detail: String,
    pub created_at: i64,
    pub told_at: Option<i64>,
}

/// `false` when this very fact stands already.
pub async fn insert(conn: &mut Conn, new: &NewAlert<'_>, now: UnixMs) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(INSERT).bind(new.id.as_str()).bind(new.tenant).bind(new.kind.as_str())
        .bind(new.fact).bind(new.detail).bind(now.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn find(conn: &mut Conn, tenant: &str, id: &AlertId) -> Result<Option<AlertRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(FIND).bind(tenant).bind(id.as_str()).fetch_optional(c).await)?)
}

pub async fn mark_told(conn: &mut Conn, tenant: &str, id: &AlertId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_TOLD).bind(tenant).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
