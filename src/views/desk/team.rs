//! A company's people: who they are, and who may come in.

use askama::Template;

use super::Turn;
use crate::domain::login::{Login, Role};
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html};

#[derive(Debug, Clone)]
pub struct PersonLine {
    pub login: Login,
    /// Whether the reader may switch it off, or make a new link.
    pub is_mine_to_manage: bool,
}

/// Why nobody was invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TeamFault {
    BadEmail,
    Taken,
    Gone,
}

#[derive(Debug, Clone)]
pub struct Team<'a> {
    pub nav: String,
    pub title: &'a str,
    /// The page's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub is_operator: bool,
    /// For whom a link was made just now, and the link.
    pub link: Option<(&'a str, &'a str)>,
    pub fault: Option<TeamFault>,
    /// What was typed in and not taken.
    pub email: &'a str,
    pub name: &'a str,
    pub rows: &'a [PersonLine],
    pub turn: Turn,
}

struct Row {
    name: String,
    about: String,
    tone: &'static str,
    standing: String,
    is_mine_to_manage: bool,
    link_url: String,
    off_url: String,
}

struct FreshLink<'a> {
    title: String,
    url: &'a str,
}

#[derive(Template)]
#[template(path = "desk/team.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    link: Option<FreshLink<'a>>,
    fault: String,
    rows: Vec<Row>,
    is_operator: bool,
    invite_url: &'a str,
    form_key: &'a str,
    email: &'a str,
    name: &'a str,
    turn: &'a Turn,
}

#[must_use]
pub fn team(frame: Frame, team: &Team<'_>) -> String {
    let w = frame.words;
    let fault = team.fault.map(|fault| match fault {
        TeamFault::BadEmail => w.t("desk-bad-email"),
        TeamFault::Taken => w.t("desk-email-taken"),
        TeamFault::Gone => w.t("desk-todo-uninstalled"),
    });
    let link =
        team.link.map(|(email, url)| FreshLink { title: w.with("desk-link-for", "email", email), url });
    html(&Page {
        nav: &team.nav,
        title: team.title,
        link,
        fault: fault.unwrap_or_default(),
        rows: team.rows.iter().map(|line| row(w, line, team)).collect(),
        is_operator: team.is_operator,
        invite_url: team.url,
        form_key: team.form_key,
        email: team.email,
        name: team.name,
        turn: &team.turn,
        frame,
        w,
    })
}

pub(super) fn role_key(role: Role) -> &'static str {
    match role {
        Role::Operator => "desk-role-operator",
        Role::Owner => "desk-role-owner",
        Role::Receptionist => "desk-role-receptionist",
    }
}

fn row(w: Words, line: &PersonLine, team: &Team<'_>) -> Row {
    let login = &line.login;
    let moment = |at| dates::moment(at, team.now, team.timezone, w.0);
    let email = if login.name.is_empty() { "" } else { &login.email };
    let role = w.t(role_key(login.role));
    let codes = if login.has_totp { w.t("desk-has-codes") } else { String::new() };
    let parts = [role.as_str(), email, codes.as_str()];
    let invited = login.invited_until.filter(|until| *until > team.now);
    let (tone, standing) = match (login.is_off, login.has_password, invited, login.seen_at) {
        (true, ..) => ("off", w.t("desk-is-off")),
        (_, true, _, Some(seen)) => ("good", w.with("desk-seen", "when", moment(seen))),
        (_, true, _, None) => ("good", w.t("desk-is-on")),
        (_, false, Some(until), _) => ("calm", w.with("desk-invited", "when", moment(until))),
        (_, false, None, _) => ("warn", w.t("desk-invited-late")),
    };
    Row {
        name: login.title().to_owned(),
        about: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        tone,
        standing,
        is_mine_to_manage: line.is_mine_to_manage,
        link_url: format!("{}/{}/link", team.url, login.id),
        off_url: if login.is_off { String::new() } else { format!("{}/{}/off", team.url, login.id) },
    }
}
