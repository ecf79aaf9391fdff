//! Whom a salon's number knows. A client is a keyed hash here, never a number.

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

/// A message to a stranger begins the chat, however often it has to be tried.
const MARK_TRIED: &str = "INSERT INTO chat (tenant_id, peer, is_warm, tried_at, begun_at) VALUES ($1, $2, FALSE, $3, $3) \
     ON CONFLICT (tenant_id, peer) DO UPDATE SET tried_at = excluded.tried_at, \
     begun_at = CASE WHEN chat.is_warm THEN chat.begun_at ELSE excluded.begun_at END";
/// Most often it is warm already, and nothing is written.
const WARM: &str = "INSERT INTO chat (tenant_id, peer, is_warm) VALUES ($1, $2, TRUE) \
     ON CONFLICT (tenant_id, peer) DO UPDATE SET is_warm = TRUE WHERE NOT chat.is_warm";
/// Of a chat that was just tried.
const MARK_FOUND: &str = "UPDATE chat SET found_at = $3 WHERE tenant_id = $1 AND peer = $2";
const COOL: &str = "UPDATE chat SET is_warm = FALSE WHERE tenant_id = $1 AND peer = $2";
const LIST_BEGUN: &str =
    "SELECT begun_at FROM chat WHERE tenant_id = $1 AND begun_at > $2 ORDER BY begun_at DESC LIMIT $3";
const DELETE_ALL: &str = "DELETE FROM chat WHERE tenant_id = $1";

pub const SQL: &[&str] = &[MARK_TRIED, MARK_FOUND, WARM, COOL, LIST_BEGUN, DELETE_ALL];

/// A message to this client is about to leave.
pub async fn mark_tried(conn: &mut Conn, tenant: &TenantId, peer: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_TRIED).bind(tenant.as_str()).bind(peer).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// WhatsApp said that the client's number has it.
pub async fn mark_found(conn: &mut Conn, tenant: &TenantId, peer: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_FOUND).bind(tenant.as_str()).bind(peer).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// The client is no stranger; `true` when that is news.
pub async fn warm(conn: &mut Conn, tenant: &TenantId, peer: &str) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(WARM).bind(tenant.as_str()).bind(peer).execute(c).await
        .map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// WhatsApp treats the client as a stranger.
pub async fn cool(conn: &mut Conn, tenant: &TenantId, peer: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(COOL).bind(tenant.as_str()).bind(peer).execute(c).await.map(drop))?;
    Ok(())
}

/// When chats were begun after `since`, the oldest first; of more than `most` the newest.
pub async fn list_begun(
    conn: &mut Conn,
    tenant: &TenantId,
    since: UnixMs,
    most: i64,
) -> Result<Vec<UnixMs>, Error> {
    let rows: Vec<(i64,)> = on!(conn, c => sqlx::query_as(LIST_BEGUN).bind(tenant.as_str()).bind(since.0).bind(most)
        .fetch_all(c).await)?;
    Ok(rows.into_iter().rev().map(|(at,)| UnixMs(at)).collect())
}

/// Another number knows nobody yet.
pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "chat_tests.rs"]
mod tests;
