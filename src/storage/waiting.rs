//! The outbox as a salon's turn sees it: what waits, the nearest visit first; what is being sent; what came too late.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use super::outbox::About;
use crate::domain::message::MessageKind;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};

macro_rules! list {
    ($which:expr) => {
        concat!(
            "SELECT o.id, o.kind, o.record_id, o.reason, o.not_before_at, o.deadline_at, o.nearest_at, \
             c.is_warm, c.tried_at, c.found_at \
             FROM outbox AS o LEFT JOIN chat AS c ON c.tenant_id = o.tenant_id AND c.peer = o.peer \
             WHERE o.tenant_id = $1 AND o.state = 'planned' AND o.not_before_at <= $3",
            $which,
            " ORDER BY o.nearest_at, o.id LIMIT $2"
        )
    };
}
/// What was put off is not looked at: however many they are, nobody waits behind them.
const LIST: &str = list!("");
/// Whoever is no stranger, and what goes to the salon's own number.
const LIST_WARM: &str = list!(" AND (c.is_warm OR o.kind IN ('welcome', 'trial'))");
/// When the first of them is worse than silence: the index knows.
const FIRST_DEADLINE: &str = "SELECT MIN(deadline_at) FROM outbox WHERE tenant_id = $1 AND state = 'planned'";
const FIRST_PUT_OFF: &str =
    "SELECT MIN(not_before_at) FROM outbox WHERE tenant_id = $1 AND state = 'planned' AND not_before_at > $2";
const LIST_SENDING: &str = "SELECT id, updated_at FROM outbox WHERE tenant_id = $1 AND state = 'sending' ORDER BY updated_at, id LIMIT $2";
const LIST_STALE: &str = "SELECT id, record_id FROM outbox WHERE tenant_id = $1 AND state = 'planned' AND deadline_at <= $2 \
     ORDER BY deadline_at, id LIMIT $3";
const PUT_OFF: &str = "UPDATE outbox SET not_before_at = $3, attempts = $5, updated_at = $4 \
     WHERE tenant_id = $1 AND id = $2 AND state = 'planned'";
/// Only where it does not say so already: what it answers is news.
const NOTE: &str = "UPDATE outbox SET reason = $3, updated_at = $4 \
     WHERE tenant_id = $1 AND id = $2 AND state = 'planned' AND reason <> $3";
const COUNT_STALE: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = $1 AND state = 'expired' AND updated_at > $2";
const COUNT: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = $1 AND state = 'planned'";
/// Across tenants on purpose: salons that have something to say or to settle and no job that would.
const LIST_SILENT: &str = "SELECT tenant_id FROM (SELECT DISTINCT tenant_id FROM outbox WHERE state = 'planned' \
     UNION SELECT DISTINCT tenant_id FROM outbox WHERE state = 'sending') AS t \
     WHERE NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND subject = t.tenant_id AND state = 'ready') \
     AND NOT EXISTS (SELECT 1 FROM job WHERE lane = t.tenant_id || ':session' AND state = 'leased') \
     AND NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND subject = t.tenant_id AND state = 'parked') LIMIT $2";

pub const SQL: &[&str] = &[
    LIST,
    LIST_WARM,
    FIRST_DEADLINE,
    FIRST_PUT_OFF,
    LIST_SENDING,
    LIST_STALE,
    PUT_OFF,
    NOTE,
    COUNT,
    COUNT_STALE,
    LIST_SILENT,
];

/// A planned message, without its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRow {
    pub id: OutboxId,
    pub kind: MessageKind,
    pub record: Option<RecordId>,
    /// What it is noted to wait for; '' for nothing.
    pub reason: String,
    pub not_before: UnixMs,
    pub deadline: UnixMs,
    /// The nearest visit it is about.
    pub nearest: UnixMs,
    /// The client wrote to the salon, or took a message of its number.
    pub is_warm: bool,
    /// When the client was last sent something.
    pub client_at: Option<UnixMs>,
    /// When WhatsApp last said that the client's number has it.
    pub found_at: Option<UnixMs>,
}

#[derive(FromRow)]
struct Raw {
    id: String,
    kind: String,
    record_id: Option<i64>,
    reason: String,
    not_before_at: i64,
    deadline_at: i64,
    nearest_at: i64,
    is_warm: Option<bool>,
    tried_at: Option<i64>,
    found_at: Option<i64>,
}

impl TryFrom<Raw> for WaitingRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let kind = MessageKind::parse(&raw.kind).ok_or(Error::Inconsistent {
            table: "outbox",
            column: "kind",
            id: raw.id.clone(),
        })?;
        Ok(Self {
            id: OutboxId::from_stored(raw.id),
            kind,
            record: raw.record_id.map(RecordId),
            reason: raw.reason,
            not_before: UnixMs(raw.not_before_at),
            deadline: UnixMs(raw.deadline_at),
            nearest: UnixMs(raw.nearest_at),
            is_warm: raw.is_warm.unwrap_or(false),
            client_at: raw.tried_at.map(UnixMs),
            found_at: raw.found_at.map(UnixMs),
        })
    }
}

/// What waits and was not put off, the nearest visit first.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    now: UnixMs,
    limit: i64,
) -> Result<Vec<WaitingRow>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST)
        .bind(tenant.as_str()).bind(limit).bind(now.0).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The same, of those whose client is no stranger.
pub async fn list_warm(
    conn: &mut Conn,
    tenant: &TenantId,
    now: UnixMs,
    limit: i64,
) -> Result<Vec<WaitingRow>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_WARM)
        .bind(tenant.as_str()).bind(limit).bind(now.0).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// When the first of what waits is worse than silence; `None` when nothing waits.
pub async fn first_deadline(conn: &mut Conn, tenant: &TenantId) -> Result<Option<UnixMs>, Error> {
    let (at,): (Option<i64>,) =
        on!(conn, c => sqlx::query_as(FIRST_DEADLINE).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(at.map(UnixMs))
}

/// When the first of what was put off is due.
pub async fn first_put_off(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<Option<UnixMs>, Error> {
    let (at,): (Option<i64>,) =
        on!(conn, c => sqlx::query_as(FIRST_PUT_OFF).bind(tenant.as_str()).bind(now.0).fetch_one(c).await)?;
    Ok(at.map(UnixMs))
}

/// What is being sent, and since when, the longest first.
pub async fn list_sending(
    conn: &mut Conn,
    tenant: &TenantId,
    limit: i64,
) -> Result<Vec<(OutboxId, UnixMs)>, Error> {
    let rows: Vec<(String, i64)> =
        on!(conn, c => sqlx::query_as(LIST_SENDING).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id, at)| (OutboxId::from_stored(id), UnixMs(at))).collect())
}

/// What is planned and worse than silence by now.
pub async fn list_stale(
    conn: &mut Conn,
    tenant: &TenantId,
    now: UnixMs,
    limit: i64,
) -> Result<Vec<About>, Error> {
    let rows: Vec<(String, Option<i64>)> = on!(conn, c => sqlx::query_as(LIST_STALE)
        .bind(tenant.as_str()).bind(now.0).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id, record)| (OutboxId::from_stored(id), record.map(RecordId))).collect())
}

/// A message was tried so often, and is not tried again before `not_before`.
pub async fn put_off(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &OutboxId,
    (not_before, attempts): (UnixMs, i64),
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(PUT_OFF)
        .bind(tenant.as_str()).bind(id.as_str()).bind(not_before.0).bind(now.0).bind(attempts)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Notes what a message waits for; `false` when it was known.
pub async fn note(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &OutboxId,
    reason: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(NOTE).bind(tenant.as_str()).bind(id.as_str()).bind(reason).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// How many messages wait.
pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) = on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

/// How many messages were dropped since then because their time had passed.
pub async fn count_stale(conn: &mut Conn, tenant: &TenantId, since: UnixMs) -> Result<i64, Error> {
    let (count,): (i64,) =
        on!(conn, c => sqlx::query_as(COUNT_STALE).bind(tenant.as_str()).bind(since.0).fetch_one(c).await)?;
    Ok(count)
}

/// Salons with something to say or to settle that no job of `kind` rings for.
pub async fn list_silent(conn: &mut Conn, kind: &str, limit: i64) -> Result<Vec<TenantId>, Error> {
    let rows: Vec<(String,)> =
        on!(conn, c => sqlx::query_as(LIST_SILENT).bind(kind).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| TenantId::from_stored(id)).collect())
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
