//! The person's part of `uncertain`: whether a message left that nobody can say it of, and whether to say it anew.
//!
//! # Decision
//! "It did not leave" takes back what the client was taken to know, as after an attempt that failed, and what was planned on top
//! of it. Without "again" nothing is sent for that; the client counts as not told, and the record's next change is told as to
//! one who was not. With "again" the record is planned anew: a new telling, with an intent and a message id of its own. What the
//! planner makes of it is written down even if it is silence, for the wish counts as news until it is answered.

use super::error::Error;
use super::notify::{message_id, take_back};
use super::{App, bus::News, enqueue, why};
use crate::domain::message::OutboxState;
use crate::domain::record::Record;
use crate::domain::why::{Key, Verb};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::seal::DataKey;
use crate::storage::outbox::{self, NewOutbox, OutboxRow};
use crate::storage::{Conn, decision, record, uncertain};

/// What a person says of an uncertain message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Sent,
    NotSent { again: bool },
}

impl Word {
    fn key(self) -> Key {
        match self {
            Self::Sent => Key::PersonSent,
            Self::NotSent { again: false } => Key::PersonNotSent,
            Self::NotSent { again: true } => Key::PersonAgain,
        }
    }

    fn state(self) -> OutboxState {
        match self {
            Self::Sent => OutboxState::Sent,
            Self::NotSent { .. } => OutboxState::Failed,
        }
    }
}

/// Settles an uncertain message by a person's word. The same word twice is one word; another one than the first is refused, as
/// is any where nobody is in doubt: `not_uncertain`. `false` when it had been said before.
pub async fn settle(app: &App, id: &TenantId, message: &OutboxId, word: Word) -> Result<bool, Error> {
    settle_where(app, id, message, word, |_| true).await
}

/// The same where only the messages of one record may be spoken of.
pub async fn settle_of_record(
    app: &App,
    id: &TenantId,
    record: RecordId,
    message: &OutboxId,
    word: Word,
) -> Result<bool, Error> {
    settle_where(app, id, message, word, |row| row.record == Some(record)).await
}

async fn settle_where(
    app: &App,
    id: &TenantId,
    message: &OutboxId,
    word: Word,
    may: impl Fn(&OutboxRow) -> bool,
) -> Result<bool, Error> {
    let (key, now) = (app.keys.of(id).await?, app.now());
    let reason = word.key().as_str();
    let mut conn = app.db.begin().await?;
    let Some(row) = outbox::find(&mut conn, id, message).await?.filter(|row| may(row)) else {
        return Err(Error::NotFound);
    };
    if matches!(word, Word::NotSent { .. }) {
        // The record first, as everywhere.
        take_back(app, &key, &mut conn, id, &row).await?;
    }
    if !uncertain::settle(&mut conn, id, &row.id, word.state(), reason, now).await? {
        // Read again: on PostgreSQL another may have settled it since.
        let there = outbox::find(&mut conn, id, message).await?;
        let said = there.is_some_and(|there| there.state == word.state() && there.reason == reason);
        return if said { Ok(false) } else { Err(Error::Rejected("not_uncertain")) };
    }
    let noted = row.record.filter(|_| !row.told.is_empty() && word != Word::Sent);
    let overtaken = noted.is_some() && why::withdrawn_after(&mut conn, id, &row, now).await?;
    // The last word on the record until the planner answers: see [`is_wanted`].
    why::note(&mut conn, id, (row.record, Some(&row.id)), Verb::Settled, word.key(), now).await?;
    let again = word == Word::NotSent { again: true };
    match noted {
        Some(record) if again || overtaken => enqueue::absorb_again(&mut conn, id, record, now).await?,
        None if again => plan_copy(&mut conn, id, &key, &row, now).await?,
        _ => {}
    }
    conn.commit().await?;
    app.ring();
    app.bus.tell(id, News::View);
    tracing::info!(tenant.id = %id, outbox.id = %row.id, reason, "a person settled an uncertain message");
    Ok(true)
}

/// A sign of life outranks a person who said "it did not leave": the client does know. When nothing else was told meanwhile it is
/// noted again, and the record is looked at anew, so that what is planned to tell it once more is withdrawn.
pub(super) async fn overrule(
    conn: &mut Conn,
    key: &DataKey,
    id: &TenantId,
    row: &OutboxRow,
    now: UnixMs,
) -> Result<bool, Error> {
    let no = [Key::PersonNotSent, Key::PersonAgain].iter().any(|no| no.as_str() == row.reason);
    if row.state != OutboxState::Failed || !no {
        return Ok(false);
    }
    let Some(record_id) = row.record.filter(|_| !row.told.is_empty()) else { return Ok(true) };
    let Some(stored) = record::find(conn, id, record_id).await? else { return Ok(true) };
    let place = record_id.to_string();
    let open = |told: &str| {
        if told.is_empty() { Ok(Vec::new()) } else { key.open("told", &place, told) }
    };
    if open(&stored.told)? == open(&row.told_before)? {
        let told = key.seal("told", &place, &key.open("outbox_told", &row.intent, &row.told)?);
        record::set_told(conn, id, record_id, &told, now).await?;
        enqueue::absorb_again(conn, id, record_id, now).await?;
    }
    Ok(true)
}

/// Whether a person's wish to tell the client anew is the last word on a record.
pub(super) async fn is_wanted(conn: &mut Conn, id: &TenantId, record: RecordId) -> Result<bool, Error> {
    let last = decision::last_of_record(conn, id, record).await?;
    Ok(last
        .is_some_and(|last| last.verb == Verb::Settled.as_str() && last.reason == Key::PersonAgain.as_str()))
}

/// What leaves no note at a record is not planned from it: the same words go out once more, under an intent of their own.
async fn plan_copy(
    conn: &mut Conn,
    id: &TenantId,
    key: &DataKey,
    row: &OutboxRow,
    now: UnixMs,
) -> Result<(), Error> {
    if has_it_again(conn, id, key, row).await? {
        return why::note(conn, id, (row.record, None), Verb::Silent, Key::HasItAgain, now).await;
    }
    let intent = format!("{}:again", row.intent);
    let new = NewOutbox {
        id: OutboxId::new(now),
        recipient: row.recipient.clone(),
        peer: row.peer.clone(),
        text: key.seal_text("outbox", &intent, &key.open_text("outbox", &row.intent, &row.text)?),
        told: String::new(),
        told_before: String::new(),
        message_id: message_id(key, &intent),
        intent,
        kind: row.kind,
        record: row.record,
        not_before: now,
        deadline: row.deadline,
        nearest: row.deadline,
    };
    if let Some(planned) = outbox::plan(conn, id, &new, now).await? {
        why::note(conn, id, (row.record, Some(&planned)), Verb::Planned, row.kind, now).await?;
        enqueue::send(conn, id, now, now).await?;
    }
    Ok(())
}

/// Whether a record that its client was to be told is off is theirs once more.
async fn has_it_again(conn: &mut Conn, id: &TenantId, key: &DataKey, row: &OutboxRow) -> Result<bool, Error> {
    let Some(record_id) = row.record else { return Ok(false) };
    let Some(stored) = record::find(conn, id, record_id).await? else { return Ok(false) };
    let record: Record =
        serde_json::from_slice(&key.open("record", &record_id.to_string(), &stored.body)?)?;
    let to = key.open_text("outbox", "recipient", &row.recipient)?;
    Ok(!record.is_deleted() && record.phone().is_some_and(|phone| phone.digits() == to))
}
