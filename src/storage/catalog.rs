//! What a salon offers: services, staff, schedule, and how far their first sync came.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::domain::connect::SyncPart;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const UPSERT_SERVICE: &str = "INSERT INTO service (tenant_id, service_id, title, category_id, price_min, price_max, length_s, \
     active, synced_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, service_id) DO UPDATE SET \
     title = excluded.title, category_id = excluded.category_id, price_min = excluded.price_min, \
     price_max = excluded.price_max, length_s = excluded.length_s, active = excluded.active, synced_at = excluded.synced_at";
const RETIRE_SERVICES: &str =
    "UPDATE service SET active = FALSE WHERE tenant_id = $1 AND synced_at < $2 AND active";
const UPSERT_STAFF: &str = "INSERT INTO staff (tenant_id, staff_id, name, specialization, active, synced_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, staff_id) DO UPDATE SET name = excluded.name, \
     specialization = excluded.specialization, active = excluded.active, synced_at = excluded.synced_at";
const RETIRE_STAFF: &str =
    "UPDATE staff SET active = FALSE WHERE tenant_id = $1 AND synced_at < $2 AND active";
const UPSERT_DAY: &str = "INSERT INTO schedule (tenant_id, staff_id, day, slots, synced_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant_id, staff_id, day) DO UPDATE SET slots = excluded.slots, synced_at = excluded.synced_at";
const SET_PROGRESS: &str = "INSERT INTO sync_progress (tenant_id, part, done, total, finished_at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant_id, part) DO UPDATE SET done = excluded.done, total = excluded.total, \
     finished_at = excluded.finished_at";
const LIST_PROGRESS: &str =
    "SELECT part, done, total, finished_at FROM sync_progress WHERE tenant_id = $1 ORDER BY part DESC";
const CLEAR_PROGRESS: &str = "DELETE FROM sync_progress WHERE tenant_id = $1";
/// MIN alone would leave out the parts that are still running.
const LAST_SYNC: &str = "SELECT CASE WHEN COUNT(finished_at) = 3 THEN MIN(finished_at) END FROM sync_progress WHERE tenant_id = $1";
const COUNT: &str = "SELECT CAST((SELECT COUNT(*) FROM service WHERE tenant_id = $1 AND active) AS BIGINT), \
     CAST((SELECT COUNT(*) FROM staff WHERE tenant_id = $1 AND active) AS BIGINT), \
     CAST((SELECT COUNT(*) FROM schedule WHERE tenant_id = $1) AS BIGINT)";

pub const SQL: &[&str] = &[
    UPSERT_SERVICE,
    RETIRE_SERVICES,
    UPSERT_STAFF,
    RETIRE_STAFF,
    UPSERT_DAY,
    SET_PROGRESS,
    LIST_PROGRESS,
    CLEAR_PROGRESS,
    LAST_SYNC,
    COUNT,
];

/// A service as the catalogue keeps it. Prices in minor units, length in seconds.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ServiceRow {
    pub service_id: i64,
    pub title: String,
    pub category_id: Option<i64>,
    pub price_min: i64,
    pub price_max: i64,
    pub length_s: Option<i64>,
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StaffRow {
    pub staff_id: i64,
    pub name: String,
    pub specialization: String,
    pub active: bool,
}

/// One day of one master; `slots` is JSON.
#[derive(Debug, Clone)]
pub struct DayRow {
    pub staff_id: i64,
    pub day: String,
    pub slots: String,
}

pub async fn upsert_services(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[ServiceRow],
    now: UnixMs,
) -> Result<(), Error> {
    for row in rows {
        on!(conn, c => sqlx::query(UPSERT_SERVICE)
            .bind(tenant.as_str()).bind(row.service_id).bind(&row.title).bind(row.category_id).bind(row.price_min)
            .bind(row.price_max).bind(row.length_s).bind(row.active).bind(now.0).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Switches off what the sync that began at `since` did not see; says how many.
pub async fn retire_services(conn: &mut Conn, tenant: &TenantId, since: UnixMs) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(RETIRE_SERVICES).bind(tenant.as_str()).bind(since.0).execute(c).await
        .map(|d| d.rows_affected()))?)
}

pub async fn upsert_staff(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[StaffRow],
    now: UnixMs,
) -> Result<(), Error> {
    for row in rows {
        on!(conn, c => sqlx::query(UPSERT_STAFF)
            .bind(tenant.as_str()).bind(row.staff_id).bind(&row.name).bind(&row.specialization).bind(row.active)
            .bind(now.0).execute(c).await.map(drop))?;
    }
    Ok(())
}

/// Switches off what the sync that began at `since` did not see; says how many.
pub async fn retire_staff(conn: &mut Conn, tenant: &TenantId, since: UnixMs) -> Result<u64, Error> {
    Ok(on!(conn, c => sqlx::query(RETIRE_STAFF).bind(tenant.as_str()).bind(since.0).execute(c).await
        .map(|d| d.rows_affected()))?)
}

pub async fn upsert_days(
    conn: &mut Conn,
    tenant: &TenantId,
    rows: &[DayRow],
    now: UnixMs,
) -> Result<(), Error> {
    for row in rows {
        on!(conn, c => sqlx::query(UPSERT_DAY)
            .bind(tenant.as_str()).bind(row.staff_id).bind(&row.day).bind(&row.slots).bind(now.0)
            .execute(c).await.map(drop))?;
    }
    Ok(())
}

/// `part` is services, staff or schedule.
pub async fn set_progress(
    conn: &mut Conn,
    tenant: &TenantId,
    part: &str,
    done: usize,
    total: usize,
    finished_at: Option<UnixMs>,
) -> Result<(), Error> {
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    on!(conn, c => sqlx::query(SET_PROGRESS)
        .bind(tenant.as_str()).bind(part).bind(count(done)).bind(count(total)).bind(finished_at.map(|at| at.0))
        .execute(c).await.map(drop))?;
    Ok(())
}

pub async fn clear_progress(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(CLEAR_PROGRESS).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

/// How far each part is, in the order they run: services, staff, schedule. Parts not begun stand at zero.
pub async fn list_progress(conn: &mut Conn, tenant: &TenantId) -> Result<Vec<SyncPart>, Error> {
    #[derive(FromRow)]
    struct Row {
        part: String,
        done: i64,
        total: i64,
        finished_at: Option<i64>,
    }
    let rows: Vec<Row> =
        on!(conn, c => sqlx::query_as(LIST_PROGRESS).bind(tenant.as_str()).fetch_all(c).await)?;
    let part = |name: &str| {
        let row = rows.iter().find(|row| row.part == name);
        SyncPart {
            part: name.to_owned(),
            done: row.map_or(0, |row| row.done),
            total: row.map_or(0, |row| row.total),
            finished: row.is_some_and(|row| row.finished_at.is_some()),
        }
    };
    Ok(["services", "staff", "schedule"].map(part).to_vec())
}

/// When the whole catalogue was complete; `None` while one of its three parts is not.
pub async fn last_sync(conn: &mut Conn, tenant: &TenantId) -> Result<Option<UnixMs>, Error> {
    let (at,): (Option<i64>,) =
        on!(conn, c => sqlx::query_as(LAST_SYNC).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(at.map(UnixMs))
}

/// Active services, active staff, known days.
pub async fn count(conn: &mut Conn, tenant: &TenantId) -> Result<(i64, i64, i64), Error> {
    Ok(on!(conn, c => sqlx::query_as(COUNT).bind(tenant.as_str()).fetch_one(c).await)?)
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
