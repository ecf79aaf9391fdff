//! How one company stands: a light, what to do, and the facts behind it.

use askama::Template;

use super::companies::{session_key, title_of};
use crate::domain::pacing::Standing;
use crate::domain::session::SessionState;
use crate::domain::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html, numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    Green,
    Yellow,
    Red,
    /// Gone: nobody's trouble.
    Off,
}

impl Light {
    pub(super) fn tone(self) -> &'static str {
        match self {
            Self::Green => "good",
            Self::Yellow => "warn",
            Self::Red => "stop",
            Self::Off => "off",
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Session(SessionState),
    /// The installation, as YClients sees it.
    Installation(TenantState),
    HooksWait(i64),
    JobsParked(i64),
    Uncertain(i64),
    /// For so many minutes more, as the next.
    ReachOutLocked(i64),
    SendingRests(i64),
    Dropped(i64),
    /// The journal could not be read.
    Sync,
    /// YClients may not send us the salon's hooks.
    WebhookSettings,
}

#[derive(Debug, Clone)]
pub struct Overview<'a> {
    pub nav: String,
    /// Its pages' address.
    pub url: &'a str,
    pub salon_id: i64,
    pub title: &'a str,
    pub address: &'a str,
    pub timezone: chrono_tz::Tz,
    pub light: Light,
    pub state: TenantState,
    pub session: SessionState,
    pub number: Option<&'a str>,
    pub troubles: &'a [Trouble],
    pub sending: &'a Standing,
    pub last_message_at: Option<UnixMs>,
    pub last_sync_at: Option<UnixMs>,
    pub now: UnixMs,
    /// Whether this person may link the phone anew.
    pub may_connect: bool,
}

struct Problem {
    what: String,
    todo: String,
    url: String,
    link: String,
}

#[derive(Template)]
#[template(path = "desk/overview.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: String,
    about: String,
    tone: &'static str,
    standing: String,
    problems: Vec<Problem>,
    facts: Vec<(String, String)>,
    connect_url: String,
}

#[must_use]
pub fn overview(frame: Frame, it: &Overview<'_>) -> String {
    let w = frame.words;
    let salon = w.with("desk-salon", "id", it.salon_id);
    let parts = [it.address, salon.as_str()];
    let standing = match it.light {
        Light::Green => "desk-light-green",
        Light::Yellow => "desk-light-yellow",
        Light::Red => "desk-light-red",
        Light::Off => "desk-state-uninstalled",
    };
    let connect_url = if it.may_connect { format!("{}/connect", it.url) } else { String::new() };
    html(&Page {
        nav: &it.nav,
        title: title_of(w, it.title, it.salon_id),
        about: parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "),
        tone: it.light.tone(),
        standing: w.t(standing),
        problems: it.troubles.iter().map(|trouble| problem(w, *trouble, it)).collect(),
        facts: facts(w, it),
        connect_url,
        frame,
        w,
    })
}

fn problem(w: Words, trouble: Trouble, it: &Overview<'_>) -> Problem {
    let count = |key, n: i64| w.count(key, u64::try_from(n).unwrap_or_default());
    let plain =
        |what: String, todo: &str| Problem { what, todo: w.t(todo), url: String::new(), link: String::new() };
    let leads = |problem: Problem, path: &str, link: &str| Problem {
        url: format!("{}{path}", it.url),
        link: w.t(link),
        ..problem
    };
    let link_again = |todo| {
        let problem = plain(w.t(session_key(it.session)), todo);
        if it.may_connect { leads(problem, "/connect", "desk-connect") } else { problem }
    };
    match trouble {
        Trouble::Session(SessionState::Unpaired | SessionState::Pairing) => link_again("desk-todo-unpaired"),
        Trouble::Session(SessionState::Online | SessionState::Offline | SessionState::Halted) => {
            plain(w.t(session_key(it.session)), "desk-todo-offline")
        }
        Trouble::Session(SessionState::LoggedOut) => link_again("desk-todo-logged-out"),
        Trouble::Session(SessionState::Replaced) => link_again("desk-todo-replaced"),
        Trouble::Session(SessionState::Banned) => plain(w.t(session_key(it.session)), "desk-todo-banned"),
        Trouble::Session(SessionState::Outdated) => plain(w.t(session_key(it.session)), "desk-todo-outdated"),
        Trouble::Installation(state) => plain(w.t(state_key(state)), todo_key(state)),
        Trouble::HooksWait(n) => plain(count("desk-hooks-wait", n), "desk-todo-hooks"),
        Trouble::JobsParked(n) => plain(count("desk-jobs-parked", n), "desk-todo-jobs"),
        Trouble::Uncertain(n) => leads(
            plain(count("desk-uncertain", n), "desk-todo-uncertain"),
            "/messages?state=uncertain",
            "desk-show",
        ),
        Trouble::ReachOutLocked(minutes) => plain(count("desk-locked", minutes), "desk-todo-locked"),
        Trouble::SendingRests(minutes) => plain(count("desk-resting", minutes), "desk-todo-resting"),
        Trouble::Sync => leads(plain(w.t("desk-sync-failed"), "desk-todo-sync"), "/syncs", "desk-show"),
        Trouble::WebhookSettings => plain(w.t("desk-webhooks"), "desk-todo-webhooks"),
        Trouble::Dropped(n) => leads(
            plain(count("desk-dropped", n), "desk-todo-dropped"),
            "/messages?state=expired",
            "desk-show",
        ),
    }
}

fn facts(w: Words, it: &Overview<'_>) -> Vec<(String, String)> {
    let moment = |at: Option<UnixMs>| {
        at.map_or_else(|| w.t("fact-none"), |at| dates::moment(at, it.now, it.timezone, w.0))
    };
    let number = it.number.filter(|number| !number.contains('…')).map(numbers::readable);
    let number = number.or_else(|| it.number.map(str::to_owned));
    let mut facts = vec![
        (w.t("desk-whatsapp"), w.t(session_key(it.session))),
        (w.t("fact-number"), number.unwrap_or_else(|| w.t("desk-no-number"))),
        (w.t("desk-yclients"), w.t(state_key(it.state))),
        (w.t("fact-last"), moment(it.last_message_at)),
        (w.t("fact-waiting"), it.sending.waiting.to_string()),
    ];
    let chats = w.with2("fact-new-chats-of", "n", it.sending.new_chats, "most", it.sending.new_chats_allowed);
    facts.push((w.t("fact-new-chats"), chats));
    facts.push((w.t("desk-last-sync"), moment(it.last_sync_at)));
    facts
}

fn state_key(state: TenantState) -> &'static str {
    match state {
        TenantState::Active => "desk-yc-active",
        TenantState::Frozen => "desk-yc-frozen",
        TenantState::Uninstalled => "desk-yc-uninstalled",
        TenantState::PendingWhatsapp | TenantState::WhatsappConnected | TenantState::Configuring => {
            "desk-yc-pending"
        }
    }
}

fn todo_key(state: TenantState) -> &'static str {
    match state {
        TenantState::Frozen => "desk-todo-frozen",
        TenantState::Uninstalled => "desk-todo-uninstalled",
        _ => "desk-todo-pending",
    }
}
