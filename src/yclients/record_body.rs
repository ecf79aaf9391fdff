//! A record as the CRM writes it, in a hook or in a REST answer, turned into the domain's [`Record`].
//!
//! # Decision
//! A field that is absent is [`Field::Unsaid`]: what was known of it stands. One that is there and cannot be read is
//! [`Field::Unreadable`]: it changed, so the record is read again over REST before anything is decided on it. Neither is ever
//! taken for "removed": only `null`, `[]`, `{}` and id 0 mean [`Field::Empty`]. What no message needs is left unsaid either way.

use serde_json::{Map, Value};

use super::wire;
use crate::domain::record::{Attendance, Client, Field, Master, Record, ServiceLine};
use crate::kernel::crm_id::{ClientId, RecordId, ServiceId, StaffId};

/// Reads what one body says of a record. `known_id` serves where the body itself has none; without either there is no record.
///
/// `master.name` is empty when only a `staff_id` was told: the id is news that must not be lost, the name is in the catalogue.
#[must_use]
pub fn read(body: &Value, known_id: Option<i64>) -> Option<Record> {
    let nothing = Map::new();
    let body = match body {
        Value::Object(map) => map,
        value if wire::is_nothing(value) => &nothing,
        _ => return None,
    };
    let id = body.get("id").and_then(wire::int).or(known_id).filter(|id| *id > 0)?;
    Some(Record {
        starts: starts(body),
        length_s: length(body),
        services: services(body.get("services")),
        master: master(body),
        client: client(body.get("client")),
        attendance: said(body.get("attendance").and_then(wire::int).and_then(Attendance::from_wire)),
        comment: match body.get("comment") {
            None => Field::Unsaid,
            Some(comment) => wire::text(comment).map_or(Field::Empty, Field::Is),
        },
        paid_full: said(body.get("paid_full").and_then(wire::flag)),
        deleted: match body.get("deleted") {
            None | Some(Value::Null) => Field::Unsaid,
            Some(value) => readable(wire::flag(value)),
        },
        created_at: body.get("create_date").and_then(wire::instant),
        changed_at: body.get("last_change_date").and_then(wire::instant),
        ..Record::unknown(RecordId(id))
    })
}

/// The same with the payload itself, where it says all of a record.
#[must_use]
pub fn read_kept(body: &Value, known_id: Option<i64>) -> Option<Record> {
    let record = read(body, known_id)?;
    let raw = record.is_whole().then(|| body.to_string());
    Some(Record { raw, ..record })
}

fn said<T>(value: Option<T>) -> Field<T> {
    value.map_or(Field::Unsaid, Field::Is)
}

fn readable<T>(value: Option<T>) -> Field<T> {
    value.map_or(Field::Unreadable, Field::Is)
}

/// The local `date` wins: `datetime` was seen with a wrong offset, so of it only the wall clock counts.
fn starts(body: &Map<String, Value>) -> Field<chrono::NaiveDateTime> {
    let mut times = ["date", "datetime"].into_iter().filter_map(|key| body.get(key)).peekable();
    if times.peek().is_none() {
        return Field::Unsaid;
    }
    readable(times.find_map(wire::local_time))
}

/// `seance_length` is what was booked, `length` what it became; either in seconds.
fn length(body: &Map<String, Value>) -> Field<i64> {
    let read = |key: &str| body.get(key).and_then(wire::int).filter(|seconds| *seconds >= 0);
    said(read("seance_length").or_else(|| read("length")))
}

fn services(value: Option<&Value>) -> Field<Vec<ServiceLine>> {
    match value {
        None => Field::Unsaid,
        Some(Value::Null) => Field::Empty,
        // One line that cannot be read makes the whole list unreadable: half a list would look like a removed service.
        Some(value) => readable(wire::list(value).and_then(|lines| lines.into_iter().map(service).collect())),
    }
}

fn service(value: &Value) -> Option<ServiceLine> {
    let line = value.as_object()?;
    let cost = ["cost", "manual_cost", "first_cost"].into_iter().filter_map(|key| line.get(key));
    Some(ServiceLine {
        id: ServiceId(line.get("id").and_then(wire::int)?),
        title: line.get("title").and_then(wire::text)?,
        cost: cost.into_iter().find_map(wire::money),
    })
}

fn master(body: &Map<String, Value>) -> Field<Master> {
    let number = body.get("staff_id").filter(|number| !number.is_null());
    let staff_id = number.and_then(wire::int);
    match body.get("staff") {
        Some(Value::Object(staff)) if !staff.is_empty() => {
            let Some(id) = staff.get("id").and_then(wire::int).or(staff_id) else { return Field::Unreadable };
            let name = staff.get("name").and_then(wire::text).unwrap_or_default();
            if id == 0 { Field::Empty } else { Field::Is(Master { id: StaffId(id), name }) }
        }
        staff => match staff_id {
            Some(0) => Field::Empty,
            Some(id) => Field::Is(Master { id: StaffId(id), name: String::new() }),
            None if number.is_some() => Field::Unreadable,
            None => match staff {
                None => Field::Unsaid,
                Some(nothing) if wire::is_nothing(nothing) => Field::Empty,
                Some(_) => Field::Unreadable,
            },
        },
    }
}

/// A client's card, in a record or alone.
pub(super) fn client(value: Option<&Value>) -> Field<Client> {
    match value {
        None => Field::Unsaid,
        Some(value) if wire::is_nothing(value) => Field::Empty,
        // A card without the key `phone` is a part of one: the number it does not say may be another client's than we know.
        Some(Value::Object(card)) if card.contains_key("phone") => Field::Is(Client {
            id: card.get("id").and_then(wire::int).filter(|id| *id > 0).map(ClientId),
            name: ["name", "display_name"]
                .into_iter()
                .filter_map(|key| card.get(key))
                .find_map(wire::text)
                .unwrap_or_default(),
            surname: card.get("surname").and_then(wire::text).unwrap_or_default(),
            phone: card.get("phone").and_then(wire::phone),
            email: card.get("email").and_then(wire::text),
            silenced: card.get("sms_not").and_then(wire::flag).unwrap_or(false),
        }),
        Some(_) => Field::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reading(body: Value) -> Record {
        read(&body, None).expect("it has an id")
    }

    #[test]
    fn silence_is_unsaid_and_emptiness_is_empty() {
        let partial = reading(json!({"id": "880000501", "is_mobile": 1}));
        assert_eq!(partial, Record::unknown(RecordId(880_000_501)));
        for nothing in [json!(null), json!([]), json!({})] {
            let record = reading(json!({"id": 1, "client": nothing, "staff": nothing, "staff_id": 0}));
            assert_eq!((record.client, record.master), (Field::Empty, Field::Empty));
        }
    }

    #[test]
    fn an_unreadable_field_is_seen_and_costs_no_other() {
        let record = reading(json!({
            "id": 1, "date": "soon", "seance_length": "long", "services": [{"id": 1, "title": "Cut"}, 7],
            "staff": "Maria", "client": {"id": 5, "name": "Anna"}, "attendance": 9, "deleted": "perhaps",
            "last_change_date": "2026-03-10 12:04:31",
        }));
        let expected = Record {
            starts: Field::Unreadable,
            services: Field::Unreadable,
            master: Field::Unreadable,
            client: Field::Unreadable,
            deleted: Field::Unreadable,
            ..Record::unknown(RecordId(1))
        };
        assert_eq!(record, expected, "what no message needs is unsaid");
        for master in [json!({"id": 1, "staff_id": "?"}), json!({"id": 1, "staff": {"name": "Maria"}})] {
            assert_eq!(reading(master).master, Field::Unreadable);
        }
        let silent = reading(json!({"id": 1, "staff_id": null, "deleted": null}));
        assert_eq!(silent, Record::unknown(RecordId(1)));
    }

    #[test]
    fn the_local_date_wins_over_a_datetime_with_a_wrong_offset() {
        let record =
            reading(json!({"id": 1, "date": "2026-03-14 15:00:00", "datetime": "2026-03-14T16:00:00+04:00"}));
        assert_eq!(record.starts.value().map(ToString::to_string).as_deref(), Some("2026-03-14 15:00:00"));
        let without = reading(json!({"id": 1, "datetime": "2026-03-14T15:00:00+0300"}));
        assert_eq!(without.starts, record.starts);
    }

    #[test]
    fn a_new_master_told_by_id_alone_is_not_lost() {
        let record = reading(json!({"id": 1, "staff_id": "1500102"}));
        assert_eq!(record.master, Field::Is(Master { id: StaffId(1_500_102), name: String::new() }));
        let empty_card = reading(json!({"id": 1, "staff_id": 1_500_102, "staff": []}));
        assert_eq!(empty_card.master, record.master);
    }

    #[test]
    fn loose_types_read_the_same_as_strict_ones() {
        let strict = reading(json!({
            "id": 1, "seance_length": 5400, "staff": {"id": 2, "name": "Maria"}, "attendance": 2, "deleted": false,
            "services": [{"id": 3, "title": "Cut", "cost": 2250.5}],
            "client": {"name": "Anna", "phone": "+79000000001", "sms_not": 1},
        }));
        let loose = reading(json!({
            "id": "1", "seance_length": "5400", "staff": {"id": "2", "name": "Maria "}, "attendance": "2", "deleted": 0,
            "services": {"4": {"id": "3", "title": "Cut", "cost": "2250.50"}},
            "client": {"name": "Anna", "phone": 79_000_000_001_i64, "sms_not": "1"},
        }));
        assert_eq!(strict, loose);
        assert!(strict.client.value().is_some_and(|c| c.silenced && c.phone.is_some()));
        assert_eq!(strict.services.value().map(|lines| lines[0].cost), Some(Some(225_050)));
    }

    #[test]
    fn without_an_id_there_is_no_record() {
        assert_eq!(read(&json!({"date": "2026-03-14 15:00:00"}), None), None);
        assert_eq!(read(&json!([1]), Some(7)), None);
        assert_eq!(read(&json!([]), Some(7)), Some(Record::unknown(RecordId(7))));
    }
}
