//! A linked WhatsApp device: the states people see, the steps of pairing, and what arrives over it.

use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;
use crate::kernel::id::{NodeId, TenantId};
use crate::kernel::phone::Phone;

/// What a session is, told apart so that each can be shown with its own way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Never linked, or unlinked by us.
    Unpaired,
    /// A code is shown or the phone is linking.
    Pairing,
    Online,
    /// Linked, and not connected right now; it comes back by itself.
    Offline,
    /// The owner removed the device on the phone: link again.
    LoggedOut,
    /// The same device was opened elsewhere.
    Replaced,
    /// WhatsApp restricted the number, perhaps until a known moment.
    Banned,
    /// WhatsApp no longer takes this client version.
    Outdated,
    /// The library could not save its keys and stopped saving; it is rebuilt from what is stored.
    Halted,
}

impl SessionState {
    pub const ALL: [Self; 9] = [
        Self::Unpaired,
        Self::Pairing,
        Self::Online,
        Self::Offline,
        Self::LoggedOut,
        Self::Replaced,
        Self::Banned,
        Self::Outdated,
        Self::Halted,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unpaired => "unpaired",
            Self::Pairing => "pairing",
            Self::Online => "online",
            Self::Offline => "offline",
            Self::LoggedOut => "logged_out",
            Self::Replaced => "replaced",
            Self::Banned => "banned",
            Self::Outdated => "outdated",
            Self::Halted => "halted",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether keys of a linked device are worth keeping and starting from.
    #[must_use]
    pub fn is_linked(self) -> bool {
        matches!(
            self,
            Self::Online | Self::Offline | Self::Replaced | Self::Banned | Self::Outdated | Self::Halted
        )
    }

    /// From when on a session in this state since `changed_at` may be started by itself: knocking during a ban makes it longer.
    #[must_use]
    pub fn rests_until(self, until: Option<UnixMs>, changed_at: UnixMs) -> UnixMs {
        match self {
            Self::Banned => until.unwrap_or(changed_at.plus_ms(BAN_LOOK_MS)),
            _ => changed_at,
        }
    }
}

/// A ban without a known end is looked at again after so long.
pub const BAN_LOOK_MS: i64 = 3_600_000;

/// The right to run a salon's session: one process has it at a time, and what is written or sent under an older epoch is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub tenant: TenantId,
    pub node: NodeId,
    pub epoch: i64,
}

/// How the owner links the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairBy {
    Qr,
    /// Eight characters typed on the phone that has this number.
    Code(Phone),
}

/// Why WhatsApp refused to link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    TooManyDevices,
    /// A business account of a kind the library cannot link yet.
    BusinessAccount,
    Restricted,
    Outdated,
    /// WhatsApp could not be reached or gave no usable answer.
    Unreachable,
    Other,
}

/// What a session tells, in the order it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A new code to show; `number` counts from 1 to `of`.
    Qr {
        code: String,
        number: u8,
        of: u8,
        expires_at: UnixMs,
    },
    PairingCode {
        code: String,
        expires_at: UnixMs,
    },
    /// Nobody scanned any of the codes.
    QrExhausted,
    /// The phone was found; keys are being exchanged.
    Scanned,
    /// Linked for the first time. `Online` follows when the session is usable.
    Linked {
        phone: Phone,
        name: String,
    },
    PairingRefused {
        why: Refusal,
        detail: String,
    },
    /// The session is now in this state; `until` is the end of a ban.
    State {
        state: SessionState,
        reason: String,
        until: Option<UnixMs>,
    },
    /// WhatsApp's server took or refused (`error`) one of our messages.
    Ack {
        message_id: String,
        error: Option<u16>,
    },
    Receipt {
        message_ids: Vec<String>,
        read: bool,
    },
}

/// A message from a client, kept before WhatsApp is told that it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundMessage {
    pub message_id: String,
    /// The sender's number, where it is known.
    pub phone: Option<Phone>,
    /// The sender's LID, where the message came from one.
    pub lid: Option<String>,
    pub text: String,
    /// The id of the message it quotes: the safest link to what it answers.
    pub quoted_id: Option<String>,
    pub sent_at: UnixMs,
}
