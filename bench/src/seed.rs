//! Installed salons, written with the product's own code: a thousand visits would take the marketplace's pace an hour.

use salonbridge::app::intake::hash_hook_key;
use salonbridge::domain::tenant::{Tenant, TenantState};
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::kernel::id::TenantId;
use salonbridge::kernel::locale::Locale;
use salonbridge::kernel::seal::MasterKeys;
use salonbridge::kernel::secret::random_hex;
use salonbridge::storage::tenant::SealedKeys;
use salonbridge::storage::{Db, inbox, tenant};

use crate::process::ENCRYPTION_KEY;

/// An active salon.
#[derive(Debug, Clone)]
pub struct Salon {
    pub tenant: TenantId,
    pub salon_id: i64,
    pub hook_key: String,
}

const FIRST_SALON: i64 = 900_001;

/// Adds active salons to the database, which nobody else may have open.
pub async fn salons(database_url: &str, count: usize) -> anyhow::Result<Vec<Salon>> {
    let master = MasterKeys::parse(ENCRYPTION_KEY).map_err(anyhow::Error::msg)?;
    let db = Db::open(database_url).await?;
    let now = SystemClock.now();
    let mut conn = db.begin().await?;
    let mut added = Vec::with_capacity(count);
    for salon_id in (FIRST_SALON..).take(count) {
        let id = TenantId::new(now);
        let (key, data_key) = master.new_data_key(&id);
        let hook_key = random_hex(32);
        let keys = SealedKeys {
            data_key,
            api_key: key.seal_text("tenant", "api_key", &random_hex(32)),
            hook_key: key.seal_text("tenant", "hook_key", &hook_key),
            hook_key_hash: hash_hook_key(&hook_key),
            owner: String::new(),
        };
        let new = Tenant {
            id: id.clone(),
            salon_id: SalonId(salon_id),
            state: TenantState::PendingWhatsapp,
            title: format!("Salon {salon_id}"),
            address: String::new(),
            timezone: chrono_tz::Europe::Moscow,
            locale: Locale::Ru,
            created_at: now,
            state_since_at: now,
            activated_at: None,
            number_confirmed_at: None,
            gone_at: None,
        };
        tenant::insert(&mut conn, &new, &keys).await?;
        // By the same statement as in life, so that the instant of activation is there.
        tenant::set_state(&mut conn, &id, TenantState::PendingWhatsapp, TenantState::Active, now).await?;
        // The marketplace knows nothing of these salons: it is not to be asked about them.
        tenant::mark_checked(&mut conn, &id, now.plus_secs(24 * 3600)).await?;
        added.push(Salon { tenant: id, salon_id, hook_key });
    }
    conn.commit().await?;
    db.close().await;
    Ok(added)
}

/// How many hooks are there. The product must have let go of the database.
pub async fn count_hooks(database_url: &str, salons: &[Salon]) -> anyhow::Result<u64> {
    let db = Db::open(database_url).await?;
    let mut count = 0;
    for salon in salons {
        let mut conn = db.read().await?;
        count += u64::try_from(inbox::count_waiting(&mut conn, &salon.tenant).await?)?;
    }
    db.close().await;
    Ok(count)
}
