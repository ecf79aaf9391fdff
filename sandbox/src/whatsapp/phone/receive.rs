//! A message arrives at a phone: opened, noted, acknowledged; or asked for again.

use std::time::{Duration, Instant};

use wacore_binary::{Jid, NodeRef};
use wacore_libsignal::protocol::{ProtocolAddress, SignalProtocolError};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::protocol_message::Type as Protocol;

use super::Phone;
use super::book::{Direction, Entry, Status};
use crate::whatsapp::wire::{attr, el, iq, jid_attr, leaf, now_secs, now_us, token};

/// After so many requests to repeat, a message is given up.
const MAX_RETRIES: u32 = 4;
/// A request that nobody answered is repeated. (A phone's own timer is longer.)
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A message that could not be opened.
pub(super) struct Gap {
    from: Jid,
    recipient: Option<Jid>,
    sent_at: String,
    /// How often it was asked for.
    count: u32,
    asked: Instant,
    /// When it came first, unix microseconds.
    came_us: u64,
}

/// A message that was opened.
struct Arrived<'a> {
    id: &'a str,
    /// Shown though its id was seen.
    shows_twice: bool,
    /// When it came first, where it could not be opened then.
    came_us: Option<u64>,
}

impl Phone {
    pub(super) fn receive(&mut self, stanza: &NodeRef<'_>) {
        let (Some(from), Some(id)) = (jid_attr(stanza, "from"), attr(stanza, "id")) else { return };
        if let Some(pn) = jid_attr(stanza, "sender_pn") {
            self.numbers.insert(from.user.to_string(), pn.user.to_string());
        }
        let Some(number) = self.number_of(&from) else { return };
        let address = ProtocolAddress::new(&number, u32::from(from.device).into());
        if let Some(name) = attr(stanza, "notify").filter(|name| !name.is_empty() && number != self.number) {
            self.names.insert(number.clone(), name.into_owned());
        }
        for enc in stanza.get_children_by_tag("enc") {
            let kind = attr(enc, "type").unwrap_or_default();
            let sealed = enc.content_bytes().unwrap_or_default();
            let opened = self.signal.decrypt(&address, &kind, sealed).and_then(|plain| {
                let version = attr(enc, "v").and_then(|it| it.parse().ok()).unwrap_or(2);
                wacore::messages::decode_plaintext(&plain, version)
            });
            match opened {
                Ok(message) => {
                    // What was asked for again says so by a count, and fills a gap.
                    let gap = self.gaps.remove(id.as_ref());
                    let arrived = Arrived {
                        id: &id,
                        shows_twice: self.shows_repeats && attr(enc, "count").is_none(),
                        came_us: gap.map(|gap| gap.came_us),
                    };
                    self.understand(stanza, &from, &number, &arrived, message);
                    self.confirm(stanza, &from, &id);
                }
                // Sealed under a key that was used before: seen already, as far as a phone can tell. Whoever lost count of its keys
                // is not asked again, and what it said is lost.
                Err(problem) if is_used_key(&problem) => {
                    tracing::debug!(%problem, "a phone was sent a key it has seen");
                    self.confirm(stanza, &from, &id);
                }
                Err(problem) => {
                    tracing::debug!(%problem, "a phone could not open a message");
                    let before = self.gaps.get(id.as_ref()).map(|gap| gap.came_us);
                    let gap = Gap {
                        came_us: before.unwrap_or_else(now_us),
                        from: from.clone(),
                        recipient: jid_attr(stanza, "recipient"),
                        sent_at: attr(stanza, "t").unwrap_or_default().into_owned(),
                        count: attr(enc, "count").and_then(|it| it.parse().ok()).unwrap_or(0) + 1,
                        asked: Instant::now(),
                    };
                    self.ask_again(&id, &gap);
                    self.gaps.insert(id.clone().into_owned(), gap);
                }
            }
        }
        self.changed();
    }

    fn understand(
        &mut self,
        stanza: &NodeRef<'_>,
        from: &Jid,
        number: &str,
        arrived: &Arrived<'_>,
        message: wa::Message,
    ) {
        if let Some(protocol) = message.protocol_message.as_option() {
            if protocol.r#type == Some(Protocol::AppStateSyncKeyRequest) && number == self.number {
                self.share_app_state_key(from.device);
            }
            return;
        }
        // What a companion of this account wrote to somebody else.
        if let Some(sent) = message.device_sent_message.as_option() {
            let destination = sent.destination_jid.as_deref().and_then(|jid| jid.parse::<Jid>().ok());
            let destination = destination.or_else(|| jid_attr(stanza, "recipient"));
            let chat = destination.and_then(|jid| self.number_of(&jid));
            if let (Some(chat), Some(inner)) = (chat, sent.message.as_option()) {
                let mut entry = Entry::new(Direction::Out, &chat, &self.number, text_of(inner));
                entry.quoted = quoted_in(inner);
                self.note(entry, arrived.id, from, Some(Status::Sent));
            }
            return;
        }
        let mut entry = Entry::new(Direction::In, number, &self.number, text_of(&message));
        entry.quoted = quoted_in(&message);
        entry.came_us = arrived.came_us.unwrap_or(entry.came_us);
        if arrived.shows_twice && self.book.find(arrived.id).is_some() {
            entry.id = arrived.id.to_owned();
            entry.device = from.device;
            entry.sender = from.to_non_ad_string();
            return self.book.add(entry);
        }
        self.note(entry, arrived.id, from, None);
    }

    fn note(&mut self, mut entry: Entry, id: &str, from: &Jid, status: Option<Status>) {
        entry.id = id.to_owned();
        entry.device = from.device;
        entry.sender = from.to_non_ad_string();
        entry.addressing = if from.is_lid() { "lid" } else { "pn" };
        let outgoing = entry.direction == Direction::Out;
        if self.book.note(entry)
            && outgoing
            && let Some(status) = status
        {
            self.book.advance(id, status, None);
        }
    }

    fn confirm(&mut self, stanza: &NodeRef<'_>, from: &Jid, id: &str) {
        let receipt = el("receipt").attr("to", from).attr("id", id);
        let own = self.number_of(from).as_deref() == Some(&self.number);
        let receipt = match (own, jid_attr(stanza, "recipient")) {
            (true, _) if attr(stanza, "category").as_deref() == Some("peer") => {
                receipt.attr("type", "peer_msg")
            }
            (true, Some(recipient)) => receipt.attr("type", "sender").attr("recipient", recipient),
            (true, None) => receipt.attr("type", "sender"),
            _ => receipt,
        };
        self.say(&receipt.build());
    }

    pub(super) fn has_gaps(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Asks once more for what nobody said again. (whatsapp-rust 0.7, types/retry_admission.rs: a request that is dropped is not
    /// queued, "the requester re-requests on its own timer".)
    pub(super) fn ask_for_gaps(&mut self) {
        let due = |gap: &Gap| gap.asked.elapsed() >= ASKED_AGAIN_AFTER;
        let ids: Vec<String> =
            self.gaps.iter().filter(|(_, gap)| due(gap)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(mut gap) = self.gaps.remove(&id) else { continue };
            gap.count += 1;
            gap.asked = Instant::now();
            if gap.count <= MAX_RETRIES {
                self.ask_again(&id, &gap);
                self.gaps.insert(id, gap);
            }
        }
    }

    /// "I could not read this": with fresh keys from the second time on.
    fn ask_again(&mut self, id: &str, gap: &Gap) {
        if gap.count > MAX_RETRIES {
            return;
        }
        let retry = el("retry")
            .attr("count", gap.count)
            .attr("id", id)
            .attr("t", gap.sent_at.as_str())
            .attr("v", 1)
            .attr("error", 0)
            .build();
        let mut parts = vec![retry, leaf("registration", self.signal.registration.to_be_bytes())];
        if gap.count >= 2
            && let Ok(mut upload) = self.signal.upload(1)
        {
            // The same parts as an upload: the one key moves out of its list, the registration is above.
            let key = upload
                .iter()
                .find(|node| node.tag == "list")
                .and_then(|list| list.children()?.first().cloned());
            upload.retain(|node| matches!(node.tag.as_ref(), "type" | "identity" | "skey"));
            upload.extend(key);
            parts.push(el("keys").children(upload).build());
        }
        let receipt =
            el("receipt").attr("to", &gap.from).attr("id", id).attr("type", "retry").attr("t", now_secs());
        let receipt = match &gap.recipient {
            Some(recipient) => receipt.attr("recipient", recipient),
            None => receipt,
        };
        self.say(&receipt.children(parts).build());
    }

    /// A receipt for something this account wrote.
    pub(super) fn receipt(&mut self, stanza: &NodeRef<'_>) {
        let listed = stanza
            .get_optional_child("list")
            .into_iter()
            .flat_map(|list| list.get_children_by_tag("item"))
            .filter_map(|item| attr(item, "id"));
        let ids: Vec<String> =
            attr(stanza, "id").into_iter().chain(listed).map(|id| id.into_owned()).collect();
        // Read on a companion of this account: what came in is read here as well.
        let reader = jid_attr(stanza, "from").and_then(|from| self.number_of(&from));
        if reader.as_deref() == Some(&self.number) && jid_attr(stanza, "recipient").is_some() {
            self.book.read_elsewhere(&ids);
            return self.changed();
        }
        let status = match attr(stanza, "type").as_deref() {
            None | Some("") => Status::Delivered,
            Some("read" | "played") => Status::Read,
            Some("retry") => {
                if let Some(from) = jid_attr(stanza, "from") {
                    self.repeat(&from, stanza);
                }
                return;
            }
            _ => return,
        };
        for id in ids {
            self.book.advance(&id, status, None);
        }
        self.changed();
    }

    pub(super) fn acknowledged(&mut self, stanza: &NodeRef<'_>) {
        if attr(stanza, "class").as_deref() != Some("message") {
            return;
        }
        let error = attr(stanza, "error").and_then(|code| code.parse().ok());
        let status = if error.is_some() { Status::Failed } else { Status::Sent };
        if let Some(id) = attr(stanza, "id") {
            self.book.advance(&id, status, error);
            self.changed();
        }
    }

    /// The number behind an address; a LID that was never met is asked for.
    pub(super) fn number_of(&mut self, jid: &Jid) -> Option<String> {
        if !jid.server.is_lid_family() {
            return Some(jid.user.to_string());
        }
        if jid.user == self.lid.as_str() {
            return Some(self.number.clone());
        }
        if let Some(known) = self.numbers.get(jid.user.as_str()) {
            return Some(known.clone());
        }
        let user = el("user").attr("jid", jid.to_non_ad()).build();
        let answer = self.ask(&usync(&["lid"], user))?;
        let pn = jid_attr(first_user(&answer.as_node_ref())?, "pn_jid")?;
        self.numbers.insert(jid.user.to_string(), pn.user.to_string());
        Some(pn.user.to_string())
    }
}

pub(super) fn usync(protocols: &[&'static str], user: wacore_binary::Node) -> wacore_binary::Node {
    let asked = protocols.iter().map(|protocol| el(protocol).build());
    let usync = el("usync")
        .attr("sid", token(6))
        .attr("mode", "query")
        .attr("last", "true")
        .attr("index", 0)
        .attr("context", "message")
        .children([el("query").children(asked).build(), el("list").children([user]).build()]);
    iq("get", "usync", &token(8), vec![usync.build()])
}

pub(super) fn first_user<'n, 'a>(answer: &'n NodeRef<'a>) -> Option<&'n NodeRef<'a>> {
    answer.get_optional_child_by_tag(&["usync", "list", "user"])
}

fn is_used_key(problem: &anyhow::Error) -> bool {
    matches!(problem.downcast_ref(), Some(SignalProtocolError::DuplicatedMessage(..)))
}

fn text_of(message: &wa::Message) -> String {
    if let Some(text) = &message.conversation {
        return text.clone();
    }
    if let Some(text) = message.extended_text_message.as_option().and_then(|it| it.text.clone()) {
        return text;
    }
    if let Some(reaction) = message.reaction_message.as_option() {
        return reaction.text.clone().unwrap_or_default();
    }
    let kinds = [
        (message.image_message.is_set(), "[image]"),
        (message.document_message.is_set(), "[document]"),
        (message.audio_message.is_set(), "[audio]"),
        (message.video_message.is_set(), "[video]"),
        (message.location_message.is_set(), "[location]"),
        (message.contact_message.is_set(), "[contact]"),
    ];
    kinds.iter().find(|(set, _)| *set).map_or("[?]", |(_, label)| label).to_owned()
}

fn quoted_in(message: &wa::Message) -> Option<String> {
    message.extended_text_message.as_option()?.context_info.as_option()?.stanza_id.clone()
}
