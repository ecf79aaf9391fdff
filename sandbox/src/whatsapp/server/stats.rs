//! What a benchmark wants to know: how much went over the wire, and when.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::whatsapp::wire::now_us;

/// Enough for a long run; older entries make room.
const SIGHTINGS_LIMIT: usize = 50_000;

#[derive(Default)]
pub struct Stats {
    pub connections: AtomicU64,
    pub connections_total: AtomicU64,
    pub logins: AtomicU64,
    pub logins_ik: AtomicU64,
    pub pairings: AtomicU64,
    pub stanzas_in: AtomicU64,
    pub stanzas_out: AtomicU64,
    pub messages: AtomicU64,
    pub receipts: AtomicU64,
    pub nacks: AtomicU64,
    pub plaintext_refused: AtomicU64,
    pub reused_keys_refused: AtomicU64,
    last_stanza_us: AtomicU64,
    last_message_us: AtomicU64,
    sightings: Mutex<VecDeque<Sighting>>,
}

/// One message stanza, seen on its way from a companion or a phone.
#[derive(Debug, Clone, Serialize)]
pub struct Sighting {
    pub id: String,
    pub from: String,
    pub to: String,
    pub at_us: u64,
}

#[derive(Debug, Serialize)]
pub struct Snapshot {
    connections: u64,
    connections_total: u64,
    logins: u64,
    logins_ik: u64,
    pairings: u64,
    stanzas_in: u64,
    stanzas_out: u64,
    messages: u64,
    receipts: u64,
    nacks: u64,
    plaintext_refused: u64,
    reused_keys_refused: u64,
    last_stanza_us: u64,
    last_message_us: u64,
}

impl Stats {
    pub fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn stanza_arrived(&self) {
        Self::count(&self.stanzas_in);
        self.last_stanza_us.store(now_us(), Ordering::Relaxed);
    }

    pub fn saw(&self, id: &str, from: String, to: String) {
        let at_us = now_us();
        Self::count(&self.messages);
        self.last_message_us.store(at_us, Ordering::Relaxed);
        let mut sightings = self.sightings();
        if sightings.len() == SIGHTINGS_LIMIT {
            sightings.pop_front();
        }
        sightings.push_back(Sighting { id: id.to_owned(), from, to, at_us });
    }

    pub fn seen_since(&self, since_us: u64) -> Vec<Sighting> {
        self.sightings().iter().filter(|seen| seen.at_us >= since_us).cloned().collect()
    }

    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            connections: read(&self.connections),
            connections_total: read(&self.connections_total),
            logins: read(&self.logins),
            logins_ik: read(&self.logins_ik),
            pairings: read(&self.pairings),
            stanzas_in: read(&self.stanzas_in),
            stanzas_out: read(&self.stanzas_out),
            messages: read(&self.messages),
            receipts: read(&self.receipts),
            nacks: read(&self.nacks),
            plaintext_refused: read(&self.plaintext_refused),
            reused_keys_refused: read(&self.reused_keys_refused),
            last_stanza_us: read(&self.last_stanza_us),
            last_message_us: read(&self.last_message_us),
        }
    }

    fn sightings(&self) -> MutexGuard<'_, VecDeque<Sighting>> {
        self.sightings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
