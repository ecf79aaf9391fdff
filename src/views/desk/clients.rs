//! One company's clients: who they are, what they have, and a way to spend by a code.

use askama::Template;

use super::{Turn, called, client_tabs, join, number, terms};
use crate::domain::bonus::Programme;
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html, numbers};

/// A client of the list.
#[derive(Debug, Clone)]
pub struct ClientLine {
    pub id: String,
    pub name: String,
    pub phone: String,
    pub code: String,
    pub balance: i64,
    pub last_visit: Option<UnixMs>,
    pub is_gone: bool,
}

/// Why nothing could be shown, or spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientsFault {
    SearchTooShort,
    NamesNotAllowed,
    UnknownCode,
}

/// What was typed to spend by.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeForm<'a> {
    pub code: &'a str,
    pub amount: &'a str,
}

#[derive(Debug, Clone)]
pub struct Clients<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The company's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub text: &'a str,
    /// Whether names may be looked for.
    pub has_names: bool,
    /// A form to spend by a code; `None` for whoever does not.
    pub spend: Option<CodeForm<'a>>,
    pub fault: Option<ClientsFault>,
    pub programme: &'a Programme,
    pub rows: &'a [ClientLine],
    pub turn: Turn,
}

struct Row {
    url: String,
    name: String,
    about: String,
    balance: String,
    visit: String,
}

#[derive(Template)]
#[template(path = "desk/clients.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    url: &'a str,
    form_key: &'a str,
    tabs: Vec<(String, String, bool)>,
    text: &'a str,
    hint: String,
    search_fault: String,
    code_fault: String,
    spend: Option<CodeForm<'a>>,
    terms: Vec<String>,
    rows: Vec<Row>,
    turn: &'a Turn,
}

#[must_use]
pub fn clients(frame: Frame, list: &Clients<'_>) -> String {
    let w = frame.words;
    let (search_fault, code_fault) = match list.fault {
        Some(ClientsFault::SearchTooShort) => (w.t("desk-search-short"), String::new()),
        Some(ClientsFault::NamesNotAllowed) => (w.t("desk-search-no-names"), String::new()),
        Some(ClientsFault::UnknownCode) => (String::new(), w.t("desk-unknown-code")),
        None => Default::default(),
    };
    html(&Page {
        nav: &list.nav,
        title: list.title,
        url: list.url,
        form_key: list.form_key,
        tabs: client_tabs(w, list.url, false),
        text: list.text,
        hint: w.t(if list.has_names { "desk-search-hint" } else { "desk-search-no-names" }),
        search_fault,
        code_fault,
        spend: list.spend,
        terms: terms(w, list.programme),
        rows: list.rows.iter().map(|line| row(w, line, list)).collect(),
        turn: &list.turn,
        frame,
        w,
    })
}

fn row(w: Words, line: &ClientLine, list: &Clients<'_>) -> Row {
    let phone = if line.name.is_empty() { String::new() } else { number(&line.phone) };
    let code = if line.code.is_empty() { String::new() } else { w.with("desk-code-of", "code", &line.code) };
    let gone = if line.is_gone { w.t("desk-client-gone") } else { String::new() };
    Row {
        url: format!("{}/clients/{}", list.url, line.id),
        name: called(w, &line.name, &line.phone),
        about: join(&[phone, code, gone]),
        balance: w.with("desk-bonuses-n", "n", numbers::amount(line.balance, w.0)),
        visit: line.last_visit.map_or_else(
            || w.t("desk-never-visited"),
            |at| w.with("desk-last-visit", "when", dates::moment(at, list.now, list.timezone, w.0)),
        ),
    }
}
