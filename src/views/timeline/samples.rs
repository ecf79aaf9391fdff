//! Histories of every kind, for the tests and the gallery.

use std::sync::Arc;

use chrono::NaiveDate;

use super::{Place, Refused};
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::timeline::{Entry, Message, Source, Timeline};
use crate::domain::why::{Key, Verb, Why};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::OutboxId;
use crate::views::Frame;

/// sat, 14 March 2026, 15:00 in Moscow
const NOW: UnixMs = UnixMs(1_773_489_600_000);
const URL: &str = "/companies/tnt_sample/records/501/timeline";

/// Every state the page can be in, each with a name for its picture.
#[must_use]
pub fn samples(frame: &dyn Fn() -> Frame) -> Vec<(&'static str, String)> {
    let place = |is_later| Place {
        url: URL.to_owned(),
        form_key: "sample".to_owned(),
        is_later,
        now: NOW,
        nav: String::new(),
    };
    let mut long = timeline(told());
    long.next = long.entries.last().map(Entry::cursor);
    let mut masked = timeline(doubted("+7…01", None));
    masked.client = None;
    let page = |timeline: &Timeline, is_later| super::page(frame(), timeline, &place(is_later));
    vec![
        ("told", page(&timeline(told()), false)),
        ("doubt", page(&timeline(doubted("+79000000001", Some(TEXT))), false)),
        ("masked", page(&masked, false)),
        ("silent", page(&timeline(silent()), false)),
        ("long", page(&long, true)),
        ("empty", page(&timeline(Vec::new()), false)),
        ("lost", super::refused(frame(), Refused::Lost, URL)),
        ("forged", super::refused(frame(), Refused::Forged, URL)),
    ]
}

const TEXT: &str = "Анна, вы записаны.\n\nСтрижка и укладка\nсб, 14 марта, 18:00\nМастер: Олег\n\nСалон «Ирис», Невский проспект, 1";

fn timeline(entries: Vec<Entry>) -> Timeline {
    let messages = entries.iter().filter(|entry| entry.verb == Verb::Planned.as_str());
    let messages = messages.filter_map(|entry| entry.message.clone());
    Timeline {
        record: RecordId(501),
        starts: NaiveDate::from_ymd_opt(2026, 3, 14).and_then(|day| day.and_hms_opt(18, 0, 0)),
        client: Some("Анна Образцова".to_owned()),
        is_deleted: false,
        zone: chrono_tz::Europe::Moscow,
        doubts: messages.filter(|message| message.state == OutboxState::Uncertain).collect(),
        entries,
        next: None,
    }
}

fn message(kind: MessageKind, state: OutboxState, ticks: Ticks) -> Message {
    Message {
        id: OutboxId::from_stored("out_sample".to_owned()),
        kind,
        state,
        ticks,
        reason: String::new(),
        attempts: 1,
        created_at: NOW,
        sent_at: Some(NOW),
        delivered_at: None,
        read_at: None,
        to: "+79000000001".to_owned(),
        text: Some(TEXT.to_owned()),
    }
}

/// An entry so many minutes ago.
fn entry(minutes: i64, verb: Verb, why: impl Into<Why>, message: Option<&Arc<Message>>) -> Entry {
    Entry {
        at: NOW.plus_secs(-60 * minutes),
        source: Source::Decision,
        id: "dec_sample".to_owned(),
        verb: verb.as_str().to_owned(),
        reason: why.into().text().into_owned(),
        event: None,
        came_by: None,
        message: message.cloned(),
    }
}

fn hook(minutes: i64, event: &str, outcome: Key) -> Entry {
    let event = Some(event.to_owned());
    Entry { source: Source::Hook, event, ..entry(minutes, Verb::Received, outcome, None) }
}

fn told() -> Vec<Entry> {
    let first = Arc::new(message(MessageKind::Confirmation, OutboxState::Sent, Ticks::Read));
    let moved = Arc::new(Message {
        attempts: 2,
        ..message(MessageKind::Change, OutboxState::Sent, Ticks::Delivered)
    });
    vec![
        hook(1500, "create", Key::Merged),
        hook(1500, "update", Key::Absorbed),
        entry(1500, Verb::Asked, Key::CrmRead, None),
        entry(1500, Verb::Planned, MessageKind::Confirmation, Some(&first)),
        entry(1499, Verb::Sent, MessageKind::Confirmation, Some(&first)),
        entry(1499, Verb::Delivered, Key::OnPhone, Some(&first)),
        entry(1450, Verb::Read, Key::SeenByClient, Some(&first)),
        entry(1440, Verb::Answered, Key::ByQuote, Some(&first)),
        hook(300, "update", Key::Absorbed),
        entry(300, Verb::Silent, Key::AttendanceOnly, None),
        hook(120, "update", Key::Absorbed),
        entry(120, Verb::Planned, MessageKind::Change, Some(&moved)),
        entry(119, Verb::Held, Key::Offline, Some(&moved)),
        entry(101, Verb::Returned, Key::WhatsappFailed, Some(&moved)),
        entry(100, Verb::Sent, MessageKind::Change, Some(&moved)),
        entry(99, Verb::Delivered, Key::OnPhone, Some(&moved)),
    ]
}

fn doubted(to: &str, text: Option<&str>) -> Vec<Entry> {
    let text = text.map(str::to_owned);
    let doubt = message(MessageKind::Confirmation, OutboxState::Uncertain, Ticks::None);
    let doubt = Arc::new(Message { to: to.to_owned(), text, sent_at: None, ..doubt });
    vec![
        hook(40, "create", Key::Absorbed),
        entry(40, Verb::Planned, MessageKind::Confirmation, Some(&doubt)),
        entry(39, Verb::Uncertain, Key::Interrupted, Some(&doubt)),
    ]
}

fn silent() -> Vec<Entry> {
    let lost = Arc::new(message(MessageKind::Confirmation, OutboxState::Failed, Ticks::None));
    vec![
        hook(60, "create", Key::Absorbed),
        entry(60, Verb::Silent, Key::NoPhone, None),
        hook(30, "update", Key::Absorbed),
        entry(30, Verb::Planned, MessageKind::Confirmation, Some(&lost)),
        entry(30, Verb::Failed, Key::NotOnWhatsapp, Some(&lost)),
        hook(2, "update", Key::Outdated),
    ]
}
