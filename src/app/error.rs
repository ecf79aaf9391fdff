//! What a use case can answer instead of its result.

use crate::kernel::fault::{Fault, Retry};
use crate::kernel::seal::NotOpened;
use crate::{storage, whatsapp, yclients};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asked for something that cannot be; the key names a text for people.
    #[error("refused: {0}")]
    Rejected(&'static str),
    #[error("not found")]
    NotFound,
    /// More is waiting than we may promise to keep: nothing was stored, ask again.
    #[error("too much is waiting")]
    Overloaded,
    #[error("still starting")]
    Starting,
    /// What was to be written belongs to a session that another node runs now.
    #[error("another node runs this session")]
    NotHeld,
    #[error("storage: {0}")]
    Storage(#[from] storage::Error),
    #[error("YClients: {0}")]
    Crm(#[from] yclients::Error),
    #[error("WhatsApp: {0}")]
    WhatsApp(#[from] whatsapp::error::Error),
    #[error("alert: {0}")]
    Alarm(#[from] crate::alarm::Error),
    #[error("{0}")]
    Sealed(#[from] NotOpened),
    #[error("a stored value is not what we wrote: {0}")]
    Stored(#[from] serde_json::Error),
}

impl Fault for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Storage(e) => e.retry(),
            Self::Crm(e) => e.retry(),
            Self::WhatsApp(e) => e.retry(),
            Self::Alarm(e) => e.retry(),
            // A key that is missing may be given back.
            Self::Overloaded | Self::Starting | Self::NotHeld | Self::Sealed(_) => Retry::Backoff,
            Self::Rejected(_) | Self::NotFound | Self::Stored(_) => Retry::Never,
        }
    }
}
