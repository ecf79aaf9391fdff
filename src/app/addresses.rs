//! Whose webhook address is whose: asked of the database, remembered as long as no
//! address was changed anywhere.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::App;
use super::error::Error;
use super::intake::hash_hook_key;
use super::key_changes::ReadAt;
use crate::domain::tenant::TenantState;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::storage::tenant;

/// More than so many are not remembered at once.
const MOST: usize = 50_000;

/// Where a hook belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub tenant: TenantId,
    pub salon: SalonId,
}

#[derive(Default)]
pub struct Addresses(RwLock<HashMap<String, (Addressee, ReadAt)>>);

impl Addresses {
    fn remembered(&self, hash: &str, now: &ReadAt) -> Option<Addressee> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, read_at)| read_at.holds(now)).map(|(addressee, _)| addressee.clone())
    }

    fn remember(&self, hash: String, addressee: Addressee, read_at: ReadAt) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(hash, (addressee, read_at));
    }
}

/// Whose address holds this key; `NotFound` when it is nobody's. Only good addresses are remembered.
pub async fn find(app: &App, hook_key: &str) -> Result<Addressee, Error> {
    let (hash, now) = (hash_hook_key(hook_key), app.key_changes.now().await?);
    if let Some(addressee) = app.addresses.remembered(&hash, &now) {
        return Ok(addressee);
    }
    let mut conn = app.db.read().await?;
    let (tenant, has_before) = tenant::find_by_hook(&mut conn, &hash).await?.ok_or(Error::NotFound)?;
    let salon = tenant::find(&mut conn, &tenant).await?.ok_or(Error::NotFound)?.tenant.salon_id;
    drop(conn);
    if has_before {
        let mut conn = app.db.begin().await?;
        tenant::drop_hook_key_before(&mut conn, &tenant, &hash).await?;
        conn.commit().await?;
        app.key_changes.look_again();
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
