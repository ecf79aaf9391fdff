//! A phone speaks: to each device of the other side, and to its own companions.

use anyhow::Context as _;
use wacore::messages::MessageUtils;
use wacore_binary::{Jid, Node, NodeRef, Server};
use wacore_libsignal::protocol::ProtocolAddress;
use waproto::buffa::MessageField;
use waproto::whatsapp as wa;

use super::Phone;
use super::book::{Direction, Entry};
use super::receive::{first_user, usync};
use crate::whatsapp::wire::{attr, el, in_namespace_of, iq, jid_attr, message_id, now_secs, token};

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("{0} is not on WhatsApp")]
    NotRegistered(String),
    #[error("no message {0} here to quote")]
    NothingToQuote(String),
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}

/// A device a message goes to: how it is addressed, and under which name its session is kept.
struct Target {
    jid: Jid,
    session: ProtocolAddress,
    own: bool,
}

impl Phone {
    /// Writes to `to`, under its number or its LID, and returns the message's id.
    pub fn send(
        &mut self,
        to: &str,
        text: &str,
        quoted: Option<&str>,
        by_lid: bool,
    ) -> Result<String, SendError> {
        let user = el("user").attr("jid", Jid::pn(to)).build();
        let answer = self.ask(&usync(&["devices", "lid"], user)).context("usync was not answered")?;
        let answer = answer.as_node_ref();
        let (lid, devices) = recipient(&answer).ok_or_else(|| SendError::NotRegistered(to.to_owned()))?;
        self.numbers.insert(lid.user.to_string(), to.to_owned());
        let chat = if by_lid { lid.clone() } else { Jid::pn(to) };
        let message = self.compose(text, quoted)?;
        let id = message_id();
        let mut entry = Entry::new(Direction::Out, to, &self.number, text.to_owned());
        entry.id.clone_from(&id);
        entry.quoted = quoted.map(str::to_owned);
        entry.addressing = if by_lid { "lid" } else { "pn" };
        self.book.note(entry);

        let mut targets: Vec<Target> = devices
            .into_iter()
            .map(|device| self.target(&chat, to, lid.user.as_str(), device, false))
            .collect();
        if to != self.number {
            let (number, own_lid) = (self.number.clone(), self.lid.clone());
            let companions: Vec<u16> = self.companions.keys().copied().collect();
            targets.extend(companions.into_iter().map(|it| self.target(&chat, &number, &own_lid, it, true)));
        }
        let copy = wa::Message {
            device_sent_message: MessageField::some(wa::message::DeviceSentMessage {
                destination_jid: Some(chat.to_string()),
                message: MessageField::some(message.clone()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let mut parcels = Vec::new();
        for target in targets {
            // One device that cannot be reached must not keep the others from hearing.
            match self.seal(&target, if target.own { &copy } else { &message }, None) {
                Ok(enc) => parcels.push(el("to").attr("jid", &target.jid).children([enc]).build()),
                Err(problem) => tracing::debug!(%problem, "a device was left out"),
            }
        }
        let stanza = el("message")
            .attr("to", &chat)
            .attr("id", id.as_str())
            .attr("type", "text")
            .attr("t", now_secs())
            .children([el("participants").children(parcels).build()]);
        self.say(&stanza.build());
        self.changed();
        Ok(id)
    }

    /// Marks a chat as read and says so to whoever wrote.
    pub fn read(&mut self, chat: &str) -> usize {
        let read = self.book.read(chat);
        for addressing in ["pn", "lid"] {
            let ids: Vec<&str> =
                read.iter().filter(|it| it.addressing == addressing).map(|it| it.id.as_str()).collect();
            let sender = read.iter().find(|it| it.addressing == addressing).map(|it| it.sender.clone());
            let (Some((first, rest)), Some(sender)) = (ids.split_first(), sender) else { continue };
            let receipt = el("receipt")
                .attr("to", sender)
                .attr("type", "read")
                .attr("id", *first)
                .attr("t", now_secs());
            let items: Vec<Node> = rest.iter().map(|id| el("item").attr("id", *id).build()).collect();
            let receipt = match items.is_empty() {
                true => receipt.build(),
                false => receipt.children([el("list").children(items).build()]).build(),
            };
            self.say(&receipt);
        }
        self.changed();
        read.len()
    }

    /// Gives a companion the key that the account's settings are sealed with.
    pub(super) fn share_app_state_key(&mut self, device: u16) {
        self.publish_name();
        let (key_id, key_data) = self.app_state_key;
        let share = wa::message::AppStateSyncKeyShare {
            keys: vec![wa::message::AppStateSyncKey {
                key_id: MessageField::some(wa::message::AppStateSyncKeyId { key_id: Some(key_id.to_vec()) }),
                key_data: MessageField::some(wa::message::AppStateSyncKeyData {
                    key_data: Some(key_data.to_vec()),
                    fingerprint: MessageField::some(wa::message::AppStateSyncKeyFingerprint {
                        raw_id: Some(self.raw_id),
                        current_index: Some(self.next_key_index.saturating_sub(1)),
                        device_indexes: self.companions.values().copied().chain([0]).collect(),
                    }),
                    timestamp: Some(now_secs() * 1_000),
                }),
            }],
        };
        let message = wa::Message {
            protocol_message: MessageField::some(wa::message::ProtocolMessage {
                r#type: Some(wa::message::protocol_message::Type::AppStateSyncKeyShare),
                app_state_sync_key_share: MessageField::some(share),
                ..Default::default()
            }),
            ..Default::default()
        };
        let (number, lid) = (self.number.clone(), self.lid.clone());
        let target = self.target(&Jid::pn(number.as_str()), &number, &lid, device, true);
        match self.seal(&target, &message, None) {
            Ok(enc) => {
                let stanza = el("message")
                    .attr("to", &target.jid)
                    .attr("id", message_id())
                    .attr("type", "text")
                    .attr("category", "peer")
                    .attr("push_priority", "high")
                    .attr("t", now_secs())
                    .children([enc]);
                self.say(&stanza.build());
            }
            Err(problem) => tracing::warn!(%problem, "a companion got no app state key"),
        }
    }

    /// A device could not read a message: say it once more, in a new session.
    pub(super) fn repeat(&mut self, from: &Jid, stanza: &NodeRef<'_>) {
        let Some(retry) = stanza.get_optional_child("retry") else { return };
        let count: u32 = attr(retry, "count").and_then(|it| it.parse().ok()).unwrap_or(1);
        let Some(id) = attr(retry, "id").filter(|_| count < 5).map(std::borrow::Cow::into_owned) else {
            return;
        };
        let Some(number) = self.number_of(from) else { return };
        let own = number == self.number;
        if own && self.book.find(&id).is_none() {
            self.signal.forget(&ProtocolAddress::new(&number, u32::from(from.device).into()));
            return self.share_app_state_key(from.device);
        }
        let Some(entry) = self.book.find(&id).filter(|it| it.direction == Direction::Out).cloned() else {
            return;
        };
        let lid = if from.is_lid() { from.user.to_string() } else { String::new() };
        let target = self.target(from, &number, &lid, from.device, own);
        self.signal.forget(&target.session);
        let quoted = entry.quoted.clone();
        let Ok(message) = self.compose(&entry.text, quoted.as_deref()) else { return };
        if let Ok(enc) = self.seal(&target, &message, Some(count)) {
            let stanza = el("message")
                .attr("to", from)
                .attr("id", id)
                .attr("type", "text")
                .attr("t", now_secs())
                .children([enc]);
            self.say(&stanza.build());
        }
    }

    fn compose(&self, text: &str, quoted: Option<&str>) -> Result<wa::Message, SendError> {
        let Some(id) = quoted else {
            return Ok(wa::Message { conversation: Some(text.to_owned()), ..Default::default() });
        };
        let entry = self.book.find(id).ok_or_else(|| SendError::NothingToQuote(id.to_owned()))?;
        let quoted = wa::Message { conversation: Some(entry.text.clone()), ..Default::default() };
        let context = wa::ContextInfo {
            stanza_id: Some(id.to_owned()),
            participant: Some(Jid::pn(entry.from.as_str()).to_string()),
            quoted_message: MessageField::some(quoted),
            ..Default::default()
        };
        Ok(wa::Message {
            extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
                text: Some(text.to_owned()),
                context_info: MessageField::some(context),
                ..Default::default()
            }),
            ..Default::default()
        })
    }

    /// Sessions are kept by number, whatever address was used: one device has one session.
    fn target(&self, like: &Jid, number: &str, lid: &str, device: u16, own: bool) -> Target {
        let jid = in_namespace_of(like, number, lid, device);
        Target { jid, session: ProtocolAddress::new(number, u32::from(device).into()), own }
    }

    fn seal(&mut self, target: &Target, message: &wa::Message, count: Option<u32>) -> anyhow::Result<Node> {
        if !self.signal.knows(&target.session) {
            let user = el("user").attr("jid", &target.jid).build();
            let request = iq("get", "encrypt", &token(8), vec![el("key").children([user]).build()]);
            let answer = self.ask(&request).context("no answer to a key request")?;
            let answer = answer.as_node_ref();
            let user = answer.get_optional_child_by_tag(&["list", "user"]).context("no key bundle")?;
            self.signal.open(&target.session, user)?;
        }
        let plain = MessageUtils::pad_message_v2(waproto::codec::message_to_vec(message));
        let (kind, sealed) = self.signal.encrypt(&target.session, &plain)?;
        let enc = el("enc").attr("v", 2).attr("type", kind).bytes(sealed);
        Ok(match count {
            Some(count) => enc.attr("count", count).build(),
            None => enc.build(),
        })
    }
}

/// The LID and the devices of a registered user.
fn recipient(answer: &NodeRef<'_>) -> Option<(Jid, Vec<u16>)> {
    let user = first_user(answer)?;
    let lid = jid_attr(user.get_optional_child("lid")?, "val").filter(|jid| jid.server == Server::Lid)?;
    let devices = user.get_optional_child_by_tag(&["devices", "device-list"])?;
    let ids = devices.get_children_by_tag("device").filter_map(|device| attr(device, "id")?.parse().ok());
    Some((lid, ids.collect()))
}
