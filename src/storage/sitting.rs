//! Sittings: browsers that are signed in. A row is found by the hash of the token in the browser's cookie.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use super::login::Whose;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const INSERT: &str =
    "INSERT INTO sitting (id, tenant_id, login_id, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)";
/// Across tenants on purpose: the token says whose it is.
const FIND: &str = "SELECT * FROM sitting WHERE id = $1";
const TOUCH: &str = "UPDATE sitting SET seen_at = $3 WHERE tenant_id = $1 AND id = $2";
const DELETE: &str = "DELETE FROM sitting WHERE tenant_id = $1 AND id = $2";
const DELETE_OTHERS: &str = "DELETE FROM sitting WHERE tenant_id = $1 AND login_id = $2 AND id <> $3";
const DELETE_ALL: &str = "DELETE FROM sitting WHERE tenant_id = $1";
/// Across tenants on purpose: a batch of whatever is over.
const DELETE_OLD: &str =
    "DELETE FROM sitting WHERE id IN (SELECT id FROM sitting WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)";

pub const SQL: &[&str] = &[INSERT, FIND, TOUCH, DELETE, DELETE_OTHERS, DELETE_ALL, DELETE_OLD];

#[derive(Debug, Clone, FromRow)]
pub struct SittingRow {
    pub id: String,
    /// '' for an operator's.
    pub tenant_id: String,
    pub login_id: String,
    pub created_at: i64,
    pub seen_at: i64,
}

pub async fn insert(conn: &mut Conn, id: &str, (tenant, login): Whose<'_>, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(INSERT).bind(id).bind(tenant).bind(login.as_str()).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<SittingRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(FIND).bind(id).fetch_optional(c).await)?)
}

/// It shows a sign of life.
pub async fn touch(conn: &mut Conn, tenant: &str, id: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(TOUCH).bind(tenant).bind(id).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, tenant: &str, id: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE).bind(tenant).bind(id).execute(c).await.map(drop))?;
    Ok(())
}

/// Ends a person's sittings but this one; '' ends all.
pub async fn delete_others(conn: &mut Conn, (tenant, login): Whose<'_>, kept: &str) -> Result<u64, Error> {
    Ok(
        on!(conn, c => sqlx::query(DELETE_OTHERS).bind(tenant).bind(login.as_str()).bind(kept).execute(c).await
        .map(|d| d.rows_affected()))?,
    )
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(DELETE_OLD).bind(before.0).bind(limit).execute(c).await
        .map(|d| d.rows_affected()))?)
}

#[cfg(test)]
#[path = "sitting_tests.rs"]
mod tests;
