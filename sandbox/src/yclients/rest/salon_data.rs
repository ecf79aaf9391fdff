//! Services, categories, masters and their working days.

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde_json::{Value, json};

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::User,
    input::{self, Body, Id, Params},
    model::Slot,
    wire_salon,
    world::World,
};

/// Longer stretches of schedule are refused rather than computed.
const LONGEST_SCHEDULE_DAYS: i64 = 366;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/company/{salon}/services", get(services))
        .route("/company/{salon}/services/{service}", get(service))
        .route("/company/{salon}/service_categories", get(categories))
        .route("/company/{salon}/staff", get(staff))
        .route("/company/{salon}/staff/{staff}", get(one_staff))
        .route("/company/{salon}/staff/schedule", get(schedule).put(set_schedule))
}

async fn services(State(world): State<World>, user: User, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let staff_id: Option<i64> = params.number("staff_id");
        let category_id: Option<i64> = params.number("category_id");
        let wanted = salon.services.iter().filter(|service| {
            category_id.is_none_or(|id| service.category_id == id)
                && staff_id.is_none_or(|id| service.staff.iter().any(|(staff, _)| *staff == id))
        });
        let data: Vec<_> = wanted.map(wire_salon::service).collect();
        let meta = json!({"total_count": data.len()});
        Ok(answer::with_meta(json!(data), meta))
    })
}

async fn service(State(world): State<World>, user: User, Path((salon, id)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        let service = user.salon(state, salon.0)?.service(id.0);
        let service = service.ok_or_else(|| Refusal::not_found("Услуга не найдена."))?;
        Ok(answer::ok(wire_salon::service(service)))
    })
}

async fn categories(State(world): State<World>, user: User, Path(salon): Path<Id>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let data: Vec<_> = salon.categories.iter().map(wire_salon::category).collect();
        let meta = json!({"total_count": data.len()});
        Ok(answer::with_meta(json!(data), meta))
    })
}

async fn staff(State(world): State<World>, user: User, Path(salon): Path<Id>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let data: Vec<_> = salon.staff.iter().map(|s| wire_salon::staff(salon.id, s)).collect();
        let meta = json!({"total_count": data.len()});
        Ok(answer::with_meta(json!(data), meta))
    })
}

async fn one_staff(State(world): State<World>, user: User, Path((salon, id)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let staff = salon.staff(id.0).ok_or_else(|| Refusal::not_found("Сотрудник не найден."))?;
        Ok(answer::ok(wire_salon::staff(salon.id, staff)))
    })
}

async fn schedule(State(world): State<World>, user: User, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let (Some(from), Some(to)) = (params.date("start_date"), params.date("end_date")) else {
            return Err(Refusal::invalid([
                ("start_date", "Поле обязательно"),
                ("end_date", "Поле обязательно"),
            ]));
        };
        if to < from || (to - from).num_days() > LONGEST_SCHEDULE_DAYS {
            return Err(Refusal::invalid([("end_date", "Значение недействительно")]));
        }
        let (wanted, include) = (params.ids("staff_ids"), params.list("include"));
        let has = |name: &str| include.iter().any(|i| i == name);
        let (busy, off_day) = (has("busy_intervals"), has("off_day_type"));
        let mut data = Vec::new();
        for staff in salon.staff.iter().filter(|s| wanted.is_empty() || wanted.contains(&s.id)) {
            let days = from.iter_days().take_while(|date| *date <= to);
            let working = days.filter(|date| !salon.slots(staff, *date).is_empty());
            data.extend(working.map(|date| wire_salon::day(salon, staff, date, busy, off_day)));
        }
        let meta = json!({"count": data.len()});
        Ok(answer::with_meta(json!(data), meta))
    })
}

async fn set_schedule(
    State(world): State<World>,
    user: User,
    Path(salon): Path<Id>,
    Body(body): Body,
) -> Answer {
    world.with(|state, _| {
        let id = user.salon(state, salon.0)?.id;
        let salon = state.salon_mut(id)?;
        for (staff_id, date, slots) in super::schedule_days(&body)? {
            if salon.staff(staff_id).is_none() {
                return Err(Refusal::invalid([("staff_id", "Сотрудник не найден")]));
            }
            salon.days.insert((staff_id, date), slots);
        }
        // Days long past only take room.
        let oldest = salon.days.keys().map(|(_, date)| *date).max().map(|d| d - TimeDelta::days(1_000));
        salon.days.retain(|(_, date), _| oldest.is_none_or(|oldest| *date >= oldest));
        Ok(answer::ok(json!([])))
    })
}

/// `[{staff_id, dates[], slots[]}]`, flattened.
pub fn days(list: &Value, with_slots: bool) -> Result<Vec<(i64, NaiveDate, Vec<Slot>)>, Refusal> {
    let wrong = || Refusal::invalid([("schedules_to_set", "Значение недействительно")]);
    let mut found = Vec::new();
    for item in list.as_array().map(Vec::as_slice).unwrap_or_default() {
        let staff_id = input::int(&item["staff_id"]).ok_or_else(wrong)?;
        let slots = if with_slots { slots(&item["slots"]).ok_or_else(wrong)? } else { Vec::new() };
        for date in item["dates"].as_array().ok_or_else(wrong)? {
            let date = date.as_str().and_then(|d| NaiveDate::parse_from_str(d, "%Y-%m-%d").ok());
            found.push((staff_id, date.ok_or_else(wrong)?, slots.clone()));
        }
    }
    Ok(found)
}

/// `[{from: "10:00", to: "20:00"}]`
pub fn slots(list: &Value) -> Option<Vec<Slot>> {
    let time = |v: &Value| NaiveTime::parse_from_str(v.as_str()?, "%H:%M").ok();
    let slot = |v: &Value| Some(Slot { from: time(&v["from"])?, to: time(&v["to"])? });
    list.as_array()?.iter().map(slot).collect()
}
