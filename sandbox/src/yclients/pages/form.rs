//! The booking form that a salon's clients fill in. The platform's is an application of its own in steps; ours is one page with the
//! same rules: what can be booked, when, by whom, and what it asks before.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;

use super::{lost, page, reason};
use crate::yclients::{
    answer::Refusal,
    free_time,
    input::{self, Id, Params},
    model::Salon,
    rest::{
        book_record::place_in,
        booking::{candidates, local, open_salon},
    },
    world::{self, SmsCode, World},
};

/// Days the form looks ahead for one with free time.
const LOOK_DAYS: u64 = 30;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/form/{form}", get(root))
        .route("/form/{form}/company/{salon}/personal/menu", get(show))
        .route("/form/{form}/company/{salon}/create-record/record", post(place))
}

#[derive(Template)]
#[template(path = "yclients/form.html")]
struct Form {
    title: String,
    path: String,
    services: Vec<(i64, String, f64, bool)>,
    masters: Vec<(i64, String, bool)>,
    service_id: i64,
    staff_id: i64,
    date: NaiveDate,
    times: Vec<(String, String)>,
    name: String,
    phone: String,
    comment: String,
    wants_code: bool,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "yclients/form_done.html")]
struct Done {
    title: String,
    when: String,
}

/// What is chosen in the form's address: `o=` first, then what was chosen on the page.
#[derive(Default)]
struct Chosen {
    staff_id: i64,
    service_id: Option<i64>,
    date: Option<NaiveDate>,
}

/// `m{staff}` and `s{service}`, one behind the other; `m-1` is any master. What else the platform may read here nobody knows, so here
/// it is a mistake.
fn option(text: &str) -> Option<Chosen> {
    let mut chosen = Chosen::default();
    let mut rest = text;
    while let Some(kind) = rest.chars().next() {
        let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '-').map_or(rest.len(), |at| at + 1);
        let number: i64 = rest[1..end].parse().ok()?;
        match kind {
            'm' if chosen.staff_id == 0 => chosen.staff_id = number.max(0),
            's' if chosen.service_id.is_none() => chosen.service_id = Some(number),
            _ => return None,
        }
        rest = &rest[end..];
    }
    Some(chosen)
}

fn chosen(params: &Params) -> Result<Chosen, Refusal> {
    let wrong = || Refusal::not_found("Адрес формы написан с ошибкой.");
    let mut chosen = match params.get("o") {
        Some(text) if text.is_ascii() => option(text).ok_or_else(wrong)?,
        Some(_) => return Err(wrong()),
        None => Chosen::default(),
    };
    if let Some(id) = params.number("service_id") {
        chosen.service_id = Some(id);
    }
    chosen.staff_id = params.number("staff_id").unwrap_or(chosen.staff_id);
    chosen.date = params.date("date");
    Ok(chosen)
}

/// The salon whose form this is: another salon's number under it is nobody's address.
fn salon_of<'a>(state: &'a world::State, form: &str, salon: Id) -> Result<&'a Salon, Refusal> {
    let known = open_salon(state, salon)?;
    let is_its = form.strip_prefix('n').is_some_and(|id| id.parse() == Ok(known.bookform_id));
    if is_its { Ok(known) } else { Err(Refusal::not_found("Форма не найдена.")) }
}

async fn root(State(world): State<World>, Path(form): Path<String>, params: Params) -> Response {
    let id = form.strip_prefix('n').and_then(|id| id.parse::<i64>().ok());
    let salon =
        world.with(|state, _| state.salons.values().find(|s| Some(s.bookform_id) == id).map(|s| s.id));
    match salon {
        Some(salon) => show(State(world), Path((form, Id(salon))), params).await,
        None => lost(&Refusal::not_found("Форма не найдена.")),
    }
}

async fn show(
    State(world): State<World>,
    Path((form, salon)): Path<(String, Id)>,
    params: Params,
) -> Response {
    let view = world.with(|state, now| {
        let salon = salon_of(state, &form, salon)?;
        view(salon, &form, &chosen(&params)?, now)
    });
    view.map_or_else(|refusal: Refusal| lost(&refusal), |view| page(&view))
}

fn view(salon: &Salon, form: &str, chosen: &Chosen, now: DateTime<Utc>) -> Result<Form, Refusal> {
    let bookable = || salon.services.iter().filter(|s| s.active && !s.staff.is_empty());
    let first = bookable().next().ok_or_else(|| Refusal::not_found("Записаться пока не на что."))?;
    let service = match chosen.service_id {
        Some(id) => {
            bookable().find(|s| s.id == id).ok_or_else(|| Refusal::not_found("Услуга не найдена."))?
        }
        None => first,
    };
    let services = [service.id];
    let masters: Vec<_> = free_time::bookable(salon, &services)
        .map(|staff| (staff.id, staff.name.clone(), staff.id == chosen.staff_id))
        .collect();
    // Whoever does not do this service is not offered for it.
    let staff_id = masters.iter().find(|(_, _, is_chosen)| *is_chosen).map_or(0, |(id, ..)| *id);
    let now = local(now, salon);
    let free = |date| {
        free_time::times(salon, candidates(salon, staff_id, &services).into_iter(), &services, date, now)
    };
    let days = now.date().iter_days().take(usize::try_from(LOOK_DAYS).unwrap_or(1));
    let nearest = || days.into_iter().find(|date| !free(*date).is_empty());
    let date = chosen.date.or_else(nearest).unwrap_or(now.date());
    Ok(Form {
        title: salon.title.clone(),
        path: format!("/form/{form}/company/{}", salon.id),
        services: bookable().map(|s| (s.id, s.title.clone(), s.price_min, s.id == service.id)).collect(),
        masters,
        service_id: service.id,
        staff_id,
        date,
        times: free(date)
            .into_iter()
            .map(|(at, _)| (at.format("%Y-%m-%dT%H:%M").to_string(), at.format("%H:%M").to_string()))
            .collect(),
        name: String::new(),
        phone: String::new(),
        comment: String::new(),
        wants_code: false,
        error: None,
    })
}

async fn place(
    State(world): State<World>,
    Path((form, salon)): Path<(String, Id)>,
    body: String,
) -> Response {
    let given = Params::parse(&body);
    let text = |name: &str| given.get(name).unwrap_or_default().to_owned();
    let outcome = world.with(|state, now| {
        let known = salon_of(state, &form, salon)?;
        let (title, wants_code) = (known.title.clone(), known.phone_confirmation);
        let fields = |view| Form { name: text("name"), phone: text("phone"), comment: text("comment"), ..view };
        let again = |state: &world::State, wants_code, error| {
            let chosen = Chosen {
                staff_id: given.number("staff_id").unwrap_or(0),
                service_id: given.number("service_id"),
                date: given.get("datetime").and_then(|at| at.get(..10)).and_then(input::date),
            };
            let view = fields(view(state.salon(salon.0)?, &form, &chosen, now)?);
            Ok(Err(Form { wants_code, error, ..view }))
        };
        if wants_code && text("code").is_empty() {
            let Some(phone) = input::phone(&text("phone")) else {
                return again(state, false, Some("Неправильный формат номера телефона".to_owned()));
            };
            let code = format!("{:05}", state.faults.dice.between(10_000, 99_999));
            state.remember_code(SmsCode { salon_id: salon.0, phone, code });
            return again(state, true, None);
        }
        let wish = json!({
            "phone": text("phone"), "fullname": text("name"), "email": "", "code": text("code"),
            "comment": text("comment"), "notify_by_sms": 0, "notify_by_email": 0,
            "appointments": [{
                "id": 1, "services": given.ids("service_id"), "staff_id": given.number::<i64>("staff_id").unwrap_or(0),
                "datetime": text("datetime"),
            }],
        });
        match place_in(state, now, salon, &wish) {
            Ok(_) => Ok(Ok(Done { title, when: text("datetime").replace('T', ", ") })),
            Err(refusal) => again(state, wants_code, Some(reason(&refusal))),
        }
    });
    match outcome {
        Ok(Ok(done)) => page(&done),
        Ok(Err(view)) => {
            let status = if view.error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            (status, page(&view)).into_response()
        }
        Err(refusal) => lost(&refusal),
    }
}

#[cfg(test)]
mod tests {
    use super::option;

    #[test]
    fn a_master_and_a_service_are_read_and_nothing_else_is() {
        let read = |text| option(text).map(|chosen| (chosen.staff_id, chosen.service_id));
        assert_eq!(read("m101s201"), Some((101, Some(201))));
        assert_eq!(read("s201"), Some((0, Some(201))));
        assert_eq!(read("m-1s201"), Some((0, Some(201))));
        assert_eq!(read(""), Some((0, None)));
        for wrong in ["x1", "m", "s", "mm1", "s1s2", "m1m2", "s1d2603141500", "client_phone=79", "s1,2", "s-"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
