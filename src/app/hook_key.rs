//! A tenant's keys as its own programs see them: the API key, and the secret part of the webhook addresses.

use super::activate::hook_urls;
use super::error::Error;
use super::intake::hash_hook_key;
use super::{App, tenants_of};
use crate::kernel::id::TenantId;
use crate::kernel::secret::{random_hex, same};
use crate::storage::tenant;

/// Makes new webhook addresses and answers with them. The old ones stay good until a hook comes to a new one: hooks are sent once,
/// and whoever posts them must first be told.
pub async fn rotate(app: &App, id: &TenantId) -> Result<Vec<String>, Error> {
    let key = app.keys.of(id).await?;
    let hook_key = random_hex(32);
    let sealed = key.seal_text("tenant", "hook_key", &hook_key);
    let mut conn = app.db.begin().await?;
    tenant::set_hook_key(&mut conn, id, &sealed, &hash_hook_key(&hook_key), app.now()).await?;
    conn.commit().await?;
    app.key_changes.look_again();
    tracing::info!(tenant.id = %id, "the webhook addresses were changed");
    Ok(hook_urls(app, &hook_key))
}

/// Whether `given` is the company's API key. A company that does not exist has none.
pub async fn is_api_key(app: &App, id: &TenantId, given: &str) -> Result<bool, Error> {
    let stored = match tenants_of(app, id).await {
        Ok(stored) if !stored.keys.api_key.is_empty() => stored,
        Ok(_) | Err(Error::NotFound) => return Ok(false),
        Err(error) => return Err(error),
    };
    let api_key = app.keys.of(id).await?.open_text("tenant", "api_key", &stored.keys.api_key)?;
    Ok(same(api_key.as_bytes(), given.as_bytes()))
}
