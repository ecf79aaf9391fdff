//! Receipts on their way back: delivered, read, "say that again"; with whatever weather the faults ask for.

use std::sync::Arc;
use std::time::Duration;

use wacore_binary::{Node, NodeRef};

use super::faults::Weather;
use super::route::{children_of, listed_ids};
use super::stats::Stats;
use super::{Address, Out, Server, State, ack};
use crate::whatsapp::wire::{attr, el, in_namespace_of, jid_attr, now_secs};

impl Server {
    pub(super) fn receipt(self: &Arc<Self>, from: &Address, stanza: &NodeRef<'_>) -> Vec<Out> {
        let kind = attr(stanza, "type").unwrap_or_default();
        // Saying "received" or "say that again" settles the message on its recipient's side.
        if !matches!(kind.as_ref(), "read" | "played" | "read-self") {
            self.settle(from, Some("message"), &listed_ids(stanza));
        }
        Stats::count(&self.stats.receipts);
        let acknowledged = vec![Out::Stanza(ack("receipt", stanza, None))];
        let mut state = self.state();
        if matches!(kind.as_ref(), "read" | "read-self") && from.device != 0 {
            self.tell_own_phone(&mut state, from, stanza);
        }
        let Some(targets) = targets(&state, from, stanza, &kind) else { return acknowledged };
        let forwarded = forwarded(&state, from, stanza, &kind);
        let (Some(forwarded), false) = (forwarded, targets.is_empty()) else { return acknowledged };
        // Only what a companion hears is disturbed: the phones in here are not under test.
        if kind == "retry" && self.faults().loses_request() {
            return acknowledged;
        }
        let disturbed = kind != "retry" && targets.iter().any(|target| target.device != 0);
        let weather = if disturbed { self.faults().receipt_weather(&kind) } else { Weather::Fair };
        for target in targets {
            match (&weather, target.device) {
                (_, 0) | (Weather::Fair, _) => self.deliver(&mut state, &target, forwarded.clone()),
                (Weather::Lost, _) => {}
                (Weather::Doubled, _) => {
                    self.deliver(&mut state, &target, forwarded.clone());
                    self.deliver(&mut state, &target, forwarded.clone());
                }
                (Weather::Late(after), _) => {
                    self.deliver_later(Duration::from_millis(*after), target, forwarded.clone());
                }
            }
        }
        acknowledged
    }

    /// What was read on a companion is read on the phone too.
    fn tell_own_phone(&self, state: &mut State, from: &Address, stanza: &NodeRef<'_>) {
        let Some(mut read) = forwarded(state, from, stanza, "read") else { return };
        if let Some(chat) = jid_attr(stanza, "to") {
            read.attrs.insert("recipient", chat.to_non_ad());
        }
        self.deliver(state, &Address { number: from.number.clone(), device: 0 }, read);
    }
}

/// A receipt goes to every device of whoever wrote the message; a request to repeat goes to the one that sent it.
fn targets(state: &State, from: &Address, stanza: &NodeRef<'_>, kind: &str) -> Option<Vec<Address>> {
    let to = jid_attr(stanza, "to")?;
    let number = state.number_of(&to)?.to_owned();
    let account = state.accounts.get(&number)?;
    if matches!(kind, "sender" | "peer_msg" | "hist_sync" | "read-self" | "played-self")
        || (number == from.number && kind != "retry")
    {
        return None;
    }
    let wanted = |device: &u16| kind != "retry" || *device == to.device;
    Some(
        account
            .devices
            .keys()
            .filter(|device| wanted(device))
            .map(|device| Address { number: number.clone(), device: *device })
            .collect(),
    )
}

fn forwarded(state: &State, from: &Address, stanza: &NodeRef<'_>, kind: &str) -> Option<Node> {
    let to = jid_attr(stanza, "to")?;
    let reader = state.accounts.get(&from.number)?;
    let mut receipt = el("receipt")
        .attr("from", in_namespace_of(&to, &reader.number, &reader.lid, from.device))
        .attr("id", attr(stanza, "id")?.as_ref())
        .attr("t", now_secs());
    if !kind.is_empty() {
        receipt = receipt.attr("type", kind);
    }
    if let Some(recipient) = attr(stanza, "recipient") {
        receipt = receipt.attr("recipient", recipient.as_ref());
    }
    let children = children_of(stanza);
    Some(if children.is_empty() { receipt.build() } else { receipt.children(children).build() })
}
