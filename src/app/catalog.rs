//! The catalogue: services and their groups, staff and schedule, with a progress that the connect page shows the first time.

use std::collections::HashMap;

use serde_json::json;

use super::error::Error;
use super::{App, bus::News};
use crate::domain::dates;
use crate::domain::sync::Counts;
use crate::domain::tenant::Tenant;
use crate::kernel::clock::UnixMs;
use crate::storage::catalog::{self, DayRow, ServiceRow, StaffRow};
use crate::storage::catalog_now::{self, CategoryRow};
use crate::storage::retention;
use crate::yclients::YclientsApi;

/// Rows written in one unit of work, so that a large salon does not hold the writer for long.
const CHUNK: usize = 100;
const SCHEDULE_DAYS: i64 = 30;

/// Copies the salon's catalogue, as urgently as `crm` calls, and says what was new in it. May be repeated: rows are replaced, what
/// is gone is switched off.
pub async fn sync(app: &App, crm: &YclientsApi, known: &Tenant) -> Result<Counts, Error> {
    let began = app.now();
    let mut counts = Counts::default();
    let categories: Vec<CategoryRow> =
        crm.service_categories(known.salon_id).await?.into_iter().map(category_row).collect();
    let mut conn = app.db.begin().await?;
    let before = catalog_now::list_categories(&mut conn, &known.id).await?;
    compare(&mut counts, &before, &categories, |row| row.category_id);
    catalog_now::upsert_categories(&mut conn, &known.id, &categories, began).await?;
    conn.commit().await?;

    let services: Vec<ServiceRow> =
        crm.services(known.salon_id).await?.into_iter().map(service_row).collect();
    let before = catalog_now::list_services(&mut app.db.read().await?, &known.id).await?;
    compare(&mut counts, &before, &services, |row| row.service_id);
    let mut progress = Progress { app, known, part: "services", total: services.len(), done: 0 };
    progress.tell(false).await?;
    for chunk in services.chunks(CHUNK) {
        let mut conn = app.db.begin().await?;
        catalog::upsert_services(&mut conn, &known.id, chunk, began).await?;
        conn.commit().await?;
        progress.add(chunk.len()).await?;
    }
    progress.tell(true).await?;

    let staff: Vec<StaffRow> = crm.staff(known.salon_id).await?.into_iter().map(staff_row).collect();
    let before = catalog_now::list_staff(&mut app.db.read().await?, &known.id).await?;
    compare(&mut counts, &before, &staff, |row| row.staff_id);
    let mut progress = Progress { app, known, part: "staff", total: staff.len(), done: 0 };
    progress.tell(false).await?;
    for chunk in staff.chunks(CHUNK) {
        let mut conn = app.db.begin().await?;
        catalog::upsert_staff(&mut conn, &known.id, chunk, began).await?;
        conn.commit().await?;
        progress.add(chunk.len()).await?;
    }
    progress.tell(true).await?;

    let days = read_schedule(crm, known, began).await?;
    let mut progress = Progress { app, known, part: "schedule", total: days.len(), done: 0 };
    progress.tell(false).await?;
    for chunk in days.chunks(CHUNK) {
        let mut conn = app.db.begin().await?;
        catalog::upsert_days(&mut conn, &known.id, chunk, began).await?;
        conn.commit().await?;
        progress.add(chunk.len()).await?;
    }
    progress.tell(true).await?;

    let mut conn = app.db.begin().await?;
    let mut off = catalog_now::retire_categories(&mut conn, &known.id, began).await?;
    off += catalog::retire_services(&mut conn, &known.id, began).await?;
    off += catalog::retire_staff(&mut conn, &known.id, began).await?;
    let today = dates::local(began, known.timezone).date().to_string();
    retention::delete_days(&mut conn, &known.id, &today).await?;
    conn.commit().await?;
    counts.cancelled = i64::try_from(off).unwrap_or(i64::MAX);
    Ok(counts)
}

/// Counts what of a list is new, and what is another than it was.
fn compare<R: PartialEq>(counts: &mut Counts, before: &[R], now: &[R], id: fn(&R) -> i64) {
    let known: HashMap<i64, &R> = before.iter().map(|row| (id(row), row)).collect();
    for row in now {
        match known.get(&id(row)) {
            None => counts.created += 1,
            Some(same) if *same == row => counts.unchanged += 1,
            Some(_) => counts.updated += 1,
        }
    }
}

fn category_row(category: crate::yclients::catalog::Category) -> CategoryRow {
    CategoryRow { category_id: category.id, title: category.title, active: true }
}

async fn read_schedule(crm: &YclientsApi, known: &Tenant, now: UnixMs) -> Result<Vec<DayRow>, Error> {
    let today = dates::local(now, known.timezone).date();
    let until = today + chrono::Duration::days(SCHEDULE_DAYS);
    let days = crm.schedule(known.salon_id, today, until).await?;
    days.into_iter()
        .map(|day| {
            let span = |(from, to): &(chrono::NaiveTime, chrono::NaiveTime)| {
                json!({"from": from.format("%H:%M").to_string(), "to": to.format("%H:%M").to_string()})
            };
            let slots = serde_json::to_string(&day.slots.iter().map(span).collect::<Vec<_>>())?;
            Ok(DayRow { staff_id: day.staff_id.0, day: day.date.to_string(), slots })
        })
        .collect()
}

fn service_row(service: crate::yclients::catalog::Service) -> ServiceRow {
    ServiceRow {
        service_id: service.id.0,
        title: service.title,
        category_id: service.category_id,
        price_min: service.price_min.unwrap_or(0),
        price_max: service.price_max.or(service.price_min).unwrap_or(0),
        length_s: service.length_s,
        active: service.active,
    }
}

fn staff_row(staff: crate::yclients::catalog::Staff) -> StaffRow {
    StaffRow {
        staff_id: staff.id.0,
        name: staff.name,
        specialization: staff.specialization,
        active: !staff.fired && !staff.hidden,
    }
}

struct Progress<'a> {
    app: &'a App,
    known: &'a Tenant,
    part: &'static str,
    total: usize,
    done: usize,
}

impl Progress<'_> {
    async fn add(&mut self, rows: usize) -> Result<(), Error> {
        self.done += rows;
        self.tell(false).await
    }

    async fn tell(&self, finished: bool) -> Result<(), Error> {
        let now = self.app.now();
        let mut conn = self.app.db.begin().await?;
        let finished_at = finished.then_some(now);
        catalog::set_progress(&mut conn, &self.known.id, self.part, self.done, self.total, finished_at)
            .await?;
        conn.commit().await?;
        self.app.bus.tell(&self.known.id, News::View);
        Ok(())
    }
}
