//! Linked WhatsApp devices, as people see them.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::session::SessionState;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const FIND: &str = "SELECT * FROM wa_session WHERE tenant_id = $1";
/// Where nothing is linked any more, the number goes with the link: it must not be shown, nor pass for serving two salons.
const SET_STATE: &str = "INSERT INTO wa_session (tenant_id, state, phone, phone_hash, name, reason, until_at, linked_at, changed_at) \
     VALUES ($1, $2, '', '', '', $3, $4, NULL, $5) ON CONFLICT (tenant_id) DO UPDATE SET state = excluded.state, \
     reason = excluded.reason, until_at = excluded.until_at, changed_at = excluded.changed_at, \
     phone = CASE WHEN excluded.state IN ('unpaired', 'pairing', 'logged_out') THEN '' ELSE wa_session.phone END, \
     phone_hash = CASE WHEN excluded.state IN ('unpaired', 'pairing', 'logged_out') THEN '' ELSE wa_session.phone_hash END, \
     name = CASE WHEN excluded.state IN ('unpaired', 'pairing', 'logged_out') THEN '' ELSE wa_session.name END, \
     linked_at = CASE WHEN excluded.state IN ('unpaired', 'pairing', 'logged_out') THEN NULL ELSE wa_session.linked_at END";
const SET_LINKED: &str = "INSERT INTO wa_session (tenant_id, state, phone, phone_hash, name, reason, until_at, linked_at, changed_at) \
     VALUES ($1, 'online', $2, $3, $4, '', NULL, $5, $5) ON CONFLICT (tenant_id) DO UPDATE SET state = 'online', \
     phone = excluded.phone, phone_hash = excluded.phone_hash, name = excluded.name, reason = '', until_at = NULL, \
     linked_at = excluded.linked_at, changed_at = excluded.changed_at";
const FORGET: &str = "UPDATE wa_session SET state = 'unpaired', phone = '', phone_hash = '', name = '', reason = $2, until_at = NULL, \
     linked_at = NULL, changed_at = $3 WHERE tenant_id = $1";
/// Across tenants on purpose: asks only whether a number serves another salon too, by a hash no tenant key makes.
const FIND_BY_PHONE: &str = "SELECT tenant_id FROM wa_session WHERE phone_hash = $1 AND phone_hash <> '' AND tenant_id <> $2 \
     AND state NOT IN ('unpaired', 'pairing', 'logged_out') ORDER BY linked_at LIMIT 1";
/// Sessions that no node runs and that are to be brought back, the salons with the nearest planned messages first. The states are those of
/// `SessionState::is_linked`, which a test holds against this list.
///
/// # Decision
/// A replaced session is brought back too. The keys of a device rest in our database alone, so whoever took its place was a
/// process of ours: the old one of a deployment that overlapped, whose last word may have been written after the new one's.
/// While a process runs it rests as long as nobody presses the button, so two processes do not fight; the price is that each
/// start of a forgotten copy takes the link once.
const LIST_ORPHANS: &str = "SELECT s.tenant_id, s.state, s.until_at, s.changed_at FROM wa_session AS s \
     WHERE s.state IN ('online', 'offline', 'replaced', 'banned', 'outdated', 'halted') \
     AND NOT EXISTS (SELECT 1 FROM session_lease AS l JOIN node AS n ON n.id = l.node WHERE l.tenant_id = s.tenant_id) \
     AND NOT EXISTS (SELECT 1 FROM job AS j WHERE j.kind = $1 AND j.subject = s.tenant_id AND j.state = 'ready') \
     AND NOT EXISTS (SELECT 1 FROM job AS j WHERE j.kind = $1 AND j.subject = s.tenant_id AND j.state = 'leased') \
     AND NOT EXISTS (SELECT 1 FROM job AS j WHERE j.kind = $1 AND j.subject = s.tenant_id AND j.state = 'parked') \
     ORDER BY COALESCE((SELECT MIN(deadline_at) FROM (\
         SELECT MIN(deadline_at) AS deadline_at FROM outbox WHERE tenant_id = s.tenant_id AND state = 'planned' \
         UNION ALL SELECT MIN(deadline_at) FROM outbox WHERE tenant_id = s.tenant_id AND state = 'sending') AS waiting), \
     9223372036854775807), s.tenant_id";
const COUNT: &str = "SELECT state, CAST(COUNT(*) AS BIGINT) FROM wa_session GROUP BY state";

pub const SQL: &[&str] = &[FIND, SET_STATE, SET_LINKED, FORGET, FIND_BY_PHONE, LIST_ORPHANS, COUNT];

#[derive(Debug, Clone)]
pub struct SessionRow {
    pub state: SessionState,
    /// Sealed; empty until linked.
    pub phone: String,
    pub name: String,
    pub reason: String,
    pub until: Option<UnixMs>,
    pub linked_at: Option<UnixMs>,
    pub changed_at: UnixMs,
}

#[derive(FromRow)]
struct Raw {
    tenant_id: String,
    state: String,
    phone: String,
    name: String,
    reason: String,
    until_at: Option<i64>,
    linked_at: Option<i64>,
    changed_at: i64,
}

impl TryFrom<Raw> for SessionRow {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self, Error> {
        let state = SessionState::parse(&raw.state).ok_or(Error::Inconsistent {
            table: "wa_session",
            column: "state",
            id: raw.tenant_id,
        })?;
        Ok(Self {
            state,
            phone: raw.phone,
            name: raw.name,
            reason: raw.reason,
            until: raw.until_at.map(UnixMs),
            linked_at: raw.linked_at.map(UnixMs),
            changed_at: UnixMs(raw.changed_at),
        })
    }
}

pub async fn find(conn: &mut Conn, tenant: &TenantId) -> Result<Option<SessionRow>, Error> {
    let row: Option<Raw> =
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).fetch_optional(c).await)?;
    row.map(TryInto::try_into).transpose()
}

pub async fn set_state(
    conn: &mut Conn,
    tenant: &TenantId,
    state: SessionState,
    reason: &str,
    until: Option<UnixMs>,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_STATE)
        .bind(tenant.as_str()).bind(state.as_str()).bind(reason).bind(until.map(|at| at.0)).bind(now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// A phone was linked: its sealed number, the number's platform-wide hash, and the account's name.
pub async fn set_linked(
    conn: &mut Conn,
    tenant: &TenantId,
    phone: &str,
    phone_hash: &str,
    name: &str,
    now: UnixMs,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET_LINKED)
        .bind(tenant.as_str()).bind(phone).bind(phone_hash).bind(name).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Nothing is linked any more.
pub async fn forget(conn: &mut Conn, tenant: &TenantId, reason: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(FORGET).bind(tenant.as_str()).bind(reason).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Another salon whose session uses the number with this hash.
pub async fn find_other_by_phone(
    conn: &mut Conn,
    phone_hash: &str,
    tenant: &TenantId,
) -> Result<Option<TenantId>, Error> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(FIND_BY_PHONE).bind(phone_hash).bind(tenant.as_str())
        .fetch_optional(c).await)?;
    Ok(row.map(|(id,)| TenantId::from_stored(id)))
}

/// The linked sessions that no living node runs and no job of `kind` is about to bring back, each with the moment from which it
/// may be started.
pub async fn list_orphans(conn: &mut Conn, kind: &str) -> Result<Vec<(TenantId, UnixMs)>, Error> {
    type Linked = (String, String, Option<i64>, i64);
    let rows: Vec<Linked> = on!(conn, c => sqlx::query_as(LIST_ORPHANS).bind(kind).fetch_all(c).await)?;
    let linked = rows.into_iter().map(|(id, state, until, changed)| {
        let state = SessionState::parse(&state).unwrap_or(SessionState::Offline);
        (TenantId::from_stored(id), state.rests_until(until.map(UnixMs), UnixMs(changed)))
    });
    Ok(linked.collect())
}

pub async fn count(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT).fetch_all(c).await)?)
}

#[cfg(test)]
#[path = "wa_session_tests.rs"]
mod tests;
