//! Jobs: bells with a subject, a lane and a lease. What is to be done stands in the subject's own rows.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{JobId, NodeId, TenantId};

/// A need that is there already waits no longer than the more urgent of the two asks.
const ENQUEUE: &str = "INSERT INTO job (id, tenant_id, kind, subject, lane, state, run_at, attempt, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, 'ready', $6, 0, $7, $7) \
     ON CONFLICT (kind, subject) WHERE state = 'ready' DO NOTHING";
const HURRY: &str = "UPDATE job SET run_at = $3, updated_at = $4 WHERE kind = $1 AND subject = $2 AND state = 'ready' AND run_at > $3";
/// Found by the lane, which has an index for those who share it; the tenant is in it, and said again.
const HURRY_ALL: &str = "UPDATE job SET run_at = $3, updated_at = $3 WHERE tenant_id = $1 AND lane = $2 AND lane <> subject \
     AND state = 'ready' AND run_at > $3";
/// The oldest due job of the kind in each free lane; one whose lane is its own subject is alone in it. The unique index on leased
/// lanes is the backstop. A salon that has its share of the places is left out, so that whoever has much to do waits for itself.
macro_rules! claim {
    ($mine:expr, $lock:expr) => {
        concat!(
            "UPDATE job SET state = 'leased', node = $6, lease_token = $1, lease_until = $2, attempt = attempt + 1, updated_at = $3 \
             WHERE id IN (SELECT id FROM job AS j WHERE state = 'ready' AND kind = $5 AND run_at <= $3 \
             AND NOT EXISTS (SELECT 1 FROM job AS l WHERE l.lane = j.lane AND l.state = 'leased') \
             AND (j.lane = j.subject OR NOT EXISTS (SELECT 1 FROM job AS e WHERE e.lane = j.lane AND e.state = 'ready' \
             AND e.kind = $5 AND e.lane <> e.subject AND (e.run_at, e.id) < (j.run_at, j.id))) \
             AND j.tenant_id NOT IN (SELECT tenant_id FROM job WHERE state = 'leased' AND kind = $5 AND tenant_id <> '' \
             GROUP BY tenant_id HAVING COUNT(*) >= $7)",
            $mine,
            " ORDER BY run_at LIMIT $4",
            $lock,
            ") RETURNING *"
        )
    };
}
/// Of a salon whose session another living node runs, that node does what the session is needed for.
macro_rules! of_our_sessions {
    () => {
        " AND NOT EXISTS (SELECT 1 FROM session_lease AS s JOIN node AS n ON n.id = s.node \
          WHERE s.tenant_id = j.tenant_id AND s.node <> $6)"
    };
}
const CLAIM_SQLITE: &str = claim!("", "");
const CLAIM_POSTGRES: &str = claim!("", " FOR UPDATE SKIP LOCKED");
const CLAIM_OURS_SQLITE: &str = claim!(of_our_sessions!(), "");
const CLAIM_OURS_POSTGRES: &str = claim!(of_our_sessions!(), " FOR UPDATE SKIP LOCKED");
const RENEW: &str = "UPDATE job SET lease_until = $3 WHERE id = $1 AND lease_token = $2 AND state = 'leased'";
const FINISH: &str = "DELETE FROM job WHERE id = $1 AND lease_token = $2 AND state = 'leased'";
const RETRY: &str = "UPDATE job SET state = 'ready', lease_token = NULL, lease_until = NULL, run_at = $3, last_error = $4, \
     attempt = CASE WHEN $5 THEN attempt ELSE attempt - 1 END, updated_at = $6 \
     WHERE id = $1 AND lease_token = $2 AND state = 'leased' \
     AND NOT EXISTS (SELECT 1 FROM job AS t WHERE t.kind = job.kind AND t.subject = job.subject AND t.state = 'ready')";
const PARK: &str = "UPDATE job SET state = 'parked', lease_token = NULL, lease_until = NULL, last_error = $3, updated_at = $4 \
     WHERE id = $1 AND lease_token = $2 AND state = 'leased'";
/// A need that was parked before is the same need.
const DROP_PARKED_TWIN: &str = "DELETE FROM job WHERE state = 'parked' \
     AND (kind, subject) = (SELECT kind, subject FROM job WHERE id = $1 AND lease_token = $2 AND state = 'leased')";
const UNPARK: &str = "UPDATE job SET state = 'ready', run_at = $2, attempt = 0, updated_at = $2 \
     WHERE state = 'parked' AND updated_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM job AS t WHERE t.kind = job.kind AND t.subject = job.subject AND t.state = 'ready')";
const DROP_STALE_PARKED: &str = "DELETE FROM job WHERE state = 'parked' AND updated_at < $1";
/// Hooks and messages that wait though no job is there for them; see [`list_bellless`].
const LIST_BELLLESS_HOOKS: &str = "SELECT DISTINCT tenant_id, resource, resource_id FROM inbox WHERE absorbed_at IS NULL \
     AND source = 'hook' AND received_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'ready' AND kind = $2 \
     AND subject = inbox.tenant_id || ':' || inbox.resource || ':' || inbox.resource_id) \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'leased' \
     AND lane = inbox.tenant_id || ':' || inbox.resource || ':' || inbox.resource_id) \
     AND NOT EXISTS (SELECT 1 FROM job WHERE state = 'parked' AND kind = $2 \
     AND subject = inbox.tenant_id || ':' || inbox.resource || ':' || inbox.resource_id) LIMIT $3";
/// Expired, or of a process that is gone.
const LIST_EXPIRED: &str = "SELECT id, lease_token FROM job WHERE state = 'leased' \
     AND (lease_until < $1 OR NOT EXISTS (SELECT 1 FROM node WHERE node.id = job.node)) LIMIT 200";
/// Only what is still expired: its holder may have renewed it since it was read.
const TAKE_OVER: &str = "UPDATE job SET lease_token = $3 WHERE id = $1 AND lease_token = $2 AND state = 'leased' \
     AND (lease_until < $4 OR NOT EXISTS (SELECT 1 FROM node WHERE node.id = job.node))";
const NEXT_DUE: &str = "SELECT MIN(run_at) FROM job WHERE state = 'ready' AND kind = $1 AND run_at <= $2";
const COUNT: &str = "SELECT kind, state, CAST(COUNT(*) AS BIGINT), MIN(run_at) FROM job GROUP BY kind, state";
const LIST_PARKED: &str =
    "SELECT * FROM job WHERE tenant_id = $1 AND state = 'parked' ORDER BY updated_at DESC LIMIT $2";
/// One that waits or runs speaks before one that was put aside earlier.
/// One state at a time: each has an index of its own, and all of them together none.
const FIND: &str = "SELECT * FROM (\
     SELECT * FROM job WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND state = 'ready' \
     UNION ALL SELECT * FROM job WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND state = 'leased' \
     UNION ALL SELECT * FROM job WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND state = 'parked') AS found \
     ORDER BY CASE WHEN state = 'parked' THEN 1 ELSE 0 END, updated_at DESC LIMIT 1";
const DROP_PARKED: &str =
    "DELETE FROM job WHERE tenant_id = $1 AND kind = $2 AND subject = $3 AND state = 'parked'";
const DELETE_ALL: &str = "DELETE FROM job WHERE tenant_id = $1 AND state <> 'leased'";

pub const SQL: &[&str] = &[
    ENQUEUE,
    HURRY,
    HURRY_ALL,
    RENEW,
    FINISH,
    RETRY,
    PARK,
    DROP_PARKED_TWIN,
    UNPARK,
    DROP_STALE_PARKED,
    LIST_BELLLESS_HOOKS,
    LIST_EXPIRED,
    TAKE_OVER,
    NEXT_DUE,
    COUNT,
    LIST_PARKED,
    FIND,
    DROP_PARKED,
    DELETE_ALL,
];

/// A need. `subject` names what it is about; with the kind it is unique while it waits.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub id: JobId,
    /// `None` for the platform's own chores.
    pub tenant: Option<TenantId>,
    pub kind: &'static str,
    pub subject: String,
    pub lane: String,
    pub run_at: UnixMs,
    pub now: UnixMs,
}

#[derive(Debug, Clone, FromRow)]
pub struct JobRow {
    pub id: String,
    pub tenant_id: String,
    pub kind: String,
    pub subject: String,
    pub lane: String,
    pub state: String,
    pub run_at: i64,
    /// This run's number, from 1.
    pub attempt: i64,
    pub lease_token: Option<String>,
    pub last_error: Option<String>,
    pub created_at: i64,
}

pub async fn enqueue(conn: &mut Conn, job: &NewJob) -> Result<(), Error> {
    on!(conn, c => sqlx::query(ENQUEUE)
        .bind(job.id.as_str()).bind(job.tenant.as_ref().map_or("", TenantId::as_str)).bind(job.kind).bind(&job.subject)
        .bind(&job.lane).bind(job.run_at.0).bind(job.now.0).execute(c).await.map(drop))?;
    on!(conn, c => sqlx::query(HURRY).bind(job.kind).bind(&job.subject).bind(job.run_at.0).bind(job.now.0)
        .execute(c).await.map(drop))?;
    Ok(())
}

/// What a tenant's jobs of one lane waited for has come: they may run now.
pub async fn hurry_all(conn: &mut Conn, tenant: &TenantId, lane: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(HURRY_ALL).bind(tenant.as_str()).bind(lane).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Who wants jobs, of which kind, and how many.
#[derive(Debug, Clone)]
pub struct Claim<'a> {
    pub kind: &'a str,
    pub node: &'a NodeId,
    pub token: &'a str,
    /// The kind needs the salon's session: jobs of sessions that another node runs are left to it.
    pub of_session: bool,
    pub now: UnixMs,
    pub lease_until: UnixMs,
    pub limit: i64,
    /// A salon with so many of the kind at work gets no more.
    pub share: i64,
}

/// Leases due jobs of one kind, at most one a lane, and counts the attempt.
pub async fn claim(conn: &mut Conn, want: &Claim<'_>) -> Result<Vec<JobRow>, Error> {
    let sql = match (conn.is_postgres(), want.of_session) {
        (true, true) => CLAIM_OURS_POSTGRES,
        (true, false) => CLAIM_POSTGRES,
        (false, true) => CLAIM_OURS_SQLITE,
        (false, false) => CLAIM_SQLITE,
    };
    let claimed: Result<Vec<JobRow>, sqlx::Error> = on!(conn, c => sqlx::query_as(sql)
        .bind(want.token).bind(want.lease_until.0).bind(want.now.0).bind(want.limit).bind(want.kind)
        .bind(want.node.as_str()).bind(want.share).fetch_all(c).await);
    match claimed.map_err(Error::from) {
        // Two reached for one lane at once: the index let one of them have it, the other looks again.
        Err(error) if error.is_lost_race() => Ok(Vec::new()),
        other => other,
    }
}

/// Extends a lease; `false` when it is no longer ours.
pub async fn renew(conn: &mut Conn, id: &str, token: &str, until: UnixMs) -> Result<bool, Error> {
    let rows = on!(conn, c => sqlx::query(RENEW).bind(id).bind(token).bind(until.0).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Ends a job that is done; `false` when the lease was lost meanwhile.
pub async fn finish(conn: &mut Conn, id: &str, token: &str) -> Result<bool, Error> {
    let rows =
        on!(conn, c => sqlx::query(FINISH).bind(id).bind(token).execute(c).await.map(|d| d.rows_affected()))?;
    Ok(rows == 1)
}

/// Gives a job back to run again at `run_at`. `counts` is false for a wait that was not a failure. A twin that rang
/// meanwhile takes its place.
pub async fn retry(
    conn: &mut Conn,
    job: (&str, &str),
    run_at: UnixMs,
    error: &str,
    counts: bool,
    now: UnixMs,
) -> Result<(), Error> {
    let (id, token) = job;
    let rows = on!(conn, c => sqlx::query(RETRY).bind(id).bind(token).bind(run_at.0).bind(error).bind(counts).bind(now.0)
        .execute(c).await.map(|d| d.rows_affected()))?;
    if rows == 0 {
        finish(conn, id, token).await?;
    }
    Ok(())
}

/// Puts a job aside until a person looks at it, or [`unpark`] gives it another try.
pub async fn park(conn: &mut Conn, id: &str, token: &str, error: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DROP_PARKED_TWIN).bind(id).bind(token).execute(c).await.map(drop))?;
    on!(conn, c => sqlx::query(PARK).bind(id).bind(token).bind(error).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// Gives jobs that were parked before `before` another try: what stood in their way may have been mended. Says how many.
pub async fn unpark(conn: &mut Conn, before: UnixMs, now: UnixMs) -> Result<u64, Error> {
    let unparked = on!(conn, c => sqlx::query(UNPARK).bind(before.0).bind(now.0).execute(c).await
        .map(|d| d.rows_affected()))?;
    // What is left has a twin that waits.
    on!(conn, c => sqlx::query(DROP_STALE_PARKED).bind(before.0).execute(c).await.map(drop))?;
    Ok(unparked)
}

/// Hooks that came before `before` and wait without a job of `kind`: on PostgreSQL a hook may be committed just after the job it
/// was to ring has looked. Tenant, resource and its number of each.
pub async fn list_bellless(
    conn: &mut Conn,
    kind: &str,
    before: UnixMs,
    limit: i64,
) -> Result<Vec<(TenantId, String, i64)>, Error> {
    let rows: Vec<(String, String, i64)> = on!(conn, c => sqlx::query_as(LIST_BELLLESS_HOOKS)
        .bind(before.0).bind(kind).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(tenant, resource, id)| (TenantId::from_stored(tenant), resource, id)).collect())
}

/// Takes back leases that ran out before `before`, and those of nodes that are gone; says how many.
pub async fn reap(conn: &mut Conn, before: UnixMs, now: UnixMs) -> Result<usize, Error> {
    let expired: Vec<(String, String)> =
        on!(conn, c => sqlx::query_as(LIST_EXPIRED).bind(before.0).fetch_all(c).await)?;
    let mut reaped = 0;
    for (id, token) in &expired {
        let ours = format!("reaped:{token}");
        let taken = on!(conn, c => sqlx::query(TAKE_OVER).bind(id).bind(token).bind(&ours).bind(before.0)
            .execute(c).await.map(|d| d.rows_affected()))?;
        if taken == 1 {
            retry(conn, (id, &ours), now, "the process that ran it went away", true, now).await?;
            reaped += 1;
        }
    }
    Ok(reaped)
}

/// When the next waiting job of the kind is due, if that is not after `horizon`.
pub async fn next_due(conn: &mut Conn, kind: &str, horizon: UnixMs) -> Result<Option<UnixMs>, Error> {
    let (at,): (Option<i64>,) =
        on!(conn, c => sqlx::query_as(NEXT_DUE).bind(kind).bind(horizon.0).fetch_one(c).await)?;
    Ok(at.map(UnixMs))
}

/// Per kind and state: how many, and when the earliest was due.
pub async fn count(conn: &mut Conn) -> Result<Vec<(String, String, i64, Option<i64>)>, Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT).fetch_all(c).await)?)
}

pub async fn list_parked(conn: &mut Conn, tenant: &TenantId, limit: i64) -> Result<Vec<JobRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(LIST_PARKED).bind(tenant.as_str()).bind(limit).fetch_all(c).await)?)
}

/// A tenant's job of this kind about this subject, as it stands now.
pub async fn find(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &'static str,
    subject: &str,
) -> Result<Option<JobRow>, Error> {
    Ok(
        on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).bind(kind).bind(subject).fetch_optional(c).await)?,
    )
}

/// Drops what was put aside, because a person has it tried again.
pub async fn drop_parked(
    conn: &mut Conn,
    tenant: &TenantId,
    kind: &'static str,
    subject: &str,
) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DROP_PARKED).bind(tenant.as_str()).bind(kind).bind(subject).execute(c).await.map(drop))?;
    Ok(())
}

/// Drops whatever waits for a tenant that is gone.
pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "job_tests.rs"]
pub(super) mod tests;

#[cfg(test)]
#[path = "job_aside_tests.rs"]
mod aside_tests;
