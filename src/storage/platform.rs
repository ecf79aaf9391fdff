//! The platform's own data key, sealed: for what belongs to no company.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;

const FIND: &str = "SELECT data_key FROM platform WHERE id = 'platform'";
/// Two processes may begin at once: the first key stays.
const INSERT: &str =
    "INSERT INTO platform (id, data_key, created_at) VALUES ('platform', $1, $2) ON CONFLICT (id) DO NOTHING";

pub const SQL: &[&str] = &[FIND, INSERT];

pub async fn find(conn: &mut Conn) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(FIND).fetch_optional(c).await)?;
    Ok(row.map(|(key,)| key))
}

/// `false` when there is a key already.
pub async fn insert(conn: &mut Conn, data_key: &str, now: UnixMs) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(INSERT).bind(data_key).bind(now.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

#[cfg(test)]
#[path = "platform_tests.rs"]
mod tests;
