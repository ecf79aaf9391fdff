//! Where a client books: the salon's own form with the CRM, with a service and a master chosen.
//!
//! # Decision
//! The form's address changes once in years and every visitor needs it: it is asked once an hour at most, by one visitor at a time,
//! and while the CRM does not answer the one of before serves for a week. What the CRM said is handed to a browser, so it is looked
//! at first: its own hosts, or the very server we talk to, and nothing else.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};

use super::error::Error;
use super::{App, tenants_of};
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ServiceId, StaffId};
use crate::kernel::id::TenantId;
use crate::storage::booking_form::{self, BookingFormRow};
pub use crate::storage::catalog::ServiceRow as Service;
use crate::storage::catalog_now::{self, CategoryRow};

/// What was read is believed so long, and so much longer while the CRM does not answer.
const FRESH_MS: i64 = 3_600_000;
const STALE_MS: i64 = 7 * 24 * 3_600_000;
/// After no answer nobody is made to wait for the next one for so long.
const REST_MS: i64 = 15_000;
/// A visitor waits no longer than that.
const PATIENCE: Duration = Duration::from_secs(10);

/// Salons whose form is being asked for: one visitor asks, the others wait for what they hear.
#[derive(Default)]
pub struct Forms([Mutex<()>; 32]);

impl Forms {
    async fn turn(&self, id: &TenantId) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.0[(hasher.finish() % 32) as usize].lock().await
    }
}

/// The form, ready to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widget {
    pub url: String,
    pub service: ServiceId,
    pub title: String,
}

/// The salon's form with this service chosen, and this master where one is named.
pub async fn widget(
    app: &App,
    id: &TenantId,
    service: ServiceId,
    staff: Option<StaffId>,
) -> Result<Widget, Error> {
    let known = open_salon(app, id).await?;
    let (row, people) = {
        let mut conn = app.db.read().await?;
        (
            catalog_now::find_service(&mut conn, id, service).await?,
            catalog_now::list_staff(&mut conn, id).await?,
        )
    };
    let row = row.filter(|row| row.active).ok_or(Error::Rejected("service_not_linked"))?;
    let works = |staff: StaffId| people.iter().any(|person| person.staff_id == staff.0 && person.active);
    if staff.is_some_and(|staff| !works(staff)) {
        return Err(Error::Rejected("master_not_linked"));
    }
    let form = form_of(app, &known).await?;
    if form.is_empty() {
        return Err(Error::Rejected("no_booking_form"));
    }
    let url = app.crm.form_address(&form, known.salon_id, service, staff).ok_or_else(|| {
        tracing::warn!(tenant.id = %id, "the CRM named a booking form on a host that is not its own");
        Error::Rejected("no_booking_form")
    })?;
    Ok(Widget { url, service, title: row.title })
}

/// A salon that has pages for its clients.
pub async fn open_salon(app: &App, id: &TenantId) -> Result<Tenant, Error> {
    let known = tenants_of(app, id).await?.tenant;
    match known.state {
        TenantState::Active | TenantState::Frozen => Ok(known),
        _ => Err(Error::NotFound),
    }
}

async fn form_of(app: &App, known: &Tenant) -> Result<String, Error> {
    if let Some(form) = remembered(app, &known.id).await?.and_then(|row| fresh(&row, app.now())) {
        return form;
    }
    let _turn = app.forms.turn(&known.id).await;
    let row = remembered(app, &known.id).await?;
    if let Some(form) = row.as_ref().and_then(|row| fresh(row, app.now())) {
        return form;
    }
    let said = tokio::time::timeout(PATIENCE, app.crm.company(known.salon_id)).await;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let form = match said {
        Ok(Ok(company)) => {
            let form = company.booking_url.unwrap_or_default();
            booking_form::set(&mut conn, &known.id, &form, now).await?;
            Ok(form)
        }
        failed => {
            let error = failed.ok().and_then(Result::err);
            tracing::warn!(tenant.id = %known.id, error = error.map(|e| e.to_string()), "the booking form could not be asked for");
            booking_form::mark_failed(&mut conn, &known.id, now).await?;
            stale(row.as_ref(), now)
        }
    };
    conn.commit().await?;
    form
}

async fn remembered(app: &App, id: &TenantId) -> Result<Option<BookingFormRow>, Error> {
    Ok(booking_form::find(&mut app.db.read().await?, id).await?)
}

/// What may be answered without asking; `None` when it is time to ask.
fn fresh(row: &BookingFormRow, now: UnixMs) -> Option<Result<String, Error>> {
    if row.read_at > 0 && now.since(UnixMs(row.read_at)) < FRESH_MS {
        return Some(Ok(row.url.clone()));
    }
    let rests = row.failed_at > 0 && now.since(UnixMs(row.failed_at)) < REST_MS;
    rests.then(|| stale(Some(row), now))
}

/// What serves while there is no answer.
fn stale(row: Option<&BookingFormRow>, now: UnixMs) -> Result<String, Error> {
    let row = row.filter(|row| row.read_at > 0 && now.since(UnixMs(row.read_at)) < STALE_MS);
    row.map(|row| row.url.clone()).ok_or(Error::Rejected("yclients_unreachable"))
}

/// What a client may choose from: services that are switched on, by group, in the catalogue's order.
pub async fn services(app: &App, id: &TenantId) -> Result<Vec<(Option<String>, Vec<Service>)>, Error> {
    let (groups, services) = {
        let mut conn = app.db.read().await?;
        (catalog_now::list_categories(&mut conn, id).await?, catalog_now::list_services(&mut conn, id).await?)
    };
    Ok(by_group(&groups, services))
}

fn by_group(groups: &[CategoryRow], services: Vec<Service>) -> Vec<(Option<String>, Vec<Service>)> {
    let title = |service: &Service| {
        let group =
            groups.iter().find(|group| Some(group.category_id) == service.category_id && group.active);
        group.map(|group| group.title.clone()).filter(|title| !title.is_empty())
    };
    let mut sorted: Vec<(Option<String>, Vec<Service>)> = Vec::new();
    for service in services.into_iter().filter(|service| service.active) {
        let title = title(&service);
        match sorted.iter_mut().find(|(known, _)| *known == title) {
            Some((_, list)) => list.push(service),
            None => sorted.push((title, vec![service])),
        }
    }
    // What stands in no group comes last.
    sorted.sort_by_key(|(title, _)| title.is_none());
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_773_489_600_000);

    fn row(read_ago: i64, failed_ago: i64) -> BookingFormRow {
        let at = |ago: i64| if ago < 0 { 0 } else { NOW.0 - ago };
        BookingFormRow {
            url: "https://n1.yclients.com/".to_owned(),
            read_at: at(read_ago),
            failed_at: at(failed_ago),
        }
    }

    fn kind(answer: Option<Result<String, Error>>) -> &'static str {
        match answer {
            None => "ask",
            Some(Ok(_)) => "known",
            Some(Err(_)) => "unreachable",
        }
    }

    #[test]
    fn the_crm_is_asked_once_an_hour_and_left_alone_when_it_does_not_answer() {
        for (read_ago, failed_ago, wanted) in [
            (0, -1, "known"),
            (FRESH_MS - 1, -1, "known"),
            (FRESH_MS, -1, "ask"),
            (FRESH_MS, REST_MS - 1, "known"),
            (FRESH_MS, REST_MS, "ask"),
            (STALE_MS, REST_MS - 1, "unreachable"),
            (-1, 0, "unreachable"),
            (-1, REST_MS, "ask"),
        ] {
            assert_eq!(kind(fresh(&row(read_ago, failed_ago), NOW)), wanted, "{read_ago} {failed_ago}");
        }
    }

    #[test]
    fn services_stand_by_group_and_what_is_off_is_left_out() {
        let group =
            |category_id, active| CategoryRow { category_id, title: format!("g{category_id}"), active };
        let service = |service_id, category_id, active| Service {
            service_id,
            title: String::new(),
            category_id,
            price_min: 0,
            price_max: 0,
            length_s: None,
            active,
        };
        let services = vec![
            service(1, None, true),
            service(2, Some(7), true),
            service(3, Some(8), true),
            service(4, Some(7), false),
            service(5, Some(9), true),
            service(6, Some(7), true),
        ];
        let sorted = by_group(&[group(7, true), group(8, true), group(9, false)], services);
        let seen: Vec<(Option<&str>, Vec<i64>)> = sorted
            .iter()
            .map(|(title, list)| (title.as_deref(), list.iter().map(|it| it.service_id).collect()))
            .collect();
        assert_eq!(seen, [(Some("g7"), vec![2, 6]), (Some("g8"), vec![3]), (None, vec![1, 5])]);
    }
}
