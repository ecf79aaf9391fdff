//! Who runs a salon's WhatsApp session: a lease with an epoch. Whoever writes keys or sends names the epoch it was given, and is
//! refused once it is another's: a process that slept through its own end can do nothing.

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::session::Lease;
use crate::kernel::id::{NodeId, TenantId};

/// Free is what nobody holds, or a node that is gone. A node takes what is its own anew: its former run of the session has ended.
const TAKE: &str = "INSERT INTO session_lease (tenant_id, node, epoch) SELECT $1, $2, 1 FROM node WHERE id = $2 \
     ON CONFLICT (tenant_id) DO UPDATE SET node = excluded.node, epoch = session_lease.epoch + 1 \
     WHERE session_lease.node IN ('', excluded.node) OR NOT EXISTS (SELECT 1 FROM node WHERE node.id = session_lease.node) \
     RETURNING epoch";
const GIVE_BACK: &str =
    "UPDATE session_lease SET node = '' WHERE tenant_id = $1 AND node = $2 AND epoch = $3";
const GUARD: &str = "SELECT epoch FROM session_lease WHERE tenant_id = $1 AND node = $2 AND epoch = $3";
/// The same, and nobody takes it over before the unit of work ends. (SQLite has one writer: nobody could.)
const GUARD_POSTGRES: &str =
    "SELECT epoch FROM session_lease WHERE tenant_id = $1 AND node = $2 AND epoch = $3 FOR SHARE";
const IS_ELSEWHERE: &str = "SELECT l.epoch FROM session_lease AS l JOIN node AS n ON n.id = l.node WHERE l.tenant_id = $1 AND l.node <> $2";

pub const SQL: &[&str] = &[TAKE, GIVE_BACK, GUARD, IS_ELSEWHERE];

/// Takes the session for a node; `None` while another node that lives holds it, or when this one was given up.
pub async fn take(conn: &mut Conn, tenant: &TenantId, node: &NodeId) -> Result<Option<Lease>, Error> {
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(TAKE).bind(tenant.as_str()).bind(node.as_str())
        .fetch_optional(c).await)?;
    Ok(row.map(|(epoch,)| Lease { tenant: tenant.clone(), node: node.clone(), epoch }))
}

/// Gives the session back, if it is still held under this lease.
pub async fn give_back(conn: &mut Conn, lease: &Lease) -> Result<(), Error> {
    on!(conn, c => sqlx::query(GIVE_BACK).bind(lease.tenant.as_str()).bind(lease.node.as_str()).bind(lease.epoch)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Whether the lease still stands; it then does until the unit of work ends.
pub async fn guard(conn: &mut Conn, lease: &Lease) -> Result<bool, Error> {
    let sql = if conn.is_postgres() { GUARD_POSTGRES } else { GUARD };
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(sql).bind(lease.tenant.as_str()).bind(lease.node.as_str())
        .bind(lease.epoch).fetch_optional(c).await)?;
    Ok(row.is_some())
}

/// Whether another node that lives runs the session.
pub async fn is_elsewhere(conn: &mut Conn, tenant: &TenantId, node: &NodeId) -> Result<bool, Error> {
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(IS_ELSEWHERE).bind(tenant.as_str()).bind(node.as_str())
        .fetch_optional(c).await)?;
    Ok(row.is_some())
}

#[cfg(test)]
#[path = "session_lease_tests.rs"]
mod tests;
