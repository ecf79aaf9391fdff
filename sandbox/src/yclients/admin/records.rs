//! The journal without a browser: what a receptionist does, as JSON.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{patch, post},
};
use serde_json::{Value, json};

use crate::yclients::{
    answer::Refusal,
    draft::{self, Patch},
    input::{self, Id, Params},
    journal::{self, Origin},
    wire,
    world::{self, World},
};

/// For filling pages; more is a mistake.
const MOST_AT_ONCE: i64 = 5_000;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/salons/{salon}/records", post(create))
        .route("/records/{record}", patch(change).get(show).delete(remove))
}

type Shown = Result<Json<Value>, Refusal>;

/// `{client?: {name, phone, …}, staff_id?, services?: [id|{…}], datetime, length?, comment?, attendance?, online?, silent?,
/// count?}`. With `count` the same record is made so many times, half an hour apart, and the numbers are answered.
async fn create(
    State(world): State<World>,
    Path(salon): Path<Id>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    world.with(|state, now| {
        let (draft, origin) = draft::loose(state.salon(salon.0)?, &body)?;
        if let Some(count) = input::int(&body["count"]) {
            let mut ids = Vec::new();
            for step in 0..count.clamp(0, MOST_AT_ONCE) {
                let start = draft.start + chrono::TimeDelta::minutes(30 * step);
                let draft = draft::Draft { start, ..draft.clone() };
                ids.push(journal::create(state, now, salon.0, draft, origin)?);
            }
            return Ok((StatusCode::CREATED, Json(json!({"ids": ids}))));
        }
        let id = journal::create(state, now, salon.0, draft, origin)?;
        Ok((StatusCode::CREATED, Json(record(state, salon.0, id)?)))
    })
}

fn record(state: &world::State, salon_id: i64, id: i64) -> Result<Value, Refusal> {
    Ok(wire::single_record(state.salon(salon_id)?, state.record(salon_id, id)?, &state.options))
}

fn salon_of(state: &world::State, id: Id) -> Result<i64, Refusal> {
    state.salon_of_record(id.0).ok_or_else(|| Refusal::not_found("no such record"))
}

async fn show(State(world): State<World>, Path(id): Path<Id>) -> Shown {
    world.with(|state, _| Ok(Json(record(state, salon_of(state, id)?, id.0)?)))
}

/// Any of `{datetime, length, staff_id, services, comment, attendance, paid_full, record_labels, client, silent}`. Attendance is
/// a number or `waiting`, `confirmed`, `arrived`, `no_show`.
async fn change(State(world): State<World>, Path(id): Path<Id>, Json(body): Json<Value>) -> Shown {
    world.with(|state, now| {
        let salon_id = salon_of(state, id)?;
        let mut patch = Patch::read(state.salon(salon_id)?, &body)?;
        let origin = Origin { silent: input::flag(&body["silent"]).unwrap_or(false), ..Origin::desk() };
        let client = match patch.client.take() {
            Some(Some(client)) => Some(Some(journal::upsert_client(state, now, salon_id, &client, origin)?)),
            other => other.map(|_| None),
        };
        journal::change(state, now, salon_id, id.0, origin, |record| {
            patch.apply(record);
            record.client_id = client.unwrap_or(record.client_id);
        })?;
        Ok(Json(record(state, salon_id, id.0)?))
    })
}

/// `?silent=1` tells nobody.
async fn remove(
    State(world): State<World>,
    Path(id): Path<Id>,
    params: Params,
) -> Result<StatusCode, Refusal> {
    world.with(|state, now| {
        let salon_id = salon_of(state, id)?;
        let origin = Origin { silent: params.flag("silent"), ..Origin::desk() };
        journal::delete(state, now, salon_id, id.0, origin)?;
        Ok(StatusCode::NO_CONTENT)
    })
}
