//! Logins: people who use our pages. Name, address and the secret of their codes are sealed by the platform's key.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::login::Role;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{LoginId, TenantId};

const INSERT: &str = "INSERT INTO login (id, tenant_id, role, email, email_hash, name, password, totp, totp_step, invitation, invited_until, \
     created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, '', '', 0, '', NULL, $7, $7) ON CONFLICT (email_hash) DO NOTHING";
const FIND: &str = "SELECT * FROM login WHERE tenant_id = $1 AND id = $2";
/// Across tenants on purpose, as the next: whoever signs in has only said who they are.
const FIND_BY_EMAIL: &str = "SELECT * FROM login WHERE email_hash = $1";
const FIND_BY_INVITATION: &str = "SELECT * FROM login WHERE invitation = $1 AND invitation <> ''";
const LIST: &str = "SELECT * FROM login WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
const INVITE: &str =
    "UPDATE login SET invitation = $3, invited_until = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2";
/// Taken up once. Whoever lost the phone with the codes gets a new link, so they go with the old password.
const TAKE_UP: &str = "UPDATE login SET password = $4, totp = '', totp_step = 0, invitation = '', invited_until = NULL, off_at = NULL, \
     updated_at = $5 WHERE tenant_id = $1 AND id = $2 AND invitation = $3 AND invited_until > $5";
const SET_PASSWORD: &str = "UPDATE login SET password = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2";
const SET_TOTP: &str =
    "UPDATE login SET totp = $3, totp_step = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2";
/// A code that somebody looked over a shoulder for is not good again.
const USE_STEP: &str =
    "UPDATE login SET totp_step = $3 WHERE tenant_id = $1 AND id = $2 AND totp_step < $3 AND totp <> ''";
const SWITCH_OFF: &str = "UPDATE login SET off_at = $3, invitation = '', invited_until = NULL, updated_at = $3 \
     WHERE tenant_id = $1 AND id = $2";
const MARK_SEEN: &str = "UPDATE login SET seen_at = $3 WHERE tenant_id = $1 AND id = $2";
const DELETE_ALL: &str = "DELETE FROM login WHERE tenant_id = $1";

pub const SQL: &[&str] = &[
    INSERT,
    FIND,
    FIND_BY_EMAIL,
    FIND_BY_INVITATION,
    LIST,
    INVITE,
    TAKE_UP,
    SET_PASSWORD,
    SET_TOTP,
    USE_STEP,
    SWITCH_OFF,
    MARK_SEEN,
    DELETE_ALL,
];

/// A login and the tenant it belongs to, '' for an operator.
pub type Whose<'a> = (&'a str, &'a LoginId);

/// A person to be invited; `email` and `name` are sealed.
#[derive(Debug, Clone)]
pub struct NewLogin<'a> {
    pub id: &'a LoginId,
    /// '' for an operator.
    pub tenant: &'a str,
    pub role: Role,
    pub email: &'a str,
    pub email_hash: &'a str,
    pub name: &'a str,
}

#[derive(Debug, Clone)]
pub struct LoginRow {
    pub id: LoginId,
    /// '' for an operator.
    pub tenant: String,
    pub role: Role,
    /// Sealed, as the next; '' in neither.
    pub email: String,
    pub name: String,
    /// argon2id; '' until an invitation was taken up.
    pub password: String,
    /// Sealed; '' for none.
    pub totp: String,
    pub invited_until: Option<UnixMs>,
    pub off_at: Option<UnixMs>,
    pub seen_at: Option<UnixMs>,
}

impl LoginRow {
    #[must_use]
    pub fn whose(&self) -> Whose<'_> {
        (&self.tenant, &self.id)
    }
}

#[derive(FromRow)]
struct Raw {
    id: String,
    tenant_id: String,
    role: String,
    email: String,
    name: String,
    password: String,
    totp: String,
    invited_until: Option<i64>,
    off_at: Option<i64>,
    seen_at: Option<i64>,
}

impl TryFrom<Raw> for LoginRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let role = Role::parse(&raw.role);
        let role =
            role.ok_or_else(|| Error::Inconsistent { table: "login", column: "role", id: raw.id.clone() })?;
        Ok(Self {
            id: LoginId::from_stored(raw.id),
            tenant: raw.tenant_id,
            role,
            email: raw.email,
            name: raw.name,
            password: raw.password,
            totp: raw.totp,
            invited_until: raw.invited_until.map(UnixMs),
            off_at: raw.off_at.map(UnixMs),
            seen_at: raw.seen_at.map(UnixMs),
        })
    }
}

fn one(row: Option<Raw>) -> Result<Option<LoginRow>, Error> {
    row.map(TryInto::try_into).transpose()
}

/// `false` when somebody has this address already.
pub async fn insert(conn: &mut Conn, new: &NewLogin<'_>, now: UnixMs) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(INSERT).bind(new.id.as_str()).bind(new.tenant).bind(new.role.as_str())
        .bind(new.email).bind(new.email_hash).bind(new.name).bind(now.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn find(conn: &mut Conn, (tenant, id): Whose<'_>) -> Result<Option<LoginRow>, Error> {
    one(on!(conn, c => sqlx::query_as(FIND).bind(tenant).bind(id.as_str()).fetch_optional(c).await)?)
}

pub async fn find_by_email(conn: &mut Conn, email_hash: &str) -> Result<Option<LoginRow>, Error> {
    one(on!(conn, c => sqlx::query_as(FIND_BY_EMAIL).bind(email_hash).fetch_optional(c).await)?)
}

pub async fn find_by_invitation(conn: &mut Conn, hash: &str) -> Result<Option<LoginRow>, Error> {
    one(on!(conn, c => sqlx::query_as(FIND_BY_INVITATION).bind(hash).fetch_optional(c).await)?)
}

/// A company's people in the order they were invited; the last id of a page is where the next begins.
pub async fn list(
    conn: &mut Conn,
    tenant: &TenantId,
    after: &str,
    limit: i64,
) -> Result<Vec<LoginRow>, Error> {
    let rows: Vec<Raw> = on!(conn, c => sqlx::query_as(LIST).bind(tenant.as_str()).bind(after).bind(limit)
        .fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// The link with this hash sets the password until then; the one before it no more.
pub async fn invite(
    conn: &mut Conn,
    (tenant, id): Whose<'_>,
    hash: &str,
    until: UnixMs,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(INVITE).bind(tenant).bind(id.as_str()).bind(hash).bind(until.0).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Sets the password by an invitation; `false` when it was taken up already, or is too old.
pub async fn take_up(
    conn: &mut Conn,
    (tenant, id): Whose<'_>,
    hash: &str,
    password: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(TAKE_UP).bind(tenant).bind(id.as_str()).bind(hash).bind(password)
        .bind(now.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn set_password(
    conn: &mut Conn,
    (tenant, id): Whose<'_>,
    password: &str,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_PASSWORD).bind(tenant).bind(id.as_str()).bind(password).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// The secret of a person's codes, sealed, and the step of the code that proved it; '' is none any more.
pub async fn set_totp(
    conn: &mut Conn,
    (tenant, id): Whose<'_>,
    totp: &str,
    step: i64,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_TOTP).bind(tenant).bind(id.as_str()).bind(totp).bind(step).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// Takes the code of a step; `false` when one of it, or of a later one, was taken before.
pub async fn use_step(conn: &mut Conn, (tenant, id): Whose<'_>, step: i64) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(USE_STEP).bind(tenant).bind(id.as_str()).bind(step)
        .execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn switch_off(conn: &mut Conn, (tenant, id): Whose<'_>, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SWITCH_OFF).bind(tenant).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn mark_seen(conn: &mut Conn, (tenant, id): Whose<'_>, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_SEEN).bind(tenant).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// A company's people; their sittings go first.
pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
