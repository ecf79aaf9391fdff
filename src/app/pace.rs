//! What a salon's number did is written down here, in the unit of work of the thing itself; `domain::pacing` decides by it.

use super::alerts;
use super::error::Error;
use crate::domain::alert::AlertKind;
use crate::domain::breaker::Breaker;
use crate::domain::pacing::{Number, Standing};
use crate::domain::rules::Rules;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::kernel::seal::DataKey;
use crate::storage::pace::PaceRow;
use crate::storage::{Conn, chat, pace, waiting};

const DAY_MS: i64 = 24 * 3_600_000;

/// Whose chat a message belongs to: a keyed hash of the client's number.
pub(super) fn peer(key: &DataKey, digits: &str) -> String {
    key.hash("chat", digits)[..32].to_owned()
}

/// The number's history, and what failed. A number without one begins it now.
pub(super) async fn history(
    conn: &mut Conn,
    id: &TenantId,
    rules: &Rules,
    now: UnixMs,
) -> Result<(Number, Breaker), Error> {
    let row = pace::find(conn, id).await?.unwrap_or(PaceRow {
        since: now,
        last_at: None,
        busy_until: UnixMs(0),
        locked_until: None,
        locks: 0,
        breaker: Breaker::default(),
    });
    let most = rules.pacing.new_chats.iter().copied().max().unwrap_or(1);
    let begun = chat::list_begun(conn, id, now.plus_ms(-DAY_MS), most).await?;
    let number = Number {
        since: row.since,
        last_at: row.last_at,
        busy_until: row.busy_until,
        locked_until: row.locked_until.filter(|until| *until > now),
        begun,
    };
    Ok((number, row.breaker))
}

/// How it stands, for people.
pub(super) async fn standing(
    conn: &mut Conn,
    id: &TenantId,
    rules: &Rules,
    now: UnixMs,
) -> Result<Standing, Error> {
    let (number, breaker) = history(conn, id, rules, now).await?;
    Ok(Standing {
        day: rules.pacing.day(number.since, now),
        new_chats: i64::try_from(number.begun.len()).unwrap_or(i64::MAX),
        new_chats_allowed: rules.pacing.new_chats_at(number.since, now),
        locked_until: number.locked_until,
        rests_until: breaker.open_until.filter(|until| *until > now),
        waiting: waiting::count(conn, id).await?,
        dropped_today: waiting::count_stale(conn, id, now.plus_ms(-DAY_MS)).await?,
    })
}

/// A message to a client is about to leave; where its number was not known yet, WhatsApp has just found it.
pub(super) async fn tried(
    conn: &mut Conn,
    id: &TenantId,
    rules: &Rules,
    (peer, is_known): (&str, bool),
    now: UnixMs,
) -> Result<(), Error> {
    let busy_until = pace::find(conn, id).await?.map_or(UnixMs(0), |row| row.busy_until);
    pace::mark_tried(conn, id, rules.pacing.busy_after(busy_until, now), now).await?;
    chat::mark_tried(conn, id, peer, now).await?;
    if !is_known {
        chat::mark_found(conn, id, peer, now).await?;
    }
    Ok(())
}

/// WhatsApp took a message: its client is no stranger any more, and whatever failed before is over.
pub(super) async fn taken(conn: &mut Conn, id: &TenantId, peer: &str) -> Result<(), Error> {
    pace::mark_worked(conn, id).await?;
    if chat::warm(conn, id, peer).await? {
        pace::forget_locks(conn, id).await?;
    }
    Ok(())
}

/// A message came to nothing, for the first time or not, for a reason that may hold for the next one too. Says until when sending rests, where it comes to that.
pub(super) async fn failed(
    conn: &mut Conn,
    id: &TenantId,
    rules: &Rules,
    is_first: bool,
    now: UnixMs,
) -> Result<Option<UnixMs>, Error> {
    let Some(row) = pace::find(conn, id).await? else { return Ok(None) };
    let breaker = row.breaker.failed(&rules.breaker, is_first, now);
    pace::set_breaker(conn, id, breaker).await?;
    if let Some(until) = breaker.open_until.filter(|_| breaker.open_until != row.breaker.open_until) {
        tracing::warn!(tenant.id = %id, failures = breaker.failures, minutes = until.since(now) / 60_000, "sending rests: it failed too often");
        metrics::counter!("salonbridge_sending_rests_total").increment(1);
        // Told once for each time that it goes wrong, however often it is tried again.
        let fact = format!("rests:{}", breaker.since.unwrap_or(now).0);
        let detail = format!("{} messages failed in a row", breaker.failures);
        alerts::raise(conn, id.as_str(), AlertKind::SendingRests, (&fact, &detail), now).await?;
    }
    Ok(breaker.open_until.filter(|until| *until > now))
}

/// WhatsApp lets the number begin no chat: its error 463. Whoever it refused is a stranger to it, whatever we thought.
pub(super) async fn locked(
    conn: &mut Conn,
    id: &TenantId,
    rules: &Rules,
    peer: &str,
    now: UnixMs,
) -> Result<(), Error> {
    let locks = pace::find(conn, id).await?.map_or(0, |row| row.locks);
    let rest = rules.pacing.lock_ms(locks);
    let until = now.plus_ms(rest);
    tracing::warn!(tenant.id = %id, hours = rest / 3_600_000, "WhatsApp lets the number begin no new chat");
    pace::set_lock(conn, id, until).await?;
    chat::cool(conn, id, peer).await?;
    metrics::counter!("salonbridge_reach_out_locks_total").increment(1);
    // Several messages may be refused in one moment: a lock of one day is told once.
    let fact = format!("reach_out:{}", now.0 / DAY_MS);
    alerts::raise(conn, id.as_str(), AlertKind::ReachOutLocked, (&fact, ""), now).await
}

/// A number was linked. Another one knows nobody yet.
pub(super) async fn linked(
    conn: &mut Conn,
    id: &TenantId,
    phone_hash: &str,
    now: UnixMs,
) -> Result<(), Error> {
    if pace::set_number(conn, id, phone_hash, now).await? {
        chat::delete_all(conn, id).await?;
    }
    Ok(())
}

/// WhatsApp restricted the number: when it is let again, it starts as slowly as a new one.
pub(super) async fn restricted(conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    Ok(pace::restart(conn, id, now).await?)
}

/// Nothing of an earlier installation is known any more.
pub(super) async fn forget(conn: &mut Conn, id: &TenantId) -> Result<(), Error> {
    chat::delete_all(conn, id).await?;
    Ok(pace::delete(conn, id).await?)
}
