//! Trip 1, the beginning: the marketplace sends an owner's browser, and a salon becomes a tenant.
//!
//! The signature on a visit proves a *user*, never the salon, and can be replayed. So a salon is bound only after its
//! installation was read from the marketplace, and a visitor is shown a salon's page only when that installation is fresh or when
//! the visitor is proven to be the one who made it: whoever sees the code can link a phone of their own.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::{App, enqueue, page_token};
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;
use crate::kernel::phone::Phone;
use crate::kernel::secret::random_hex;
use crate::storage::tenant::{self, SealedKeys, StoredTenant};
use crate::storage::{
    Conn, catalog, client, decision, inbox, job, ledger, login, outbox, record, sitting, wa_session,
};
use crate::yclients::marketplace::{Connection, ConnectionStatus};
use crate::yclients::signed_user::{Claims, Owner};

/// A fresh installation can be finished for so long; later YClients asks the owner to connect again.
const PENDING_WINDOW_MS: i64 = 12 * 3600 * 1000;

/// Visits that may ask the marketplace at once: strangers must not use up the turns that messages wait for.
pub const MOST_VISITS: usize = 4;
const VISIT_PATIENCE: Duration = Duration::from_secs(15);

/// What the browser is sent on with.
#[derive(Debug)]
pub struct Opened {
    /// Never empty.
    pub tenants: Vec<TenantId>,
    pub token: String,
}

/// Who pressed Connect, as it is sealed in the tenant's row.
#[derive(Debug, Serialize, Deserialize)]
struct StoredOwner {
    id: i64,
    name: String,
    phone: String,
}

/// Opens the installation of every salon the visit names and may see; the token covers these.
pub async fn open(app: &App, claims: &Claims, locale: Locale) -> Result<Opened, Error> {
    if claims.application_id.is_some_and(|id| id != app.settings.application_id) {
        return Err(Error::Rejected("foreign_application"));
    }
    let (mut tenants, mut refused) = (Vec::new(), Error::Rejected("no_salon"));
    for salon in &claims.salons {
        // One salon of many that is not to be seen does not keep the others away.
        match visit(app, *salon, claims.user.as_ref(), locale).await {
            Ok(tenant) => tenants.push(tenant),
            Err(error @ Error::Rejected(_)) => refused = error,
            Err(error) => return Err(error),
        }
    }
    let Some(first) = tenants.first() else { return Err(refused) };
    let token = page_token::sign(&app.settings.jwt_secret, first, &tenants, app.now())
        .map_err(|_| Error::Rejected("token_not_signed"))?;
    Ok(Opened { tenants, token })
}

async fn visit(app: &App, salon: SalonId, user: Option<&Owner>, locale: Locale) -> Result<TenantId, Error> {
    if user.is_none() && has_owner(app, salon).await? {
        return Err(Error::Rejected("not_the_owner"));
    }
    let opening = async {
        // The semaphore is never closed.
        let _place = app.visits.acquire().await.map_err(|_| Error::Starting)?;
        open_one(app, salon, user, locale).await
    };
    tokio::time::timeout(VISIT_PATIENCE, opening).await.unwrap_or(Err(Error::Overloaded))
}

/// Whether somebody is known to have installed us into this salon: then nobody unknown is let in, and nobody need be asked.
async fn has_owner(app: &App, salon: SalonId) -> Result<bool, Error> {
    let stored = tenant::find_by_salon(&mut app.db.read().await?, salon).await?;
    Ok(stored.is_some_and(|stored| !stored.keys.owner.is_empty()))
}

async fn open_one(
    app: &App,
    salon: SalonId,
    user: Option<&Owner>,
    locale: Locale,
) -> Result<TenantId, Error> {
    let Some(connection) = app.crm.connection(salon).await? else {
        return Err(Error::Rejected("not_installed"));
    };
    let profile = read_profile(app, salon, user).await;
    finish_leaving(app, salon).await?;
    write_visit(app, salon, user, locale, &connection, &profile).await
}

async fn write_visit(
    app: &App,
    salon: SalonId,
    user: Option<&Owner>,
    locale: Locale,
    connection: &Connection,
    profile: &Profile,
) -> Result<TenantId, Error> {
    let now = app.now();
    let fresh = is_fresh(connection, now);
    let mut conn = app.db.begin().await?;
    let (stored, is_new) = match tenant::find_by_salon(&mut conn, salon).await? {
        None => create(app, &mut conn, salon, profile, user, locale, now).await?,
        Some(stored) => (stored, false),
    };
    let id = stored.tenant.id.clone();
    if !is_new {
        tenant::set_gone(&mut conn, &id, None).await?;
        renew(app, &mut conn, &stored, connection, profile, now).await?;
    }
    let proven = fresh && is_new || is_owner(app, &stored, user) || fresh && stored.keys.owner.is_empty();
    if proven
        && !is_new
        && let Some(user) = user
    {
        seal_owner(app, &mut conn, &id, user, now).await?;
    }
    conn.commit().await?;
    app.key_changes.look_again();
    app.ring();
    tracing::info!(tenant.id = %id, salon.id = %salon, is_new, fresh, proven, "an installation was opened");
    if proven { Ok(id) } else { Err(Error::Rejected("not_the_owner")) }
}

/// A salon that comes back before it was all gone: its old phone and keys go first, or they would be found under the new ones.
async fn finish_leaving(app: &App, salon: SalonId) -> Result<(), Error> {
    let stored = tenant::find_by_salon(&mut app.db.read().await?, salon).await?;
    match stored {
        Some(stored) if stored.tenant.state == TenantState::Uninstalled => {
            super::lifecycle::unlink(app, &stored.tenant.id).await
        }
        _ => Ok(()),
    }
}

/// A salon's name, and whether a phone is linked to it.
pub async fn title_and_link(app: &App, id: &TenantId) -> Result<(String, bool), Error> {
    let mut conn = app.db.read().await?;
    let known = tenant::find(&mut conn, id).await?.ok_or(Error::NotFound)?.tenant;
    let session = wa_session::find(&mut conn, id).await?;
    Ok((known.title, session.is_some_and(|session| session.state.is_linked())))
}

struct Profile {
    title: String,
    address: String,
    timezone: Option<chrono_tz::Tz>,
}

/// The salon's name and zone. Before activation the CRM may not show them to us yet; they are read again then.
async fn read_profile(app: &App, salon: SalonId, user: Option<&Owner>) -> Profile {
    match app.crm.company(salon).await {
        Ok(company) => Profile {
            title: company.title,
            address: company.address,
            timezone: zone_named(company.timezone_name.as_deref()),
        },
        Err(error) => {
            tracing::info!(salon.id = %salon, %error, "the salon's profile cannot be read yet");
            let title = user.and_then(|u| u.salon_name.clone()).filter(|name| !name.is_empty());
            Profile {
                title: title.unwrap_or_else(|| format!("{salon}")),
                address: String::new(),
                timezone: None,
            }
        }
    }
}

/// A zone by its IANA name, when it is one we know.
pub(super) fn zone_named(name: Option<&str>) -> Option<chrono_tz::Tz> {
    name?.parse().ok()
}

fn is_fresh(connection: &Connection, now: UnixMs) -> bool {
    connection.status == ConnectionStatus::Pending
        && connection.created_at.is_none_or(|made| now.since(made) < PENDING_WINDOW_MS)
}

fn is_owner(app: &App, stored: &StoredTenant, user: Option<&Owner>) -> bool {
    let Some(user) = user else { return false };
    let Ok(key) = app.keys.open(stored) else { return false };
    let owner = key.open_text("tenant", "owner", &stored.keys.owner).ok();
    owner
        .and_then(|text| serde_json::from_str::<StoredOwner>(&text).ok())
        .is_some_and(|owner| owner.id == user.id)
}

/// A tenant for the salon, and whether it is this visit's.
async fn create(
    app: &App,
    conn: &mut Conn,
    salon: SalonId,
    profile: &Profile,
    user: Option<&Owner>,
    locale: Locale,
    now: UnixMs,
) -> Result<(StoredTenant, bool), Error> {
    let id = TenantId::new(now);
    let keys = fresh_keys(app, &id, user)?;
    let new = Tenant {
        id,
        salon_id: salon,
        state: TenantState::PendingWhatsapp,
        title: profile.title.clone(),
        address: profile.address.clone(),
        timezone: profile.timezone.unwrap_or(chrono_tz::Europe::Moscow),
        locale,
        created_at: now,
        state_since_at: now,
        activated_at: None,
        number_confirmed_at: None,
        gone_at: None,
    };
    if tenant::insert(conn, &new, &keys).await? {
        return Ok((StoredTenant { tenant: new, keys }, true));
    }
    // Two visits at once: the other one was first, and is the one that counts.
    Ok((tenant::find_by_salon(conn, salon).await?.ok_or(Error::NotFound)?, false))
}

/// New keys for a tenant: data key, API key, webhook address.
fn fresh_keys(app: &App, id: &TenantId, user: Option<&Owner>) -> Result<SealedKeys, Error> {
    let (data_key, sealed) = app.keys.master().new_data_key(id);
    let hook_key = random_hex(32);
    let owner = match user {
        Some(user) => data_key.seal_text("tenant", "owner", &owner_json(user)?),
        None => String::new(),
    };
    Ok(SealedKeys {
        data_key: sealed,
        api_key: data_key.seal_text("tenant", "api_key", &random_hex(32)),
        hook_key: data_key.seal_text("tenant", "hook_key", &hook_key),
        hook_key_hash: super::intake::hash_hook_key(&hook_key),
        owner,
    })
}

fn owner_json(user: &Owner) -> Result<String, Error> {
    let owner = StoredOwner {
        id: user.id,
        name: user.name.clone(),
        phone: user.phone.as_ref().map(Phone::international).unwrap_or_default(),
    };
    Ok(serde_json::to_string(&owner)?)
}

async fn seal_owner(
    app: &App,
    conn: &mut Conn,
    id: &TenantId,
    user: &Owner,
    now: UnixMs,
) -> Result<(), Error> {
    // From the unit of work: it may have made the key itself.
    let stored = tenant::find(conn, id).await?.ok_or(Error::NotFound)?;
    let sealed = app.keys.open(&stored)?.seal_text("tenant", "owner", &owner_json(user)?);
    Ok(tenant::set_owner(conn, id, &sealed, now).await?)
}

/// Brings a known tenant in line with what the marketplace says of it now.
async fn renew(
    app: &App,
    conn: &mut Conn,
    stored: &StoredTenant,
    connection: &Connection,
    profile: &Profile,
    now: UnixMs,
) -> Result<(), Error> {
    let known = &stored.tenant;
    if let Some(zone) = profile.timezone {
        tenant::set_profile(conn, &known.id, &profile.title, &profile.address, zone, now).await?;
    }
    match (&connection.status, known.state) {
        // Connected anew after it had gone: nothing of the old installation may be found by its old keys.
        (_, TenantState::Uninstalled) => {
            let back = tenant::set_state(
                conn,
                &known.id,
                TenantState::Uninstalled,
                TenantState::PendingWhatsapp,
                now,
            );
            if !back.await? {
                // Two visits at once: the other one has made the keys.
                return Ok(());
            }
            let keys = fresh_keys(app, &known.id, None)?;
            inbox::delete_all(conn, &known.id).await?;
            record::delete_all(conn, &known.id).await?;
            client::delete_all(conn, &known.id).await?;
            ledger::delete_all(conn, &known.id).await?;
            job::delete_all(conn, &known.id).await?;
            outbox::delete_all(conn, &known.id).await?;
            decision::delete_all(conn, &known.id).await?;
            super::pace::forget(conn, &known.id).await?;
            sitting::delete_all(conn, &known.id).await?;
            login::delete_all(conn, &known.id).await?;
            super::client_door::forget(conn, &known.id).await?;
            catalog::clear_progress(conn, &known.id).await?;
            tenant::set_keys(conn, &known.id, &keys, now).await?;
        }
        // Disconnected and connected again without our hearing of it: the phone is still linked, the rest is done anew.
        (ConnectionStatus::Pending, TenantState::Active | TenantState::Frozen) => {
            tenant::set_state(conn, &known.id, known.state, TenantState::Uninstalled, now).await?;
            tenant::set_state(conn, &known.id, TenantState::Uninstalled, TenantState::PendingWhatsapp, now)
                .await?;
            let linked = wa_session::find(conn, &known.id).await?.is_some_and(|s| s.state.is_linked());
            if linked {
                super::activate::phone_was_linked(app, conn, &known.id, now).await?;
            }
        }
        (ConnectionStatus::Freezed, TenantState::Active) => {
            tenant::set_state(conn, &known.id, TenantState::Active, TenantState::Frozen, now).await?;
        }
        (ConnectionStatus::Active, TenantState::Frozen) => {
            tenant::set_state(conn, &known.id, TenantState::Frozen, TenantState::Active, now).await?;
            super::replan::replan_upcoming(conn, &known.id, now).await?;
        }
        // An installation that was interrupted goes on by itself.
        (_, TenantState::WhatsappConnected | TenantState::Configuring) => {
            enqueue::installation(conn, enqueue::CONFIGURE, &known.id, now, now).await?;
        }
        _ => {}
    }
    Ok(())
}
