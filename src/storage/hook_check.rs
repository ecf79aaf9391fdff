//! What was last seen of each salon's hook settings in the CRM.

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::sync::HookCheck;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const SET: &str = "INSERT INTO hook_check (tenant_id, outcome, checked_at) VALUES ($1, $2, $3) \
     ON CONFLICT (tenant_id) DO UPDATE SET outcome = excluded.outcome, checked_at = excluded.checked_at";
const FIND: &str = "SELECT outcome, checked_at FROM hook_check WHERE tenant_id = $1";

pub const SQL: &[&str] = &[SET, FIND];

pub async fn set(conn: &mut Conn, tenant: &TenantId, outcome: HookCheck, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET).bind(tenant.as_str()).bind(outcome.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find(conn: &mut Conn, tenant: &TenantId) -> Result<Option<(HookCheck, UnixMs)>, Error> {
    let row: Option<(String, i64)> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).fetch_optional(c).await)?;
    let Some((outcome, at)) = row else { return Ok(None) };
    let bad = || Error::Inconsistent { table: "hook_check", column: "outcome", id: tenant.to_string() };
    Ok(Some((HookCheck::parse(&outcome).ok_or_else(bad)?, UnixMs(at))))
}

#[cfg(test)]
#[path = "hook_check_tests.rs"]
mod tests;
