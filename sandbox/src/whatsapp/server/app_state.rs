//! App state: settings that the devices of one account share, sealed with a key the server never sees.
//!
//! The server keeps numbered patches per collection. A client that is behind gets what it lacks; a patch made on an old
//! version is refused with 409, as its author must read first.

use std::collections::VecDeque;

use wacore_binary::{Node, NodeRef};
use waproto::buffa::{Message as _, MessageField};
use waproto::whatsapp as wa;

use super::{Address, Server};
use crate::whatsapp::wire::{attr, el, iq_error, iq_result, leaf};

const PATCHES_LIMIT: usize = 200;
const COLLECTIONS_LIMIT: usize = 16;

#[derive(Default)]
pub struct Collection {
    version: u64,
    patches: VecDeque<(u64, Vec<u8>)>,
}

impl Server {
    pub(super) fn app_state(&self, from: &Address, request: &NodeRef<'_>) -> Node {
        let Some(sync) = request.get_optional_child("sync") else {
            return iq_error(request, 400, "bad-request");
        };
        let mut state = self.state();
        let Some(account) = state.accounts.get_mut(&from.number) else {
            return iq_error(request, 401, "not-authorized");
        };
        let mut answers = Vec::new();
        for asked in sync.get_children_by_tag("collection") {
            let name = attr(asked, "name").unwrap_or_default().into_owned();
            if !account.app_state.contains_key(&name) && account.app_state.len() == COLLECTIONS_LIMIT {
                return iq_error(request, 406, "not-acceptable");
            }
            let collection = account.app_state.entry(name.clone()).or_default();
            answers.push(collection.sync(&name, asked));
        }
        iq_result(request, vec![el("sync").children(answers).build()])
    }
}

impl Collection {
    fn sync(&mut self, name: &str, asked: &NodeRef<'_>) -> Node {
        let known: u64 = attr(asked, "version").and_then(|it| it.parse().ok()).unwrap_or_default();
        let answer = el("collection").attr("name", name);
        let offered = asked.get_optional_child("patch").and_then(|patch| patch.content_bytes());
        if let Some(patch) = offered {
            if known != self.version {
                let error = el("error").attr("code", 409).attr("text", "conflict").build();
                return answer.attr("type", "error").attr("version", self.version).children([error]).build();
            }
            self.version += 1;
            self.patches.push_back((self.version, numbered(patch, self.version)));
            if self.patches.len() > PATCHES_LIMIT {
                self.patches.pop_front();
            }
            return answer.attr("version", self.version).build();
        }
        let missing: Vec<Node> = self
            .patches
            .iter()
            .filter(|(version, _)| *version > known)
            .map(|(_, patch)| leaf("patch", patch.clone()))
            .collect();
        let answer = answer.attr("version", self.version);
        match missing.is_empty() {
            true => answer.build(),
            false => answer.children([el("patches").children(missing).build()]).build(),
        }
    }
}

/// The server names the version a patch became; its author leaves that open.
fn numbered(patch: &[u8], version: u64) -> Vec<u8> {
    match waproto::codec::syncd_patch_decode(patch) {
        Ok(mut decoded) => {
            decoded.version = MessageField::some(wa::SyncdVersion { version: Some(version) });
            decoded.encode_to_vec()
        }
        Err(_) => patch.to_vec(),
    }
}
