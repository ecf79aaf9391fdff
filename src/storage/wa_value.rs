//! Rows of `wa_value`: what the WhatsApp library keeps, sealed before it comes here.
//!
//! Nothing here knows what a value means. Lists go through [`QueryBuilder`]; their one-row forms stand in [`SQL`] so that the
//! engine checks their columns too.

use sqlx::QueryBuilder;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::id::TenantId;

/// One row to be written; `key_hash` and `grp` are keyed hashes, `value` is sealed.
#[derive(Debug, Clone)]
pub struct WaValue {
    pub key_hash: String,
    pub grp: String,
    pub n: i64,
    pub m: i64,
    pub value: String,
}

/// One row read back; what it was looked up by is known to the caller.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct WaValueRow {
    pub key_hash: String,
    pub n: i64,
    pub m: i64,
    pub value: String,
}

const FIND: &str =
    "SELECT key_hash, n, m, value FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND key_hash = $3";
const FIND_MANY: &str =
    "SELECT key_hash, n, m, value FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND key_hash IN ($3)";
const LIST: &str =
    "SELECT key_hash, n, m, value FROM wa_value WHERE tenant_id = $1 AND kind = $2 ORDER BY n, key_hash";
const LIST_GROUP: &str = "SELECT key_hash, n, m, value FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND grp = $3 ORDER BY n, key_hash";
const COUNT_GROUP: &str = "SELECT COUNT(*) FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND grp = $3";
const MAX_N: &str = "SELECT MAX(n) FROM wa_value WHERE tenant_id = $1 AND kind = $2";
const UPSERT: &str = "INSERT INTO wa_value (tenant_id, kind, key_hash, grp, n, m, value) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (tenant_id, kind, key_hash) DO UPDATE SET \
     grp = excluded.grp, n = excluded.n, m = excluded.m, value = excluded.value";
/// Holds the row (made if it was not there) until the unit of work ends, and says what it held.
const LOCK: &str = "INSERT INTO wa_value (tenant_id, kind, key_hash, grp, n, m, value) VALUES ($1, $2, $3, '', 0, 0, '') \
     ON CONFLICT (tenant_id, kind, key_hash) DO UPDATE SET grp = wa_value.grp \
     RETURNING key_hash, n, m, value";
const MARK: &str = "UPDATE wa_value SET m = $1 WHERE tenant_id = $2 AND kind = $3 AND key_hash IN ($4)";
const TAKE: &str = "DELETE FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND key_hash = $3 RETURNING key_hash, n, m, value";
const DELETE_MANY: &str = "DELETE FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND key_hash IN ($3)";
const DELETE_GROUP: &str = "DELETE FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND grp = $3";
const DELETE_KIND: &str = "DELETE FROM wa_value WHERE tenant_id = $1 AND kind = $2";
const DELETE_BELOW: &str = "DELETE FROM wa_value WHERE tenant_id = $1 AND kind = $2 AND n < $3 AND m < $4";
const DELETE_TENANT: &str = "DELETE FROM wa_value WHERE tenant_id = $1";

pub const SQL: &[&str] = &[
    FIND,
    FIND_MANY,
    LIST,
    LIST_GROUP,
    COUNT_GROUP,
    MAX_N,
    UPSERT,
    LOCK,
    MARK,
    TAKE,
    DELETE_MANY,
    DELETE_GROUP,
    DELETE_KIND,
    DELETE_BELOW,
    DELETE_TENANT,
];

/// Rows per statement: seven values each, under SQLite's 32,766 per statement and PostgreSQL's 65,535.
const ROWS_PER_STATEMENT: usize = 4_000;
const KEYS_PER_STATEMENT: usize = 16_000;

/// Statements of many lengths are not kept prepared: each would take a place in the connection's cache and never come again.
macro_rules! push_keys {
    ($query:ident, $keys:expr) => {{
        $query.push("(");
        let mut list = $query.separated(", ");
        for key in $keys {
            list.push_bind(key.as_str());
        }
        $query.push(")");
    }};
}

pub async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    key: &str,
) -> Result<Option<WaValueRow>, Error> {
    let found = on!(conn, c => {
        sqlx::query_as(FIND).bind(tenant.as_str()).bind(kind).bind(key).fetch_optional(c).await
    });
    Ok(found?)
}

pub async fn find_many(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    keys: &[String],
) -> Result<Vec<WaValueRow>, Error> {
    let mut rows = Vec::with_capacity(keys.len());
    for part in keys.chunks(KEYS_PER_STATEMENT) {
        let found: Result<Vec<WaValueRow>, sqlx::Error> = on!(conn, c => {
            let mut query = QueryBuilder::new(until_list(FIND_MANY, "$1"));
            query.push_bind(tenant.as_str()).push(" AND kind = ").push_bind(kind).push(" AND key_hash IN ");
            push_keys!(query, part);
            query.build_query_as().persistent(part.len() == 1).fetch_all(c).await
        });
        rows.append(&mut found?);
    }
    Ok(rows)
}

pub async fn list(conn: &mut Conn, tenant: &TenantId, kind: &str) -> Result<Vec<WaValueRow>, Error> {
    let found = on!(conn, c => sqlx::query_as(LIST).bind(tenant.as_str()).bind(kind).fetch_all(c).await);
    Ok(found?)
}

pub async fn list_group(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    grp: &str,
) -> Result<Vec<WaValueRow>, Error> {
    let found = on!(conn, c => {
        sqlx::query_as(LIST_GROUP).bind(tenant.as_str()).bind(kind).bind(grp).fetch_all(c).await
    });
    Ok(found?)
}

pub async fn count_group(conn: &mut Conn, tenant: &TenantId, kind: &str, grp: &str) -> Result<i64, Error> {
    let count = on!(conn, c => {
        sqlx::query_scalar(COUNT_GROUP).bind(tenant.as_str()).bind(kind).bind(grp).fetch_one(c).await
    });
    Ok(count?)
}

pub async fn max_n(conn: &mut Conn, tenant: &TenantId, kind: &str) -> Result<Option<i64>, Error> {
    let max = on!(conn, c => sqlx::query_scalar(MAX_N).bind(tenant.as_str()).bind(kind).fetch_one(c).await);
    Ok(max?)
}

/// Writes the rows, each over what stood under its key. No key may come twice in one call.
pub async fn upsert(conn: &mut Conn, tenant: &TenantId, kind: &str, rows: &[WaValue]) -> Result<(), Error> {
    let (head, rest) = UPSERT.split_once("VALUES").unwrap_or((UPSERT, ""));
    let conflict = rest.split_once("ON CONFLICT").map_or("", |(_, tail)| tail);
    for part in rows.chunks(ROWS_PER_STATEMENT) {
        let written = on!(conn, c => {
            let mut query = QueryBuilder::new(head);
            query.push_values(part, |mut row, value| {
                row.push_bind(tenant.as_str()).push_bind(kind).push_bind(value.key_hash.as_str());
                row.push_bind(value.grp.as_str()).push_bind(value.n).push_bind(value.m);
                row.push_bind(value.value.as_str());
            });
            query.push(" ON CONFLICT").push(conflict);
            query.build().persistent(part.len() == 1).execute(c).await.map(drop)
        });
        written?;
    }
    Ok(())
}

/// Holds one row until the unit of work ends; the value is empty when there was none, and the row must then be written or
/// deleted before the commit.
pub async fn lock(conn: &mut Conn, tenant: &TenantId, kind: &str, key: &str) -> Result<WaValueRow, Error> {
    let held =
        on!(conn, c => sqlx::query_as(LOCK).bind(tenant.as_str()).bind(kind).bind(key).fetch_one(c).await);
    Ok(held?)
}

/// Sets `m` of the rows that are there, and makes none.
pub async fn mark(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    keys: &[String],
    m: i64,
) -> Result<(), Error> {
    for part in keys.chunks(KEYS_PER_STATEMENT) {
        let marked = on!(conn, c => {
            let mut query = QueryBuilder::new(until_list(MARK, "$1"));
            query.push_bind(m).push(" WHERE tenant_id = ").push_bind(tenant.as_str());
            query.push(" AND kind = ").push_bind(kind).push(" AND key_hash IN ");
            push_keys!(query, part);
            query.build().persistent(part.len() == 1).execute(c).await.map(drop)
        });
        marked?;
    }
    Ok(())
}

/// Deletes one row and gives what it held.
pub async fn take(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    key: &str,
) -> Result<Option<WaValueRow>, Error> {
    let taken = on!(conn, c => {
        sqlx::query_as(TAKE).bind(tenant.as_str()).bind(kind).bind(key).fetch_optional(c).await
    });
    Ok(taken?)
}

pub async fn delete(conn: &mut Conn, tenant: &TenantId, kind: &str, keys: &[String]) -> Result<(), Error> {
    for part in keys.chunks(KEYS_PER_STATEMENT) {
        let deleted = on!(conn, c => {
            let mut query = QueryBuilder::new(until_list(DELETE_MANY, "$1"));
            query.push_bind(tenant.as_str()).push(" AND kind = ").push_bind(kind).push(" AND key_hash IN ");
            push_keys!(query, part);
            query.build().persistent(part.len() == 1).execute(c).await.map(drop)
        });
        deleted?;
    }
    Ok(())
}

pub async fn delete_group(conn: &mut Conn, tenant: &TenantId, kind: &str, grp: &str) -> Result<(), Error> {
    let deleted = on!(conn, c => {
        sqlx::query(DELETE_GROUP).bind(tenant.as_str()).bind(kind).bind(grp).execute(c).await.map(drop)
    });
    Ok(deleted?)
}

pub async fn delete_kind(conn: &mut Conn, tenant: &TenantId, kind: &str) -> Result<(), Error> {
    let deleted =
        on!(conn, c => sqlx::query(DELETE_KIND).bind(tenant.as_str()).bind(kind).execute(c).await.map(drop));
    Ok(deleted?)
}

/// Deletes the rows whose `n` and `m` both lie below the given ones; tells how many.
pub async fn delete_below(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &str,
    n: i64,
    m: i64,
) -> Result<u64, Error> {
    let deleted = on!(conn, c => {
        sqlx::query(DELETE_BELOW)
            .bind(tenant.as_str())
            .bind(kind)
            .bind(n)
            .bind(m)
            .execute(c)
            .await
            .map(|done| done.rows_affected())
    });
    Ok(deleted?)
}

pub async fn delete_tenant(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    let deleted = on!(conn, c => sqlx::query(DELETE_TENANT).bind(tenant.as_str()).execute(c).await.map(drop));
    Ok(deleted?)
}

/// The part of a registered statement before its first placeholder, from which a list form is built.
fn until_list(sql: &'static str, placeholder: &str) -> &'static str {
    sql.split_once(placeholder).map_or(sql, |(head, _)| head)
}

#[cfg(test)]
#[path = "wa_value_tests.rs"]
mod tests;
