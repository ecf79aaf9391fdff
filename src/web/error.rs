//! Errors at the edge: a status, and a page or JSON in the caller's words. Logged once, here.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::openapi::Problem;
use super::state::{Visit, WebState};
use crate::app;
use crate::storage;
use crate::views;

/// The status an error of a use case means.
#[must_use]
pub fn status(error: &app::Error) -> StatusCode {
    match error {
        app::Error::Rejected(
            "already_linked" | "not_installed" | "not_uncertain" | "not_active" | "key_was_used"
            | "email_taken" | "visit_cancelled" | "already_settled",
        ) => StatusCode::CONFLICT,
        app::Error::Rejected("service_not_linked" | "master_not_linked" | "no_booking_form") => {
            StatusCode::NOT_FOUND
        }
        app::Error::Rejected("yclients_unreachable") => StatusCode::SERVICE_UNAVAILABLE,
        app::Error::Rejected("foreign_company" | "not_the_owner" | "not_allowed") => StatusCode::FORBIDDEN,
        app::Error::Rejected(_) => StatusCode::BAD_REQUEST,
        app::Error::NotFound => StatusCode::NOT_FOUND,
        app::Error::Overloaded
        | app::Error::Starting
        | app::Error::NotHeld
        | app::Error::Storage(storage::Error::Unavailable(_)) => StatusCode::SERVICE_UNAVAILABLE,
        app::Error::Crm(_) | app::Error::WhatsApp(_) | app::Error::Alarm(_) => StatusCode::BAD_GATEWAY,
        app::Error::Storage(_) | app::Error::Sealed(_) | app::Error::Stored(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn log(error: &app::Error, status: StatusCode, request_id: &str) {
    if status.is_server_error() {
        tracing::error!(%error, status = status.as_u16(), request.id = request_id, "a request failed");
    } else {
        tracing::info!(%error, status = status.as_u16(), request.id = request_id, "a request was refused");
    }
}

/// For programs: RFC 9457.
#[must_use]
pub fn problem(error: &app::Error, request_id: &str) -> Response {
    let status = status(error);
    log(error, status, request_id);
    problem_json(status, code(error), request_id)
}

/// The same, with what is wrong in a reader's words.
#[must_use]
pub fn problem_in_words(error: &app::Error, request_id: &str, words: &str) -> Response {
    let status = status(error);
    log(error, status, request_id);
    problem_with(status, code(error), request_id, &json!({"detail": words}))
}

fn code(error: &app::Error) -> &'static str {
    match error {
        app::Error::Rejected(key) => key,
        app::Error::NotFound => "not_found",
        app::Error::Overloaded | app::Error::Starting | app::Error::NotHeld => "busy",
        app::Error::Crm(_) => "yclients_failed",
        app::Error::WhatsApp(_) => "whatsapp_failed",
        app::Error::Alarm(_) => "alert_failed",
        app::Error::Storage(_) => "storage_failed",
        app::Error::Sealed(_) | app::Error::Stored(_) => "internal",
    }
}

#[must_use]
pub fn problem_json(status: StatusCode, code: &str, request_id: &str) -> Response {
    problem_with(status, code, request_id, &json!({}))
}

/// A problem that says more of itself: the members of `more` stand beside the others.
#[must_use]
pub fn problem_with(status: StatusCode, code: &str, request_id: &str, more: &Value) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut body = json!(Problem {
        kind: "about:blank",
        title,
        status: status.as_u16(),
        code: code.to_owned(),
        request_id: request_id.to_owned(),
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.clone());
    }
    let mut response = (status, Json(body)).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

/// For people.
#[must_use]
pub fn page(error: &app::Error, visit: &Visit) -> Response {
    let status = status(error);
    log(error, status, &visit.request_id);
    (status, Html(views::error::error(visit.frame(), status.as_u16()))).into_response()
}

/// No such page.
pub async fn missing(State(_): State<WebState>, visit: Visit) -> Response {
    (StatusCode::NOT_FOUND, Html(views::error::error(visit.frame(), 404))).into_response()
}
