//! What the library wants kept, over a [`Vault`]: five traits, one file each, and no memory of its own.
//!
//! The library keeps the hot part (Signal sessions, identities) itself, so nothing is cached here: a session's memory is the
//! library's alone. Structures go in as JSON, because the library adds fields with defaults and a format that does not name
//! its fields would not open after an upgrade; plain bytes go in as they are. Nothing here deletes a key because it is old.

mod app_sync;
mod device;
mod protocol;
mod signal;

pub use signal::SESSION;

use std::ops::Deref;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{RwLock, RwLockReadGuard};
use whatsapp_rust::store::error::StoreError;
use zeroize::Zeroizing;

use super::vault::{Change, Item, Kept, Plain, Vault};
use crate::domain::session::Lease;

/// One tenant's keys, as the library sees them.
#[derive(Clone)]
pub struct WaStore {
    door: Arc<Door>,
    lease: Lease,
}

/// Through which one client reaches the keys, until it is shut behind it.
struct Door {
    vault: Arc<dyn Vault>,
    shut: RwLock<bool>,
}

/// A call under way; the door is not shut before it is over.
struct Through<'a> {
    vault: &'a dyn Vault,
    _open: RwLockReadGuard<'a, bool>,
}

impl<'a> Deref for Through<'a> {
    type Target = dyn Vault + 'a;
    fn deref(&self) -> &Self::Target {
        self.vault
    }
}

type Result<T> = std::result::Result<T, StoreError>;

impl WaStore {
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>, lease: Lease) -> Self {
        Self { door: Arc::new(Door { vault, shut: RwLock::new(false) }), lease }
    }

    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Lets nothing through any more, and waits for what is under way.
    ///
    /// The library's shutdown leaves tasks of its own behind. What they still write would lie among the keys of the next
    /// client, or among those that were just destroyed.
    pub async fn shut(&self) {
        *self.door.shut.write().await = true;
    }

    async fn is_shut(&self) -> bool {
        *self.door.shut.read().await
    }

    async fn vault(&self) -> Result<Through<'_>> {
        let open = self.door.shut.read().await;
        if *open {
            return Err(StoreError::Validation("this session's keys are in other hands".to_owned()));
        }
        Ok(Through { vault: &*self.door.vault, _open: open })
    }

    async fn get(&self, kind: &'static str, key: &str) -> Result<Option<Plain>> {
        let kept = self.vault().await?.get(&self.lease.tenant, kind, key).await.map_err(failed)?;
        Ok(kept.map(|kept| kept.value))
    }

    async fn get_json<T: DeserializeOwned>(&self, kind: &'static str, key: &str) -> Result<Option<T>> {
        self.get(kind, key).await?.map(|value| from_json(&value)).transpose()
    }

    async fn list_json<T: DeserializeOwned>(&self, kind: &'static str) -> Result<Vec<T>> {
        let kept = self.vault().await?.list(&self.lease.tenant, kind).await.map_err(failed)?;
        kept.iter().map(|kept| from_json(&kept.value)).collect()
    }

    async fn put(&self, kind: &'static str, items: Vec<Item>) -> Result<()> {
        self.vault().await?.put(&self.lease, kind, items).await.map_err(failed)
    }

    async fn put_one(&self, kind: &'static str, key: &str, value: &[u8]) -> Result<()> {
        self.put(kind, vec![item(key, value)]).await
    }

    async fn delete(&self, kind: &'static str, key: &str) -> Result<()> {
        self.vault().await?.delete(&self.lease, kind, &[key.to_owned()]).await.map_err(failed)
    }

    async fn change(
        &self,
        kind: &'static str,
        keys: &[String],
        mut decide: impl FnMut(usize, Option<Kept>) -> anyhow::Result<Change> + Send,
    ) -> Result<()> {
        self.vault().await?.change(&self.lease, kind, keys, &mut decide).await.map_err(failed)
    }

    /// Deletes what is older than `before`, an instant kept in `n`.
    async fn delete_before(&self, kind: &'static str, before: i64) -> Result<u32> {
        let deleted =
            self.vault().await?.delete_below(&self.lease, kind, before, i64::MAX).await.map_err(failed)?;
        Ok(u32::try_from(deleted).unwrap_or(u32::MAX))
    }
}

/// An item that is found by its key alone.
fn item(key: impl Into<String>, value: &[u8]) -> Item {
    Item { key: key.into(), group: String::new(), n: 0, m: 0, value: Zeroizing::new(value.to_vec()) }
}

fn json_item<T: Serialize>(key: impl Into<String>, value: &T) -> Result<Item> {
    Ok(Item { key: key.into(), group: String::new(), n: 0, m: 0, value: to_json(value)? })
}

fn to_json<T: Serialize>(value: &T) -> Result<Plain> {
    let json = serde_json::to_vec(value).map_err(|e| StoreError::Serialization(Box::new(e)))?;
    Ok(Zeroizing::new(json))
}

fn from_json<T: DeserializeOwned>(value: &Plain) -> Result<T> {
    serde_json::from_slice(value).map_err(|e| StoreError::Serialization(Box::new(e)))
}

/// Several parts of one key. The separator is in no JID and no message id.
fn joined(parts: &[&str]) -> String {
    parts.join("\0")
}

/// Our own storage failing, as it travels up through the library: found again in the chain of whatever it makes of it.
#[derive(Debug, thiserror::Error)]
#[error("the vault failed")]
pub(super) struct VaultFailed(#[source] anyhow::Error);

fn failed(error: anyhow::Error) -> StoreError {
    StoreError::Database(Box::new(VaultFailed(error)))
}

fn bytes_of(kept: Kept) -> Vec<u8> {
    kept.value.to_vec()
}
