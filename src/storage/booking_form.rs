//! Where a salon's clients book: the address of its form, as the CRM said it last, and since when it does not answer.

use sqlx::FromRow;

use super::db::{Conn, on};
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;

const FIND: &str = "SELECT url, read_at, failed_at FROM booking_form WHERE tenant_id = $1";
const SET: &str = "INSERT INTO booking_form (tenant_id, url, read_at, failed_at) VALUES ($1, $2, $3, 0) \
     ON CONFLICT (tenant_id) DO UPDATE SET url = excluded.url, read_at = excluded.read_at, failed_at = 0";
const MARK_FAILED: &str = "INSERT INTO booking_form (tenant_id, url, read_at, failed_at) VALUES ($1, '', 0, $2) \
     ON CONFLICT (tenant_id) DO UPDATE SET failed_at = excluded.failed_at";
const DELETE_ALL: &str = "DELETE FROM booking_form WHERE tenant_id = $1";

pub const SQL: &[&str] = &[FIND, SET, MARK_FAILED, DELETE_ALL];

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct BookingFormRow {
    /// '' where the salon has no form, or nothing was read yet.
    pub url: String,
    /// 0 until it was read.
    pub read_at: i64,
    /// 0 unless the CRM did not answer last.
    pub failed_at: i64,
}

pub async fn find(conn: &mut Conn, tenant: &TenantId) -> Result<Option<BookingFormRow>, Error> {
    Ok(on!(conn, c => sqlx::query_as(FIND).bind(tenant.as_str()).fetch_optional(c).await)?)
}

/// The CRM said where the form is; '' for nowhere.
pub async fn set(conn: &mut Conn, tenant: &TenantId, url: &str, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(SET).bind(tenant.as_str()).bind(url).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

/// The CRM did not answer. What it said before stands.
pub async fn mark_failed(conn: &mut Conn, tenant: &TenantId, now: UnixMs) -> Result<(), Error> {
    on!(conn, c => sqlx::query(MARK_FAILED).bind(tenant.as_str()).bind(now.0).execute(c).await.map(drop))?;
    Ok(())
}

pub async fn delete_all(conn: &mut Conn, tenant: &TenantId) -> Result<(), Error> {
    on!(conn, c => sqlx::query(DELETE_ALL).bind(tenant.as_str()).execute(c).await.map(drop))?;
    Ok(())
}

#[cfg(test)]
#[path = "booking_form_tests.rs"]
mod tests;
