//! The page of one record's history: a line through time, each point with what happened and why.

mod samples;
mod words;

use askama::Template;
use chrono::Datelike as _;

use super::connect::{Notice, Tone, Way};
use super::{Frame, Words, html, numbers};
use crate::domain::dates;
use crate::domain::timeline::{Entry, Message, Timeline};
use crate::domain::why::{Key, Verb};
use crate::kernel::clock::UnixMs;

pub use samples::samples;
pub use words::{kind_key, sentence, standing_key, verb_key};

/// What the page must know beside the history itself.
#[derive(Debug, Clone)]
pub struct Place {
    /// The page's own address, without a query.
    pub url: String,
    /// Stands in every form.
    pub form_key: String,
    /// Not the first page.
    pub is_later: bool,
    pub now: UnixMs,
    /// What stands above it, as HTML of ours; empty outside the desk.
    pub nav: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Icon {
    In,
    Ask,
    Plan,
    Mute,
    Back,
    Clock,
    Tick,
    Ticks,
    Stop,
    Question,
    Person,
    Reply,
    Pause,
}

struct Day {
    title: String,
    events: Vec<Event>,
}

struct Event {
    tone: &'static str,
    icon: Icon,
    title: String,
    sentence: String,
    /// For machines: ISO 8601.
    stamp: String,
    time: String,
    /// What the message is, where its card stands elsewhere.
    kind: String,
    card: Option<Card>,
}

struct Card {
    id: String,
    kind: String,
    state: String,
    to: String,
    text: String,
    attempts: i64,
}

#[derive(Template)]
#[template(path = "timeline/page.html")]
struct Page {
    frame: Frame,
    w: Words,
    id: i64,
    about: String,
    doubts: Vec<Card>,
    last: Option<Event>,
    days: Vec<Day>,
    settle_url: String,
    form_key: String,
    first_url: String,
    next_url: String,
    zone: &'static str,
    nav: String,
}

/// The page of a history.
#[must_use]
pub fn page(frame: Frame, timeline: &Timeline, place: &Place) -> String {
    let w = frame.words;
    let lang = frame.lang();
    let query = |cursor: &str| format!("{}?lang={lang}{cursor}", place.url);
    let next = timeline.next.as_ref().map(|next| query(&format!("&after={}", next.text())));
    // The last word is known only where the list ends; hooks that merely came are no word.
    let last = timeline.entries.iter().rev().find(|entry| entry.verb != Verb::Received.as_str());
    let last = last.filter(|_| timeline.next.is_none()).map(|entry| event(w, timeline, entry));
    let doubts: Vec<_> = timeline.doubts.iter().map(|message| card(w, message)).collect();
    html(&Page {
        id: timeline.record.0,
        about: about(w, timeline, place.now),
        last: last.filter(|_| doubts.is_empty()),
        doubts,
        days: days(w, timeline, place.now),
        settle_url: format!("{}/settle", place.url),
        form_key: place.form_key.clone(),
        first_url: if place.is_later { query("") } else { String::new() },
        next_url: next.unwrap_or_default(),
        zone: timeline.zone.name(),
        nav: place.nav.clone(),
        frame,
        w,
    })
}

fn about(w: Words, timeline: &Timeline, now: UnixMs) -> String {
    let year = dates::local(now, timeline.zone).year();
    let visit = timeline.starts.map(|starts| {
        let when = format!("{}, {}", dates::day(starts, year, w.0), dates::time(starts));
        w.with("timeline-visit", "when", when.replace(' ', "\u{a0}"))
    });
    let deleted = timeline.is_deleted.then(|| w.t("timeline-deleted"));
    let parts = [timeline.client.clone(), visit, deleted];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn days(w: Words, timeline: &Timeline, now: UnixMs) -> Vec<Day> {
    let year = dates::local(now, timeline.zone).year();
    let mut days: Vec<Day> = Vec::new();
    for entry in &timeline.entries {
        let local = dates::local(entry.at, timeline.zone);
        let title = dates::day(local, year, w.0);
        let event = event(w, timeline, entry);
        match days.last_mut().filter(|day| day.title == title) {
            Some(day) => day.events.push(event),
            None => days.push(Day { title, events: vec![event] }),
        }
    }
    days
}

fn event(w: Words, timeline: &Timeline, entry: &Entry) -> Event {
    let verb = Verb::parse(&entry.verb);
    let (icon, tone) = look(verb, &entry.reason);
    let local = dates::local(entry.at, timeline.zone);
    // A message's card stands where it was planned; elsewhere its kind is enough.
    let is_planned = verb == Some(Verb::Planned);
    let (card, kind) = match &entry.message {
        Some(message) if is_planned => (Some(card(w, message)), String::new()),
        Some(message) => (None, w.t(words::kind_key(message.kind))),
        None => (None, String::new()),
    };
    Event {
        tone,
        icon,
        title: w.t(words::verb_key(verb)),
        sentence: sentence(w, entry),
        stamp: local.format("%Y-%m-%dT%H:%M:%S").to_string(),
        time: dates::time(local),
        kind,
        card,
    }
}

fn card(w: Words, message: &Message) -> Card {
    let is_whole = !message.to.contains('…');
    Card {
        id: message.id.to_string(),
        kind: w.t(words::kind_key(message.kind)),
        state: w.t(words::state_key(message)),
        to: if is_whole { numbers::readable(&message.to) } else { message.to.clone() },
        text: message.text.clone().unwrap_or_default(),
        attempts: message.attempts,
    }
}

fn look(verb: Option<Verb>, reason: &str) -> (Icon, &'static str) {
    match verb {
        Some(Verb::Received) if reason == Key::Unreadable.as_str() => (Icon::Stop, "stop"),
        Some(Verb::Received) => (Icon::In, "calm"),
        Some(Verb::Asked | Verb::Healed) => (Icon::Ask, "calm"),
        Some(Verb::Planned) => (Icon::Plan, "plan"),
        Some(Verb::Silent) => (Icon::Mute, "calm"),
        Some(Verb::Withdrawn) => (Icon::Back, "calm"),
        Some(Verb::Held | Verb::Returned) => (Icon::Clock, "warn"),
        Some(Verb::Sent) => (Icon::Tick, "good"),
        Some(Verb::Delivered | Verb::Read) => (Icon::Ticks, "good"),
        Some(Verb::Failed | Verb::Expired | Verb::Cancelled | Verb::Uninstalled) => (Icon::Stop, "stop"),
        Some(Verb::Uncertain) => (Icon::Question, "warn"),
        Some(Verb::Settled) => (Icon::Person, "good"),
        Some(Verb::Answered) => (Icon::Reply, "good"),
        Some(Verb::Frozen) => (Icon::Pause, "warn"),
        Some(Verb::Thawed) => (Icon::Tick, "good"),
        None => (Icon::Question, "calm"),
    }
}

/// Why the page is not shown, or an answer not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The link or the cookie has expired, or is another page's.
    Lost,
    /// A form that this page did not give to this browser.
    Forged,
}

#[derive(Template)]
#[template(path = "error/error.html")]
struct RefusedPage {
    frame: Frame,
    w: Words,
    notice: Notice,
}

#[must_use]
pub fn refused(mut frame: Frame, refused: Refused, url: &str) -> String {
    let w = frame.words;
    frame.other_language_url = format!("{url}?lang={}", frame.other_lang());
    let notice = match refused {
        Refused::Lost => Notice::new(w, Tone::Ask, w.t("timeline-lost-title"), "timeline-lost-lead"),
        Refused::Forged => Notice::new(w, Tone::Stop, w.t("timeline-forged-title"), "timeline-forged-lead")
            .leads(url, w.t("timeline-back")),
    };
    html(&RefusedPage { frame, w, notice })
}
