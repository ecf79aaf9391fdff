//! Records of which nobody knows whose they are: whom they may be of, and why, for a person to say.

use askama::Template;

use super::client::visit_time;
use super::{Turn, called, client_tabs, join, number};
use crate::domain::matching::Candidate;
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, html, numbers};

/// Somebody it may be.
#[derive(Debug, Clone)]
pub struct CandidateLine {
    pub name: String,
    pub phone: String,
    pub code: String,
    pub balance: i64,
    /// By which signs.
    pub named_by: Candidate,
}

/// A record that waits for a person.
#[derive(Debug, Clone)]
pub struct UnmatchedLine {
    pub record: i64,
    pub starts_at: Option<UnixMs>,
    pub name: String,
    pub phone: String,
    pub services: Vec<String>,
    pub price: Option<i64>,
    pub candidates: Vec<CandidateLine>,
    /// Candidates that are not shown.
    pub more: usize,
}

/// Why a word was not taken, and of which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmatchedFault {
    Nothing(i64),
    UnknownCode(i64),
}

#[derive(Debug, Clone)]
pub struct Unmatched<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The company's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub may_settle: bool,
    pub fault: Option<UnmatchedFault>,
    pub rows: &'a [UnmatchedLine],
    pub turn: Turn,
}

struct Choice {
    id: String,
    name: String,
    about: String,
    why: String,
}

struct Row {
    record: i64,
    url: String,
    time: String,
    name: String,
    about: String,
    why: String,
    choices: Vec<Choice>,
    more: String,
    fault: String,
}

#[derive(Template)]
#[template(path = "desk/unmatched.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    url: &'a str,
    form_key: &'a str,
    tabs: Vec<(String, String, bool)>,
    may_settle: bool,
    rows: Vec<Row>,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn unmatched(frame: Frame, list: &Unmatched<'_>) -> String {
    let w = frame.words;
    html(&Page {
        nav: &list.nav,
        title: list.title,
        url: list.url,
        form_key: list.form_key,
        tabs: client_tabs(w, list.url, true),
        may_settle: list.may_settle,
        rows: list.rows.iter().map(|line| row(w, line, list)).collect(),
        turn: &list.turn,
        zone: list.timezone.name(),
        frame,
        w,
    })
}

fn row(w: Words, line: &UnmatchedLine, list: &Unmatched<'_>) -> Row {
    let phone = if line.name.is_empty() { String::new() } else { number(&line.phone) };
    let price = line.price.map(|price| w.with("desk-price", "n", numbers::amount(price, w.0)));
    let fault = match list.fault {
        Some(UnmatchedFault::Nothing(record)) if record == line.record => w.t("desk-choose-one"),
        Some(UnmatchedFault::UnknownCode(record)) if record == line.record => w.t("desk-unknown-code"),
        _ => String::new(),
    };
    Row {
        record: line.record,
        url: format!("{}/records/{}", list.url, line.record),
        time: visit_time(w, line.starts_at, (list.timezone, list.now)),
        name: called(w, &line.name, &line.phone),
        about: join(&[phone, line.services.join(", "), price.unwrap_or_default()]),
        why: w.t(if line.candidates.is_empty() { "desk-why-no-contact" } else { "desk-why-ambiguous" }),
        choices: line.candidates.iter().map(|candidate| choice(w, candidate)).collect(),
        more: match line.more {
            0 => String::new(),
            more => w.count("desk-candidates-more", more as u64),
        },
        fault,
    }
}

fn choice(w: Words, candidate: &CandidateLine) -> Choice {
    let by = &candidate.named_by;
    let signs = [
        (by.code, "desk-sign-code"),
        (by.email, "desk-sign-email"),
        (by.phone, "desk-sign-phone"),
        (by.card, "desk-sign-card"),
    ];
    let signs: Vec<_> = signs.into_iter().filter(|(names, _)| *names).map(|(_, key)| w.t(key)).collect();
    let code = if candidate.code.is_empty() {
        String::new()
    } else {
        w.with("desk-code-of", "code", &candidate.code)
    };
    let phone = if candidate.name.is_empty() { String::new() } else { number(&candidate.phone) };
    Choice {
        id: by.id.to_string(),
        name: called(w, &candidate.name, &candidate.phone),
        about: join(&[phone, code, w.with("desk-bonuses-n", "n", numbers::amount(candidate.balance, w.0))]),
        why: if signs.is_empty() { String::new() } else { w.with("desk-same", "signs", signs.join(", ")) },
    }
}
