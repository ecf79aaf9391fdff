//! The bonus ledger: postings of two lines that sum to zero. Nothing is ever changed in it, and a balance is a sum.

use std::collections::HashMap;

use sqlx::{FromRow, QueryBuilder};

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::bonus::{Entry, Kind, Standing, account};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{ClientKey, PostingId, TenantId};

const INSERT: &str = "INSERT INTO ledger_posting (tenant_id, id, key, kind, client_id, record_id, rate, balance_after, posted_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, key) DO NOTHING";
const INSERT_LINE: &str =
    "INSERT INTO ledger_line (tenant_id, posting_id, account, amount) VALUES ($1, $2, $3, $4)";
macro_rules! postings {
    ($which:expr) => {
        concat!(
            "SELECT p.id, p.kind, p.client_id, p.record_id, p.rate, p.balance_after, p.posted_at, l.amount \
             FROM ledger_posting AS p JOIN ledger_line AS l ON l.tenant_id = p.tenant_id AND l.posting_id = p.id \
             AND l.account = 'client:' || p.client_id WHERE p.tenant_id = $1 AND ",
            $which
        )
    };
}
const FIND: &str = postings!("p.key = $2");
/// Lists go through [`QueryBuilder`]; this is the form for one. Asked for an order, SQLite reads all postings of the salon in it.
const LIST_OF_RECORDS: &str = postings!("p.record_id IN ($2)");
const LIST_OF_CLIENT: &str = postings!("p.client_id = $2 AND p.id < $3 ORDER BY p.id DESC LIMIT $4");
const BALANCE: &str =
    "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger_line WHERE tenant_id = $1 AND account = $2";
const SPENT: &str = "SELECT CAST(COALESCE(SUM(-l.amount), 0) AS BIGINT) FROM ledger_posting AS p JOIN ledger_line AS l \
     ON l.tenant_id = p.tenant_id AND l.posting_id = p.id AND l.account = 'client:' || p.client_id \
     WHERE p.tenant_id = $1 AND p.client_id = $2 AND p.kind IN ('spend', 'refund')";
/// Given before a moment, and taken ever.
const AGES: &str = "SELECT CAST(COALESCE(SUM(CASE WHEN l.amount > 0 AND p.posted_at < $3 THEN l.amount END), 0) AS BIGINT), \
     CAST(COALESCE(SUM(CASE WHEN l.amount < 0 THEN -l.amount END), 0) AS BIGINT), \
     CAST(COALESCE(SUM(l.amount), 0) AS BIGINT) FROM ledger_posting AS p JOIN ledger_line AS l \
     ON l.tenant_id = p.tenant_id AND l.posting_id = p.id AND l.account = 'client:' || p.client_id \
     WHERE p.tenant_id = $1 AND p.client_id = $2";
const DELETE_ALL_LINES: &str = "DELETE FROM ledger_line WHERE tenant_id = $1";
const DELETE_ALL: &str = "DELETE FROM ledger_posting WHERE tenant_id = $1";

pub const SQL: &[&str] = &[
    INSERT,
    INSERT_LINE,
    FIND,
    LIST_OF_RECORDS,
    LIST_OF_CLIENT,
    BALANCE,
    SPENT,
    AGES,
    DELETE_ALL_LINES,
    DELETE_ALL,
];

/// A posting to be made. `key` says what it is the posting of: the same is never made twice.
#[derive(Debug, Clone)]
pub struct NewPosting<'a> {
    pub key: &'a str,
    pub entry: &'a Entry,
    pub record: Option<RecordId>,
    pub rate: Option<i64>,
    pub balance_after: Option<i64>,
}

/// A posting as its client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostingRow {
    pub id: PostingId,
    pub kind: Kind,
    pub client: ClientKey,
    pub record: Option<RecordId>,
    pub rate: Option<i64>,
    pub balance_after: Option<i64>,
    pub posted_at: UnixMs,
    /// By how much the balance changed.
    pub change: i64,
}

#[derive(FromRow)]
struct Raw {
    id: String,
    kind: String,
    client_id: String,
    record_id: Option<i64>,
    rate: Option<i64>,
    balance_after: Option<i64>,
    posted_at: i64,
    amount: i64,
}

impl TryFrom<Raw> for PostingRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let kind = Kind::parse(&raw.kind).ok_or(Error::Inconsistent {
            table: "ledger_posting",
            column: "kind",
            id: raw.id.clone(),
        })?;
        Ok(Self {
            id: PostingId::from_stored(raw.id),
            kind,
            client: ClientKey::from_stored(raw.client_id),
            record: raw.record_id.map(RecordId),
            rate: raw.rate,
            balance_after: raw.balance_after,
            posted_at: UnixMs(raw.posted_at),
            change: raw.amount,
        })
    }
}

/// Posts, unless there is a posting of that key: then `None`.
pub async fn post(
    conn: &mut Conn,
    tenant: &TenantId,
    new: &NewPosting<'_>,
    now: UnixMs,
) -> Result<Option<PostingId>, Error> {
    let (id, lines) = (PostingId::new(now), new.entry.lines());
    if lines.iter().map(|(_, amount)| amount).sum::<i64>() != 0 {
        return Err(Error::Inconsistent { table: "ledger_line", column: "amount", id: id.to_string() });
    }
    let posted = on!(conn, c => sqlx::query(INSERT).bind(tenant.as_str()).bind(id.as_str()).bind(new.key)
        .bind(new.entry.kind.as_str()).bind(new.entry.client.as_str()).bind(new.record.map(|id| id.0)).bind(new.rate)
        .bind(new.balance_after).bind(now.0).execute(c).await.map(|done| done.rows_affected()))?;
    if posted == 0 {
        return Ok(None);
    }
    for (account, amount) in lines {
        on!(conn, c => sqlx::query(INSERT_LINE).bind(tenant.as_str()).bind(id.as_str()).bind(account).bind(amount)
            .execute(c).await.map(drop))?;
    }
    Ok(Some(id))
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, key: &str) -> Result<Option<PostingRow>, Error> {
    let raw: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(key).fetch_optional(c).await)?;
    raw.map(TryInto::try_into).transpose()
}

/// What was posted for one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Posted {
    /// One for each client who ever had it.
    pub standings: Vec<Standing>,
    /// How many postings there are.
    pub count: usize,
}

impl Posted {
    fn add(&mut self, row: PostingRow) {
        self.count += 1;
        let place = self.standings.iter().position(|s| s.client == row.client);
        let place = place.unwrap_or(self.standings.len());
        if place == self.standings.len() {
            self.standings.push(Standing { client: row.client, accrued: 0, spent: 0, rate: None });
        }
        let standing = &mut self.standings[place];
        match row.kind {
            Kind::Accrue | Kind::Reverse => standing.accrued += row.change,
            Kind::Spend | Kind::Refund => standing.spent -= row.change,
            Kind::Expire => {}
        }
        if row.kind == Kind::Accrue {
            standing.rate = row.rate;
        }
    }
}

/// What was posted for these records; those for which nothing was are left out.
pub async fn posted_for(
    conn: &mut Conn,
    tenant: &TenantId,
    records: &[RecordId],
) -> Result<HashMap<RecordId, Posted>, Error> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let (head, tail) = LIST_OF_RECORDS.split_once("$1").unwrap_or_default();
    let (middle, tail) = tail.split_once("$2").unwrap_or_default();
    let mut raw: Vec<Raw> = on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_bind(tenant.as_str()).push(middle);
        let mut list = query.separated(", ");
        for record in records {
            list.push_bind(record.0);
        }
        query.push(tail);
        query.build_query_as().persistent(false).fetch_all(c).await
    })?;
    raw.sort_by(|a, b| a.id.cmp(&b.id));
    let mut posted: HashMap<RecordId, Posted> = HashMap::new();
    for raw in raw {
        let row = PostingRow::try_from(raw)?;
        if let Some(record) = row.record {
            posted.entry(record).or_default().add(row);
        }
    }
    Ok(posted)
}

/// A client's postings, the newest first. `before`: where the page before ended; 'zzzz' for the first.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    client: &ClientKey,
    before: &str,
    limit: i64,
) -> Result<Vec<PostingRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_OF_CLIENT).bind(tenant.as_str()).bind(client.as_str()).bind(before)
        .bind(limit).fetch_all(c).await)?;
    raw.into_iter().map(TryInto::try_into).collect()
}

pub async fn balance(conn: &mut Conn, tenant: &TenantId, client: &ClientKey) -> Result<i64, Error> {
    let (sum,): (i64,) = on!(conn, c => sqlx::query_as(BALANCE).bind(tenant.as_str()).bind(account(client)).fetch_one(c).await)?;
    Ok(sum)
}

/// What a client spent and was not given back.
pub async fn spent(conn: &mut Conn, tenant: &TenantId, client: &ClientKey) -> Result<i64, Error> {
    let (sum,): (i64,) =
        on!(conn, c => sqlx::query_as(SPENT).bind(tenant.as_str()).bind(client.as_str()).fetch_one(c).await)?;
    Ok(sum)
}

/// Of a client's account: what was given before a moment, what was taken ever, and what is left of all.
pub async fn ages(
    conn: &mut Conn,
    tenant: &TenantId,
    client: &ClientKey,
    before: UnixMs,
) -> Result<(i64, i64, i64), Error> {
    Ok(
        on!(conn, c => sqlx::query_as(AGES).bind(tenant.as_str()).bind(client.as_str()).bind(before.0).fetch_one(c).await)?,
    )
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    for sql in [DELETE_ALL_LINES, DELETE_ALL] {
        on!(conn, c => sqlx::query(sql).bind(tenant.as_str()).execute(c).await.map(drop))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
