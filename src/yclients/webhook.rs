//! Entity hooks as they arrive: the real form and the one our own first papers described, alone or in an array.
//!
//! [`parse`] looks only at the envelope and borrows everything else, because it runs before the answer goes out;
//! [`Hook::record`] reads the body, later, in a worker. A hook carries no signature, no event id and no send time.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{record_body, wire};
use crate::domain::record::{Field, Record};
use crate::kernel::crm_id::SalonId;

/// Events in one array. None was ever seen to come that way; more than this is no hook.
pub const MAX_EVENTS: usize = 100;

/// Why a body is not a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAHook {
    #[error("the body is not JSON")]
    NotJson,
    #[error("the body is JSON, but no event and no list of events")]
    NotAnEvent,
    /// Neither `resource` nor `type` nor `event`, or no name in it.
    #[error("the event does not say what it is about")]
    NoResource,
    #[error("more than {MAX_EVENTS} events in one body")]
    TooMany,
    /// It carries a `partner_token`: a lifecycle post at the wrong address. It must not be stored.
    #[error("a lifecycle post came to the address of entity hooks")]
    Lifecycle,
}

/// What happened to the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Create,
    Update,
    Delete,
    /// As the wire says it; empty when it says nothing.
    Other(String),
}

impl Status {
    fn read(word: &str) -> Self {
        match word {
            "create" | "created" => Self::Create,
            "update" | "updated" => Self::Update,
            "delete" | "deleted" => Self::Delete,
            other => Self::Other(other.to_owned()),
        }
    }

    /// `create`, `update`, `delete`, or the wire's own word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other(word) => word,
        }
    }
}

/// One event. Debug prints no body: it holds a client's card.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook<'a> {
    /// The salon the event claims to be of. Compare it with the tenant the address belongs to.
    pub company_id: Option<SalonId>,
    /// `record`, `client`, `staff`, … or anything newer than this text.
    pub resource: Cow<'a, str>,
    /// The entity's id; 0 when the event names none.
    pub resource_id: i64,
    pub status: Status,
    /// The entity as sent, whole or only what changed. JSON text; `null` when absent.
    pub data: &'a str,
    /// This event's own text: the whole body, or its member of an array. [`parse`] reads it again.
    pub raw: &'a str,
}

/// Reads the envelope of one event or of a list. In a list, members that are no events are left out, unless none is one.
pub fn parse(body: &[u8]) -> Result<Vec<Hook<'_>>, NotAHook> {
    let text = std::str::from_utf8(body).map_err(|_| NotAHook::NotJson)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    match text.as_bytes().first() {
        Some(b'{') => Ok(vec![event(text)?]),
        Some(b'[') => events(text),
        _ if serde_json::from_str::<IgnoredAny>(text).is_ok() => Err(NotAHook::NotAnEvent),
        _ => Err(NotAHook::NotJson),
    }
}

fn events(text: &str) -> Result<Vec<Hook<'_>>, NotAHook> {
    let members: Vec<&RawValue> = serde_json::from_str(text).map_err(|_| NotAHook::NotJson)?;
    if members.len() > MAX_EVENTS {
        return Err(NotAHook::TooMany);
    }
    let mut hooks = Vec::with_capacity(members.len());
    let mut refused = None;
    for member in &members {
        match event(member.get()) {
            Ok(hook) => hooks.push(hook),
            Err(NotAHook::Lifecycle) => return Err(NotAHook::Lifecycle),
            Err(reason) => refused = Some(reason),
        }
    }
    if hooks.is_empty() {
        return Err(refused.unwrap_or(NotAHook::NotAnEvent));
    }
    if hooks.len() < members.len() {
        let left_out = members.len() - hooks.len();
        tracing::warn!(left_out, "members of a list of hooks are no events and were left out");
    }
    Ok(hooks)
}

fn event(raw: &str) -> Result<Hook<'_>, NotAHook> {
    if !raw.starts_with('{') {
        return Err(NotAHook::NotAnEvent);
    }
    let mut head: Head<'_> = serde_json::from_str(raw).map_err(|_| NotAHook::NotJson)?;
    if head.is_lifecycle {
        return Err(NotAHook::Lifecycle);
    }
    let kind = head.kind.and_then(word);
    let (named, happened) = kind.as_deref().map_or(("", ""), split_kind);
    let status =
        head.status.and_then(word).map_or_else(|| Status::read(happened), |said| Status::read(&said));
    let resource = head.resource.and_then(word).unwrap_or_else(|| Cow::Owned(named.to_owned()));
    if !is_name(&resource) {
        return Err(NotAHook::NoResource);
    }
    let data = head.data.map_or("null", RawValue::get);
    if head.resource_id.is_none() || head.company_id.is_none() {
        // The real envelope has both; only the other form makes us look into the body here.
        let inner: Head<'_> = serde_json::from_str(data).unwrap_or_default();
        head.resource_id = head.resource_id.or(inner.id);
        head.company_id = head.company_id.or(inner.company_id);
    }
    Ok(Hook {
        company_id: head.company_id.filter(|id| *id > 0).map(SalonId),
        resource,
        resource_id: head.resource_id.unwrap_or(0),
        status,
        data,
        raw,
    })
}

/// `record_created` is a record that was created. A word without a known ending is all resource.
fn split_kind(kind: &str) -> (&str, &str) {
    match kind.rsplit_once('_') {
        Some((resource, happened)) if !matches!(Status::read(happened), Status::Other(_)) => {
            (resource, happened)
        }
        _ => (kind, ""),
    }
}

/// Whether tables, their indexes and a job's subject can hold it: one that cannot would fail the whole batch it is stored with.
fn is_name(resource: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    (1..=64).contains(&resource.len()) && resource.chars().all(fits)
}

/// A JSON text without copying it, unless it has escapes. Empty ones and other values are none.
fn word(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inside = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    let word = if inside.contains('\\') {
        Cow::Owned(serde_json::from_str::<String>(raw.get()).ok()?)
    } else {
        Cow::Borrowed(inside)
    };
    Some(word).filter(|word| !word.trim().is_empty())
}

fn number(raw: &RawValue) -> Option<i64> {
    raw.get().trim_matches('"').parse().ok()
}

#[derive(Default)]
struct Head<'a> {
    company_id: Option<i64>,
    resource: Option<&'a RawValue>,
    resource_id: Option<i64>,
    status: Option<&'a RawValue>,
    kind: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    id: Option<i64>,
    is_lifecycle: bool,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    #[serde(alias = "salon_id")]
    CompanyId,
    Resource,
    ResourceId,
    Status,
    #[serde(alias = "event")]
    Type,
    Data,
    Id,
    PartnerToken,
    #[serde(other)]
    Other,
}

/// By hand, because a derived reader refuses a repeated key, and two spellings of one key are a repeated key to it.
impl<'de> Deserialize<'de> for Head<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Head<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Head<'de>, M::Error> {
                let mut head = Head::default();
                while let Some(key) = map.next_key::<Key>()? {
                    match key {
                        Key::CompanyId => {
                            head.company_id = number(map.next_value()?).or(head.company_id);
                        }
                        Key::Resource => head.resource = Some(map.next_value()?),
                        Key::ResourceId => head.resource_id = number(map.next_value()?),
                        Key::Status => head.status = Some(map.next_value()?),
                        Key::Type => head.kind = Some(map.next_value()?),
                        Key::Data => head.data = Some(map.next_value()?),
                        Key::Id => head.id = number(map.next_value()?),
                        Key::PartnerToken => {
                            map.next_value::<IgnoredAny>()?;
                            head.is_lifecycle = true;
                        }
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(head)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

impl Hook<'_> {
    /// What the event says of a record. `None` when it is about something else, has no id, or its body is no object.
    ///
    /// Status `delete` is the deletion, whatever the body says of it; a body without `deleted` says nothing of it otherwise.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        if self.resource != "record" {
            return None;
        }
        let data: Value = serde_json::from_str(self.data).ok()?;
        let mut record = record_body::read(&data, Some(self.resource_id))?;
        if self.status == Status::Delete {
            record.deleted = Field::Is(true);
        }
        record.raw = record.is_whole().then(|| self.data.to_owned());
        Some(record)
    }

    /// Whether the body brings the CRM's own time of the change. Without it two equal bodies may be two changes (there and
    /// back again), so a repeat may be dropped only within seconds.
    #[must_use]
    pub fn says_when(&self) -> bool {
        self.data.contains("\"last_change_date\"")
    }

    /// A key equal for two deliveries of one event: SHA-256 of salon, resource, id, status and the body in canonical form
    /// (keys sorted, no white space, `services` as a set). Reads the whole body; see [`Hook::dedup_raw`] for the hot path.
    #[must_use]
    pub fn dedup(&self) -> [u8; 32] {
        let mut canonical = String::with_capacity(self.data.len());
        match serde_json::from_str::<Value>(self.data) {
            Ok(data) => write_canonical(&mut canonical, &data),
            Err(_) => canonical.push_str(self.data),
        }
        self.hash_with(canonical.as_bytes())
    }

    /// The same key over the body's bytes as they came: equal for what was sent twice, not for what was written twice.
    #[must_use]
    pub fn dedup_raw(&self) -> [u8; 32] {
        self.hash_with(self.data.as_bytes())
    }

    fn hash_with(&self, data: &[u8]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.company_id.map_or(0, |id| id.0).to_be_bytes());
        hash.update(self.resource_id.to_be_bytes());
        for word in [self.resource.as_ref(), self.status.as_str()] {
            // A length before each word, so that no two pairs of words run into the same bytes.
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        hash.update(data);
        hash.finalize().into()
    }
}

impl fmt::Debug for Hook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("company_id", &self.company_id)
            .field("resource", &self.resource)
            .field("resource_id", &self.resource_id)
            .field("status", &self.status)
            .field("bytes", &self.raw.len())
            .finish()
    }
}

/// Sorts keys itself: whether the JSON library keeps them sorted depends on a feature any dependency may switch on.
fn write_canonical(out: &mut String, value: &Value) {
    use fmt::Write as _;
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (place, (key, member)) in entries.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                match wire::list(member).filter(|_| key == "services") {
                    Some(lines) => write_set(out, lines),
                    None => write_canonical(out, member),
                }
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(out, item);
            }
            out.push(']');
        }
        // Writing to a String cannot fail.
        scalar => drop(write!(out, "{scalar}")),
    }
}

fn write_set(out: &mut String, items: Vec<&Value>) {
    let mut texts: Vec<String> = items
        .into_iter()
        .map(|item| {
            let mut text = String::new();
            write_canonical(&mut text, item);
            text
        })
        .collect();
    texts.sort_unstable();
    out.push('[');
    out.push_str(&texts.join(","));
    out.push(']');
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
