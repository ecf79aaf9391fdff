//! Clients of a salon: what their programs ask, and their pages. Who it is says a token, in `Authorization` or in the cookie.

pub mod api;
pub mod door;
pub mod pages;
mod signed_in;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::error;
use super::state::{Visit, WebState};
use crate::app::{self, client_door};
use crate::domain::client_door::LONGEST_MS;
use crate::kernel::clock::UnixMs;

/// The cookie of a sitting; without a token the one that takes it away.
fn sitting_cookie(state: &WebState, token: Option<&str>) -> String {
    let (value, age) = token.map_or(("", 0), |token| (token, LONGEST_MS / 1000));
    let name = client_door::cookie_name(&state.app);
    let secure = if state.app.settings.public_url.starts_with("https:") { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}")
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// Not before then: 429, and in how many seconds.
fn rests(until: UnixMs, now: UnixMs, visit: &Visit) -> Response {
    let seconds = seconds(until, now);
    let more = json!({"retry_after_s": seconds});
    let mut response =
        error::problem_with(StatusCode::TOO_MANY_REQUESTS, "too_often", &visit.request_id, &more);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.unsigned_abs()));
    response
}

/// Seconds that are left, the begun one included.
fn seconds(until: UnixMs, now: UnixMs) -> i64 {
    ((until.since(now) + 999) / 1000).max(1)
}

/// What is wrong in words, where a client is to read it.
fn words_key(error: &app::Error) -> Option<&'static str> {
    let app::Error::Rejected(key) = error else { return None };
    Some(match *key {
        "service_not_linked" => "client-service-not-linked",
        "master_not_linked" => "client-master-not-linked",
        "no_booking_form" => "client-no-form",
        "yclients_unreachable" => "client-yclients-unreachable",
        _ => return None,
    })
}

/// A problem that says in the reader's language what is wrong.
fn problem(error: &app::Error, visit: &Visit) -> Response {
    match words_key(error) {
        Some(key) => error::problem_in_words(error, &visit.request_id, &visit.frame().words.t(key)),
        None => error::problem(error, &visit.request_id),
    }
}
