//! The REST API under `/api/v1`.

pub mod book_record;
pub mod booking;
mod clients;
mod company;
mod hooks_settings;
mod records;
mod salon_data;

use axum::Router;
use chrono::NaiveDate;
use serde_json::Value;

use super::{answer::Refusal, model::Slot, world::World};

pub use hooks_settings::{settings as hooks_view, urls as hook_urls};
pub use salon_data::slots as schedule_slots;

pub fn routes() -> Router<World> {
    Router::new()
        .merge(company::routes())
        .merge(salon_data::routes())
        .merge(records::routes())
        .merge(clients::routes())
        .merge(booking::routes())
        .merge(book_record::routes())
        .merge(hooks_settings::routes())
        .fallback(async || Refusal::not_found("Метод не найден."))
}

/// Both lists of a schedule change, flattened: a deleted day is a day without slots.
pub fn schedule_days(body: &Value) -> Result<Vec<(i64, NaiveDate, Vec<Slot>)>, Refusal> {
    let mut days = salon_data::days(&body["schedules_to_set"], true)?;
    days.extend(salon_data::days(&body["schedules_to_delete"], false)?);
    Ok(days)
}
