//! Hooks: what YClients posts when something changed. Two forms are taken: the real one (`resource` + `status`) and the one our
//! founding document expected (`type: record_created`), single or in an array.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::records;
use super::wire;
use crate::domain::record::{Field, Record};
use crate::kernel::crm_id::{RecordId, SalonId};

const MOST_IN_ARRAY: usize = 100;
const LONGEST_RESOURCE: usize = 40;

/// The body is no hook: not JSON, or it names nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAHook;

/// One event, as far as it must be understood to be kept.
#[derive(Debug, Clone)]
pub struct Hook {
    pub company_id: Option<SalonId>,
    pub resource: String,
    pub resource_id: i64,
    raw: String,
}

impl Hook {
    /// The event as it came.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.raw.as_bytes()
    }

    /// The same for a repeated delivery. YClients repeats the very bytes; an event that differs in any of them is another one.
    #[must_use]
    pub fn dedup(&self) -> [u8; 32] {
        Sha256::digest(self.raw.as_bytes()).into()
    }
}

/// The outside of an event; `data` stays unread until the worker takes it.
#[derive(Deserialize)]
struct Outside<'a> {
    company_id: Option<Value>,
    salon_id: Option<Value>,
    resource: Option<String>,
    resource_id: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
    event: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Splits a body into events.
pub fn parse(body: &[u8]) -> Result<Vec<Hook>, NotAHook> {
    let text = std::str::from_utf8(body).map_err(|_| NotAHook)?.trim();
    if !text.starts_with('[') {
        return Ok(vec![hook(text)?]);
    }
    let events: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| NotAHook)?;
    if events.is_empty() || events.len() > MOST_IN_ARRAY {
        return Err(NotAHook);
    }
    events.into_iter().map(|event| hook(event.get())).collect()
}

fn hook(text: &str) -> Result<Hook, NotAHook> {
    let outside: Outside<'_> = serde_json::from_str(text).map_err(|_| NotAHook)?;
    let resource = match (&outside.resource, outside.kind.as_ref().or(outside.event.as_ref())) {
        (Some(resource), _) => resource.trim().to_ascii_lowercase(),
        (None, Some(kind)) => seed_kind(kind).0.to_owned(),
        (None, None) => return Err(NotAHook),
    };
    if resource.is_empty() || resource.len() > LONGEST_RESOURCE {
        return Err(NotAHook);
    }
    let company_id =
        outside.company_id.as_ref().or(outside.salon_id.as_ref()).and_then(wire::int).map(SalonId);
    let resource_id = outside.resource_id.as_ref().and_then(wire::int).or_else(|| data_id(outside.data));
    Ok(Hook { company_id, resource, resource_id: resource_id.unwrap_or(0), raw: text.to_owned() })
}

fn data_id(data: Option<&RawValue>) -> Option<i64> {
    #[derive(Deserialize)]
    struct Id {
        id: Option<Value>,
    }
    wire::int(&serde_json::from_str::<Id>(data?.get()).ok()?.id?)
}

/// `record_created` → (`record`, `create`).
fn seed_kind(kind: &str) -> (&str, &str) {
    let (resource, verb) = kind.rsplit_once(['_', '.']).unwrap_or((kind, ""));
    let status = match verb {
        "created" | "create" => "create",
        "deleted" | "delete" | "cancelled" | "canceled" => "delete",
        _ => "update",
    };
    (resource, status)
}

/// Reads a kept event as a record.
pub fn record(raw: &[u8]) -> Result<Record, NotAHook> {
    let body: Value = serde_json::from_slice(raw).map_err(|_| NotAHook)?;
    let kind = ["type", "event"].iter().find_map(|key| body.get(*key).and_then(Value::as_str));
    let status =
        body.get("status").and_then(Value::as_str).or(kind.map(|kind| seed_kind(kind).1)).unwrap_or_default();
    let empty = serde_json::Map::new();
    let data = body.get("data").and_then(wire::object).unwrap_or(&empty);
    let id = body.get("resource_id").or_else(|| data.get("id")).and_then(wire::int).ok_or(NotAHook)?;
    let mut record = records::record(RecordId(id), data);
    if status.eq_ignore_ascii_case("delete") {
        record.deleted = Field::Is(true);
    }
    Ok(record)
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
