//! What a salon offers: its profile, services, staff and their schedule.

use chrono::NaiveDate;
use reqwest::Method;
use serde_json::Value;

use super::api::{As, YclientsApi};
use super::error::Error;
use super::wire;
use crate::kernel::crm_id::{SalonId, ServiceId, StaffId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    pub title: String,
    pub address: String,
    /// `None` when the answer names no zone we know.
    pub timezone: Option<chrono_tz::Tz>,
}

/// Prices in minor units, length in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub title: String,
    pub category_id: Option<i64>,
    pub price_min: i64,
    pub price_max: i64,
    pub length_s: Option<i64>,
    pub active: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub id: StaffId,
    pub name: String,
    pub specialization: String,
    /// Neither fired nor hidden.
    pub active: bool,
}

/// One master's day; `slots` as the wire has them: `[{"from":"10:00","to":"14:00"}]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub staff_id: StaffId,
    pub date: NaiveDate,
    pub slots: Value,
}

impl YclientsApi {
    /// `GET /company/{salon}/`
    pub async fn company(&self, salon: SalonId) -> Result<Company, Error> {
        let data =
            self.send("company", As::User, self.rest(Method::GET, &format!("/company/{salon}/"))).await?;
        company(&data).ok_or_else(|| Error::Malformed("a company without a title".to_owned()))
    }

    /// `GET /company/{salon}/services`
    pub async fn services(&self, salon: SalonId) -> Result<Vec<Service>, Error> {
        let data = self
            .send("services", As::User, self.rest(Method::GET, &format!("/company/{salon}/services")))
            .await?;
        Ok(rows(&data, service))
    }

    /// `GET /company/{salon}/staff`
    pub async fn staff(&self, salon: SalonId) -> Result<Vec<Staff>, Error> {
        let data =
            self.send("staff", As::User, self.rest(Method::GET, &format!("/company/{salon}/staff"))).await?;
        Ok(rows(&data, staff))
    }

    /// `GET /company/{salon}/staff/schedule` for a span of days.
    pub async fn schedule(&self, salon: SalonId, from: NaiveDate, to: NaiveDate) -> Result<Vec<Day>, Error> {
        let request = self
            .rest(Method::GET, &format!("/company/{salon}/staff/schedule"))
            .query(&[("start_date", from.to_string()), ("end_date", to.to_string())]);
        let data = self.send("schedule", As::User, request).await?;
        Ok(rows(&data, day))
    }
}

/// Rows that can be read; one that cannot is left out and said so, and spoils no other.
fn rows<T>(data: &Value, read: fn(&Value) -> Option<T>) -> Vec<T> {
    let list = data.as_array().map(Vec::as_slice).unwrap_or_default();
    let read: Vec<T> = list.iter().filter_map(read).collect();
    if read.len() < list.len() {
        tracing::warn!(
            rows = list.len(),
            unreadable = list.len() - read.len(),
            "some rows of a YClients list make no sense"
        );
    }
    read
}

fn company(data: &Value) -> Option<Company> {
    Some(Company {
        title: wire::text(data.get("title")?)?,
        address: data.get("address").and_then(wire::text).unwrap_or_default(),
        timezone: data.get("timezone_name").and_then(Value::as_str).and_then(|name| name.parse().ok()),
    })
}

fn service(row: &Value) -> Option<Service> {
    let number = |key: &str| row.get(key).and_then(wire::int);
    let shortest =
        || row.get("staff")?.as_array()?.iter().filter_map(|s| wire::int(s.get("seance_length")?)).min();
    Some(Service {
        id: ServiceId(number("id")?),
        title: wire::text(row.get("title")?)?,
        category_id: number("category_id"),
        price_min: row.get("price_min").and_then(wire::minor_units).unwrap_or(0),
        price_max: row.get("price_max").and_then(wire::minor_units).unwrap_or(0),
        length_s: number("duration").or_else(|| number("seance_length")).or_else(shortest),
        active: row.get("active").and_then(wire::flag).unwrap_or(true),
    })
}

fn staff(row: &Value) -> Option<Staff> {
    let flag = |key: &str| row.get(key).and_then(wire::flag).unwrap_or(false);
    Some(Staff {
        id: StaffId(wire::int(row.get("id")?)?),
        name: wire::text(row.get("name")?)?,
        specialization: row.get("specialization").and_then(wire::text).unwrap_or_default(),
        active: !flag("fired") && !flag("hidden"),
    })
}

fn day(row: &Value) -> Option<Day> {
    Some(Day {
        staff_id: StaffId(wire::int(row.get("staff_id")?)?),
        date: row.get("date")?.as_str()?.get(..10)?.parse().ok()?,
        slots: row.get("slots").cloned().unwrap_or_else(|| Value::Array(Vec::new())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::envelope;

    fn sample(body: &str) -> Value {
        envelope::open(200, None, body.as_bytes()).expect("an answer")
    }

    #[test]
    fn the_samples_are_read_whole() {
        let company =
            company(&sample(include_str!("../../tests/fixtures/yclients/rest_company.json"))).expect("read");
        assert_eq!(
            (company.title.as_str(), company.timezone),
            ("Студия «Пример»", Some(chrono_tz::Europe::Moscow))
        );

        let services =
            rows(&sample(include_str!("../../tests/fixtures/yclients/rest_services.json")), service);
        assert_eq!(services.len(), 2);
        assert_eq!(
            (services[0].id, services[0].price_min, services[0].length_s),
            (ServiceId(7_700_201), 250_000, Some(5400))
        );
        assert_eq!((services[1].price_max, services[1].active), (80_050, false));

        let staff = rows(&sample(include_str!("../../tests/fixtures/yclients/rest_staff.json")), staff);
        assert_eq!(staff.iter().map(|s| s.active).collect::<Vec<_>>(), [true, false]);

        let days = rows(&sample(include_str!("../../tests/fixtures/yclients/rest_staff_schedule.json")), day);
        assert_eq!((days.len(), days[0].slots.as_array().map(Vec::len)), (1, Some(2)));
    }
}
