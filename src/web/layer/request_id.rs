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
use crate::web::answer::Refused;
use crate::web::error;

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
    let answered = answered.unwrap_or_else(|_| {
        tracing::error!(request.id = id, "a handler panicked");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    });
    let mut response = worded(answered, &id);
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

/// A refusal with its words. It keeps the headers that other layers have added.
fn worded(mut response: Response, id: &str) -> Response {
    let Some(Refused(error)) = response.extensions_mut().remove() else { return response };
    let (problem, body) = error::problem(&error, id).into_parts();
    response.headers_mut().extend(problem.headers);
    *response.body_mut() = body;
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::app;

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), 10_000).await.expect("a body").into()
    }

    #[tokio::test]
    async fn a_refusal_is_the_problem_and_keeps_what_stands_on_it() {
        for error in
            [|| app::Error::NotFound, || app::Error::Rejected("key_was_used"), || app::Error::Overloaded]
        {
            let mut refused = Refused::from(error()).into_response();
            refused.headers_mut().insert("x-frame-options", HeaderValue::from_static("DENY"));
            let mut refused = worded(refused, "0123456789");
            let problem = error::problem(&error(), "0123456789");
            assert!(refused.headers_mut().remove("x-frame-options").is_some());
            assert_eq!((refused.status(), refused.headers()), (problem.status(), problem.headers()));
            assert_eq!(body(refused).await, body(problem).await);
        }
    }

    #[tokio::test]
    async fn an_answer_is_left_as_it_is() {
        let answer = worded((StatusCode::CONFLICT, "taken").into_response(), "0123456789");
        assert_eq!((answer.status(), body(answer).await), (StatusCode::CONFLICT, b"taken".to_vec()));
    }
}
