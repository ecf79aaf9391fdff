//! A name for every request, one log line when it is answered, and a page instead of a broken connection when a handler panics.
//! Neither query strings nor addresses with keys are logged: they hold personal data and secrets.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use crate::kernel::secret::random_hex;

#[derive(Debug, Clone)]
pub struct RequestId(pub String);

pub async fn add(mut request: Request, next: Next) -> Response {
    let id = random_hex(5);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("-".to_owned(), |path| path.as_str().to_owned());
    let began = Instant::now();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(request.id = id, "a handler panicked");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    });
    let status = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    metrics::histogram!("salonbridge_http_seconds", "route" => route.clone(), "status" => status.to_string())
        .record(seconds);
    if status >= 500 {
        tracing::warn!(request.id = id, %method, route, status, duration_ms = seconds * 1000.0, "answered");
    } else {
        tracing::debug!(request.id = id, %method, route, status, duration_ms = seconds * 1000.0, "answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
