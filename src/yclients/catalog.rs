//! A salon, its services, its people and when they work: what is read once after installation and kept fresh.
//!
//! Rows without an id are left out; every other field has a default, because the wire may drop or bend any of them.

use chrono::{NaiveDate, NaiveTime};
use serde_json::Value;

use super::api::{Call, YclientsApi};
use super::error::Error;
use super::wire;
use crate::kernel::crm_id::{SalonId, ServiceId, StaffId};
use crate::kernel::phone::Phone;

/// A salon as the CRM describes it. It has no e-mail there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Company {
    pub id: SalonId,
    pub title: String,
    pub address: String,
    /// An IANA name: `Europe/Moscow`.
    pub timezone_name: Option<String>,
    /// Absent from some variants of the answer.
    pub phone: Option<Phone>,
    /// The default booking form's address, or the only one's.
    pub booking_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: ServiceId,
    pub title: String,
    pub category_id: Option<i64>,
    /// Minor units.
    pub price_min: Option<i64>,
    pub price_max: Option<i64>,
    /// Seconds: its own, else the shortest of its people's.
    pub length_s: Option<i64>,
    /// Whether the journal has it switched on; the field is not reliable for booking.
    pub active: bool,
    /// Who does it.
    pub staff: Vec<StaffId>,
}

/// A group of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: i64,
    pub title: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub id: StaffId,
    pub name: String,
    pub specialization: String,
    pub fired: bool,
    pub hidden: bool,
}

/// One person's one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkDay {
    pub staff_id: StaffId,
    pub date: NaiveDate,
    /// From and to, the salon's wall clock; an end at 24:00 is 23:59:59. Empty on a day off.
    pub slots: Vec<(NaiveTime, NaiveTime)>,
}

impl YclientsApi {
    /// How many salons the system user may look into.
    pub async fn count_own_salons(&self) -> Result<usize, Error> {
        let mut call = Call::get("/companies", "/api/v1/companies".to_owned());
        call.query = vec![("my", "1".to_owned())];
        let answer = self.send(call).await?;
        Ok(wire::list(&answer.data).ok_or(Error::Malformed("a list that is no list"))?.len())
    }

    /// The salon itself, with its booking forms.
    pub async fn company(&self, salon: SalonId) -> Result<Company, Error> {
        let mut call = Call::get("/company/{salon}", format!("/api/v1/company/{salon}/")).of(salon);
        call.query = vec![("showBookforms", "1".to_owned())];
        read_company(&self.send(call).await?.data).ok_or(Error::Malformed("a salon without an id"))
    }

    pub async fn services(&self, salon: SalonId) -> Result<Vec<Service>, Error> {
        let call = Call::get("/company/{salon}/services", format!("/api/v1/company/{salon}/services"));
        self.rows(call.of(salon), read_service).await
    }

    /// The groups that services are sorted into.
    pub async fn service_categories(&self, salon: SalonId) -> Result<Vec<Category>, Error> {
        let path = format!("/api/v1/company/{salon}/service_categories");
        let call = Call::get("/company/{salon}/service_categories", path);
        self.rows(call.of(salon), read_category).await
    }

    pub async fn staff(&self, salon: SalonId) -> Result<Vec<Staff>, Error> {
        let call = Call::get("/company/{salon}/staff", format!("/api/v1/company/{salon}/staff"));
        self.rows(call.of(salon), read_staff).await
    }

    /// Everybody's days from `start` to `end`, both included.
    pub async fn schedule(
        &self,
        salon: SalonId,
        start: NaiveDate,
        end: NaiveDate,
    ) -> Result<Vec<WorkDay>, Error> {
        let path = format!("/api/v1/company/{salon}/staff/schedule");
        let mut call = Call::get("/company/{salon}/staff/schedule", path).of(salon);
        call.query = vec![("start_date", start.to_string()), ("end_date", end.to_string())];
        self.rows(call, read_day).await
    }

    async fn rows<T>(&self, call: Call, read: fn(&Value) -> Option<T>) -> Result<Vec<T>, Error> {
        let answer = self.send(call).await?;
        read_rows(&answer.data, read)
    }
}

fn read_rows<T>(data: &Value, read: fn(&Value) -> Option<T>) -> Result<Vec<T>, Error> {
    let rows = wire::list(data).ok_or(Error::Malformed("a list that is no list"))?;
    Ok(rows.into_iter().filter_map(read).collect())
}

fn words(row: &Value, key: &str) -> String {
    row.get(key).and_then(wire::text).unwrap_or_default()
}

fn positive(row: &Value, key: &str) -> Option<i64> {
    row.get(key).and_then(wire::int).filter(|number| *number > 0)
}

fn set(row: &Value, key: &str) -> bool {
    row.get(key).and_then(wire::flag).unwrap_or(false)
}

fn read_company(data: &Value) -> Option<Company> {
    let phones = data.get("phones").and_then(wire::list).unwrap_or_default();
    Some(Company {
        id: SalonId(positive(data, "id")?),
        title: words(data, "title"),
        address: words(data, "address"),
        timezone_name: data.get("timezone_name").and_then(wire::text),
        phone: data.get("phone").into_iter().chain(phones).find_map(wire::phone),
        booking_url: booking_url(data),
    })
}

fn booking_url(data: &Value) -> Option<String> {
    let forms = data.get("bookforms").and_then(wire::list)?;
    let chosen = forms.iter().find(|form| set(form, "is_default")).or(forms.first())?;
    chosen
        .get("url")
        .and_then(wire::text)
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

fn read_service(row: &Value) -> Option<Service> {
    let people = row.get("staff").and_then(wire::list).unwrap_or_default();
    let lengths = people.iter().filter_map(|person| positive(person, "seance_length"));
    Some(Service {
        id: ServiceId(positive(row, "id")?),
        title: words(row, "title"),
        category_id: positive(row, "category_id"),
        price_min: row.get("price_min").and_then(wire::money),
        price_max: row.get("price_max").and_then(wire::money),
        length_s: ["duration", "seance_length"]
            .into_iter()
            .find_map(|key| positive(row, key))
            .or_else(|| lengths.min()),
        active: set(row, "active"),
        staff: people.iter().filter_map(|person| positive(person, "id")).map(StaffId).collect(),
    })
}

fn read_category(row: &Value) -> Option<Category> {
    Some(Category { id: positive(row, "id")?, title: words(row, "title") })
}

fn read_staff(row: &Value) -> Option<Staff> {
    Some(Staff {
        id: StaffId(positive(row, "id")?),
        name: words(row, "name"),
        specialization: words(row, "specialization"),
        fired: set(row, "fired"),
        hidden: set(row, "hidden"),
    })
}

fn read_day(row: &Value) -> Option<WorkDay> {
    let slots = row.get("slots").and_then(wire::list).unwrap_or_default();
    let end = |slot: &Value, key: &str| slot.get(key).and_then(wire::time_of_day);
    Some(WorkDay {
        staff_id: StaffId(positive(row, "staff_id")?),
        date: row.get("date").and_then(wire::date)?,
        slots: slots.into_iter().filter_map(|slot| Some((end(slot, "from")?, end(slot, "to")?))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    fn data(name: &str) -> Value {
        fixtures::json(name)["data"].clone()
    }

    #[test]
    fn a_salon_is_read_with_its_default_form() {
        let company = read_company(&data("rest_company.json")).expect("a salon");
        assert_eq!((company.id, company.title.as_str()), (SalonId(990_101), "Студия «Пример»"));
        assert_eq!(company.timezone_name.as_deref(), Some("Europe/Moscow"));
        assert_eq!(company.booking_url.as_deref(), Some("https://n30501.yclients.com/"));
        assert_eq!(company.phone, None);
        let listed = read_company(&data("marketplace_salons_page.json")[0]).expect("a salon");
        assert_eq!(listed.phone, Phone::parse("79000000010"));
        assert_eq!(listed.booking_url, None);
        let script = serde_json::json!({"id": 1, "bookforms": [{"url": "javascript:alert(1)"}]});
        assert_eq!(read_company(&script).expect("a salon").booking_url, None);
    }

    #[test]
    fn services_are_read_in_strings_and_in_numbers() {
        let services = read_rows(&data("rest_services.json"), read_service).expect("a list");
        let manicure = &services[0];
        assert_eq!((manicure.id, manicure.price_min), (ServiceId(7_700_201), Some(250_000)));
        assert_eq!((manicure.length_s, manicure.active), (Some(5400), true));
        assert_eq!(manicure.staff, [StaffId(1_500_101), StaffId(1_500_102)]);
        assert_eq!((services[1].price_max, services[1].length_s), (Some(80_050), Some(1800)));
        let bookable = read_rows(&data("rest_book_services.json")["services"], read_service).expect("a list");
        assert_eq!((bookable[0].length_s, bookable[0].active), (Some(5400), false));
    }

    #[test]
    fn people_and_their_days_are_read() {
        let staff = read_rows(&data("rest_staff.json"), read_staff).expect("a list");
        assert_eq!(
            staff.iter().map(|person| (person.fired, person.hidden)).collect::<Vec<_>>(),
            [(false, false), (true, true)]
        );
        let bookable = read_rows(&data("rest_book_staff.json"), read_staff).expect("a list");
        assert_eq!(bookable[0].id, staff[0].id);
        let days = read_rows(&data("rest_staff_schedule.json"), read_day).expect("a list");
        let ten = NaiveTime::from_hms_opt(10, 0, 0);
        assert_eq!((days[0].slots.len(), days[0].slots.first().map(|slot| slot.0)), (2, ten));
    }

    #[test]
    fn rows_without_an_id_are_left_out_and_no_list_is_an_error() {
        let odd = serde_json::json!([{"title": "x"}, 7, null, {"id": "3"}]);
        assert_eq!(read_rows(&odd, read_service).expect("a list").len(), 1);
        assert!(read_rows(&Value::Null, read_staff).is_err());
    }
}
