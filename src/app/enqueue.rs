//! Typed doors to the job table: which needs there are, their subjects, their lanes and when they may run.

use super::App;
use super::error::Error;
use super::ripple::Ripple;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{AlertId, JobId, TenantId};
use crate::storage::Conn;
use crate::storage::job::{self, NewJob};

/// The worker looks at least so often, though nothing rang.
pub const POLL_MS: i64 = 1_000;

pub const ABSORB: &str = "absorb_resource";
pub const SEND: &str = "take_turn";
pub const CONFIGURE: &str = "configure_salon";
pub const SYNC_CATALOG: &str = "sync_catalog";
pub const SYNC_RECORDS: &str = "sync_records";
pub const CHECK_HOOKS: &str = "check_hooks";
pub const CHECK_STATUS: &str = "check_status";
pub const UNLINK: &str = "unlink_session";
pub const RESTORE: &str = "restore_session";
pub const ASK: &str = "ask_session";
pub const ALERT: &str = "tell_operator";
pub const BOOKS: &str = "keep_books";
pub const ISSUE_CODE: &str = "issue_code";
pub const ALL: [&str; 13] = [
    ABSORB,
    SEND,
    CONFIGURE,
    SYNC_CATALOG,
    SYNC_RECORDS,
    CHECK_HOOKS,
    CHECK_STATUS,
    UNLINK,
    RESTORE,
    ASK,
    ALERT,
    BOOKS,
    ISSUE_CODE,
];
/// Of the subject and the lane of what reads a salon's journal.
pub const SYNC_ENDING: &str = ":sync";
/// Records that change one after another are kept in one go. The worker finds what is so near by itself: nobody need ring.
const BOOKS_DELAY_MS: i64 = 500;

/// What an inbox row rings: subject and lane are the resource, so edits of one record never overlap and fold while waiting.
#[must_use]
pub fn absorb_job(
    tenant: &TenantId,
    resource: &str,
    resource_id: i64,
    run_at: UnixMs,
    now: UnixMs,
) -> NewJob {
    let subject = format!("{tenant}:{resource}:{resource_id}");
    new(Some(tenant), ABSORB, subject.clone(), subject, run_at, now)
}

/// Takes an absorb job's subject apart.
#[must_use]
pub fn absorb_subject(subject: &str) -> Option<(TenantId, &str, i64)> {
    let mut parts = subject.splitn(3, ':');
    let tenant = TenantId::parse(parts.next()?)?;
    let resource = parts.next()?;
    Some((tenant, resource, parts.next()?.parse().ok()?))
}

/// What a tenant's phone does, one thing at a time.
#[must_use]
pub fn session_lane(tenant: &TenantId) -> String {
    format!("{tenant}:session")
}

/// The salon has something to say: one bell, however much it is. One phone never sends two things at once: its lane is the session.
pub async fn send(conn: &mut Conn, tenant: &TenantId, run_at: UnixMs, now: UnixMs) -> Result<(), Error> {
    let job = new(Some(tenant), SEND, tenant.to_string(), session_lane(tenant), run_at, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// Everything that moves an installation along runs in one lane per tenant.
pub async fn installation(
    conn: &mut Conn,
    kind: &'static str,
    tenant: &TenantId,
    run_at: UnixMs,
    now: UnixMs,
) -> Result<(), Error> {
    let job = new(Some(tenant), kind, tenant.to_string(), format!("{tenant}:install"), run_at, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// A salon's journal is read by one at a time, and beside everything else.
pub async fn sync_records(
    conn: &mut Conn,
    tenant: &TenantId,
    run_at: UnixMs,
    now: UnixMs,
) -> Result<(), Error> {
    let subject = format!("{tenant}{SYNC_ENDING}");
    let job = new(Some(tenant), SYNC_RECORDS, subject.clone(), subject, run_at, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// One thing for the operator to hear. `tenant` is '' for the platform's own.
pub async fn alert(conn: &mut Conn, tenant: &str, id: &AlertId, now: UnixMs) -> Result<(), Error> {
    let tenant = TenantId::parse(tenant);
    let job = new(tenant.as_ref(), ALERT, id.to_string(), id.to_string(), now, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// What a page asked of the session waits for nothing that the session does.
pub async fn ask(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<(), Error> {
    let job = new(Some(tenant), ASK, tenant.to_string(), format!("{tenant}:ask"), now, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// Records of a salon are due to be kept in its books: one bell, however many they are.
pub async fn books(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<(), Error> {
    let run_at = now.plus_ms(BOOKS_DELAY_MS);
    let job = new(Some(tenant), BOOKS, tenant.to_string(), format!("{tenant}:books"), run_at, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// Somebody asked for a code with this (hashed) number.
pub async fn issue_code(conn: &mut Conn, tenant: &TenantId, phone: &str, now: UnixMs) -> Result<(), Error> {
    let subject = format!("{tenant}:{phone}");
    let job = new(Some(tenant), ISSUE_CODE, subject.clone(), subject, now, now);
    Ok(job::enqueue(conn, &job).await?)
}

/// Takes such a job's subject apart.
#[must_use]
pub fn issue_code_subject(subject: &str) -> Option<(TenantId, &str)> {
    let (tenant, phone) = subject.split_once(':')?;
    Some((TenantId::parse(tenant)?, phone))
}

/// Rings for a record again, as if a hook had come.
pub async fn absorb_again(
    conn: &mut Conn,
    tenant: &TenantId,
    record: RecordId,
    now: UnixMs,
) -> Result<(), Error> {
    Ok(job::enqueue(conn, &absorb_job(tenant, "record", record.0, now, now)).await?)
}

fn new(
    tenant: Option<&TenantId>,
    kind: &'static str,
    subject: String,
    lane: String,
    run_at: UnixMs,
    now: UnixMs,
) -> NewJob {
    NewJob { id: JobId::new(now), tenant: tenant.cloned(), kind, subject, lane, run_at, now }
}

impl App {
    /// Wakes the workers after a commit that left something to do.
    pub fn ring(&self) {
        self.bells.ring_all();
        self.bus.tell_away(Ripple::Ring);
    }

    /// The same where it is known what is to be done.
    pub fn ring_for(&self, kind: &str) {
        self.bells.ring(kind);
        // Every node absorbs; what a session is needed for may be another's to do.
        if kind != ABSORB {
            self.bus.tell_away(Ripple::Ring);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absorb_subject_names_what_it_is_about() {
        let tenant = TenantId::new(UnixMs(1));
        let job = absorb_job(&tenant, "record", -5, UnixMs(2), UnixMs(1));
        assert_eq!(absorb_subject(&job.subject), Some((tenant, "record", -5)));
        assert_eq!(absorb_subject("nonsense"), None);
    }
}
