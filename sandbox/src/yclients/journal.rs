//! The salon's journal: the one place where records and clients change, whoever asks, and where hooks arise from it.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    answer::Refusal,
    dice::Dice,
    hooks::{Action, Event},
    model::{Client, Line, Record},
    wire,
    world::{State, take},
};

/// Who makes the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    pub user_id: i64,
    /// Through the API, by the application itself.
    pub by_app: bool,
    /// A client at the booking form.
    pub online: bool,
    /// Tell nobody: a hook lost at the source.
    pub silent: bool,
}

/// A record as it is asked for.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    pub staff_id: i64,
    pub client: Option<ClientDraft>,
    pub services: Vec<Line>,
    pub start: NaiveDateTime,
    pub length: i64,
    pub comment: String,
    pub attendance: i64,
    pub paid_full: bool,
    pub api_id: String,
    pub custom_color: String,
    pub custom_fields: Map<String, Value>,
    pub labels: Vec<String>,
    pub sms_remain_hours: i64,
    pub email_remain_hours: i64,
    pub technical_break: Option<i64>,
}

#[derive(Debug, Clone, Default)]
pub struct ClientDraft {
    pub name: String,
    pub surname: String,
    pub patronymic: String,
    /// Digits; may be empty.
    pub phone: String,
    pub email: String,
}

pub fn create(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    draft: Draft,
    origin: Origin,
) -> Result<i64, Refusal> {
    state.salon(salon_id)?;
    let client_id = match &draft.client {
        Some(client) => Some(upsert_client(state, now, salon_id, client, origin)?),
        None => None,
    };
    let id = take(&mut state.ids.record);
    let salon = state.salon_mut(salon_id)?;
    let record = Record {
        id,
        visit_id: id - 220_000_100,
        document_id: id - 109_999_900,
        staff_id: draft.staff_id,
        client_id,
        services: draft.services,
        start: draft.start,
        length: draft.length,
        comment: draft.comment,
        attendance: draft.attendance,
        deleted: false,
        online: origin.online,
        paid_full: draft.paid_full,
        api_id: draft.api_id,
        bookform_id: if origin.online { salon.bookform_id } else { 0 },
        from_url: if origin.online { "https://salon.example.test/booking".into() } else { String::new() },
        created_user_id: origin.user_id,
        custom_color: draft.custom_color,
        custom_fields: draft.custom_fields,
        labels: draft.labels,
        sms_remain_hours: draft.sms_remain_hours,
        email_remain_hours: draft.email_remain_hours,
        technical_break: draft.technical_break,
        hash: record_hash(id),
        created_at: now,
        changed_at: now,
    };
    salon.records.insert(id, record);
    tell_record(state, salon_id, id, Action::Create, None, origin);
    Ok(id)
}

/// Applies `f` to a record and tells of it, of the client it touched and of the money it brought.
pub fn change(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    id: i64,
    origin: Origin,
    f: impl FnOnce(&mut Record),
) -> Result<(), Refusal> {
    let before = state.record(salon_id, id)?.clone();
    if before.deleted {
        return Err(Refusal::not_found("Запись не найдена."));
    }
    let known = hook_body(state, salon_id, id);
    let client_before = before.client_id.map(|c| client_body(state, salon_id, c));
    let Some(record) = state.salon_mut(salon_id)?.records.get_mut(&id) else {
        return Err(Refusal::not_found("Запись не найдена."));
    };
    f(record);
    record.changed_at = now;
    let (attendance, paid) = (record.attendance, record.paid_full && !before.paid_full);
    tell_record(state, salon_id, id, Action::Update, known, origin);
    if let (Some(client_id), true) = (before.client_id, attendance != before.attendance || paid) {
        tell_client(state, salon_id, client_id, Action::Update, client_before.flatten(), origin);
    }
    if paid {
        tell_payment(state, now, salon_id, id, origin);
    }
    Ok(())
}

pub fn delete(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    id: i64,
    origin: Origin,
) -> Result<(), Refusal> {
    let known = hook_body(state, salon_id, id);
    let record = state.salon_mut(salon_id)?.records.get_mut(&id);
    let Some(record) = record.filter(|r| !r.deleted) else {
        return Err(Refusal::not_found("Запись не найдена."));
    };
    record.deleted = true;
    record.changed_at = now;
    tell_record(state, salon_id, id, Action::Delete, known, origin);
    Ok(())
}

/// The client of that phone, or a new one. Without a phone there is nothing to know a client by.
pub fn upsert_client(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    draft: &ClientDraft,
    origin: Origin,
) -> Result<i64, Refusal> {
    if let Some(known) = state.salon(salon_id)?.client_by_phone(&draft.phone) {
        return Ok(known.id);
    }
    let id = take(&mut state.ids.client);
    let client = Client {
        id,
        name: draft.name.clone(),
        surname: draft.surname.clone(),
        patronymic: draft.patronymic.clone(),
        phone: draft.phone.clone(),
        email: draft.email.clone(),
        changed_at: now,
        ..Client::default()
    };
    state.salon_mut(salon_id)?.clients.insert(id, client);
    tell_client(state, salon_id, id, Action::Create, None, origin);
    Ok(id)
}

pub fn change_client(
    state: &mut State,
    now: DateTime<Utc>,
    salon_id: i64,
    id: i64,
    origin: Origin,
    f: impl FnOnce(&mut Client),
) -> Result<(), Refusal> {
    let before = client_body(state, salon_id, id);
    let Some(client) = state.salon_mut(salon_id)?.clients.get_mut(&id) else {
        return Err(Refusal::not_found("Клиент не найден."));
    };
    f(client);
    client.changed_at = now;
    tell_client(state, salon_id, id, Action::Update, before, origin);
    Ok(())
}

/// Takes the client out of the salon and out of its records, as the journal does.
pub fn delete_client(state: &mut State, salon_id: i64, id: i64, origin: Origin) -> Result<(), Refusal> {
    let before = client_body(state, salon_id, id);
    let salon = state.salon_mut(salon_id)?;
    if salon.clients.remove(&id).is_none() {
        return Err(Refusal::not_found("Клиент не найден."));
    }
    for record in salon.records.values_mut().filter(|r| r.client_id == Some(id)) {
        record.client_id = None;
    }
    let data = before.unwrap_or_else(|| json!([]));
    tell(state, origin, event(salon_id, "client", id, Action::Delete, None, data));
    Ok(())
}

fn tell_record(
    state: &mut State,
    salon_id: i64,
    id: i64,
    action: Action,
    before: Option<Value>,
    origin: Origin,
) {
    if let Some(data) = hook_body(state, salon_id, id) {
        tell(state, origin, event(salon_id, "record", id, action, before, data));
    }
}

fn tell_client(
    state: &mut State,
    salon_id: i64,
    id: i64,
    action: Action,
    before: Option<Value>,
    origin: Origin,
) {
    if let Some(data) = client_body(state, salon_id, id) {
        tell(state, origin, event(salon_id, "client", id, action, before, data));
    }
}

fn tell_payment(state: &mut State, now: DateTime<Utc>, salon_id: i64, record_id: i64, origin: Origin) {
    let id = take(&mut state.ids.finance);
    let Ok(salon) = state.salon(salon_id) else { return };
    let Some(record) = salon.records.get(&record_id) else { return };
    let amount: f64 = record.services.iter().map(|line| line.cost).sum();
    let body = hook_body(state, salon_id, record_id);
    let client = body.as_ref().map(|b| b["client"].clone());
    let stamp = wire::stamp(now, salon.timezone);
    let data = json!({
        "id": id, "document_id": record.document_id, "date": stamp, "amount": amount, "comment": "",
        "last_change_date": stamp, "record_id": record_id, "visit_id": record.visit_id,
        "sold_item_id": record.services.first().map_or(0, |line| line.id), "sold_item_type": "service",
        "expense": {"id": 5, "title": "Оказание услуг", "type": 1}, "master": [], "supplier": [],
        "account": {"id": 910_001, "title": "Основная касса", "is_cash": true, "is_default": true},
        "client": client, "record": body,
    });
    tell(state, origin, event(salon_id, "finances_operation", id, Action::Create, None, data));
}

fn event(
    salon_id: i64,
    resource: &'static str,
    resource_id: i64,
    action: Action,
    before: Option<Value>,
    data: Value,
) -> Event {
    Event { salon_id, resource, resource_id, action, before, data, by_app: false }
}

/// Lets a change be known, unless it was asked to be silent.
pub fn tell(state: &mut State, origin: Origin, event: Event) {
    if !origin.silent {
        state.emit(Event { by_app: origin.by_app, ..event });
    }
}

fn hook_body(state: &State, salon_id: i64, id: i64) -> Option<Value> {
    let salon = state.salon(salon_id).ok()?;
    Some(wire::hook_record(salon, salon.records.get(&id)?, &state.options))
}

fn client_body(state: &State, salon_id: i64, id: i64) -> Option<Value> {
    let salon = state.salon(salon_id).ok()?;
    Some(wire::hook_client(salon, salon.clients.get(&id)?, &state.options))
}

/// Thirty-two hex digits that do not follow from the id at a glance.
fn record_hash(id: i64) -> String {
    let mut dice = Dice::new(id.unsigned_abs());
    format!("{:016x}{:016x}", dice.next(), dice.next())
}

impl Origin {
    /// Somebody at the salon's desk.
    pub fn desk() -> Self {
        Self { user_id: super::demo::OWNER_ID, by_app: false, online: false, silent: false }
    }

    /// A client at the booking form.
    pub fn form() -> Self {
        Self { user_id: 0, online: true, ..Self::desk() }
    }
}
