//! Upkeep of a salon for programs: is its sync healthy, where do its hooks come, codes for clients who have none.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::openapi::{COMPANY, Problem};
use super::state::WebState;
use crate::app::codes;
use crate::app::upkeep::{self, BookingsCheck, Webhook};

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/bookings/check",
    tag = "company",
    summary = "Is the sync healthy, whom does it know, and what is to be done",
    params(("id" = String, Path, description = COMPANY)),
    responses(
        (status = 200, description = "`advice` is empty when all is well", body = Value, example = json!({"company_id":"tnt_01…","salon_id":990101,"title":"Ирис","state":"active","sync_minutes":30,"webhooks":"right","last_sync":{"state":"done","asked_at":1770000000000i64,"finished_at":1770000000000i64,"error":null},"records":{"pending":12,"confirmed":3,"completed":240,"cancelled":18,"no_show":2},"unmatched_records":0,"clients":180,"clients_with_code":180,"newest_records":[],"advice":[]})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn check_bookings(State(state): State<WebState>, caller: Caller) -> Answer<Json<BookingsCheck>> {
    Ok(Json(upkeep::check_bookings(&state.app, &caller.tenant).await?))
}

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/webhook",
    tag = "company",
    summary = "Where YClients posts the salon's hooks",
    params(("id" = String, Path, description = COMPANY)),
    responses(
        (status = 200, description = "The addresses are as good as passwords", body = Value, example = json!({"company_id":"tnt_01…","salon_id":990101,"title":"Ирис","webhook_urls":["https://…/webhook/yclients/…"],"is_signed":false,"webhooks":"right","advice":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn webhook(State(state): State<WebState>, caller: Caller) -> Answer<Json<Webhook>> {
    Ok(Json(upkeep::webhook(&state.app, &caller.tenant).await?))
}

/// What became of a hook of the resource `salonbridge_test` with this id.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/webhook/tests/{number}",
    tag = "company",
    summary = "What became of a posted test",
    params(("id" = String, Path, description = COMPANY), ("number" = i64, Path, description = "The `resource_id` it was posted with, its `resource` being `salonbridge_test`")),
    responses(
        (status = 200, description = "For ten minutes", body = Value, example = json!({"received_at":1770000000000i64,"absorbed_at":1770000000100i64,"outcome":"kept"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn test_hook(
    State(state): State<WebState>,
    Path((_, number)): Path<(String, i64)>,
    caller: Caller,
) -> Answer {
    let fate = upkeep::test_hook(&state.app, &caller.tenant, number).await?;
    let fate =
        json!({"received_at": fate.received_at, "absorbed_at": fate.absorbed_at, "outcome": fate.outcome});
    Ok(Json(fate))
}

/// Gives codes to clients who have none, some at a time; ask again while any are `left`.
#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/codes",
    tag = "company",
    summary = "Gives codes to clients who have none, some at a time",
    params(("id" = String, Path, description = COMPANY)),
    responses(
        (status = 200, description = "Ask again while any are left", body = Value, example = json!({"made":200,"left":57})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn generate_codes(State(state): State<WebState>, caller: Caller) -> Answer {
    let (made, left) = codes::generate(&state.app, &caller.tenant).await?;
    Ok(Json(json!({"made": made, "left": left})))
}
