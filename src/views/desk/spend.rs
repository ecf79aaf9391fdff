//! Before bonuses are spent: whose, how many, for what, and what will be left. And why they were not.

use askama::Template;

use super::client::visit_time;
use super::{called, number};
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, html, numbers};

/// Why nothing is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendFault {
    BadAmount,
    /// There is only so much.
    NotEnough(i64),
    /// Of this visit only so much more may be paid with bonuses.
    TooMuchOfVisit(i64),
    VisitCancelled,
    UnknownVisit,
    /// The page was sent once already, with another wish on it.
    Used,
}

pub(super) fn fault_text(w: Words, fault: SpendFault) -> String {
    let amount = |kopecks: i64| numbers::amount(kopecks, w.0);
    match fault {
        SpendFault::BadAmount => w.t("desk-bad-amount"),
        SpendFault::NotEnough(balance) => w.with("desk-not-enough", "n", amount(balance)),
        SpendFault::TooMuchOfVisit(most) => w.with("desk-too-much", "n", amount(most)),
        SpendFault::VisitCancelled => w.t("desk-visit-is-off"),
        SpendFault::UnknownVisit => w.t("desk-unknown-visit"),
        SpendFault::Used => w.t("desk-form-used"),
    }
}

#[derive(Debug, Clone)]
pub struct Confirm<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The company's address.
    pub url: &'a str,
    pub form_key: &'a str,
    /// This wish's own: sent twice, it is granted once.
    pub once: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub id: &'a str,
    pub name: &'a str,
    pub phone: &'a str,
    pub code: &'a str,
    pub amount: i64,
    pub balance: i64,
    /// The visit, and when it is.
    pub visit: Option<(i64, Option<UnixMs>)>,
}

#[derive(Template)]
#[template(path = "desk/spend.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    url: &'a str,
    form_key: &'a str,
    once: &'a str,
    id: &'a str,
    heading: String,
    facts: Vec<(String, String)>,
    amount: i64,
    record: String,
    button: String,
}

#[must_use]
pub fn confirm(frame: Frame, it: &Confirm<'_>) -> String {
    let w = frame.words;
    let amount = |kopecks| numbers::amount(kopecks, w.0);
    let mut facts = vec![
        (w.t("desk-client"), called(w, it.name, it.phone)),
        (w.t("desk-code-fact"), it.code.to_owned()),
        (w.t("desk-to-spend"), amount(it.amount)),
        (w.t("desk-will-be-left"), amount(it.balance - it.amount)),
    ];
    if !it.phone.is_empty() && !it.name.is_empty() {
        facts.insert(1, (w.t("desk-phone"), number(it.phone)));
    }
    if let Some((id, at)) = it.visit {
        let time = visit_time(w, at, (it.timezone, it.now));
        facts.push((w.t("desk-for-visit"), format!("{time} · {}", w.with("timeline-heading", "id", id))));
    }
    html(&Page {
        nav: &it.nav,
        title: it.title,
        url: it.url,
        form_key: it.form_key,
        once: it.once,
        id: it.id,
        heading: w.with2("desk-spend-heading", "n", amount(it.amount), "who", called(w, it.name, it.phone)),
        facts,
        amount: it.amount,
        record: it.visit.map(|(id, _)| id.to_string()).unwrap_or_default(),
        button: w.with("desk-spend-n", "n", amount(it.amount)),
        frame,
        w,
    })
}
