//! Guesses at passwords and codes: counted before they are looked at, so that many at once are no more than one after another.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;

/// Counts a guess, unless nothing is looked at now: then there is no row in the answer. After a long quiet the count begins anew.
const COUNT: &str = "INSERT INTO guess (id, failures, last_at, rests_until_at) VALUES ($1, 1, $2, 0) \
     ON CONFLICT (id) DO UPDATE SET failures = CASE WHEN guess.last_at < $3 THEN 1 ELSE guess.failures + 1 END, \
     last_at = excluded.last_at WHERE guess.rests_until_at <= $2 RETURNING failures";
const REST: &str = "UPDATE guess SET rests_until_at = $2 WHERE id = $1";
const RESTS_UNTIL: &str = "SELECT rests_until_at FROM guess WHERE id = $1";
const FORGIVE: &str =
    "UPDATE guess SET failures = failures - 1, rests_until_at = 0 WHERE id = $1 AND failures > 0";
const CLEAR: &str = "DELETE FROM guess WHERE id = $1";
const DELETE_OLD: &str =
    "DELETE FROM guess WHERE id IN (SELECT id FROM guess WHERE last_at < $1 ORDER BY last_at LIMIT $2)";

pub const SQL: &[&str] = &[COUNT, REST, RESTS_UNTIL, FORGIVE, CLEAR, DELETE_OLD];

/// Counts a guess as failed; `None` while nothing is looked at. `forget_before`: a count last raised before then begins anew.
pub async fn count(
    conn: &mut Conn,
    id: &str,
    now: UnixMs,
    forget_before: UnixMs,
) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(COUNT).bind(id).bind(now.0).bind(forget_before.0)
        .fetch_optional(c).await)?;
    Ok(row.map(|(failures,)| failures))
}

/// Nothing is looked at until then.
pub async fn rest(conn: &mut Conn, id: &str, until: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(REST).bind(id).bind(until.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn rests_until(conn: &mut Conn, id: &str) -> Result<Option<UnixMs>, Error> {
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(RESTS_UNTIL).bind(id).fetch_optional(c).await)?;
    Ok(row.map(|(at,)| UnixMs(at)))
}

/// The guess was right after all: the last count is taken back.
pub async fn forgive(conn: &mut Conn, id: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(FORGIVE).bind(id).execute(c).await.map(drop))?;
    Ok(())
}

/// All that was counted is forgotten.
pub async fn clear(conn: &mut Conn, id: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(CLEAR).bind(id).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(DELETE_OLD).bind(before.0).bind(limit).execute(c).await
        .map(|d| d.rows_affected()))?)
}

#[cfg(test)]
#[path = "guess_tests.rs"]
mod tests;
