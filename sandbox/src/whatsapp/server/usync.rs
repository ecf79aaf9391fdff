//! Who is registered, under which LID and with which devices.

use wacore_binary::{Jid, Node, NodeRef};

use super::account::Account;
use super::{Server, State};
use crate::whatsapp::wire::{attr, digits, el, iq_error, iq_result, jid_attr, leaf};

impl Server {
    pub(super) fn usync(&self, request: &NodeRef<'_>) -> Node {
        let Some(usync) = request.get_optional_child("usync") else {
            return iq_error(request, 400, "bad-request");
        };
        let (Some(query), Some(list)) = (usync.get_optional_child("query"), usync.get_optional_child("list"))
        else {
            return iq_error(request, 400, "bad-request");
        };
        let asked: Vec<&str> =
            query.children().unwrap_or_default().iter().map(|it| it.tag.as_ref()).collect();
        let state = self.state();
        let users: Vec<Node> =
            list.get_children_by_tag("user").filter_map(|user| answer_user(&state, &asked, user)).collect();
        let mut answer = el("usync");
        for key in ["sid", "index", "last", "mode", "context"] {
            if let Some(value) = attr(usync, key) {
                answer = answer.attr(key, value.as_ref());
            }
        }
        let answer = answer.children([el("result").build(), el("list").children(users).build()]).build();
        iq_result(request, vec![answer])
    }
}

fn answer_user(state: &State, asked: &[&str], user: &NodeRef<'_>) -> Option<Node> {
    let contact = user.get_optional_child("contact").and_then(|it| it.content_as_string());
    let jid = match (jid_attr(user, "jid"), &contact) {
        (Some(jid), _) => jid.to_non_ad(),
        (None, Some(written)) => Jid::pn(digits(written)?),
        (None, None) => return None,
    };
    let account = state.account_of(&jid);
    let mut answer = el("user").attr("jid", &jid);
    if let Some(account) = account.filter(|_| jid.server.is_lid_family()) {
        answer = answer.attr("pn_jid", Jid::pn(account.number.as_str()));
    }
    let parts = asked.iter().filter_map(|protocol| match (*protocol, account) {
        ("contact", found) => {
            let answer = el("contact").attr("type", if found.is_some() { "in" } else { "out" });
            Some(match &contact {
                Some(written) => answer.bytes(written.as_bytes()).build(),
                None => answer.build(),
            })
        }
        ("lid", Some(account)) => Some(el("lid").attr("val", Jid::lid(account.lid.as_str())).build()),
        ("devices", Some(account)) => Some(devices(account)),
        ("status", Some(_)) => Some(el("status").attr("t", 0).build()),
        ("disappearing_mode", Some(_)) => {
            Some(el("disappearing_mode").attr("duration", 0).attr("t", 0).build())
        }
        // No business accounts and no pictures here: an absent answer says so.
        _ => None,
    });
    Some(answer.children(parts.collect::<Vec<_>>()).build())
}

fn devices(account: &Account) -> Node {
    let listed = account.devices.iter().map(|(id, device)| {
        let entry = el("device").attr("id", *id);
        if *id == 0 { entry.build() } else { entry.attr("key-index", device.key_index).build() }
    });
    let mut parts = vec![el("device-list").children(listed).build()];
    if let Some((signed, stamp)) = &account.key_index_list
        && account.companions().next().is_some()
    {
        let mut list = leaf("key-index-list", signed.clone());
        list.attrs.insert("ts", *stamp);
        parts.push(list);
    }
    el("devices").children(parts).build()
}
