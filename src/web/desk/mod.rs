//! The desk: pages for people who are signed in. Every handler begins with who it is ([`Insider`]) and, where a company is named,
//! whether it is theirs to see; every form comes through [`Signed`].

pub mod account;
pub mod clients;
pub mod companies;
pub mod company;
pub mod enter;
mod insider;
pub mod messages;
pub mod records;
pub mod spend;
pub mod syncs;
pub mod team;
pub mod unmatched;

use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};

use super::error;
use super::state::Visit;
use crate::app;
use crate::views::Frame;

pub use insider::{Insider, Signed, is_from_here};

/// A page, or what stood in its way.
fn answer(page: Result<Response, app::Error>, visit: &Visit) -> Response {
    page.unwrap_or_else(|e| error::page(&e, visit))
}

fn ok(html: String) -> Response {
    Html(html).into_response()
}

/// `303 See Other`. What cannot stand in a header is left out.
pub fn go(to: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in [(LOCATION, Some(to)), (SET_COOKIE, cookie)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A page's frame. The other language is at the address that shows this page: `at` where a form was sent, for its own shows none.
pub fn frame(visit: &Visit, at: Option<&str>) -> Frame {
    let mut frame = visit.frame();
    let (path, query) =
        at.unwrap_or(&visit.address).split_once('?').unwrap_or((at.unwrap_or(&visit.address), ""));
    let kept = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang");
    let mut all = url::form_urlencoded::Serializer::new(String::new());
    all.extend_pairs(kept).append_pair("lang", frame.other_lang());
    frame.other_language_url = format!("{path}?{}", all.finish());
    frame
}

/// An address with these parameters; empty ones are left out.
pub fn url(path: &str, parameters: &[(&str, &str)]) -> String {
    let given: Vec<_> = parameters.iter().filter(|(_, value)| !value.is_empty()).collect();
    if given.is_empty() {
        return path.to_owned();
    }
    let mut all = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in given {
        all.append_pair(name, value);
    }
    format!("{path}?{}", all.finish())
}
