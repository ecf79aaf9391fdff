//! What a salon's catalogue holds now, its groups of services among it: what the next copy is compared with.

use sqlx::FromRow;

use super::catalog::{ServiceRow, StaffRow};
use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::ServiceId;
use crate::kernel::id::TenantId;

const UPSERT_CATEGORY: &str = "INSERT INTO service_category (tenant_id, category_id, title, active, synced_at) \
     VALUES ($1, $2, $3, TRUE, $4) ON CONFLICT (tenant_id, category_id) DO UPDATE SET title = excluded.title, \
     active = excluded.active, synced_at = excluded.synced_at";
const RETIRE_CATEGORIES: &str =
    "UPDATE service_category SET active = FALSE WHERE tenant_id = $1 AND synced_at < $2 AND active";
const CATEGORIES: &str =
    "SELECT category_id, title, active FROM service_category WHERE tenant_id = $1 ORDER BY category_id";
const SERVICES: &str = "SELECT service_id, title, category_id, price_min, price_max, length_s, active FROM service \
     WHERE tenant_id = $1 ORDER BY service_id";
const SERVICE: &str = "SELECT service_id, title, category_id, price_min, price_max, length_s, active FROM service \
     WHERE tenant_id = $1 AND service_id = $2";
const STAFF: &str =
    "SELECT staff_id, name, specialization, active FROM staff WHERE tenant_id = $1 ORDER BY staff_id";

pub const SQL: &[&str] = &[UPSERT_CATEGORY, RETIRE_CATEGORIES, CATEGORIES, SERVICES, SERVICE, STAFF];

/// A group of services.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct CategoryRow {
    pub category_id: i64,
    pub title: String,
    pub active: bool,
}

pub async fn upsert_categories(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[CategoryRow],
    now: UnixMs,
) -> Result<(), Error> {
    for row in rows {
        on!(conn, c => sqlx::query(UPSERT_CATEGORY).bind(tenant.as_str()).bind(row.category_id).bind(&row.title).bind(now.0)
            .execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Switches off what the sync that began at `since` did not see; says how many.
pub async fn retire_categories(conn: &mut Conn, tenant: &TenantId, since: UnixMs) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(RETIRE_CATEGORIES).bind(tenant.as_str()).bind(since.0).execute(c).await
        .map(|d| d.rows_affected()))?)
}

pub async fn list_categories(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<CategoryRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(CATEGORIES).bind(tenant.as_str()).fetch_all(c).await)?)
}

pub async fn list_services(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<ServiceRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(SERVICES).bind(tenant.as_str()).fetch_all(c).await)?)
}

pub async fn find_service(
    conn: &mut Conn,
    tenant: &TenantId,
    id: ServiceId,
) -> Result<Option<ServiceRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(SERVICE).bind(tenant.as_str()).bind(id.0).fetch_optional(c).await)?)
}

pub async fn list_staff(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<StaffRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(STAFF).bind(tenant.as_str()).fetch_all(c).await)?)
}

#[cfg(test)]
#[path = "catalog_now_tests.rs"]
mod tests;
