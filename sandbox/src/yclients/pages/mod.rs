//! What a salon sees: the marketplace, the application's card, the journal; and what its clients see, the booking form.

mod app;
mod board;
mod catalogue;
mod form;
mod lines;
mod timetable;

use askama::Template;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use url::form_urlencoded;

use super::{answer::Refusal, model::InstallState, world::World};

const CSS: &str = include_str!("../../../static/yclients/page.css");
const JS: &str = include_str!("../../../static/yclients/page.js");
const ICON: &str = include_str!("../../../static/yclients/icon.svg");

/// Scripts and styles only from here. No `form-action`: the consent form ends at the application's address.
const CSP: &str = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

pub fn routes() -> Router<World> {
    Router::new()
        .merge(catalogue::routes())
        .merge(app::routes())
        .merge(timetable::routes())
        .merge(form::routes())
        .route("/assets/yclients/page.css", get(async || asset("text/css; charset=utf-8", CSS)))
        .route("/assets/yclients/page.js", get(async || asset("text/javascript; charset=utf-8", JS)))
        .route("/assets/yclients/icon.svg", get(async || asset("image/svg+xml", ICON)))
        .fallback(async || lost(&Refusal::not_found("Адрес написан с ошибкой или страницы больше нет.")))
}

fn asset(kind: &'static str, body: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], body).into_response()
}

/// A whole page, or a part of one for the script.
fn page(template: &impl Template) -> Response {
    let Ok(html) = template.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

#[derive(Template)]
#[template(path = "yclients/lost.html")]
struct Lost {
    message: String,
}

fn lost(refusal: &Refusal) -> Response {
    (refusal.status, page(&Lost { message: reason(refusal) })).into_response()
}

/// A refusal in one line.
fn reason(refusal: &Refusal) -> String {
    match &refusal.detail {
        super::answer::Detail::Fields(fields) => {
            let parts: Vec<_> = fields.iter().map(|(field, message)| format!("{field}: {message}")).collect();
            format!("{}. {}", refusal.message, parts.join("; "))
        }
        super::answer::Detail::Bare => "Приложение не подключено".into(),
        _ => refusal.message.clone(),
    }
}

/// Back to a page after a form, with what went wrong, if something did.
fn back(to: &str, outcome: Result<(), Refusal>) -> Response {
    match outcome {
        Ok(()) => Redirect::to(to).into_response(),
        Err(refusal) => {
            let error: String = form_urlencoded::byte_serialize(reason(&refusal).as_bytes()).collect();
            let joint = if to.contains('?') { '&' } else { '?' };
            Redirect::to(&format!("{to}{joint}error={error}")).into_response()
        }
    }
}

fn state_title(state: InstallState) -> &'static str {
    match state {
        InstallState::Uninstalled => "не подключено",
        InstallState::Pending => "ждёт приложения",
        InstallState::Active => "подключено",
        InstallState::Freezed => "заморожено",
    }
}
