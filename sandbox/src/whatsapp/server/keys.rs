//! Key bundles: what a device leaves with the server, and what others take from it.

use std::sync::Arc;

use wacore_binary::{Jid, Node, NodeRef};
use wacore_libsignal::protocol::PublicKey;

use super::account::{Device, SignedKey};
use super::stats::Stats;
use super::{Address, Out, Server, State};
use crate::whatsapp::wire::{attr, child_bytes, child_key, el, iq_error, iq_result, jid_attr, leaf};

/// The type byte of a Curve25519 key bundle.
const DJB_TYPE: u8 = 5;
/// Below this the server asks for more.
const LOW_WATER: usize = 5;

impl Server {
    pub(super) fn encrypt_iq(self: &Arc<Self>, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        let answer = match attr(request, "type").as_deref() {
            Some("set") => self.take_keys(from, request),
            _ => self.give_keys(from, request),
        };
        vec![Out::Stanza(answer)]
    }

    fn take_keys(self: &Arc<Self>, from: &Address, request: &NodeRef<'_>) -> Node {
        if let Some(rotated) = request.get_optional_child("rotate") {
            return self.rotate(from, request, rotated);
        }
        let (Some(registration), Some(identity), Some(signed_key), Some(list)) = (
            child_bytes(request, &["registration"]).as_deref().and_then(big_endian),
            child_key(request, &["identity"]),
            request.get_optional_child("skey").and_then(signed_key),
            request.get_optional_child("list"),
        ) else {
            return iq_error(request, 400, "bad-request");
        };
        if !is_signed_by(&identity, &signed_key) {
            return iq_error(request, 406, "not-acceptable");
        }
        let mut state = self.state();
        let Some(device) = state.device_mut(from) else { return iq_error(request, 401, "not-authorized") };
        if device.noise.is_some() && device.identity != identity {
            return iq_error(request, 406, "not-acceptable");
        }
        (device.identity, device.registration, device.signed_key) = (identity, registration, signed_key);
        for key in list.get_children_by_tag("key") {
            let id = child_bytes(key, &["id"]).as_deref().and_then(big_endian);
            let (Some(id), Some(value)) = (id, child_key(key, &["value"])) else {
                return iq_error(request, 400, "bad-request");
            };
            if !device.one_time_keys.put(id, value) {
                Stats::count(&self.stats.reused_keys_refused);
            }
        }
        let first = !std::mem::replace(&mut device.has_bundle, true);
        if first && from.device != 0 {
            self.announce_devices(&mut state, &from.number);
        }
        iq_result(request, Vec::new())
    }

    fn rotate(&self, from: &Address, request: &NodeRef<'_>, rotated: &NodeRef<'_>) -> Node {
        let Some(fresh) = rotated.get_optional_child("skey").and_then(signed_key) else {
            return iq_error(request, 400, "bad-request");
        };
        let mut state = self.state();
        match state.device_mut(from) {
            Some(device) if is_signed_by(&device.identity, &fresh) => {
                device.signed_key = fresh;
                iq_result(request, Vec::new())
            }
            _ => iq_error(request, 406, "not-acceptable"),
        }
    }

    fn give_keys(&self, from: &Address, request: &NodeRef<'_>) -> Node {
        let mut state = self.state();
        if let Some(wanted) = request.get_optional_child("key") {
            let jids: Vec<Jid> =
                wanted.get_children_by_tag("user").filter_map(|user| jid_attr(user, "jid")).collect();
            let users = jids.into_iter().map(|jid| self.bundle_of(&mut state, jid)).collect::<Vec<_>>();
            return iq_result(request, vec![el("list").children(users).build()]);
        }
        let Some(device) = state.device_mut(from) else { return iq_error(request, 401, "not-authorized") };
        if request.get_optional_child("count").is_some() {
            return iq_result(request, vec![el("count").attr("value", device.one_time_keys.len()).build()]);
        }
        if request.get_optional_child("digest").is_some() {
            return match device.has_bundle {
                true => iq_result(request, vec![digest(device)]),
                false => iq_error(request, 404, "item-not-found"),
            };
        }
        iq_error(request, 501, "feature-not-implemented")
    }

    /// One device's bundle with one of its one-time keys, which nobody will be given again.
    fn bundle_of(&self, state: &mut State, jid: Jid) -> Node {
        let user = el("user").attr("jid", &jid);
        let address =
            state.number_of(&jid).map(|number| Address { number: number.to_owned(), device: jid.device });
        let Some(device) = address.as_ref().and_then(|address| state.device_mut(address)) else {
            return user.children([not_acceptable()]).build();
        };
        if !device.has_bundle {
            return user.children([not_acceptable()]).build();
        }
        let mut parts = vec![
            leaf("registration", device.registration.to_be_bytes()),
            leaf("type", [DJB_TYPE]),
            leaf("identity", device.identity),
            signed_key_node(&device.signed_key),
        ];
        if let Some((id, key)) = device.one_time_keys.take() {
            let key = el("key").children([leaf("id", three_bytes(id)), leaf("value", key)]).build();
            parts.push(key);
        }
        if jid.device != 0 {
            parts.push(leaf("device-identity", device.device_identity.clone()));
        }
        let left = device.one_time_keys.len();
        if left == LOW_WATER || left == 0 {
            let low = el("notification")
                .attr("from", wacore_binary::SERVER_JID)
                .attr("id", crate::whatsapp::wire::token(8))
                .attr("type", "encrypt")
                .attr("t", crate::whatsapp::wire::now_secs())
                .children([el("count").attr("value", left).build()])
                .build();
            if let Some(address) = address {
                self.deliver(state, &address, low);
            }
        }
        user.children(parts).build()
    }
}

fn digest(device: &Device) -> Node {
    let keys: Vec<&[u8]> = device.one_time_keys.iter().map(|(_, key)| key.as_slice()).collect();
    let hash = wacore::prekeys::compute_key_bundle_digest(
        &device.identity,
        &device.signed_key.public,
        &device.signed_key.signature,
        &keys,
    );
    let ids = device.one_time_keys.iter().map(|(id, _)| leaf("id", three_bytes(*id)));
    el("digest")
        .children([
            leaf("registration", device.registration.to_be_bytes()),
            leaf("type", [DJB_TYPE]),
            leaf("identity", device.identity),
            signed_key_node(&device.signed_key),
            el("list").children(ids).build(),
            leaf("hash", hash),
        ])
        .build()
}

fn signed_key(node: &NodeRef<'_>) -> Option<SignedKey> {
    Some(SignedKey {
        id: big_endian(&child_bytes(node, &["id"])?)?,
        public: child_key(node, &["value"])?.to_vec(),
        signature: child_bytes(node, &["signature"])?,
    })
}

fn signed_key_node(key: &SignedKey) -> Node {
    el("skey")
        .children([
            leaf("id", three_bytes(key.id)),
            leaf("value", key.public.clone()),
            leaf("signature", key.signature.clone()),
        ])
        .build()
}

/// The signature covers the key in Signal's own form, type byte first.
pub(super) fn is_signed_by(identity: &[u8; 32], key: &SignedKey) -> bool {
    let mut signed = vec![DJB_TYPE];
    signed.extend_from_slice(&key.public);
    PublicKey::from_djb_public_key_bytes(identity)
        .is_ok_and(|identity| identity.verify_signature(&signed, &key.signature))
}

fn not_acceptable() -> Node {
    el("error").attr("code", 406).attr("text", "not-acceptable").build()
}

fn three_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes()[1..].to_vec()
}

pub(super) fn big_endian(bytes: &[u8]) -> Option<u32> {
    (1..=4)
        .contains(&bytes.len())
        .then(|| bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}
