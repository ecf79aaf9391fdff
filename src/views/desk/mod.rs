//! The desk: pages for people who are signed in. Plain forms and links, so that they work without any script.

mod account;
mod companies;
mod enter;
mod messages;
mod nav;
mod overview;
mod records;
mod samples;
mod team;

pub use account::{Account, AccountFault, Codes, Said, account};
pub use companies::{Companies, CompanyLine, companies};
pub use enter::{Enter, Fault, Step, closed, enter, forged};
pub use messages::{MessageLine, Messages, messages};
pub use nav::{Nav, Tab, nav};
pub use overview::{Light, Overview, Trouble, overview};
pub use records::{RecordLine, Records, records};
pub use samples::samples;
pub use team::{PersonLine, Team, TeamFault, team};

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
