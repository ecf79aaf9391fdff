//! The hooks that left, latest first, and what they got back.

use askama::Template;

use crate::yclients::{
    hooks::{Delivery, DeliveryState},
    model::Salon,
    world::State,
};

const SHOWN: usize = 40;

#[derive(Template)]
#[template(path = "yclients/hooks.html")]
pub struct Lines {
    pub lines: Vec<Line>,
    pub silence: &'static str,
}

pub struct Line {
    id: u64,
    at: String,
    what: String,
    outcome: String,
    look: &'static str,
    url: String,
    faults: String,
    body: String,
}

impl Lines {
    pub fn of(state: &State, salon: &Salon) -> Self {
        let own = state.deliveries.iter().rev().filter(|(_, line)| line.salon_id == salon.id);
        let silence = match (salon.hooks.urls.is_empty(), salon.hooks.active) {
            (true, _) => "Посылать некуда: приложение не подключено или не назвало адресов.",
            (_, false) => "Уведомления в филиале выключены.",
            _ => "Пока ничего не менялось. Создайте запись — уведомление появится здесь.",
        };
        Self { lines: own.take(SHOWN).map(|(id, line)| shown(id, line, salon)).collect(), silence }
    }
}

fn shown(id: u64, line: &Delivery, salon: &Salon) -> Line {
    let (outcome, look) = outcome(line);
    let body = serde_json::to_string_pretty(&line.body).unwrap_or_default();
    Line {
        id,
        at: line.queued_at.with_timezone(&salon.timezone).format("%H:%M:%S").to_string(),
        what: format!("{} {} · {}", resource(&line.resource), line.resource_id, event(&line.event)),
        outcome,
        look,
        url: line.url.clone(),
        faults: line.faults.join(", "),
        body,
    }
}

fn resource(name: &str) -> &str {
    match name {
        "record" => "запись",
        "client" => "клиент",
        "service" => "услуга",
        "staff" => "мастер",
        "company" => "филиал",
        "finances_operation" => "платёж",
        "application" => "приложение",
        other => other,
    }
}

fn event(name: &str) -> &str {
    match name {
        "create" => "создание",
        "update" => "изменение",
        "delete" => "удаление",
        "uninstall" => "отключение",
        "freeze" => "заморозка",
        "payment" => "оплата",
        other => other,
    }
}

fn outcome(line: &Delivery) -> (String, &'static str) {
    let ms = line.latency_ms.unwrap_or(0);
    match (line.state, line.status) {
        (DeliveryState::Queued, _) => ("ждёт отправки".into(), "wait"),
        (DeliveryState::Sending, _) => ("уходит…".into(), "wait"),
        (DeliveryState::Lost, _) => ("потеряно".into(), "bad"),
        (_, Some(status)) => (format!("{status} · {ms} мс"), if status < 300 { "good" } else { "bad" }),
        (_, None) => (line.error.clone().unwrap_or_else(|| "нет ответа".into()), "bad"),
    }
}
