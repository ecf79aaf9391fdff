//! How a salon, its services, staff and days look on the wire.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    model::{Category, Salon, Service, Slot, Staff},
    wire::stamp,
};

/// `GET /company/{id}`; the forms only come when asked for: then `address` says where they are.
pub fn company(salon: &Salon, bookforms: Option<&str>, now: DateTime<Utc>) -> Value {
    let group = json!({"id": 7101, "title": "Сеть «Пример»"});
    let mut data = json!({
        "id": salon.id, "title": salon.title, "country_id": 1, "country": salon.country, "city_id": 2,
        "city": salon.city, "timezone_name": salon.timezone.name(), "address": salon.address, "zip": 101_000,
        "coordinate_lat": 55.751244, "coordinate_lon": 37.618423, "short_descr": salon.short_descr,
        "social": {"facebook": "", "vk": "", "instagram": "", "telegram": "", "whatsapp": "", "viber": ""},
        "site": "salon.example.test", "business_type_id": 1,
        "description": format!("<strong>{}</strong>", salon.short_descr),
        "phone_confirmation": salon.phone_confirmation, "active_staff_count": active_staff(salon),
        "next_slot": next_slot(salon, now), "group_priority": 900, "push_notification_phone_confirm": 1,
        "main_group_id": 7101, "main_group": group, "groups": {"7101": group},
        "online_sales_form_url": format!("https://o{}.yclients.com", salon.bookform_id), "access": {},
    });
    if let Some(address) = bookforms {
        data["bookforms"] = json!([bookform(salon, address)]);
    }
    data
}

/// The platform's forms stand on hosts of their own, `https://n30501.yclients.com/`; ours below a path.
pub fn bookform(salon: &Salon, address: &str) -> Value {
    json!({
        "id": salon.bookform_id, "title": "Основная форма", "is_default": 1,
        "url": format!("{address}/form/n{}/", salon.bookform_id),
    })
}

/// An item of the marketplace's list: nearly everything is a string.
pub fn listed_salon(salon: &Salon, now: DateTime<Utc>) -> Value {
    json!({
        "id": salon.id.to_string(), "title": salon.title, "short_descr": salon.short_descr,
        "logo": "https://assets.example.test/logo.png", "active": "1", "phone": salon.phone, "country_id": 1,
        "schedule": "", "country": salon.country, "city_id": 2, "city": salon.city,
        "timezone_name": salon.timezone.name(), "address": salon.address, "coordinate_lat": "55.751244",
        "coordinate_lon": "37.618423", "phone_confirmation": salon.phone_confirmation,
        "active_staff_count": active_staff(salon), "next_slot": next_slot(salon, now), "app_ios": "",
        "app_android": "", "currency_short_title": if salon.currency == "RUB" { "р" } else { &salon.currency },
        "group_priority": 900,
    })
}

fn active_staff(salon: &Salon) -> usize {
    salon.staff.iter().filter(|s| !s.fired && !s.hidden).count()
}

fn next_slot(salon: &Salon, now: DateTime<Utc>) -> String {
    stamp(now + TimeDelta::hours(1), salon.timezone)
}

/// A service in the journal's list. Bound to masters it is all strings and lengths stand with the masters; unbound it is
/// numbers and has a `duration` of its own. Both forms were seen side by side.
pub fn service(service: &Service) -> Value {
    if service.staff.is_empty() {
        return json!({
            "id": service.id, "title": service.title, "category_id": service.category_id,
            "price_min": service.price_min, "price_max": service.price_max, "discount": 0,
            "comment": service.comment, "weight": 2, "active": i64::from(service.active), "api_id": "",
            "duration": service.length, "staff": [],
        });
    }
    let staff: Vec<_> = service
        .staff
        .iter()
        .map(|(id, length)| json!({"id": id.to_string(), "seance_length": length.to_string()}))
        .collect();
    json!({
        "id": service.id.to_string(), "title": service.title, "category_id": service.category_id.to_string(),
        "price_min": format!("{:.2}", service.price_min), "price_max": format!("{:.2}", service.price_max),
        "discount": "0", "comment": service.comment, "weight": "6",
        "active": if service.active { "1" } else { "0" }, "api_id": "", "staff": staff,
        "image_group": image_group(service.id),
    })
}

fn image_group(service_id: i64) -> Value {
    json!({
        "id": 81001, "entity": "settings_service", "entity_id": service_id,
        "images": {"basic": {
            "id": "81002", "path": "https://assets.example.test/i.jpeg", "width": "400", "height": "300",
            "type": "jpeg", "image_group_id": 81001, "version": "basic",
        }},
    })
}

pub fn category(category: &Category) -> Value {
    json!({"id": category.id, "title": category.title, "sex": 0, "api_id": 0, "weight": 60})
}

/// A master in the journal's list.
pub fn staff(salon_id: i64, staff: &Staff) -> Value {
    let avatar = format!("https://assets.example.test/masters/sm/{}.png", staff.id);
    json!({
        "id": staff.id, "name": staff.name, "company_id": salon_id, "specialization": staff.specialization,
        "position": position(staff), "avatar": avatar,
        "avatar_big": format!("https://assets.example.test/masters/origin/{}.png", staff.id),
        "fired": i64::from(staff.fired), "status": i64::from(staff.fired), "hidden": i64::from(staff.hidden),
        "user_id": staff.user_id,
    })
}

pub fn position(staff: &Staff) -> Value {
    match &staff.position {
        Some((id, title)) => json!({"id": id, "title": title}),
        None => json!([]),
    }
}

/// One working day of one master; what fills it only when asked for.
pub fn day(salon: &Salon, staff: &Staff, date: NaiveDate, busy: bool, off_day: bool) -> Value {
    let mut data =
        json!({"staff_id": staff.id, "date": date.to_string(), "slots": slots(&salon.slots(staff, date))});
    if busy {
        let intervals: Vec<_> = salon
            .records
            .values()
            .filter(|r| !r.deleted && r.staff_id == staff.id && r.start.date() == date)
            .map(|r| {
                json!({
                    "entity_type": "record", "entity_id": r.id,
                    "from": r.start.format("%H:%M").to_string(), "to": r.end().format("%H:%M").to_string(),
                })
            })
            .collect();
        data["busy_intervals"] = json!(intervals);
    }
    if off_day {
        data["off_day_type"] = Value::Null;
    }
    data
}

pub fn slots(slots: &[Slot]) -> Vec<Value> {
    let hm = |t: chrono::NaiveTime| t.format("%H:%M").to_string();
    slots.iter().map(|s| json!({"from": hm(s.from), "to": hm(s.to)})).collect()
}
