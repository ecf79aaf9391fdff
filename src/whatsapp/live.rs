//! `whatsapp-rust` behind our [`Gateway`].

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;
use whatsapp_rust::prelude::{Client, ClientError, IqError, Jid, MessageBuilderExt as _, wa};
use whatsapp_rust::socket::error::{EncryptSendError, EncryptSendErrorKind};
use whatsapp_rust::{ContactError, SendError, SendOptions};

use super::error::Error;
use super::gateway::{Gateway, Outgoing, Sink};
use super::guard;
use super::owner::Context;
use super::registry::{Command, Registry, watch};
use super::settings::Settings;
use super::store::VaultFailed;
use super::vault::Vault;
use super::version::Version;
use super::wire::{Http, Sockets};
use crate::domain::session::{Lease, PairBy, SessionState};
use crate::kernel::clock::Clock;
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;

/// The WhatsApp sessions of this process. Must be made inside the runtime that runs them.
pub struct LiveGateway {
    context: Arc<Context>,
}

impl LiveGateway {
    /// Refuses to be made by a binary that could be deceived, or sent where it must not go.
    pub fn new(
        settings: Settings,
        vault: Arc<dyn Vault>,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        guard::check(settings.ws_url.as_deref()).map_err(anyhow::Error::msg)?;
        let http = Http::new()?;
        let context = Arc::new(Context {
            sockets: Sockets::new(&settings)?,
            version: Version::new(&settings, http.clone()),
            registry: Registry::new(),
            settings,
            vault,
            sink,
            clock,
            http,
        });
        tokio::spawn(watch(Arc::downgrade(&context), context.settings.pace.look));
        Ok(Self { context })
    }

    /// Gives a command and waits for its answer; an owner that ends without one was stopped meanwhile.
    async fn ask(
        &self,
        tenant: &TenantId,
        command: impl FnOnce(oneshot::Sender<Result<(), Error>>) -> Command,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.context.registry.command(&self.context, tenant, command(reply))?;
        answer.await.unwrap_or(Err(Error::Offline))
    }

    async fn ask_if_there(&self, tenant: &TenantId, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (reply, answer) = oneshot::channel();
        if self.context.registry.command_if_there(tenant, command(reply)) {
            let _ = answer.await;
        }
    }

    /// The tenant's client, when it is connected right now.
    fn online(&self, tenant: &TenantId) -> Result<Arc<Client>, Error> {
        let status = self.context.registry.status(tenant).ok_or(Error::NotPaired)?;
        match status.state() {
            SessionState::Online => status.client().ok_or(Error::Offline),
            SessionState::Unpaired | SessionState::Pairing => Err(Error::NotPaired),
            SessionState::LoggedOut => Err(Error::LoggedOut),
            SessionState::Banned => Err(Error::Banned),
            SessionState::Offline
            | SessionState::Replaced
            | SessionState::Outdated
            | SessionState::Halted => Err(Error::Offline),
        }
    }
}

#[async_trait]
impl Gateway for LiveGateway {
    async fn pair(&self, tenant: &TenantId, how: PairBy) -> Result<(), Error> {
        self.ask(tenant, |reply| Command::Pair(how, reply)).await
    }

    async fn cancel_pairing(&self, tenant: &TenantId) {
        self.ask_if_there(tenant, Command::CancelPairing).await;
    }

    async fn restore(&self, tenant: &TenantId) -> Result<(), Error> {
        self.ask(tenant, Command::Restore).await
    }

    async fn stop(&self, tenant: &TenantId) {
        self.ask_if_there(tenant, Command::Stop).await;
    }

    async fn logout(&self, tenant: &TenantId) -> Result<(), Error> {
        self.ask(tenant, Command::Logout).await
    }

    async fn is_on_whatsapp(&self, tenant: &TenantId, phone: &Phone) -> Result<bool, Error> {
        let client = self.online(tenant)?;
        let found = client.contacts().is_on_whatsapp(&[Jid::pn(phone.digits())]).await;
        let found = found.map_err(contact_error)?;
        // One was asked for; no answer about it is not an answer.
        let Some(one) = found.first() else {
            return Err(Error::Library(anyhow::anyhow!("WhatsApp did not answer about the number")));
        };
        match &one.contact_error {
            Some(_) if !one.is_registered => {
                Err(Error::Library(anyhow::anyhow!("WhatsApp could not look the number up")))
            }
            _ => Ok(one.is_registered),
        }
    }

    async fn send(&self, lease: &Lease, message: &Outgoing) -> Result<(), Error> {
        let client = self.online(&lease.tenant)?;
        let status = self.context.registry.status(&lease.tenant).ok_or(Error::Elsewhere)?;
        if status.lease().as_ref() != Some(lease) || !self.context.vault.stands() {
            return Err(Error::Elsewhere);
        }
        let options = SendOptions::default().with_message_id(message.message_id.as_str());
        let text = wa::Message::text(message.text.as_str());
        let sent = client.send_message_with_options(Jid::pn(message.to.digits()), text, options);
        status.sends(&message.message_id);
        let sent = match tokio::time::timeout(self.context.settings.pace.send, sent).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(send_error(error)),
            // The library may have queued it before we lost patience.
            Err(_) => Err(Error::Unclear),
        };
        if sent.is_err() {
            status.is_acked(&message.message_id);
        }
        sent
    }

    fn state(&self, tenant: &TenantId) -> Option<SessionState> {
        Some(self.context.registry.status(tenant)?.state())
    }

    fn lease(&self, tenant: &TenantId) -> Option<Lease> {
        self.context.registry.status(tenant)?.lease()
    }

    fn running(&self) -> usize {
        self.context.registry.count()
    }

    fn some_online(&self, most: usize) -> Vec<TenantId> {
        self.context.registry.some_online(most)
    }

    async fn give_back(&self) {
        for lease in self.context.registry.take_kept() {
            if let Err(error) = self.context.vault.let_go(&lease).await {
                tracing::warn!(tenant.id = %lease.tenant, %error, "a session was not given back; it is tried again");
                self.context.registry.keep(lease);
            }
        }
    }

    async fn abandon(&self) {
        self.context.registry.abandon().await;
    }

    async fn shutdown(&self) {
        self.context.registry.shutdown().await;
    }
}

fn send_error(error: SendError) -> Error {
    match error {
        SendError::NotLoggedIn => Error::Offline,
        SendError::Iq(error) => iq_error(error),
        SendError::Client(ClientError::NotConnected | ClientError::NotLoggedIn | ClientError::Socket(_)) => {
            Error::Offline
        }
        SendError::Client(ClientError::EncryptSend(error)) => written_error(&error),
        SendError::InvalidRequest(why) => Error::Refused(why),
        other => {
            let other = anyhow::Error::from(other);
            let written = other.chain().find_map(|cause| cause.downcast_ref::<EncryptSendError>());
            written.map(written_error).unwrap_or_else(|| of_chain(other))
        }
    }
}

/// The last step failed: the frame's way to the socket.
fn written_error(error: &EncryptSendError) -> Error {
    match error.kind {
        // Refused before a byte of it was written.
        EncryptSendErrorKind::Crypto | EncryptSendErrorKind::Framing | EncryptSendErrorKind::Poisoned => {
            Error::Offline
        }
        // A write that broke off, or a writer that ended without a word: the frame may have been in its last batch.
        _ => Error::Unclear,
    }
}

fn contact_error(error: ContactError) -> Error {
    match error {
        ContactError::Iq(error) => iq_error(error),
        other => Error::Library(other.into()),
    }
}

fn iq_error(error: IqError) -> Error {
    match error {
        IqError::Timeout
        | IqError::NotConnected
        | IqError::Disconnected(_)
        | IqError::Socket(_)
        | IqError::ClientState(_)
        | IqError::InternalChannelClosed => Error::Offline,
        other => of_chain(other.into()),
    }
}

/// Our own storage failing under the library is ours to say.
fn of_chain(error: anyhow::Error) -> Error {
    if error.chain().any(|cause| cause.is::<VaultFailed>()) {
        Error::Vault(error)
    } else {
        Error::Library(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_left_is_called_offline() {
        let sent = |error| send_error(SendError::Client(ClientError::EncryptSend(error)));
        let why = || anyhow::anyhow!("why");
        for never_left in
            [EncryptSendError::crypto(why()), EncryptSendError::framing(why()), EncryptSendError::poisoned()]
        {
            assert!(matches!(sent(never_left), Error::Offline));
        }
        for perhaps in [
            EncryptSendError::transport(why()),
            EncryptSendError::channel_closed(),
            EncryptSendError::join(why()),
        ] {
            assert!(matches!(sent(perhaps), Error::Unclear));
        }
        let wrapped = anyhow::Error::from(ClientError::EncryptSend(EncryptSendError::channel_closed()));
        assert!(matches!(send_error(SendError::Internal(wrapped.context("while sending"))), Error::Unclear));
    }
}
