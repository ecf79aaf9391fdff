//! Upkeep of a salon for programs: is its sync healthy, where do its hooks come, codes for clients who have none.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;

use super::api::admit;
use super::error;
use super::state::{Visit, WebState};
use crate::app::{self, codes, upkeep};

fn answer<T: Serialize>(result: Result<T, app::Error>, visit: &Visit) -> Response {
    match result {
        Ok(body) => Json(body).into_response(),
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

/// `GET /api/v1/companies/{id}/bookings/check`
pub async fn check_bookings(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        upkeep::check_bookings(&state.app, &tenant).await
    };
    answer(result.await, &visit)
}

/// `GET /api/v1/companies/{id}/webhook`
pub async fn webhook(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        upkeep::webhook(&state.app, &tenant).await
    };
    answer(result.await, &visit)
}

/// `GET /api/v1/companies/{id}/webhook/tests/{number}`: what became of a hook of the resource `salonbridge_test` with this id.
pub async fn test_hook(
    State(state): State<WebState>,
    Path((id, number)): Path<(String, i64)>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        let fate = upkeep::test_hook(&state.app, &tenant, number).await?;
        Ok(json!({"received_at": fate.received_at, "absorbed_at": fate.absorbed_at, "outcome": fate.outcome}))
    };
    answer(result.await, &visit)
}

/// `POST /api/v1/companies/{id}/codes`: gives codes to clients who have none, some at a time; ask again while any are `left`.
pub async fn generate_codes(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        let (made, left) = codes::generate(&state.app, &tenant).await?;
        Ok(json!({"made": made, "left": left}))
    };
    answer(result.await, &visit)
}
