//! Data keys of the companies in use, opened once and kept in memory.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::kernel::seal::{DataKey, MasterKeys};
use crate::storage::{Db, platform, tenant};

/// More than this many are not kept; opening one again costs a read.
const MOST: usize = 50_000;
/// Where several nodes share a database another may destroy a key, or make a new one: what is kept is believed so long.
const BELIEVED: Duration = Duration::from_secs(1);

pub struct Keyring {
    master: MasterKeys,
    db: Db,
    shared: bool,
    open: RwLock<HashMap<TenantId, (DataKey, Instant)>>,
    platform: OnceCell<DataKey>,
}

impl Keyring {
    #[must_use]
    pub fn new(master: MasterKeys, db: Db, shared: bool) -> Self {
        Self { master, db, shared, open: RwLock::default(), platform: OnceCell::new() }
    }

    #[must_use]
    pub fn master(&self) -> &MasterKeys {
        &self.master
    }

    /// The tenant's key. `NotFound` once it was destroyed: what it sealed is gone for good.
    pub async fn of(&self, tenant: &TenantId) -> Result<DataKey, Error> {
        if let Some((key, since)) = self.open.read().unwrap_or_else(PoisonError::into_inner).get(tenant)
            && (!self.shared || since.elapsed() < BELIEVED)
        {
            return Ok(key.clone());
        }
        let stored = tenant::find(&mut self.db.read().await?, tenant).await?.ok_or(Error::NotFound)?;
        if stored.keys.data_key.is_empty() {
            return Err(Error::NotFound);
        }
        let key = self.master.open_data_key(tenant, &stored.keys.data_key)?;
        self.keep(tenant, key.clone());
        Ok(key)
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

    pub fn keep(&self, tenant: &TenantId, key: DataKey) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST {
            open.clear();
        }
        open.insert(tenant.clone(), (key, Instant::now()));
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
