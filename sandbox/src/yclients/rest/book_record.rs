//! Placing a booking as a client does, and looking at it or calling it off by its hash.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{delete, get, post, put},
};
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::booking::{candidates, local, open_salon};
use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::Partner,
    draft, free_time,
    input::{self, Body, Id},
    journal::{self, ClientDraft, Draft, Origin},
    model::Salon,
    wire,
    world::{self, SmsCode, World},
};

const MOST_APPOINTMENTS: usize = 20;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/book_code/{salon}", post(code))
        .route("/book_check/{salon}", post(check))
        .route("/book_record/{salon}", post(place))
        .route("/book_record/{salon}/{record}", put(shift))
        .route("/book_record/{salon}/{record}/{hash}", get(show))
        .route("/user/records/{record}/{hash}", delete(call_off))
}

async fn code(State(world): State<World>, _: Partner, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let salon_id = open_salon(state, salon)?.id;
        let phone = input::text(&body["phone"]).as_deref().and_then(input::phone);
        let phone = phone.ok_or_else(|| Refusal::booking(431, "Неправильный формат номера телефона"))?;
        let code = format!("{:05}", state.faults.dice.between(10_000, 99_999));
        state.remember_code(SmsCode { salon_id, phone, code });
        Ok(answer::status(StatusCode::CREATED, Value::Null, json!({"message": "Created"})))
    })
}

/// One visit asked for, with the master settled.
struct Wish {
    id: i64,
    staff_id: i64,
    services: Vec<i64>,
    start: NaiveDateTime,
    length: i64,
}

async fn check(State(world): State<World>, _: Partner, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, now| {
        wishes(open_salon(state, salon)?, &body, now)?;
        Ok(answer::status(StatusCode::CREATED, Value::Null, json!({"message": "Created"})))
    })
}

fn wishes(salon: &Salon, body: &Value, now: DateTime<Utc>) -> Result<Vec<Wish>, Refusal> {
    let list = body["appointments"].as_array().filter(|l| (1..=MOST_APPOINTMENTS).contains(&l.len()));
    let list = list.ok_or_else(|| Refusal::invalid([("appointments", "Поле обязательно")]))?;
    let mut wishes: Vec<Wish> = Vec::new();
    for item in list {
        let wish = wish(salon, item, local(now, salon))?;
        let ends = |w: &Wish| w.start + TimeDelta::seconds(w.length);
        if wishes.iter().any(|w| w.staff_id == wish.staff_id && w.start < ends(&wish) && wish.start < ends(w))
        {
            return Err(Refusal::booking(437, "Записи пересекаются по времени"));
        }
        wishes.push(wish);
    }
    Ok(wishes)
}

fn wish(salon: &Salon, item: &Value, now: NaiveDateTime) -> Result<Wish, Refusal> {
    let start = item["datetime"].as_str().and_then(|text| input::moment(text, salon.timezone));
    let start =
        start.ok_or_else(|| Refusal::invalid([("appointments.datetime", "Поле имеет неверный формат")]))?;
    let services = input::ints(&item["services"]);
    if services.is_empty() {
        return Err(Refusal::booking(422, "Не выбраны услуги"));
    }
    if services.iter().any(|id| salon.service(*id).is_none_or(|s| !s.active)) {
        return Err(Refusal::booking(438, "Услуга больше не существует"));
    }
    let staff_id = input::int(&item["staff_id"]).unwrap_or(0);
    let free = candidates(salon, staff_id, &services).into_iter().find(|staff| {
        let end = start + TimeDelta::seconds(free_time::length(salon, staff.id, &services));
        start > now && salon.working(staff.id, start, end) && !salon.busy(staff.id, start, end, None)
    });
    let Some(staff) = free else {
        return Err(match staff_id {
            0 => Refusal::booking(436, "Нет свободных сотрудников на выбранное время"),
            id => draft::taken(id, start),
        });
    };
    let length = free_time::length(salon, staff.id, &services);
    Ok(Wish { id: input::int(&item["id"]).unwrap_or(0), staff_id: staff.id, services, start, length })
}

async fn place(State(world): State<World>, _: Partner, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, now| {
        let placed = place_in(state, now, salon, &body)?;
        Ok(answer::status(StatusCode::CREATED, json!(placed), json!([])))
    })
}

/// Places what is asked for, all of it or nothing.
pub fn place_in(
    state: &mut world::State,
    now: DateTime<Utc>,
    salon: Id,
    body: &Value,
) -> Result<Vec<Value>, Refusal> {
    let salon_id = open_salon(state, salon)?.id;
    let client = client(state, salon_id, body)?;
    let salon = state.salon(salon_id)?;
    let mut drafts = Vec::new();
    for wish in wishes(salon, body, now)? {
        drafts.push((wish.id, booked(salon, &wish, body, &client)));
    }
    let mut placed = Vec::new();
    for (id, draft) in drafts {
        let record = journal::create(state, now, salon_id, draft, Origin::form())?;
        let hash = &state.record(salon_id, record)?.hash;
        placed.push(json!({"id": id, "record_id": record, "record_hash": hash}));
    }
    Ok(placed)
}

/// Who books: phone, name and, where the salon wants it, the code from the SMS.
fn client(state: &world::State, salon_id: i64, body: &Value) -> Result<ClientDraft, Refusal> {
    let salon = state.salon(salon_id)?;
    let text = |name: &str| input::text(&body[name]).unwrap_or_default();
    if !body["email"].is_string() {
        return Err(Refusal::invalid([("email", "Поле обязательно")]));
    }
    let phone = input::phone(&text("phone"));
    let phone = phone.ok_or_else(|| Refusal::booking(431, "Неправильный формат номера телефона"))?;
    let fullname = text("fullname");
    let (name, surname) = fullname.trim().split_once(' ').unwrap_or((fullname.trim(), ""));
    if name.is_empty() {
        return Err(Refusal::booking(435, "Не указано имя клиента"));
    }
    let sent = state.codes.iter().rev().find(|c| c.salon_id == salon_id && c.phone == phone);
    if salon.phone_confirmation && sent.is_none_or(|c| c.code != text("code")) {
        return Err(Refusal::booking(432, "Неправильный код подтверждения"));
    }
    if salon.client_by_phone(&phone).is_some_and(|c| c.blacklisted) {
        return Err(Refusal::booking(434, "Запись запрещена"));
    }
    let (name, surname) = (name.to_owned(), surname.trim().to_owned());
    Ok(ClientDraft { name, surname, patronymic: String::new(), phone, email: text("email") })
}

fn booked(salon: &Salon, wish: &Wish, body: &Value, client: &ClientDraft) -> Draft {
    let ids = json!(wish.services);
    Draft {
        staff_id: wish.staff_id,
        client: Some(client.clone()),
        services: draft::lines(salon, &ids).unwrap_or_default(),
        start: wish.start,
        length: wish.length,
        comment: input::text(&body["comment"]).unwrap_or_default(),
        api_id: input::text(&body["api_id"]).unwrap_or_default(),
        custom_fields: body["custom_fields"].as_object().cloned().unwrap_or_default(),
        sms_remain_hours: input::int(&body["notify_by_sms"]).unwrap_or(0),
        email_remain_hours: input::int(&body["notify_by_email"]).unwrap_or(0),
        ..Draft::default()
    }
}

/// The client moves his own visit: only where it is free.
async fn shift(
    State(world): State<World>,
    _: Partner,
    Path((salon, record)): Path<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    world.with(|state, now| {
        let salon = open_salon(state, salon)?;
        let (id, known) = (salon.id, state.record(salon.id, record.0)?);
        let start = body["datetime"].as_str().and_then(|text| input::moment(text, salon.timezone));
        let start = start.ok_or_else(|| Refusal::invalid([("datetime", "Поле имеет неверный формат")]))?;
        let end = start + TimeDelta::seconds(known.length);
        let free = start > local(now, salon)
            && salon.working(known.staff_id, start, end)
            && !salon.busy(known.staff_id, start, end, Some(known.id));
        if !free {
            return Err(draft::taken(known.staff_id, start));
        }
        let comment = body["comment"].as_str().map(str::to_owned);
        journal::change(state, now, id, record.0, Origin::form(), |r| {
            r.start = start;
            r.comment = comment.unwrap_or_else(|| r.comment.clone());
        })?;
        Ok(answer::ok(wire::rest_record(state.salon(id)?, state.record(id, record.0)?, &state.options)))
    })
}

async fn show(
    State(world): State<World>,
    _: Partner,
    Path((salon, record, hash)): Path<(Id, Id, String)>,
) -> Answer {
    world.with(|state, _| {
        let salon = open_salon(state, salon)?;
        let record = state.record(salon.id, record.0)?;
        if record.hash != hash {
            return Err(Refusal::not_found("Запись не найдена."));
        }
        Ok(answer::ok(wire::rest_record(salon, record, &state.options)))
    })
}

async fn call_off(
    State(world): State<World>,
    _: Partner,
    Path((record, hash)): Path<(Id, String)>,
) -> Answer {
    world.with(|state, now| {
        let missing = || Refusal::not_found("Запись не найдена.");
        let salon_id = state.salon_of_record(record.0).ok_or_else(missing)?;
        if state.record(salon_id, record.0)?.hash != hash {
            return Err(missing());
        }
        journal::delete(state, now, salon_id, record.0, Origin::form())?;
        Ok(answer::no_content())
    })
}
