//! The marketplace's partner calls, under `/marketplace` and with the partner token alone.

mod callback;
mod money;
mod status;

use axum::Router;

use super::{
    answer::Refusal,
    input,
    world::{State, World},
};

pub fn routes() -> Router<World> {
    Router::new()
        .merge(callback::routes())
        .merge(status::routes())
        .merge(money::routes())
        .fallback(async || Refusal::not_found("Метод не найден."))
}

/// The application in the address or body must be the one this partner owns.
fn own_application(state: &State, id: i64) -> Result<(), Refusal> {
    if id == state.options.application_id { Ok(()) } else { Err(Refusal::foreign_application()) }
}

/// `salon_id` and `application_id` of a body; what is missing is added to `wrong`.
fn target(body: &serde_json::Value, wrong: &mut Vec<(&'static str, &'static str)>) -> (i64, i64) {
    let mut number = |name: &'static str| {
        let value = body[name].as_i64().or_else(|| input::int(&body[name]));
        if value.is_none() {
            wrong.push((name, "Поле обязательно"));
        }
        value.unwrap_or(0)
    };
    (number("salon_id"), number("application_id"))
}
