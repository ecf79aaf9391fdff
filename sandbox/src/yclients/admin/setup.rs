//! Settings, clock, faults, the log of requests, and starting over.

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::yclients::{
    answer::Refusal,
    faults::{Faults, RouteFault},
    input::Params,
    options::Settings,
    world::World,
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/config", get(config).post(set_config))
        .route("/clock", get(clock).post(set_clock))
        .route("/faults", get(faults).post(set_faults).delete(clear_faults))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/codes", get(codes))
        .route("/reset", post(reset))
}

type Shown = Result<Json<Value>, Refusal>;

/// What is wrong, in the words of the reader that found it.
fn unreadable(error: &serde_json::Error) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
}

/// `patch` laid over `current`; unknown names are refused by the types.
fn overlay<T: serde::Serialize + DeserializeOwned>(current: &T, patch: &Value) -> Result<T, Refusal> {
    let mut value = serde_json::to_value(current).map_err(|e| unreadable(&e))?;
    if let (Some(value), Some(patch)) = (value.as_object_mut(), patch.as_object()) {
        value.extend(patch.clone());
    }
    serde_json::from_value(value).map_err(|e| unreadable(&e))
}

async fn config(State(world): State<World>) -> Json<Settings> {
    Json(world.with(|state, _| state.options.clone()))
}

async fn set_config(State(world): State<World>, Json(patch): Json<Value>) -> Result<Json<Settings>, Refusal> {
    world.with(|state, _| {
        let options = overlay(&state.options, &patch)?;
        if options.seed != state.options.seed {
            state.faults.reseed(options.seed);
        }
        // A limit that changes starts from nothing, or yesterday's calls would count against it.
        state.limiter.clear();
        state.options = options;
        Ok(Json(state.options.clone()))
    })
}

async fn clock(State(world): State<World>) -> Json<Value> {
    Json(clock_now(&world))
}

fn clock_now(world: &World) -> Value {
    json!({"now": world.clock.now(), "offset_ms": world.clock.offset_ms()})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockShift {
    /// Absolute: 0 is the real time.
    offset_ms: Option<i64>,
    /// On top of what is.
    advance_ms: Option<i64>,
}

async fn set_clock(State(world): State<World>, Json(shift): Json<ClockShift>) -> Json<Value> {
    let base = shift.offset_ms.unwrap_or_else(|| world.clock.offset_ms());
    world.clock.set_offset_ms(base.saturating_add(shift.advance_ms.unwrap_or(0)));
    Json(clock_now(&world))
}

async fn faults(State(world): State<World>) -> Json<Value> {
    Json(world.with(|state, _| shown(&state.faults)))
}

fn shown(faults: &Faults) -> Value {
    json!({
        "seed": faults.seed, "routes": faults.routes, "hooks": faults.hooks,
        "hook_wire": faults.hook_wire, "rest_wire": faults.rest_wire,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultChange {
    /// Forget all faults first.
    #[serde(default)]
    clear: bool,
    seed: Option<u64>,
    /// Added to those there are.
    #[serde(default)]
    routes: Vec<RouteFault>,
    /// Laid over what is set.
    hooks: Option<Value>,
    hook_wire: Option<Value>,
    rest_wire: Option<Value>,
}

async fn set_faults(State(world): State<World>, Json(change): Json<FaultChange>) -> Shown {
    world.with(|state, _| {
        let faults = &mut state.faults;
        if change.clear {
            *faults = Faults::new(faults.seed);
        }
        // All are read before any is set: half a change would be a puzzle.
        let none = Value::Null;
        let hooks = overlay(&faults.hooks, change.hooks.as_ref().unwrap_or(&none))?;
        let hook_wire = overlay(&faults.hook_wire, change.hook_wire.as_ref().unwrap_or(&none))?;
        let rest_wire = overlay(&faults.rest_wire, change.rest_wire.as_ref().unwrap_or(&none))?;
        (faults.hooks, faults.hook_wire, faults.rest_wire) = (hooks, hook_wire, rest_wire);
        if let Some(seed) = change.seed {
            faults.reseed(seed);
        }
        change.routes.into_iter().for_each(|fault| faults.add(fault));
        Ok(Json(shown(faults)))
    })
}

async fn clear_faults(State(world): State<World>) -> Json<Value> {
    Json(world.with(|state, _| {
        state.faults = Faults::new(state.faults.seed);
        shown(&state.faults)
    }))
}

/// `?method=&path=&status=&after=&limit=`; `path` is a part of it, `after` the last id already seen.
async fn requests(State(world): State<World>, params: Params) -> Json<Value> {
    let after = params.number("after").unwrap_or(0_u64);
    let limit = params.number("limit").unwrap_or(1_000_usize);
    let status: Option<u16> = params.number("status");
    Json(world.with(|state, _| {
        let wanted = |seen: &crate::yclients::world::Seen| {
            params.get("method").is_none_or(|m| seen.method.eq_ignore_ascii_case(m))
                && params.get("path").is_none_or(|p| seen.path.contains(p))
                && status.is_none_or(|s| seen.status == s)
        };
        let found: Vec<_> = state.requests.iter().filter(|(id, seen)| *id > after && wanted(seen)).collect();
        let count = found.len();
        let shown: Vec<_> =
            found.into_iter().rev().take(limit).rev().map(|(id, seen)| with_id(id, seen)).collect();
        json!({"count": count, "total": state.requests.total(), "requests": shown})
    }))
}

/// A line of a log under its number.
pub fn with_id(id: u64, line: &impl serde::Serialize) -> Value {
    let mut value = json!(line);
    value["id"] = json!(id);
    value
}

async fn clear_requests(State(world): State<World>) -> StatusCode {
    world.with(|state, _| {
        state.requests.clear();
        state.limiter.clear();
    });
    StatusCode::NO_CONTENT
}

async fn codes(State(world): State<World>) -> Json<Value> {
    Json(json!({"codes": world.with(|state, _| state.codes.clone())}))
}

/// Back to the demo salons. Settings stay as they are; the clock goes back to the real time.
async fn reset(State(world): State<World>) -> Json<Value> {
    world.clock.set_offset_ms(0);
    world.reset(None);
    Json(json!({"ok": true}))
}
