//! What the desk's lists are made of: companies, one company's records, its messages. All turned by key, none by counting.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use super::outbox::{OutboxRow, Raw as RawOutbox};
use crate::domain::message::OutboxState;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};

/// Across tenants on purpose: an operator's list. The page is cut out first, so that only its rows are looked into.
const COMPANIES: &str = "WITH page AS (SELECT id, salon_id, state, title, address FROM tenant WHERE (title, id) > ($1, $2) \
     ORDER BY title, id LIMIT $3) \
     SELECT page.id, page.salon_id, page.state, page.title, page.address, COALESCE(s.state, 'unpaired') AS session, \
     p.locked_until_at, p.rests_until_at, \
     (SELECT CAST(COUNT(*) AS BIGINT) FROM inbox WHERE tenant_id = page.id AND absorbed_at IS NULL) AS waiting_hooks, \
     (SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE tenant_id = page.id AND state = 'parked') AS parked, \
     (SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = page.id AND state = 'uncertain') AS uncertain, \
     (SELECT CAST(COUNT(*) AS BIGINT) FROM outbox WHERE tenant_id = page.id AND state = 'expired' AND updated_at > $4) AS dropped, \
     (SELECT error FROM sync_run WHERE tenant_id = page.id AND kind = 'records' AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1) \
     AS sync_error, h.outcome AS hook_check FROM page LEFT JOIN hook_check AS h ON h.tenant_id = page.id \
     LEFT JOIN wa_session AS s ON s.tenant_id = page.id LEFT JOIN pace AS p ON p.tenant_id = page.id \
     ORDER BY page.title, page.id";
/// With each record its last message, and its last decision.
const AHEAD: &str = "SELECT r.record_id, r.starts_at, r.deleted, r.body, o.kind, o.state, o.ticks, d.verb FROM record AS r \
     LEFT JOIN outbox AS o ON o.tenant_id = r.tenant_id AND o.id = (SELECT MAX(id) FROM outbox WHERE tenant_id = $1 AND record_id = r.record_id) \
     LEFT JOIN decision AS d ON d.tenant_id = r.tenant_id AND d.id = (SELECT MAX(id) FROM decision WHERE tenant_id = $1 AND record_id = r.record_id) \
     WHERE r.tenant_id = $1 AND (r.starts_at, r.record_id) > ($2, $3) ORDER BY r.starts_at, r.record_id LIMIT $4";
const BEHIND: &str = "SELECT r.record_id, r.starts_at, r.deleted, r.body, o.kind, o.state, o.ticks, d.verb FROM record AS r \
     LEFT JOIN outbox AS o ON o.tenant_id = r.tenant_id AND o.id = (SELECT MAX(id) FROM outbox WHERE tenant_id = $1 AND record_id = r.record_id) \
     LEFT JOIN decision AS d ON d.tenant_id = r.tenant_id AND d.id = (SELECT MAX(id) FROM decision WHERE tenant_id = $1 AND record_id = r.record_id) \
     WHERE r.tenant_id = $1 AND (r.starts_at, r.record_id) < ($2, $3) ORDER BY r.starts_at DESC, r.record_id DESC LIMIT $4";
const MESSAGES: &str =
    "SELECT * FROM outbox WHERE tenant_id = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4";

pub const SQL: &[&str] = &[COMPANIES, AHEAD, BEHIND, MESSAGES];

/// A company as the operator's list needs it.
#[derive(Debug, Clone, FromRow)]
pub struct CompanyRow {
    pub id: String,
    pub salon_id: i64,
    pub state: String,
    pub title: String,
    pub address: String,
    pub session: String,
    pub locked_until_at: Option<i64>,
    pub rests_until_at: Option<i64>,
    pub waiting_hooks: i64,
    pub parked: i64,
    pub uncertain: i64,
    pub dropped: i64,
    /// What broke off the last reading of the journal; '' where it ended well.
    pub sync_error: Option<String>,
    pub hook_check: Option<String>,
}

/// A record with what became of it; `body` is sealed.
#[derive(Debug, Clone, FromRow)]
pub struct VisitRow {
    pub record_id: i64,
    pub starts_at: i64,
    pub deleted: bool,
    pub body: String,
    pub kind: Option<String>,
    pub state: Option<String>,
    pub ticks: Option<String>,
    pub verb: Option<String>,
}

/// Which way a list of records is turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The nearest first.
    Ahead,
    /// The latest first.
    Behind,
}

/// Companies by name; title and id of a page's last are where the next begins. `dropped_since`: messages that came too late
/// since then are counted.
pub async fn list_companies(
    conn: &mut Conn,
    (title, id): (&str, &str),
    dropped_since: UnixMs,
    limit: i64,
) -> Result<Vec<CompanyRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(COMPANIES).bind(title).bind(id).bind(limit).bind(dropped_since.0)
        .fetch_all(c).await)?)
}

/// Records that begin beyond a moment and, of this moment, a record.
pub async fn list_visits(
    conn: &mut Conn,
    tenant: &TenantId,
    way: Way,
    beyond: (UnixMs, RecordId),
    limit: i64,
) -> Result<Vec<VisitRow>, Error> {
    let sql = match way {
        Way::Ahead => AHEAD,
        Way::Behind => BEHIND,
    };
    Ok(on!(conn, c => sqlx::query_as(sql).bind(tenant.as_str()).bind(beyond.0.0).bind(beyond.1.0).bind(limit)
        .fetch_all(c).await)?)
}

/// Messages in a state, the newest first; the last of a page is where the next begins.
pub async fn list_messages(
    conn: &mut Conn,
    tenant: &TenantId,
    state: OutboxState,
    before: Option<&OutboxId>,
    limit: i64,
) -> Result<Vec<OutboxRow>, Error> {
    // Above every id, in whatever order a database puts letters.
    let before = before.map_or("outz", OutboxId::as_str);
    let rows: Vec<RawOutbox> = on!(conn, c => sqlx::query_as(MESSAGES).bind(tenant.as_str()).bind(state.as_str())
        .bind(before).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
