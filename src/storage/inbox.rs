//! The inbox: what arrived, committed before its sender gets an answer, read until it is absorbed.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{InboxId, TenantId};

/// A whole batch in one statement: as arrays where there are arrays, as JSON where there is JSON.
const INSERT_JSON: &str = "INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
     FROM json_each($1) WHERE TRUE ON CONFLICT (tenant_id, dedup) WHERE absorbed_at IS NULL DO NOTHING";
const INSERT_MANY: &str = "INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[]) \
     ON CONFLICT (tenant_id, dedup) WHERE absorbed_at IS NULL DO NOTHING";
const LIST_WAITING: &str = "SELECT id, source, resource, resource_id, body, received_at FROM inbox \
     WHERE tenant_id = $1 AND resource = $2 AND resource_id = $3 AND absorbed_at IS NULL ORDER BY received_at, id LIMIT $4";
const MARK_ABSORBED: &str =
    "UPDATE inbox SET absorbed_at = $3, outcome = $4 WHERE tenant_id = $1 AND id = $2";
const COUNT_WAITING: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) FROM inbox WHERE tenant_id = $1 AND absorbed_at IS NULL";
const DELETE_OLD: &str =
    "DELETE FROM inbox WHERE id IN (SELECT id FROM inbox WHERE absorbed_at < $1 LIMIT $2)";
const DELETE_ALL: &str = "DELETE FROM inbox WHERE tenant_id = $1";

pub const SQL: &[&str] = &[LIST_WAITING, MARK_ABSORBED, COUNT_WAITING, DELETE_OLD, DELETE_ALL];

/// Something that arrived; `body` is sealed.
#[derive(Debug, Clone)]
pub struct NewInbox {
    pub id: InboxId,
    pub tenant: TenantId,
    pub source: &'static str,
    pub resource: String,
    pub resource_id: i64,
    pub dedup: String,
    pub body: String,
    pub received_at: UnixMs,
}

#[derive(Debug, Clone, FromRow)]
pub struct InboxRow {
    pub id: String,
    pub source: String,
    pub resource: String,
    pub resource_id: i64,
    pub body: String,
    pub received_at: i64,
}

/// Stores a batch; a repeated delivery of what still waits folds into it.
pub async fn insert_many(conn: &mut Conn, rows: &[NewInbox]) -> Result<(), Error> {
    match conn {
        Conn::Postgres(held) => {
            let column =
                |pick: fn(&NewInbox) -> &str| rows.iter().map(|r| pick(r).to_owned()).collect::<Vec<_>>();
            sqlx::query(INSERT_MANY)
                .bind(column(|r| r.id.as_str()))
                .bind(column(|r| r.tenant.as_str()))
                .bind(column(|r| r.source))
                .bind(column(|r| &r.resource))
                .bind(rows.iter().map(|r| r.resource_id).collect::<Vec<_>>())
                .bind(column(|r| &r.dedup))
                .bind(column(|r| &r.body))
                .bind(rows.iter().map(|r| r.received_at.0).collect::<Vec<_>>())
                .execute(&mut **held)
                .await?;
        }
        Conn::Sqlite(held) => {
            let batch: Vec<_> = rows
                .iter()
                .map(|r| {
                    serde_json::json!([
                        r.id.as_str(),
                        r.tenant.as_str(),
                        r.source,
                        r.resource,
                        r.resource_id,
                        r.dedup,
                        r.body,
                        r.received_at.0
                    ])
                })
                .collect();
            let batch = serde_json::Value::Array(batch).to_string();
            sqlx::query(INSERT_JSON).bind(batch).execute(&mut **held).await?;
        }
    }
    Ok(())
}

/// What waits for one resource, in the order it came.
pub async fn list_waiting(
    conn: &mut Conn,
    tenant: &TenantId,
    resource: &str,
    resource_id: i64,
    limit: i64,
) -> Result<Vec<InboxRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(LIST_WAITING)
        .bind(tenant.as_str()).bind(resource).bind(resource_id).bind(limit).fetch_all(c).await)?)
}

pub async fn mark_absorbed(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &str,
    now: UnixMs,
    outcome: &str,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_ABSORBED).bind(tenant.as_str()).bind(id).bind(now.0).bind(outcome)
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn count_waiting(conn: &mut Conn, tenant: &TenantId) -> Result<i64, Error> {
    let (count,): (i64,) =
        on!(conn, c => sqlx::query_as(COUNT_WAITING).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count)
}

/// Drops what was absorbed before `before`, a batch at a time.
pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    Ok(
        on!(conn, c => sqlx::query(DELETE_OLD).bind(before.0).bind(limit).execute(c).await.map(|d| d.rows_affected()))?,
    )
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}
