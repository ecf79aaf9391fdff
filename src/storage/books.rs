//! Records as the salon's books see them: which are still to be kept, whose they are, and which nobody's.

use sqlx::{FromRow, QueryBuilder};

use super::db::{Conn, on};
use super::desk::Way;
use super::error::Error;
use crate::domain::books::Status;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ClientId, RecordId};
use crate::kernel::id::{ClientKey, TenantId};

/// What is taken is held until the end of the unit of work: whoever writes the record meanwhile waits, and makes it due again. On
/// SQLite a unit of work has no other beside it.
const TAKE_DUE: &str = "SELECT * FROM record WHERE tenant_id = $1 AND books_due ORDER BY record_id LIMIT $2";
const TAKE_DUE_POSTGRES: &str =
    "SELECT * FROM record WHERE tenant_id = $1 AND books_due ORDER BY record_id LIMIT $2 FOR NO KEY UPDATE";
const FIND: &str = "SELECT * FROM record WHERE tenant_id = $1 AND record_id = $2";
/// A row is long and written whole, so a record is written once: what the books say of it, and that it is due no more. Lists go
/// through [`QueryBuilder`]; this is the form for one.
const KEEP_ONE: &str = "UPDATE record SET books_due = FALSE, status = v.column2, price = v.column3, minutes = v.column4, \
     client_id = v.column5, matched = v.column6, candidates = v.column7, card_id = v.column8, cancelled_at = v.column9 \
     FROM (VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10)) AS v WHERE record.tenant_id = $1 AND record.record_id = v.column1";
const SETTLE: &str = "UPDATE record SET client_id = $3, matched = $4, candidates = '', books_due = TRUE WHERE tenant_id = $1 AND record_id = $2";
const MAKE_DUE: &str = "UPDATE record SET books_due = TRUE WHERE tenant_id = $1 AND record_id = $2";
const LIST_UNMATCHED: &str = "SELECT * FROM record WHERE tenant_id = $1 AND matched IN ('ambiguous', 'no_contact') \
     AND status <> 'cancelled' AND record_id > $2 ORDER BY record_id LIMIT $3";
const LIST_OF_CLIENT: &str = "SELECT * FROM record WHERE tenant_id = $1 AND client_id = $2 ORDER BY COALESCE(starts_at, 0) DESC, record_id DESC LIMIT $3";
/// Lists go through [`QueryBuilder`]; this is the form for one.
const LAST_VISITS: &str = "SELECT client_id, MAX(starts_at) FROM record WHERE tenant_id = $1 AND starts_at <= $2 \
     AND status IN ('pending', 'confirmed', 'completed') AND client_id IN ($3) GROUP BY client_id";
/// What is called off is no visit that is ahead.
const AHEAD_OF_CLIENT: &str = "SELECT * FROM record WHERE tenant_id = $1 AND client_id = $2 AND status <> 'cancelled' \
     AND (starts_at, record_id) > ($3, $4) ORDER BY starts_at, record_id LIMIT $5";
const BEHIND_OF_CLIENT: &str = "SELECT * FROM record WHERE tenant_id = $1 AND client_id = $2 \
     AND (starts_at, record_id) < ($3, $4) ORDER BY starts_at DESC, record_id DESC LIMIT $5";
/// Across tenants on purpose: salons with records that are due and no job that would keep them. Of one whose key was destroyed
/// nothing can be read any more.
const LIST_SILENT: &str = "SELECT t.id FROM tenant AS t WHERE t.data_key <> '' \
     AND EXISTS (SELECT 1 FROM record AS r WHERE r.tenant_id = t.id AND r.books_due) \
     AND NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND subject = t.id AND state = 'ready') \
     AND NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND subject = t.id AND state = 'leased') \
     AND NOT EXISTS (SELECT 1 FROM job WHERE kind = $1 AND subject = t.id AND state = 'parked') LIMIT $2";

pub const SQL: &[&str] = &[
    TAKE_DUE,
    FIND,
    SETTLE,
    MAKE_DUE,
    LIST_UNMATCHED,
    LIST_OF_CLIENT,
    LAST_VISITS,
    AHEAD_OF_CLIENT,
    BEHIND_OF_CLIENT,
    LIST_SILENT,
];

/// A record's row as the books know it; `body` is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookRow {
    pub id: RecordId,
    pub body: String,
    pub starts_at: Option<UnixMs>,
    pub changed_at: UnixMs,
    /// `None` until it was kept.
    pub status: Option<Status>,
    pub price: Option<i64>,
    pub minutes: Option<i64>,
    pub client: Option<ClientKey>,
    /// Stored name of a `domain::matching::Reason`.
    pub matched: String,
    pub candidates: Vec<ClientKey>,
    pub card: Option<ClientId>,
    pub cancelled_at: Option<UnixMs>,
    pub raw: String,
}

#[derive(FromRow)]
struct Raw {
    record_id: i64,
    body: String,
    starts_at: Option<i64>,
    changed_at: i64,
    status: String,
    price: Option<i64>,
    minutes: Option<i64>,
    client_id: Option<String>,
    matched: String,
    candidates: String,
    card_id: Option<i64>,
    cancelled_at: Option<i64>,
    raw: String,
}

impl From<Raw> for BookRow {
    fn from(raw: Raw) -> Self {
        Self {
            id: RecordId(raw.record_id),
            body: raw.body,
            starts_at: raw.starts_at.map(UnixMs),
            changed_at: UnixMs(raw.changed_at),
            status: Status::parse(&raw.status),
            price: raw.price,
            minutes: raw.minutes,
            client: raw.client_id.map(ClientKey::from_stored),
            matched: raw.matched,
            candidates: raw
                .candidates
                .split_whitespace()
                .map(|id| ClientKey::from_stored(id.to_owned()))
                .collect(),
            card: raw.card_id.map(ClientId),
            cancelled_at: raw.cancelled_at.map(UnixMs),
            raw: raw.raw,
        }
    }
}

fn rows(raw: Vec<Raw>) -> Vec<BookRow> {
    raw.into_iter().map(Into::into).collect()
}

/// Records that are due, the lowest numbers first: the caller's until the end of its unit of work, which is to [`keep`] them all.
pub async fn take_due(conn: &mut Conn, tenant: &TenantId, limit: i64) -> Result<Vec<BookRow>, Error> {
    let sql = if conn.is_postgres() { TAKE_DUE_POSTGRES } else { TAKE_DUE };
    let raw: Vec<Raw> =
        on!(conn, c => sqlx::query_as(sql).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?;
    Ok(rows(raw))
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, id: RecordId) -> Result<Option<BookRow>, Error> {
    let raw: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(id.0).fetch_optional(c).await)?;
    Ok(raw.map(Into::into))
}

/// Writes what the books say of records; from now on they are due no more.
pub async fn keep(conn: &mut Conn, tenant: &TenantId, kept: &[BookRow]) -> Result<(), Error> {
    if kept.is_empty() {
        return Ok(());
    }
    let (head, rest) = KEEP_ONE.split_once("VALUES (").unwrap_or_default();
    let (middle, tail) = rest.split_once(')').unwrap_or_default().1.split_once("$1").unwrap_or_default();
    on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_values(kept, |mut values, row| {
            let candidates: Vec<&str> = row.candidates.iter().map(ClientKey::as_str).collect();
            values.push_bind(row.id.0).push_bind(row.status.map_or("", Status::as_str)).push_bind(row.price)
                .push_bind(row.minutes).push_bind(row.client.as_ref().map(ClientKey::as_str)).push_bind(row.matched.as_str())
                .push_bind(candidates.join(" ")).push_bind(row.card.map(|id| id.0)).push_bind(row.cancelled_at.map(|at| at.0));
        });
        query.push(middle).push_bind(tenant.as_str()).push(tail);
        query.build().persistent(false).execute(c).await.map(drop)
    })?;
    Ok(())
}

/// A person's word whose a record is, or that it is nobody's; it is to be kept anew. `false` when there is no such record.
pub async fn settle(
    conn: &mut Conn,
    tenant: &TenantId,
    id: RecordId,
    client: Option<&ClientKey>,
    matched: &str,
) -> Result<bool, Error> {
    let settled = on!(conn, c => sqlx::query(SETTLE).bind(tenant.as_str()).bind(id.0).bind(client.map(ClientKey::as_str)).bind(matched)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(settled == 1)
}

/// Makes a record due, and holds its row until the end of the unit of work; `false` when there is none.
pub async fn make_due(conn: &mut Conn, tenant: &TenantId, id: RecordId) -> Result<bool, Error> {
    let made = on!(conn, c => sqlx::query(MAKE_DUE).bind(tenant.as_str()).bind(id.0).execute(c).await
        .map(|done| done.rows_affected()))?;
    Ok(made == 1)
}

/// Records that have a client, and nobody knows which: a person is to say. Of one that is off nobody needs to know.
pub async fn list_unmatched(
    conn: &mut Conn,
    tenant: &TenantId,
    after: RecordId,
    limit: i64,
) -> Result<Vec<BookRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_UNMATCHED).bind(tenant.as_str()).bind(after.0).bind(limit).fetch_all(c).await)?;
    Ok(rows(raw))
}

/// A client's records, the latest visit first.
pub async fn list_of_client(
    conn: &mut Conn,
    tenant: &TenantId,
    client: &ClientKey,
    limit: i64,
) -> Result<Vec<BookRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_OF_CLIENT).bind(tenant.as_str()).bind(client.as_str()).bind(limit)
        .fetch_all(c).await)?;
    Ok(rows(raw))
}

/// When each of these clients was last there; whoever never was is left out.
pub async fn last_visits(
    conn: &mut Conn,
    tenant: &TenantId,
    clients: &[ClientKey],
    now: UnixMs,
) -> Result<Vec<(ClientKey, UnixMs)>, Error> {
    if clients.is_empty() {
        return Ok(Vec::new());
    }
    let (head, tail) = LAST_VISITS.split_once("$1").unwrap_or_default();
    let (middle, tail) = tail.split_once("$2").unwrap_or_default();
    let (last, tail) = tail.split_once("$3").unwrap_or_default();
    let rows: Vec<(String, i64)> = on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_bind(tenant.as_str()).push(middle).push_bind(now.0).push(last);
        let mut list = query.separated(", ");
        for client in clients {
            list.push_bind(client.as_str());
        }
        query.push(tail);
        query.build_query_as().persistent(false).fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|(id, at)| (ClientKey::from_stored(id), UnixMs(at))).collect())
}

/// A client's records beyond a moment and, of this moment, a record: of those ahead the nearest first, and none that is called off;
/// the other way the latest first.
pub async fn turn_of_client(
    conn: &mut Conn,
    tenant: &TenantId,
    client: &ClientKey,
    way: Way,
    beyond: (UnixMs, RecordId),
    limit: i64,
) -> Result<Vec<BookRow>, Error> {
    let sql = match way {
        Way::Ahead => AHEAD_OF_CLIENT,
        Way::Behind => BEHIND_OF_CLIENT,
    };
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(sql).bind(tenant.as_str()).bind(client.as_str()).bind(beyond.0.0)
        .bind(beyond.1.0).bind(limit).fetch_all(c).await)?;
    Ok(rows(raw))
}

/// Salons whose records are due though no job of `kind` waits or runs.
pub async fn list_silent(conn: &mut Conn, kind: &str, limit: i64) -> Result<Vec<TenantId>, Error> {
    let ids: Vec<(String,)> =
        on!(conn, c => sqlx::query_as(LIST_SILENT).bind(kind).bind(limit).fetch_all(c).await)?;
    Ok(ids.into_iter().map(|(id,)| TenantId::from_stored(id)).collect())
}

#[cfg(test)]
#[path = "books_tests.rs"]
mod tests;
