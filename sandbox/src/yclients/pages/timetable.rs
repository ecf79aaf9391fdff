//! The journal of a salon: one day, a form for a new record, and the hooks that leave.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use serde_json::json;

use super::{
    back,
    board::{Board, masters},
    lines::Lines,
    lost, page, state_title,
};
use crate::yclients::{
    answer::Refusal,
    dice::Chance,
    draft::{self, Patch},
    input::{self, Id, Params},
    journal::{self, Origin},
    model::Salon,
    world::{self, World},
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/timetable/{salon}", get(show))
        .route("/timetable/{salon}/board", get(board))
        .route("/timetable/{salon}/hooks", get(hooks))
        .route("/timetable/{salon}/hooks/lose", post(lose_hooks))
        .route("/timetable/{salon}/records", post(create))
        .route("/timetable/{salon}/records/{record}/{action}", post(act))
}

#[derive(Template)]
#[template(path = "yclients/timetable.html")]
struct Timetable {
    application_id: i64,
    salon_id: i64,
    title: String,
    zone: &'static str,
    state: &'static str,
    state_title: &'static str,
    date: NaiveDate,
    previous: NaiveDate,
    next: NaiveDate,
    day_title: String,
    proposed: String,
    client_name: String,
    client_phone: String,
    empty: bool,
    error: Option<String>,
    board: Board,
    hooks: Lines,
    /// Whether hooks get lost on their way.
    loses_hooks: bool,
    masters: Vec<(i64, String)>,
    services: Vec<(i64, String, f64, i64)>,
}

async fn show(State(world): State<World>, Path(salon): Path<Id>, params: Params) -> Response {
    let view = world.with(|state, now| {
        let salon = state.salon(salon.0)?;
        let now = now.with_timezone(&salon.timezone).naive_local();
        Ok(view(state, salon, now, &params))
    });
    view.map_or_else(|refusal: Refusal| lost(&refusal), |view| page(&view))
}

fn view(state: &world::State, salon: &Salon, now: NaiveDateTime, params: &Params) -> Timetable {
    // An evening's visitor wants to book for tomorrow.
    let default = (now + TimeDelta::hours(6)).date();
    let date = params.date("date").unwrap_or(default);
    let (board, hooks) = (Board::of(salon, date), Lines::of(state, salon));
    let services = salon.services.iter().filter(|s| s.active && !s.staff.is_empty());
    Timetable {
        application_id: state.options.application_id,
        salon_id: salon.id,
        title: salon.title.clone(),
        zone: salon.timezone.name(),
        state: salon.install.state.wire(),
        state_title: state_title(salon.install.state),
        date,
        previous: date.pred_opt().unwrap_or(date),
        next: date.succ_opt().unwrap_or(date),
        day_title: day_title(date),
        proposed: proposed(date, now),
        // Whoever leads a visitor here may say for whom the first record is.
        client_name: params.get("name").unwrap_or("Анна").to_owned(),
        client_phone: params.get("phone").unwrap_or("+7 900 000-00-01").to_owned(),
        empty: board.columns.iter().all(|c| c.records.is_empty()),
        error: params.get("error").map(str::to_owned),
        board,
        hooks,
        loses_hooks: state.faults.hooks.lose == Chance::Always(true),
        masters: masters(salon),
        services: services.map(|s| (s.id, s.title.clone(), s.price_min, s.length / 60)).collect(),
    }
}

/// «сб, 14 марта»
fn day_title(date: NaiveDate) -> String {
    const DAYS: [&str; 7] = ["пн", "вт", "ср", "чт", "пт", "сб", "вс"];
    const MONTHS: [&str; 12] = [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ];
    let day = DAYS[date.weekday().num_days_from_monday() as usize % 7];
    format!("{day}, {} {}", date.day(), MONTHS[date.month0() as usize % 12])
}

/// The next whole hour of a working day.
fn proposed(date: NaiveDate, now: NaiveDateTime) -> String {
    let hour = if date == now.date() { (now.hour() + 1).clamp(10, 19) } else { 12 };
    format!("{date}T{hour:02}:00")
}

async fn board(State(world): State<World>, Path(salon): Path<Id>, params: Params) -> Response {
    let part = world.with(|state, now| {
        let salon = state.salon(salon.0)?;
        let today = now.with_timezone(&salon.timezone).date_naive();
        Ok(Board::of(salon, params.date("date").unwrap_or(today)))
    });
    part.map_or_else(|refusal: Refusal| lost(&refusal), |part| page(&part))
}

async fn hooks(State(world): State<World>, Path(salon): Path<Id>) -> Response {
    let part = world.with(|state, _| Ok(Lines::of(state, state.salon(salon.0)?)));
    part.map_or_else(|refusal: Refusal| lost(&refusal), |part| page(&part))
}

/// For whoever wants to see what becomes of a change that no hook tells: of all salons, until it is switched off.
async fn lose_hooks(State(world): State<World>, Path(salon): Path<Id>, body: String) -> Response {
    let loses = Params::parse(&body).flag("on");
    let outcome = world.with(|state, _| {
        state.salon(salon.0)?;
        state.faults.hooks.lose = Chance::Always(loses);
        Ok(())
    });
    back(&format!("/timetable/{}", salon.0), outcome)
}

async fn create(State(world): State<World>, Path(salon): Path<Id>, body: String) -> Response {
    let form = Params::parse(&body);
    let text = |name: &str| form.get(name).unwrap_or_default();
    let wish = json!({
        "client": {"name": text("name"), "phone": text("phone")}, "staff_id": text("staff_id"),
        "services": form.ids("services"), "datetime": text("datetime"), "comment": text("comment"),
        "online": form.flag("online"),
    });
    let outcome = world.with(|state, now| {
        let (draft, origin) = draft::loose(state.salon(salon.0)?, &wish)?;
        journal::create(state, now, salon.0, draft, origin).map(|_| ())
    });
    back(&day_of(salon, text("datetime")), outcome)
}

/// Back to the day one worked on.
fn day_of(salon: Id, datetime: &str) -> String {
    let date = datetime.get(..10).and_then(input::date);
    let query = date.map(|date| format!("?date={date}")).unwrap_or_default();
    format!("/timetable/{}{query}", salon.0)
}

async fn act(
    State(world): State<World>,
    Path((salon, record, action)): Path<(Id, Id, String)>,
    body: String,
) -> Response {
    let form = Params::parse(&body);
    let mut day = String::new();
    let outcome = world.with(|state, now| {
        let known = state.record(salon.0, record.0)?;
        day = known.start.date().to_string();
        let wish = match action.as_str() {
            "confirm" => json!({"attendance": 2}),
            "arrive" => json!({"attendance": 1}),
            "no-show" => json!({"attendance": -1}),
            "wait" => json!({"attendance": 0}),
            "pay" => json!({"paid_full": true}),
            "move" => json!({"datetime": form.get("datetime"), "staff_id": form.get("staff_id")}),
            "delete" => return journal::delete(state, now, salon.0, record.0, Origin::desk()),
            _ => return Err(Refusal::not_found("Неизвестное действие")),
        };
        let patch = Patch::read(state.salon(salon.0)?, &wish)?;
        journal::change(state, now, salon.0, record.0, Origin::desk(), |r| patch.apply(r))?;
        day = state.record(salon.0, record.0)?.start.date().to_string();
        Ok(())
    });
    back(&day_of(salon, &day), outcome)
}
