//! The device itself, and the secrets of single messages.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use whatsapp_rust::traits::{
    DeviceStore, MsgSecretEntry, MsgSecretStore, merge_msg_secret_expiry, merge_msg_secret_message_ts,
};
use whatsapp_rust::wacore::stats::StorageResourceReport;
use whatsapp_rust::wacore::store::Device;

use super::{Result, WaStore, from_json, joined, json_item};
use crate::whatsapp::vault::{Change, Item};

const DEVICE: &str = "device";
const MSG_SECRET: &str = "msg_secret";

/// The one row of its kind.
const THE_DEVICE: &str = "device";

#[async_trait]
impl DeviceStore for WaStore {
    async fn save(&self, device: &Device) -> Result<()> {
        self.put(DEVICE, vec![json_item(THE_DEVICE, device)?]).await
    }

    async fn load(&self) -> Result<Option<Device>> {
        self.get_json(DEVICE, THE_DEVICE).await
    }

    async fn exists(&self) -> Result<bool> {
        Ok(self.get(DEVICE, THE_DEVICE).await?.is_some())
    }

    async fn create(&self) -> Result<i32> {
        let keys = [THE_DEVICE.to_owned()];
        let fresh = json_item(THE_DEVICE, &Device::new())?;
        // Never over an existing one: its identity is what the phone linked.
        let created = self.change(DEVICE, &keys, |_, held| {
            Ok(if held.is_some() { Change::Leave } else { Change::Put(fresh.clone()) })
        });
        created.await?;
        Ok(1)
    }

    async fn resource_report(&self) -> StorageResourceReport {
        StorageResourceReport { memory_bytes: Some(0), ..StorageResourceReport::default() }
    }
}

#[derive(Serialize, Deserialize)]
struct MsgSecret {
    secret: [u8; 32],
    expires_at: i64,
    message_ts: i64,
}

/// 0 means never; the column sorts by the end, so never comes last.
fn end_of(expires_at: i64) -> i64 {
    if expires_at == 0 { i64::MAX } else { expires_at }
}

#[async_trait]
impl MsgSecretStore for WaStore {
    async fn put_msg_secrets(&self, entries: Vec<MsgSecretEntry>) -> Result<usize> {
        let keys: Vec<String> = entries.iter().map(|e| joined(&[&e.chat, &e.sender, &e.msg_id])).collect();
        let merged = self.change(MSG_SECRET, &keys, |index, held| {
            let entry = &entries[index];
            let mut kept = MsgSecret {
                secret: entry.secret,
                expires_at: entry.expires_at,
                message_ts: entry.message_ts,
            };
            if let Some(held) = held {
                let held: MsgSecret = from_json(&held.value)?;
                kept.expires_at = merge_msg_secret_expiry(held.expires_at, kept.expires_at);
                kept.message_ts = merge_msg_secret_message_ts(held.message_ts, kept.message_ts);
            }
            let n = end_of(kept.expires_at);
            Ok(Change::Put(Item { n, ..json_item(keys[index].clone(), &kept)? }))
        });
        merged.await?;
        Ok(entries.len())
    }

    async fn get_msg_secret(&self, chat: &str, sender: &str, msg_id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get_msg_secret_with_ts(chat, sender, msg_id).await?.map(|(secret, _)| secret))
    }

    async fn get_msg_secret_with_ts(
        &self,
        chat: &str,
        sender: &str,
        msg_id: &str,
    ) -> Result<Option<(Vec<u8>, i64)>> {
        let kept: Option<MsgSecret> = self.get_json(MSG_SECRET, &joined(&[chat, sender, msg_id])).await?;
        Ok(kept.map(|kept| (kept.secret.to_vec(), kept.message_ts)))
    }

    async fn delete_expired_msg_secrets(&self, cutoff_timestamp: i64) -> Result<u32> {
        // At the cutoff counts as past.
        self.delete_before(MSG_SECRET, cutoff_timestamp.saturating_add(1)).await
    }
}
