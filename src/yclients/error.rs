//! What YClients can answer instead of data. No text here carries a token or a person's data.

use crate::kernel::fault::{Fault, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("YClients does not accept our token (401)")]
    Unauthorised,
    #[error("the salon's YClients licence has run out (402)")]
    LicenceExpired,
    #[error("YClients gives no right to this: {0} (403)")]
    Forbidden(String),
    #[error("YClients has no such thing (404)")]
    NotFound,
    /// The limit of requests is used up; milliseconds until the next, where the answer said so.
    #[error("YClients asks us to slow down (429)")]
    Throttled(Option<i64>),
    #[error("YClients refused the request: {0}")]
    Rejected(String),
    #[error("YClients could not be reached: {0}")]
    Unreachable(String),
    #[error("YClients failed ({0})")]
    Upstream(u16),
    #[error("YClients answered with something that is not its API: {0}")]
    Malformed(String),
}

impl Fault for Error {
    fn retry(&self) -> Retry {
        match self {
            Self::Throttled(Some(ms)) => Retry::After(*ms),
            Self::Throttled(None) => Retry::After(10_000),
            Self::Unreachable(_) | Self::Upstream(_) | Self::Malformed(_) => Retry::Backoff,
            // Licences are renewed, tokens mended, rights given: worth another look, far apart.
            Self::Unauthorised | Self::LicenceExpired => Retry::After(600_000),
            Self::Forbidden(_) | Self::NotFound | Self::Rejected(_) => Retry::Never,
        }
    }
}
