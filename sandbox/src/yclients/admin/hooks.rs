//! The log of what left, sending it again, and sending what no change would give rise to.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::setup::with_id;
use crate::yclients::{
    answer::Refusal,
    hooks::{Delivery, DeliveryState},
    input::{self, Id, Params},
    post::Parcel,
    world::{self, World},
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/hooks", get(list).delete(clear))
        .route("/hooks/resend", post(resend))
        .route("/salons/{salon}/hooks", post(send))
}

/// `?salon_id=&kind=&resource=&resource_id=&event=&state=&after=&limit=`
async fn list(State(world): State<World>, params: Params) -> Json<Value> {
    let after = params.number("after").unwrap_or(0_u64);
    let limit = params.number("limit").unwrap_or(1_000_usize);
    let number = |name: &str| params.number::<i64>(name);
    Json(world.with(|state, _| {
        let wanted = |line: &Delivery| {
            number("salon_id").is_none_or(|id| line.salon_id == id)
                && number("resource_id").is_none_or(|id| line.resource_id == id)
                && params.get("kind").is_none_or(|kind| line.kind == kind)
                && params.get("resource").is_none_or(|resource| line.resource == resource)
                && params.get("event").is_none_or(|event| line.event == event)
                && params.get("state").is_none_or(|wanted| json!(line.state) == wanted)
        };
        let found: Vec<_> =
            state.deliveries.iter().filter(|(id, line)| *id > after && wanted(line)).collect();
        let count = found.len();
        let shown: Vec<_> =
            found.into_iter().rev().take(limit).rev().map(|(id, line)| with_id(id, line)).collect();
        json!({"count": count, "total": state.deliveries.total(), "hooks": shown})
    }))
}

async fn clear(State(world): State<World>) -> StatusCode {
    world.with(|state, _| state.deliveries.clear());
    StatusCode::NO_CONTENT
}

/// `{ids: [n]}`: the same bodies to the same addresses, at once. The log gets new lines.
async fn resend(State(world): State<World>, Json(body): Json<Value>) -> Result<Json<Value>, Refusal> {
    world.with(|state, now| {
        let mut sent = Vec::new();
        for id in input::ints(&body["ids"]) {
            let known = u64::try_from(id).ok().and_then(|id| state.deliveries.get(id).cloned());
            let line = known.ok_or_else(|| Refusal::not_found("no such hook, or forgotten"))?;
            let text = line.body.as_str().map_or_else(|| line.body.to_string(), str::to_owned);
            sent.push(queue(state, now, Delivery { faults: vec!["resent"], ..line }, text));
        }
        Ok(Json(json!({"ids": sent})))
    })
}

/// `{resource, resource_id, status, data, company_id?}` in the usual envelope, or `{raw: "any text"}` as it stands; to the
/// salon's addresses or to `url`.
async fn send(
    State(world): State<World>,
    Path(salon): Path<Id>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Refusal> {
    world.with(|state, now| {
        let urls = match body["url"].as_str() {
            Some(url) => vec![url.to_owned()],
            None => state.salon(salon.0)?.hooks.urls.clone(),
        };
        let raw = body["raw"].as_str();
        let envelope = json!({
            "company_id": input::int(&body["company_id"]).unwrap_or(salon.0), "resource": body["resource"],
            "resource_id": body["resource_id"], "status": body["status"], "data": body["data"],
        });
        let text = raw.map_or_else(|| envelope.to_string(), str::to_owned);
        let logged = raw.map_or(envelope, |raw| json!(raw));
        let mut sent = Vec::new();
        for url in urls {
            let line = Delivery {
                kind: "hook",
                salon_id: salon.0,
                resource: body["resource"].as_str().unwrap_or_default().to_owned(),
                resource_id: input::int(&body["resource_id"]).unwrap_or(0),
                event: body["status"].as_str().unwrap_or_default().to_owned(),
                url,
                body: logged.clone(),
                faults: vec!["by hand"],
                state: DeliveryState::Queued,
                queued_at: now,
                sent_at: None,
                attempt: 0,
                status: None,
                error: None,
                latency_ms: None,
            };
            sent.push(queue(state, now, line, text.clone()));
        }
        Ok(Json(json!({"ids": sent})))
    })
}

fn queue(state: &mut world::State, now: DateTime<Utc>, line: Delivery, text: String) -> u64 {
    let url = line.url.clone();
    let fresh = Delivery {
        state: DeliveryState::Queued,
        queued_at: now,
        sent_at: None,
        attempt: 0,
        status: None,
        error: None,
        latency_ms: None,
        ..line
    };
    let id = state.deliveries.push(fresh);
    let epoch = state.epoch;
    state.dispatch(Parcel { id, epoch, url, body: text, due: Instant::now(), aside: false, hold: None });
    id
}
