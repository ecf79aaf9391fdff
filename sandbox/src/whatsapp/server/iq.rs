//! Requests to the server, by namespace.

use std::sync::Arc;

use wacore_binary::{Node, NodeRef};

use super::{Address, Out, Server};
use crate::whatsapp::wire::{attr, el, iq_error, iq_result, now_secs};

impl Server {
    pub(super) fn iq(self: &Arc<Self>, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        if matches!(attr(request, "type").as_deref(), Some("result" | "error")) {
            return Vec::new();
        }
        let xmlns = attr(request, "xmlns").unwrap_or_default();
        let answer = match xmlns.as_ref() {
            "encrypt" => return self.encrypt_iq(from, request),
            "passive" => return self.passive_iq(from, request),
            "md" => return self.md_iq(from, request),
            "usync" => self.usync(request),
            "w:sync:app:state" => self.app_state(from, request),
            "w:p" | "urn:xmpp:ping" | "urn:xmpp:whatsapp:dirty" | "w:stats" | "urn:xmpp:whatsapp:push" => {
                iq_result(request, Vec::new())
            }
            "abt" | "w" => iq_result(request, vec![props()]),
            "blocklist" => iq_result(request, vec![el("list").build()]),
            "privacy" => iq_result(request, privacy(request)),
            "disappearing_mode" | "status" => iq_result(request, Vec::new()),
            "w:profile:picture" => iq_error(request, 404, "item-not-found"),
            "w:g2" => iq_result(request, vec![el("groups").build()]),
            _ => iq_error(request, 501, "feature-not-implemented"),
        };
        vec![Out::Stanza(answer)]
    }

    /// Multi-device housekeeping: linking and unlinking.
    fn md_iq(self: &Arc<Self>, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        if request.get_optional_child("remove-companion-device").is_some() {
            return self.remove_companion(from, request);
        }
        if from.device != 0 {
            return vec![Out::Stanza(iq_error(request, 403, "forbidden"))];
        }
        if request.get_optional_child("pair-device").is_some() {
            return self.pair_device(from, request);
        }
        if let Some(hello) = request.get_optional_child("link_code_companion_reg") {
            return vec![Out::Stanza(self.primary_hello(from, request, hello))];
        }
        if let Some(list) = request.get_optional_child("key-index-list") {
            let signed = list.content_bytes().map(<[u8]>::to_vec);
            let stamp = attr(list, "ts").and_then(|ts| ts.parse().ok()).unwrap_or_else(now_secs);
            if let Some(account) = self.state().accounts.get_mut(&from.number) {
                account.key_index_list = signed.map(|signed| (signed, stamp));
            }
            return vec![Out::Stanza(iq_result(request, Vec::new()))];
        }
        vec![Out::Stanza(iq_error(request, 501, "feature-not-implemented"))]
    }
}

/// No experiments: clients fall back to their defaults.
fn props() -> Node {
    el("props")
        .attr("protocol", 1)
        .attr("hash", "sandbox")
        .attr("refresh", 86_400)
        .attr("refresh_id", 1)
        .attr("ab_key", "sandbox")
        .build()
}

fn privacy(request: &NodeRef<'_>) -> Vec<Node> {
    // Tokens given to a contact are taken without a word.
    if attr(request, "type").as_deref() == Some("set") {
        return Vec::new();
    }
    let settings = [
        ("readreceipts", "all"),
        ("last", "all"),
        ("online", "all"),
        ("profile", "all"),
        ("status", "contacts"),
        ("groupadd", "all"),
        ("calladd", "all"),
    ];
    let categories =
        settings.map(|(name, value)| el("category").attr("name", name).attr("value", value).build());
    vec![el("privacy").children(categories).build()]
}
