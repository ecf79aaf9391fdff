//! What an online booking form asks for: services, masters, days and times.

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, Utc};
use serde_json::{Map, Value, json};

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::Partner,
    free_time,
    input::{Id, Params},
    model::{Salon, Staff},
    wire, wire_salon,
    world::World,
};

/// How far ahead the form looks.
const HORIZON_DAYS: u64 = 60;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/book_services/{salon}", get(services))
        .route("/book_staff/{salon}", get(staff))
        .route("/book_dates/{salon}", get(dates))
        .route("/book_times/{salon}/{staff}/{date}", get(times))
        .route("/book_staff_seances/{salon}/{staff}", get(seances))
}

pub fn local(now: DateTime<Utc>, salon: &Salon) -> NaiveDateTime {
    now.with_timezone(&salon.timezone).naive_local()
}

/// The salon as its clients see it: an expired licence closes the form too.
pub fn open_salon(state: &crate::yclients::world::State, id: Id) -> Result<&Salon, Refusal> {
    let salon = state.salon(id.0)?;
    if salon.licence_expired { Err(Refusal::licence(salon.id)) } else { Ok(salon) }
}

/// `seance_length` only comes with `staff_id`, and `active` is 0 for what can be booked: both as observed.
async fn services(State(world): State<World>, _: Partner, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, _| {
        let salon = open_salon(state, salon)?;
        let staff_id: Option<i64> = params.number("staff_id").filter(|id| *id != 0);
        let bookable = salon.services.iter().filter(|s| s.active && !s.staff.is_empty());
        let with_staff =
            bookable.filter(|s| staff_id.is_none_or(|id| s.staff.iter().any(|(staff, _)| *staff == id)));
        let services: Vec<_> = with_staff
            .map(|s| {
                let mut data = json!({
                    "id": s.id, "title": s.title, "category_id": s.category_id, "price_min": s.price_min,
                    "price_max": s.price_max, "discount": 0, "comment": s.comment, "weight": 6, "active": 0,
                    "sex": 0, "image": "", "prepaid": "forbidden",
                });
                if let Some(id) = staff_id {
                    data["seance_length"] = json!(s.length_with(id));
                }
                data
            })
            .collect();
        let category: Vec<_> = salon.categories.iter().map(wire_salon::category).collect();
        Ok(answer::ok(json!({"events": [], "services": services, "category": category})))
    })
}

async fn staff(State(world): State<World>, _: Partner, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, now| {
        let salon = open_salon(state, salon)?;
        let services = params.ids("service_ids");
        let bookable: Vec<i64> = free_time::bookable(salon, &services).map(|s| s.id).collect();
        let shown = salon.staff.iter().filter(|s| !s.fired && !s.hidden);
        let data: Vec<_> = shown
            .map(|s| book_staff(salon, s, bookable.contains(&s.id), &services, local(now, salon)))
            .collect();
        Ok(answer::ok(json!(data)))
    })
}

/// Strings for one who can be booked, numbers for one who cannot: the platform prints them so, side by side.
fn book_staff(salon: &Salon, staff: &Staff, bookable: bool, services: &[i64], now: NaiveDateTime) -> Value {
    let position = wire_salon::position(staff);
    if !bookable {
        return json!({
            "id": staff.id, "name": staff.name, "bookable": false, "specialization": staff.specialization,
            "position": position, "show_rating": 1, "rating": 0, "votes_count": 0, "avatar": "",
            "comments_count": 0, "weight": 8, "information": "",
        });
    }
    let first = free_days(salon, &[staff], services, now, now.date(), HORIZON_DAYS).into_iter().next();
    let seance_date = first.map(|date| date.and_time(Default::default()).and_utc().timestamp());
    json!({
        "id": staff.id.to_string(), "name": staff.name, "bookable": true, "specialization": staff.specialization,
        "position": position, "show_rating": "1", "rating": staff.rating.to_string(), "votes_count": "1",
        "avatar": format!("https://assets.example.test/masters/sm/{}.png", staff.id), "comments_count": "0",
        "weight": "11", "information": "<span></span>", "seance_date": seance_date, "seances": [],
    })
}

fn free_days(
    salon: &Salon,
    staff: &[&Staff],
    services: &[i64],
    now: NaiveDateTime,
    from: NaiveDate,
    days: u64,
) -> Vec<NaiveDate> {
    let days = (0..days).filter_map(|n| from.checked_add_days(Days::new(n)));
    days.filter(|date| !free_time::times(salon, staff.iter().copied(), services, *date, now).is_empty())
        .collect()
}

/// The master asked for, or all of them for 0.
pub fn candidates<'a>(salon: &'a Salon, staff_id: i64, services: &'a [i64]) -> Vec<&'a Staff> {
    free_time::bookable(salon, services).filter(|s| staff_id == 0 || s.id == staff_id).collect()
}

async fn dates(State(world): State<World>, _: Partner, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, now| {
        let salon = open_salon(state, salon)?;
        let (now, services) = (local(now, salon), params.ids("service_ids"));
        let staff = candidates(salon, params.number("staff_id").unwrap_or(0), &services);
        let (from, to) = window(&params, now.date());
        let days = u64::try_from((to - from).num_days() + 1).unwrap_or(0).min(HORIZON_DAYS);
        let free = free_days(salon, &staff, &services, now, from, days);
        let working: Vec<_> = from
            .iter_days()
            .take(usize::try_from(days).unwrap_or(0))
            .filter(|date| staff.iter().any(|s| !salon.slots(s, *date).is_empty()))
            .collect();
        Ok(answer::ok(json!({
            "booking_days": by_month(&free), "booking_dates": free, "working_days": by_month(&working),
            "working_dates": working,
        })))
    })
}

/// `date_from` and `date_to` win over `date`, which means its month; else the whole horizon.
fn window(params: &Params, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    let end = today.checked_add_days(Days::new(HORIZON_DAYS - 1)).unwrap_or(today);
    match (params.date("date_from"), params.date("date_to"), params.date("date")) {
        (None, None, None) => (today, end),
        (None, None, Some(date)) => {
            let first = date.with_day(1).unwrap_or(date);
            let last = first.checked_add_months(chrono::Months::new(1)).and_then(|d| d.pred_opt());
            (first.max(today), last.unwrap_or(date))
        }
        (from, to, _) => (from.unwrap_or(today).max(today), to.unwrap_or(end)),
    }
}

/// `{"9": ["4", "5"]}`: months and days as strings, no year.
fn by_month(dates: &[NaiveDate]) -> Value {
    let mut months = Map::new();
    for date in dates {
        let days = months.entry(date.month().to_string()).or_insert_with(|| json!([]));
        if let Value::Array(days) = days {
            days.push(json!(date.day().to_string()));
        }
    }
    Value::Object(months)
}

async fn times(
    State(world): State<World>,
    _: Partner,
    Path((salon, staff, date)): Path<(Id, Id, String)>,
    params: Params,
) -> Answer {
    world.with(|state, now| {
        let salon = open_salon(state, salon)?;
        let date = date.parse::<NaiveDate>().map_err(|_| Refusal::bad_format())?;
        Ok(answer::ok(json!(seances_of(salon, staff.0, &params.ids("service_ids"), date, local(now, salon)))))
    })
}

fn seances_of(
    salon: &Salon,
    staff_id: i64,
    services: &[i64],
    date: NaiveDate,
    now: NaiveDateTime,
) -> Vec<Value> {
    let staff = candidates(salon, staff_id, services);
    let found = free_time::times(salon, staff.into_iter(), services, date, now);
    let seance = |(at, length): (NaiveDateTime, i64)| {
        json!({
            "time": at.format("%H:%M").to_string(), "seance_length": length, "sum_length": length,
            "datetime": wire::with_offset(at, salon.timezone),
        })
    };
    found.into_iter().map(seance).collect()
}

/// The nearest day with anything free.
async fn seances(
    State(world): State<World>,
    _: Partner,
    Path((salon, staff)): Path<(Id, Id)>,
    params: Params,
) -> Answer {
    world.with(|state, now| {
        let salon = open_salon(state, salon)?;
        let (now, services) = (local(now, salon), params.ids("service_ids"));
        let candidates = candidates(salon, staff.0, &services);
        let day = free_days(salon, &candidates, &services, now, now.date(), HORIZON_DAYS).into_iter().next();
        let seances = day.map(|day| seances_of(salon, staff.0, &services, day, now)).unwrap_or_default();
        Ok(answer::ok(json!({"seance_date": day, "seances": seances})))
    })
}
