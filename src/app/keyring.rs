//! Data keys of the companies in use, opened once and kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::OnceCell;

use super::error::Error;
use super::key_changes::{KeyChanges, ReadAt};
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::kernel::pack::unpack;
use crate::kernel::seal::{DataKey, MasterKeys};
use crate::storage::inbox::InboxRow;
use crate::storage::tenant::StoredTenant;
use crate::storage::{Db, platform, tenant};

/// More than this many are not kept; opening one again costs a read.
const MOST: usize = 50_000;

pub struct Keyring {
    master: MasterKeys,
    db: Db,
    changes: Arc<KeyChanges>,
    open: RwLock<HashMap<TenantId, (DataKey, ReadAt)>>,
    platform: OnceCell<DataKey>,
}

impl Keyring {
    #[must_use]
    pub fn new(master: MasterKeys, db: Db, changes: Arc<KeyChanges>) -> Self {
        Self { master, db, changes, open: RwLock::default(), platform: OnceCell::new() }
    }

    #[must_use]
    pub fn master(&self) -> &MasterKeys {
        &self.master
    }

    /// The tenant's key. `NotFound` once it was destroyed: what it sealed is gone for good.
    pub async fn of(&self, tenant: &TenantId) -> Result<DataKey, Error> {
        let now = self.changes.now().await?;
        if let Some((key, read_at)) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(tenant)
            && read_at.holds(&now)
        {
            return Ok(key.clone());
        }
        let stored = tenant::find(&mut self.db.read().await?, tenant).await?.ok_or(Error::NotFound)?;
        let key = self.open(&stored)?;
        self.keep(tenant, key.clone(), now);
        Ok(key)
    }

    /// The key of a tenant that was just read.
    pub fn open(&self, stored: &StoredTenant) -> Result<DataKey, Error> {
        if stored.keys.data_key.is_empty() {
            return Err(Error::NotFound);
        }
        Ok(self.master.open_data_key(&stored.tenant.id, &stored.keys.data_key)?)
    }

    /// The platform's own key, for what belongs to no tenant; made when it is needed first. It is never destroyed.
    pub async fn platform(&self, now: UnixMs) -> Result<DataKey, Error> {
        self.platform.get_or_try_init(|| self.open_platform(now)).await.cloned()
    }

    async fn open_platform(&self, now: UnixMs) -> Result<DataKey, Error> {
        let place = TenantId::from_stored("platform".to_owned());
        let mut stored = platform::find(&mut self.db.read().await?).await?;
        if stored.is_none() {
            let mut conn = self.db.begin().await?;
            platform::insert(&mut conn, &self.master.new_data_key(&place).1, now).await?;
            conn.commit().await?;
            // Another process may have been quicker.
            stored = platform::find(&mut self.db.read().await?).await?;
        }
        Ok(self.master.open_data_key(&place, &stored.ok_or(Error::NotFound)?)?)
    }

    /// Opens what arrived, each by itself. What was sealed by a key that is no more (its salon was connected anew meanwhile) nobody can
    /// read: `None`. Fails when it is `key` that is no more.
    pub async fn open_arrived(
        &self,
        tenant: &TenantId,
        key: &DataKey,
        arrived: &[InboxRow],
    ) -> Result<Vec<Option<Vec<u8>>>, Error> {
        let opened: Vec<_> = arrived.iter().map(|row| key.open("inbox", &row.id, &row.body)).collect();
        if let Some(Err(error)) = opened.iter().find(|opened| opened.is_err()) {
            let stored = tenant::find(&mut self.db.read().await?, tenant).await?.ok_or(Error::NotFound)?;
            if self.open(&stored)?.hash("same", "") != key.hash("same", "") {
                self.forget(tenant);
                return Err((*error).into());
            }
            tracing::warn!(tenant.id = %tenant, "what arrived under a key that is no more cannot be read");
        }
        Ok(opened.into_iter().map(|opened| unpack(&opened.ok()?)).collect())
    }

    fn keep(&self, tenant: &TenantId, key: DataKey, read_at: ReadAt) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST {
            open.clear();
        }
        open.insert(tenant.clone(), (key, read_at));
    }

    pub fn forget(&self, tenant: &TenantId) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }
}

#[async_trait::async_trait]
impl super::vault::DataKeys for Keyring {
    async fn data_key(&self, tenant: &TenantId) -> anyhow::Result<DataKey> {
        Ok(self.of(tenant).await?)
    }
}
