//! "Why was this sent, or not?": one record's hooks, decisions and ticks, merged in order of time.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::Error;
use super::{App, tenants_of};
use crate::domain::client_door;
use crate::domain::message::OutboxState;
use crate::domain::record::Record;
use crate::domain::timeline::{Cursor, Entry, Eye, Message, Source, Timeline};
use crate::domain::why::{Key, Verb};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::pack::unpack;
use crate::kernel::phone::Phone;
use crate::kernel::seal::DataKey;
use crate::storage::outbox::OutboxRow;
use crate::storage::timeline::{self as stored, After, DecidedRow, HookRow};
use crate::storage::{record, uncertain};
use crate::yclients::webhook;

/// Of a record with more messages than this the oldest are shown without their ticks.
const MOST_MESSAGES: i64 = 500;
/// After every id of a kind, in whatever order a database puts letters.
const LAST_ID: &str = "zzzz";

/// A page of a record's timeline; `NotFound` for a record nobody ever spoke of.
pub async fn of(
    app: &App,
    id: &TenantId,
    record_id: RecordId,
    eye: Eye,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Timeline, Error> {
    let (tenant, key) = (tenants_of(app, id).await?.tenant, key_of(app, id).await?);
    let key = key.as_ref();
    let most = limit as i64 + 1;
    let (row, hooks, decided, rows) = {
        let mut conn = app.db.read().await?;
        let (hooks_after, decided_after) = (place(after, Source::Hook), place(after, Source::Decision));
        (
            record::find(&mut conn, id, record_id).await?,
            stored::list_hooks(&mut conn, id, record_id, &hooks_after, most).await?,
            stored::list_decisions(&mut conn, id, record_id, &decided_after, most).await?,
            stored::list_messages(&mut conn, id, record_id, MOST_MESSAGES).await?,
        )
    };
    let mut messages = HashMap::with_capacity(rows.len());
    for row in &rows {
        messages.insert(row.id.as_str(), Arc::new(message(key, row, eye)?));
    }
    let mut entries: Vec<Entry> = hooks.into_iter().map(|hook| hook_entry(key, hook)).collect();
    entries.extend(decided.into_iter().map(|row| decided_entry(row, &messages)));
    entries.extend(
        messages.values().flat_map(ticks).filter(|tick| after.is_none_or(|after| tick.cursor() > *after)),
    );
    entries.sort_by_key(Entry::cursor);
    if entries.is_empty() && after.is_none() && row.is_none() {
        return Err(Error::NotFound);
    }
    let next = (entries.len() > limit).then(|| entries.truncate(limit));
    let next = next.and(entries.last()).map(Entry::cursor);
    let known: Option<Record> = match (&row, key) {
        (Some(row), Some(key)) => {
            Some(serde_json::from_slice(&key.open("record", &record_id.to_string(), &row.body)?)?)
        }
        _ => None,
    };
    let mut doubts: Vec<_> =
        messages.values().filter(|m| m.state == OutboxState::Uncertain).cloned().collect();
    doubts.sort_by(|a, b| a.id.cmp(&b.id));
    let client = known.as_ref().and_then(|known| known.client.value()).map(|card| card.name.clone());
    Ok(Timeline {
        record: record_id,
        starts: known.as_ref().and_then(|known| known.starts.value().copied()),
        client: client.filter(|name| eye == Eye::Salon && !name.trim().is_empty()),
        is_deleted: known.as_ref().is_some_and(Record::is_deleted),
        zone: tenant.timezone,
        entries,
        next,
        doubts,
    })
}

/// A page of a company's messages in one state, the oldest first, each with its record, and where the next page begins.
pub async fn messages(
    app: &App,
    id: &TenantId,
    state: OutboxState,
    eye: Eye,
    after: Option<&OutboxId>,
    limit: usize,
) -> Result<(Vec<(Option<RecordId>, Message)>, Option<OutboxId>), Error> {
    let key = key_of(app, id).await?;
    let after = after.map_or("", OutboxId::as_str);
    let mut rows = uncertain::list(&mut app.db.read().await?, id, state, after, limit as i64 + 1).await?;
    let is_more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_more).map(|row| row.id.clone());
    let list = rows.iter().map(|row| Ok((row.record, message(key.as_ref(), row, eye)?)));
    Ok((list.collect::<Result<_, Error>>()?, next))
}

/// The salon's key; `None` once it was destroyed. Then the reasons remain, and what was sealed is gone.
pub(super) async fn key_of(app: &App, id: &TenantId) -> Result<Option<DataKey>, Error> {
    match app.keys.of(id).await {
        Ok(key) => Ok(Some(key)),
        Err(Error::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a page begins in one of the lists it is joined from.
fn place(after: Option<&Cursor>, source: Source) -> After<'_> {
    let Some(after) = after else { return After { at: UnixMs(i64::MIN), id: "" } };
    let id = match source.cmp(&after.source) {
        std::cmp::Ordering::Greater => "",
        std::cmp::Ordering::Equal => after.id.as_str(),
        std::cmp::Ordering::Less => LAST_ID,
    };
    After { at: after.at, id }
}

fn hook_entry(key: Option<&DataKey>, hook: HookRow) -> Entry {
    // What cannot be opened any more still came.
    let body = key.and_then(|key| key.open("inbox", &hook.id, &hook.body).ok());
    let body = body.and_then(|body| unpack(&body)).unwrap_or_default();
    let event = webhook::parse(&body).ok().and_then(|hooks| Some(hooks.first()?.status.as_str().to_owned()));
    Entry {
        at: UnixMs(hook.received_at),
        source: Source::Hook,
        id: hook.id,
        verb: Verb::Received.as_str().to_owned(),
        reason: hook.outcome.unwrap_or_else(|| Key::Waiting.as_str().to_owned()),
        event,
        came_by: Some(hook.source),
        message: None,
    }
}

fn decided_entry(row: DecidedRow, messages: &HashMap<&str, Arc<Message>>) -> Entry {
    Entry {
        at: UnixMs(row.decided_at),
        source: Source::Decision,
        id: row.id,
        verb: row.verb,
        reason: row.reason,
        event: None,
        came_by: None,
        message: row.outbox_id.and_then(|id| messages.get(id.as_str()).cloned()),
    }
}

fn ticks(message: &Arc<Message>) -> impl Iterator<Item = Entry> {
    let seen = [
        (message.delivered_at, Verb::Delivered, Key::OnPhone),
        (message.read_at, Verb::Read, Key::SeenByClient),
    ];
    // A receipt may overtake our own note that the message left; nobody should read it so.
    let sent_at = message.sent_at;
    let entry = |at: UnixMs, verb: Verb, why: Key| Entry {
        at: at.max(sent_at.unwrap_or(at)),
        source: Source::Tick,
        id: format!("{}.{}", message.id, verb.as_str()),
        verb: verb.as_str().to_owned(),
        reason: why.as_str().to_owned(),
        event: None,
        came_by: None,
        message: Some(message.clone()),
    };
    let all: Vec<_> = seen.into_iter().filter_map(|(at, verb, why)| Some(entry(at?, verb, why))).collect();
    all.into_iter()
}

pub(super) fn message(key: Option<&DataKey>, row: &OutboxRow, eye: Eye) -> Result<Message, Error> {
    let open = |key: &DataKey| {
        let to = key.open_text("outbox", "recipient", &row.recipient)?;
        let phone = Phone::parse(&format!("+{}", to.trim_start_matches('+')));
        Ok::<_, Error>(match eye {
            Eye::Salon => {
                let text = key.open_text("outbox", &row.intent, &row.text)?;
                let text = if row.kind.is_asked_for() { client_door::masked(&text) } else { text };
                (phone.map_or(to, |phone| phone.international()), Some(text))
            }
            Eye::Operator => (phone.map(|phone| phone.masked()).unwrap_or_default(), None),
        })
    };
    let (to, text) = key.map(open).transpose()?.unwrap_or_default();
    Ok(Message {
        id: row.id.clone(),
        kind: row.kind,
        state: row.state,
        ticks: row.ticks,
        reason: row.reason.clone(),
        attempts: row.attempts,
        created_at: row.created_at,
        sent_at: row.sent_at,
        delivered_at: row.delivered_at,
        read_at: row.read_at,
        to,
        text,
    })
}
