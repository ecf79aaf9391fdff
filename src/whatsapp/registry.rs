//! The sessions this process runs: one owner task each, found by tenant.
//!
//! # Decision
//! Everything that starts, stops or rebuilds a session goes through the one task that owns it, so two clients never stand on
//! one set of keys. Commands are handed over under the registry's lock, and an owner leaves only under the same lock with an
//! empty queue: a command is either heard by the owner that is there or by a new one, and never by nobody.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;
use whatsapp_rust::prelude::Client;

use super::error::Error;
use super::owner::{Context, Owner};
use crate::domain::session::{Lease, PairBy, SessionState};
use crate::kernel::id::TenantId;

pub(super) type Reply<T> = oneshot::Sender<T>;

/// What an owner is asked to do.
pub(super) enum Command {
    Pair(PairBy, Reply<Result<(), Error>>),
    CancelPairing(Reply<()>),
    Restore(Reply<Result<(), Error>>),
    Stop(Reply<()>),
    Logout(Reply<Result<(), Error>>),
    /// The lease is lost.
    Abandon(Reply<()>),
    /// The library stopped saving keys.
    Revive,
}

/// What others may know of a session without asking its owner.
pub(super) struct Status {
    state: AtomicU8,
    client: Mutex<Option<Arc<Client>>>,
    lease: Mutex<Option<Lease>>,
    /// Ids of messages that went to the socket and were not acknowledged yet.
    unacked: Mutex<HashSet<String>>,
}

impl Status {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: AtomicU8::new(0),
            client: Mutex::new(None),
            lease: Mutex::new(None),
            unacked: Mutex::new(HashSet::new()),
        })
    }

    /// Noted before the message goes: its acknowledgement may be quicker than the call.
    pub(super) fn sends(&self, message_id: &str) {
        lock(&self.unacked).insert(message_id.to_owned());
    }

    pub(super) fn is_acked(&self, message_id: &str) {
        lock(&self.unacked).remove(message_id);
    }

    /// On another connection nothing of the last one is acknowledged.
    pub(super) fn has_reconnected(&self) {
        lock(&self.unacked).clear();
    }

    pub(super) fn awaits_acks(&self) -> bool {
        !lock(&self.unacked).is_empty()
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        lock(&self.lease).clone()
    }

    pub(super) fn set_lease(&self, lease: Option<Lease>) {
        *lock(&self.lease) = lease;
    }

    pub(super) fn state(&self) -> SessionState {
        let place = usize::from(self.state.load(Ordering::Acquire));
        SessionState::ALL.get(place).copied().unwrap_or(SessionState::Unpaired)
    }

    pub(super) fn set(&self, state: SessionState) {
        let place = SessionState::ALL.iter().position(|known| *known == state).unwrap_or(0);
        self.state.store(u8::try_from(place).unwrap_or(0), Ordering::Release);
    }

    pub(super) fn client(&self) -> Option<Arc<Client>> {
        lock(&self.client).clone()
    }

    pub(super) fn set_client(&self, client: Option<Arc<Client>>) {
        *lock(&self.client) = client;
    }
}

struct Entry {
    commands: mpsc::UnboundedSender<Command>,
    status: Arc<Status>,
}

/// All owners of the process.
pub(super) struct Registry {
    entries: Mutex<HashMap<TenantId, Entry>>,
    tasks: TaskTracker,
    closing: AtomicBool,
    /// Leases of owners that left while the database was away: nobody else can take these sessions up.
    kept: Mutex<Vec<Lease>>,
}

impl Registry {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
            tasks: TaskTracker::new(),
            closing: AtomicBool::new(false),
            kept: Mutex::new(Vec::new()),
        }
    }

    /// Gives a command to the tenant's owner, making one where there is none.
    pub(super) fn command(
        &self,
        context: &Arc<Context>,
        tenant: &TenantId,
        command: Command,
    ) -> Result<(), Error> {
        if self.is_closing() {
            return Err(Error::Offline);
        }
        let mut entries = lock(&self.entries);
        let command = match entries.get(tenant) {
            // Given back when the owner died without leaving.
            Some(entry) => match entry.commands.send(command) {
                Ok(()) => return Ok(()),
                Err(unheard) => unheard.0,
            },
            None => command,
        };
        let (commands, heard) = mpsc::unbounded_channel();
        let status = Status::new();
        let owner = Owner::new(Arc::clone(context), tenant.clone(), Arc::clone(&status), heard);
        self.tasks.spawn(owner.run());
        // A fresh queue whose reader was just made.
        let _ = commands.send(command);
        entries.insert(tenant.clone(), Entry { commands, status });
        Ok(())
    }

    /// Gives a command to the tenant's owner if there is one.
    pub(super) fn command_if_there(&self, tenant: &TenantId, command: Command) -> bool {
        let entries = lock(&self.entries);
        entries.get(tenant).is_some_and(|entry| entry.commands.send(command).is_ok())
    }

    /// Lets an owner leave, unless someone asked it for something meanwhile.
    pub(super) fn leave(&self, tenant: &TenantId, heard: &mpsc::UnboundedReceiver<Command>) -> bool {
        let mut entries = lock(&self.entries);
        let free = heard.is_empty();
        if free {
            entries.remove(tenant);
        }
        free
    }

    pub(super) fn status(&self, tenant: &TenantId) -> Option<Arc<Status>> {
        lock(&self.entries).get(tenant).map(|entry| Arc::clone(&entry.status))
    }

    /// How many sessions live here; who only shows a code has none yet.
    pub(super) fn count(&self) -> usize {
        let entries = lock(&self.entries);
        entries.values().filter(|entry| entry.status.state() != SessionState::Pairing).count()
    }

    /// A lease that could not be given back.
    pub(super) fn keep(&self, lease: Lease) {
        lock(&self.kept).push(lease);
    }

    pub(super) fn take_kept(&self) -> Vec<Lease> {
        std::mem::take(&mut lock(&self.kept))
    }

    pub(super) fn some_online(&self, most: usize) -> Vec<TenantId> {
        let entries = lock(&self.entries);
        let online = entries.iter().filter(|(_, entry)| entry.status.state() == SessionState::Online);
        online.take(most).map(|(tenant, _)| tenant.clone()).collect()
    }

    /// Has every owner let go of its session, and waits until each has.
    pub(super) async fn abandon(&self) {
        let mut gone = Vec::new();
        for entry in lock(&self.entries).values() {
            let (reply, answer) = oneshot::channel();
            if entry.commands.send(Command::Abandon(reply)).is_ok() {
                gone.push(answer);
            }
        }
        for answer in gone {
            // An owner that ended without an answer has let go too.
            let _ = answer.await;
        }
    }

    /// Wakes the owners whose client no longer saves its keys.
    pub(super) fn revive_halted(&self) {
        for entry in lock(&self.entries).values() {
            let halted = entry.status.client().is_some_and(|c| c.persistence_manager().is_saver_halted());
            if halted {
                let _ = entry.commands.send(Command::Revive);
            }
        }
    }

    /// Whether nothing is begun any more.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Stops every owner and waits until the last has left.
    pub(super) async fn shutdown(&self) {
        self.closing.store(true, Ordering::Release);
        for entry in lock(&self.entries).values() {
            let _ = entry.commands.send(Command::Stop(oneshot::channel().0));
        }
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Looks now and then for sessions whose keys are no longer saved: the library says so only to who asks.
pub(super) async fn watch(context: Weak<Context>, look: std::time::Duration) {
    loop {
        tokio::time::sleep(look).await;
        let Some(context) = context.upgrade() else { return };
        context.registry.revive_halted();
    }
}

/// Nothing that is done under these locks can leave them half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
