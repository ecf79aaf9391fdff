//! Bends a body the way the platform bends it: loose types, empty objects as arrays, a wrong zone.

use chrono::DateTime;
use serde_json::{Value, json};

use super::faults::{Distortion, Faults};

/// Names of the chances, apart for hooks and REST so that each counts its own "every third".
struct Names {
    strings: &'static str,
    arrays: &'static str,
    shuffle: &'static str,
    offset: &'static str,
    total: &'static str,
}

const HOOK: Names = Names {
    strings: "hook_wire.numbers_as_strings",
    arrays: "hook_wire.empty_as_array",
    shuffle: "hook_wire.shuffle_services",
    offset: "hook_wire.wrong_offset",
    total: "hook_wire.wrong_total",
};

const REST: Names = Names {
    strings: "rest_wire.numbers_as_strings",
    arrays: "rest_wire.empty_as_array",
    shuffle: "rest_wire.shuffle_services",
    offset: "rest_wire.wrong_offset",
    total: "rest_wire.wrong_total",
};

/// Bends a hook; returns what was done, for the log.
pub fn hook(faults: &mut Faults, body: &mut Value) -> Vec<&'static str> {
    bend(&faults.hook_wire.clone(), &HOOK, faults, body)
}

/// Bends a REST answer.
pub fn rest(faults: &mut Faults, body: &mut Value) -> Vec<&'static str> {
    bend(&faults.rest_wire.clone(), &REST, faults, body)
}

fn bend(wire: &Distortion, names: &Names, faults: &mut Faults, body: &mut Value) -> Vec<&'static str> {
    let mut done = Vec::new();
    if faults.roll(names.shuffle, wire.shuffle_services) {
        each(body, &mut |key, value| {
            if let (Some("services"), Value::Array(items)) = (key, value) {
                faults.dice.shuffle(items);
            }
        });
        done.push("shuffle_services");
    }
    if faults.roll(names.offset, wire.wrong_offset) {
        each(body, &mut |key, value| {
            if key == Some("datetime") {
                shift_offset(value);
            }
        });
        done.push("wrong_offset");
    }
    if faults.roll(names.total, wire.wrong_total) {
        if let Some(total) = body.pointer_mut("/meta/total_count") {
            *total = json!(total.as_i64().unwrap_or(0) / 2);
        }
        done.push("wrong_total");
    }
    if faults.roll(names.arrays, wire.empty_as_array) {
        each(body, &mut |key, value| {
            let empty = value.as_object().is_some_and(serde_json::Map::is_empty);
            let missing = value.is_null() && matches!(key, Some("client" | "staff" | "position" | "comer"));
            if empty || missing {
                *value = json!([]);
            }
        });
        done.push("empty_as_array");
    }
    if faults.roll(names.strings, wire.numbers_as_strings) {
        each(body, &mut |_, value| {
            if let Value::Number(n) = value {
                *value = json!(n.to_string());
            }
        });
        done.push("numbers_as_strings");
    }
    done
}

/// Visits every value with the name it stands under. Bodies are ours, so the depth is known to be small.
fn each(value: &mut Value, f: &mut impl FnMut(Option<&str>, &mut Value)) {
    fn walk(key: Option<&str>, value: &mut Value, f: &mut impl FnMut(Option<&str>, &mut Value)) {
        f(key, value);
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| walk(None, item, f)),
            Value::Object(map) => map.iter_mut().for_each(|(key, item)| walk(Some(key), item, f)),
            _ => {}
        }
    }
    walk(None, value, f);
}

/// The same wall-clock time under an offset one hour further east.
fn shift_offset(value: &mut Value) {
    let Some(at) = value.as_str().and_then(|s| DateTime::parse_from_rfc3339(s).ok()) else { return };
    let Some(wrong) = chrono::FixedOffset::east_opt(at.offset().local_minus_utc() + 3_600) else { return };
    if let Some(moved) = at.naive_local().and_local_timezone(wrong).single() {
        *value = json!(moved.format("%Y-%m-%dT%H:%M:%S%:z").to_string());
    }
}
