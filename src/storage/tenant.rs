//! Tenants: who uses us, in which state, under which keys.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use super::key_change;
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;

const FIND: &str = "SELECT * FROM tenant WHERE id = $1";
const FIND_BY_SALON: &str = "SELECT * FROM tenant WHERE salon_id = $1";
const FIND_BY_HOOK: &str = "SELECT id, hook_key_hash = $1 AND hook_key_before <> '' FROM tenant \
     WHERE hook_key_hash = $1 OR (hook_key_before = $1 AND hook_key_before <> '')";
const INSERT: &str = "INSERT INTO tenant (id, salon_id, state, title, address, timezone, locale, data_key, api_key, hook_key, \
     hook_key_hash, owner, created_at, updated_at, state_since_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13) ON CONFLICT (salon_id) DO NOTHING";
const SET_PROFILE: &str =
    "UPDATE tenant SET title = $2, address = $3, timezone = $4, updated_at = $5 WHERE id = $1";
const SET_STATE: &str = "UPDATE tenant SET state = $3, state_since_at = $4, updated_at = $4, \
     activated_at = CASE WHEN $3 = 'active' AND activated_at IS NULL THEN $4 ELSE activated_at END \
     WHERE id = $1 AND state = $2";
const SET_KEYS: &str = "UPDATE tenant SET data_key = $2, api_key = $3, hook_key = $4, hook_key_hash = $5, owner = $6, \
     api_key_hash = '', activated_at = NULL, number_confirmed_at = NULL, hook_key_before = '', gone_at = NULL, updated_at = $7 WHERE id = $1";
/// What the key sealed is gone with it; the address answers no more. A salon that came back meanwhile has another key.
const DESTROY_KEYS: &str = "UPDATE tenant SET data_key = '', api_key = '', api_key_hash = '', hook_key = '', hook_key_hash = id, \
     hook_key_before = '', owner = '', updated_at = $2 WHERE id = $1 AND state = 'uninstalled' AND data_key = $3";
/// Changed twice before a hook came to the new address, the one that hooks still come to is the first.
const SET_HOOK_KEY: &str = "UPDATE tenant SET hook_key = $2, \
     hook_key_before = CASE WHEN hook_key_before <> '' THEN hook_key_before ELSE hook_key_hash END, hook_key_hash = $3, updated_at = $4 \
     WHERE id = $1 AND data_key = $5";
const DROP_HOOK_KEY_BEFORE: &str =
    "UPDATE tenant SET hook_key_before = '' WHERE id = $1 AND hook_key_hash = $2";
const SET_GONE: &str = "UPDATE tenant SET gone_at = $2 WHERE id = $1";
const SET_OWNER: &str = "UPDATE tenant SET owner = $2, updated_at = $3 WHERE id = $1";
const CONFIRM_NUMBER: &str = "UPDATE tenant SET number_confirmed_at = $2, updated_at = $2 WHERE id = $1";
const UNCONFIRM_NUMBER: &str = "UPDATE tenant SET number_confirmed_at = NULL, updated_at = $2 WHERE id = $1";
/// Across tenants on purpose: a start looks whether it has the key to what is stored.
const NEWEST_KEY: &str =
    "SELECT id, data_key FROM tenant WHERE data_key <> '' ORDER BY created_at DESC LIMIT 1";
const MARK_CHECKED: &str = "UPDATE tenant SET checked_at = $2 WHERE id = $1";
/// COALESCE in the order too: the two engines put NULL at different ends.
const LIST_UNCHECKED: &str = "SELECT id FROM tenant WHERE state <> 'uninstalled' AND COALESCE(checked_at, 0) < $1 \
     ORDER BY COALESCE(checked_at, 0), id LIMIT $2";
const COUNT_BY_STATE: &str = "SELECT state, CAST(COUNT(*) AS BIGINT) FROM tenant GROUP BY state";

pub const SQL: &[&str] = &[
    FIND,
    FIND_BY_SALON,
    FIND_BY_HOOK,
    INSERT,
    SET_PROFILE,
    SET_STATE,
    SET_KEYS,
    DESTROY_KEYS,
    SET_HOOK_KEY,
    DROP_HOOK_KEY_BEFORE,
    SET_GONE,
    SET_OWNER,
    CONFIRM_NUMBER,
    UNCONFIRM_NUMBER,
    NEWEST_KEY,
    MARK_CHECKED,
    LIST_UNCHECKED,
    COUNT_BY_STATE,
];

/// A tenant with its sealed keys.
#[derive(Debug, Clone)]
pub struct StoredTenant {
    pub tenant: Tenant,
    pub keys: SealedKeys,
}

/// What is sealed of a tenant. `hook_key_hash` is a plain SHA-256: the key has 256 random bits of its own.
#[derive(Debug, Clone)]
pub struct SealedKeys {
    pub data_key: String,
    pub api_key: String,
    pub hook_key: String,
    pub hook_key_hash: String,
    pub owner: String,
}

#[derive(FromRow)]
struct TenantRow {
    id: String,
    salon_id: i64,
    state: String,
    title: String,
    address: String,
    timezone: String,
    locale: String,
    data_key: String,
    api_key: String,
    hook_key: String,
    hook_key_hash: String,
    owner: String,
    created_at: i64,
    state_since_at: i64,
    activated_at: Option<i64>,
    number_confirmed_at: Option<i64>,
    gone_at: Option<i64>,
}

impl TryFrom<TenantRow> for StoredTenant {
    type Error = Error;

    fn try_from(row: TenantRow) -> Result<Self, Error> {
        let bad = |column| Error::Inconsistent { table: "tenant", column, id: row.id.clone() };
        let state = TenantState::parse(&row.state).ok_or_else(|| bad("state"))?;
        let timezone = row.timezone.parse().map_err(|_| bad("timezone"))?;
        let locale = Locale::parse(&row.locale).ok_or_else(|| bad("locale"))?;
        Ok(Self {
            tenant: Tenant {
                id: TenantId::from_stored(row.id),
                salon_id: SalonId(row.salon_id),
                state,
                title: row.title,
                address: row.address,
                timezone,
                locale,
                created_at: UnixMs(row.created_at),
                state_since_at: UnixMs(row.state_since_at),
                activated_at: row.activated_at.map(UnixMs),
                number_confirmed_at: row.number_confirmed_at.map(UnixMs),
                gone_at: row.gone_at.map(UnixMs),
            },
            keys: SealedKeys {
                data_key: row.data_key,
                api_key: row.api_key,
                hook_key: row.hook_key,
                hook_key_hash: row.hook_key_hash,
                owner: row.owner,
            },
        })
    }
}

pub async fn find(conn: &mut Conn, id: &TenantId) -> Result<Option<StoredTenant>, Error> {
    let row: Option<TenantRow> =
        on!(conn, c => sqlx::query_as(FIND).bind(id.as_str()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

pub async fn find_by_salon(conn: &mut Conn, salon: SalonId) -> Result<Option<StoredTenant>, Error> {
    let row: Option<TenantRow> =
        on!(conn, c => sqlx::query_as(FIND_BY_SALON).bind(salon.0).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

/// Whose webhook address holds the key with this hash, and whether a key before it is still good.
pub async fn find_by_hook(conn: &mut Conn, hook_key_hash: &str) -> Result<Option<(TenantId, bool)>, Error> {
    let row: Option<(String, bool)> =
        on!(conn, c => sqlx::query_as(FIND_BY_HOOK).bind(hook_key_hash).fetch_optional(c).await)?;
    Ok(row.map(|(id, has_before)| (TenantId::from_stored(id), has_before)))
}

/// The new webhook address is in use: the one before it is nobody's from now on, unless there is a newer one by now.
pub async fn drop_hook_key_before(conn: &mut Conn, id: &TenantId, in_use: &str) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DROP_HOOK_KEY_BEFORE).bind(id.as_str()).bind(in_use).execute(c).await.map(drop))?;
    key_change::count(conn).await
}

/// Adds a tenant; `false` when the salon has one already (two installs at once: the first wins, the second finds it).
pub async fn insert(conn: &mut Conn, new: &Tenant, keys: &SealedKeys) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(INSERT)
        .bind(new.id.as_str()).bind(new.salon_id.0).bind(new.state.as_str()).bind(&new.title).bind(&new.address)
        .bind(new.timezone.name()).bind(new.locale.code()).bind(&keys.data_key).bind(&keys.api_key).bind(&keys.hook_key)
        .bind(&keys.hook_key_hash).bind(&keys.owner).bind(new.created_at.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

pub async fn set_profile(
    conn: &mut Conn,
    id: &TenantId,
    title: &str,
    address: &str,
    timezone: chrono_tz::Tz,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_PROFILE)
        .bind(id.as_str()).bind(title).bind(address).bind(timezone.name()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Moves from one state to the next; `false` when it was not in `from` any more.
pub async fn set_state(
    conn: &mut Conn,
    id: &TenantId,
    from: TenantState,
    to: TenantState,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(SET_STATE)
        .bind(id.as_str()).bind(from.as_str()).bind(to.as_str()).bind(now.0)
        .execute(c).await.map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

/// Fresh keys for a new installation of a salon that had gone.
pub async fn set_keys(conn: &mut Conn, id: &TenantId, keys: &SealedKeys, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_KEYS)
        .bind(id.as_str()).bind(&keys.data_key).bind(&keys.api_key).bind(&keys.hook_key).bind(&keys.hook_key_hash)
        .bind(&keys.owner).bind(now.0).execute(c).await.map(drop))?;
    key_change::count(conn).await
}

/// Destroys every key of an uninstalled tenant, if `data_key` is still its own; `false` when it came back meanwhile. Whatever
/// they sealed cannot be read by anybody any more.
pub async fn destroy_keys(
    conn: &mut Conn,
    id: &TenantId,
    data_key: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(DESTROY_KEYS).bind(id.as_str()).bind(now.0).bind(data_key)
        .execute(c).await.map(|done| done.rows_affected()))?;
    key_change::count(conn).await?;
    Ok(rows == 1)
}

/// From `at` on it is believed that the salon has gone; `None`: it is there.
pub async fn set_gone(conn: &mut Conn, id: &TenantId, at: Option<UnixMs>) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_GONE).bind(id.as_str()).bind(at.map(|at| at.0)).execute(c).await.map(drop))?;
    Ok(())
}

/// `sealed` was sealed by the key that `data_key` holds; `false` when the tenant has another one by now.
pub async fn set_hook_key(
    conn: &mut Conn,
    id: &TenantId,
    (sealed, hash): (&str, &str),
    data_key: &str,
    now: UnixMs,
) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(SET_HOOK_KEY).bind(id.as_str()).bind(sealed).bind(hash).bind(now.0).bind(data_key)
        .execute(c).await.map(|done| done.rows_affected()))?;
    key_change::count(conn).await?;
    Ok(rows == 1)
}

pub async fn set_owner(conn: &mut Conn, id: &TenantId, sealed: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_OWNER).bind(id.as_str()).bind(sealed).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn confirm_number(conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(CONFIRM_NUMBER).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn unconfirm_number(conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(UNCONFIRM_NUMBER).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// The newest tenant that has a data key, and that key, sealed.
pub async fn newest_key(conn: &mut Conn) -> Result<Option<(TenantId, String)>, Error> {
    let row: Option<(String, String)> = on!(conn, c => sqlx::query_as(NEWEST_KEY).fetch_optional(c).await)?;
    Ok(row.map(|(id, key)| (TenantId::from_stored(id), key)))
}

pub async fn mark_checked(conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_CHECKED).bind(id.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Salons whose installation status was not read since `before`, the longest unread first.
pub async fn list_unchecked(conn: &mut Conn, before: UnixMs, limit: i64) -> Result<Vec<TenantId>, Error> {
    let rows: Vec<(String,)> =
        on!(conn, c => sqlx::query_as(LIST_UNCHECKED).bind(before.0).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| TenantId::from_stored(id)).collect())
}

pub async fn count_by_state(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT_BY_STATE).fetch_all(c).await)?)
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
