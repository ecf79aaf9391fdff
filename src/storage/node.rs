//! The processes of ours that share this database.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::NodeId;

const JOIN: &str =
    "INSERT INTO node (id, beat, sessions, joined_at) VALUES ($1, 0, 0, $2) ON CONFLICT DO NOTHING";
const BEAT: &str = "UPDATE node SET beat = beat + 1, sessions = $2 WHERE id = $1";
const LIST: &str = "SELECT id, beat, sessions FROM node ORDER BY id";
/// Only as it was seen: one that moved meanwhile lives.
const REMOVE_STILL: &str = "DELETE FROM node WHERE id = $1 AND beat = $2";
const LEAVE: &str = "DELETE FROM node WHERE id = $1";
const REMOVE_OTHERS: &str = "DELETE FROM node WHERE id <> $1";

pub const SQL: &[&str] = &[JOIN, BEAT, LIST, REMOVE_STILL, LEAVE, REMOVE_OTHERS];

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct NodeRow {
    pub id: String,
    pub beat: i64,
    pub sessions: i64,
}

pub async fn join(conn: &mut Conn, id: &NodeId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(JOIN).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Says that the node lives; `false` when the others gave it up.
pub async fn beat(conn: &mut Conn, id: &NodeId, sessions: i64) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(BEAT).bind(id.as_str()).bind(sessions).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn list(conn: &mut Conn) -> Result<Vec<NodeRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(LIST).fetch_all(c).await)?)
}

/// Gives a node up that was seen to stand still at `beat`; `false` when it has moved since.
pub async fn remove_still(conn: &mut Conn, id: &str, beat: i64) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(REMOVE_STILL).bind(id).bind(beat).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// The node ends: whatever it held is free.
pub async fn leave(conn: &mut Conn, id: &NodeId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(LEAVE).bind(id.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

/// For a process that has the database to itself: whoever else stands here is gone. Says how many.
pub async fn remove_others(conn: &mut Conn, id: &NodeId) -> Result<u64, Error> {
    Ok(
        on!(conn, c => sqlx::query(REMOVE_OTHERS).bind(id.as_str()).execute(c).await.map(|d| d.rows_affected()))?,
    )
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
