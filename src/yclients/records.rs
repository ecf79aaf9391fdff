//! The journal: a record as REST and hooks carry it, whole or in part.

use reqwest::Method;
use serde_json::{Map, Value};

use super::api::{As, YclientsApi};
use super::error::Error;
use super::wire;
use crate::domain::record::{Attendance, Client, Field, Master, Record, ServiceLine};
use crate::kernel::crm_id::{RecordId, SalonId, ServiceId, StaffId};
use crate::kernel::phone::Phone;

impl YclientsApi {
    /// `GET /record/{salon}/{id}`
    pub async fn record(&self, salon: SalonId, id: RecordId) -> Result<Record, Error> {
        let data =
            self.send("record", As::User, self.rest(Method::GET, &format!("/record/{salon}/{id}"))).await?;
        let whole =
            data.as_object().ok_or_else(|| Error::Malformed("a record that is no object".to_owned()))?;
        let mut record = record(id, whole);
        // A read is whole: what it does not mention does not exist.
        settle_unsaid(&mut record);
        Ok(record)
    }
}

/// Reads what a payload says of a record. What it does not mention stays unsaid.
#[must_use]
pub fn record(id: RecordId, data: &Map<String, Value>) -> Record {
    Record {
        starts: said(data.get("date").or_else(|| data.get("datetime")), wire::local_time),
        length_s: said(data.get("seance_length").or_else(|| data.get("length")), wire::int),
        services: services(data),
        master: master(data),
        client: said(data.get("client"), client),
        attendance: said(data.get("attendance"), |v| Attendance::from_wire(wire::int(v)?)),
        deleted: said(data.get("deleted"), wire::flag),
        created_at: data.get("create_date").and_then(wire::instant),
        changed_at: data.get("last_change_date").and_then(wire::instant),
        ..Record::unknown(id)
    }
}

/// Absent is unsaid; present and unreadable, null or empty is empty.
fn said<T>(value: Option<&Value>, read: impl Fn(&Value) -> Option<T>) -> Field<T> {
    match value {
        None => Field::Unsaid,
        Some(value) => read(value).map_or(Field::Empty, Field::Is),
    }
}

fn services(data: &Map<String, Value>) -> Field<Vec<ServiceLine>> {
    let Some(list) = data.get("services") else { return Field::Unsaid };
    let line = |row: &Value| {
        Some(ServiceLine {
            id: ServiceId(wire::int(row.get("id")?)?),
            title: row.get("title").and_then(wire::text).unwrap_or_default(),
            cost: row.get("cost").and_then(wire::minor_units).unwrap_or(0),
        })
    };
    Field::Is(list.as_array().map(|list| list.iter().filter_map(line).collect()).unwrap_or_default())
}

/// A master is named in `staff`; a changed `staff_id` alone says who, but not by what name, so the record must be read.
fn master(data: &Map<String, Value>) -> Field<Master> {
    let named = data.get("staff").map(|staff| {
        let staff = wire::object(staff)?;
        Some(Master {
            id: StaffId(wire::int(staff.get("id")?)?),
            name: staff.get("name").and_then(wire::text)?,
        })
    });
    match named {
        Some(Some(master)) => Field::Is(master),
        Some(None) => Field::Empty,
        None => Field::Unsaid,
    }
}

fn client(value: &Value) -> Option<Client> {
    let client = wire::object(value)?;
    let name = ["name", "display_name"]
        .iter()
        .find_map(|key| client.get(*key).and_then(wire::text).filter(|n| !n.is_empty()));
    // REST sends numbers without a plus, as a number.
    let phone = client.get("phone").and_then(wire::text).filter(|p| !p.is_empty());
    let phone = phone.and_then(|text| Phone::parse(&text));
    let silenced = client.get("sms_not").and_then(wire::flag).unwrap_or(false);
    Some(Client { name: name.unwrap_or_default(), phone, silenced })
}

fn settle_unsaid(record: &mut Record) {
    fn empty<T>(field: &mut Field<T>) {
        if field.is_unsaid() {
            *field = Field::Empty;
        }
    }
    empty(&mut record.starts);
    empty(&mut record.services);
    empty(&mut record.master);
    empty(&mut record.client);
}
