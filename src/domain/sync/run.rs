//! One reading of the journal or the catalogue: where it stands, what came of it, what broke it off.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;
use crate::kernel::id::SyncId;

/// What is read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    Records,
    Catalog,
}

impl SyncKind {
    pub const ALL: [Self; 2] = [Self::Records, Self::Catalog];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Catalog => "catalog",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// For its turn, or for better weather.
    Waiting,
    Running,
    Done,
    Failed,
}

impl SyncState {
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Running, Self::Done, Self::Failed];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What came of the records read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub cancelled: i64,
    /// Of these, what a hook should have brought.
    pub healed: i64,
    pub failed: i64,
    /// By reason.
    pub skipped: BTreeMap<String, i64>,
}

impl Counts {
    pub fn skip(&mut self, why: Skip) {
        *self.skipped.entry(why.as_str().to_owned()).or_default() += 1;
    }

    #[must_use]
    pub fn skips(&self) -> i64 {
        self.skipped.values().sum()
    }

    pub fn add(&mut self, more: Self) {
        self.created += more.created;
        self.updated += more.updated;
        self.unchanged += more.unchanged;
        self.cancelled += more.cancelled;
        self.healed += more.healed;
        self.failed += more.failed;
        for (why, count) in more.skipped {
            *self.skipped.entry(why).or_default() += count;
        }
    }
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRun {
    pub id: SyncId,
    pub kind: SyncKind,
    pub state: SyncState,
    pub by_hand: bool,
    /// JSON; empty until it has begun.
    pub scope: String,
    /// JSON; empty at the beginning.
    pub place: String,
    pub page: i64,
    pub counts: Counts,
    /// Our own time for it, without waiting for YClients.
    pub own_ms: i64,
    pub attempts: i64,
    pub error: String,
    pub asked_at: UnixMs,
    pub began_at: Option<UnixMs>,
    pub moved_at: UnixMs,
    pub finished_at: Option<UnixMs>,
}

/// Why a row of the list was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// It has no number.
    Unreadable,
    /// It says that it is another salon's.
    AnotherSalon,
    /// A hook told us something newer.
    Older,
}

impl Skip {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::AnotherSalon => "another_salon",
            Self::Older => "older",
        }
    }
}

/// What broke a run off, as it is stored; the words stand with whoever shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// YClients does not answer, or asks us to slow down; the database is not there.
    Weather,
    /// 402.
    Licence,
    /// 403 or 404: no right, or not installed any more.
    Forbidden,
    /// 401: our token.
    Unauthorised,
    /// The salon is not active.
    NotActive,
    /// Anything else; a person must look at the log.
    Internal,
}

impl Trouble {
    pub const ALL: [Self; 6] =
        [Self::Weather, Self::Licence, Self::Forbidden, Self::Unauthorised, Self::NotActive, Self::Internal];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Weather => "weather",
            Self::Licence => "licence",
            Self::Forbidden => "forbidden",
            Self::Unauthorised => "unauthorised",
            Self::NotActive => "not_active",
            Self::Internal => "internal",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == text)
    }

    /// What happened and what to do, for a person.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Weather => {
                "YClients or our database did not answer. Nothing to do: the reading goes on where it stood, by itself"
            }
            Self::Licence => {
                "The salon's YClients licence has expired. Pay YClients; it is tried again every few hours"
            }
            Self::Forbidden => {
                "YClients does not let us read this salon. Check that the app is connected there and has its rights"
            }
            Self::Unauthorised => {
                "YClients does not accept our tokens. Check YCLIENTS_PARTNER_TOKEN and YCLIENTS_USER_TOKEN"
            }
            Self::NotActive => {
                "The salon is not active: it is paused, not linked yet, or gone. Nothing is read until it is"
            }
            Self::Internal => "Something of ours went wrong. Look at the log",
        }
    }

    /// How long until the next try after so many in vain; `None` when this run ends with it.
    #[must_use]
    pub fn again_ms(self, attempts: i64) -> Option<i64> {
        const FIRST: i64 = 5 * 60_000;
        const MOST: i64 = 60 * 60_000;
        const ATTEMPTS: i64 = 8;
        let doublings = u32::try_from(attempts.clamp(1, 10) - 1).unwrap_or(0);
        match self {
            Self::Weather if attempts <= ATTEMPTS => Some((FIRST << doublings).min(MOST)),
            _ => None,
        }
    }

    /// After a run that ended with it the next begins no sooner.
    #[must_use]
    pub fn rest_ms(self) -> i64 {
        match self {
            Self::Licence => 6 * 3_600_000,
            Self::Weather | Self::Forbidden | Self::Unauthorised | Self::NotActive | Self::Internal => {
                3_600_000
            }
        }
    }
}

/// What was seen of a salon's hook settings in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookCheck {
    Right,
    Repaired,
    /// All places for addresses are other applications'.
    Full,
    /// We have no right to read or change them.
    Forbidden,
    /// Not taken, or not as it was written.
    Unknown,
}

impl HookCheck {
    pub const ALL: [Self; 5] = [Self::Right, Self::Repaired, Self::Full, Self::Forbidden, Self::Unknown];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Repaired => "repaired",
            Self::Full => "full",
            Self::Forbidden => "forbidden",
            Self::Unknown => "unknown",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    /// What a person can do about it; `None` when nothing is wrong.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Right | Self::Repaired => None,
            Self::Full => Some(
                "In YClients, Settings, WebHook: ten addresses are kept already. Remove one that nobody needs",
            ),
            Self::Forbidden => Some(
                "Give the app the right to WebHook settings in YClients, or look there whether our address and \"records\" are on",
            ),
            Self::Unknown => {
                Some("Look in YClients, Settings, WebHook, whether our address and \"records\" are on")
            }
        }
    }
}
