//! Browsers and programs on which a client is signed in. A row is found by the hash of the token they hold.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{ClientKey, TenantId};

const INSERT: &str = "INSERT INTO client_sitting (id, tenant_id, client_id, phone, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $5)";
/// Across tenants on purpose: the token says whose it is.
const FIND: &str = "SELECT * FROM client_sitting WHERE id = $1";
const TOUCH: &str = "UPDATE client_sitting SET seen_at = $3 WHERE tenant_id = $1 AND id = $2";
const DELETE: &str = "DELETE FROM client_sitting WHERE tenant_id = $1 AND id = $2";
const DELETE_ALL: &str = "DELETE FROM client_sitting WHERE tenant_id = $1";
/// Across tenants on purpose: a batch of whatever is over.
const DELETE_OLD: &str = "DELETE FROM client_sitting WHERE id IN \
     (SELECT id FROM client_sitting WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)";

pub const SQL: &[&str] = &[INSERT, FIND, TOUCH, DELETE, DELETE_ALL, DELETE_OLD];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSittingRow {
    pub id: String,
    pub tenant: TenantId,
    pub client: ClientKey,
    /// Hash of the number the code went to.
    pub phone: String,
    pub created_at: UnixMs,
    pub seen_at: UnixMs,
}

#[derive(FromRow)]
struct Raw {
    id: String,
    tenant_id: String,
    client_id: String,
    phone: String,
    created_at: i64,
    seen_at: i64,
}

pub async fn insert(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    (client, phone): (&ClientKey, &str),
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(INSERT).bind(id).bind(tenant.as_str()).bind(client.as_str()).bind(phone).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<ClientSittingRow>, Error> {
    let raw: Option<Raw> = on!(conn, c => sqlx::query_as(FIND).bind(id).fetch_optional(c).await)?;
    Ok(raw.map(|raw| ClientSittingRow {
        id: raw.id,
        tenant: TenantId::from_stored(raw.tenant_id),
        client: ClientKey::from_stored(raw.client_id),
        phone: raw.phone,
        created_at: UnixMs(raw.created_at),
        seen_at: UnixMs(raw.seen_at),
    }))
}

/// It shows a sign of life.
pub async fn touch(conn: &mut Conn, tenant: &TenantId, id: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(TOUCH).bind(tenant.as_str()).bind(id).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete(conn: &mut Conn, tenant: &TenantId, id: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE).bind(tenant.as_str()).bind(id).execute(c).await.map(drop))?;
    Ok(())
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
#[path = "client_sitting_tests.rs"]
mod tests;
