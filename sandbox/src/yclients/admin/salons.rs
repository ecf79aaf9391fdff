//! Salons: what there are, making one, changing one.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::contents::{read_service, read_staff, tell, updated};
use crate::yclients::{
    answer::Refusal,
    demo,
    input::{self, Id},
    journal::{self, Origin},
    model::{Category, Salon},
    rest::hooks_view,
    wire, wire_salon,
    world::{World, take},
};

/// Enough for the largest measurement, little enough to notice a loop that went wrong.
const MOST_SALONS: usize = 20_000;

pub fn routes() -> Router<World> {
    Router::new().route("/salons", get(list).post(create)).route("/salons/{salon}", get(show).patch(change))
}

type Shown = Result<Json<Value>, Refusal>;

async fn list(State(world): State<World>) -> Json<Value> {
    Json(world.with(|state, _| {
        let salons: Vec<_> = state.salons.values().map(summary).collect();
        json!({"salons": salons})
    }))
}

fn summary(salon: &Salon) -> Value {
    json!({
        "id": salon.id, "title": salon.title, "timezone": salon.timezone.name(),
        "state": salon.install.state.wire(), "records": salon.records.len(), "clients": salon.clients.len(),
    })
}

async fn show(State(world): State<World>, Path(salon): Path<Id>) -> Shown {
    world.with(|state, _| Ok(Json(whole(state.salon(salon.0)?, &state.options))))
}

/// Everything of a salon, masters and services with the numbers to use in other calls.
fn whole(salon: &Salon, options: &crate::yclients::Settings) -> Value {
    let mut value = summary(salon);
    let services = salon.services.iter().map(|s| {
        json!({
            "id": s.id, "title": s.title, "price": s.price_min, "length": s.length, "active": s.active,
            "staff": s.staff.iter().map(|(id, length)| json!({"id": id, "length": length})).collect::<Vec<_>>(),
        })
    });
    value["services"] = services.collect();
    value["staff"] = salon.staff.iter().map(|s| wire_salon::staff(salon.id, s)).collect();
    value["clients"] = salon.clients.values().map(|c| wire::rest_client(salon, c, options)).collect();
    value["records"] = salon.records.values().map(|r| wire::rest_record(salon, r, options)).collect();
    value["hooks_settings"] = hooks_view(&salon.hooks);
    value["install"] = json!({
        "state": salon.install.state.wire(), "since": salon.install.since, "api_key": salon.install.api_key,
        "webhook_urls": salon.install.webhook_urls, "channels": salon.install.channels,
        "short_names": salon.install.short_names, "discount": salon.install.discount,
    });
    value
}

/// `{title, timezone?, id?, phone?, staff?: ["name"|{…}], services?: [{…}], clients?: [{name, phone}]}`
async fn create(
    State(world): State<World>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    world.with(|state, now| {
        if state.salons.len() >= MOST_SALONS {
            return Err(wrong("salons", "too many"));
        }
        let title = body["title"].as_str().ok_or_else(|| wrong("title", "required"))?;
        let id = input::int(&body["id"]).unwrap_or_else(|| take(&mut state.ids.salon));
        if id <= 0 || state.salons.contains_key(&id) {
            return Err(wrong("id", "taken"));
        }
        let mut salon = demo::bare(id, title, zone(&body["timezone"])?.unwrap_or(chrono_tz::Europe::Moscow));
        describe(&mut salon, &body);
        salon.categories = vec![Category { id: take(&mut state.ids.service), title: "Услуги".into() }];
        for item in items(&body["staff"], &["Мастер"]) {
            salon.staff.push(read_staff(&item, take(&mut state.ids.staff))?);
        }
        for item in items(&body["services"], &["Стрижка"]) {
            let service = read_service(&salon, &item, take(&mut state.ids.service))?;
            salon.services.push(service);
        }
        state.salons.insert(id, salon);
        let silent = Origin { silent: true, ..Origin::desk() };
        for item in items(&body["clients"], &[]) {
            let client = crate::yclients::draft::client(&item).map_err(|()| wrong("clients.phone", "bad"))?;
            if let Some(client) = client {
                journal::upsert_client(state, now, id, &client, silent)?;
            }
        }
        Ok((StatusCode::CREATED, Json(whole(state.salon(id)?, &state.options))))
    })
}

fn items(value: &Value, otherwise: &[&str]) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| otherwise.iter().map(|name| json!(name)).collect())
}

fn zone(value: &Value) -> Result<Option<Tz>, Refusal> {
    value.as_str().map(|name| name.parse().map_err(|_| wrong("timezone", "unknown zone"))).transpose()
}

fn describe(salon: &mut Salon, body: &Value) {
    let text = |name: &str, place: &mut String| {
        if let Some(value) = body[name].as_str() {
            value.clone_into(place);
        }
    };
    text("title", &mut salon.title);
    text("city", &mut salon.city);
    text("address", &mut salon.address);
    text("phone", &mut salon.phone);
    text("currency", &mut salon.currency);
    text("short_descr", &mut salon.short_descr);
    salon.phone_confirmation = input::flag(&body["phone_confirmation"]).unwrap_or(salon.phone_confirmation);
    salon.licence_expired = input::flag(&body["licence_expired"]).unwrap_or(salon.licence_expired);
    salon.bookform_id = input::int(&body["bookform_id"]).unwrap_or(salon.bookform_id);
}

/// Any of the fields of creation; `licence_expired: true` makes every call about the salon a 402.
async fn change(State(world): State<World>, Path(id): Path<Id>, Json(body): Json<Value>) -> Shown {
    world.with(|state, now| {
        let zone = zone(&body["timezone"])?;
        let before = wire_salon::company(state.salon(id.0)?, None, now);
        let salon = state.salon_mut(id.0)?;
        describe(salon, &body);
        salon.timezone = zone.unwrap_or(salon.timezone);
        let data = wire_salon::company(salon, None, now);
        tell(state, &body, updated(id.0, "company", id.0, before, data));
        Ok(Json(whole(state.salon(id.0)?, &state.options)))
    })
}

pub fn wrong(field: &str, message: &str) -> Refusal {
    Refusal::invalid([(field, message)])
}
