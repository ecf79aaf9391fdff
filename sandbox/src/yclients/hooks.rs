//! Which hooks a change gives rise to, and what the weather does to each.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{distort, model::InstallState, post::Parcel, world::State};

/// One change in a salon.
#[derive(Debug, Clone)]
pub struct Event {
    pub salon_id: i64,
    pub resource: &'static str,
    pub resource_id: i64,
    pub action: Action,
    /// The entity as it was, where there is a difference to tell.
    pub before: Option<Value>,
    pub data: Value,
    /// Done through the API by the application itself.
    pub by_app: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Update,
    Delete,
}

impl Action {
    fn wire(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One hook or lifecycle post that left, or was meant to.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// `hook` or `lifecycle`.
    pub kind: &'static str,
    pub salon_id: i64,
    pub resource: String,
    pub resource_id: i64,
    /// `create`, `update`, `delete`; for lifecycle posts the event.
    pub event: String,
    pub url: String,
    pub body: Value,
    pub faults: Vec<&'static str>,
    pub state: DeliveryState,
    pub queued_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub attempt: u32,
    /// What came back.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub latency_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Queued,
    Sending,
    /// An answer came, whatever it was.
    Answered,
    /// No answer.
    Failed,
    /// Dropped by a fault.
    Lost,
}

/// The flags of `hooks_settings`, in their order, and the resource each lets through.
pub const FLAGS: [(&str, &str); 13] = [
    ("salon", "company"),
    ("service_category", "service_category"),
    ("service", "service"),
    ("good", "good"),
    ("master", "staff"),
    ("client", "client"),
    ("record", "record"),
    ("goods_operations_sale", "goods_operations_sale"),
    ("goods_operations_receipt", "goods_operations_receipt"),
    ("goods_operations_consumable", "goods_operations_consumable"),
    ("goods_operations_stolen", "goods_operations_stolen"),
    ("goods_operations_move", "goods_operations_move"),
    ("finances_operation", "finances_operation"),
];

/// A copy of a hook on its way: its body, what was done to it, and when it leaves.
struct Copy {
    body: Value,
    faults: Vec<&'static str>,
    delay: Duration,
    aside: bool,
    hold: Option<Duration>,
}

/// What leaves for one change: a parcel per address and copy. Lost ones are only logged.
pub fn plan(state: &mut State, event: &Event, now: DateTime<Utc>) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    for url in receivers(state, event) {
        if state.faults.roll("hooks.lose", state.faults.hooks.lose) {
            let body = envelope(event, event.action, event.data.clone());
            let delivery = delivery(event, &url, body, vec!["lost"], now);
            state.deliveries.push(Delivery { state: DeliveryState::Lost, ..delivery });
            continue;
        }
        for copy in copies(state, event) {
            let text = copy.body.to_string();
            let id = state.deliveries.push(delivery(event, &url, copy.body, copy.faults, now));
            parcels.push(Parcel {
                id,
                epoch: state.epoch,
                url: url.clone(),
                body: text,
                due: Instant::now() + copy.delay,
                aside: copy.aside,
                hold: copy.hold,
            });
        }
    }
    parcels
}

/// Addresses that want this resource, if the salon sends anything at all.
fn receivers(state: &State, event: &Event) -> Vec<String> {
    let Some(salon) = state.salons.get(&event.salon_id) else { return Vec::new() };
    let muted = (event.by_app && !state.options.self_sending)
        || (salon.install.state == InstallState::Freezed && !state.options.freezed_hooks);
    let flag =
        FLAGS.iter().find(|(_, resource)| *resource == event.resource).map_or(event.resource, |(f, _)| f);
    let wanted = salon.hooks.active && salon.hooks.flags.get(flag).copied().unwrap_or(false);
    if muted || !wanted { Vec::new() } else { salon.hooks.urls.clone() }
}

fn copies(state: &mut State, event: &Event) -> Vec<Copy> {
    let faults = &mut state.faults;
    let hooks = faults.hooks.clone();
    let mut number = faults.dice.between(hooks.copies_min.max(1), hooks.copies_max.clamp(1, 10));
    let mut tags = Vec::new();
    if number > 1 {
        tags.push("copies");
    }
    if faults.roll("hooks.double", hooks.double) {
        number += 1;
        tags.push("double");
    }
    let mut action = event.action;
    let mut data = event.data.clone();
    if action == Action::Delete && faults.roll("hooks.cancel_as_update", hooks.cancel_as_update) {
        action = Action::Update;
        tags.push("cancel_as_update");
    }
    if action == Action::Update && faults.roll("hooks.partial", hooks.partial) {
        data = difference(event.before.as_ref(), data);
        tags.push("partial");
    }
    let mut made = Vec::new();
    for _ in 0..number {
        let mut body = envelope(event, action, data.clone());
        let mut tags = tags.clone();
        tags.extend(distort::hook(faults, &mut body));
        let late = faults.roll("hooks.late", hooks.late);
        let hold = faults.roll("hooks.reorder", hooks.reorder);
        tags.extend(late.then_some("late"));
        tags.extend(hold.then_some("reorder"));
        let delay = state.options.hook_delay_ms + if late { hooks.late_ms } else { 0 };
        let hold = hold.then(|| Duration::from_millis(hooks.reorder_ms));
        made.push(Copy { body, faults: tags, delay: Duration::from_millis(delay), aside: late, hold });
    }
    made
}

fn envelope(event: &Event, action: Action, data: Value) -> Value {
    json!({
        "company_id": event.salon_id, "resource": event.resource, "resource_id": event.resource_id,
        "status": action.wire(), "data": data,
    })
}

/// The id and the fields that differ. The time of the change is left out too: real ones were seen without it.
fn difference(before: Option<&Value>, after: Value) -> Value {
    let Value::Object(after) = after else { return after };
    let mut changed = Map::new();
    for (key, value) in after {
        let same = before.and_then(|b| b.get(&key)) == Some(&value);
        if key == "id" || (!same && key != "last_change_date") {
            changed.insert(key, value);
        }
    }
    Value::Object(changed)
}

fn delivery(
    event: &Event,
    url: &str,
    body: Value,
    faults: Vec<&'static str>,
    now: DateTime<Utc>,
) -> Delivery {
    Delivery {
        kind: "hook",
        salon_id: event.salon_id,
        resource: event.resource.to_owned(),
        resource_id: event.resource_id,
        event: body["status"].as_str().unwrap_or_default().to_owned(),
        url: url.to_owned(),
        body,
        faults,
        state: DeliveryState::Queued,
        queued_at: now,
        sent_at: None,
        attempt: 0,
        status: None,
        error: None,
        latency_ms: None,
    }
}
