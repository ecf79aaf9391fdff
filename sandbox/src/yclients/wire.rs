//! How a record and a client look on the wire; the field sets are those of real traffic.

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::{
    demo::OWNER_ID,
    model::{Client, Line, Record, Salon, Staff},
    options::Settings,
};

/// `2026-03-10T12:04:31+0300`: the offset without a colon, unlike in `datetime`.
pub fn stamp(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%z").to_string()
}

/// The marketplace's own time: Moscow, without saying so.
pub fn moscow(at: DateTime<Utc>) -> String {
    at.with_timezone(&chrono_tz::Europe::Moscow).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Salon-local time with its offset. An hour that a clock change skips or repeats takes the earlier reading.
pub fn with_offset(local: chrono::NaiveDateTime, zone: Tz) -> String {
    match zone.from_local_datetime(&local).earliest() {
        Some(at) => at.format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => local.and_utc().format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    }
}

/// `data` of a record hook.
pub fn hook_record(salon: &Salon, record: &Record, options: &Settings) -> Value {
    let mut data = record_base(salon, record, options);
    data["visit_id"] = json!(record.visit_id);
    data["is_update_blocked"] = json!(false);
    data["comer_person_info"] = Value::Null;
    data["short_link"] = json!(format!("https://short.example.test/c/{}/", record.id));
    data["composite"] = json!([]);
    data
}

/// An item of `GET /records`: `visit_id` is a string here.
pub fn rest_record(salon: &Salon, record: &Record, options: &Settings) -> Value {
    let mut data = record_base(salon, record, options);
    data["visit_id"] = json!(record.visit_id.to_string());
    data["consumables"] = json!([]);
    data["finance_transactions"] = json!([]);
    data["is_sale_bill_printed"] = json!(false);
    data
}

/// `GET /record`: two fields more than in the list.
pub fn single_record(salon: &Salon, record: &Record, options: &Settings) -> Value {
    let mut data = rest_record(salon, record, options);
    data["payment_status"] = json!(i64::from(record.paid_full));
    data["technical_break_duration"] = json!(record.technical_break);
    data
}

fn record_base(salon: &Salon, record: &Record, options: &Settings) -> Value {
    let client = record.client_id.and_then(|id| salon.clients.get(&id));
    let services: Vec<_> = record.services.iter().map(|line| service_line(salon, line)).collect();
    let online = i64::from(record.online);
    let mut data = json!({
        "id": record.id, "company_id": salon.id, "staff_id": record.staff_id, "clients_count": 1,
        "date": record.start.format("%Y-%m-%d %H:%M:%S").to_string(),
        "datetime": with_offset(record.start, salon.timezone),
        "create_date": stamp(record.created_at, salon.timezone),
        "last_change_date": stamp(record.changed_at, salon.timezone),
        "comment": record.comment, "online": record.online,
        "visit_attendance": record.attendance, "attendance": record.attendance, "confirmed": 1,
        "seance_length": record.length, "length": record.length,
        "sms_before": record.sms_remain_hours, "sms_now": 1, "sms_now_text": "", "email_now": 1, "notified": 0,
        "master_request": online, "api_id": record.api_id, "from_url": record.from_url, "review_requested": 0,
        "created_user_id": record.created_user_id, "deleted": record.deleted,
        "paid_full": i64::from(record.paid_full), "prepaid": false, "prepaid_confirmed": false,
        "activity_id": 0, "bookform_id": record.bookform_id, "record_from": "", "is_mobile": online,
    });
    let more = json!({
        "services": services,
        "staff": salon.staff(record.staff_id).map(staff_in_record),
        "goods_transactions": [], "sms_remain_hours": record.sms_remain_hours,
        "email_remain_hours": record.email_remain_hours, "comer": null,
        "client": client.map(|c| client_in_record(salon, c, options)),
        "custom_fields": object_or_array(&record.custom_fields),
        "custom_color": record.custom_color, "custom_font_color": "",
        "record_labels": record.labels.iter().map(|id| label(id)).collect::<Vec<_>>(),
    });
    if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
        data.extend(more);
    }
    data["documents"] = documents(salon, record);
    if options.review_link {
        data["review_link"] = json!(format!("https://review.example.test/{}/", record.id));
    }
    data
}

/// An empty object is PHP's empty array.
pub fn object_or_array(map: &serde_json::Map<String, Value>) -> Value {
    if map.is_empty() { json!([]) } else { Value::Object(map.clone()) }
}

fn documents(salon: &Salon, record: &Record) -> Value {
    if record.services.is_empty() {
        return json!([]);
    }
    json!([{
        "id": record.document_id, "type_id": 7, "storage_id": 0, "user_id": OWNER_ID, "company_id": salon.id,
        "number": record.document_id, "comment": "",
        "date_created": record.created_at.with_timezone(&salon.timezone).format("%Y-%m-%d %H:%M:%S").to_string(),
        "category_id": 0, "visit_id": record.visit_id, "record_id": record.id, "type_title": "Визит",
        "is_sale_bill_printed": false,
    }])
}

fn service_line(salon: &Salon, line: &Line) -> Value {
    let title = salon.service(line.id).map_or("", |s| s.title.as_str());
    json!({
        "id": line.id, "title": title, "cost": line.cost, "cost_to_pay": line.cost, "manual_cost": line.cost,
        "cost_per_unit": line.cost, "discount": line.discount, "first_cost": line.first_cost, "amount": line.amount,
    })
}

fn staff_in_record(staff: &Staff) -> Value {
    let position = match &staff.position {
        Some((id, title)) => json!({"id": id, "title": title, "services_binding_type": 0}),
        None => json!([]),
    };
    json!({
        "id": staff.id, "api_id": null, "name": staff.name, "specialization": staff.specialization,
        "position": position,
        "avatar": format!("https://assets.example.test/masters/sm/{}.png", staff.id),
        "avatar_big": format!("https://assets.example.test/masters/origin/{}.png", staff.id),
        "rating": staff.rating, "votes_count": 0,
    })
}

fn client_in_record(salon: &Salon, client: &Client, options: &Settings) -> Value {
    let (came, missed) = visits(salon, client.id);
    json!({
        "id": client.id, "name": client.name, "surname": client.surname, "patronymic": client.patronymic,
        "display_name": client.display_name(), "comment": client.comment, "phone": plus_phone(client, options),
        "card": "", "email": client.email, "success_visits_count": came, "fail_visits_count": missed,
        "discount": client.discount, "custom_fields": object_or_array(&client.custom_fields),
        "sex": client.sex_id, "birthday": client.birth_date, "client_tags": [],
    })
}

fn label(id: &str) -> Value {
    json!({"id": id, "title": "Без предпочтений", "color": "#1e7d32", "icon": "star", "font_color": "#ffffff"})
}

/// How often a client came and how often he did not.
pub fn visits(salon: &Salon, client_id: i64) -> (usize, usize) {
    let of = |attendance| {
        salon
            .records
            .values()
            .filter(|r| !r.deleted && r.client_id == Some(client_id) && r.attendance == attendance)
            .count()
    };
    (of(1), of(-1))
}

/// What the client paid for altogether.
pub fn spent(salon: &Salon, client_id: i64) -> f64 {
    let paid = salon.records.values().filter(|r| !r.deleted && r.paid_full && r.client_id == Some(client_id));
    paid.flat_map(|r| &r.services).map(|line| line.cost).sum()
}

/// `+79…`, or nothing where the right to phones was not given.
pub fn plus_phone(client: &Client, options: &Settings) -> String {
    if options.phones_visible && !client.phone.is_empty() {
        format!("+{}", client.phone)
    } else {
        String::new()
    }
}

/// `data` of a client hook.
pub fn hook_client(salon: &Salon, client: &Client, options: &Settings) -> Value {
    let spent = spent(salon, client.id);
    json!({
        "id": client.id, "name": client.name, "surname": client.surname, "patronymic": client.patronymic,
        "display_name": client.display_name(), "phone": plus_phone(client, options), "email": client.email,
        "card": "", "birth_date": client.birth_date, "comment": client.comment, "discount": client.discount,
        "visits": visits(salon, client.id).0, "sex_id": client.sex_id, "sex": sex(client.sex_id),
        "sms_check": 1, "sms_bot": 0, "sms_not": i64::from(client.sms_not), "spent": spent, "paid": spent,
        "balance": 0, "importance_id": 0, "importance": "Без класса важности", "categories": [],
        "last_change_date": stamp(client.changed_at, salon.timezone),
        "custom_fields": Value::Object(client.custom_fields.clone()),
    })
}

/// `GET /client`: the phone is a number here, and no birthday is a 0.
pub fn rest_client(salon: &Salon, client: &Client, options: &Settings) -> Value {
    let phone = client.phone.parse::<i64>().ok().filter(|_| options.phones_visible);
    let birth_date = if client.birth_date.is_empty() { json!(0) } else { json!(client.birth_date) };
    json!({
        "id": client.id, "name": client.name, "surname": client.surname, "patronymic": client.patronymic,
        "phone": phone.map_or(json!(""), |p| json!(p)), "email": client.email, "categories": [],
        "sex": sex(client.sex_id), "discount": client.discount, "importance": "Без класса важности", "card": "",
        "birth_date": birth_date, "comment": client.comment, "sms_check": 0,
        "sms_not": i64::from(client.sms_not), "spent": spent(salon, client.id), "balance": 0,
        "visits": visits(salon, client.id).0, "last_change_date": stamp(client.changed_at, salon.timezone),
        "custom_fields": object_or_array(&client.custom_fields),
    })
}

fn sex(id: i64) -> &'static str {
    match id {
        1 => "Мужской",
        2 => "Женский",
        _ => "Неизвестно",
    }
}
