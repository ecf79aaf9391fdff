//! For programs of the salon (its `api_key`) and of the operator (the operator's token).

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::error;
use super::openapi::{COMPANY, Problem};
use super::state::{Visit, WebState, header};
use crate::app::{self, health, hook_key};
use crate::domain::timeline::Eye;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;

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
pub async fn health(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let tenant = admit(&state, &id, &headers).await?;
        health::of(&state.app, &tenant).await
    };
    match answer.await {
        Ok(health) => Json(health).into_response(),
        Err(e) => error::problem(&e, &visit.request_id),
    }
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
pub async fn rotate_hook_key(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let tenant = admit(&state, &id, &headers).await?;
        hook_key::rotate(&state.app, &tenant).await
    };
    match answer.await {
        Ok(urls) => {
            Json(json!({"webhook_urls": urls, "old_urls_answer_until": "the first hook at a new one"}))
                .into_response()
        }
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

pub(super) async fn admit(state: &WebState, id: &str, headers: &HeaderMap) -> Result<TenantId, app::Error> {
    Ok(admit_as(state, id, headers).await?.0)
}

/// Who asks, and how much they may see. Another company's id is answered as if there were no such company, whatever the key.
pub(super) async fn admit_as(
    state: &WebState,
    id: &str,
    headers: &HeaderMap,
) -> Result<(TenantId, Eye), app::Error> {
    let given = header(headers, "authorization");
    let given = given.strip_prefix("Bearer ").unwrap_or_default();
    if given.is_empty() {
        return Err(app::Error::NotFound);
    }
    let operator = state.settings.operator_token.as_ref().is_some_and(|token| token.matches(given));
    if operator && let Ok(salon) = id.parse() {
        // The operator may also say the salon's number in YClients.
        return Ok((app::tenant_of(&state.app, SalonId(salon)).await?, Eye::Operator));
    }
    let tenant = TenantId::parse(id).ok_or(app::Error::NotFound)?;
    if operator {
        Ok((tenant, Eye::Operator))
    } else if hook_key::is_api_key(&state.app, &tenant, given).await? {
        Ok((tenant, Eye::Salon))
    } else {
        Err(app::Error::NotFound)
    }
}

/// The company whose API key the caller has shown; `None` when it is nobody's, the operator's token for one.
pub(super) async fn of_key(state: &WebState, headers: &HeaderMap) -> Result<Option<TenantId>, app::Error> {
    let given = header(headers, "authorization");
    match given.strip_prefix("Bearer ") {
        Some(key) if !key.is_empty() => hook_key::company_of(&state.app, key).await,
        _ => Ok(None),
    }
}
