//! Where a linking stands, as its pages see it.

use serde::{Deserialize, Serialize};

use super::session::Refusal;
use crate::kernel::clock::UnixMs;

/// One step of a linking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    Starting {
        since: UnixMs,
    },
    Qr {
        raw: String,
        number: u8,
        of: u8,
        expires_at: UnixMs,
    },
    /// Waiting for WhatsApp to make a code.
    CodeAsked,
    Code {
        code: String,
        expires_at: UnixMs,
    },
    Exhausted {
        minutes: u32,
    },
    Scanned,
    /// Stays until a person asks again: what WhatsApp does not want to be asked for is not asked for by itself.
    Refused {
        why: Refusal,
        at: UnixMs,
    },
}

impl Pairing {
    /// Whether it is still so when the process that linked is gone.
    #[must_use]
    pub fn outlives_its_process(&self) -> bool {
        matches!(self, Self::Exhausted { .. } | Self::Refused { .. })
    }
}
