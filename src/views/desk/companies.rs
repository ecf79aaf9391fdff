//! All companies, for an operator.

use askama::Template;

use super::{Light, Turn};
use crate::domain::session::SessionState;
use crate::domain::tenant::TenantState;
use crate::views::{Frame, Words, html};

/// A company of the list.
#[derive(Debug, Clone)]
pub struct CompanyLine {
    pub id: String,
    pub salon_id: i64,
    pub title: String,
    pub address: String,
    pub light: Light,
    pub state: TenantState,
    pub session: SessionState,
}

#[derive(Debug, Clone)]
pub struct Companies<'a> {
    pub nav: String,
    pub text: &'a str,
    pub is_troubled: bool,
    pub all_url: String,
    pub troubled_url: String,
    pub rows: &'a [CompanyLine],
    pub turn: Turn,
}

struct Row {
    url: String,
    title: String,
    about: String,
    tone: &'static str,
    standing: String,
}

#[derive(Template)]
#[template(path = "desk/companies.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    text: &'a str,
    is_troubled: bool,
    all_url: &'a str,
    troubled_url: &'a str,
    rows: Vec<Row>,
    turn: &'a Turn,
}

#[must_use]
pub fn companies(frame: Frame, list: &Companies<'_>) -> String {
    let w = frame.words;
    let row = |line: &CompanyLine| {
        let salon = w.with("desk-salon", "id", line.salon_id);
        let parts = [line.address.as_str(), salon.as_str()];
        Row {
            url: format!("/desk/companies/{}", line.id),
            title: title_of(w, &line.title, line.salon_id),
            about: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
            tone: line.light.tone(),
            standing: standing(w, line),
        }
    };
    html(&Page {
        nav: &list.nav,
        text: list.text,
        is_troubled: list.is_troubled,
        all_url: &list.all_url,
        troubled_url: &list.troubled_url,
        rows: list.rows.iter().map(row).collect(),
        turn: &list.turn,
        frame,
        w,
    })
}

pub(super) fn title_of(w: Words, title: &str, salon_id: i64) -> String {
    if title.is_empty() { w.with("desk-salon", "id", salon_id) } else { title.to_owned() }
}

/// The one thing that says most of how a company stands.
fn standing(w: Words, line: &CompanyLine) -> String {
    w.t(match (line.state, line.session) {
        (TenantState::Uninstalled, _) => "desk-state-uninstalled",
        (TenantState::Frozen, _) => "desk-state-frozen",
        (_, SessionState::Online) if line.light == Light::Green => "desk-state-works",
        (TenantState::Active, SessionState::Online) => "desk-state-look",
        (_, session) => session_key(session),
    })
}

pub(super) fn session_key(session: SessionState) -> &'static str {
    match session {
        SessionState::Unpaired => "desk-wa-unpaired",
        SessionState::Pairing => "desk-wa-pairing",
        SessionState::Online => "desk-wa-online",
        SessionState::Offline => "desk-wa-offline",
        SessionState::LoggedOut => "desk-wa-logged-out",
        SessionState::Replaced => "desk-wa-replaced",
        SessionState::Banned => "desk-wa-banned",
        SessionState::Outdated => "desk-wa-outdated",
        SessionState::Halted => "desk-wa-halted",
    }
}
