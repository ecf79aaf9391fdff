//! Codes that clients of a salon sign in with. A number that nobody has leaves the same row, so that nothing tells the two apart.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{ClientKey, TenantId};

/// Whoever asks again gets another code: the one before is forgotten, and the tries with it.
const ASK: &str = "INSERT INTO sign_in (tenant_id, phone, body, code, client_id, tries, asked_at, until_at) \
     VALUES ($1, $2, $3, NULL, NULL, 0, $4, $5) ON CONFLICT (tenant_id, phone) DO UPDATE SET body = excluded.body, code = NULL, \
     client_id = NULL, tries = 0, asked_at = excluded.asked_at, until_at = excluded.until_at";
const FIND: &str =
    "SELECT body, code, client_id, asked_at, until_at FROM sign_in WHERE tenant_id = $1 AND phone = $2";
/// Of two workers with the same question one answers it.
const ANSWER: &str = "UPDATE sign_in SET code = $4, client_id = $5 WHERE tenant_id = $1 AND phone = $2 AND asked_at = $3 AND code IS NULL";
/// The row is its toucher's until the end of the unit of work.
const TRY: &str = "UPDATE sign_in SET tries = tries + 1 WHERE tenant_id = $1 AND phone = $2 AND tries < $3 AND until_at > $4 \
     RETURNING body, code, client_id, asked_at, until_at";
const USE_UP: &str = "UPDATE sign_in SET code = '', until_at = $3 WHERE tenant_id = $1 AND phone = $2";
const DELETE_ALL: &str = "DELETE FROM sign_in WHERE tenant_id = $1";
/// Across tenants on purpose: whatever nobody can sign in with any more.
const DELETE_OLD: &str = "DELETE FROM sign_in WHERE (tenant_id, phone) IN \
     (SELECT tenant_id, phone FROM sign_in WHERE asked_at < $1 ORDER BY asked_at LIMIT $2)";

pub const SQL: &[&str] = &[ASK, FIND, ANSWER, TRY, USE_UP, DELETE_ALL, DELETE_OLD];

/// What somebody asked for; `body` is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    pub body: String,
    /// `None` until it was looked up whose the number is; '' where no code is good.
    pub code: Option<String>,
    pub client: Option<ClientKey>,
    pub asked_at: UnixMs,
    pub until: UnixMs,
}

#[derive(FromRow)]
struct Raw {
    body: String,
    code: Option<String>,
    client_id: Option<String>,
    asked_at: i64,
    until_at: i64,
}

impl From<Raw> for SignInRow {
    fn from(raw: Raw) -> Self {
        Self {
            body: raw.body,
            code: raw.code,
            client: raw.client_id.map(ClientKey::from_stored),
            asked_at: UnixMs(raw.asked_at),
            until: UnixMs(raw.until_at),
        }
    }
}

/// Notes that a code is asked for with a (hashed) number.
pub async fn ask(
    conn: &mut Conn,
    tenant: &TenantId,
    phone: &str,
    body: &str,
    (now, until): (UnixMs, UnixMs),
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(ASK).bind(tenant.as_str()).bind(phone).bind(body).bind(now.0).bind(until.0).execute(c).await
        .map(drop))?;
    Ok(())
}

pub async fn find(conn: &mut Conn, tenant: &TenantId, phone: &str) -> Result<Option<SignInRow>, Error> {
    let raw: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(phone).fetch_optional(c).await)?;
    Ok(raw.map(Into::into))
}

/// Writes the (hashed) code that a client is sent, or that the number is nobody's; `false` when that was answered already, or
/// something else is asked by now.
pub async fn answer(
    conn: &mut Conn,
    tenant: &TenantId,
    phone: &str,
    asked_at: UnixMs,
    given: Option<(&str, &ClientKey)>,
) -> Result<bool, Error> {
    let (code, client) = (given.map_or("", |given| given.0), given.map(|given| given.1.as_str()));
    let answered = on!(conn, c => sqlx::query(ANSWER).bind(tenant.as_str()).bind(phone).bind(asked_at.0).bind(code).bind(client)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(answered == 1)
}

/// Counts a try, unless there were so many already or its time is over: then nothing is looked at.
pub async fn count_try(
    conn: &mut Conn,
    tenant: &TenantId,
    phone: &str,
    most: i64,
    now: UnixMs,
) -> Result<Option<SignInRow>, Error> {
    let raw: Option<Raw> = on!(conn, c => sqlx::query_as(TRY).bind(tenant.as_str()).bind(phone).bind(most).bind(now.0)
        .fetch_optional(c).await)?;
    Ok(raw.map(Into::into))
}

/// No code is good with this number any more.
pub async fn use_up(conn: &mut Conn, tenant: &TenantId, phone: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(USE_UP).bind(tenant.as_str()).bind(phone).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete_old(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(DELETE_OLD).bind(before.0).bind(limit).execute(c).await
        .map(|d| d.rows_affected()))?)
}

#[cfg(test)]
#[path = "sign_in_tests.rs"]
mod tests;
