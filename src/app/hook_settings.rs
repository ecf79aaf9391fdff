//! Whether YClients still sends a salon's hooks to us: looked at after the activation and once a day, and repaired.
//!
//! The settings are the whole salon's: other applications' addresses and switches are left as they are. Of ours, whatever leads to
//! a key that is no longer this salon's is taken out, so that the ten places do not fill up.

use super::activate::hook_urls;
use super::error::Error;
use super::{App, tenants_of};
use crate::domain::sync::{self, HookCheck};
use crate::domain::tenant::TenantState;
use crate::kernel::id::TenantId;
use crate::storage::hook_check;
use crate::yclients;
use crate::yclients::hook_settings::{HookSettings, MOST_URLS};

const DAY_MS: i64 = 24 * 3_600_000;

/// The job: looks, repairs, and says how long until it is looked at again. A salon that is paused or gone is left alone.
pub async fn check(app: &App, id: &TenantId) -> Result<Option<i64>, Error> {
    let stored = tenants_of(app, id).await?;
    let known = stored.tenant;
    if known.state != TenantState::Active {
        return Ok(None);
    }
    let key = app.keys.of(id).await?;
    let ours = hook_urls(app, &key.open_text("tenant", "hook_key", &stored.keys.hook_key)?);
    let outcome = match repair(app, known.salon_id, &ours).await {
        Ok(outcome) => outcome,
        Err(yclients::Error::Forbidden(_) | yclients::Error::NotFound | yclients::Error::LicenceExpired) => {
            HookCheck::Forbidden
        }
        // What YClients does not take from us will not be taken a second later.
        Err(error @ yclients::Error::Rejected { .. }) => {
            tracing::warn!(tenant.id = %id, %error, "the hook settings were not taken");
            HookCheck::Unknown
        }
        Err(error) => return Err(error.into()),
    };
    let now = app.now();
    let mut conn = app.db.begin().await?;
    hook_check::set(&mut conn, id, outcome, now).await?;
    conn.commit().await?;
    if outcome != HookCheck::Right {
        tracing::warn!(tenant.id = %id, outcome = outcome.as_str(), "the hook settings in YClients were not as they should be");
    }
    Ok(Some(sync::wait_ms(DAY_MS, known.salon_id.0, now)))
}

async fn repair(
    app: &App,
    salon: crate::kernel::crm_id::SalonId,
    ours: &[String],
) -> Result<HookCheck, yclients::Error> {
    let crm = app.crm.in_background();
    let mut settings = crm.hook_settings(salon).await?;
    if is_right(&settings, ours) {
        return Ok(HookCheck::Right);
    }
    let base = format!("{}/webhook/", app.settings.public_url);
    settings.urls.retain(|url| !url.starts_with(&base) || ours.contains(url));
    if !settings.urls.iter().any(|url| ours.contains(url)) {
        if settings.urls.len() >= MOST_URLS {
            return Ok(HookCheck::Full);
        }
        settings.urls.extend(ours.first().cloned());
    }
    settings.tell_of_records();
    crm.set_hook_settings(salon, &settings).await?;
    // The answer to a write is not to be relied on; another may have written meanwhile.
    let written = crm.hook_settings(salon).await?;
    Ok(if is_right(&written, ours) { HookCheck::Repaired } else { HookCheck::Unknown })
}

fn is_right(settings: &HookSettings, ours: &[String]) -> bool {
    settings.tells_of_records() && settings.urls.iter().any(|url| ours.contains(url))
}
