//! Who may call from a browser: pages on this machine, and nobody else.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Pages of other loopback servers, a demo for one, may make a phone scan. A page from the internet that happens to be open
/// in the same browser may not.
pub async fn loopback_only(request: Request, next: Next) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else { return next.run(request).await };
    if !is_loopback(&origin) {
        return (StatusCode::FORBIDDEN, "only pages of this machine may call").into_response();
    }
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    response
}

/// `null` is a framed or local page without an address of its own; it is not let in.
fn is_loopback(origin: &HeaderValue) -> bool {
    let url = origin.to_str().ok().and_then(|origin| url::Url::parse(origin).ok());
    matches!(url.as_ref().and_then(url::Url::host_str), Some("localhost" | "127.0.0.1" | "[::1]"))
}
