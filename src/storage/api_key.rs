//! Which salon an API key is of, by its hash.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::id::TenantId;

const FIND: &str = "SELECT id FROM tenant WHERE api_key_hash = $1 AND api_key_hash <> ''";
/// Across tenants on purpose: keys that were never looked for.
const LIST_UNHASHED: &str = "SELECT id, api_key FROM tenant WHERE api_key <> '' AND api_key_hash = '' AND id > $1 ORDER BY id LIMIT $2";
/// A salon that came back meanwhile has another key.
const SET_HASH: &str = "UPDATE tenant SET api_key_hash = $2 WHERE id = $1 AND api_key = $3";

pub const SQL: &[&str] = &[FIND, LIST_UNHASHED, SET_HASH];

/// Whose key has this hash.
pub async fn find(conn: &mut Conn, hash: &str) -> Result<Option<TenantId>, Error> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(FIND).bind(hash).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| TenantId::from_stored(id)))
}

/// Salons whose key has no hash yet, and the key, sealed.
pub async fn list_unhashed(
    conn: &mut Conn,
    after: &str,
    limit: i64,
) -> Result<Vec<(TenantId, String)>, Error> {
    let rows: Vec<(String, String)> =
        on!(conn, c => sqlx::query_as(LIST_UNHASHED).bind(after).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id, sealed)| (TenantId::from_stored(id), sealed)).collect())
}

/// Notes the hash of a key, if it is still this one.
pub async fn set_hash(conn: &mut Conn, id: &TenantId, hash: &str, sealed: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_HASH).bind(id.as_str()).bind(hash).bind(sealed).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "api_key_tests.rs"]
mod tests;
