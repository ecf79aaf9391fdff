//! What WhatsApp adds around Signal: who is who, which devices, tokens of trust, messages on their way in and out.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use whatsapp_rust::prelude::{Jid, MessageBuilderExt as _, wa};
use whatsapp_rust::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore, TcTokenEntry,
};
use whatsapp_rust::wacore::time::now_secs;
use whatsapp_rust::waproto::codec::message_to_vec;

use super::{Result, WaStore, bytes_of, failed, from_json, item, joined, json_item};
use crate::whatsapp::vault::{Change, Item, Kept};

/// Between two attempts to keep a message that has arrived.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

const SENDER_KEY_DEVICE: &str = "sender_key_device";
const LID_MAPPING: &str = "lid_mapping";
const BASE_KEY: &str = "base_key";
const DEVICE_LIST: &str = "device_list";
const GROUP_METADATA: &str = "group_metadata";
const TC_TOKEN: &str = "tc_token";
const SENT_MESSAGE: &str = "sent_message";
const PENDING_INBOUND: &str = "pending_inbound";

#[derive(Serialize, Deserialize)]
struct SenderKeyDevice {
    group: String,
    device: String,
    has_key: bool,
}

#[derive(Serialize, Deserialize)]
struct TcToken {
    jid: String,
    entry: TcTokenEntry,
}

fn mapping_item(entry: &LidPnMappingEntry) -> Result<Item> {
    let kept = json_item(entry.lid.as_str(), entry)?;
    Ok(Item { group: entry.phone_number.clone(), n: entry.updated_at, ..kept })
}

/// `n` is the token's instant and `m` the sender's; what is not there is older than anything.
fn token_item(jid: &str, entry: TcTokenEntry) -> Result<Item> {
    let n = if entry.token.is_empty() { i64::MIN } else { entry.token_timestamp };
    let m = entry.sender_timestamp.unwrap_or(i64::MIN);
    Ok(Item { n, m, ..json_item(jid, &TcToken { jid: jid.to_owned(), entry })? })
}

fn token_of(held: Option<Kept>) -> Result<Option<TcTokenEntry>> {
    held.map(|held| from_json::<TcToken>(&held.value).map(|kept| kept.entry)).transpose()
}

fn pending_item(row: &PendingInboundRow<'_>) -> Item {
    Item { n: now_secs(), ..item(joined(&[row.chat, row.sender, row.id]), row.message) }
}

impl WaStore {
    /// A message of ours that a phone could not open and asks for once more, from our outbox. The library writes down what it sent
    /// in the background and forgets it when it is asked: a process that dies in between would leave the client with "waiting for
    /// this message" for good. Whoever asks gets what was said to them and nothing else.
    async fn said(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        let said = self.vault().await?.said(&self.lease.tenant, message_id).await.map_err(failed)?;
        let (Some((number, text)), Ok(chat)) = (said, chat_jid.parse::<Jid>()) else { return Ok(None) };
        let asks = match chat.is_lid() {
            true => self.get_lid_mapping(chat.user.as_str()).await?.map(|entry| entry.phone_number),
            false => Some(chat.user.to_string()),
        };
        let is_theirs = asks.is_some_and(|asks| asks == number);
        Ok(is_theirs.then(|| message_to_vec(&wa::Message::text(text.as_str()))))
    }
}

#[async_trait]
impl ProtocolStore for WaStore {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let kept = self
            .vault()
            .await?
            .group(&self.lease.tenant, SENDER_KEY_DEVICE, group_jid)
            .await
            .map_err(failed)?;
        kept.iter()
            .map(|kept| from_json::<SenderKeyDevice>(&kept.value).map(|row| (row.device, row.has_key)))
            .collect()
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let items = entries.iter().map(|(device, has_key)| {
            let row = SenderKeyDevice {
                group: group_jid.to_owned(),
                device: (*device).to_owned(),
                has_key: *has_key,
            };
            Ok(Item { group: group_jid.to_owned(), ..json_item(joined(&[group_jid, device]), &row)? })
        });
        self.put(SENDER_KEY_DEVICE, items.collect::<Result<_>>()?).await
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        self.vault().await?.delete_group(&self.lease, SENDER_KEY_DEVICE, group_jid).await.map_err(failed)
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        // Across groups, of which a salon has few or none: looking through them all is the simplest that is right.
        let rows: Vec<SenderKeyDevice> = self.list_json(SENDER_KEY_DEVICE).await?;
        let gone = rows.iter().filter(|row| device_jids.contains(&row.device.as_str()));
        let keys: Vec<String> = gone.map(|row| joined(&[&row.group, &row.device])).collect();
        self.vault().await?.delete(&self.lease, SENDER_KEY_DEVICE, &keys).await.map_err(failed)
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        self.vault().await?.delete_kind(&self.lease, SENDER_KEY_DEVICE).await.map_err(failed)
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        self.get_json(LID_MAPPING, lid).await
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        let kept = self.vault().await?.group(&self.lease.tenant, LID_MAPPING, phone).await.map_err(failed)?;
        kept.last().map(|latest| from_json(&latest.value)).transpose()
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        self.put(LID_MAPPING, vec![mapping_item(entry)?]).await
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        self.put(LID_MAPPING, entries.iter().map(mapping_item).collect::<Result<_>>()?).await
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        self.list_json(LID_MAPPING).await
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        self.put_one(BASE_KEY, &joined(&[address, message_id]), base_key).await
    }

    async fn has_same_base_key(
        &self,
        address: &str,
        message_id: &str,
        current_base_key: &[u8],
    ) -> Result<bool> {
        let kept = self.get(BASE_KEY, &joined(&[address, message_id])).await?;
        Ok(kept.is_some_and(|kept| kept.as_slice() == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.delete(BASE_KEY, &joined(&[address, message_id])).await
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.put(DEVICE_LIST, vec![json_item(record.user.as_str(), &record)?]).await
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let items = records.iter().map(|record| json_item(record.user.as_str(), record));
        self.put(DEVICE_LIST, items.collect::<Result<_>>()?).await
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        self.get_json(DEVICE_LIST, user).await
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.delete(DEVICE_LIST, user).await
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(GROUP_METADATA, group_jid).await?.map(|value| value.to_vec()))
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.put_one(GROUP_METADATA, group_jid, blob).await
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.delete(GROUP_METADATA, group_jid).await
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        let kept: Option<TcToken> = self.get_json(TC_TOKEN, jid).await?;
        Ok(kept.map(|kept| kept.entry))
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.put(TC_TOKEN, vec![token_item(jid, entry.clone())?]).await
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.delete(TC_TOKEN, jid).await
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let kept: Vec<TcToken> = self.list_json(TC_TOKEN).await?;
        Ok(kept.into_iter().map(|kept| kept.jid).collect())
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        let deleted =
            self.vault().await?.delete_below(&self.lease, TC_TOKEN, token_cutoff, sender_cutoff).await;
        Ok(u32::try_from(deleted.map_err(failed)?).unwrap_or(u32::MAX))
    }

    async fn touch_tc_token_sender_timestamp(&self, jid: &str, sender_timestamp: i64) -> Result<()> {
        let keys = [jid.to_owned()];
        let touched = self.change(TC_TOKEN, &keys, |_, held| {
            let mut entry = token_of(held)?.unwrap_or_else(|| TcTokenEntry {
                token: Vec::new(),
                token_timestamp: sender_timestamp,
                sender_timestamp: None,
            });
            let later = entry.sender_timestamp.map_or(sender_timestamp, |known| known.max(sender_timestamp));
            entry.sender_timestamp = Some(later);
            Ok(Change::Put(token_item(jid, entry)?))
        });
        touched.await
    }

    async fn store_received_tc_token(&self, jid: &str, token: &[u8], token_timestamp: i64) -> Result<()> {
        let keys = [jid.to_owned()];
        let stored = self.change(TC_TOKEN, &keys, |_, held| {
            let held = token_of(held)?;
            // Newer wins; a placeholder without a token never stands in the way.
            if held.as_ref().is_some_and(|h| !h.token.is_empty() && token_timestamp < h.token_timestamp) {
                return Ok(Change::Leave);
            }
            let sender_timestamp = held.and_then(|held| held.sender_timestamp);
            let entry = TcTokenEntry { token: token.to_vec(), token_timestamp, sender_timestamp };
            Ok(Change::Put(token_item(jid, entry)?))
        });
        stored.await
    }

    /// Only what our outbox does not keep anyway.
    async fn store_sent_message(&self, chat_jid: &str, message_id: &str, payload: &[u8]) -> Result<()> {
        if self.said(chat_jid, message_id).await?.is_some() {
            return Ok(());
        }
        let kept = item(joined(&[chat_jid, message_id]), payload);
        self.put(SENT_MESSAGE, vec![Item { n: now_secs(), ..kept }]).await
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        if let Some(said) = self.said(chat_jid, message_id).await? {
            return Ok(Some(said));
        }
        let key = joined(&[chat_jid, message_id]);
        let taken = self.vault().await?.take(&self.lease, SENT_MESSAGE, &key).await.map_err(failed)?;
        Ok(taken.map(bytes_of))
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.delete_before(SENT_MESSAGE, cutoff_timestamp).await
    }

    async fn store_pending_inbound(&self, chat: &str, sender: &str, id: &str, message: &[u8]) -> Result<()> {
        self.store_pending_inbound_batch(&[PendingInboundRow { chat, sender, id, message }]).await
    }

    async fn get_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(PENDING_INBOUND, &joined(&[chat, sender, id])).await?.map(|value| value.to_vec()))
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        self.delete(PENDING_INBOUND, &joined(&[chat, sender, id])).await
    }

    async fn delete_expired_pending_inbound(&self, cutoff_timestamp: i64) -> Result<u32> {
        self.delete_before(PENDING_INBOUND, cutoff_timestamp).await
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        // The one write that may not fail: the message is decrypted already and cannot be a second time. If this says no,
        // WhatsApp delivers it again, the library finds it decrypted but not kept, and throws it away. So whoever wrote waits.
        let items: Vec<Item> = rows.iter().map(pending_item).collect();
        let mut wait = FIRST_WAIT;
        loop {
            match self.put(PENDING_INBOUND, items.clone()).await {
                Err(error) if !self.is_shut().await => {
                    tracing::warn!(tenant.id = %self.lease.tenant, error = %error, "a message waits for the database");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                done => return done,
            }
        }
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let keys: Vec<String> = keys.iter().map(|key| joined(&[key.chat, key.sender, key.id])).collect();
        self.vault().await?.delete(&self.lease, PENDING_INBOUND, &keys).await.map_err(failed)
    }
}
