//! What a phone shows: its chats, with ticks.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::whatsapp::wire::now_us;

/// A phone in a long run keeps the latest; older entries make room.
const ENTRIES_LIMIT: usize = 5_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    In,
    Out,
}

/// In the order a message goes through them; it never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Out: on its way to the server.
    Pending,
    /// Out: the server refused it.
    Failed,
    /// Out: one tick.
    Sent,
    /// Out: two ticks. In: here, unread.
    Delivered,
    /// Out: two blue ticks. In: read.
    Read,
}

#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    pub id: String,
    /// The other side's number.
    pub chat: String,
    pub from: String,
    pub to: String,
    pub direction: Direction,
    pub text: String,
    pub quoted: Option<String>,
    /// Unix milliseconds.
    pub timestamp: u64,
    pub status: Status,
    pub ticks: u8,
    /// The code of a refusal.
    pub error: Option<u16>,
    /// The device it was written on: 0 is the phone.
    pub device: u16,
    /// "pn" or "lid": the address the sender was seen under.
    pub addressing: &'static str,
    /// When it was decrypted or written, unix microseconds.
    pub at_us: u64,
    /// The sender as the stanza named it, for receipts.
    #[serde(skip)]
    pub sender: String,
    /// When it came, opened or not: its place in the chat, unix microseconds.
    #[serde(skip)]
    pub came_us: u64,
}

#[derive(Default)]
pub struct Book(VecDeque<Entry>);

/// A chat as the list shows it.
#[derive(Debug, Clone)]
pub struct Chat {
    pub with: String,
    pub last: Entry,
    pub unread: usize,
}

impl Entry {
    pub fn new(direction: Direction, chat: &str, own: &str, text: String) -> Self {
        let (from, to) = match direction {
            Direction::In => (chat, own),
            Direction::Out => (own, chat),
        };
        let status = if direction == Direction::In { Status::Delivered } else { Status::Pending };
        let at_us = now_us();
        Self {
            id: String::new(),
            chat: chat.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            direction,
            text,
            quoted: None,
            timestamp: at_us / 1_000,
            status,
            ticks: ticks(status),
            error: None,
            device: 0,
            addressing: "pn",
            at_us,
            sender: String::new(),
            came_us: at_us,
        }
    }
}

impl Book {
    /// Notes an entry; false if it was known already, as after a repeated delivery.
    pub fn note(&mut self, entry: Entry) -> bool {
        let known =
            |it: &Entry| it.id == entry.id && it.chat == entry.chat && it.direction == entry.direction;
        if self.0.iter().rev().any(known) {
            return false;
        }
        self.add(entry);
        true
    }

    /// Notes an entry, though one of its id stands already.
    pub fn add(&mut self, entry: Entry) {
        if self.0.len() == ENTRIES_LIMIT {
            self.0.pop_front();
        }
        // What was opened late stands where it came: its place was held.
        let place = self.0.iter().rposition(|it| it.came_us <= entry.came_us).map_or(0, |before| before + 1);
        self.0.insert(place, entry);
    }

    /// Moves an outgoing message on; true if anything changed.
    pub fn advance(&mut self, id: &str, status: Status, error: Option<u16>) -> bool {
        let Some(entry) =
            self.0.iter_mut().rev().find(|entry| entry.id == id && entry.direction == Direction::Out)
        else {
            return false;
        };
        if entry.status >= status {
            return false;
        }
        (entry.status, entry.ticks, entry.error) = (status, ticks(status), error);
        true
    }

    pub fn find(&self, id: &str) -> Option<&Entry> {
        self.0.iter().rev().find(|entry| entry.id == id)
    }

    /// Marks what came in from `chat` as read and returns it.
    pub fn read(&mut self, chat: &str) -> Vec<Entry> {
        let unread = |entry: &&mut Entry| {
            entry.direction == Direction::In && entry.chat == chat && entry.status != Status::Read
        };
        self.0
            .iter_mut()
            .filter(unread)
            .map(|entry| {
                (entry.status, entry.ticks) = (Status::Read, ticks(Status::Read));
                entry.clone()
            })
            .collect()
    }

    /// The same, for messages that were read on another device.
    pub fn read_elsewhere(&mut self, ids: &[String]) {
        for entry in &mut self.0 {
            if entry.direction == Direction::In && ids.contains(&entry.id) {
                (entry.status, entry.ticks) = (Status::Read, ticks(Status::Read));
            }
        }
    }

    pub fn entries(&self, chat: Option<&str>) -> Vec<Entry> {
        self.0.iter().filter(|entry| chat.is_none_or(|chat| entry.chat == chat)).cloned().collect()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The chats, the liveliest first.
    pub fn chats(&self) -> Vec<Chat> {
        let mut chats: BTreeMap<&str, Chat> = BTreeMap::new();
        for entry in &self.0 {
            let chat = chats.entry(&entry.chat).or_insert_with(|| Chat {
                with: entry.chat.clone(),
                last: entry.clone(),
                unread: 0,
            });
            chat.last = entry.clone();
            chat.unread += usize::from(entry.direction == Direction::In && entry.status == Status::Delivered);
        }
        let mut chats: Vec<Chat> = chats.into_values().collect();
        chats.sort_by_key(|chat| std::cmp::Reverse(chat.last.at_us));
        chats
    }
}

fn ticks(status: Status) -> u8 {
    match status {
        Status::Pending | Status::Failed => 0,
        Status::Sent => 1,
        Status::Delivered => 2,
        Status::Read => 3,
    }
}
