//! A hook's body, from the envelope to the record that is kept of it.

use salonbridge::domain::record::{Field, Record};
use salonbridge::kernel::pack::{pack, unpack};
use salonbridge::yclients::webhook::{self, Hook, MAX_EVENTS, Status};
use serde_json::Value;

use super::{Reader, samples};

pub struct Hooks;

impl Reader for Hooks {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        let mut inputs = samples("webhook_");
        inputs.extend(samples("lifecycle_"));
        inputs
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let hooks = match webhook::parse(input) {
            Ok(hooks) => hooks,
            Err(reason) => return Some(format!("{reason:?}")),
        };
        assert!((1..=MAX_EVENTS).contains(&hooks.len()));
        Some(hooks.iter().map(|hook| check(input, hook)).collect())
    }
}

fn check(input: &[u8], hook: &Hook<'_>) -> String {
    // It fits where it is stored.
    assert!((1..=64).contains(&hook.resource.len()) && !hook.resource.contains(['\0', ' ', ':', '/']));
    assert!(hook.company_id.is_none_or(|id| id.0 > 0));
    assert!(hook.raw.len() <= input.len() && hook.data.len() <= hook.raw.len().max(4));

    // What is stored is the event's own text; a worker reads it again and must find the same.
    let stored = unpack(&pack(hook.raw.as_bytes())).expect("what was packed is unpacked");
    let again = webhook::parse(&stored).expect("read once, read twice");
    assert!(again == [hook.clone()], "{hook:?} is not {again:?}");
    assert_eq!(again[0].dedup_raw(), hook.dedup_raw());

    // The same body written otherwise is the same event.
    let data: Value = serde_json::from_str(hook.data).unwrap_or_default();
    if !has_fractions(&data) {
        let spread = serde_json::to_string_pretty(&data).expect("JSON");
        let other = Hook { data: &spread, ..hook.clone() };
        assert!(other.dedup() == hook.dedup() || serde_json::from_str::<Value>(hook.data).is_err());
    }
    let record = hook.record();
    if let Some(record) = &record {
        check_record(hook, record, &data);
    }
    format!(
        "{} {} {}",
        hook.status.as_str().len().min(7),
        hook.says_when(),
        record.map_or_else(String::new, |r| shape(&r))
    )
}

/// A float is read to the nearest but one: printing and reading it again may change its last digit.
fn has_fractions(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_fractions),
        Value::Object(map) => map.values().any(has_fractions),
        _ => false,
    }
}

fn check_record(hook: &Hook<'_>, record: &Record, data: &Value) {
    assert_eq!(hook.resource, "record");
    assert!(record.id.0 > 0);
    assert!(hook.status != Status::Delete || record.is_deleted());
    // It is kept as JSON.
    let kept = serde_json::to_vec(record).expect("a record is JSON");
    // The payload itself is kept beside it.
    let without = Record { raw: None, ..record.clone() };
    assert_eq!(serde_json::from_slice::<Record>(&kept).expect("kept and found"), without);
    assert!(record.raw.as_deref().is_none_or(|raw| raw == hook.data && record.is_whole()));
    assert!(kept.len() < 8 * hook.raw.len() + 1_000, "{} bytes of {}", kept.len(), hook.raw.len());
    // Learning it says what it says; learning it twice says no more.
    let mut known = Record::unknown(record.id);
    assert!(known.learn(record.clone()));
    assert_eq!(&known, record);
    assert!(known.learn(record.clone()) && &known == record);
    // Nothing is removed by what is absent.
    for (key, field) in [
        ("services", record.services == Field::Empty),
        ("client", record.client == Field::Empty),
        ("staff", record.master == Field::Empty && data.get("staff_id").is_none()),
    ] {
        assert!(!field || data.get(key).is_some(), "{key} was never said and is empty");
    }
    assert!(record.length_s.value().is_none_or(|length| *length >= 0));
    if let Some(phone) = record.phone() {
        super::phone::check(phone);
    }
}

fn shape(record: &Record) -> String {
    fn of<T>(field: &Field<T>) -> char {
        match field {
            Field::Unsaid => '-',
            Field::Empty => '0',
            Field::Is(_) => '1',
            Field::Unreadable => '?',
        }
    }
    let Record { starts, length_s, services, master, client, attendance, deleted, .. } = record;
    let lines = services.value().map_or(0, Vec::len).min(3);
    let fields =
        [of(starts), of(length_s), of(services), of(master), of(client), of(attendance), of(deleted)];
    let times = (record.changed_at.is_some(), record.created_at.is_some(), record.phone().is_some());
    format!("{fields:?} {lines} {times:?}")
}
