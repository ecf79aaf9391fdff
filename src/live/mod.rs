//! The live channel: socket.io under `/whatsapp` (and, for the desk, [`desk`]). It tells open connect pages what the server knows, and takes what is pressed.
//! It decides nothing: everything it knows comes through [`ConnectDoor`].
//!
//! In: `request-qr`, `request-code {phone}`, `cancel`, `confirm-number`, `use-for-both`, `relink`, `try-again`, `send-trial`;
//! each is answered with `{ok}` where the client asks for an answer. Out: see [`wire`].
//!
//! # Decision: one question to the door, many answers
//! `qr`, `pairing-code` and `progress` are read off the view by comparing it with the one told last, so that they cannot disagree
//! with `state`. Moments that may pass between two views (`connected`, `activated`, `error`) come as [`LiveEvent`]s. A client may
//! hear one of them twice, after a reconnect; never a different one.

pub mod clients;
pub mod desk;
pub mod door;
mod hub;
mod seats;
#[cfg(test)]
mod tests;
pub mod wire;

use std::sync::Arc;

use std::time::Duration;

use async_trait::async_trait;
use chrono_tz::Tz;
use socketioxide::SocketIo;
use socketioxide::layer::SocketIoLayer;
use tokio::sync::broadcast;

use crate::domain::connect::ConnectView;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;

pub const NAMESPACE: &str = "/whatsapp";

/// Who holds a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub tenant: TenantId,
    /// The salon's language; the page may ask for another in `auth.locale`.
    pub locale: Locale,
    /// How long the token is still good: then the page is shown out.
    pub expires_in: Duration,
}

/// Why a token opens nothing. The code is the message of `connect_error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Missing,
    Wrong,
    Expired,
    /// The token is of one company, and the page asked for another.
    Foreign,
}

impl Refused {
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Wrong => "token-wrong",
            Self::Expired => "token-expired",
            Self::Foreign => "token-foreign",
        }
    }
}

/// The view, and what it takes to write it down for a reader.
#[derive(Debug, Clone)]
pub struct Scene {
    pub view: ConnectView,
    pub timezone: Tz,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// "Yes, that is the number."
    ConfirmNumber,
    /// The number serves another salon too, and may.
    UseForBoth,
    /// Unlink and begin anew.
    Relink,
    /// Whatever did not work: once more.
    TryAgain,
    /// A message to the salon's own number.
    SendTrial,
}

/// Why nothing was done. Told to the one who asked, in their language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    #[error("not a phone number")]
    BadPhone,
    #[error("asked too often")]
    TooOften,
    /// The page was late: the server is at another step.
    #[error("not at this step")]
    NotNow,
    #[error("WhatsApp does not answer")]
    Whatsapp,
    #[error("YClients does not answer")]
    Yclients,
    #[error("our fault")]
    Fault,
}

/// What the channel needs from the floor below.
#[async_trait]
pub trait ConnectDoor: Send + Sync + 'static {
    /// Checks the page's token; `company_id` is what the page says it is about, where it says so.
    fn admit(&self, token: &str, company_id: Option<&str>) -> Result<Visitor, Refused>;
    /// Our application's page in the marketplace.
    fn marketplace_url(&self) -> String;
    async fn view(&self, tenant: &TenantId) -> anyhow::Result<Scene>;
    /// A page is there: linking begins if there is something to link.
    async fn opened(&self, tenant: &TenantId) -> Result<(), DoorError>;
    async fn request_qr(&self, tenant: &TenantId) -> Result<(), DoorError>;
    /// `phone` is as it was typed.
    async fn request_code(&self, tenant: &TenantId, phone: &str) -> Result<(), DoorError>;
    async fn cancel(&self, tenant: &TenantId) -> Result<(), DoorError>;
    async fn act(&self, tenant: &TenantId, action: Action) -> Result<(), DoorError>;
    fn changes(&self) -> broadcast::Receiver<Change>;
}

/// What may have changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// The tenant's view, perhaps. Many in a row cost little: they are gathered.
    View(TenantId),
    Event(TenantId, LiveEvent),
    /// Something was missed; nobody knows of whom.
    Anything,
}

/// A moment that no view keeps.
#[derive(Debug, Clone)]
pub enum LiveEvent {
    Connected { phone: String, name: String },
    Activated { redirect_url: String },
    Error(DoorError),
}

/// The layer for the router, the handle to close it with, and the pump that carries changes to the pages: run it in a task of its
/// own; it ends when the door's changes end.
pub fn layer(
    door: Arc<dyn ConnectDoor>,
) -> (SocketIoLayer, SocketIo, impl Future<Output = ()> + Send + 'static) {
    let changes = door.changes();
    let (layer, io) = SocketIo::builder()
        // A page says little: a phone number is the most.
        .max_payload(16 * 1024)
        .ws_max_message_size(16 * 1024)
        .ws_max_frame_size(16 * 1024)
        // A page that does not read is cut off after so many updates.
        .max_buffer_size(64)
        // Who does not show a token by then is let go.
        .connect_timeout(Duration::from_secs(10))
        .build_layer();
    let hub = Arc::new(hub::Hub::new(door));
    hub.open(&io);
    let pump = hub::pump(hub, io.clone(), changes);
    (layer, io, pump)
}
