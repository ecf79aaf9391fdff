//! Clients of a salon: who they are is sealed, what they are found by is hashed.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::ClientId;
use crate::kernel::id::{ClientKey, TenantId};

const INSERT: &str = "INSERT INTO client (tenant_id, id, card_id, code, email, phone, phone_tail, body, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) ON CONFLICT DO NOTHING";
const UPDATE: &str = "UPDATE client SET card_id = $3, code = $4, email = $5, phone = $6, phone_tail = $7, body = $8, \
     gone_at = NULL, updated_at = $9 WHERE tenant_id = $1 AND id = $2";
const FIND: &str = "SELECT * FROM client WHERE tenant_id = $1 AND id = $2";
/// One arm for each sign, so that each finds its index; and a bound for each, so that a number or an address that a whole salon
/// writes for "none" crowds out neither a code nor a card.
const LIST_NAMED: &str = "SELECT * FROM client WHERE tenant_id = $1 AND code = $2 \
     UNION SELECT * FROM (SELECT * FROM client WHERE tenant_id = $1 AND email = $3 ORDER BY id LIMIT 50) AS by_email \
     UNION SELECT * FROM (SELECT * FROM client WHERE tenant_id = $1 AND phone_tail = $4 ORDER BY id LIMIT 50) AS by_phone \
     UNION SELECT * FROM client WHERE tenant_id = $1 AND card_id = $5";
const LIST: &str = "SELECT * FROM client WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
const LIST_BY_WORD: &str = "SELECT c.* FROM client_word AS w JOIN client AS c ON c.tenant_id = w.tenant_id AND c.id = w.client_id \
     WHERE w.tenant_id = $1 AND w.word = $2 AND w.client_id > $3 ORDER BY w.client_id LIMIT $4";
const LIST_CODELESS: &str =
    "SELECT * FROM client WHERE tenant_id = $1 AND code IS NULL AND id > $2 ORDER BY id LIMIT $3";
/// A row that was touched is its toucher's until the end of the unit of work: whoever would spend from it waits.
const TOUCH: &str = "UPDATE client SET updated_at = $3 WHERE tenant_id = $1 AND id = $2";
const SET_CODE: &str = "UPDATE client SET code = $3, body = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2 AND code IS NULL \
     AND NOT EXISTS (SELECT 1 FROM client AS other WHERE other.tenant_id = $1 AND other.code = $3)";
const MARK_GONE: &str = "UPDATE client SET gone_at = $3, updated_at = $3 WHERE tenant_id = $1 AND card_id = $2 AND gone_at IS NULL";
const DELETE_WORDS: &str = "DELETE FROM client_word WHERE tenant_id = $1 AND client_id = $2";
const INSERT_WORD: &str =
    "INSERT INTO client_word (tenant_id, word, client_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const COUNT: &str =
    "SELECT CAST(COUNT(*) AS BIGINT), CAST(COUNT(code) AS BIGINT) FROM client WHERE tenant_id = $1";
const DELETE_ALL_WORDS: &str = "DELETE FROM client_word WHERE tenant_id = $1";
const DELETE_ALL: &str = "DELETE FROM client WHERE tenant_id = $1";

pub const SQL: &[&str] = &[
    INSERT,
    UPDATE,
    FIND,
    LIST_NAMED,
    LIST,
    LIST_BY_WORD,
    LIST_CODELESS,
    TOUCH,
    SET_CODE,
    MARK_GONE,
    DELETE_WORDS,
    INSERT_WORD,
    COUNT,
    DELETE_ALL_WORDS,
    DELETE_ALL,
];

/// A client's row; `body` is sealed, the signs are hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    pub id: ClientKey,
    pub card: Option<ClientId>,
    pub signs: HashedSigns,
    pub body: String,
    pub gone_at: Option<UnixMs>,
    pub created_at: UnixMs,
}

/// What a client is found by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HashedSigns {
    pub code: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub phone_tail: Option<String>,
}

#[derive(FromRow)]
struct Raw {
    id: String,
    card_id: Option<i64>,
    code: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    phone_tail: Option<String>,
    body: String,
    gone_at: Option<i64>,
    created_at: i64,
}

impl From<Raw> for ClientRow {
    fn from(raw: Raw) -> Self {
        Self {
            id: ClientKey::from_stored(raw.id),
            card: raw.card_id.map(ClientId),
            signs: HashedSigns {
                code: raw.code,
                email: raw.email,
                phone: raw.phone,
                phone_tail: raw.phone_tail,
            },
            body: raw.body,
            gone_at: raw.gone_at.map(UnixMs),
            created_at: UnixMs(raw.created_at),
        }
    }
}

fn rows(raw: Vec<Raw>) -> Vec<ClientRow> {
    raw.into_iter().map(Into::into).collect()
}

/// Makes a client known; `false` when their code or card is another's already.
pub async fn insert(conn: &mut Conn, tenant: &TenantId, row: &ClientRow) -> Result<bool, Error> {
    let inserted = on!(conn, c => sqlx::query(INSERT).bind(tenant.as_str()).bind(row.id.as_str()).bind(row.card.map(|id| id.0))
        .bind(&row.signs.code).bind(&row.signs.email).bind(&row.signs.phone).bind(&row.signs.phone_tail).bind(&row.body)
        .bind(row.created_at.0).execute(c).await.map(|done| done.rows_affected()))?;
    Ok(inserted == 1)
}

/// Writes what was learnt of a client. Whoever is heard of is not gone.
pub async fn update(conn: &mut Conn, tenant: &TenantId, row: &ClientRow, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(UPDATE).bind(tenant.as_str()).bind(row.id.as_str()).bind(row.card.map(|id| id.0))
        .bind(&row.signs.code).bind(&row.signs.email).bind(&row.signs.phone).bind(&row.signs.phone_tail).bind(&row.body)
        .bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, id: &ClientKey) -> Result<Option<ClientRow>, Error> {
    let raw: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(id.as_str()).fetch_optional(c).await)?;
    Ok(raw.map(Into::into))
}

/// Whoever one of the signs or the card names, in no certain order.
pub async fn list_named(
    conn: &mut Conn,
    tenant: &TenantId,
    signs: &HashedSigns,
    card: Option<ClientId>,
) -> Result<Vec<ClientRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_NAMED).bind(tenant.as_str()).bind(&signs.code).bind(&signs.email)
        .bind(&signs.phone_tail).bind(card.map(|id| id.0)).fetch_all(c).await)?;
    Ok(rows(raw))
}

/// All of a salon, in the order they became known.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<ClientRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST).bind(tenant.as_str()).bind(after).bind(limit).fetch_all(c).await)?;
    Ok(rows(raw))
}

/// Those whose name has a word with this (hashed) beginning.
pub async fn list_by_word(
    conn: &mut Conn,
    tenant: &TenantId,
    word: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<ClientRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_BY_WORD).bind(tenant.as_str()).bind(word).bind(after).bind(limit)
        .fetch_all(c).await)?;
    Ok(rows(raw))
}

/// Those who have no code yet.
pub async fn list_codeless(
    conn: &mut Conn,
    tenant: &TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<ClientRow>, Error> {
    let raw: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST_CODELESS).bind(tenant.as_str()).bind(after).bind(limit).fetch_all(c).await)?;
    Ok(rows(raw))
}

/// Holds a client's row until the end of the unit of work; `false` when there is none.
pub async fn touch(conn: &mut Conn, tenant: &TenantId, id: &ClientKey, now: UnixMs) -> Result<bool, Error> {
    let touched = on!(conn, c => sqlx::query(TOUCH).bind(tenant.as_str()).bind(id.as_str()).bind(now.0).execute(c).await
        .map(|done| done.rows_affected()))?;
    Ok(touched == 1)
}

/// Gives a client a code; `false` when they have one, or somebody else has this one.
pub async fn set_code(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &ClientKey,
    (code, body): (&str, &str),
    now: UnixMs,
) -> Result<bool, Error> {
    let given = on!(conn, c => sqlx::query(SET_CODE).bind(tenant.as_str()).bind(id.as_str()).bind(code).bind(body).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(given == 1)
}

/// Notes that the CRM has deleted a card; `false` when nobody's it was.
pub async fn mark_gone(
    conn: &mut Conn,
    tenant: &TenantId,
    card: ClientId,
    now: UnixMs,
) -> Result<bool, Error> {
    let marked = on!(conn, c => sqlx::query(MARK_GONE).bind(tenant.as_str()).bind(card.0).bind(now.0).execute(c).await
        .map(|done| done.rows_affected()))?;
    Ok(marked == 1)
}

/// Puts these (hashed) beginnings in the place of those a client was found by.
pub async fn set_words(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &ClientKey,
    words: &[String],
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_WORDS).bind(tenant.as_str()).bind(id.as_str()).execute(c).await.map(drop))?;
    for word in words {
        on!(conn, c => sqlx::query(INSERT_WORD).bind(tenant.as_str()).bind(word).bind(id.as_str()).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// How many there are, and how many of them have a code.
pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<(i64, i64), Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_one(c).await)?)
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    for sql in [DELETE_ALL_WORDS, DELETE_ALL] {
        on!(conn, c => sqlx::query(sql).bind(tenant.as_str()).execute(c).await.map(drop))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
