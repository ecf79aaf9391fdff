//! Salons, what is in them, and the application's state there.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, patch, post},
};
use chrono_tz::Tz;
use serde_json::{Value, json};

use crate::yclients::{
    answer::Refusal,
    demo,
    hooks::{Action, Event},
    input::{self, Id},
    install,
    journal::{self, Origin},
    model::{Category, Salon, Service, Staff},
    rest::{hooks_view, schedule_days, schedule_slots},
    wire, wire_salon,
    world::{self, World, take},
};

/// Enough for the largest measurement, little enough to notice a loop that went wrong.
const MOST_SALONS: usize = 20_000;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/salons", get(list).post(create))
        .route("/salons/{salon}", get(show).patch(change))
        .route("/salons/{salon}/staff", post(add_staff))
        .route("/salons/{salon}/staff/{staff}", patch(change_staff))
        .route("/salons/{salon}/services", post(add_service))
        .route("/salons/{salon}/services/{service}", patch(change_service))
        .route("/salons/{salon}/clients/{client}", patch(change_client))
        .route("/salons/{salon}/schedule", axum::routing::put(set_schedule))
        .route("/salons/{salon}/install", post(install_app))
        .route("/salons/{salon}/uninstall", post(uninstall))
        .route("/salons/{salon}/freeze", post(freeze))
        .route("/salons/{salon}/payment", post(payment))
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
        let before = wire_salon::company(state.salon(id.0)?, false, now);
        let salon = state.salon_mut(id.0)?;
        describe(salon, &body);
        salon.timezone = zone.unwrap_or(salon.timezone);
        let data = wire_salon::company(salon, false, now);
        tell(state, &body, updated(id.0, "company", id.0, before, data));
        Ok(Json(whole(state.salon(id.0)?, &state.options)))
    })
}

/// Tells of a change to the salon's own data, unless the body says `silent`.
fn tell(state: &mut world::State, body: &Value, event: Event) {
    let silent = input::flag(&body["silent"]).unwrap_or(false);
    journal::tell(state, Origin { silent, ..Origin::desk() }, event);
}

fn created(salon_id: i64, resource: &'static str, id: i64, data: Value) -> Event {
    Event { salon_id, resource, resource_id: id, action: Action::Create, before: None, data, by_app: false }
}

fn updated(salon_id: i64, resource: &'static str, id: i64, before: Value, data: Value) -> Event {
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
fn read_staff(body: &Value, id: i64) -> Result<Staff, Refusal> {
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
fn read_service(salon: &Salon, body: &Value, id: i64) -> Result<Service, Refusal> {
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

/// The owner presses Connect, without a browser; answers where the browser would have gone.
async fn install_app(State(world): State<World>, Path(id): Path<Id>, body: Option<Json<Value>>) -> Shown {
    world.with(|state, now| {
        let mut ids = vec![id.0];
        let more = body.map(|Json(body)| input::ints(&body["with"])).unwrap_or_default();
        ids.extend(more.into_iter().filter(|more| *more != id.0));
        install::consent(state, now, &ids)?;
        Ok(Json(json!({
            "state": state.salon(id.0)?.install.state.wire(), "redirect_url": install::register_url(state, &ids),
        })))
    })
}

async fn uninstall(State(world): State<World>, Path(id): Path<Id>) -> Shown {
    world.with(|state, now| {
        install::uninstall(state, now, id.0, "marketplace", true)?;
        state_of(state, id.0)
    })
}

async fn freeze(State(world): State<World>, Path(id): Path<Id>) -> Shown {
    world.with(|state, now| {
        install::freeze(state, now, id.0)?;
        state_of(state, id.0)
    })
}

/// `{amount?}`; thaws a frozen salon.
async fn payment(State(world): State<World>, Path(id): Path<Id>, body: Option<Json<Value>>) -> Shown {
    world.with(|state, now| {
        let amount = body.and_then(|Json(body)| input::float(&body["amount"])).unwrap_or(990.0);
        let payment = install::pay(state, now, id.0, amount)?;
        Ok(Json(json!({"payment_id": payment, "state": state.salon(id.0)?.install.state.wire()})))
    })
}

fn state_of(state: &world::State, id: i64) -> Shown {
    Ok(Json(json!({"state": state.salon(id)?.install.state.wire()})))
}

fn wrong(field: &str, message: &str) -> Refusal {
    Refusal::invalid([(field, message)])
}
