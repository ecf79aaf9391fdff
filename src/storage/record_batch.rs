//! A page of records at once: what is known of them in one read, what was learnt of them in one write.
//!
//! # Decision: who writes last
//! Between the reading and the writing of a page hooks are absorbed and messages sent. A sealed text has a nonce of its own, so it
//! is also the version of its row: a record is written over only while its body and what its client was told are the very texts
//! that were read, and a new one only where there is none. Whoever was quicker stands, and the caller is told which were its own.

use sqlx::QueryBuilder;

use super::db::{Conn, on};
use super::error::Error;
use super::record::RecordRow;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::TenantId;

/// Lists go through [`QueryBuilder`]; their forms for one row stand in [`SQL`], so that the engines check them too.
const FIND_ONE: &str = "SELECT record_id, starts_at, deleted, changed_at, body, told, told_revision FROM record \
     WHERE tenant_id = $1 AND record_id IN ($2)";
const SPOKEN_OF: &str = "SELECT DISTINCT record_id FROM outbox WHERE tenant_id = $1 AND state IN ('planned', 'sending') \
     AND record_id IN ($2)";
const HEARD_OF: &str = "SELECT DISTINCT resource_id FROM inbox WHERE tenant_id = $1 AND resource = 'record' \
     AND absorbed_at IS NULL AND resource_id IN ($2)";
const INSERT_ONE: &str = "INSERT INTO record (tenant_id, record_id, starts_at, deleted, changed_at, body, told, told_revision, \
     updated_at, raw) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant_id, record_id) DO NOTHING RETURNING record_id";
const REPLACE_ONE: &str = "UPDATE record SET starts_at = v.column2, deleted = v.column3, changed_at = v.column4, body = v.column5, \
     told = v.column6, told_revision = record.told_revision + v.column7, updated_at = v.column8, books_due = TRUE, \
     raw = CASE WHEN v.column11 = '' THEN record.raw ELSE v.column11 END \
     FROM (VALUES ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)) AS v WHERE record.tenant_id = $1 AND record.record_id = v.column1 \
     AND record.body = v.column9 AND record.told = v.column10 RETURNING record.record_id";

pub const SQL: &[&str] = &[SPOKEN_OF, HEARD_OF, FIND_ONE, INSERT_ONE];

/// What was learnt of a record.
#[derive(Debug, Clone)]
pub struct Learnt {
    pub id: RecordId,
    pub starts_at: Option<UnixMs>,
    pub deleted: bool,
    pub changed_at: UnixMs,
    /// Sealed.
    pub body: String,
    /// The payload that said all of it, packed and sealed; '' leaves the one that is there.
    pub raw: String,
    /// Sealed: what its client is taken to know from now on; `None` leaves that as it is.
    pub told: Option<String>,
    /// Body and told as they were read; `None` for a record that was not there.
    pub before: Option<(String, String)>,
}

fn until_list(sql: &'static str, first: &str) -> &'static str {
    sql.split_once(first).map_or(sql, |(head, _)| head)
}

macro_rules! list {
    ($conn:expr, $sql:expr, $tenant:expr, $ids:expr) => {
        on!($conn, c => {
            let mut query = QueryBuilder::new(until_list($sql, "$1"));
            query.push_bind($tenant.as_str());
            query.push(inner($sql));
            let mut list = query.separated(", ");
            for id in $ids {
                list.push_bind(id.0);
            }
            query.push(")");
            query.build_query_as().persistent(false).fetch_all(c).await
        })
    };
}

/// What stands between the tenant and the list.
fn inner(sql: &'static str) -> &'static str {
    let rest = sql.split_once("$1").map_or("", |(_, rest)| rest);
    until_list(rest, "$2")
}

/// What is known of these records; those that are not known are left out.
pub async fn find_many(
    conn: &mut Conn,
    tenant: &TenantId,
    ids: &[RecordId],
) -> Result<Vec<RecordRow>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(list!(conn, FIND_ONE, tenant, ids)?)
}

/// Of which of these records a message waits or is on its way.
pub async fn spoken_of(conn: &mut Conn, tenant: &TenantId, ids: &[RecordId]) -> Result<Vec<RecordId>, Error> {
    numbers(conn, SPOKEN_OF, tenant, ids).await
}

/// Of which of these records a hook waits to be absorbed.
pub async fn heard_of(conn: &mut Conn, tenant: &TenantId, ids: &[RecordId]) -> Result<Vec<RecordId>, Error> {
    numbers(conn, HEARD_OF, tenant, ids).await
}

async fn numbers(
    conn: &mut Conn,
    sql: &'static str,
    tenant: &TenantId,
    ids: &[RecordId],
) -> Result<Vec<RecordId>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64,)> = list!(conn, sql, tenant, ids)?;
    Ok(rows.into_iter().map(|(id,)| RecordId(id)).collect())
}

/// Writes what was learnt, where nobody else wrote meanwhile; says of which records that was so. These are due to be kept in the
/// books: ring for that in the same unit of work. In the order of their numbers, so
/// that two who write never wait for each other in a circle.
pub async fn learn_many(
    conn: &mut Conn,
    tenant: &TenantId,
    learnt: &[Learnt],
    now: UnixMs,
) -> Result<Vec<RecordId>, Error> {
    let mut order: Vec<&Learnt> = learnt.iter().collect();
    order.sort_by_key(|one| one.id);
    let (fresh, known): (Vec<&Learnt>, Vec<&Learnt>) =
        order.into_iter().partition(|one| one.before.is_none());
    let mut written = insert(conn, tenant, &fresh, now).await?;
    written.extend(replace(conn, tenant, &known, now).await?);
    Ok(written.into_iter().map(|(id,)| RecordId(id)).collect())
}

async fn insert(
    conn: &mut Conn,
    tenant: &TenantId,
    fresh: &[&Learnt],
    now: UnixMs,
) -> Result<Vec<(i64,)>, Error> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let (head, tail) = ends(INSERT_ONE);
    Ok(on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_values(fresh, |mut row, one| {
            row.push_bind(tenant.as_str()).push_bind(one.id.0).push_bind(one.starts_at.map(|at| at.0))
                .push_bind(one.deleted).push_bind(one.changed_at.0).push_bind(one.body.as_str())
                .push_bind(one.told.as_deref().unwrap_or_default()).push_bind(i64::from(one.told.is_some()))
                .push_bind(now.0).push_bind(one.raw.as_str());
        });
        query.push(tail);
        query.build_query_as().persistent(false).fetch_all(c).await
    })?)
}

async fn replace(
    conn: &mut Conn,
    tenant: &TenantId,
    known: &[&Learnt],
    now: UnixMs,
) -> Result<Vec<(i64,)>, Error> {
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let (head, tail) = ends(REPLACE_ONE);
    let (middle, rest) = tail.split_once("$1").unwrap_or((tail, ""));
    Ok(on!(conn, c => {
        let mut query = QueryBuilder::new(head);
        query.push_values(known, |mut row, one| {
            let (body, told) = one.before.as_ref().map_or(("", ""), |(body, told)| (body.as_str(), told.as_str()));
            row.push_bind(one.id.0).push_bind(one.starts_at.map(|at| at.0)).push_bind(one.deleted)
                .push_bind(one.changed_at.0).push_bind(one.body.as_str()).push_bind(one.told.as_deref().unwrap_or(told))
                .push_bind(i64::from(one.told.is_some())).push_bind(now.0).push_bind(body).push_bind(told)
                .push_bind(one.raw.as_str());
        });
        query.push(middle);
        query.push_bind(tenant.as_str());
        query.push(rest);
        query.build_query_as().persistent(false).fetch_all(c).await
    })?)
}

/// What stands before the values of one row, and after them.
fn ends(sql: &'static str) -> (&'static str, &'static str) {
    let (head, rest) = sql.split_once("VALUES (").unwrap_or((sql, ""));
    (head, rest.split_once(')').map_or("", |(_, tail)| tail))
}

#[cfg(test)]
#[path = "record_batch_tests.rs"]
mod tests;
