//! The trait every message channel implements, and what it needs from above.

use async_trait::async_trait;

use super::error::Error;
use crate::domain::session::{InboundMessage, Lease, PairBy, SessionEvent, SessionState};
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;

/// A text on its way out. The id is ours and fixed before the first attempt, so a repeated attempt carries the same one.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub message_id: String,
    pub to: Phone,
    pub text: String,
}

/// Sessions of the salons this process runs. What needs a session that another process runs is answered [`Error::Elsewhere`].
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Begins linking, or joins the one under way. Steps come through [`Sink::tell`]. Asking for a code after a QR
    /// (or the other way round) goes on with the same connection where the library can, else with a new one.
    async fn pair(&self, tenant: &TenantId, how: PairBy) -> Result<(), Error>;

    /// Ends a linking that was not finished. Does nothing to a linked session.
    async fn cancel_pairing(&self, tenant: &TenantId);

    /// Starts a linked session from its stored keys; does nothing when it runs already.
    async fn restore(&self, tenant: &TenantId) -> Result<(), Error>;

    /// Disconnects and keeps the keys.
    async fn stop(&self, tenant: &TenantId);

    /// Unlinks on the phone's side too, where it can be reached, and destroys every stored key of the session.
    async fn logout(&self, tenant: &TenantId) -> Result<(), Error>;

    /// Whether the number has WhatsApp. A send to one that has not is taken by the server and delivered to nobody.
    async fn is_on_whatsapp(&self, tenant: &TenantId, phone: &Phone) -> Result<bool, Error>;

    /// Hands a message to WhatsApp. `Ok` is not delivered: what became of it comes as acks and receipts. After any error but
    /// [`Error::Unclear`] nothing has left. Refused when the session does not run under this lease any more.
    async fn send(&self, lease: &Lease, message: &Outgoing) -> Result<(), Error>;

    /// Under which lease this process runs the session.
    fn lease(&self, tenant: &TenantId) -> Option<Lease>;

    /// What this process knows of the session now; `None` when it runs none.
    fn state(&self, tenant: &TenantId) -> Option<SessionState>;

    /// How many sessions this process runs.
    fn running(&self) -> usize;

    /// Some of the sessions that are online here, `most` of them.
    fn some_online(&self, most: usize) -> Vec<TenantId>;

    /// Gives back the leases of sessions that were stopped while the database was away.
    async fn give_back(&self);

    /// The others gave this process up: every session is let go at once. Nothing more is written or told of it.
    async fn abandon(&self);

    /// Stops every session, flushing what each has to save.
    async fn shutdown(&self);
}

/// Where a session's events go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Keeps a client's message for good. WhatsApp is told that it arrived only after `Ok`.
    async fn keep(&self, tenant: &TenantId, message: InboundMessage) -> anyhow::Result<()>;

    /// Tells what happened, under the lease it happened under. Events of one session come one after another, in order.
    async fn tell(&self, lease: &Lease, event: SessionEvent);
}
