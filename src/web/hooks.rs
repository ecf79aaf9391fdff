//! What YClients posts: kept, then answered. 2xx for all that is stored and for what is no hook at all; 404 for an address that
//! is nobody's; 5xx only when it could not be stored.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::error;
use super::openapi::Problem;
use super::state::{Visit, WebState, header};
use crate::app::addresses::{self, Addressee};
use crate::app::intake::{self, Accepted};

/// `POST /webhook/yclients/{key}` and `/webhook/events/{key}`
pub async fn accept(
    State(state): State<WebState>,
    Path(key): Path<String>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(take(&state, &key, &headers, &body).await, &visit)
}

/// One address for all salons, told apart by the `company_id` in the body. Anybody can know it, so it is there only where a
/// secret was agreed, and every body must carry its signature.
#[utoipa::path(
    post,
    path = "/api/v1/yclients/webhook",
    tag = "hooks",
    summary = "Hooks of all salons at one address, where a secret was agreed on",
    params(("x-yclients-signature" = String, Header, description = "Hex HMAC-SHA256 of the body by YCLIENTS_WEBHOOK_SECRET")),
    request_body(content = Value, description = "One event or a list of them, as YClients posts them"),
    responses(
        (status = 200, description = "Committed", body = Value, example = json!({"received":true,"outcome":"stored"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
)]
pub async fn accept_signed(
    State(state): State<WebState>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(take_signed(&state, &headers, &body).await, &visit)
}

type Taken = Result<(StatusCode, &'static str), crate::app::Error>;

fn answered(answer: Taken, visit: &Visit) -> Response {
    let outcome = match &answer {
        Ok((_, outcome)) => outcome,
        Err(e) if error::status(e).is_server_error() => "failed",
        Err(_) => "refused",
    };
    metrics::counter!("salonbridge_hooks_total", "outcome" => outcome.to_owned()).increment(1);
    match answer {
        Ok((status, outcome)) => {
            (status, Json(json!({"received": status.is_success(), "outcome": outcome}))).into_response()
        }
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

async fn take(state: &WebState, key: &str, headers: &HeaderMap, body: &Bytes) -> Taken {
    let to = addresses::find(&state.app, key).await?;
    if !is_signed(state, headers, body) {
        tracing::warn!(tenant.id = %to.tenant, "a hook without the signature that YCLIENTS_WEBHOOK_SECRET asks for was refused");
        return Ok((StatusCode::UNAUTHORIZED, "wrong_signature"));
    }
    keep(state, &to, body).await
}

async fn take_signed(state: &WebState, headers: &HeaderMap, body: &Bytes) -> Taken {
    if !intake::takes_signed(&state.app) {
        return Ok((StatusCode::NOT_FOUND, "no_webhook_secret"));
    }
    if !is_signed(state, headers, body) {
        tracing::warn!(
            "a hook to the address of all salons without the signature of YCLIENTS_WEBHOOK_SECRET was refused"
        );
        return Ok((StatusCode::UNAUTHORIZED, "wrong_signature"));
    }
    let Some(salon) = intake::salon_of(body) else { return Ok((StatusCode::BAD_REQUEST, "not_a_hook")) };
    let to = addresses::of_salon(&state.app, salon).await?;
    keep(state, &to, body).await
}

fn is_signed(state: &WebState, headers: &HeaderMap, body: &Bytes) -> bool {
    intake::is_signed(&state.app, body, Some(&header(headers, "x-yclients-signature")))
}

async fn keep(state: &WebState, to: &Addressee, body: &Bytes) -> Taken {
    Ok(match intake::accept(&state.app, to, body).await? {
        Accepted::Stored(_) => (StatusCode::OK, "stored"),
        Accepted::NotAHook => (StatusCode::BAD_REQUEST, "not_a_hook"),
    })
}
