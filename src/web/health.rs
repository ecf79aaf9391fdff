//! Is the process alive, and is it of use?

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::state::WebState;
use crate::app::enqueue;
use crate::storage::job;

/// `GET /health/live`: the process answers.
pub async fn live() -> &'static str {
    "ok"
}

/// `GET /health/ready`: the database answers, so hooks can be kept.
pub async fn ready(State(state): State<WebState>) -> Response {
    let looked =
        async { job::next_due(&mut state.app.db.read().await?, enqueue::SEND, state.app.now()).await };
    match looked.await {
        Ok(_) => Json(json!({"ready": true})).into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({"ready": false, "what": "the database does not answer"})),
            )
                .into_response()
        }
    }
}
