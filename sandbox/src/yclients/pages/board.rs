//! One day of the journal, a column per master.

use askama::Template;
use chrono::NaiveDate;

use crate::yclients::model::{Record, Salon, Staff};

#[derive(Template)]
#[template(path = "yclients/board.html")]
pub struct Board {
    pub salon_id: i64,
    pub columns: Vec<Column>,
    pub masters: Vec<(i64, String)>,
}

pub struct Column {
    name: String,
    hours: String,
    pub records: Vec<Card>,
}

pub struct Card {
    id: i64,
    staff_id: i64,
    from: String,
    to: String,
    start: String,
    client: String,
    phone: String,
    services: String,
    comment: String,
    look: &'static str,
    look_title: &'static str,
    deleted: bool,
    online: bool,
    paid: bool,
    actions: Vec<(&'static str, &'static str)>,
}

impl Board {
    pub fn of(salon: &Salon, date: NaiveDate) -> Self {
        let shown = salon.staff.iter().filter(|s| !s.fired || works(salon, s, date));
        Self {
            salon_id: salon.id,
            columns: shown.map(|staff| column(salon, staff, date)).collect(),
            masters: masters(salon),
        }
    }
}

pub fn masters(salon: &Salon) -> Vec<(i64, String)> {
    salon.staff.iter().filter(|s| !s.fired).map(|s| (s.id, s.name.clone())).collect()
}

fn works(salon: &Salon, staff: &Staff, date: NaiveDate) -> bool {
    salon.records.values().any(|r| r.staff_id == staff.id && r.start.date() == date)
}

fn column(salon: &Salon, staff: &Staff, date: NaiveDate) -> Column {
    let slots = salon.slots(staff, date);
    let hours: Vec<_> =
        slots.iter().map(|s| format!("{}–{}", s.from.format("%H:%M"), s.to.format("%H:%M"))).collect();
    let mut records: Vec<_> =
        salon.records.values().filter(|r| r.staff_id == staff.id && r.start.date() == date).collect();
    records.sort_by_key(|r| (r.deleted, r.start, r.id));
    Column {
        name: staff.name.clone(),
        hours: if hours.is_empty() { "выходной".into() } else { hours.join(", ") },
        records: records.into_iter().map(|r| card(salon, r)).collect(),
    }
}

fn card(salon: &Salon, record: &Record) -> Card {
    let client = record.client_id.and_then(|id| salon.clients.get(&id));
    let titles: Vec<_> =
        record.services.iter().filter_map(|l| salon.service(l.id)).map(|s| s.title.as_str()).collect();
    let (look, look_title) = look(record);
    let choices = [
        ("confirm", "Подтвердить", 2),
        ("arrive", "Пришёл", 1),
        ("no-show", "Не пришёл", -1),
        ("wait", "Ждём", 0),
    ];
    let actions = choices.into_iter().filter(|(_, _, code)| *code != record.attendance);
    let mut actions: Vec<_> = actions.map(|(action, text, _)| (action, text)).collect();
    if !record.paid_full && !record.services.is_empty() {
        actions.push(("pay", "Оплачено"));
    }
    Card {
        id: record.id,
        staff_id: record.staff_id,
        from: record.start.format("%H:%M").to_string(),
        to: record.end().format("%H:%M").to_string(),
        start: record.start.format("%Y-%m-%dT%H:%M").to_string(),
        client: client.map_or_else(|| "Без клиента".into(), |c| c.display_name()),
        phone: client.filter(|c| !c.phone.is_empty()).map(|c| format!("+{}", c.phone)).unwrap_or_default(),
        services: if titles.is_empty() { "Без услуг".into() } else { titles.join(", ") },
        comment: record.comment.clone(),
        look,
        look_title,
        deleted: record.deleted,
        online: record.online,
        paid: record.paid_full,
        actions,
    }
}

fn look(record: &Record) -> (&'static str, &'static str) {
    match (record.deleted, record.attendance) {
        (true, _) => ("deleted", "удалена"),
        (_, 2) => ("confirmed", "подтверждена"),
        (_, 1) => ("arrived", "клиент пришёл"),
        (_, -1) => ("no_show", "не пришёл"),
        _ => ("waiting", "ожидание"),
    }
}
