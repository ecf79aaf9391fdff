//! What a check of a salon counts: records by their state, those that are nobody's, the newest of them, and one hook's fate.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{InboxId, TenantId};

/// A record that the books have not kept yet has no state.
const RECORDS: &str = "SELECT status, CAST(COUNT(*) AS BIGINT) FROM record WHERE tenant_id = $1 GROUP BY status ORDER BY status";
const UNMATCHED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM record WHERE tenant_id = $1 AND matched IN ('ambiguous', 'no_contact')";
const NEWEST: &str = "SELECT record_id, starts_at, status, matched FROM record WHERE tenant_id = $1 ORDER BY record_id DESC LIMIT $2";
/// Ids grow with time: only what arrived since is looked through.
const HOOK: &str = "SELECT received_at, absorbed_at, outcome FROM inbox \
     WHERE tenant_id = $1 AND id > $2 AND resource = $3 AND resource_id = $4 ORDER BY id DESC LIMIT 1";

pub const SQL: &[&str] = &[RECORDS, UNMATCHED, NEWEST, HOOK];

/// A record in a list that is read on a terminal.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Newest {
    pub record_id: i64,
    pub starts_at: Option<i64>,
    pub status: String,
    pub matched: String,
}

/// What became of a hook. Instants are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Fate {
    pub received_at: i64,
    pub absorbed_at: Option<i64>,
    pub outcome: Option<String>,
}

pub async fn records(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<(String, i64)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(RECORDS).bind(tenant.as_str()).fetch_all(c).await)?)
}

pub async fn unmatched(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) =
        on!(conn, c => sqlx::query_as(UNMATCHED).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

/// Those with the highest numbers: YClients counts upwards.
pub async fn newest(conn: &mut Conn, tenant: &TenantId, limit: i64) -> Result<Vec<Newest>, Error> {
    Ok(on!(conn, c => sqlx::query_as(NEWEST).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?)
}

/// The last hook of a resource that arrived since; `None` when there was none.
pub async fn hook(
    conn: &mut Conn,
    tenant: &TenantId,
    (resource, resource_id): (&str, i64),
    since: UnixMs,
) -> Result<Option<Fate>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(HOOK).bind(tenant.as_str()).bind(InboxId::new(since.plus_ms(-1)).as_str())
        .bind(resource).bind(resource_id).fetch_optional(c).await)?,
    )
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
