//! Pairing by a code typed on the phone: the server only carries the two halves of the key exchange.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wacore_binary::{Node, NodeRef, SERVER_JID};

use super::{Address, Server};
use crate::whatsapp::wire::{attr, child_bytes, el, iq_error, iq_result, jid_attr, leaf, now_secs, token};

const VALIDITY: Duration = Duration::from_secs(180);

/// A code that a candidate shows and a phone has yet to type.
pub struct LinkCode {
    pub connection: u64,
    pub number: String,
    pub expires: Instant,
}

impl Server {
    /// Both stages of the companion's side: "here is my half", and "here is the sealed bundle".
    pub(super) fn link_code_from_candidate(self: &Arc<Self>, connection: u64, request: &NodeRef<'_>) -> Node {
        let Some(registration) = request.get_optional_child("link_code_companion_reg") else {
            return iq_error(request, 400, "bad-request");
        };
        match attr(registration, "stage").as_deref() {
            Some("companion_hello") => self.companion_hello(connection, request, registration),
            Some("companion_finish") => self.companion_finish(connection, request, registration),
            _ => iq_error(request, 400, "bad-request"),
        }
    }

    fn companion_hello(&self, connection: u64, request: &NodeRef<'_>, hello: &NodeRef<'_>) -> Node {
        let parts = ["link_code_pairing_wrapped_companion_ephemeral_pub", "companion_server_auth_key_pub"];
        let [Some(wrapped), Some(noise)] = parts.map(|part| child_bytes(hello, &[part])) else {
            return iq_error(request, 400, "bad-request");
        };
        let mut state = self.state();
        let number = jid_attr(hello, "jid").and_then(|jid| state.number_of(&jid).map(str::to_owned));
        let Some(number) = number.filter(|_| wrapped.len() == 80) else {
            return iq_error(request, 400, "bad-request");
        };
        if state.candidates.get(&connection).is_none_or(|candidate| candidate.noise.as_slice() != noise) {
            return iq_error(request, 400, "bad-request");
        }
        let reference = token(24);
        state.link_codes.retain(|_, code| code.connection != connection && code.expires > Instant::now());
        state.link_codes.insert(
            reference.clone(),
            LinkCode { connection, number: number.clone(), expires: Instant::now() + VALIDITY },
        );
        let display = child_bytes(hello, &["companion_platform_display"]).unwrap_or_default();
        let note = stage(
            "companion_hello",
            vec![
                leaf("link_code_pairing_ref", reference.as_bytes()),
                leaf("link_code_pairing_wrapped_companion_ephemeral_pub", wrapped),
                leaf("companion_server_auth_key_pub", noise),
                leaf("companion_platform_display", display),
            ],
        );
        self.deliver(&mut state, &Address { number, device: 0 }, notification(note));
        iq_result(
            request,
            vec![stage("companion_hello", vec![leaf("link_code_pairing_ref", reference.into_bytes())])],
        )
    }

    fn companion_finish(&self, connection: u64, request: &NodeRef<'_>, finish: &NodeRef<'_>) -> Node {
        let parts =
            ["link_code_pairing_ref", "link_code_pairing_wrapped_key_bundle", "companion_identity_public"];
        let [Some(reference), Some(bundle), Some(identity)] = parts.map(|part| child_bytes(finish, &[part]))
        else {
            return iq_error(request, 400, "bad-request");
        };
        let mut state = self.state();
        let known = String::from_utf8_lossy(&reference).into_owned();
        let number = match state.link_codes.get(&known) {
            Some(code) if code.connection == connection && code.expires > Instant::now() => {
                code.number.clone()
            }
            _ => return iq_error(request, 400, "bad-request"),
        };
        let note = stage(
            "companion_finish",
            vec![
                leaf("link_code_pairing_ref", reference),
                leaf("link_code_pairing_wrapped_key_bundle", bundle),
                leaf("companion_identity_public", identity),
            ],
        );
        self.deliver(&mut state, &Address { number, device: 0 }, notification(note));
        iq_result(request, Vec::new())
    }

    /// The phone's half, carried to the candidate.
    pub(super) fn primary_hello(&self, from: &Address, request: &NodeRef<'_>, hello: &NodeRef<'_>) -> Node {
        let parts = [
            "link_code_pairing_ref",
            "link_code_pairing_wrapped_primary_ephemeral_pub",
            "primary_identity_pub",
        ];
        let [Some(reference), Some(wrapped), Some(identity)] = parts.map(|part| child_bytes(hello, &[part]))
        else {
            return iq_error(request, 400, "bad-request");
        };
        let state = self.state();
        let known = String::from_utf8_lossy(&reference).into_owned();
        let code = state
            .link_codes
            .get(&known)
            .filter(|code| code.number == from.number && code.expires > Instant::now());
        let Some(candidate) = code.and_then(|code| state.candidates.get(&code.connection)) else {
            return iq_error(request, 404, "item-not-found");
        };
        let note = stage(
            "primary_hello",
            vec![
                leaf("link_code_pairing_wrapped_primary_ephemeral_pub", wrapped),
                leaf("primary_identity_pub", identity),
                leaf("link_code_pairing_ref", reference),
            ],
        );
        candidate.link.send(notification(note));
        iq_result(request, Vec::new())
    }
}

fn stage(name: &'static str, children: Vec<Node>) -> Node {
    el("link_code_companion_reg").attr("stage", name).children(children).build()
}

fn notification(child: Node) -> Node {
    el("notification")
        .attr("from", SERVER_JID)
        .attr("type", "link_code_companion_reg")
        .attr("id", token(8))
        .attr("t", now_secs())
        .children([child])
        .build()
}
