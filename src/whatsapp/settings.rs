//! What an operator chooses about WhatsApp, and the paces a session keeps.

use std::time::Duration;

/// The version claimed towards anything that is not WhatsApp itself: the sandbox does not care, and nothing is fetched for it.
pub const SANDBOX_VERSION: (u32, u32, u32) = (2, 3000, 1_027_934_701);

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where WhatsApp is; `None` is WhatsApp's own address.
    pub ws_url: Option<String>,
    /// The client version to claim; `None` asks WhatsApp once a day for this process.
    pub version: Option<(u32, u32, u32)>,
    pub pace: Pace,
}

/// How long a session waits for what. The defaults are for production; tests shorten them.
#[derive(Debug, Clone)]
pub struct Pace {
    /// For the first code, or for the connection, before people are told that WhatsApp does not answer.
    pub patience: Duration,
    /// Before a session whose connection ended for good is built anew; doubled with each failure, up to `retry_max`.
    pub retry: Duration,
    pub retry_max: Duration,
    /// Before asking WhatsApp to deliver again what we could not keep.
    pub redeliver: Duration,
    /// Between two looks for sessions whose keys are no longer saved.
    pub look: Duration,
    /// For handing over one message.
    pub send: Duration,
    /// For a last word to WhatsApp when a device is unlinked.
    pub goodbye: Duration,
    /// Before an outdated version is tried again with a newly asked one.
    pub outdated: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(20),
            retry: Duration::from_secs(5),
            retry_max: Duration::from_secs(600),
            redeliver: Duration::from_secs(15),
            look: Duration::from_secs(5),
            send: Duration::from_secs(60),
            goodbye: Duration::from_secs(10),
            outdated: Duration::from_secs(900),
        }
    }
}
