//! One company's records, day by day, each with what became of its message.

use askama::Template;
use chrono::Datelike as _;

use super::{Turn, tone};
use crate::domain::dates;
use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::why::Verb;
use crate::kernel::clock::UnixMs;
use crate::views::timeline::{kind_key, standing_key, verb_key};
use crate::views::{Frame, Words, html};

#[derive(Debug, Clone)]
pub struct RecordLine {
    pub id: i64,
    pub starts_at: UnixMs,
    pub is_deleted: bool,
    pub client: Option<String>,
    pub services: Vec<String>,
    pub master: Option<String>,
    pub message: Option<(MessageKind, OutboxState, Ticks)>,
    pub decided: Option<Verb>,
}

#[derive(Debug, Clone)]
pub struct Records<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The list's own address.
    pub url: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub is_behind: bool,
    pub rows: &'a [RecordLine],
    pub turn: Turn,
}

struct Day {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    url: String,
    time: String,
    is_deleted: bool,
    client: String,
    about: String,
    tone: &'static str,
    standing: String,
}

#[derive(Template)]
#[template(path = "desk/records.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    ahead_url: &'a str,
    behind_url: String,
    is_behind: bool,
    days: Vec<Day>,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn records(frame: Frame, list: &Records<'_>) -> String {
    let w = frame.words;
    html(&Page {
        nav: &list.nav,
        title: list.title,
        ahead_url: list.url,
        behind_url: format!("{}?show=behind", list.url),
        is_behind: list.is_behind,
        days: days(w, list),
        turn: &list.turn,
        zone: list.timezone.name(),
        frame,
        w,
    })
}

fn days(w: Words, list: &Records<'_>) -> Vec<Day> {
    let today = dates::local(list.now, list.timezone);
    let mut days: Vec<Day> = Vec::new();
    for line in list.rows {
        let local = dates::local(line.starts_at, list.timezone);
        let mut title = dates::day(local, today.year(), w.0);
        if local.date() == today.date() {
            title = w.with("desk-today", "day", title);
        }
        let row = row(w, line, list.url, dates::time(local));
        match days.last_mut().filter(|day| day.title == title) {
            Some(day) => day.rows.push(row),
            None => days.push(Day { title, rows: vec![row] }),
        }
    }
    days
}

fn row(w: Words, line: &RecordLine, url: &str, time: String) -> Row {
    let (tone, standing) = match (&line.message, line.decided) {
        (Some((kind, state, ticks)), _) => {
            (tone(*state, *ticks), format!("{}: {}", w.t(kind_key(*kind)), w.t(standing_key(*state, *ticks))))
        }
        (None, Some(verb)) => ("calm", w.t(verb_key(Some(verb)))),
        (None, None) => ("calm", w.t("desk-no-message")),
    };
    let services = line.services.join(", ");
    let deleted = if line.is_deleted { w.t("timeline-deleted") } else { String::new() };
    let master = line.master.clone().unwrap_or_default();
    let parts = [services, master, deleted];
    Row {
        url: format!("{url}/{}", line.id),
        time,
        is_deleted: line.is_deleted,
        client: line.client.clone().unwrap_or_else(|| w.with("timeline-heading", "id", line.id)),
        about: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        tone,
        standing,
    }
}
