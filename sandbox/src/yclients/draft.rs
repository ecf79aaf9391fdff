//! Reading a record as callers write it, checked before anything changes.

use serde_json::Value;

use super::{
    answer::Refusal,
    demo::OWNER_ID,
    input,
    journal::{ClientDraft, Origin},
    model::{Line, Record, Salon},
};

pub use super::journal::Draft;

/// A day: nobody sits in a chair longer.
const LONGEST: i64 = 24 * 3_600;

/// The body of `POST /records` and `PUT /record`. What is not named is empty: that is how a PUT forgets.
pub fn full(salon: &Salon, body: &Value) -> Result<Draft, Refusal> {
    let mut wrong = Vec::new();
    let staff_id = input::int(&body["staff_id"]).filter(|id| salon.staff(*id).is_some());
    if staff_id.is_none() {
        wrong.push(("staff_id", "Сотрудник не найден"));
    }
    let start = body["datetime"].as_str().and_then(|text| input::moment(text, salon.timezone));
    if start.is_none() {
        wrong.push(("datetime", "Поле имеет неверный формат"));
    }
    let length = input::int(&body["seance_length"]).filter(|n| (1..=LONGEST).contains(n));
    if length.is_none() {
        wrong.push(("seance_length", "Поле обязательно"));
    }
    let services = lines(salon, &body["services"]);
    if services.is_none() {
        wrong.push(("services", "Услуга не найдена"));
    }
    let attendance = attendance(&body["attendance"]);
    if attendance.is_none() {
        wrong.push(("attendance", "Значение недействительно"));
    }
    let client = client(&body["client"]);
    if client.is_err() {
        wrong.push(("client.phone", "Поле имеет неверный формат"));
    }
    let technical_break = match &body["technical_break_duration"] {
        Value::Null => Some(None),
        value => input::int(value).filter(|n| (0..=3_600).contains(n) && n % 300 == 0).map(Some),
    };
    if technical_break.is_none() {
        wrong.push(("technical_break_duration", "Значение недействительно"));
    }
    let (Some(staff_id), Some(start), Some(length), Some(services), Some(attendance), Ok(client), true) =
        (staff_id, start, length, services, attendance, client, technical_break.is_some())
    else {
        return Err(Refusal::invalid(wrong));
    };
    let hours = |name: &str| input::int(&body[name]).unwrap_or(0);
    Ok(Draft {
        staff_id,
        client,
        services,
        start,
        length,
        attendance,
        comment: body["comment"].as_str().unwrap_or_default().to_owned(),
        paid_full: false,
        api_id: input::text(&body["api_id"]).unwrap_or_default(),
        custom_color: body["custom_color"].as_str().unwrap_or_default().to_owned(),
        custom_fields: body["custom_fields"].as_object().cloned().unwrap_or_default(),
        labels: labels(&body["record_labels"]),
        sms_remain_hours: hours("sms_remain_hours"),
        email_remain_hours: hours("email_remain_hours"),
        technical_break: technical_break.flatten(),
    })
}

pub fn labels(value: &Value) -> Vec<String> {
    value.as_array().map(|items| items.iter().filter_map(input::text).collect()).unwrap_or_default()
}

/// Missing is 0; anything but the four known codes is wrong.
pub fn attendance(value: &Value) -> Option<i64> {
    match value {
        Value::Null => Some(0),
        Value::String(word) if word == "waiting" => Some(0),
        Value::String(word) if word == "confirmed" => Some(2),
        Value::String(word) if word == "arrived" => Some(1),
        Value::String(word) if word == "no_show" => Some(-1),
        value => input::int(value).filter(|n| (-1..=2).contains(n)),
    }
}

/// Services as ids or as objects with prices. `None` if one of them is not known.
pub fn lines(salon: &Salon, value: &Value) -> Option<Vec<Line>> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| line(salon, item)).collect()
}

fn line(salon: &Salon, item: &Value) -> Option<Line> {
    let id = input::int(item).or_else(|| input::int(&item["id"]))?;
    let price = salon.service(id)?.price_min;
    let first_cost = input::float(&item["first_cost"]).unwrap_or(price);
    let discount = input::float(&item["discount"]).unwrap_or(0.0).clamp(0.0, 100.0);
    let cost = input::float(&item["cost"]).unwrap_or(first_cost * (1.0 - discount / 100.0));
    let amount = input::int(&item["amount"]).unwrap_or(1).max(1);
    Some(Line { id, first_cost, discount, cost, amount })
}

/// `null`, `[]` and `{}` are nobody. A phone may be empty, but not nonsense.
pub fn client(value: &Value) -> Result<Option<ClientDraft>, ()> {
    let Some(map) = value.as_object().filter(|map| !map.is_empty()) else { return Ok(None) };
    let text = |name: &str| map.get(name).and_then(input::text).unwrap_or_default();
    let phone = match text("phone") {
        empty if empty.trim().is_empty() => String::new(),
        given => input::phone(&given).ok_or(())?,
    };
    let (name, surname) = (text("name"), text("surname"));
    if name.is_empty() && phone.is_empty() {
        return Ok(None);
    }
    Ok(Some(ClientDraft { name, surname, patronymic: text("patronymic"), phone, email: text("email") }))
}

/// How long the services take with this master; an hour where there are none.
pub fn usual_length(salon: &Salon, staff_id: i64, lines: &[Line]) -> i64 {
    let sum: i64 = lines.iter().filter_map(|l| salon.service(l.id)).map(|s| s.length_with(staff_id)).sum();
    if sum > 0 { sum.min(LONGEST) } else { 3_600 }
}

/// 433 where the time is taken or nobody works.
pub fn check_free(salon: &Salon, draft: &Draft, but: Option<i64>) -> Result<(), Refusal> {
    let end = draft.start + chrono::TimeDelta::seconds(draft.length);
    let free =
        salon.working(draft.staff_id, draft.start, end) && !salon.busy(draft.staff_id, draft.start, end, but);
    if free { Ok(()) } else { Err(taken(draft.staff_id, draft.start)) }
}

pub fn taken(staff_id: i64, start: chrono::NaiveDateTime) -> Refusal {
    let at = start.format("%d.%m.%Y в %H:%M");
    let message = format!(
        "Сотрудник ({staff_id}) недоступен для записи на {at}. Выбранное время уже занято или является нерабочим."
    );
    Refusal::booking(433, message)
}

/// What a desk or a test asks for: little is required, the rest is guessed as a receptionist would.
pub fn loose(salon: &Salon, body: &Value) -> Result<(Draft, Origin), Refusal> {
    let services = lines(salon, &body["services"]).ok_or_else(|| wrong("services"))?;
    let start = body["datetime"].as_str().and_then(|text| input::moment(text, salon.timezone));
    let start = start.ok_or_else(|| wrong("datetime"))?;
    let staff_id = match input::int(&body["staff_id"]) {
        Some(id) => salon.staff(id).map(|s| s.id).ok_or_else(|| wrong("staff_id"))?,
        None => salon.staff.first().map(|s| s.id).ok_or_else(|| wrong("staff_id"))?,
    };
    let length = match &body["length"] {
        Value::Null => usual_length(salon, staff_id, &services),
        value => input::int(value).filter(|n| (1..=LONGEST).contains(n)).ok_or_else(|| wrong("length"))?,
    };
    let online = input::flag(&body["online"]).unwrap_or(false);
    let silent = input::flag(&body["silent"]).unwrap_or(false);
    let draft = Draft {
        staff_id,
        client: client(&body["client"]).map_err(|()| wrong("client.phone"))?,
        services,
        start,
        length,
        comment: body["comment"].as_str().unwrap_or_default().to_owned(),
        attendance: attendance(&body["attendance"]).ok_or_else(|| wrong("attendance"))?,
        paid_full: input::flag(&body["paid_full"]).unwrap_or(false),
        api_id: input::text(&body["api_id"]).unwrap_or_default(),
        custom_fields: body["custom_fields"].as_object().cloned().unwrap_or_default(),
        labels: labels(&body["record_labels"]),
        sms_remain_hours: 2,
        email_remain_hours: 24,
        ..Draft::default()
    };
    let user_id = if online { 0 } else { OWNER_ID };
    Ok((draft, Origin { user_id, by_app: false, online, silent }))
}

/// A change to a record from the desk: only what is named.
pub struct Patch {
    staff_id: Option<i64>,
    services: Option<Vec<Line>>,
    start: Option<chrono::NaiveDateTime>,
    length: Option<i64>,
    comment: Option<String>,
    attendance: Option<i64>,
    paid_full: Option<bool>,
    labels: Option<Vec<String>>,
    /// Given and empty takes the client out of the record.
    pub client: Option<Option<ClientDraft>>,
}

impl Patch {
    pub fn read(salon: &Salon, body: &Value) -> Result<Self, Refusal> {
        let given = |name: &str| body.get(name).filter(|v| !v.is_null());
        let staff = |v: &Value| input::int(v).filter(|id| salon.staff(*id).is_some());
        let start = |v: &Value| input::moment(v.as_str()?, salon.timezone);
        let length = |v: &Value| input::int(v).filter(|n| (1..=LONGEST).contains(n));
        let client = match body.get("client") {
            Some(value) => Some(client(value).map_err(|()| wrong("client.phone"))?),
            None => None,
        };
        Ok(Self {
            staff_id: given("staff_id").map(|v| staff(v).ok_or_else(|| wrong("staff_id"))).transpose()?,
            services: given("services")
                .map(|v| lines(salon, v).ok_or_else(|| wrong("services")))
                .transpose()?,
            start: given("datetime").map(|v| start(v).ok_or_else(|| wrong("datetime"))).transpose()?,
            length: given("length").map(|v| length(v).ok_or_else(|| wrong("length"))).transpose()?,
            comment: given("comment").and_then(input::text),
            attendance: given("attendance")
                .map(|v| attendance(v).ok_or_else(|| wrong("attendance")))
                .transpose()?,
            paid_full: given("paid_full").and_then(input::flag),
            labels: given("record_labels").map(labels),
            client,
        })
    }

    pub fn apply(self, record: &mut Record) {
        record.staff_id = self.staff_id.unwrap_or(record.staff_id);
        record.start = self.start.unwrap_or(record.start);
        record.length = self.length.unwrap_or(record.length);
        record.attendance = self.attendance.unwrap_or(record.attendance);
        record.paid_full = self.paid_full.unwrap_or(record.paid_full);
        if let Some(services) = self.services {
            record.services = services;
        }
        if let Some(comment) = self.comment {
            record.comment = comment;
        }
        if let Some(labels) = self.labels {
            record.labels = labels;
        }
    }
}

fn wrong(field: &str) -> Refusal {
    Refusal::invalid([(field, "Значение недействительно")])
}
