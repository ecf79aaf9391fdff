//! Trip 2, towards the end: a salon's turn to write. One bell rings for all that the salon has to say; what came too late is
//! dropped, what got no sign is settled, and of what waits the nearest visit goes first, at the pace of a person.
//!
//! # Decision
//! One job a salon and not one a message: ten thousand messages that wait for a pause are then no ten thousand jobs to be put
//! off after each of them, and which goes next is asked when it goes. A message that PostgreSQL commits just after its salon's
//! turn looked finds a job that waits already: the turn looks once more before it rests.

use super::error::Error;
use super::notify::{self, Due};
use super::{App, bus::News, enqueue, pace, tenant_in, why};
use crate::domain::message::OutboxState;
use crate::domain::pacing::{self, Number, Turn, Waiting};
use crate::domain::rules::Rules;
use crate::domain::session::{Lease, SessionState};
use crate::domain::why::{Key, Verb};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::storage::waiting::{self, WaitingRow};
use crate::storage::{Conn, outbox, session_lease, wa_session};

/// Messages of one turn: a stop does not wait longer than for these.
const AT_ONCE: usize = 20;
/// So many of the nearest are looked at to find one whose turn it is.
const LOOK: i64 = 20;
/// Messages that came too late are dropped so many at once.
const BATCH: i64 = 200;
/// A session that comes online rings; this is for the look that just missed it.
const OFFLINE_WAIT_MS: i64 = 30_000;
/// Somebody has to do something first.
const UNLINKED_WAIT_MS: i64 = 5 * 60_000;
/// Another node took the session up just now: the job is its own from the next claim on.
const ELSEWHERE_WAIT_MS: i64 = 100;
/// For what was committed while the turn looked.
const LAST_LOOK_MS: i64 = 1_000;
/// Whatever is waited for, a look costs little.
const LONGEST_WAIT_MS: i64 = 3_600_000;

enum Choice {
    Send(Lease, Due),
    /// Something was done; look again.
    Again,
    Wait(i64),
    Nothing,
}

/// The job: `Some(ms)` when there is something to look at then.
pub async fn take(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let mut has_sent = false;
    for _ in 0..AT_ONCE {
        let silent = settle_silent(app, id).await?;
        let next = match choose(app, id).await? {
            Choice::Send(lease, message) => {
                has_sent = true;
                match notify::send(app, &lease, &message).await? {
                    None => continue,
                    wait => wait,
                }
            }
            Choice::Again => continue,
            Choice::Wait(ms) => Some(ms.clamp(1, LONGEST_WAIT_MS)),
            Choice::Nothing => None,
        };
        let last_look = (has_sent && app.db.is_postgres()).then_some(LAST_LOOK_MS);
        return Ok([silent, next, last_look].into_iter().flatten().min());
    }
    Ok(Some(0))
}

/// Settles what is being sent and got no sign; answers when the next of it is to be looked at.
async fn settle_silent(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let sending = waiting::list_sending(&mut app.db.read().await?, id, LOOK).await?;
    let mut next: Option<i64> = None;
    for (message, since) in sending {
        let age = app.now().since(since);
        let wait = match age < notify::SIGN_WAIT_MS && !notify::settles_at_once(age) {
            true => Some(notify::SIGN_WAIT_MS - age),
            false => notify::settle_interrupted(app, id, &message).await?,
        };
        next = next.into_iter().chain(wait).min();
    }
    Ok(next)
}

/// Finds the message whose turn it is.
async fn choose(app: &App, id: &TenantId) -> Result<Choice, Error> {
    let now = app.now();
    // One connection for all that is read here, and none while anything is written.
    let mut conn = app.db.read().await?;
    let Some(deadline) = waiting::first_deadline(&mut conn, id).await? else {
        return Ok(Choice::Nothing);
    };
    if deadline <= now {
        drop(conn);
        drop_stale(app, id, now).await?;
        return Ok(Choice::Again);
    }
    let lease = match session(app, &mut conn, id).await? {
        Ok(lease) => lease,
        Err((why, ms)) => {
            drop(conn);
            return hold_all(app, id, why, ms.min(deadline.since(now))).await;
        }
    };
    let rules = app.tenants.rules(tenant_in(app, &mut conn, id).await?.tenant.salon_id);
    let (number, breaker) = pace::history(&mut conn, id, rules, now).await?;
    if let Some(until) = breaker.open_until.filter(|until| *until > now) {
        drop(conn);
        return hold_all(app, id, Key::SendingRests, until.min(deadline).since(now)).await;
    }
    let nearest = waiting::list(&mut conn, id, now, LOOK).await?;
    let seen = look(rules, &number, &nearest, now);
    if let Seen::Turn(message) = seen {
        return Ok(Choice::Send(lease, message));
    }
    // Strangers may wait for days: nobody else waits behind them.
    let mut all = seen;
    if nearest.len() == usize::try_from(LOOK).unwrap_or(usize::MAX) {
        let warm = waiting::list_warm(&mut conn, id, now, LOOK).await?;
        match look(rules, &number, &warm, now) {
            Seen::Turn(message) => return Ok(Choice::Send(lease, message)),
            other => all = all.and(other),
        }
    }
    let Seen::Later { at, held } = all else { return Ok(Choice::Nothing) };
    let put_off = waiting::first_put_off(&mut conn, id, now).await?;
    drop(conn);
    note_held(app, id, &held, now).await?;
    // Something may be too late before its turn comes.
    let next = put_off.into_iter().fold(at.min(deadline), UnixMs::min);
    Ok(Choice::Wait(next.since(now)))
}

enum Seen {
    Turn(Due),
    /// The earliest of them, and who waits for something that is worth a line.
    Later {
        at: UnixMs,
        held: Vec<(WaitingRow, Key)>,
    },
}

impl Seen {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Later { at, mut held }, Self::Later { at: too, held: more }) => {
                held.extend(more);
                Self::Later { at: at.min(too), held }
            }
            (turn @ Self::Turn(_), _) | (_, turn) => turn,
        }
    }
}

/// The first whose turn it is, in the order they stand.
fn look(rules: &Rules, number: &Number, rows: &[WaitingRow], now: UnixMs) -> Seen {
    let (mut earliest, mut held) = (UnixMs(i64::MAX), Vec::new());
    for row in rows {
        match pacing::turn(&rules.pacing, number, &waiting_of(row), now) {
            Turn::Now => {
                let is_known = pacing::is_known(row.found_at, now);
                return Seen::Turn(Due { id: row.id.clone(), is_known });
            }
            Turn::Later { at, why } => {
                earliest = earliest.min(at);
                let is_news = matches!(why, Key::HourFull | Key::NewChatsFull | Key::ReachOutLocked);
                if is_news && row.reason != why.as_str() {
                    held.push((row.clone(), why));
                }
            }
        }
    }
    Seen::Later { at: earliest, held }
}

fn waiting_of(row: &WaitingRow) -> Waiting {
    Waiting {
        not_before: row.not_before,
        nearest: row.nearest,
        is_cold: !row.is_warm,
        client_at: row.client_at,
        is_own: row.kind.is_to_salon(),
        is_asked_for: row.kind.is_asked_for(),
    }
}

/// The lease to send under, or what stands in the way and for how long to wait.
async fn session(app: &App, conn: &mut Conn, id: &TenantId) -> Result<Result<Lease, (Key, i64)>, Error> {
    let gateway = app.gateway()?;
    Ok(match (gateway.state(id), gateway.lease(id)) {
        (Some(SessionState::Online), Some(lease)) => Ok(lease),
        (Some(SessionState::Offline | SessionState::Halted), _) => Err((Key::Offline, OFFLINE_WAIT_MS)),
        (Some(SessionState::Banned), _) => Err((Key::Banned, UNLINKED_WAIT_MS)),
        (Some(_), _) => Err((Key::NotLinked, UNLINKED_WAIT_MS)),
        (None, _) => {
            // No session here, and perhaps none anywhere: it may only not be back yet.
            let session = wa_session::find(conn, id).await?;
            let is_linked = session.is_some_and(|session| session.state.is_linked());
            Err((if is_linked { Key::Offline } else { Key::NotLinked }, UNLINKED_WAIT_MS))
        }
    })
}

/// All that waits for this session waits for the same thing.
async fn hold_all(app: &App, id: &TenantId, why: Key, ms: i64) -> Result<Choice, Error> {
    let mut conn = app.db.begin().await?;
    if session_lease::is_elsewhere(&mut conn, id, &app.node.id()).await? {
        // The node that runs the session sends it.
        return Ok(Choice::Wait(ELSEWHERE_WAIT_MS));
    }
    why::held(&mut conn, id, why, app.now()).await?;
    conn.commit().await?;
    Ok(Choice::Wait(ms))
}

async fn note_held(app: &App, id: &TenantId, held: &[(WaitingRow, Key)], now: UnixMs) -> Result<(), Error> {
    if held.is_empty() {
        return Ok(());
    }
    let mut conn = app.db.begin().await?;
    for (row, why) in held {
        if waiting::note(&mut conn, id, &row.id, why.as_str(), now).await? {
            why::note(&mut conn, id, (row.record, Some(&row.id)), Verb::Held, *why, now).await?;
        }
    }
    Ok(conn.commit().await?)
}

/// Drops what is worse than silence by now.
async fn drop_stale(app: &App, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    for (message, record) in waiting::list_stale(&mut conn, id, now, BATCH).await? {
        let (state, why) = (OutboxState::Expired, Key::TooLate);
        if outbox::settle(&mut conn, id, &message, state, why.as_str(), now).await? {
            why::note(&mut conn, id, (record, Some(&message)), Verb::Expired, why, now).await?;
            metrics::counter!("salonbridge_messages_dropped_total", "why" => why.as_str()).increment(1);
        }
    }
    conn.commit().await?;
    app.bus.tell(id, News::View);
    Ok(())
}

/// Rings for salons that have something to say and no bell: of an older release, or of a unit of work that committed between
/// two looks. Says how many.
pub async fn ring_silent(app: &App) -> Result<usize, Error> {
    let silent = waiting::list_silent(&mut app.db.read().await?, enqueue::SEND, 500).await?;
    if silent.is_empty() {
        return Ok(0);
    }
    let now = app.now();
    let mut conn = app.db.begin().await?;
    for id in &silent {
        enqueue::send(&mut conn, id, now, now).await?;
    }
    conn.commit().await?;
    app.ring_for(enqueue::SEND);
    Ok(silent.len())
}
