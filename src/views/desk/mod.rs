//! The desk: pages for people who are signed in. Plain forms and links, so that they work without any script.

mod account;
mod client;
mod clients;
mod companies;
mod counter_samples;
mod enter;
mod messages;
mod nav;
mod overview;
mod records;
mod samples;
mod spend;
mod syncs;
mod team;
mod unmatched;

pub use account::{Account, AccountFault, Codes, Said, account};
pub use client::{ClientPage, Posting, SpendForm, VisitLine, client};
pub use clients::{ClientLine, Clients, ClientsFault, CodeForm, clients};
pub use companies::{Companies, CompanyLine, companies};
pub use enter::{Enter, Fault, Step, closed, enter, forged};
pub use messages::{MessageLine, Messages, messages};
pub use nav::{Nav, Tab, nav};
pub use overview::{Light, Overview, Trouble, overview};
pub use records::{RecordLine, Records, records};
pub use samples::samples;
pub use spend::{Confirm, SpendFault, confirm};
pub use syncs::{Syncs, sync_line, syncs};
pub use team::{PersonLine, Team, TeamFault, team};
pub use unmatched::{CandidateLine, Unmatched, UnmatchedFault, UnmatchedLine, unmatched};

use super::{Words, numbers};
use crate::domain::bonus::Programme;
use crate::domain::message::{OutboxState, Ticks};
use crate::domain::password::Weak;

/// Where a list goes on, and where it begins; empty where there is no such way.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    pub first: String,
    pub next: String,
}

/// How a message's standing looks.
fn tone(state: OutboxState, ticks: Ticks) -> &'static str {
    match (state, ticks) {
        (OutboxState::Sent, _) => "good",
        (OutboxState::Uncertain, _) => "warn",
        (OutboxState::Failed | OutboxState::Expired, _) => "stop",
        (OutboxState::Planned | OutboxState::Sending | OutboxState::Cancelled, _) => "calm",
    }
}

/// What clients' pages are switched between.
fn client_tabs(w: Words, url: &str, is_unmatched: bool) -> Vec<(String, String, bool)> {
    vec![
        (format!("{url}/clients"), w.t("desk-clients-all"), !is_unmatched),
        (format!("{url}/unmatched"), w.t("desk-unmatched"), is_unmatched),
    ]
}

/// How a client is called where little is known of them, or may be shown.
fn called(w: Words, name: &str, phone: &str) -> String {
    match (name, phone) {
        ("", "") => w.t("desk-nameless"),
        ("", phone) => number(phone),
        (name, _) => name.to_owned(),
    }
}

/// A number as it may be read; one that is masked stays as it is.
fn number(phone: &str) -> String {
    if phone.contains('…') { phone.to_owned() } else { numbers::readable(phone) }
}

/// What a salon's bonuses come to, in an owner's words.
fn terms(w: Words, programme: &Programme) -> Vec<String> {
    if programme.rate == 0 {
        return vec![w.t("desk-bonus-off")];
    }
    let percent = numbers::amount(programme.rate, w.0);
    let mut terms = vec![w.with("desk-bonus-earns", "percent", percent)];
    if programme.min_price > 0 {
        terms.push(w.with("desk-bonus-min", "price", numbers::amount(programme.min_price, w.0)));
    }
    if programme.most_percent < 100 {
        terms.push(w.with("desk-bonus-most", "percent", programme.most_percent));
    }
    if programme.expire_days > 0 {
        terms.push(w.count("desk-bonus-expire", u64::try_from(programme.expire_days).unwrap_or_default()));
    }
    terms
}

fn join(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" · ")
}

/// Why a password is not taken.
fn weak_key(weak: Weak) -> &'static str {
    match weak {
        Weak::Short => "desk-weak-short",
        Weak::Long => "desk-weak-long",
        Weak::LikeEmail => "desk-weak-email",
        Weak::Common => "desk-weak-common",
        Weak::Monotonous => "desk-weak-monotonous",
    }
}
