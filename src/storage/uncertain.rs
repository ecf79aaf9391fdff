//! Messages by state, for people to look through; and the word of a person where nobody can say whether a message left.

use super::db::{Conn, on};
use super::error::Error;
use super::outbox::{OutboxRow, Raw};
use crate::domain::message::OutboxState;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{OutboxId, TenantId};

const LIST: &str =
    "SELECT * FROM outbox WHERE tenant_id = $1 AND state = $2 AND id > $3 ORDER BY id LIMIT $4";
const COUNT: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = $1 AND state = 'uncertain'";
/// Only from `uncertain`: a sign of life may have come before the person.
const SETTLE: &str = "UPDATE outbox SET state = $3, reason = $4, updated_at = $5, \
     sent_at = CASE WHEN $3 = 'sent' AND sent_at IS NULL THEN $5 ELSE sent_at END \
     WHERE tenant_id = $1 AND id = $2 AND state = 'uncertain'";

pub const SQL: &[&str] = &[LIST, COUNT, SETTLE];

/// Messages in a state, the oldest first; the last id of a page is where the next begins, '' is the beginning.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    state: OutboxState,
    after: &str,
    limit: i64,
) -> Result<Vec<OutboxRow>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST).bind(tenant.as_str()).bind(state.as_str()).bind(after)
        .bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// How many wait for a person's word.
pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) = on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

/// Writes what a person said; `false` when nobody is in doubt any more.
pub async fn settle(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &OutboxId,
    state: OutboxState,
    reason: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(SETTLE)
        .bind(tenant.as_str()).bind(id.as_str()).bind(state.as_str()).bind(reason).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

#[cfg(test)]
#[path = "uncertain_tests.rs"]
mod tests;
