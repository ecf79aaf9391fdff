//! A paired device comes back: who it is, whether it may enter, and what it missed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wacore_binary::{Jid, Node, NodeRef, SERVER_JID};

use super::stats::Stats;
use super::{Address, Link, Out, Server, State};
use crate::whatsapp::noise::Established;
use crate::whatsapp::wire::{attr, el, iq_error, iq_result, jid_attr, leaf, now_secs, stream_error, token};

pub enum Admission {
    Welcome(Address),
    /// What to say before hanging up.
    Refused(Node),
}

impl Server {
    /// Lets a device in if it holds the key it was paired with. Whoever held its place is put out.
    pub fn admit(&self, link: Link, established: &Established, ik: bool) -> Admission {
        let number = established.payload.username.unwrap_or_default().to_string();
        let device = u16::try_from(established.payload.device.unwrap_or_default()).unwrap_or_default();
        if let Some(failure) = self.faults().connect_failure(&number) {
            return Admission::Refused(failure);
        }
        let address = Address { number, device };
        let mut state = self.state();
        let account = state.accounts.get_mut(&address.number);
        let (name, lid) = match &account {
            Some(account) => (account.name.clone(), Jid::lid_device(account.lid.as_str(), device)),
            None => return Admission::Refused(failure(401)),
        };
        let Some(device) = account.and_then(|account| account.devices.get_mut(&address.device)) else {
            return Admission::Refused(failure(401));
        };
        if device.noise != Some(established.client_static) {
            return Admission::Refused(failure(401));
        }
        if let Some(previous) = device.link.replace(link.clone()) {
            previous.send(conflict("replaced"));
            previous.close();
        }
        device.active = false;
        Stats::count(&self.stats.logins);
        if ik {
            Stats::count(&self.stats.logins_ik);
        }
        let success = el("success")
            .attr("t", now_secs())
            .attr("lid", lid)
            .attr("display_name", name)
            .attr("props", 27)
            .attr("companion_enc_static", "")
            .attr("location", "loopback")
            .attr("status", "active")
            .build();
        link.send(success);
        Admission::Welcome(address)
    }

    /// `<active/>` opens the gate: first everything that waited, then live traffic.
    pub(super) fn passive_iq(&self, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        let mut state = self.state();
        let Some(device) = state.device_mut(from) else { return Vec::new() };
        if request.get_optional_child("active").is_none() {
            device.active = false;
            return vec![Out::Stanza(iq_result(request, Vec::new()))];
        }
        let mut out = vec![iq_result(request, Vec::new())];
        if !std::mem::replace(&mut device.active, true) {
            let waiting = device.backlog.len();
            if waiting > 0 {
                out.push(preview(device));
            }
            for (turn, stanza) in device.backlog.stanzas().enumerate() {
                let mut late = stanza.clone();
                late.attrs.insert("offline", turn);
                out.push(late);
            }
            let done = el("offline").attr("count", waiting).build();
            out.push(el("ib").attr("from", SERVER_JID).children([done]).build());
        }
        out.into_iter().map(Out::Stanza).collect()
    }

    /// A companion logs itself out, or a phone throws one out.
    pub(super) fn remove_companion(self: &Arc<Self>, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        let mut state = self.state();
        let all =
            request.get_optional_child("remove-companion-device").is_some_and(|it| attr(it, "all").is_some());
        let named = request
            .get_optional_child("remove-companion-device")
            .and_then(|it| jid_attr(it, "jid"))
            .filter(|jid| state.number_of(jid) == Some(&from.number))
            .map(|jid| jid.device);
        let wanted: Vec<u16> = match (named, all, state.accounts.get(&from.number)) {
            (_, true, Some(account)) => account.companions().map(|(id, _)| *id).collect(),
            (Some(device), _, _) if from.device == 0 || device == from.device => vec![device],
            _ => return vec![Out::Stanza(iq_error(request, 403, "forbidden"))],
        };
        let removed: Vec<u16> =
            wanted.into_iter().filter(|device| *device != 0 && *device != from.device).collect();
        for device in removed {
            self.throw_out(&mut state, &from.number, device);
        }
        let mut out = vec![Out::Stanza(iq_result(request, Vec::new()))];
        if from.device != 0 {
            if let Some(account) = state.accounts.get_mut(&from.number) {
                account.devices.remove(&from.device);
            }
            out.extend([Out::Stanza(conflict("device_removed")), Out::Close]);
        }
        self.announce_devices(&mut state, &from.number);
        out
    }

    /// The device is no more: told so if it listens, refused with 401 when it comes back.
    pub(super) fn throw_out(&self, state: &mut State, number: &str, device: u16) {
        let gone = state.accounts.get_mut(number).and_then(|account| account.devices.remove(&device));
        if let Some(link) = gone.and_then(|device| device.link) {
            link.send(conflict("device_removed"));
            link.close();
        }
    }

    /// Ends the companions of `number` (of everyone where `None`), each in the way `end` says. Returns how many.
    pub fn for_each_companion(&self, number: Option<&str>, end: CompanionEnd) -> usize {
        let mut state = self.state();
        let targets: Vec<Address> = state
            .accounts
            .values()
            .filter(|account| number.is_none_or(|number| number == account.number))
            .flat_map(|account| {
                account.companions().map(|(id, _)| Address { number: account.number.clone(), device: *id })
            })
            .collect();
        for target in &targets {
            if end == CompanionEnd::LoggedOut {
                self.throw_out(&mut state, &target.number, target.device);
                continue;
            }
            let Some(device) = state.device_mut(target) else { continue };
            device.active = false;
            if let Some(link) = device.link.take() {
                match end {
                    CompanionEnd::Replaced => {
                        link.send(conflict("replaced"));
                    }
                    CompanionEnd::StreamError(code) => {
                        link.send(stream_error(code));
                    }
                    CompanionEnd::Dropped | CompanionEnd::LoggedOut => {}
                }
                link.close();
            }
        }
        if end == CompanionEnd::LoggedOut {
            for number in targets.iter().map(|target| target.number.clone()).collect::<Vec<_>>() {
                self.announce_devices(&mut state, &number);
            }
        }
        targets.len()
    }

    /// Every device of the account learns which others there are; the phone also which of them can be written to.
    pub(super) fn announce_devices(&self, state: &mut State, number: &str) {
        let Some(account) = state.accounts.get(number) else { return };
        let note = |reader: u16| {
            let devices = account.devices.iter().map(|(id, device)| {
                let jid = Jid::pn_device(number, *id);
                let entry = el("device").attr("jid", jid).attr("key-index", device.key_index);
                if reader == 0 { entry.attr("ready", device.has_bundle).build() } else { entry.build() }
            });
            let list = account.key_index_list.as_ref().map(|(signed, stamp)| {
                let mut list = leaf("key-index-list", signed.clone());
                list.attrs.insert("ts", *stamp);
                list
            });
            el("notification")
                .attr("from", Jid::pn(number))
                .attr("type", "account_sync")
                .attr("id", token(8))
                .attr("t", now_secs())
                .children([el("devices").children(devices.chain(list)).build()])
                .build()
        };
        let notes: Vec<(u16, Node)> = account.devices.keys().map(|reader| (*reader, note(*reader))).collect();
        for (device, note) in notes {
            self.deliver(state, &Address { number: number.to_owned(), device }, note);
        }
    }

    pub fn connection_opened(&self) {
        Stats::count(&self.stats.connections_total);
        Stats::count(&self.stats.connections);
    }

    pub fn connection_closed(&self) {
        self.stats.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a companion's connection may end from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanionEnd {
    LoggedOut,
    Replaced,
    StreamError(u16),
    Dropped,
}

fn preview(device: &super::account::Device) -> Node {
    let counts = el("offline_preview")
        .attr("count", device.backlog.len())
        .attr("message", device.backlog.count("message"))
        .attr("receipt", device.backlog.count("receipt"))
        .attr("notification", device.backlog.count("notification"))
        .attr("appdata", 0)
        .attr("call", 0)
        .build();
    el("ib").attr("from", SERVER_JID).children([counts]).build()
}

pub(super) fn failure(reason: u16) -> Node {
    el("failure").attr("reason", reason).attr("location", "loopback").build()
}

fn conflict(kind: &'static str) -> Node {
    let stream = el("stream:error").children([el("conflict").attr("type", kind).build()]);
    match kind {
        "device_removed" => stream.attr("code", 401).build(),
        _ => stream.build(),
    }
}
