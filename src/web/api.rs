//! For programs of the salon (its `api_key`) and of the operator (the operator's token).

use axum::Json;
use axum::extract::State;
use serde_json::json;

use super::answer::Answer;
use super::caller::Caller;
use super::openapi::{COMPANY, Problem};
use super::state::WebState;
use crate::app::health::{self, Health};
use crate::app::hook_key;

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/health",
    tag = "company",
    summary = "How the salon stands: one light, what is wrong, and what to do",
    params(("id" = String, Path, description = COMPANY)),
    responses(
        (status = 200, description = "With what YClients says now", body = Value, example = json!({"company_id":"tnt_01…","salon_id":990101,"state":"active","light":"green","whatsapp":"online","yclients":"active","last_sync_at":1770000000000i64,"sync":"done","webhooks":"right","last_message_at":1770000000000i64,"waiting_hooks":0,"parked_jobs":0,"uncertain_messages":0,"sending":{"day":12,"new_chats":3,"new_chats_allowed":100,"locked_until":null,"rests_until":null,"waiting":0,"dropped_today":0},"problems":[]})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn health(State(state): State<WebState>, caller: Caller) -> Answer<Json<Health>> {
    Ok(Json(health::of(&state.app, &caller.tenant).await?))
}

/// New webhook addresses; the old ones answer until one of the new is used.
#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/webhook-key/rotate",
    tag = "company",
    summary = "New webhook addresses; the old ones answer until one of the new is used",
    params(("id" = String, Path, description = COMPANY)),
    responses(
        (status = 200, description = "The new ones", body = Value, example = json!({"webhook_urls":["https://…/webhook/yclients/…","https://…/webhook/events/…"],"old_urls_answer_until":"the first hook at a new one"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn rotate_hook_key(State(state): State<WebState>, caller: Caller) -> Answer {
    let urls = hook_key::rotate(&state.app, &caller.tenant).await?;
    Ok(Json(json!({"webhook_urls": urls, "old_urls_answer_until": "the first hook at a new one"})))
}
