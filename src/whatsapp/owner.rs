//! The task that owns one salon's session, from its first code to its last word.
//!
//! Between two clients it rests (replaced, banned, waiting for another try) and listens for commands; `running.rs` is what it
//! does while a client lives. A client is always shut down to its end before the next is built on the same keys.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use whatsapp_rust::bot::{Bot, BotBuilderError, BotHandle};
use whatsapp_rust::futures::channel::oneshot;
use whatsapp_rust::prelude::{Client, wa};
use whatsapp_rust::traits::{Backend, DeviceStore as _};
use whatsapp_rust::wacore::store::{Device, DevicePropsOverride};
use whatsapp_rust::{CacheConfig, MsgSecretPolicy, NodeFilter, OwnedNodeRef};

use super::error::Error;
use super::gateway::Sink;
use super::inbound::Keeper;
use super::notice::{Listener, Notice};
use super::registry::{Command, Registry, Status};
use super::settings::Settings;
use super::store::WaStore;
use super::vault::Vault;
use super::version::Version;
use super::wire::{HeldSockets, Http, Sockets};
use crate::domain::session::{Lease, PairBy, SessionEvent, SessionState};
use crate::kernel::clock::{Clock, UnixMs};
use crate::kernel::id::TenantId;

/// What every session of the process is built from.
pub(super) struct Context {
    pub(super) settings: Settings,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sockets: Sockets,
    pub(super) http: Http,
    pub(super) version: Version,
    pub(super) registry: Registry,
}

pub(super) struct Owner {
    pub(super) context: Arc<Context>,
    pub(super) tenant: TenantId,
    pub(super) status: Arc<Status>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    /// Taken with the first command that touches the keys, given back when the owner leaves.
    pub(super) lease: Option<Lease>,
    /// Ends of a client in a row, since it was last online.
    pub(super) failures: u32,
}

/// A client that lives, and what is heard of it.
pub(super) struct Running {
    pub(super) handle: BotHandle,
    pub(super) client: Arc<Client>,
    pub(super) store: Arc<WaStore>,
    pub(super) notices: mpsc::UnboundedReceiver<Notice>,
    /// WhatsApp's welcome, listened for while the account's name is not known: it says it. Without a name the library would
    /// wait up to ten seconds at every start for app state that may never come.
    pub(super) login: Option<oneshot::Receiver<Arc<OwnedNodeRef>>>,
}

/// What the owner does next.
pub(super) enum Next {
    /// Waits for a command, or until then.
    Rest(Option<Instant>),
    /// Builds a client on the stored keys.
    Build,
    Run(Box<Running>, Option<PairBy>),
    Leave,
}

impl Owner {
    pub(super) fn new(
        context: Arc<Context>,
        tenant: TenantId,
        status: Arc<Status>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self { context, tenant, status, commands, lease: None, failures: 0 }
    }

    pub(super) async fn run(mut self) {
        let mut next = Next::Rest(None);
        loop {
            next = match next {
                Next::Rest(until) => self.rest(until).await,
                Next::Build => self.rebuild().await,
                Next::Run(running, pairing) => self.attend(*running, pairing).await,
                Next::Leave if self.context.registry.leave(&self.tenant, &self.commands) => {
                    return self.let_go().await;
                }
                Next::Leave => Next::Rest(None),
            }
        }
    }

    /// No client lives: waits for a command, or for the moment to try again.
    async fn rest(&mut self, until: Option<Instant>) -> Next {
        let command = match until {
            Some(until) => match tokio::time::timeout_at(until, self.commands.recv()).await {
                Ok(command) => command,
                Err(_) => return Next::Build,
            },
            None => self.commands.recv().await,
        };
        match command {
            Some(Command::Pair(by, reply)) => {
                let opened = match self.hold().await {
                    Ok(lease) => self.open(lease).await,
                    Err(error) => Err(error),
                };
                self.begin(opened, reply, Some(by))
            }
            // A ban is waited out: knocking during it makes it longer.
            Some(Command::Restore(reply)) if self.status.state() == SessionState::Banned => {
                let _ = reply.send(Ok(()));
                Next::Rest(until)
            }
            Some(Command::Restore(reply)) => {
                let opened = self.open_linked().await;
                self.begin(opened, reply, None)
            }
            Some(Command::Logout(reply)) => {
                let done = self.say_goodbye().await;
                let _ = reply.send(done);
                Next::Leave
            }
            Some(Command::CancelPairing(reply)) => {
                let _ = reply.send(());
                if self.status.state().is_linked() { Next::Rest(until) } else { Next::Leave }
            }
            Some(Command::Stop(reply)) => {
                self.let_go().await;
                let _ = reply.send(());
                Next::Leave
            }
            Some(Command::Abandon(reply)) => {
                self.lose();
                let _ = reply.send(());
                Next::Leave
            }
            // Nothing lives that could be revived.
            Some(Command::Revive) => Next::Rest(until),
            None => Next::Leave,
        }
    }

    fn begin(
        &mut self,
        opened: Result<Running, Error>,
        reply: super::registry::Reply<Result<(), Error>>,
        pairing: Option<PairBy>,
    ) -> Next {
        match opened {
            Ok(running) => {
                let _ = reply.send(Ok(()));
                Next::Run(Box::new(running), pairing)
            }
            Err(error) => {
                let _ = reply.send(Err(error));
                // A session that rests with its keys goes on resting.
                if self.status.state().is_linked() { Next::Rest(Some(self.next_try())) } else { Next::Leave }
            }
        }
    }

    async fn rebuild(&mut self) -> Next {
        let opened = match self.hold().await {
            Ok(lease) => self.open(lease).await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(running) => Next::Run(Box::new(running), None),
            Err(Error::Elsewhere) => Next::Leave,
            Err(error) => {
                tracing::warn!(tenant.id = %self.tenant, error = %error, "the WhatsApp session could not be started; it is tried again");
                Next::Rest(Some(self.next_try()))
            }
        }
    }

    /// When to try again: later with every failure.
    pub(super) fn next_try(&mut self) -> Instant {
        let pace = &self.context.settings.pace;
        let wait = pace.retry.saturating_mul(1 << self.failures.min(16)).min(pace.retry_max);
        self.failures = self.failures.saturating_add(1);
        Instant::now() + wait
    }

    fn store(&self, lease: Lease) -> WaStore {
        WaStore::new(Arc::clone(&self.context.vault), lease)
    }

    async fn open_linked(&mut self) -> Result<Running, Error> {
        let lease = self.hold().await?;
        if self.is_linked(&lease).await? { self.open(lease).await } else { Err(Error::NotPaired) }
    }

    /// Whether the stored keys are those of a device some phone has linked.
    async fn is_linked(&self, lease: &Lease) -> Result<bool, Error> {
        let device = self.store(lease.clone()).load().await.map_err(|e| Error::Vault(e.into()))?;
        Ok(device.is_some_and(|device| device.pn.is_some()))
    }

    /// What this device claimed the last time, or what the library was made with: the newer of the two.
    async fn claimed_before(&self, lease: &Lease) -> Result<(u32, u32, u32), Error> {
        let stored = self.store(lease.clone()).load().await.map_err(|e| Error::Vault(e.into()))?;
        let claimed = |d: &Device| (d.app_version_primary, d.app_version_secondary, d.app_version_tertiary);
        let built_in = claimed(&Device::new());
        Ok(stored.map_or(built_in, |device| claimed(&device).max(built_in)))
    }

    /// Builds a client on the stored keys and sets it going.
    pub(super) async fn open(&self, lease: Lease) -> Result<Running, Error> {
        let context = &self.context;
        let version = match context.version.get().await {
            Some(version) => version,
            None => self.claimed_before(&lease).await?,
        };
        let store = Arc::new(self.store(lease));
        let (heard, notices) = mpsc::unbounded_channel();
        let keeper = Keeper {
            tenant: self.tenant.clone(),
            sink: Arc::clone(&context.sink),
            store: Arc::clone(&store),
            notices: heard.clone(),
        };
        // What the phone lists under its linked devices.
        let shown_as = DevicePropsOverride::new()
            .with_os("Salonbridge")
            .with_platform_type(wa::device_props::PlatformType::CHROME);
        let built = Bot::builder()
            .with_backend_arc(Arc::clone(&store) as Arc<dyn Backend>)
            .with_transport_factory(HeldSockets {
                sockets: context.sockets.clone(),
                vault: Arc::clone(&context.vault),
            })
            .with_http_client(context.http.clone())
            .with_version(version)
            .with_device_props(shown_as)
            .skip_history_sync()
            .with_cache_config(CacheConfig {
                msg_secret_policy: MsgSecretPolicy::Disabled,
                ..CacheConfig::default()
            })
            .with_inbound_durability_hook(keeper)
            .with_event_handler(Listener(heard))
            .build()
            .await;
        let bot = built.map_err(|error| match error {
            BotBuilderError::Store(error) => Error::Vault(error.into()),
            other => Error::Library(other.into()),
        })?;
        let client = bot.client();
        let unnamed = client.push_name().is_empty();
        let login = unnamed.then(|| client.wait_for_node(NodeFilter::tag("success")));
        let handle = bot.spawn();
        Ok(Running { handle, client, store, notices, login })
    }

    /// Ends a client: saves what it has to save and waits until nothing of it uses the keys any more.
    pub(super) async fn close(&self, running: Running) {
        const LONGEST: Duration = Duration::from_secs(30);
        self.status.set_client(None);
        let Running { handle, client, store, notices, login } = running;
        drop((client, login));
        if tokio::time::timeout(LONGEST, handle.shutdown()).await.is_err() {
            tracing::error!(tenant.id = %self.tenant, "a WhatsApp session did not end within 30 s and was cut off");
        }
        store.shut().await;
        drop(notices);
    }

    /// Unlinks a device whose client does not live: wakes it for a last word where it can be reached, and destroys its keys.
    async fn say_goodbye(&mut self) -> Result<(), Error> {
        // A number under a ban or a device that was replaced has nothing to say; its keys go all the same.
        let speaks = matches!(self.status.state(), SessionState::Unpaired | SessionState::Offline);
        let lease = self.hold().await?;
        if speaks && self.is_linked(&lease).await? {
            let running = self.open(lease).await?;
            let goodbye = self.context.settings.pace.goodbye;
            if running.client.wait_for_connected(goodbye).await.is_ok() {
                let _ = tokio::time::timeout(goodbye, running.client.logout()).await;
            }
            self.close(running).await;
        }
        self.forget("unlinked here").await
    }

    /// Destroys every stored key, and says that nothing is linked any more.
    pub(super) async fn forget(&mut self, reason: &str) -> Result<(), Error> {
        let lease = self.hold().await?;
        self.context.vault.wipe(&lease).await.map_err(Error::Vault)?;
        self.tell_state(SessionState::Unpaired, reason, None).await;
        Ok(())
    }

    pub(super) async fn tell(&self, event: SessionEvent) {
        // Without it nothing of the session can have happened here.
        if let Some(lease) = &self.lease {
            self.context.sink.tell(lease, event).await;
        }
    }

    pub(super) async fn tell_state(&self, state: SessionState, reason: &str, until: Option<UnixMs>) {
        self.status.set(state);
        self.tell(SessionEvent::State { state, reason: reason.to_owned(), until }).await;
    }
}
