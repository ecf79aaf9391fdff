//! How often something was asked for. What is asked for is counted in the statement that allows it, so that many at once are no
//! more than one after another.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::client_door::{Limit, Used};
use crate::kernel::clock::UnixMs;

/// No row in the answer means no. Whoever asked a moment earlier and is counted later is no reason to begin anew; a clock that was far
/// ahead has been set right, and nobody waits for it to come true.
const TAKE: &str = "INSERT INTO allowance (id, began_at, used, last_at) VALUES ($1, $2, 1, $2) \
     ON CONFLICT (id) DO UPDATE SET \
     last_at = CASE WHEN allowance.last_at > $2 AND allowance.last_at <= $6 THEN allowance.last_at ELSE $2 END, \
     used = CASE WHEN allowance.began_at <= $3 OR allowance.last_at > $6 THEN 1 ELSE allowance.used + 1 END, \
     began_at = CASE WHEN allowance.began_at <= $3 OR allowance.last_at > $6 THEN $2 ELSE allowance.began_at END \
     WHERE allowance.last_at > $6 OR ((allowance.began_at <= $3 OR allowance.used < $4) AND allowance.last_at <= $5) \
     RETURNING used";
/// No two clocks of ours are so far apart.
const WRONG_CLOCK_MS: i64 = 10 * 60_000;
const FIND: &str = "SELECT began_at, used, last_at FROM allowance WHERE id = $1";
const DELETE_OLD: &str = "DELETE FROM allowance WHERE id IN (SELECT id FROM allowance WHERE last_at < $1 ORDER BY last_at LIMIT $2)";

pub const SQL: &[&str] = &[TAKE, FIND, DELETE_OLD];

#[derive(FromRow)]
struct Raw {
    began_at: i64,
    used: i64,
    last_at: i64,
}

/// Takes one; `false` when there is none left, or the last was taken a moment ago.
pub async fn take(conn: &mut Conn, id: &str, limit: &Limit, now: UnixMs) -> Result<bool, Error> {
    let hour = now.plus_ms(-limit.window_ms);
    // Without a gap nobody is too early, also who asked before the last one did.
    let gap = if limit.gap_ms == 0 { UnixMs(i64::MAX) } else { now.plus_ms(-limit.gap_ms) };
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(TAKE).bind(id).bind(now.0).bind(hour.0).bind(limit.most).bind(gap.0)
        .bind(now.plus_ms(WRONG_CLOCK_MS).0).fetch_optional(c).await)?;
    Ok(row.is_some())
}

pub async fn find(conn: &mut Conn, id: &str) -> Result<Option<Used>, Error> {
    let row: Option<Raw> = on!(conn, c => sqlx::query_as(FIND).bind(id).fetch_optional(c).await)?;
    Ok(row.map(|row| Used { began: UnixMs(row.began_at), used: row.used, last: UnixMs(row.last_at) }))
}

pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(DELETE_OLD).bind(before.0).bind(limit).execute(c).await
        .map(|d| d.rows_affected()))?)
}

#[cfg(test)]
#[path = "allowance_tests.rs"]
mod tests;
