//! Trip 2, the end: one message of the outbox goes out, once.
//!
//! (a) load and look again whether it is still wanted; (b) commit that an attempt begins, and with it what the client will
//! know; (c) hand it to WhatsApp's socket; (d) with WhatsApp's first sign (ack, receipt) commit that it is sent. A process that
//! dies between (b) and (d), or a message that died with its socket, leaves the row `sending`: whoever finds it listens for a
//! while and otherwise calls it uncertain, for a person to settle. It is never silently sent again.

use super::error::Error;
use super::{App, bus::News, enqueue, settle, tenants_of, why};
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::session::{Lease, SessionState};
use crate::domain::tenant::TenantState;
use crate::domain::why::{Key, Verb, Why};
use crate::kernel::clock::UnixMs;
use crate::kernel::failpoint::{Mistake, failpoint, planted};
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::storage::outbox::{self, OutboxRow};
use crate::storage::{Conn, job, record, session_lease, wa_session};
use crate::whatsapp;
use crate::whatsapp::gateway::Outgoing;

/// How long a sign may take that a message left which we were sending when we died.
const SIGN_WAIT_MS: i64 = 20_000;
/// A session that comes online hurries what waits for it; this is for the look that just missed it.
const OFFLINE_WAIT_MS: i64 = 30_000;
/// Somebody has to do something first.
const UNLINKED_WAIT_MS: i64 = 5 * 60_000;
/// Another node took the session up just now: the job is its own from the next claim on.
const ELSEWHERE_WAIT_MS: i64 = 100;

/// What the job does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    Done,
    /// Not a failure: wait so long and look again.
    Wait(i64),
}

/// WhatsApp's id of a message, made from its intent: the same intent always carries the same id.
#[must_use]
pub fn message_id(key: &DataKey, intent: &str) -> String {
    // The form WhatsApp's own web client gives its ids.
    format!("3EB0{}", key.hash("message_id", intent)[..18].to_uppercase())
}

pub async fn send(app: &App, id: &TenantId, outbox_id: &OutboxId) -> Result<Sent, Error> {
    let Some(row) = outbox::find(&mut app.db.read().await?, id, outbox_id).await? else {
        return Ok(Sent::Done);
    };
    let now = app.now();
    match row.state {
        OutboxState::Planned => {}
        OutboxState::Sending => return settle_interrupted(app, id, &row, now).await,
        _ => return Ok(Sent::Done),
    }
    if let Some((state, why)) = still_wanted(app, id, &row, now).await? {
        settle(app, id, &row, state, Some(why.into())).await?;
        return Ok(Sent::Done);
    }
    if row.not_before > now {
        return Ok(Sent::Wait(row.not_before.since(now)));
    }
    let gateway = app.gateway()?;
    let lease = match (gateway.state(id), gateway.lease(id)) {
        (Some(SessionState::Online), Some(lease)) => lease,
        (Some(SessionState::Offline | SessionState::Halted), _) => {
            return put_off(app, id, Key::Offline, OFFLINE_WAIT_MS).await;
        }
        (Some(SessionState::Banned), _) => return put_off(app, id, Key::Banned, UNLINKED_WAIT_MS).await,
        (Some(_), _) => return put_off(app, id, Key::NotLinked, UNLINKED_WAIT_MS).await,
        (None, _) => {
            // No session here, and perhaps none anywhere: it may only not be back yet.
            let session = wa_session::find(&mut app.db.read().await?, id).await?;
            let is_linked = session.is_some_and(|session| session.state.is_linked());
            let why = if is_linked { Key::Offline } else { Key::NotLinked };
            return put_off(app, id, why, UNLINKED_WAIT_MS).await;
        }
    };
    let key = app.keys.of(id).await?;
    let to = key.open_text("outbox", "recipient", &row.recipient)?;
    let Some(to) = Phone::parse(&format!("+{}", to.trim_start_matches('+'))) else {
        settle(app, id, &row, OutboxState::Failed, Some(Key::BadNumber.into())).await?;
        return Ok(Sent::Done);
    };
    let text = key.open_text("outbox", &row.intent, &row.text)?;
    failpoint!("notify.wanted");
    match gateway.is_on_whatsapp(id, &to).await {
        Ok(true) => {}
        Ok(false) => {
            settle(app, id, &row, OutboxState::Failed, Some(Key::NotOnWhatsapp.into())).await?;
            return Ok(Sent::Done);
        }
        Err(error) => return refused(app, id, &row, error).await,
    }
    failpoint!("notify.before_begin");
    if !begin(app, &key, &lease, &row).await? {
        return Ok(Sent::Done);
    }
    failpoint!("notify.begun");
    let mut outgoing = Outgoing { message_id: row.message_id.clone(), to, text };
    let again = planted(Mistake::Resend) && row.reason == Key::Interrupted.as_str();
    if again {
        outgoing.message_id = message_id(&key, &crate::kernel::secret::random_hex(8));
    }
    match gateway.send(&lease, &outgoing).await {
        Ok(()) => {
            failpoint!("notify.sent");
            if again {
                // No sign will name an id that nobody kept.
                settle(app, id, &row, OutboxState::Sent, None).await?;
                return Ok(Sent::Done);
            }
            // Handed to the socket, and no more: WhatsApp's acknowledgement is what makes it sent. This look is for one that
            // never comes.
            Ok(Sent::Wait(SIGN_WAIT_MS))
        }
        Err(error) => refused(app, id, &row, error).await,
    }
}

/// All that waits for this session waits together: one look for a salon, not one for each message.
async fn put_off(app: &App, id: &TenantId, why: Key, ms: i64) -> Result<Sent, Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    if session_lease::is_elsewhere(&mut conn, id, &app.node.id()).await? {
        // The node that runs the session sends it; nothing that waits there is put off.
        return Ok(Sent::Wait(ELSEWHERE_WAIT_MS));
    }
    why::held(&mut conn, id, why, now).await?;
    job::put_off_all(&mut conn, id, &enqueue::session_lane(id), now.plus_ms(ms), now).await?;
    conn.commit().await?;
    Ok(Sent::Wait(ms))
}

/// Why a planned message is not to be sent after all.
async fn still_wanted(
    app: &App,
    id: &TenantId,
    row: &OutboxRow,
    now: UnixMs,
) -> Result<Option<(OutboxState, Key)>, Error> {
    if row.deadline <= now {
        return Ok(Some((OutboxState::Expired, Key::TooLate)));
    }
    let state = tenants_of(app, id).await?.tenant.state;
    let own = matches!(row.kind, MessageKind::Welcome | MessageKind::Trial);
    Ok(match state {
        TenantState::Active => None,
        TenantState::Frozen if !own => Some((OutboxState::Cancelled, Key::SalonFrozen)),
        TenantState::Uninstalled => Some((OutboxState::Cancelled, Key::SalonUninstalled)),
        _ if own => None,
        _ => Some((OutboxState::Cancelled, Key::SalonNotActive)),
    })
}

/// Commits that an attempt begins, together with what the client will know from it.
async fn begin(app: &App, key: &DataKey, lease: &Lease, row: &OutboxRow) -> Result<bool, Error> {
    let (id, now) = (&lease.tenant, app.now());
    let mut conn = app.db.begin().await?;
    if !session_lease::guard(&mut conn, lease).await? && !planted(Mistake::NoEpoch) {
        return Err(Error::NotHeld);
    }
    // The record first, as everywhere: two that each hold what the other wants would wait in a circle.
    if let (Some(record_id), false) = (row.record, row.told.is_empty()) {
        let told = key.open("outbox_told", &row.intent, &row.told)?;
        let sealed = key.seal("told", &record_id.to_string(), &told);
        record::set_told(&mut conn, id, record_id, &sealed, now).await?;
    }
    if !outbox::begin_sending(&mut conn, id, &row.id, now).await? {
        return Ok(false);
    }
    conn.commit().await?;
    Ok(true)
}

/// The library answered with an error: what never left goes back to waiting, what can never leave has failed, and what may have
/// left is not touched.
async fn refused(
    app: &App,
    id: &TenantId,
    row: &OutboxRow,
    error: whatsapp::error::Error,
) -> Result<Sent, Error> {
    use whatsapp::error::Error as Wa;
    let why = match &error {
        // Left `sending`: it is settled like a message whose process died, by a sign or by a person.
        Wa::Unclear => return Ok(Sent::Wait(SIGN_WAIT_MS)),
        Wa::NotOnWhatsApp => Key::NotOnWhatsapp,
        Wa::Banned => Key::Banned,
        Wa::NotPaired | Wa::LoggedOut => Key::NotLinked,
        Wa::Refused(_) => Key::Refused,
        // Between the look and the send the session passed to another node.
        Wa::Offline | Wa::Elsewhere => Key::Offline,
        Wa::Vault(_) | Wa::Library(_) => Key::WhatsappFailed,
    };
    if matches!(error, Wa::NotOnWhatsApp | Wa::Refused(_)) {
        settle(app, id, row, OutboxState::Failed, Some(why.into())).await?;
        return Ok(Sent::Done);
    }
    // Nothing was handed over. What the client would have known is taken back with the attempt.
    if give_back(app, id, row, why).await? {
        return Ok(Sent::Done);
    }
    match error.retry() {
        Retry::Never => Ok(Sent::Wait(60_000)),
        _ => Err(error.into()),
    }
}

/// Puts an attempt back to waiting. When the record has changed meanwhile, what was planned on top of this message is nonsense
/// without it, and going first it would be contradicted by it: both are withdrawn, and the record is planned anew (`true`).
async fn give_back(app: &App, id: &TenantId, row: &OutboxRow, why: Key) -> Result<bool, Error> {
    let (key, now) = (app.keys.of(id).await?, app.now());
    let mut conn = app.db.begin().await?;
    take_back(app, &key, &mut conn, id, row).await?;
    let overtaken = why::withdrawn_after(&mut conn, id, row, now).await?;
    let (state, verb, why) = if overtaken {
        (OutboxState::Cancelled, Verb::Withdrawn, Key::Superseded)
    } else {
        (OutboxState::Planned, Verb::Returned, why)
    };
    // Said once for each cause, however often it is tried.
    if outbox::settle(&mut conn, id, &row.id, state, why.as_str(), now).await? && row.reason != why.as_str() {
        why::note(&mut conn, id, (row.record, Some(&row.id)), verb, why, now).await?;
    }
    if let (true, Some(record_id)) = (overtaken, row.record) {
        enqueue::absorb_again(&mut conn, id, record_id, now).await?;
    }
    conn.commit().await?;
    if overtaken {
        app.ring_for(enqueue::ABSORB);
    }
    Ok(overtaken)
}

/// Undoes what [`begin`] noted of the client's knowledge, when it is still the last thing noted.
pub(super) async fn take_back(
    app: &App,
    key: &DataKey,
    conn: &mut Conn,
    id: &TenantId,
    row: &OutboxRow,
) -> Result<(), Error> {
    let Some(record_id) = row.record else { return Ok(()) };
    let Some(stored) = record::find(conn, id, record_id).await? else { return Ok(()) };
    let noted = if stored.told.is_empty() {
        Vec::new()
    } else {
        key.open("told", &record_id.to_string(), &stored.told)?
    };
    let ours =
        if row.told.is_empty() { Vec::new() } else { key.open("outbox_told", &row.intent, &row.told)? };
    if !noted.is_empty() && noted == ours {
        record::untell(conn, id, record_id, &row.told_before, app.now()).await?;
    }
    Ok(())
}

/// A message that was being sent when the process died, or of which nobody can say whether it left.
async fn settle_interrupted(app: &App, id: &TenantId, row: &OutboxRow, now: UnixMs) -> Result<Sent, Error> {
    if row.ticks > Ticks::None {
        settle(app, id, row, OutboxState::Sent, Some(Key::SeenByReceipt.into())).await?;
        return Ok(Sent::Done);
    }
    if planted(Mistake::Resend) {
        settle(app, id, row, OutboxState::Planned, Some(Key::Interrupted.into())).await?;
        return Ok(Sent::Wait(1));
    }
    // A sign can come only to a session that is there, and what came meanwhile comes just after it connects. What is stored of
    // the session may be the word of a process that died: it must be online here.
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    let is_online = app.gateway()?.state(id) == Some(SessionState::Online);
    let listening = session.is_some_and(|s| {
        is_online
            && s.state == SessionState::Online
            && now.since(s.changed_at.max(row.updated_at)) >= SIGN_WAIT_MS
    });
    if !listening && row.deadline > now {
        return Ok(Sent::Wait(SIGN_WAIT_MS));
    }
    settle(app, id, row, OutboxState::Uncertain, Some(Key::Interrupted.into())).await?;
    Ok(Sent::Done)
}

async fn settle(
    app: &App,
    id: &TenantId,
    row: &OutboxRow,
    state: OutboxState,
    why: Option<Why>,
) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    why::settled(&mut conn, id, row, (state, why), app.now()).await?;
    failpoint!("notify.before_settle");
    conn.commit().await?;
    failpoint!("notify.settled");
    metrics::counter!("salonbridge_messages_total", "kind" => row.kind.as_str(), "state" => state.as_str())
        .increment(1);
    app.bus.tell(id, News::View);
    Ok(())
}

/// WhatsApp's server took or refused a message.
pub async fn acknowledged(
    app: &App,
    id: &TenantId,
    message_id: &str,
    error: Option<u16>,
) -> Result<(), Error> {
    let now = app.now();
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    let Some(row) = outbox::find_message(&mut conn, id, message_id).await? else { return Ok(()) };
    match error {
        None => {
            raise(&mut conn, &key, id, &row, Ticks::Server, now).await?;
        }
        Some(code) => {
            let why = Why::refused(code);
            take_back(app, &key, &mut conn, id, &row).await?;
            if !outbox::mark_refused(&mut conn, id, message_id, &why.text(), now).await? {
                return Ok(());
            }
            why::note(&mut conn, id, (row.record, Some(&row.id)), Verb::Failed, why, now).await?;
        }
    }
    Ok(conn.commit().await?)
}

/// The first sign of a message makes it sent, also of one of which nobody could say whether it left.
async fn raise(
    conn: &mut Conn,
    key: &DataKey,
    id: &TenantId,
    row: &OutboxRow,
    seen: Ticks,
    now: UnixMs,
) -> Result<(), Error> {
    let overruled = settle::overrule(conn, key, id, row, now).await?;
    let settles = overruled || row.state == OutboxState::Uncertain;
    if row.state == OutboxState::Sending
        && why::settled(conn, id, row, (OutboxState::Sent, None), now).await?
    {
        let (kind, state) = (row.kind.as_str(), OutboxState::Sent.as_str());
        metrics::counter!("salonbridge_messages_total", "kind" => kind, "state" => state).increment(1);
    }
    if outbox::raise_ticks(conn, id, row, seen, now).await? && settles {
        why::note(conn, id, (row.record, Some(&row.id)), Verb::Sent, Key::SeenByReceipt, now).await?;
    }
    Ok(())
}

/// A client's phone told that a message arrived or was read.
pub async fn received(app: &App, id: &TenantId, message_ids: &[String], read: bool) -> Result<(), Error> {
    let now = app.now();
    let seen = if read { Ticks::Read } else { Ticks::Delivered };
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    for message_id in message_ids {
        if let Some(row) = outbox::find_message(&mut conn, id, message_id).await? {
            raise(&mut conn, &key, id, &row, seen, now).await?;
        }
    }
    Ok(conn.commit().await?)
}
