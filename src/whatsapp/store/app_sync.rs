//! App state: the keys and hashes by which WhatsApp's devices agree on contacts and settings.

use std::collections::HashMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use whatsapp_rust::traits::{AppStateSyncKey, AppSyncStore};
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;

use super::{Result, WaStore, failed, from_json, item, joined, json_item};
use crate::whatsapp::vault::Item;

const SYNC_KEY: &str = "sync_key";
const SYNC_VERSION: &str = "sync_version";
const SYNC_MAC: &str = "sync_mac";

/// With its own id inside: the latest one is asked for by nothing but being the latest.
#[derive(Serialize, Deserialize)]
struct SyncKey {
    id: Vec<u8>,
    key: AppStateSyncKey,
}

fn mac_key(name: &str, index_mac: &[u8]) -> String {
    joined(&[name, &hex::encode(index_mac)])
}

#[async_trait]
impl AppSyncStore for WaStore {
    async fn get_sync_key(&self, key_id: &[u8]) -> Result<Option<AppStateSyncKey>> {
        let kept: Option<SyncKey> = self.get_json(SYNC_KEY, &hex::encode(key_id)).await?;
        Ok(kept.map(|kept| kept.key))
    }

    async fn set_sync_key(&self, key_id: &[u8], key: AppStateSyncKey) -> Result<()> {
        // The order of arrival is what "latest" means; one session stores its keys one after another.
        let last =
            self.vault().await?.max_n(&self.lease.tenant, SYNC_KEY).await.map_err(failed)?.unwrap_or(0);
        let kept = json_item(hex::encode(key_id), &SyncKey { id: key_id.to_vec(), key })?;
        self.put(SYNC_KEY, vec![Item { n: last + 1, ..kept }]).await
    }

    async fn get_version(&self, name: &str) -> Result<HashState> {
        Ok(self.get_json(SYNC_VERSION, name).await?.unwrap_or_default())
    }

    async fn set_version(&self, name: &str, state: HashState) -> Result<()> {
        self.put(SYNC_VERSION, vec![json_item(name, &state)?]).await
    }

    async fn put_mutation_macs(
        &self,
        name: &str,
        version: u64,
        mutations: &[AppStateMutationMAC],
    ) -> Result<()> {
        let n = i64::try_from(version).unwrap_or(i64::MAX);
        let items = mutations.iter().map(|mutation| {
            let kept = item(mac_key(name, &mutation.index_mac), &mutation.value_mac);
            Item { group: name.to_owned(), n, ..kept }
        });
        self.put(SYNC_MAC, items.collect()).await
    }

    async fn get_mutation_mac(&self, name: &str, index_mac: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SYNC_MAC, &mac_key(name, index_mac)).await?.map(|value| value.to_vec()))
    }

    async fn get_mutation_macs(
        &self,
        name: &str,
        index_macs: &[[u8; 32]],
    ) -> Result<HashMap<[u8; 32], Vec<u8>>> {
        let keys: Vec<String> = index_macs.iter().map(|mac| mac_key(name, mac)).collect();
        let kept = self.vault().await?.get_many(&self.lease.tenant, SYNC_MAC, &keys).await.map_err(failed)?;
        let found = index_macs.iter().zip(kept);
        Ok(found.filter_map(|(mac, kept)| Some((*mac, kept?.value.to_vec()))).collect())
    }

    async fn delete_mutation_macs(&self, name: &str, index_macs: &[Vec<u8>]) -> Result<()> {
        let keys: Vec<String> = index_macs.iter().map(|mac| mac_key(name, mac)).collect();
        self.vault().await?.delete(&self.lease, SYNC_MAC, &keys).await.map_err(failed)
    }

    async fn clear_mutation_macs(&self, name: &str) -> Result<()> {
        self.vault().await?.delete_group(&self.lease, SYNC_MAC, name).await.map_err(failed)
    }

    async fn get_latest_sync_key_id(&self) -> Result<Option<Vec<u8>>> {
        let kept = self.vault().await?.list(&self.lease.tenant, SYNC_KEY).await.map_err(failed)?;
        let Some(latest) = kept.last() else { return Ok(None) };
        Ok(Some(from_json::<SyncKey>(&latest.value)?.id))
    }
}
