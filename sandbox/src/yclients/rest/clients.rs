//! The salon's clients.

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::User,
    input::{self, Body, Id, Params},
    journal::{self, ClientDraft, Origin},
    model::{Client, Salon},
    options::Settings,
    wire,
    world::World,
};

const USUAL_SIZE: usize = 25;
const MOST_SIZE: usize = 200;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/company/{salon}/clients/search", post(search))
        .route("/client/{salon}/{client}", get(show).put(replace).delete(remove))
        .route("/clients/{salon}", get(list).post(create))
}

/// Only `id` is answered unless `fields` asks for more.
async fn search(State(world): State<World>, user: User, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let size = input::int(&body["page_size"]).unwrap_or(USUAL_SIZE as i64);
        let size = usize::try_from(size).ok().filter(|n| (1..=MOST_SIZE).contains(n));
        let size = size.ok_or_else(|| Refusal::invalid([("page_size", "Значение недействительно")]))?;
        let page = input::int(&body["page"]).and_then(|n| usize::try_from(n).ok()).unwrap_or(1).max(1);
        let filters = body["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let any = body["operation"].as_str() == Some("OR");
        let mut found = Vec::new();
        for client in salon.clients.values() {
            let hits = filters.iter().map(|f| matches(client, f)).collect::<Result<Vec<_>, _>>()?;
            let admitted =
                if any && !hits.is_empty() { hits.contains(&true) } else { !hits.contains(&false) };
            found.extend(admitted.then_some(client));
        }
        let fields: Vec<_> =
            body["fields"].as_array().map(Vec::as_slice).unwrap_or_default().iter().collect();
        let page = found.iter().skip((page - 1).saturating_mul(size)).take(size);
        let data: Vec<_> = page.map(|c| chosen(salon, c, &fields, &state.options)).collect();
        Ok(answer::with_meta(json!(data), json!({"total_count": found.len()})))
    })
}

/// The filters a lookup needs; the others are refused rather than ignored.
fn matches(client: &Client, filter: &Value) -> Result<bool, Refusal> {
    let state = &filter["state"];
    match filter["type"].as_str() {
        Some("id") => Ok(input::ints(&state["value"]).contains(&client.id)),
        Some("quick_search") => {
            let wanted = state["value"].as_str().unwrap_or_default().to_lowercase();
            let digits: String = wanted.chars().filter(char::is_ascii_digit).collect();
            let by_phone = !digits.is_empty() && client.phone.contains(&digits);
            let text = format!("{} {}", client.display_name(), client.email).to_lowercase();
            Ok(by_phone || (!wanted.is_empty() && text.contains(&wanted)))
        }
        _ => Err(Refusal {
            detail: answer::Detail::Fields(vec![("filters".into(), "Поле имеет неверный формат".into())]),
            ..Refusal::new(StatusCode::BAD_REQUEST, "Произошла ошибка")
        }),
    }
}

fn chosen(salon: &Salon, client: &Client, fields: &[&Value], options: &Settings) -> Value {
    let mut data = Map::from_iter([("id".to_owned(), json!(client.id))]);
    let visits = || salon.records.values().filter(|r| !r.deleted && r.client_id == Some(client.id));
    let stamp = |at: chrono::NaiveDateTime| json!(at.format("%Y-%m-%d %H:%M:%S").to_string());
    for field in fields.iter().filter_map(|f| f.as_str()) {
        let value = match field {
            "name" => json!(client.display_name()),
            "phone" => json!(wire::plus_phone(client, options)),
            "email" => json!(client.email),
            "discount" => json!(client.discount),
            "first_visit_date" => visits().map(|r| r.start).min().map_or(json!(""), stamp),
            "last_visit_date" => visits().map(|r| r.start).max().map_or(json!(""), stamp),
            "sold_amount" => json!(wire::spent(salon, client.id)),
            "visits_count" => json!(wire::visits(salon, client.id).0),
            _ => continue,
        };
        data.insert(field.to_owned(), value);
    }
    Value::Object(data)
}

/// The deprecated list, kept because it alone knows `changed_after`.
async fn list(State(world): State<World>, user: User, Path(salon): Path<Id>, params: Params) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let changed_after = params.get("changed_after").and_then(|text| input::moment(text, salon.timezone));
        let wanted = |c: &&Client| {
            let changed = c.changed_at.with_timezone(&salon.timezone).naive_local();
            let name = params.get("fullname").map(str::to_lowercase);
            params.number("id").is_none_or(|id: i64| c.id == id)
                && params.get("phone").is_none_or(|p| input::phone(p).is_some_and(|p| c.phone == p))
                && params.get("email").is_none_or(|e| c.email == e)
                && name.is_none_or(|name| c.display_name().to_lowercase().contains(&name))
                && changed_after.is_none_or(|after| changed > after)
        };
        let found: Vec<_> = salon.clients.values().filter(wanted).collect();
        let page = params.number("page").unwrap_or(1_usize).max(1);
        let count = params.number("count").unwrap_or(USUAL_SIZE).clamp(1, MOST_SIZE);
        let data: Vec<_> = found
            .iter()
            .skip((page - 1).saturating_mul(count))
            .take(count)
            .map(|c| wire::rest_client(salon, c, &state.options))
            .collect();
        Ok(answer::with_meta(json!(data), json!({"page": page, "total_count": found.len()})))
    })
}

async fn show(State(world): State<World>, user: User, Path((salon, client)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        let salon = user.salon(state, salon.0)?;
        let client = salon.clients.get(&client.0).ok_or_else(|| Refusal::not_found("Клиент не найден."))?;
        Ok(answer::ok(wire::rest_client(salon, client, &state.options)))
    })
}

fn origin(user: User) -> Origin {
    Origin { user_id: user.id(), by_app: user.is_app(), ..Origin::desk() }
}

/// Name and phone are required; a phone that is known already is refused.
fn read(body: &Value) -> Result<ClientDraft, Refusal> {
    let text = |name: &str| input::text(&body[name]).unwrap_or_default();
    let phone = input::phone(&text("phone"));
    let fields = [
        (text("name").is_empty(), ("name", "Поле обязательно")),
        (phone.is_none(), ("phone", "Поле имеет неверный формат")),
    ];
    match phone {
        Some(phone) if !text("name").is_empty() => Ok(ClientDraft {
            name: text("name"),
            surname: text("surname"),
            patronymic: text("patronymic"),
            phone,
            email: text("email"),
        }),
        _ => Err(Refusal::invalid(fields.into_iter().filter(|(wrong, _)| *wrong).map(|(_, field)| field))),
    }
}

async fn create(State(world): State<World>, user: User, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, now| {
        let id = user.salon(state, salon.0)?.id;
        let draft = read(&body)?;
        if state.salon(id)?.client_by_phone(&draft.phone).is_some() {
            return Err(Refusal::invalid([("phone", "Клиент с таким номером телефона уже существует")]));
        }
        let client = journal::upsert_client(state, now, id, &draft, origin(user))?;
        if let Some(client) = state.salon_mut(id)?.clients.get_mut(&client) {
            details(client, &body);
        }
        let salon = state.salon(id)?;
        let data = salon.clients.get(&client).map(|c| wire::rest_client(salon, c, &state.options));
        Ok(answer::status(StatusCode::CREATED, json!(data), json!([])))
    })
}

/// What a client has beside name and phone. What is not named is emptied.
fn details(client: &mut Client, body: &Value) {
    client.comment = input::text(&body["comment"]).unwrap_or_default();
    client.birth_date = input::text(&body["birth_date"]).unwrap_or_default();
    client.sex_id = input::int(&body["sex_id"]).filter(|n| (0..=2).contains(n)).unwrap_or(0);
    client.discount = input::int(&body["discount"]).unwrap_or(0).clamp(0, 100);
    client.sms_not = input::flag(&body["sms_not"]).unwrap_or(false);
    client.custom_fields = body["custom_fields"].as_object().cloned().unwrap_or_default();
}

async fn replace(
    State(world): State<World>,
    user: User,
    Path((salon, client)): Path<(Id, Id)>,
    Body(body): Body,
) -> Answer {
    world.with(|state, now| {
        let id = user.salon(state, salon.0)?.id;
        let draft = read(&body)?;
        journal::change_client(state, now, id, client.0, origin(user), |c| {
            (c.name, c.surname, c.patronymic) = (draft.name, draft.surname, draft.patronymic);
            (c.phone, c.email) = (draft.phone, draft.email);
            details(c, &body);
        })?;
        let salon = state.salon(id)?;
        let data = salon.clients.get(&client.0).map(|c| wire::rest_client(salon, c, &state.options));
        Ok(answer::ok(json!(data)))
    })
}

async fn remove(State(world): State<World>, user: User, Path((salon, client)): Path<(Id, Id)>) -> Answer {
    world.with(|state, _| {
        let id = user.salon(state, salon.0)?.id;
        journal::delete_client(state, id, client.0, origin(user))?;
        Ok(answer::no_content())
    })
}
