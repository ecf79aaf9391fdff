//! Trip 2, the end: one message of the outbox goes out, once.
//!
//! (a) load and look again whether it is still wanted; (b) commit that an attempt begins, and with it what the client will
//! know; (c) hand it to WhatsApp's socket; (d) with WhatsApp's first sign (ack, receipt) commit that it is sent. A process that
//! dies between (b) and (d), or a message that died with its socket, leaves the row `sending`: whoever finds it listens for a
//! while and otherwise calls it uncertain, for a person to settle. It is never silently sent again.

use super::error::Error;
use super::{App, bus::News, enqueue, pace, settle, tenant_in, tenants_of, why};
use crate::domain::message::{OutboxState, Ticks};
use crate::domain::planner::Told;
use crate::domain::retry::Schedule;
use crate::domain::rules::Rules;
use crate::domain::session::{Lease, SessionState};
use crate::domain::tenant::TenantState;
use crate::domain::why::{Key, Verb, Why};
use crate::kernel::clock::UnixMs;
use crate::kernel::failpoint::{Mistake, failpoint, planted};
use crate::kernel::fault::Retry;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::storage::outbox::{self, OutboxRow};
use crate::storage::{Conn, record, session_lease, wa_session, waiting};
use crate::whatsapp;
use crate::whatsapp::gateway::Outgoing;

/// How long a sign may take that a message left which we were sending when we died.
pub(super) const SIGN_WAIT_MS: i64 = 20_000;
/// The session is not there any more: it rings when it is back.
const AWAY_WAIT_MS: i64 = 30_000;
/// A message that could not be handed over is tried again then; others go meanwhile. Its deadline ends it.
const AGAIN: Schedule = Schedule { first_ms: 2_000, cap_ms: 10 * 60_000, attempts: None };
/// WhatsApp lets the number begin no chat.
const REACH_OUT_LOCKED: u16 = 463;

/// WhatsApp's id of a message, made from its intent: the same intent always carries the same id.
#[must_use]
pub fn message_id(key: &DataKey, intent: &str) -> String {
    // The form WhatsApp's own web client gives its ids.
    format!("3EB0{}", key.hash("message_id", intent)[..18].to_uppercase())
}

/// A message whose turn it is.
pub(super) struct Due {
    pub id: OutboxId,
    /// WhatsApp found its number lately, and need not be asked about it.
    pub is_known: bool,
}

/// Sends one. `Some(ms)`: not only this one cannot be sent; the salon waits so long.
pub(super) async fn send(app: &App, lease: &Lease, due: &Due) -> Result<Option<i64>, Error> {
    let (id, now) = (&lease.tenant, app.now());
    let mut conn = app.db.read().await?;
    let row = outbox::find(&mut conn, id, &due.id).await?;
    let Some(row) = row.filter(|row| row.state == OutboxState::Planned) else { return Ok(None) };
    let tenant = tenant_in(app, &mut conn, id).await?.tenant;
    drop(conn);
    if let Some((state, why)) = still_wanted(tenant.state, &row, now) {
        settle(app, id, &row, state, Some(why.into())).await?;
        return Ok(None);
    }
    let key = app.keys.of(id).await?;
    let to = key.open_text("outbox", "recipient", &row.recipient)?;
    let Some(to) = Phone::parse(&format!("+{}", to.trim_start_matches('+'))) else {
        settle(app, id, &row, OutboxState::Failed, Some(Key::BadNumber.into())).await?;
        return Ok(None);
    };
    let text = key.open_text("outbox", &row.intent, &row.text)?;
    failpoint!("notify.wanted");
    let gateway = app.gateway()?;
    let is_there = if due.is_known { Ok(true) } else { gateway.is_on_whatsapp(id, &to).await };
    match is_there {
        Ok(true) => {}
        Ok(false) => {
            settle(app, id, &row, OutboxState::Failed, Some(Key::NotOnWhatsapp.into())).await?;
            return Ok(None);
        }
        Err(error) => return refused(app, id, &row, error).await,
    }
    failpoint!("notify.before_begin");
    let rules = app.tenants.rules(tenant.salon_id);
    if !begin(app, (&key, rules), lease, (&row, due.is_known), &to).await? {
        return Ok(None);
    }
    failpoint!("notify.begun");
    let mut outgoing = Outgoing { message_id: row.message_id.clone(), to, text };
    let again = planted(Mistake::Resend) && row.reason == Key::Interrupted.as_str();
    if again {
        outgoing.message_id = message_id(&key, &crate::kernel::secret::random_hex(8));
    }
    match gateway.send(lease, &outgoing).await {
        // Handed to the socket, and no more: WhatsApp's acknowledgement is what makes it sent. The salon's turn looks after one
        // that never comes.
        Ok(()) => {
            failpoint!("notify.sent");
            if again {
                // No sign will name an id that nobody kept.
                settle(app, id, &row, OutboxState::Sent, None).await?;
            }
            Ok(None)
        }
        Err(error) => refused(app, id, &row, error).await,
    }
}

/// Why a planned message is not to be sent after all.
fn still_wanted(salon: TenantState, row: &OutboxRow, now: UnixMs) -> Option<(OutboxState, Key)> {
    if row.deadline <= now {
        return Some((OutboxState::Expired, Key::TooLate));
    }
    let own = row.kind.is_to_salon();
    match salon {
        TenantState::Active => None,
        TenantState::Frozen if !own => Some((OutboxState::Cancelled, Key::SalonFrozen)),
        TenantState::Uninstalled => Some((OutboxState::Cancelled, Key::SalonUninstalled)),
        _ if own => None,
        _ => Some((OutboxState::Cancelled, Key::SalonNotActive)),
    }
}

/// Commits that an attempt begins, together with what the client will know from it.
async fn begin(
    app: &App,
    (key, rules): (&DataKey, &Rules),
    lease: &Lease,
    (row, is_known): (&OutboxRow, bool),
    to: &Phone,
) -> Result<bool, Error> {
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
    if !row.kind.is_to_salon() {
        pace::tried(&mut conn, id, rules, (&pace::peer(key, to.digits()), is_known), now).await?;
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
) -> Result<Option<i64>, Error> {
    use whatsapp::error::Error as Wa;
    tracing::debug!(tenant.id = %id, outbox.id = %row.id, %error, "a message was not handed over");
    let (why, wait) = match &error {
        // Left `sending`: it is settled like a message whose process died, by a sign or by a person.
        Wa::Unclear => return Ok(None),
        Wa::NotOnWhatsApp => return fail(app, id, row, Key::NotOnWhatsapp).await,
        Wa::Refused(_) => return fail(app, id, row, Key::Refused).await,
        Wa::Banned => (Key::Banned, Some(AWAY_WAIT_MS)),
        Wa::NotPaired | Wa::LoggedOut => (Key::NotLinked, Some(AWAY_WAIT_MS)),
        // Between the look and the send the session went away, or passed to another node.
        Wa::Offline | Wa::Elsewhere => (Key::Offline, Some(AWAY_WAIT_MS)),
        Wa::Vault(_) | Wa::Library(_) => (Key::WhatsappFailed, None),
    };
    // Nothing was handed over. What the client would have known is taken back with the attempt.
    let (key, now) = (app.keys.of(id).await?, app.now());
    let mut conn = app.db.begin().await?;
    let overtaken = give_back(app, &key, &mut conn, id, row, why).await?;
    if wait.is_none() {
        // Others may fare better. So this one waits by itself, beyond a rest that it brings about: they go before it then. And it
        // counts once, however often it is tried: one number that WhatsApp cannot bear is not the salon's fault.
        let rules = app.tenants.rules(tenants_of(app, id).await?.tenant.salon_id);
        let rests_until = pace::failed(&mut conn, id, rules, row.reason != why.as_str(), now).await?;
        let attempts = row.attempts + 1;
        let delay = AGAIN.delay_ms(attempts, Retry::Backoff, rand::random()).unwrap_or(AGAIN.cap_ms);
        let not_before = rests_until.unwrap_or(now).plus_ms(delay).min(row.deadline);
        waiting::put_off(&mut conn, id, &row.id, (not_before, attempts), now).await?;
    }
    conn.commit().await?;
    if overtaken {
        app.ring_for(enqueue::ABSORB);
    }
    Ok(wait)
}

/// It can never leave.
async fn fail(app: &App, id: &TenantId, row: &OutboxRow, why: Key) -> Result<Option<i64>, Error> {
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    take_back(app, &key, &mut conn, id, row).await?;
    why::settled(&mut conn, id, row, (OutboxState::Failed, Some(why.into())), app.now()).await?;
    conn.commit().await?;
    app.bus.tell(id, News::View);
    Ok(None)
}

/// Puts an attempt back to waiting. When the record has changed meanwhile, what was planned on top of this message is nonsense
/// without it, and going first it would be contradicted by it: both are withdrawn, and the record is planned anew (`true`). So it
/// is when more was told while this one was with a process that slept: it is news of yesterday.
async fn give_back(
    app: &App,
    key: &DataKey,
    conn: &mut Conn,
    id: &TenantId,
    row: &OutboxRow,
    why: Key,
) -> Result<bool, Error> {
    let now = app.now();
    let is_old = take_back(app, key, conn, id, row).await?;
    let overtaken = why::withdrawn_after(conn, id, row, now).await? || is_old;
    let (state, verb, why) = if overtaken {
        (OutboxState::Cancelled, Verb::Withdrawn, Key::Superseded)
    } else {
        (OutboxState::Planned, Verb::Returned, why)
    };
    // Said once for each cause, however often it is tried.
    if outbox::settle(conn, id, &row.id, state, why.as_str(), now).await? && row.reason != why.as_str() {
        why::note(conn, id, (row.record, Some(&row.id)), verb, why, now).await?;
    }
    if let (true, Some(record_id)) = (overtaken, row.record) {
        enqueue::absorb_again(conn, id, record_id, now).await?;
    }
    Ok(overtaken)
}

/// Undoes what [`begin`] noted of the client's knowledge, when it is still the last thing noted. `true` when something newer was
/// told since.
pub(super) async fn take_back(
    app: &App,
    key: &DataKey,
    conn: &mut Conn,
    id: &TenantId,
    row: &OutboxRow,
) -> Result<bool, Error> {
    let Some(record_id) = row.record.filter(|_| !row.told.is_empty()) else { return Ok(false) };
    record::lock(conn, id, record_id).await?;
    let Some(stored) = record::find(conn, id, record_id).await? else { return Ok(false) };
    let noted = if stored.told.is_empty() {
        Vec::new()
    } else {
        key.open("told", &record_id.to_string(), &stored.told)?
    };
    let ours = key.open("outbox_told", &row.intent, &row.told)?;
    if noted == ours {
        record::untell(conn, id, record_id, &row.told_before, app.now()).await?;
        return Ok(false);
    }
    let serial = |told: &[u8]| serde_json::from_slice::<Told>(told).map(|told| told.serial);
    Ok(!noted.is_empty() && serial(&noted)? > serial(&ours)?)
}

/// Whether a message that is being sent for so long is settled without waiting for a sign.
pub(super) fn settles_at_once(age_ms: i64) -> bool {
    planted(Mistake::Resend) && age_ms > 1_000
}

/// A message that was being sent when the process died, or of which nobody can say whether it left. `Some(ms)`: look again then.
pub(super) async fn settle_interrupted(
    app: &App,
    id: &TenantId,
    outbox_id: &OutboxId,
) -> Result<Option<i64>, Error> {
    let now = app.now();
    let row = outbox::find(&mut app.db.read().await?, id, outbox_id).await?;
    let Some(row) = row.filter(|row| row.state == OutboxState::Sending) else { return Ok(None) };
    if row.ticks > Ticks::None {
        settle(app, id, &row, OutboxState::Sent, Some(Key::SeenByReceipt.into())).await?;
        return Ok(None);
    }
    if planted(Mistake::Resend) {
        settle(app, id, &row, OutboxState::Planned, Some(Key::Interrupted.into())).await?;
        return Ok(None);
    }
    // A sign can come only to a session that is there, and what came meanwhile comes just after it connects. What is stored of
    // the session may be the word of a process that died: it must be online here.
    let session = wa_session::find(&mut app.db.read().await?, id).await?;
    let is_online = app.gateway()?.state(id) == Some(SessionState::Online);
    let listening_since = session
        .filter(|session| is_online && session.state == SessionState::Online)
        .map(|session| session.changed_at.max(row.updated_at));
    let is_over = row.deadline <= now
        || tenants_of(app, id).await?.tenant.state == TenantState::Uninstalled
        || listening_since.is_some_and(|since| now.since(since) >= SIGN_WAIT_MS);
    if !is_over {
        return Ok(Some(listening_since.map_or(SIGN_WAIT_MS, |since| SIGN_WAIT_MS - now.since(since))));
    }
    let state = if row.kind.is_asked_for() { OutboxState::Expired } else { OutboxState::Uncertain };
    settle(app, id, &row, state, Some(Key::Interrupted.into())).await?;
    Ok(None)
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
    let rules = app.tenants.rules(tenants_of(app, id).await?.tenant.salon_id);
    let mut conn = app.db.begin().await?;
    let Some(row) = outbox::find_message(&mut conn, id, message_id).await? else { return Ok(()) };
    match error {
        None => {
            raise(&mut conn, &key, id, &row, Ticks::Server, now).await?;
        }
        // It was not taken, and the same message may be tried again when WhatsApp lets the number: it waits.
        Some(REACH_OUT_LOCKED) if row.state == OutboxState::Sending => {
            give_back(app, &key, &mut conn, id, &row, Key::ReachOutLocked).await?;
            pace::locked(&mut conn, id, rules, &row.peer, now).await?;
            enqueue::send(&mut conn, id, now, now).await?;
        }
        Some(code) => {
            let why = Why::refused(code);
            take_back(app, &key, &mut conn, id, &row).await?;
            if !outbox::mark_refused(&mut conn, id, message_id, &why.text(), now).await? {
                return Ok(());
            }
            why::note(&mut conn, id, (row.record, Some(&row.id)), Verb::Failed, why, now).await?;
            pace::failed(&mut conn, id, rules, true, now).await?;
        }
    }
    conn.commit().await?;
    if error.is_some() {
        app.ring();
    }
    Ok(())
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
        if !row.kind.is_to_salon() && !row.peer.is_empty() {
            pace::taken(conn, id, &row.peer).await?;
        }
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
