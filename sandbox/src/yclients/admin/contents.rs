//! What is in a salon: masters, services, days, clients.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{patch, post, put},
};
use serde_json::{Value, json};

use super::salons::wrong;
use crate::yclients::{
    answer::Refusal,
    demo,
    hooks::{Action, Event},
    input::{self, Id},
    journal::{self, Origin},
    model::{Salon, Service, Staff},
    rest::{schedule_days, schedule_slots},
    wire, wire_salon,
    world::{self, World, take},
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/salons/{salon}/staff", post(add_staff))
        .route("/salons/{salon}/staff/{staff}", patch(change_staff))
        .route("/salons/{salon}/services", post(add_service))
        .route("/salons/{salon}/services/{service}", patch(change_service))
        .route("/salons/{salon}/clients/{client}", patch(change_client))
        .route("/salons/{salon}/schedule", put(set_schedule))
}

type Shown = Result<Json<Value>, Refusal>;

/// Tells of a change to the salon's own data, unless the body says `silent`.
pub fn tell(state: &mut world::State, body: &Value, event: Event) {
    let silent = input::flag(&body["silent"]).unwrap_or(false);
    journal::tell(state, Origin { silent, ..Origin::desk() }, event);
}

fn created(salon_id: i64, resource: &'static str, id: i64, data: Value) -> Event {
    Event { salon_id, resource, resource_id: id, action: Action::Create, before: None, data, by_app: false }
}

pub fn updated(salon_id: i64, resource: &'static str, id: i64, before: Value, data: Value) -> Event {
    Event {
        salon_id,
        resource,
        resource_id: id,
        action: Action::Update,
        before: Some(before),
        data,
        by_app: false,
    }
}

/// A name, or `{name, specialization?, position?, fired?, hidden?, bookable?, hours?: [{from, to}]}`.
pub fn read_staff(body: &Value, id: i64) -> Result<Staff, Refusal> {
    let name =
        body.as_str().or_else(|| body["name"].as_str()).ok_or_else(|| wrong("staff.name", "required"))?;
    let mut staff = demo::staff(id, name, "Мастер", None);
    amend_staff(&mut staff, body)?;
    Ok(staff)
}

fn amend_staff(staff: &mut Staff, body: &Value) -> Result<(), Refusal> {
    if let Some(name) = body["name"].as_str() {
        name.clone_into(&mut staff.name);
    }
    if let Some(specialization) = body["specialization"].as_str() {
        specialization.clone_into(&mut staff.specialization);
    }
    if let Some(position) = body["position"].as_str() {
        staff.position = Some((120_001, position.to_owned()));
    }
    staff.fired = input::flag(&body["fired"]).unwrap_or(staff.fired);
    staff.hidden = input::flag(&body["hidden"]).unwrap_or(staff.hidden);
    staff.bookable = input::flag(&body["bookable"]).unwrap_or(staff.bookable && !staff.fired);
    if body["hours"].is_array() {
        staff.hours = schedule_slots(&body["hours"]).ok_or_else(|| wrong("hours", "[{from, to}]"))?;
    }
    Ok(())
}

/// A title, or `{title, price?, length? (seconds), active?, staff?: [id]}`; by default every master does it.
pub fn read_service(salon: &Salon, body: &Value, id: i64) -> Result<Service, Refusal> {
    let title = body
        .as_str()
        .or_else(|| body["title"].as_str())
        .ok_or_else(|| wrong("services.title", "required"))?;
    let mut service = demo::service(id, title, 1_500.0, 3_600, &[]);
    service.category_id = salon.categories.first().map_or(0, |c| c.id);
    amend_service(&mut service, body);
    if !body["staff"].is_array() {
        service.staff = salon.staff.iter().map(|s| (s.id, service.length)).collect();
    }
    Ok(service)
}

fn amend_service(service: &mut Service, body: &Value) {
    if let Some(title) = body["title"].as_str() {
        title.clone_into(&mut service.title);
    }
    if let Some(price) = input::float(&body["price"]) {
        (service.price_min, service.price_max) = (price, price);
    }
    if let Some(length) = input::int(&body["length"]).filter(|n| *n > 0) {
        service.length = length;
        service.staff.iter_mut().for_each(|(_, l)| *l = length);
    }
    service.active = input::flag(&body["active"]).unwrap_or(service.active);
    if body["staff"].is_array() {
        service.staff = input::ints(&body["staff"]).into_iter().map(|id| (id, service.length)).collect();
    }
}

async fn add_staff(State(world): State<World>, Path(salon): Path<Id>, Json(body): Json<Value>) -> Shown {
    world.with(|state, _| {
        state.salon(salon.0)?;
        let staff = read_staff(&body, take(&mut state.ids.staff))?;
        let data = wire_salon::staff(salon.0, &staff);
        let id = staff.id;
        state.salon_mut(salon.0)?.staff.push(staff);
        tell(state, &body, created(salon.0, "staff", id, data.clone()));
        Ok(Json(data))
    })
}

async fn change_staff(
    State(world): State<World>,
    Path((salon, id)): Path<(Id, Id)>,
    Json(body): Json<Value>,
) -> Shown {
    world.with(|state, _| {
        let found = state.salon_mut(salon.0)?.staff.iter_mut().find(|s| s.id == id.0);
        let staff = found.ok_or_else(|| Refusal::not_found("no such staff"))?;
        let before = wire_salon::staff(salon.0, staff);
        amend_staff(staff, &body)?;
        let data = wire_salon::staff(salon.0, staff);
        tell(state, &body, updated(salon.0, "staff", id.0, before, data.clone()));
        Ok(Json(data))
    })
}

async fn add_service(State(world): State<World>, Path(salon): Path<Id>, Json(body): Json<Value>) -> Shown {
    world.with(|state, _| {
        state.salon(salon.0)?;
        let id = take(&mut state.ids.service);
        let service = read_service(state.salon(salon.0)?, &body, id)?;
        let data = wire_salon::service(&service);
        state.salon_mut(salon.0)?.services.push(service);
        tell(state, &body, created(salon.0, "service", id, data.clone()));
        Ok(Json(data))
    })
}

async fn change_service(
    State(world): State<World>,
    Path((salon, id)): Path<(Id, Id)>,
    Json(body): Json<Value>,
) -> Shown {
    world.with(|state, _| {
        let found = state.salon_mut(salon.0)?.services.iter_mut().find(|s| s.id == id.0);
        let service = found.ok_or_else(|| Refusal::not_found("no such service"))?;
        let before = wire_salon::service(service);
        amend_service(service, &body);
        let data = wire_salon::service(service);
        tell(state, &body, updated(salon.0, "service", id.0, before, data.clone()));
        Ok(Json(data))
    })
}

/// Any of `{name, surname, phone, email, comment, sms_not, blacklisted}`.
async fn change_client(
    State(world): State<World>,
    Path((salon, id)): Path<(Id, Id)>,
    Json(body): Json<Value>,
) -> Shown {
    world.with(|state, now| {
        let silent = input::flag(&body["silent"]).unwrap_or(false);
        let phone = match body["phone"].as_str() {
            Some(text) if !text.is_empty() => Some(input::phone(text).ok_or_else(|| wrong("phone", "bad"))?),
            other => other.map(str::to_owned),
        };
        journal::change_client(state, now, salon.0, id.0, Origin { silent, ..Origin::desk() }, |client| {
            let text = |name: &str, place: &mut String| {
                if let Some(value) = body[name].as_str() {
                    value.clone_into(place);
                }
            };
            text("name", &mut client.name);
            text("surname", &mut client.surname);
            text("email", &mut client.email);
            text("comment", &mut client.comment);
            client.phone = phone.unwrap_or_else(|| client.phone.clone());
            client.sms_not = input::flag(&body["sms_not"]).unwrap_or(client.sms_not);
            client.blacklisted = input::flag(&body["blacklisted"]).unwrap_or(client.blacklisted);
        })?;
        let salon = state.salon(salon.0)?;
        Ok(Json(json!(salon.clients.get(&id.0).map(|c| wire::rest_client(salon, c, &state.options)))))
    })
}

/// As `PUT …/staff/schedule`, without tokens.
async fn set_schedule(State(world): State<World>, Path(id): Path<Id>, Json(body): Json<Value>) -> Shown {
    world.with(|state, _| {
        let changes = schedule_days(&body)?;
        let salon = state.salon_mut(id.0)?;
        let mut touched = BTreeSet::new();
        for (staff_id, date, slots) in changes {
            salon.days.insert((staff_id, date), slots);
            touched.insert(staff_id);
        }
        for staff in touched {
            tell(state, &body, updated(id.0, "schedule", staff, Value::Null, json!([])));
        }
        Ok(Json(json!({"ok": true})))
    })
}
