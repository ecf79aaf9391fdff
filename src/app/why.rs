//! Why: decisions are written here, once for each cause, inside the unit of work of what was decided.
//!
//! # Decision: what leaves no row of its own
//! A hook's row in the inbox is the trace of its arrival and of what became of it, a message's row the trace of its ticks; the
//! timeline reads both. A repeated delivery that folds into the hook that waits leaves nothing: to count it, PostgreSQL would
//! have to lock that row in the very statement whose commit is the answer, beside whoever absorbs it.

use super::error::Error;
use crate::domain::message::OutboxState;
use crate::domain::why::{Key, Verb, Why};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::storage::decision::{self, NewDecision};
use crate::storage::outbox::OutboxRow;
use crate::storage::{Conn, outbox};

/// Writes one decision, of a record or of the salon, about a message or about none.
pub(crate) async fn note(
    conn: &mut Conn,
    tenant: &TenantId,
    (record, about): (Option<RecordId>, Option<&OutboxId>),
    verb: Verb,
    why: impl Into<Why>,
    now: UnixMs,
) -> Result<(), Error> {
    let reason = why.into().text();
    let new = NewDecision { record, verb: verb.as_str(), reason: &reason, outbox: about };
    Ok(decision::insert(conn, tenant, new, now).await?)
}

/// Writes many, each of a record and about no message.
pub(crate) async fn note_many(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[(RecordId, Verb, Key)],
    now: UnixMs,
) -> Result<(), Error> {
    let rows: Vec<_> =
        rows.iter().map(|(record, verb, why)| (*record, verb.as_str(), why.as_str())).collect();
    Ok(decision::insert_many(conn, tenant, &rows, now).await?)
}

/// Whatever is planned for a tenant waits for the same thing. Each message says so once, however often it is looked at.
pub(crate) async fn held(conn: &mut Conn, tenant: &TenantId, why: Key, now: UnixMs) -> Result<(), Error> {
    for (id, record) in outbox::note_waiting(conn, tenant, why.as_str(), now).await? {
        note(conn, tenant, (record, Some(&id)), Verb::Held, why, now).await?;
    }
    Ok(())
}

/// All that is planned for a tenant is withdrawn.
pub(crate) async fn withdrawn_all(
    conn: &mut Conn,
    tenant: &TenantId,
    why: Key,
    now: UnixMs,
) -> Result<(), Error> {
    for (id, record) in outbox::withdraw_all(conn, tenant, why.as_str(), now).await? {
        note(conn, tenant, (record, Some(&id)), Verb::Withdrawn, why, now).await?;
    }
    Ok(())
}

/// What is planned on top of this message, and not yet begun, is withdrawn: without it that makes no sense. Says whether
/// anything was.
pub(crate) async fn withdrawn_after(
    conn: &mut Conn,
    tenant: &TenantId,
    row: &OutboxRow,
    now: UnixMs,
) -> Result<bool, Error> {
    let Some(record) = row.record else { return Ok(false) };
    let withdrawn = outbox::withdraw(conn, tenant, record, &row.intent, now).await?;
    for id in &withdrawn {
        note(conn, tenant, (Some(record), Some(id)), Verb::Withdrawn, Key::Superseded, now).await?;
    }
    Ok(!withdrawn.is_empty())
}

/// Settles a message and says why, in one; `false` when it was settled before.
pub(crate) async fn settled(
    conn: &mut Conn,
    tenant: &TenantId,
    row: &OutboxRow,
    (state, why): (OutboxState, Option<Why>),
    now: UnixMs,
) -> Result<bool, Error> {
    let reason = why.map(Why::text).unwrap_or_default();
    if !outbox::settle(conn, tenant, &row.id, state, &reason, now).await? {
        return Ok(false);
    }
    let about = (row.record, Some(&row.id));
    note(conn, tenant, about, state.into(), why.unwrap_or_else(|| row.kind.into()), now).await?;
    Ok(true)
}
