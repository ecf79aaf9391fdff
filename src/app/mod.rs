//! Use cases, one file per trip: load, decide, write, tell.
//!
//! Talking to YClients or WhatsApp happens between units of work, never inside one.

pub mod absorb;
pub mod account;
pub mod activate;
pub mod addresses;
pub mod alerts;
pub mod asks;
pub mod bells;
pub mod bonuses;
pub mod booking_form;
pub mod books;
pub mod bus;
mod cards;
pub mod catalog;
pub mod client_door;
pub mod client_pages;
pub mod clients;
pub mod codes;
pub mod connect;
pub mod desk;
pub mod enqueue;
pub mod error;
pub mod faces;
mod guesses;
pub mod health;
pub mod hook_key;
pub mod hook_settings;
pub mod inbound;
pub mod install;
pub mod intake;
pub mod key_changes;
pub mod keyring;
pub mod lifecycle;
pub mod logins;
pub mod node;
pub mod notify;
mod pace;
pub mod page_token;
pub mod pairings;
mod passwords;
pub mod replan;
pub mod ripple;
pub mod session_events;
pub mod sessions;
pub mod settle;
pub mod sittings;
pub mod sync;
mod telling;
pub mod tenants;
pub mod timeline;
pub mod timeline_token;
pub mod turns;
pub mod unsettled;
pub mod upkeep;
pub mod vault;
mod why;

use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

pub use error::Error;

use crate::alarm::Alarm;
use crate::kernel::clock::{Clock, UnixMs};
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;
use crate::kernel::secret::Secret;
use crate::storage::tenant::{self, StoredTenant};
use crate::storage::{Conn, Db};
use crate::whatsapp::gateway::Gateway;
use crate::yclients::YclientsApi;

/// What the use cases need to know of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the world reaches us, without a slash at the end.
    pub public_url: String,
    pub application_id: i64,
    pub partner_token: Secret,
    /// When set, every hook must carry a matching `x-yclients-signature`.
    pub webhook_secret: Option<Secret>,
    pub jwt_secret: Secret,
    /// Page of the salon in the CRM; `{salon}` stands for its id.
    pub return_url: String,
    /// How long the owner may leave "is that the right number?" unanswered before we go on, in milliseconds.
    pub confirm_wait_ms: i64,
}

/// Everything a use case may touch. Cheap to share.
pub struct App {
    pub db: Db,
    pub crm: YclientsApi,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub keys: Arc<keyring::Keyring>,
    pub key_changes: Arc<key_changes::KeyChanges>,
    pub bus: bus::Bus,
    pub tenants: tenants::Overrides,
    pub node: Arc<node::Node>,
    pub intake: intake::Batcher,
    pub addresses: addresses::Addresses,
    forms: booking_form::Forms,
    /// Places for visits from the marketplace; see [`install::MOST_VISITS`].
    pub visits: Semaphore,
    passwords: passwords::Passwords,
    /// The operator's own channel, where there is one.
    pub alarm: Option<Alarm>,
    /// Rung after a commit that left something to do.
    pub bells: bells::Bells,
    gateway: OnceLock<Arc<dyn Gateway>>,
}

/// The parts an [`App`] is made of.
pub struct Parts {
    pub db: Db,
    pub crm: YclientsApi,
    pub clock: Arc<dyn Clock>,
    pub settings: Settings,
    pub keys: Arc<keyring::Keyring>,
    pub key_changes: Arc<key_changes::KeyChanges>,
    pub tenants: tenants::Overrides,
    pub node: Arc<node::Node>,
    pub alarm: Option<Alarm>,
}

impl App {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            intake: intake::Batcher::default(),
            addresses: addresses::Addresses::default(),
            forms: booking_form::Forms::default(),
            visits: Semaphore::new(install::MOST_VISITS),
            passwords: passwords::Passwords::default(),
            db: parts.db,
            crm: parts.crm,
            clock: parts.clock,
            settings: parts.settings,
            keys: parts.keys,
            key_changes: parts.key_changes,
            bus: bus::Bus::default(),
            tenants: parts.tenants,
            node: parts.node,
            alarm: parts.alarm,
            bells: bells::Bells::default(),
            gateway: OnceLock::new(),
        }
    }

    /// Gives the app its WhatsApp. Once: sessions tell the app what happens, so the two need each other.
    pub fn set_gateway(&self, gateway: Arc<dyn Gateway>) {
        if self.gateway.set(gateway).is_err() {
            tracing::error!("the WhatsApp gateway was set twice; the first one stays");
        }
    }

    pub fn gateway(&self) -> Result<&Arc<dyn Gateway>, Error> {
        self.gateway.get().ok_or(Error::Starting)
    }

    #[must_use]
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }
}

/// A tenant that must exist, with the language its clients are written to.
pub(crate) async fn tenants_of(app: &App, id: &TenantId) -> Result<StoredTenant, Error> {
    tenant_in(app, &mut app.db.read().await?, id).await
}

/// The same inside a unit of work.
pub(crate) async fn tenant_in(app: &App, conn: &mut Conn, id: &TenantId) -> Result<StoredTenant, Error> {
    let mut stored = tenant::find(conn, id).await?.ok_or(Error::NotFound)?;
    let known = &mut stored.tenant;
    let ruled = app.tenants.rules(known.salon_id).language;
    let own = Locale::of_text(&format!("{} {}", known.title, known.address));
    known.locale = ruled.or(own).unwrap_or(known.locale);
    Ok(stored)
}

/// Whose salon that is.
pub async fn tenant_of(app: &App, salon: SalonId) -> Result<TenantId, Error> {
    let stored = tenant::find_by_salon(&mut app.db.read().await?, salon).await?;
    Ok(stored.ok_or(Error::NotFound)?.tenant.id)
}

/// The CRM's number of a tenant's salon.
pub async fn salon_of(app: &App, id: &TenantId) -> Result<SalonId, Error> {
    Ok(tenants_of(app, id).await?.tenant.salon_id)
}

/// The zone a tenant's times are told in.
pub async fn zone_of(app: &App, id: &TenantId) -> Result<chrono_tz::Tz, Error> {
    Ok(tenants_of(app, id).await?.tenant.timezone)
}
