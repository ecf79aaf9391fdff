//! One company's messages by state; those in doubt wait for a person's word.

use askama::Template;

use super::Turn;
use crate::domain::message::OutboxState;
use crate::domain::timeline::{Entry, Message, Source};
use crate::domain::why::Verb;
use crate::kernel::clock::UnixMs;
use crate::views::timeline::{kind_key, sentence, standing_key};
use crate::views::{Frame, Words, dates, html, numbers};

#[derive(Debug, Clone)]
pub struct MessageLine {
    pub record: Option<i64>,
    pub message: Message,
}

#[derive(Debug, Clone)]
pub struct Messages<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The company's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub state: OutboxState,
    pub counts: &'a [(OutboxState, i64)],
    pub rows: &'a [MessageLine],
    pub turn: Turn,
}

/// The states people ask for, what needs them first.
const SHOWN: [OutboxState; 6] = [
    OutboxState::Sent,
    OutboxState::Planned,
    OutboxState::Uncertain,
    OutboxState::Failed,
    OutboxState::Expired,
    OutboxState::Cancelled,
];

struct StateTab {
    url: String,
    title: String,
    count: i64,
    is_here: bool,
    is_hot: bool,
}

struct Row {
    time: String,
    kind: String,
    about: String,
    sentence: String,
    text: String,
    settle_url: String,
    record_url: String,
}

#[derive(Template)]
#[template(path = "desk/messages.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    tabs: Vec<StateTab>,
    is_doubt: bool,
    rows: Vec<Row>,
    form_key: &'a str,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn messages(frame: Frame, list: &Messages<'_>) -> String {
    let w = frame.words;
    let count = |state| list.counts.iter().find(|(other, _)| *other == state).map_or(0, |(_, count)| *count);
    let tab = |state: OutboxState| StateTab {
        url: format!("{}/messages?state={}", list.url, state.as_str()),
        title: w.t(state_key(state)),
        count: count(state),
        is_here: state == list.state,
        is_hot: state == OutboxState::Uncertain,
    };
    html(&Page {
        nav: &list.nav,
        title: list.title,
        tabs: SHOWN.into_iter().map(tab).collect(),
        is_doubt: list.state == OutboxState::Uncertain,
        rows: list.rows.iter().map(|line| row(w, line, list)).collect(),
        form_key: list.form_key,
        turn: &list.turn,
        zone: list.timezone.name(),
        frame,
        w,
    })
}

fn row(w: Words, line: &MessageLine, list: &Messages<'_>) -> Row {
    let message = &line.message;
    let to = if message.to.contains('…') { message.to.clone() } else { numbers::readable(&message.to) };
    let standing = w.t(standing_key(message.state, message.ticks));
    let parts = [to, standing];
    let at = message.sent_at.unwrap_or(message.created_at);
    let in_doubt = message.state == OutboxState::Uncertain;
    Row {
        time: dates::moment(at, list.now, list.timezone, w.0),
        kind: w.t(kind_key(message.kind)),
        about: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        sentence: why(w, message),
        text: message.text.clone().unwrap_or_default(),
        settle_url: if in_doubt {
            format!("{}/messages/{}/settle", list.url, message.id)
        } else {
            String::new()
        },
        record_url: line.record.map(|id| format!("{}/records/{id}", list.url)).unwrap_or_default(),
    }
}

/// Why it stands where it stands; that it was sent needs no reason.
fn why(w: Words, message: &Message) -> String {
    if message.reason.is_empty() || message.state == OutboxState::Sent {
        return String::new();
    }
    let verb = match message.state {
        OutboxState::Planned | OutboxState::Sending | OutboxState::Sent => Verb::Held,
        OutboxState::Failed => Verb::Failed,
        OutboxState::Cancelled => Verb::Withdrawn,
        OutboxState::Expired => Verb::Expired,
        OutboxState::Uncertain => Verb::Uncertain,
    };
    let entry = Entry {
        at: message.created_at,
        source: Source::Decision,
        id: String::new(),
        verb: verb.as_str().to_owned(),
        reason: message.reason.clone(),
        event: None,
        came_by: None,
        message: None,
    };
    sentence(w, &entry)
}

fn state_key(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Planned | OutboxState::Sending => "desk-is-planned",
        OutboxState::Sent => "desk-is-sent",
        OutboxState::Failed => "desk-is-failed",
        OutboxState::Cancelled => "desk-is-cancelled",
        OutboxState::Expired => "desk-is-expired",
        OutboxState::Uncertain => "desk-is-uncertain",
    }
}
