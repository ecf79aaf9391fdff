//! A tenant's keys as its own programs see them: the API key, and the secret part of the webhook addresses.

use super::activate::hook_urls;
use super::error::Error;
use super::intake::hash_hook_key;
use super::{App, tenants_of};
use crate::kernel::id::TenantId;
use crate::kernel::secret::{random_hex, same, sha256_hex};
use crate::storage::{api_key, tenant};

/// Keys hashed in one unit of work.
const PAGE: i64 = 200;

/// Makes new webhook addresses and answers with them. The old ones stay good until a hook comes to a new one: hooks are sent once,
/// and whoever posts them must first be told.
pub async fn rotate(app: &App, id: &TenantId) -> Result<Vec<String>, Error> {
    let hook_key = random_hex(32);
    let mut conn = app.db.begin().await?;
    // The key of now: a salon that was connected anew has another one than is remembered.
    let stored = tenant::find(&mut conn, id).await?.ok_or(Error::NotFound)?;
    let sealed = app.keys.open(&stored)?.seal_text("tenant", "hook_key", &hook_key);
    let new = (sealed.as_str(), hash_hook_key(&hook_key));
    if !tenant::set_hook_key(&mut conn, id, (new.0, &new.1), &stored.keys.data_key, app.now()).await? {
        return Err(Error::Overloaded);
    }
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

/// Whose API key `given` is. Keys are sealed, so each is hashed when one is first looked for; no later look opens any.
pub async fn company_of(app: &App, given: &str) -> Result<Option<TenantId>, Error> {
    let hash = sha256_hex(given);
    let mut found = api_key::find(&mut app.db.read().await?, &hash).await?;
    if found.is_none() && hash_missing(app).await? {
        found = api_key::find(&mut app.db.read().await?, &hash).await?;
    }
    match found {
        Some(id) if is_api_key(app, &id, given).await? => Ok(Some(id)),
        _ => Ok(None),
    }
}

/// Says whether there was any to hash.
async fn hash_missing(app: &App) -> Result<bool, Error> {
    let mut after = String::new();
    loop {
        let page = api_key::list_unhashed(&mut app.db.read().await?, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(!after.is_empty()) };
        after = last.to_string();
        let mut hashes = Vec::with_capacity(page.len());
        for (id, sealed) in page {
            let opened =
                app.keys.of(&id).await.and_then(|key| Ok(key.open_text("tenant", "api_key", &sealed)?));
            match opened {
                Ok(api_key) => hashes.push((id, sha256_hex(&api_key), sealed)),
                Err(error) => tracing::warn!(tenant.id = %id, %error, "an API key cannot be opened"),
            }
        }
        let mut conn = app.db.begin().await?;
        for (id, hash, sealed) in &hashes {
            api_key::set_hash(&mut conn, id, hash, sealed).await?;
        }
        conn.commit().await?;
    }
}
