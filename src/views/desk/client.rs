//! One client: who they are, what they may spend, how it came to that, and their last records.

use askama::Template;

use super::spend::{SpendFault, fault_text};
use super::{Turn, called, join, number, terms};
use crate::domain::bonus::{Kind, Programme};
use crate::domain::books::Status;
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html, numbers};

/// A posting of the ledger.
#[derive(Debug, Clone)]
pub struct Posting {
    pub id: String,
    pub at: UnixMs,
    pub kind: Kind,
    pub change: i64,
    pub record: Option<i64>,
}

/// One of the client's records.
#[derive(Debug, Clone)]
pub struct VisitLine {
    pub id: i64,
    pub starts_at: Option<UnixMs>,
    pub status: Option<Status>,
    pub price: Option<i64>,
}

/// What stands in the form to spend.
#[derive(Debug, Clone, Default)]
pub struct SpendForm<'a> {
    pub amount: &'a str,
    pub record: Option<i64>,
    pub fault: Option<SpendFault>,
}

#[derive(Debug, Clone)]
pub struct ClientPage<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The company's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub id: &'a str,
    pub name: &'a str,
    pub phone: &'a str,
    pub email: &'a str,
    pub code: &'a str,
    pub balance: i64,
    pub spent: i64,
    pub is_gone: bool,
    pub programme: &'a Programme,
    /// `None` for whoever does not spend.
    pub spend: Option<SpendForm<'a>>,
    /// What was spent just now.
    pub just_spent: Option<i64>,
    pub postings: &'a [Posting],
    pub visits: &'a [VisitLine],
    pub turn: Turn,
}

struct LedgerRow {
    time: String,
    what: &'static str,
    url: String,
    change: String,
    tone: &'static str,
}

struct VisitRow {
    url: String,
    id: i64,
    time: String,
    about: String,
    tone: &'static str,
    standing: String,
    is_chosen: bool,
    may_be_paid: bool,
}

struct Form<'a> {
    amount: &'a str,
    fault: String,
}

#[derive(Template)]
#[template(path = "desk/client.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    url: &'a str,
    form_key: &'a str,
    id: &'a str,
    name: String,
    about: String,
    done: String,
    facts: Vec<(String, String)>,
    owes: bool,
    terms: Vec<String>,
    form: Option<Form<'a>>,
    has_balance: bool,
    postings: Vec<LedgerRow>,
    visits: Vec<VisitRow>,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn client(frame: Frame, it: &ClientPage<'_>) -> String {
    let w = frame.words;
    let amount = |kopecks| numbers::amount(kopecks, w.0);
    let phone = if it.phone.is_empty() { String::new() } else { number(it.phone) };
    let gone = if it.is_gone { w.t("desk-client-gone") } else { String::new() };
    let done =
        it.just_spent.map(|spent| w.with2("desk-spent", "n", amount(spent), "left", amount(it.balance)));
    let form = it.spend.as_ref().map(|form| Form {
        amount: form.amount,
        fault: form.fault.map(|fault| fault_text(w, fault)).unwrap_or_default(),
    });
    html(&Page {
        nav: &it.nav,
        title: it.title,
        url: it.url,
        form_key: it.form_key,
        id: it.id,
        name: called(w, it.name, it.phone),
        about: join(&[phone, it.email.to_owned(), gone]),
        done: done.unwrap_or_default(),
        facts: vec![
            (w.t("desk-balance"), amount(it.balance)),
            (w.t("desk-code-fact"), it.code.to_owned()),
            (w.t("desk-spent-ever"), amount(it.spent)),
        ],
        owes: it.balance < 0,
        terms: terms(w, it.programme),
        has_balance: it.balance > 0,
        form,
        postings: it.postings.iter().map(|posting| ledger_row(w, posting, it)).collect(),
        visits: it.visits.iter().map(|visit| visit_row(w, visit, it)).collect(),
        turn: &it.turn,
        zone: it.timezone.name(),
        frame,
        w,
    })
}

fn ledger_row(w: Words, posting: &Posting, it: &ClientPage<'_>) -> LedgerRow {
    let what = match posting.kind {
        Kind::Accrue => "desk-ledger-accrue",
        Kind::Reverse => "desk-ledger-reverse",
        Kind::Spend => "desk-ledger-spend",
        Kind::Refund => "desk-ledger-refund",
        Kind::Expire => "desk-ledger-expire",
    };
    let sign = if posting.change > 0 { "+" } else { "" };
    LedgerRow {
        time: dates::moment(posting.at, it.now, it.timezone, w.0),
        what,
        url: posting.record.map(|id| format!("{}/records/{id}", it.url)).unwrap_or_default(),
        change: format!("{sign}{}", numbers::amount(posting.change, w.0)),
        tone: if posting.change > 0 { "good" } else { "calm" },
    }
}

fn visit_row(w: Words, visit: &VisitLine, it: &ClientPage<'_>) -> VisitRow {
    let (tone, standing) = match visit.status {
        Some(Status::Completed) => ("good", "desk-visit-completed"),
        Some(Status::Confirmed) => ("good", "desk-visit-confirmed"),
        Some(Status::Cancelled) => ("off", "desk-visit-cancelled"),
        Some(Status::NoShow) => ("warn", "desk-visit-no-show"),
        Some(Status::Pending) | None => ("calm", "desk-visit-pending"),
    };
    let price = visit.price.map(|price| w.with("desk-price", "n", numbers::amount(price, w.0)));
    VisitRow {
        url: format!("{}/records/{}", it.url, visit.id),
        id: visit.id,
        time: visit_time(w, visit.starts_at, (it.timezone, it.now)),
        about: price.unwrap_or_default(),
        tone,
        standing: w.t(standing),
        is_chosen: it.spend.as_ref().is_some_and(|form| form.record == Some(visit.id)),
        may_be_paid: visit.status != Some(Status::Cancelled),
    }
}

pub(super) fn visit_time(w: Words, at: Option<UnixMs>, (zone, now): (chrono_tz::Tz, UnixMs)) -> String {
    at.map_or_else(|| w.t("desk-no-time"), |at| dates::moment(at, now, zone, w.0))
}
