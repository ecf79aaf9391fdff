//! Who the client is to the salon: the code to name, and the bonuses.

use askama::Template;

use super::{money, price};
use crate::domain::bonus::Kind;
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html, numbers};

/// A line of the account.
#[derive(Debug, Clone)]
pub struct Line {
    pub kind: Kind,
    pub change: i64,
    pub at: UnixMs,
}

#[derive(Debug, Clone)]
pub struct Profile<'a> {
    pub nav: String,
    pub salon: &'a str,
    pub name: &'a str,
    pub phone: &'a str,
    pub code: &'a str,
    pub balance: i64,
    pub spent: i64,
    pub lines: &'a [Line],
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
}

struct Row {
    what: String,
    when: String,
    change: String,
    is_gain: bool,
}

#[derive(Template)]
#[template(path = "client/profile.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    salon: &'a str,
    title: String,
    phone: String,
    code: &'a str,
    spoken: String,
    balance: String,
    spent: String,
    rows: Vec<Row>,
}

#[must_use]
pub fn profile(frame: Frame, it: &Profile<'_>) -> String {
    let w = frame.words;
    let rows = it.lines.iter().map(|line| Row {
        what: w.t(kind_key(line.kind)),
        when: dates::moment(line.at, it.now, it.timezone, w.0),
        change: if line.change > 0 { format!("+{}", money(w, line.change)) } else { money(w, line.change) },
        is_gain: line.change > 0,
    });
    html(&Page {
        nav: &it.nav,
        salon: it.salon,
        title: if it.name.is_empty() { w.t("client-profile") } else { it.name.to_owned() },
        phone: numbers::readable(it.phone),
        code: it.code,
        // Letter by letter, or a reader aloud makes a word of it.
        spoken: it.code.chars().map(String::from).collect::<Vec<_>>().join(" "),
        balance: price(w, it.balance),
        spent: price(w, it.spent),
        rows: rows.collect(),
        frame,
        w,
    })
}

fn kind_key(kind: Kind) -> &'static str {
    match kind {
        Kind::Accrue => "client-posting-accrue",
        Kind::Reverse => "client-posting-reverse",
        Kind::Spend => "client-posting-spend",
        Kind::Refund => "client-posting-refund",
        Kind::Expire => "client-posting-expire",
    }
}
