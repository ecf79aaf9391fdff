//! The connect page's state, as the server knows it: what a reader sees, and nothing that must be guessed from an event.

use serde::Serialize;

use super::pacing::Standing;
use super::session::Refusal;
use crate::kernel::clock::UnixMs;

/// All that the page shows, made anew from what is stored and what the session says. Secrets have no place in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectView {
    pub salon_title: String,
    /// When it was true, so that a late one does not overwrite a newer.
    pub as_of: UnixMs,
    #[serde(flatten)]
    pub step: ConnectStep,
}

/// One page, one question: the step decides which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ConnectStep {
    Preparing {
        since: UnixMs,
    },
    Qr {
        raw: String,
        svg: String,
        number: u8,
        of: u8,
        expires_at: UnixMs,
    },
    /// `code` is empty until the number was given and WhatsApp answered.
    Code {
        code: String,
        expires_at: Option<UnixMs>,
    },
    QrExhausted {
        minutes: u32,
    },
    Linking,
    /// Is it the number that clients expect messages from?
    Linked {
        phone: String,
        name: String,
    },
    Syncing {
        parts: Vec<SyncPart>,
    },
    Activating,
    /// Just finished: `preview` is the confirmation a client will get.
    Active {
        phone: String,
        name: String,
        preview: String,
        return_url: String,
    },
    AlreadyActive {
        phone: String,
        name: String,
        linked_at: Option<UnixMs>,
        last_message_at: Option<UnixMs>,
        /// Whether the session is connected now.
        online: bool,
        sending: Standing,
        return_url: String,
    },
    /// Linking was refused, or a linked session was lost: `lost` says which.
    Refused {
        why: Refusal,
        lost: Option<Lost>,
        until: Option<UnixMs>,
    },
    NumberServesAnother {
        salon_title: String,
    },
    NotInstalled,
    Frozen {
        return_url: String,
    },
    /// YClients does not answer: what works already, what waits.
    YclientsSilent {
        linked: bool,
    },
    /// The salon has not paid YClients, and it tells us nothing until it has.
    LicenceExpired {
        return_url: String,
    },
    OurFault {
        request_id: String,
    },
}

/// How a session that was linked went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    LoggedOut,
    Replaced,
    Banned,
    Outdated,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncPart {
    /// services, staff or schedule
    pub part: String,
    pub done: i64,
    pub total: i64,
    pub finished: bool,
}

impl ConnectStep {
    /// The word in `data-state` and in the `state` event.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Preparing { .. } => "preparing",
            Self::Qr { .. } => "qr",
            Self::Code { .. } => "code",
            Self::QrExhausted { .. } => "qr_exhausted",
            Self::Linking => "linking",
            Self::Linked { .. } => "linked",
            Self::Syncing { .. } => "syncing",
            Self::Activating => "activating",
            Self::Active { .. } => "active",
            Self::AlreadyActive { .. } => "already_active",
            Self::Refused { .. } => "refused",
            Self::NumberServesAnother { .. } => "number_serves_another",
            Self::NotInstalled => "not_installed",
            Self::Frozen { .. } => "frozen",
            Self::YclientsSilent { .. } => "yclients_silent",
            Self::LicenceExpired { .. } => "licence_expired",
            Self::OurFault { .. } => "our_fault",
        }
    }
}
