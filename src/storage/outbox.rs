//! The outbox: what we intend to say. One row per intent, its WhatsApp id fixed before the first attempt.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};

/// The same intent again is the same row; one that had been withdrawn is taken up again, with the words of now: what its client
/// was told before it may be another thing than it was.
const PLAN: &str = "INSERT INTO outbox (id, tenant_id, intent, kind, record_id, recipient, text, told, told_before, message_id, state, \
     ticks, reason, not_before_at, deadline_at, attempts, created_at, updated_at, peer, nearest_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $13, $9, 'planned', 'none', '', $10, $11, 0, $12, $12, $14, $15) \
     ON CONFLICT (tenant_id, intent) DO UPDATE SET state = 'planned', reason = '', updated_at = excluded.updated_at, \
     text = excluded.text, told = excluded.told, told_before = excluded.told_before, not_before_at = excluded.not_before_at, \
     deadline_at = excluded.deadline_at, nearest_at = excluded.nearest_at, attempts = 0 \
     WHERE outbox.state = 'cancelled' RETURNING id";
const FIND: &str = "SELECT * FROM outbox WHERE tenant_id = $1 AND id = $2";
const FIND_INTENT: &str = "SELECT * FROM outbox WHERE tenant_id = $1 AND intent = $2";
const FIND_MESSAGE: &str = "SELECT * FROM outbox WHERE tenant_id = $1 AND message_id = $2";
const WITHDRAW: &str = "UPDATE outbox SET state = 'cancelled', reason = 'superseded', updated_at = $4 \
     WHERE tenant_id = $1 AND record_id = $2 AND state = 'planned' AND intent <> $3 AND told <> '' \
     AND NOT EXISTS (SELECT 1 FROM outbox AS standing WHERE standing.tenant_id = $1 AND standing.intent = $3 AND standing.told = '') \
     RETURNING id";
/// Codes to sign in with that wait for one client.
const WITHDRAW_CODES: &str = "UPDATE outbox SET state = 'cancelled', reason = 'superseded', updated_at = $3 \
     WHERE tenant_id = $1 AND peer = $2 AND kind = 'sign_in_code' AND state = 'planned' RETURNING id";
const HOLD: &str = "UPDATE outbox SET updated_at = updated_at WHERE tenant_id = $1 AND record_id = $2 AND state = 'planned' \
     RETURNING id, recipient, told";
/// Only from `planned`: of two workers that read the same planned row, one begins.
const BEGIN_SENDING: &str = "UPDATE outbox SET state = 'sending', attempts = attempts + 1, updated_at = $3 \
     WHERE tenant_id = $1 AND id = $2 AND state = 'planned'";
const SETTLE: &str = "UPDATE outbox SET state = $3, reason = $4, updated_at = $5, \
     sent_at = CASE WHEN $3 = 'sent' AND sent_at IS NULL THEN $5 ELSE sent_at END \
     WHERE tenant_id = $1 AND id = $2 AND state IN ('planned', 'sending')";
const REFUSED: &str = "UPDATE outbox SET state = 'failed', reason = $3, updated_at = $4 \
     WHERE tenant_id = $1 AND message_id = $2 AND state IN ('sending', 'sent') AND ticks = 'none'";
/// Ranks are compared here, not only by the caller: the row it read may be older than what stands.
/// A sign of life also settles what nobody could say, and what a person said against it.
const RAISE_TICKS: &str = "UPDATE outbox SET ticks = $3, updated_at = $4, \
     sent_at = CASE WHEN state = 'uncertain' OR (state = 'failed' AND reason IN ('person_not_sent', 'person_again')) THEN $4 ELSE sent_at END, \
     reason = CASE WHEN state = 'uncertain' OR (state = 'failed' AND reason IN ('person_not_sent', 'person_again')) THEN 'seen_by_receipt' ELSE reason END, \
     state = CASE WHEN state = 'uncertain' OR (state = 'failed' AND reason IN ('person_not_sent', 'person_again')) THEN 'sent' ELSE state END, \
     delivered_at = CASE WHEN $3 IN ('delivered', 'read') AND delivered_at IS NULL THEN $4 ELSE delivered_at END, \
     read_at = CASE WHEN $3 = 'read' AND read_at IS NULL THEN $4 ELSE read_at END \
     WHERE tenant_id = $1 AND id = $2 \
     AND CASE ticks WHEN 'none' THEN 0 WHEN 'server' THEN 1 WHEN 'delivered' THEN 2 ELSE 3 END < $5";
const WITHDRAW_ALL: &str = "UPDATE outbox SET state = 'cancelled', reason = $2, updated_at = $3 WHERE tenant_id = $1 AND state = 'planned' \
     RETURNING id, record_id";
/// Only where it does not say so already: what it answers is news.
const NOTE_WAITING: &str = "UPDATE outbox SET reason = $2, updated_at = $3 WHERE tenant_id = $1 AND state = 'planned' AND reason <> $2 \
     RETURNING id, record_id";
const LIST_RECENT: &str =
    "SELECT * FROM outbox WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2";
const LAST_SENT: &str = "SELECT MAX(sent_at) FROM outbox WHERE tenant_id = $1 AND sent_at IS NOT NULL";
const COUNT: &str = "SELECT state, CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = $1 GROUP BY state";
const DELETE_ALL: &str = "DELETE FROM outbox WHERE tenant_id = $1";

pub const SQL: &[&str] = &[
    PLAN,
    FIND,
    FIND_INTENT,
    FIND_MESSAGE,
    HOLD,
    WITHDRAW,
    WITHDRAW_CODES,
    BEGIN_SENDING,
    SETTLE,
    REFUSED,
    RAISE_TICKS,
    WITHDRAW_ALL,
    NOTE_WAITING,
    LIST_RECENT,
    LAST_SENT,
    COUNT,
    DELETE_ALL,
];

/// A message to be planned; `recipient`, `text` and `told` are sealed.
#[derive(Debug, Clone)]
pub struct NewOutbox {
    pub id: OutboxId,
    /// What it is about and which version of it: the key that makes one effect of it.
    pub intent: String,
    pub kind: MessageKind,
    pub record: Option<RecordId>,
    pub recipient: String,
    /// Keyed hash of the recipient: whose chat it belongs to.
    pub peer: String,
    pub text: String,
    /// Sealed: what the client will know once it is sent, and what it knew before; '' for nothing.
    pub told: String,
    pub told_before: String,
    pub message_id: String,
    pub not_before: UnixMs,
    pub deadline: UnixMs,
    /// The nearest visit it is about: of a move, the one it is moved from or the one it is moved to.
    pub nearest: UnixMs,
}

/// A planned, sent or settled message.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    pub id: OutboxId,
    pub intent: String,
    pub kind: MessageKind,
    pub record: Option<RecordId>,
    pub recipient: String,
    /// Keyed hash of the recipient: whose chat it belongs to.
    pub peer: String,
    pub text: String,
    /// Sealed: what the client will know once it is sent, and what it knew before; '' for nothing.
    pub told: String,
    pub told_before: String,
    pub message_id: String,
    pub state: OutboxState,
    pub ticks: Ticks,
    pub reason: String,
    pub not_before: UnixMs,
    pub deadline: UnixMs,
    pub attempts: i64,
    pub created_at: UnixMs,
    pub updated_at: UnixMs,
    pub sent_at: Option<UnixMs>,
    pub delivered_at: Option<UnixMs>,
    pub read_at: Option<UnixMs>,
}

/// A planned message that leaves no note at its record; `recipient` is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub id: OutboxId,
    pub recipient: String,
}

/// A message and the record it is about.
pub type About = (OutboxId, Option<RecordId>);

#[derive(FromRow)]
pub(super) struct Raw {
    id: String,
    intent: String,
    kind: String,
    record_id: Option<i64>,
    recipient: String,
    peer: String,
    text: String,
    told: String,
    told_before: String,
    message_id: String,
    state: String,
    ticks: String,
    reason: String,
    not_before_at: i64,
    deadline_at: i64,
    attempts: i64,
    created_at: i64,
    updated_at: i64,
    sent_at: Option<i64>,
    delivered_at: Option<i64>,
    read_at: Option<i64>,
}

impl TryFrom<Raw> for OutboxRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let bad = |column| Error::Inconsistent { table: "outbox", column, id: raw.id.clone() };
        Ok(Self {
            kind: MessageKind::parse(&raw.kind).ok_or_else(|| bad("kind"))?,
            state: OutboxState::parse(&raw.state).ok_or_else(|| bad("state"))?,
            ticks: Ticks::parse(&raw.ticks).ok_or_else(|| bad("ticks"))?,
            id: OutboxId::from_stored(raw.id),
            intent: raw.intent,
            record: raw.record_id.map(RecordId),
            recipient: raw.recipient,
            peer: raw.peer,
            text: raw.text,
            told: raw.told,
            told_before: raw.told_before,
            message_id: raw.message_id,
            reason: raw.reason,
            not_before: UnixMs(raw.not_before_at),
            deadline: UnixMs(raw.deadline_at),
            attempts: raw.attempts,
            created_at: UnixMs(raw.created_at),
            updated_at: UnixMs(raw.updated_at),
            sent_at: raw.sent_at.map(UnixMs),
            delivered_at: raw.delivered_at.map(UnixMs),
            read_at: raw.read_at.map(UnixMs),
        })
    }
}

/// Plans a message. `Some(id)` when it is to be sent now or later: a new row, or a withdrawn one taken up again. `None` when
/// this very intent stands already.
pub async fn plan(
    conn: &mut Conn,
    tenant: &TenantId,
    new: &NewOutbox,
    now: UnixMs,
) -> Result<Option<OutboxId>, Error> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(PLAN)
        .bind(new.id.as_str()).bind(tenant.as_str()).bind(&new.intent).bind(new.kind.as_str())
        .bind(new.record.map(|r| r.0)).bind(&new.recipient).bind(&new.text).bind(&new.told).bind(&new.message_id)
        .bind(new.not_before.0).bind(new.deadline.0).bind(now.0).bind(&new.told_before).bind(&new.peer)
        .bind(new.nearest.0)
        .fetch_optional(c).await)?;
    Ok(row.map(|(id,)| OutboxId::from_stored(id)))
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, id: &OutboxId) -> Result<Option<OutboxRow>, Error> {
    one(on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(id.as_str()).fetch_optional(c).await)?)
}

pub async fn find_intent(
    conn: &mut Conn,
    tenant: &TenantId,
    intent: &str,
) -> Result<Option<OutboxRow>, Error> {
    one(
        on!(conn, c => sqlx::query_as(FIND_INTENT).bind(tenant.as_str()).bind(intent).fetch_optional(c).await)?,
    )
}

pub async fn find_message(
    conn: &mut Conn,
    tenant: &TenantId,
    message_id: &str,
) -> Result<Option<OutboxRow>, Error> {
    one(
        on!(conn, c => sqlx::query_as(FIND_MESSAGE).bind(tenant.as_str()).bind(message_id).fetch_optional(c).await)?,
    )
}

fn one(row: Option<Raw>) -> Result<Option<OutboxRow>, Error> {
    row.map(TryInto::try_into).transpose()
}

/// Keeps what is planned for a record from being begun until the unit of work ends; one whose beginning is being written is
/// waited for. (SQLite has one writer: nothing else is written anyway.) Answers those that leave no note at the record.
pub async fn hold(conn: &mut Conn, tenant: &TenantId, record: RecordId) -> Result<Vec<Pending>, Error> {
    let rows: Vec<(String, String, String)> =
        on!(conn, c => sqlx::query_as(HOLD).bind(tenant.as_str()).bind(record.0).fetch_all(c).await)?;
    let noteless = rows.into_iter().filter(|(_, _, told)| told.is_empty());
    Ok(noteless.map(|(id, recipient, _)| Pending { id: OutboxId::from_stored(id), recipient }).collect())
}

/// Withdraws whatever is planned for a record and not yet begun, except the intent that stands. What leaves no note at the record
/// is for somebody who has it no more: it is neither withdrawn by the others nor withdraws them.
pub async fn withdraw(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    except_intent: &str,
    now: UnixMs,
) -> Result<Vec<OutboxId>, Error> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(WITHDRAW)
        .bind(tenant.as_str()).bind(record.0).bind(except_intent).bind(now.0).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| OutboxId::from_stored(id)).collect())
}

/// Withdraws the codes that wait for a client, and says which.
pub async fn withdraw_codes(
    conn: &mut Conn,
    tenant: &TenantId,
    peer: &str,
    now: UnixMs,
) -> Result<Vec<OutboxId>, Error> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(WITHDRAW_CODES)
        .bind(tenant.as_str()).bind(peer).bind(now.0).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| OutboxId::from_stored(id)).collect())
}

/// Withdraws all that is planned for a tenant, and says what.
pub async fn withdraw_all(
    conn: &mut Conn,
    tenant: &TenantId,
    reason: &str,
    now: UnixMs,
) -> Result<Vec<About>, Error> {
    let rows = on!(conn, c => sqlx::query_as(WITHDRAW_ALL).bind(tenant.as_str()).bind(reason).bind(now.0).fetch_all(c).await)?;
    Ok(about(rows))
}

/// Notes what all that is planned for a tenant waits for, and says which messages did not know it yet.
pub async fn note_waiting(
    conn: &mut Conn,
    tenant: &TenantId,
    reason: &str,
    now: UnixMs,
) -> Result<Vec<About>, Error> {
    let rows = on!(conn, c => sqlx::query_as(NOTE_WAITING).bind(tenant.as_str()).bind(reason).bind(now.0).fetch_all(c).await)?;
    Ok(about(rows))
}

/// `RETURNING` promises no order.
fn about(mut rows: Vec<(String, Option<i64>)>) -> Vec<About> {
    rows.sort();
    rows.into_iter().map(|(id, record)| (OutboxId::from_stored(id), record.map(RecordId))).collect()
}

/// Marks that an attempt begins; `false` when it was begun, settled or withdrawn meanwhile.
pub async fn begin_sending(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &OutboxId,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(BEGIN_SENDING).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Writes how it ended (or, with `Planned`, that it goes back to waiting); what was settled before stays as it is.
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

/// WhatsApp's server refused a message it had been handed.
pub async fn mark_refused(
    conn: &mut Conn,
    tenant: &TenantId,
    message_id: &str,
    reason: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(REFUSED).bind(tenant.as_str()).bind(message_id).bind(reason).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Raises the ticks of a message, never lowers them; `false` when nothing rose.
pub async fn raise_ticks(
    conn: &mut Conn,
    tenant: &TenantId,
    row: &OutboxRow,
    seen: Ticks,
    now: UnixMs,
) -> Result<bool, Error> {
    let next = row.ticks.raise(seen);
    if next == row.ticks {
        return Ok(false);
    }
    let rank = i64::from(next as u8);
    let rows = on!(conn, c => sqlx::query(RAISE_TICKS)
        .bind(tenant.as_str()).bind(row.id.as_str()).bind(next.as_str()).bind(now.0).bind(rank)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// The newest first.
pub async fn list_recent(conn: &mut Conn, tenant: &TenantId, limit: i64) -> Result<Vec<OutboxRow>, Error> {
    let rows: Vec<Raw> =
        on!(conn, c => sqlx::query_as(LIST_RECENT).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn last_sent(conn: &mut Conn, tenant: &TenantId) -> Result<Option<UnixMs>, Error> {
    let (at,): (Option<i64>,) =
        on!(conn, c => sqlx::query_as(LAST_SENT).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(at.map(UnixMs))
}

/// How many stand in each state.
pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<(String, i64)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_all(c).await)?)
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "outbox_waiting_tests.rs"]
mod waiting_tests;

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
