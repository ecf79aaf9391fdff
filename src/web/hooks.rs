//! What YClients posts: kept, then answered. 2xx for all that is stored and for what is no hook at all; 404 for an address that
//! is nobody's; 5xx only when it could not be stored.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::error;
use super::state::{Visit, WebState, header};
use crate::app::addresses;
use crate::app::intake::{self, Accepted};

/// `POST /webhook/yclients/{key}` and `/webhook/events/{key}`
pub async fn accept(
    State(state): State<WebState>,
    Path(key): Path<String>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = take(&state, &key, &headers, &body).await;
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

async fn take(
    state: &WebState,
    key: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(StatusCode, &'static str), crate::app::Error> {
    let to = addresses::find(&state.app, key).await?;
    let signature = header(headers, "x-yclients-signature");
    if !intake::is_signed(&state.app, body, Some(&signature)) {
        tracing::warn!(tenant.id = %to.tenant, "a hook without the signature that YCLIENTS_WEBHOOK_SECRET asks for was refused");
        return Ok((StatusCode::UNAUTHORIZED, "wrong_signature"));
    }
    Ok(match intake::accept(&state.app, &to, body).await? {
        Accepted::Stored(_) => (StatusCode::OK, "stored"),
        Accepted::NotAHook => (StatusCode::BAD_REQUEST, "not_a_hook"),
    })
}
