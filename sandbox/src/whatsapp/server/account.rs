//! Accounts, their devices, the keys left with the server and what waits for whom.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use wacore_binary::Node;

use super::app_state::Collection;
use super::{Link, Server, State};

/// WhatsApp lets a phone link four companions.
pub const MAX_COMPANIONS: usize = 4;
/// More than a device can miss and still be worth catching up; the oldest goes first.
const BACKLOG_LIMIT: usize = 4_000;
/// Far above any client's own batch of 812.
const ONE_TIME_KEYS_LIMIT: usize = 4_000;

pub struct Account {
    pub number: String,
    pub lid: String,
    pub name: String,
    /// Whether the phone says that its chats are kept by LID.
    pub lid_migrated: bool,
    pub devices: BTreeMap<u16, Device>,
    pub next_device: u16,
    /// The phone's signed list of the companions it knows, and when it signed it.
    pub key_index_list: Option<(Vec<u8>, i64)>,
    pub app_state: HashMap<String, Collection>,
}

#[derive(Default)]
pub struct Device {
    pub identity: [u8; 32],
    pub registration: u32,
    pub signed_key: SignedKey,
    pub one_time_keys: OneTimeKeys,
    /// The key the device must come back with; the phone in this process has none.
    pub noise: Option<[u8; 32]>,
    /// `ADVSignedDeviceIdentity` as the companion returned it, with the account's key in it.
    pub device_identity: Vec<u8>,
    pub key_index: u32,
    pub push_name: Option<String>,
    pub link: Option<Link>,
    /// Whether the device has said that it is ready for live traffic.
    pub active: bool,
    /// Whether the device ever left pre-keys here: until then nobody can write to it.
    pub has_bundle: bool,
    pub backlog: Backlog,
}

#[derive(Default, Clone)]
pub struct SignedKey {
    pub id: u32,
    pub public: Vec<u8>,
    pub signature: Vec<u8>,
}

/// Keys for one use each. A key that was given away is never taken back.
#[derive(Default)]
pub struct OneTimeKeys {
    waiting: VecDeque<(u32, [u8; 32])>,
    ids: HashSet<u32>,
    spent: HashSet<[u8; 32]>,
}

impl OneTimeKeys {
    /// Returns false for a key that was already used up.
    pub fn put(&mut self, id: u32, key: [u8; 32]) -> bool {
        if self.spent.contains(&key) {
            return false;
        }
        if !self.ids.insert(id) {
            self.waiting.retain(|(known, _)| *known != id);
        }
        self.waiting.push_back((id, key));
        if self.waiting.len() > ONE_TIME_KEYS_LIMIT
            && let Some((oldest, _)) = self.waiting.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }

    pub fn take(&mut self) -> Option<(u32, [u8; 32])> {
        let (id, key) = self.waiting.pop_front()?;
        self.ids.remove(&id);
        self.spent.insert(key);
        Some((id, key))
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(u32, [u8; 32])> {
        self.waiting.iter()
    }
}

/// Stanzas that a companion has not acknowledged yet.
#[derive(Default)]
pub struct Backlog(VecDeque<Kept>);

struct Kept {
    class: String,
    id: String,
    stanza: Node,
}

impl Backlog {
    /// Keeps a stanza of a kind that is acknowledged; others pass by.
    pub fn keep(&mut self, stanza: &Node) {
        if !matches!(stanza.tag.as_ref(), "message" | "receipt" | "notification") {
            return;
        }
        let Some(id) = stanza.attrs.get("id") else { return };
        if self.0.len() == BACKLOG_LIMIT {
            self.0.pop_front();
        }
        self.0.push_back(Kept { class: stanza.tag.to_string(), id: id.to_string(), stanza: stanza.clone() });
    }

    pub fn settle(&mut self, class: &str, id: &str) {
        if let Some(at) = self.0.iter().position(|kept| kept.class == class && kept.id == id) {
            self.0.remove(at);
        }
    }

    pub fn stanzas(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().map(|kept| &kept.stanza)
    }

    pub fn count(&self, class: &str) -> usize {
        self.0.iter().filter(|kept| kept.class == class).count()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Account {
    pub fn companions(&self) -> impl Iterator<Item = (&u16, &Device)> {
        self.devices.iter().filter(|(id, _)| **id != 0)
    }
}

/// A phone that registers.
pub struct NewAccount {
    pub number: String,
    pub name: String,
    pub lid_migrated: bool,
    pub identity: [u8; 32],
    pub link: Link,
}

/// A device as one sees it from outside.
#[derive(Debug, Serialize)]
pub struct DeviceView {
    device: u16,
    online: bool,
    active: bool,
    one_time_keys: usize,
    unacknowledged: usize,
    push_name: Option<String>,
}

impl Server {
    pub fn devices_of(&self, number: &str) -> Vec<DeviceView> {
        let state = self.state();
        let devices = state.accounts.get(number).into_iter().flat_map(|account| &account.devices);
        devices
            .map(|(id, device)| DeviceView {
                device: *id,
                online: device.link.is_some(),
                active: device.active,
                one_time_keys: device.one_time_keys.len(),
                unacknowledged: device.backlog.len(),
                push_name: device.push_name.clone(),
            })
            .collect()
    }

    /// Registers a phone as device 0 of a new account and returns the LID it got.
    pub fn enlist(&self, new: NewAccount) -> String {
        let mut state = self.state();
        let lid = free_lid(&state, &new.number);
        let phone =
            Device { identity: new.identity, link: Some(new.link), active: true, ..Device::default() };
        state.lids.insert(lid.clone(), new.number.clone());
        state.accounts.insert(
            new.number.clone(),
            Account {
                number: new.number,
                lid: lid.clone(),
                name: new.name,
                lid_migrated: new.lid_migrated,
                devices: BTreeMap::from([(0, phone)]),
                next_device: 1,
                key_index_list: None,
                app_state: HashMap::new(),
            },
        );
        lid
    }
}

/// Fifteen digits that tell nothing of the number and are the same in every run.
fn free_lid(state: &State, number: &str) -> String {
    let mut turn = 0_u32;
    loop {
        let digest = Sha256::digest(format!("{number}/{turn}"));
        let mut head = [0_u8; 8];
        head.copy_from_slice(&digest[..8]);
        let lid = (100_000_000_000_000 + u64::from_be_bytes(head) % 900_000_000_000_000).to_string();
        if !state.lids.contains_key(&lid) {
            return lid;
        }
        turn += 1;
    }
}
