//! Signal's own state: identities, sessions, pre-keys, sender keys.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use whatsapp_rust::store::error::StoreError;
use whatsapp_rust::traits::SignalStore;

use super::{Result, WaStore, bytes_of, failed, item};
use crate::whatsapp::vault::Item;

const IDENTITY: &str = "identity";
/// What is said to one device, and how far: the one kind that must never go back.
pub const SESSION: &str = "session";
const PREKEY: &str = "prekey";
const SIGNED_PREKEY: &str = "signed_prekey";
const SENDER_KEY: &str = "sender_key";

/// Filed by device (`user:dev@server`) and findable by its person.
fn of_person(address: &str, value: &[u8]) -> Item {
    let person = address.split(['@', ':']).next().unwrap_or(address);
    Item { group: person.to_owned(), ..item(address, value) }
}

/// Filed by number; the number itself is what the library asks for again, so it stands in the clear.
fn numbered(id: u32, value: &[u8], mark: bool) -> Item {
    Item { n: i64::from(id), m: i64::from(mark), ..item(id.to_string(), value) }
}

fn id_of(n: i64) -> Result<u32> {
    u32::try_from(n).map_err(|_| StoreError::Validation(format!("{n} is no key id")))
}

#[async_trait]
impl SignalStore for WaStore {
    async fn put_identity(&self, address: &str, key: [u8; 32]) -> Result<()> {
        self.put(IDENTITY, vec![of_person(address, &key)]).await
    }

    async fn put_identities_batch(&self, identities: &[(Arc<str>, [u8; 32])]) -> Result<()> {
        self.put(IDENTITY, identities.iter().map(|(address, key)| of_person(address, key)).collect()).await
    }

    async fn load_identity(&self, address: &str) -> Result<Option<[u8; 32]>> {
        let Some(value) = self.get(IDENTITY, address).await? else { return Ok(None) };
        let key = <[u8; 32]>::try_from(value.as_slice());
        key.map(Some).map_err(|_| StoreError::Validation("an identity key is not 32 bytes".to_owned()))
    }

    async fn delete_identity(&self, address: &str) -> Result<()> {
        self.delete(IDENTITY, address).await
    }

    async fn get_session(&self, address: &str) -> Result<Option<Bytes>> {
        Ok(self.get(SESSION, address).await?.map(|value| Bytes::copy_from_slice(&value)))
    }

    async fn put_session(&self, address: &str, session: &[u8]) -> Result<()> {
        self.put(SESSION, vec![of_person(address, session)]).await
    }

    async fn put_sessions_batch(&self, sessions: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put(SESSION, sessions.iter().map(|(address, session)| of_person(address, session)).collect())
            .await
    }

    async fn delete_session(&self, address: &str) -> Result<()> {
        self.delete(SESSION, address).await
    }

    async fn has_session(&self, address: &str) -> Result<bool> {
        Ok(self.get(SESSION, address).await?.is_some())
    }

    async fn has_signal_state_for_user(&self, user: &str) -> Result<bool> {
        Ok(self.vault().await?.has_group(&self.lease.tenant, SESSION, user).await.map_err(failed)?
            || self.vault().await?.has_group(&self.lease.tenant, IDENTITY, user).await.map_err(failed)?)
    }

    async fn store_prekey(&self, id: u32, record: &[u8], uploaded: bool) -> Result<()> {
        self.put(PREKEY, vec![numbered(id, record, uploaded)]).await
    }

    async fn store_prekeys_batch(&self, keys: &[(u32, Bytes)], uploaded: bool) -> Result<()> {
        self.put(PREKEY, keys.iter().map(|(id, record)| numbered(*id, record, uploaded)).collect()).await
    }

    async fn load_prekey(&self, id: u32) -> Result<Option<Bytes>> {
        Ok(self.get(PREKEY, &id.to_string()).await?.map(|value| Bytes::copy_from_slice(&value)))
    }

    async fn load_prekeys_batch(&self, ids: &[u32]) -> Result<Vec<(u32, Bytes)>> {
        let keys: Vec<String> = ids.iter().map(u32::to_string).collect();
        let kept = self.vault().await?.get_many(&self.lease.tenant, PREKEY, &keys).await.map_err(failed)?;
        let found = ids.iter().zip(kept);
        Ok(found.filter_map(|(id, kept)| Some((*id, Bytes::copy_from_slice(&kept?.value)))).collect())
    }

    async fn mark_prekeys_uploaded(&self, ids: &[u32]) -> Result<()> {
        let keys: Vec<String> = ids.iter().map(u32::to_string).collect();
        self.vault().await?.mark(&self.lease, PREKEY, &keys, 1).await.map_err(failed)
    }

    async fn remove_prekey(&self, id: u32) -> Result<()> {
        self.delete(PREKEY, &id.to_string()).await
    }

    async fn get_max_prekey_id(&self) -> Result<u32> {
        let max = self.vault().await?.max_n(&self.lease.tenant, PREKEY).await.map_err(failed)?;
        max.map_or(Ok(0), id_of)
    }

    async fn store_signed_prekey(&self, id: u32, record: &[u8]) -> Result<()> {
        self.put(SIGNED_PREKEY, vec![numbered(id, record, false)]).await
    }

    async fn load_signed_prekey(&self, id: u32) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SIGNED_PREKEY, &id.to_string()).await?.map(|value| value.to_vec()))
    }

    async fn load_all_signed_prekeys(&self) -> Result<Vec<(u32, Vec<u8>)>> {
        let kept = self.vault().await?.list(&self.lease.tenant, SIGNED_PREKEY).await.map_err(failed)?;
        kept.into_iter().map(|kept| Ok((id_of(kept.n)?, bytes_of(kept)))).collect()
    }

    async fn remove_signed_prekey(&self, id: u32) -> Result<()> {
        self.delete(SIGNED_PREKEY, &id.to_string()).await
    }

    async fn put_sender_key(&self, address: &str, record: &[u8]) -> Result<()> {
        self.put_one(SENDER_KEY, address, record).await
    }

    async fn put_sender_keys_batch(&self, sender_keys: &[(Arc<str>, Bytes)]) -> Result<()> {
        self.put(SENDER_KEY, sender_keys.iter().map(|(address, record)| item(&**address, record)).collect())
            .await
    }

    async fn get_sender_key(&self, address: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(SENDER_KEY, address).await?.map(|value| value.to_vec()))
    }

    async fn delete_sender_key(&self, address: &str) -> Result<()> {
        self.delete(SENDER_KEY, address).await
    }
}
