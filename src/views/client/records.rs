//! A client's own records, day by day.

use askama::Template;
use chrono::Datelike as _;

use super::price;
use crate::domain::books::Status;
use crate::domain::dates;
use crate::kernel::clock::UnixMs;
use crate::views::desk::Turn;
use crate::views::{Frame, Words, html};

#[derive(Debug, Clone)]
pub struct RecordLine {
    pub starts_at: UnixMs,
    pub minutes: Option<i64>,
    pub services: Vec<String>,
    pub master: Option<String>,
    pub status: Status,
    pub price: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Records<'a> {
    pub nav: String,
    pub salon: &'a str,
    pub address: &'a str,
    /// The list's own address, and where to book.
    pub url: &'a str,
    pub book_url: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub is_all: bool,
    pub rows: &'a [RecordLine],
    pub turn: Turn,
}

struct Day {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    time: String,
    services: String,
    about: String,
    is_off: bool,
    tone: &'static str,
    standing: String,
}

#[derive(Template)]
#[template(path = "client/records.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    salon: &'a str,
    address: &'a str,
    ahead_url: &'a str,
    all_url: String,
    book_url: &'a str,
    is_all: bool,
    days: Vec<Day>,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn records(frame: Frame, it: &Records<'_>) -> String {
    let w = frame.words;
    html(&Page {
        nav: &it.nav,
        salon: it.salon,
        address: it.address,
        ahead_url: it.url,
        all_url: format!("{}?show=all", it.url),
        book_url: it.book_url,
        is_all: it.is_all,
        days: days(w, it),
        turn: &it.turn,
        zone: it.timezone.name(),
        frame,
        w,
    })
}

fn days(w: Words, it: &Records<'_>) -> Vec<Day> {
    let today = dates::local(it.now, it.timezone);
    let mut days: Vec<Day> = Vec::new();
    for line in it.rows {
        let local = dates::local(line.starts_at, it.timezone);
        let mut title = dates::day(local, today.year(), w.0);
        if local.date() == today.date() {
            title = w.with("desk-today", "day", title);
        }
        let row = row(w, line, dates::time(local));
        match days.last_mut().filter(|day| day.title == title) {
            Some(day) => day.rows.push(row),
            None => days.push(Day { title, rows: vec![row] }),
        }
    }
    days
}

fn row(w: Words, line: &RecordLine, time: String) -> Row {
    let (tone, standing) = standing(line.status);
    let length = line.minutes.filter(|minutes| *minutes > 0);
    let length = length.and_then(|minutes| u64::try_from(minutes).ok()).map(|n| w.count("client-minutes", n));
    let parts = [line.master.clone(), length, line.price.filter(|it| *it > 0).map(|it| price(w, it))];
    let services = line.services.join(", ");
    Row {
        time,
        services: if services.is_empty() { w.t("client-visit") } else { services },
        about: parts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        is_off: line.status == Status::Cancelled,
        tone,
        standing: w.t(standing),
    }
}

fn standing(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Pending => ("calm", "client-status-pending"),
        Status::Confirmed => ("good", "client-status-confirmed"),
        Status::Completed => ("good", "client-status-completed"),
        Status::Cancelled => ("stop", "client-status-cancelled"),
        Status::NoShow => ("warn", "client-status-no-show"),
    }
}
