//! A linking under way: what its pages show, and what a page asks of the node that runs it.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{NodeId, TenantId};

const SHOW: &str = "INSERT INTO pairing (tenant_id, node, shown, asked, changed_at) VALUES ($1, $2, $3, '', $4) \
     ON CONFLICT (tenant_id) DO UPDATE SET node = excluded.node, shown = excluded.shown, changed_at = excluded.changed_at";
const CLEAR: &str = "UPDATE pairing SET shown = '', changed_at = $2 WHERE tenant_id = $1 AND shown <> ''";
const FORGET: &str = "DELETE FROM pairing WHERE tenant_id = $1";
const FIND: &str = "SELECT p.shown, EXISTS (SELECT 1 FROM node AS n WHERE n.id = p.node) AS alive FROM pairing AS p \
     WHERE p.tenant_id = $1 AND p.shown <> ''";
const ASK: &str = "INSERT INTO pairing (tenant_id, node, shown, asked, changed_at) VALUES ($1, '', '', $2, $3) \
     ON CONFLICT (tenant_id) DO UPDATE SET asked = excluded.asked";
const TAKE_ASKED: &str = "UPDATE pairing SET asked = '' WHERE tenant_id = $1 AND asked = $2";
const ASKED: &str = "SELECT asked FROM pairing WHERE tenant_id = $1 AND asked <> ''";

pub const SQL: &[&str] = &[SHOW, CLEAR, FORGET, FIND, ASK, TAKE_ASKED, ASKED];

/// What pages show from now on; `shown` is sealed.
pub async fn show(
    conn: &mut Conn,
    tenant: &TenantId,
    node: &NodeId,
    shown: &str,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SHOW).bind(tenant.as_str()).bind(node.as_str()).bind(shown).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn clear(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(CLEAR).bind(tenant.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Whoever sealed it is gone, and so is the key.
pub async fn forget(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(FORGET).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

/// What pages show, sealed, and whether the node that wrote it lives.
pub async fn find(conn: &mut Conn, tenant: &TenantId) -> Result<Option<(String, bool)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).fetch_optional(c).await)?)
}

/// Leaves a wish, sealed, for the session's node. A newer wish takes an older one's place.
pub async fn ask(conn: &mut Conn, tenant: &TenantId, asked: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(ASK).bind(tenant.as_str()).bind(asked).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn asked(conn: &mut Conn, tenant: &TenantId) -> Result<Option<String>, Error> {
    let row: Option<(String,)> =
        on!(conn, c => sqlx::query_as(ASKED).bind(tenant.as_str()).fetch_optional(c).await)?;
    Ok(row.map(|(asked,)| asked))
}

/// The wish was heard; one that came meanwhile stays.
pub async fn take_asked(conn: &mut Conn, tenant: &TenantId, asked: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(TAKE_ASKED).bind(tenant.as_str()).bind(asked).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "pairing_tests.rs"]
mod tests;
