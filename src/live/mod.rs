//! socket.io, namespace `/whatsapp`: the connect page's live half.
//!
//! | in | payload | |
//! |---|---|---|
//! | `request-qr`, `cancel`, `confirm-number`, `relink`, `try-again`, `send-trial` | – | a wish of the reader |
//! | `request-code` | `{"phone"}` | link by a code typed on the phone |
//!
//! | out | payload |
//! |---|---|
//! | `qr` | the raw text of the code; then `{"svg","number","of","expires_at"}` |
//! | `pairing-code` | `{"code","expires_at"}` |
//! | `state` | the page's whole state, with `html`, the panel drawn in the reader's language |
//! | `progress` | `{"part","done","total","finished"}` |
//! | `connected` | `{"phone","name"}` |
//! | `activated` | `{"redirect_url"}` |
//! | `error` | `{"code","message"}` |
//!
//! The handshake carries the page's token in `auth.token` or in the query as `token`; a refusal's message is its reason.

pub mod door;
mod namespace;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::broadcast;

pub use namespace::layer;

use crate::domain::connect::{ConnectView, SyncPart};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

/// What the namespace needs of the product.
#[async_trait]
pub trait ConnectDoor: Send + Sync + 'static {
    /// Checks the page's token; a company that is not of the token's installation is foreign.
    async fn admit(&self, token: &str, company_id: Option<&str>) -> Result<Visitor, Refused>;
    async fn view(&self, tenant: &TenantId) -> Result<ConnectView, DoorError>;
    async fn act(&self, tenant: &TenantId, action: Action) -> Result<(), DoorError>;
    fn changes(&self) -> broadcast::Receiver<Change>;
}

/// Who is let in.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub tenant: TenantId,
    pub timezone: chrono_tz::Tz,
    /// May link and unlink phones, and not only look.
    pub may_link: bool,
}

/// Why a handshake is refused; its name is the message that the page gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Missing,
    Wrong,
    Expired,
    Foreign,
    /// More sockets than one salon's owner can have open.
    Crowded,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "token_missing",
            Self::Wrong => "token_wrong",
            Self::Expired => "token_expired",
            Self::Foreign => "token_foreign",
            Self::Crowded => "too_many_pages",
        })
    }
}

impl std::error::Error for Refused {}

/// A wish that failed; `code` names a text for people.
#[derive(Debug, Clone, Copy)]
pub struct DoorError {
    pub code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    RequestQr,
    RequestCode(String),
    Cancel,
    ConfirmNumber,
    Relink,
    TryAgain,
    SendTrial,
}

/// Something to tell the pages of one tenant.
#[derive(Debug, Clone)]
pub enum Change {
    /// What the page shows may be another now.
    View(TenantId),
    Event(TenantId, LiveEvent),
}

/// The one-off events; what the page shows goes by `state`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum LiveEvent {
    #[serde(skip)]
    Qr {
        raw: String,
        number: u8,
        of: u8,
        expires_at: UnixMs,
    },
    PairingCode {
        code: String,
        expires_at: UnixMs,
    },
    Progress(SyncPart),
    Connected {
        phone: String,
        name: String,
    },
    Activated {
        redirect_url: String,
    },
    Error {
        code: String,
    },
}
