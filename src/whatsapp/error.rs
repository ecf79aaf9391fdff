//! What can go wrong between us and WhatsApp.

use crate::kernel::fault::{Fault, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no WhatsApp is linked")]
    NotPaired,
    #[error("the recipient has no WhatsApp")]
    NotOnWhatsApp,
    #[error("the session is not connected right now")]
    Offline,
    /// Another process of ours runs this session.
    #[error("another node runs this session")]
    Elsewhere,
    /// The message may be on its way, or not: sending it again could make two of it.
    #[error("whether the message left is not known")]
    Unclear,
    #[error("the device was removed on the phone")]
    LoggedOut,
    #[error("WhatsApp restricted the number")]
    Banned,
    #[error("WhatsApp did not take the message: {0}")]
    Refused(String),
    /// Our own storage failed under the library.
    #[error("the session's keys could not be read or written")]
    Vault(#[source] anyhow::Error),
    #[error("the WhatsApp library failed")]
    Library(#[source] anyhow::Error),
}

impl Fault for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::NotPaired
            | Self::NotOnWhatsApp
            | Self::Unclear
            | Self::LoggedOut
            | Self::Banned
            | Self::Refused(_) => Retry::Never,
            Self::Offline | Self::Elsewhere | Self::Vault(_) | Self::Library(_) => Retry::Backoff,
        }
    }
}
