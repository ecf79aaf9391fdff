//! The server between the devices: it knows accounts, keys and addresses, and not one word of what is said.
//!
//! Every device speaks to it in stanzas, whether it sits behind a socket or is a simulated phone in this very process. What
//! a stanza answers goes back as the return value of [`Server::handle`]; what it causes elsewhere goes into the mailbox of
//! the device concerned. The state lock is held for map work only and never while a mailbox owner runs.

pub mod account;
mod app_state;
pub mod faults;
mod iq;
mod keys;
mod link_code;
mod login;
mod pairing;
mod receipts;
mod route;
pub mod stats;
mod usync;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use wacore_binary::{Jid, Node, NodeRef, Server as Namespace};

use self::account::{Account, Device};
use self::faults::Faults;
use self::link_code::LinkCode;
use self::pairing::{Candidate, Reference};
use self::stats::Stats;
use super::noise::Authority;
use super::wire::{self, attr, el};

pub use self::account::NewAccount;
pub use self::login::Admission;

/// What a mailbox owner must do next.
#[derive(Debug)]
pub enum Out {
    Stanza(Node),
    /// Say nothing more and hang up.
    Close,
}

/// The sending end of a mailbox, with the number of the connection it belongs to.
#[derive(Debug, Clone)]
pub struct Link {
    pub id: u64,
    tx: mpsc::Sender<Out>,
}

impl Link {
    pub fn new(id: u64, tx: mpsc::Sender<Out>) -> Self {
        Self { id, tx }
    }

    /// A full mailbox means a reader that fell asleep: the stanza stays in the backlog and the connection is not worth more.
    pub fn send(&self, stanza: Node) -> bool {
        self.tx.try_send(Out::Stanza(stanza)).is_ok()
    }

    pub fn close(&self) {
        // A mailbox too full for this word is closed by its owner, who finds nobody reading it.
        let _ = self.tx.try_send(Out::Close);
    }
}

/// One device of one account, by the phone number it belongs to. Device 0 is the phone itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    pub number: String,
    pub device: u16,
}

pub struct Server {
    pub authority: Authority,
    pub stats: Stats,
    faults: Mutex<Faults>,
    state: Mutex<State>,
}

#[derive(Default)]
pub struct State {
    accounts: HashMap<String, Account>,
    /// LID to phone number.
    lids: HashMap<String, String>,
    candidates: HashMap<u64, Candidate>,
    references: HashMap<String, Reference>,
    link_codes: HashMap<String, LinkCode>,
    connections: u64,
}

impl State {
    fn number_of(&self, jid: &Jid) -> Option<&str> {
        match jid.server {
            Namespace::Lid | Namespace::HostedLid => self.lids.get(jid.user.as_str()).map(String::as_str),
            Namespace::Pn | Namespace::Hosted | Namespace::Legacy => {
                self.accounts.get_key_value(jid.user.as_str()).map(|(number, _)| number.as_str())
            }
            _ => None,
        }
    }

    fn account_of(&self, jid: &Jid) -> Option<&Account> {
        self.accounts.get(self.number_of(jid)?)
    }

    fn device_mut(&mut self, address: &Address) -> Option<&mut Device> {
        self.accounts.get_mut(&address.number)?.devices.get_mut(&address.device)
    }
}

impl Server {
    pub fn new() -> anyhow::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            authority: Authority::found()?,
            stats: Stats::default(),
            faults: Mutex::new(Faults::default()),
            state: Mutex::new(State::default()),
        }))
    }

    /// Takes a stanza from a linked device or a phone and returns what it is answered at once.
    pub fn handle(self: &Arc<Self>, from: &Address, stanza: &NodeRef<'_>) -> Vec<Out> {
        let answers = self.answer(from, stanza);
        self.carry_out_due_actions();
        answers
    }

    fn answer(self: &Arc<Self>, from: &Address, stanza: &NodeRef<'_>) -> Vec<Out> {
        match stanza.tag.as_ref() {
            "iq" => self.iq(from, stanza),
            "message" => self.message(from, stanza),
            "receipt" => self.receipt(from, stanza),
            "ack" => {
                self.settle(
                    from,
                    attr(stanza, "class").as_deref(),
                    &[attr(stanza, "id").unwrap_or_default()],
                );
                Vec::new()
            }
            "presence" => self.presence(from, stanza),
            // Typing notices, telemetry and call signalling: taken and not answered, as by the real server.
            "chatstate" | "ib" | "call" | "notification" => Vec::new(),
            _ => vec![
                Out::Stanza(el("stream:error").children([el("xml-not-well-formed").build()]).build()),
                Out::Close,
            ],
        }
    }

    /// Puts a stanza into a device's mailbox; what must be acknowledged stays in the backlog until it is.
    fn deliver(&self, state: &mut State, to: &Address, stanza: Node) {
        let Some(device) = state.device_mut(to) else { return };
        if to.device != 0 {
            device.backlog.keep(&stanza);
            if !device.active {
                return;
            }
        }
        if let Some(link) = &device.link
            && !link.send(stanza)
        {
            device.active = false;
            device.link = None;
        }
    }

    /// The same, after a while.
    fn deliver_later(self: &Arc<Self>, after: Duration, to: Address, stanza: Node) {
        let server = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            server.deliver(&mut server.state(), &to, stanza);
        });
    }

    /// Takes acknowledged stanzas out of a device's backlog.
    fn settle<S: AsRef<str>>(&self, from: &Address, class: Option<&str>, ids: &[S]) {
        let Some(class) = class else { return };
        if let Some(device) = self.state().device_mut(from) {
            for id in ids {
                device.backlog.settle(class, id.as_ref());
            }
        }
    }

    /// A device says that it is there, and by what name.
    fn presence(&self, from: &Address, stanza: &NodeRef<'_>) -> Vec<Out> {
        if let Some(name) = attr(stanza, "name").filter(|name| !name.is_empty())
            && let Some(device) = self.state().device_mut(from)
        {
            device.push_name = Some(name.chars().take(100).collect());
        }
        Vec::new()
    }

    pub fn next_connection(&self) -> u64 {
        let mut state = self.state();
        state.connections += 1;
        state.connections
    }

    /// A connection is gone. A newer one of the same device is left alone.
    pub fn hang_up(&self, connection: u64, device: Option<&Address>) {
        let mut state = self.state();
        let candidate = state.candidates.remove(&connection);
        if let Some((phone, refusal)) = candidate.and_then(Candidate::unfinished) {
            self.deliver(&mut state, &phone, refusal);
        }
        state.references.retain(|_, reference| reference.connection != connection);
        state.link_codes.retain(|_, code| code.connection != connection);
        if let Some(device) = device.and_then(|address| state.device_mut(address))
            && device.link.as_ref().is_some_and(|link| link.id == connection)
        {
            device.link = None;
            device.active = false;
        }
    }

    /// A lock that survives a panic elsewhere: the state is plain data, each change complete in itself.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An acknowledgement as the server writes it.
fn ack(class: &'static str, stanza: &NodeRef<'_>, error: Option<u16>) -> Node {
    let mut ack = el("ack").attr("class", class).attr("t", wire::now_secs());
    for (theirs, ours) in [("id", "id"), ("to", "from"), ("participant", "participant"), ("type", "type")] {
        // A message is acknowledged without its type, a receipt with it.
        if (class != "message" || theirs != "type")
            && let Some(value) = attr(stanza, theirs)
        {
            ack = ack.attr(ours, value.as_ref());
        }
    }
    match error {
        Some(code) => ack.attr("error", code).build(),
        None => ack.build(),
    }
}
