//! Where a client books: services by group; the salon's own form opens beside, and what came of it is told here.

use askama::Template;
use chrono::Datelike as _;

use super::price;
use super::records::RecordLine;
use crate::domain::dates;
use crate::kernel::clock::UnixMs;
use crate::views::connect::{Notice, Tone, Way};
use crate::views::{Frame, Words, html};

#[derive(Debug, Clone)]
pub struct Service {
    pub id: i64,
    pub title: String,
    pub price_min: i64,
    pub price_max: i64,
    pub length_s: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Group {
    /// '' where the service stands in none.
    pub title: String,
    pub services: Vec<Service>,
}

#[derive(Debug, Clone)]
pub struct Book<'a> {
    pub nav: String,
    pub salon: &'a str,
    pub company_id: &'a str,
    /// `/salons/tnt_…`
    pub url: &'a str,
    /// '' for whoever is not signed in.
    pub code: &'a str,
    /// The records ahead that the page knows of.
    pub known: &'a str,
    pub groups: &'a [Group],
}

struct Section {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    url: String,
    title: String,
    about: String,
}

#[derive(Template)]
#[template(path = "client/book.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    salon: &'a str,
    company_id: &'a str,
    url: &'a str,
    code: &'a str,
    known: &'a str,
    comment: String,
    sections: Vec<Section>,
}

#[must_use]
pub fn book(frame: Frame, it: &Book<'_>) -> String {
    let w = frame.words;
    let sections = it.groups.iter().map(|group| Section {
        title: if group.title.is_empty() { w.t("client-other-services") } else { group.title.clone() },
        rows: group.services.iter().map(|service| row(w, it.url, service)).collect(),
    });
    html(&Page {
        nav: &it.nav,
        salon: it.salon,
        company_id: it.company_id,
        url: it.url,
        code: it.code,
        known: it.known,
        comment: w.with("client-comment", "code", it.code),
        sections: sections.collect(),
        frame,
        w,
    })
}

fn row(w: Words, url: &str, service: &Service) -> Row {
    let minutes = service.length_s.map(|seconds| (seconds + 30) / 60).filter(|minutes| *minutes > 0);
    let minutes = minutes.and_then(|n| u64::try_from(n).ok()).map(|n| w.count("client-minutes", n));
    let cost = match (service.price_min, service.price_max) {
        (0, 0) => None,
        (min, max) if max > min => Some(w.with("client-from", "sum", price(w, min))),
        (min, max) => Some(price(w, min.max(max))),
    };
    Row {
        url: format!("{url}/book/{}", service.id),
        title: service.title.clone(),
        about: [minutes, cost].into_iter().flatten().collect::<Vec<_>>().join(" · "),
    }
}

#[derive(Template)]
#[template(path = "client/arrived.html")]
struct Arrived<'a> {
    w: Words,
    record: i64,
    when: String,
    services: String,
    master: String,
    salon: &'a str,
    address: &'a str,
    records_url: String,
}

/// What the page shows when a record has come. No page of its own: the booking page puts it into its dialogue.
#[must_use]
pub fn arrived(
    w: Words,
    (id, record): (i64, &RecordLine),
    (salon, address, url): (&str, &str, &str),
    (now, zone): (UnixMs, chrono_tz::Tz),
) -> String {
    let local = dates::local(record.starts_at, zone);
    let day = dates::day(local, dates::local(now, zone).year(), w.0);
    html(&Arrived {
        w,
        record: id,
        when: format!("{day}, {}", dates::time(local)),
        services: record.services.join(", "),
        master: record.master.clone().unwrap_or_default(),
        salon,
        address,
        records_url: format!("{url}/bookings"),
    })
}

#[derive(Template)]
#[template(path = "error/error.html")]
struct NoticePage {
    frame: Frame,
    w: Words,
    notice: Notice,
}

/// Why the form does not open; `lead` is a key of the catalogue.
#[must_use]
pub fn form_trouble(frame: Frame, lead: &str, may_try_again: bool, book_url: &str) -> String {
    let w = frame.words;
    let tone = if may_try_again { Tone::Wait } else { Tone::Ask };
    let notice = Notice::new(w, tone, w.t("client-form-trouble"), lead);
    let notice = if may_try_again { notice.reloads(w.t("again")) } else { notice };
    html(&NoticePage { notice: notice.leads(book_url, w.t("client-other-service")), frame, w })
}
