//! What a phone shares with its companions as app state: the name its owner goes by.
//!
//! Companions take the name from there. One that never finds it goes through its whole first synchronisation again at every
//! start, as if it had just been linked.

use wacore::appstate::hash::{HashState, generate_patch_mac};
use wacore::appstate::{encode_record, expand_app_state_keys};
use wacore_binary::Node;
use waproto::buffa::{Message as _, MessageField};
use waproto::whatsapp as wa;

use super::Phone;
use crate::whatsapp::wire::{el, iq, leaf, now_secs, token};

const COLLECTION: &str = "critical_block";
const ACTION_VERSION: i32 = 1;

impl Phone {
    /// Leaves the name with the server, sealed, as the first patch of its collection. Once is enough.
    pub(super) fn publish_name(&mut self) {
        if std::mem::replace(&mut self.name_published, true) {
            return;
        }
        let patch = self.name_patch();
        let collection =
            el("collection").attr("name", COLLECTION).attr("version", 0).children([leaf("patch", patch)]);
        let request: Node =
            iq("set", "w:sync:app:state", &token(8), vec![el("sync").children([collection.build()]).build()]);
        self.ask(&request);
    }

    fn name_patch(&self) -> Vec<u8> {
        let (key_id, key_data) = &self.app_state_key;
        let keys = expand_app_state_keys(key_data);
        let value = wa::SyncActionValue {
            timestamp: Some(now_secs() * 1_000),
            push_name_setting: MessageField::some(wa::sync_action_value::PushNameSetting {
                name: Some(self.card().title()),
            }),
            ..Default::default()
        };
        let index = br#"["setting_pushName"]"#;
        let set = wa::syncd_mutation::SyncdOperation::SET;
        let (mutation, _) = encode_record(set, index, &value, &keys, key_id, &rand::random(), ACTION_VERSION);
        let mutations = vec![mutation];
        let mut state = HashState::default();
        // The collection was empty before, so no value makes way.
        let _ = state.update_hash(&mutations, |_, _| Ok(None));
        state.version = 1;
        let mut patch = wa::SyncdPatch {
            snapshot_mac: Some(state.generate_snapshot_mac(COLLECTION, &keys.snapshot_mac)),
            key_id: MessageField::some(wa::KeyId { id: Some(key_id.to_vec()) }),
            mutations,
            ..Default::default()
        };
        patch.patch_mac = Some(generate_patch_mac(&patch, COLLECTION, &keys.patch_mac, state.version));
        patch.encode_to_vec()
    }
}
