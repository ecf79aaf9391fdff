//! Simulated phones: accounts that scan codes, receive, decrypt, read and answer.
//!
//! A phone is device 0 of its account. It lives in this process but has no other way to the server than stanzas, and what
//! it says is sealed for the devices it is meant for, like everybody's.

pub mod book;
pub mod link;
mod receive;
pub mod send;
mod settings;
mod signal;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wacore_binary::{Jid, Node, NodeRef};

use self::book::Book;
use self::link::{Linking, Offer};
use self::receive::Gap;
use self::signal::Signal;
use super::server::{Address, Link, NewAccount, Out, Server};
use super::wire::{attr, iq, token};

/// Roomy: a phone is written to by a thousand sessions in a benchmark.
const MAILBOX: usize = 65_536;
/// One-time keys a phone keeps with the server; it brings more when they run low.
const ONE_TIME_KEYS: u32 = 20;
const CHANGES: usize = 1_024;
/// How often a phone with gaps looks whether to ask again.
const GAP_LOOK: Duration = Duration::from_millis(500);

/// All phones of this sandbox.
pub struct Phones {
    server: Arc<Server>,
    stop: CancellationToken,
    handsets: RwLock<BTreeMap<String, Arc<Handset>>>,
    /// Says whose screen changed.
    changes: broadcast::Sender<String>,
}

/// A phone that others may pick up.
pub struct Handset {
    phone: Mutex<Phone>,
}

pub struct Phone {
    pub number: String,
    pub lid: String,
    pub name: String,
    pub book: Book,
    /// A business account kept by a provider, which some clients cannot link.
    hosted: bool,
    /// Two messages under one id are two to it.
    shows_repeats: bool,
    server: Arc<Server>,
    address: Address,
    signal: Signal,
    changes: broadcast::Sender<String>,
    /// Answers that come later than the question was put.
    waiting: HashMap<String, oneshot::Sender<Result<Linked, LinkError>>>,
    offer: Option<Offer>,
    linking: Option<Linking>,
    companions: BTreeMap<u16, u32>,
    next_key_index: u32,
    raw_id: u32,
    app_state_key: ([u8; 6], [u8; 32]),
    shared_key_with: HashSet<u16>,
    name_published: bool,
    /// LID to number, as far as it was learned.
    numbers: HashMap<String, String>,
    /// Number to the name its owner goes by.
    pub names: HashMap<String, String>,
    /// What could not be opened, by id, until it is said again.
    gaps: HashMap<String, Gap>,
}

/// What one may choose about a phone when it is switched on.
#[derive(Debug, Clone, Default)]
pub struct NewPhone {
    pub name: String,
    pub lid_migrated: bool,
    pub hosted: bool,
    pub shows_repeats: bool,
}

/// A companion that was just linked.
#[derive(Debug, Clone, Serialize)]
pub struct Linked {
    pub jid: String,
    pub lid: String,
    pub device: u16,
}

/// Why a companion could not be linked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("this is not a linking code")]
    NotACode,
    #[error("no companion asked for this phone")]
    NoOffer,
    #[error("wrong code")]
    WrongCode,
    #[error("{0}")]
    Refused(String),
    #[error("the other side did not answer")]
    Silence,
}

/// What one may say about a phone from outside.
#[derive(Debug, Clone, Serialize)]
pub struct Card {
    pub number: String,
    pub name: String,
    pub jid: String,
    pub lid: String,
    pub companions: Vec<u16>,
    /// A companion shows a code and waits for it to be typed here.
    pub code_wanted: bool,
    pub messages: usize,
    /// Messages that could not be opened and were not said again yet.
    pub gaps: usize,
    pub unread: usize,
}

impl Card {
    /// The name, or the number where there is none.
    pub fn title(&self) -> String {
        if self.name.is_empty() { format!("+{}", self.number) } else { self.name.clone() }
    }

    pub fn initial(&self) -> char {
        self.name.chars().find(|c| c.is_alphanumeric()).map_or('+', |c| c.to_uppercase().next().unwrap_or(c))
    }
}

impl Phones {
    pub fn new(server: Arc<Server>, stop: CancellationToken) -> Arc<Self> {
        let (changes, _) = broadcast::channel(CHANGES);
        Arc::new(Self { server, stop, handsets: RwLock::default(), changes })
    }

    /// Switches a phone on. The same number again gives the same phone.
    pub fn switch_on(&self, number: &str, new: NewPhone) -> anyhow::Result<(Arc<Handset>, bool)> {
        let mut handsets = self.handsets.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = handsets.get(number) {
            return Ok((Arc::clone(known), false));
        }
        let (tx, mailbox) = mpsc::channel(MAILBOX);
        let signal = Signal::generate()?;
        let lid = self.server.enlist(NewAccount {
            number: number.to_owned(),
            name: new.name.clone(),
            lid_migrated: new.lid_migrated,
            identity: signal.identity_public(),
            link: Link::new(0, tx),
        });
        let mut phone = Phone {
            number: number.to_owned(),
            lid,
            name: new.name,
            book: Book::default(),
            hosted: new.hosted,
            shows_repeats: new.shows_repeats,
            server: Arc::clone(&self.server),
            address: Address { number: number.to_owned(), device: 0 },
            raw_id: signal.registration,
            signal,
            changes: self.changes.clone(),
            waiting: HashMap::new(),
            offer: None,
            linking: None,
            companions: BTreeMap::new(),
            next_key_index: 1,
            app_state_key: ([0, 0, 0, 0, 0, 1], rand::random()),
            shared_key_with: HashSet::new(),
            name_published: false,
            numbers: HashMap::new(),
            names: HashMap::new(),
            gaps: HashMap::new(),
        };
        phone.refill()?;
        let handset = Arc::new(Handset { phone: Mutex::new(phone) });
        let reading = read_mail(Arc::clone(&handset), mailbox);
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(reading));
        handsets.insert(number.to_owned(), Arc::clone(&handset));
        Ok((handset, true))
    }

    pub fn get(&self, number: &str) -> Option<Arc<Handset>> {
        self.handsets.read().unwrap_or_else(PoisonError::into_inner).get(number).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Handset>> {
        self.handsets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn changes(&self) -> broadcast::Receiver<String> {
        self.changes.subscribe()
    }
}

/// A phone reads its mail in order, one stanza at a time.
async fn read_mail(handset: Arc<Handset>, mut mailbox: mpsc::Receiver<Out>) {
    loop {
        let has_gaps = handset.pick_up().has_gaps();
        tokio::select! {
            out = mailbox.recv() => match out {
                Some(Out::Stanza(stanza)) => handset.pick_up().take(&stanza),
                Some(_) => {}
                None => return,
            },
            () = tokio::time::sleep(GAP_LOOK), if has_gaps => handset.pick_up().ask_for_gaps(),
        }
    }
}

impl Handset {
    /// Each change to a phone is complete in itself, so a panic under the lock leaves nothing half done.
    pub fn pick_up(&self) -> MutexGuard<'_, Phone> {
        self.phone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Phone {
    pub fn card(&self) -> Card {
        Card {
            number: self.number.clone(),
            name: self.name.clone(),
            jid: Jid::pn(self.number.as_str()).to_string(),
            lid: Jid::lid(self.lid.as_str()).to_string(),
            companions: self.companions.keys().copied().collect(),
            code_wanted: self.offer.is_some(),
            messages: self.book.len(),
            gaps: self.gaps.len(),
            unread: self.book.chats().iter().map(|chat| chat.unread).sum(),
        }
    }

    /// Takes a stanza out of the mailbox.
    fn take(&mut self, stanza: &Node) {
        let stanza = &stanza.as_node_ref();
        match stanza.tag.as_ref() {
            "message" => self.receive(stanza),
            "receipt" => self.receipt(stanza),
            "ack" => self.acknowledged(stanza),
            "notification" => self.notified(stanza),
            "iq" => self.linked(stanza),
            _ => {}
        }
    }

    fn notified(&mut self, stanza: &NodeRef<'_>) {
        match attr(stanza, "type").as_deref() {
            Some("encrypt") => {
                if let Err(problem) = self.refill() {
                    tracing::error!(%problem, "a phone could not make new keys");
                }
            }
            Some("account_sync") => self.companions_changed(stanza),
            Some("link_code_companion_reg") => self.link_code_note(stanza),
            _ => {}
        }
    }

    fn refill(&mut self) -> anyhow::Result<()> {
        let upload = iq("set", "encrypt", &token(8), self.signal.upload(ONE_TIME_KEYS)?);
        self.say(&upload);
        Ok(())
    }

    /// Sends a stanza and sees to whatever is answered.
    fn say(&mut self, stanza: &Node) {
        for answer in self.server.handle(&self.address, &stanza.as_node_ref()) {
            if let Out::Stanza(answer) = answer {
                self.take(&answer);
            }
        }
    }

    /// Asks the server something it answers at once.
    fn ask(&mut self, request: &Node) -> Option<Node> {
        self.server.handle(&self.address, &request.as_node_ref()).into_iter().find_map(
            |answer| match answer {
                Out::Stanza(answer) if answer.tag == "iq" => Some(answer),
                _ => None,
            },
        )
    }

    fn changed(&self) {
        // Nobody looking is no error.
        let _ = self.changes.send(self.number.clone());
    }
}
