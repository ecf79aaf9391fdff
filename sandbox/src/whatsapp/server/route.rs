//! Messages on their way: one ciphertext per device, delivered to the device it is for.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeContent, NodeRef};

use super::stats::Stats;
use super::{Address, Out, Server, State, ack};
use crate::whatsapp::wire::{attr, el, in_namespace_of, jid_attr, leaf, now_secs, now_us};

/// What the real server answers to a stanza it cannot make sense of.
const BAD_STANZA: u16 = 479;

impl Server {
    pub(super) fn message(self: &Arc<Self>, from: &Address, stanza: &NodeRef<'_>) -> Vec<Out> {
        let (Some(id), Some(to)) = (attr(stanza, "id"), jid_attr(stanza, "to")) else {
            return vec![Out::Stanza(ack("message", stanza, Some(BAD_STANZA)))];
        };
        self.stats.saw(&id, Jid::pn_device(from.number.as_str(), from.device).to_string(), to.to_string());
        if from.device != 0 {
            self.faults().message_passed();
        }
        let parcels = parcels(stanza, &to);
        let sealed = !parcels.is_empty() && parcels.iter().all(|(_, enc)| is_sealed(enc));
        let empty_fan_out = parcels.is_empty() && stanza.get_optional_child("participants").is_some();
        if !sealed && !empty_fan_out {
            Stats::count(&self.stats.plaintext_refused);
            Stats::count(&self.stats.nacks);
            return vec![Out::Stanza(ack("message", stanza, Some(BAD_STANZA)))];
        }
        if let Some(code) = self.faults().nack(from) {
            Stats::count(&self.stats.nacks);
            return vec![Out::Stanza(ack("message", stanza, Some(code)))];
        }
        let mut state = self.state();
        for (jid, enc) in &parcels {
            self.forward(&mut state, from, stanza, &to, jid, enc);
        }
        let drift = self.device_drift(&state, from, &to, stanza, &parcels);
        drop(state);
        if from.device != 0 && self.faults().swallow_ack() {
            return Vec::new();
        }
        let mut ack = ack("message", stanza, None);
        if let Some(hash) = drift {
            ack.attrs.insert("phash", hash);
        }
        vec![Out::Stanza(ack)]
    }

    /// Rewrites one parcel of the stanza for the device that is to read it.
    fn forward(
        &self,
        state: &mut State,
        from: &Address,
        stanza: &NodeRef<'_>,
        to: &Jid,
        jid: &Jid,
        enc: &NodeRef<'_>,
    ) {
        let Some(number) = state.number_of(jid).map(str::to_owned) else { return };
        let (address, own) =
            (Address { number, device: jid.device }, state.number_of(jid) == Some(&from.number));
        let Some(sender) = state.accounts.get(&from.number) else { return };
        let name = sender.devices.get(&from.device).and_then(|device| device.push_name.clone());
        let sender_jid = in_namespace_of(jid, &sender.number, &sender.lid, from.device);
        let mut forwarded = el("message")
            .attr("from", sender_jid)
            .attr("id", attr(stanza, "id").unwrap_or_default().as_ref())
            .attr("t", now_secs())
            .attr("sts", now_us())
            .attr("notify", name.unwrap_or_else(|| sender.name.clone()));
        for key in ["type", "category", "edit", "push_priority"] {
            if let Some(value) = attr(stanza, key) {
                forwarded = forwarded.attr(static_key(key), value.as_ref());
            }
        }
        if own {
            if !to.is_same_chat_as(jid) && attr(stanza, "category").as_deref() != Some("peer") {
                forwarded = forwarded.attr("recipient", to.to_non_ad());
            }
        } else if jid.server.is_lid_family() {
            forwarded = forwarded.attr("sender_pn", Jid::pn(sender.number.as_str()));
        } else {
            forwarded = forwarded.attr("sender_lid", Jid::lid(sender.lid.as_str()));
        }
        let mut parts = vec![enc.to_owned()];
        if attr(stanza, "category").is_none() && self.faults().garble() {
            spoil(&mut parts[0]);
        }
        // A first message from a companion proves that the account knows it.
        if from.device != 0 && attr(enc, "type").as_deref() == Some("pkmsg") {
            let identity = stanza.get_optional_child("device-identity").and_then(|it| it.content_bytes());
            parts.extend(identity.map(|bytes| leaf("device-identity", bytes)));
        }
        self.deliver(state, &address, forwarded.children(parts).build());
    }

    /// The hash of the devices that should have been written to, where the sender left some out or wrote to ones long gone.
    fn device_drift(
        &self,
        state: &State,
        from: &Address,
        to: &Jid,
        stanza: &NodeRef<'_>,
        parcels: &[(Jid, &NodeRef<'_>)],
    ) -> Option<String> {
        stanza.get_optional_child("participants")?;
        let (recipient, sender) = (state.account_of(to)?, state.accounts.get(&from.number)?);
        let mut expected: Vec<Jid> = Vec::new();
        for account in [recipient, sender] {
            for id in account.devices.keys() {
                let jid = in_namespace_of(to, &account.number, &account.lid, *id);
                let is_sender = account.number == from.number && *id == from.device;
                if !is_sender && !expected.contains(&jid) {
                    expected.push(jid);
                }
            }
        }
        let written = |jid: &Jid| {
            parcels
                .iter()
                .any(|(to, _)| to.device == jid.device && state.number_of(to) == state.number_of(jid))
        };
        let same = expected.len() == parcels.len() && expected.iter().all(written);
        if same { None } else { wacore::messages::MessageUtils::participant_list_hash(&expected).ok() }
    }
}

/// Who gets which ciphertext: the listed devices, or the one addressed directly.
fn parcels<'n, 'a>(stanza: &'n NodeRef<'a>, to: &Jid) -> Vec<(Jid, &'n NodeRef<'a>)> {
    let direct = stanza.get_children_by_tag("enc").map(|enc| (to.clone(), enc));
    let listed = stanza
        .get_optional_child("participants")
        .into_iter()
        .flat_map(|participants| participants.get_children_by_tag("to"))
        .filter_map(|to| Some((jid_attr(to, "jid")?, to.get_optional_child("enc")?)));
    direct.chain(listed).collect()
}

/// Looks at the envelope only: a Signal message has a version byte and a body behind it.
fn is_sealed(enc: &NodeRef<'_>) -> bool {
    let known = matches!(attr(enc, "type").as_deref(), Some("msg" | "pkmsg"));
    known && enc.content_bytes().is_some_and(|bytes| bytes.len() > 16 && bytes[0] & 0x0F == 3)
}

/// Flips a bit of the seal, as a faulty line would.
fn spoil(enc: &mut Node) {
    if let Some(NodeContent::Bytes(bytes)) = &mut enc.content
        && let Some(last) = bytes.last_mut()
    {
        *last ^= 1;
    }
}

fn static_key(key: &str) -> &'static str {
    match key {
        "type" => "type",
        "category" => "category",
        "edit" => "edit",
        _ => "push_priority",
    }
}

/// The stanza's id in the form receipts list it.
pub(super) fn listed_ids(receipt: &NodeRef<'_>) -> Vec<String> {
    let first = attr(receipt, "id").map(std::borrow::Cow::into_owned);
    let listed = receipt
        .get_optional_child("list")
        .into_iter()
        .flat_map(|list| list.get_children_by_tag("item"))
        .filter_map(|item| attr(item, "id").map(std::borrow::Cow::into_owned));
    let mut ids: Vec<String> = first.into_iter().chain(listed).collect();
    ids.dedup();
    ids
}

/// A copy of a stanza's children for forwarding.
pub(super) fn children_of(stanza: &NodeRef<'_>) -> Vec<Node> {
    stanza.children().unwrap_or_default().iter().map(NodeRef::to_owned).collect()
}
