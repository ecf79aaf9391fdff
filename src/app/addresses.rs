//! Whose webhook address is whose: asked of the database, remembered for a moment. A salon's hooks come in bunches.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::App;
use super::error::Error;
use super::intake::hash_hook_key;
use crate::domain::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::storage::tenant;

/// A changed address may be taken by another node for so long.
const REMEMBERED_MS: i64 = 2_000;
/// More than so many are not remembered at once.
const MOST: usize = 10_000;

/// Where a hook belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub tenant: TenantId,
    pub salon: SalonId,
}

#[derive(Default)]
pub struct Addresses(RwLock<HashMap<String, (Addressee, UnixMs)>>);

impl Addresses {
    /// An address was changed or given up: whatever is remembered is asked anew.
    pub fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn remembered(&self, hash: &str, now: UnixMs) -> Option<Addressee> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, until)| *until > now).map(|(addressee, _)| addressee.clone())
    }

    fn remember(&self, hash: String, addressee: Addressee, now: UnixMs) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, (addressee, now.plus_ms(REMEMBERED_MS)));
    }
}

/// Whose address holds this key; `NotFound` when it is nobody's. Only good addresses are remembered.
pub async fn find(app: &App, hook_key: &str) -> Result<Addressee, Error> {
    let (hash, now) = (hash_hook_key(hook_key), app.now());
    if let Some(addressee) = app.addresses.remembered(&hash, now) {
        return Ok(addressee);
    }
    let mut conn = app.db.read().await?;
    let (tenant, has_before) = tenant::find_by_hook(&mut conn, &hash).await?.ok_or(Error::NotFound)?;
    let salon = tenant::find(&mut conn, &tenant).await?.ok_or(Error::NotFound)?.tenant.salon_id;
    drop(conn);
    if has_before {
        let mut conn = app.db.begin().await?;
        tenant::drop_hook_key_before(&mut conn, &tenant).await?;
        conn.commit().await?;
        app.addresses.forget();
        tracing::info!(tenant.id = %tenant, "the new webhook address is in use; the one before it is closed");
    }
    let addressee = Addressee { tenant, salon };
    app.addresses.remember(hash, addressee.clone(), now);
    Ok(addressee)
}

/// The salon that has this number with YClients; `NotFound` when it is not installed.
pub async fn of_salon(app: &App, salon: SalonId) -> Result<Addressee, Error> {
    let found = tenant::find_by_salon(&mut app.db.read().await?, salon).await?.ok_or(Error::NotFound)?.tenant;
    if found.state == TenantState::Uninstalled {
        return Err(Error::NotFound);
    }
    Ok(Addressee { tenant: found.id, salon })
}
