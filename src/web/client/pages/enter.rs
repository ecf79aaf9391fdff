//! The way in and out.

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::{Guest, Wanted};
use crate::app;
use crate::app::client_door::{self, Entered};
use crate::domain::client_door::{CODE_MS, PER_PHONE};
use crate::kernel::secret::same;
use crate::views::client::{self as view, Enter, Fault, Step};
use crate::web::client::signed_in::SignedIn;
use crate::web::client::{seconds, sitting_cookie};
use crate::web::desk::{frame, go, is_from_here};
use crate::web::error;
use crate::web::peer::ClientAddress;
use crate::web::state::{Visit, WebState};

/// The page after the way in.
fn landing(to: &str) -> &str {
    if ["book", "bookings", "profile"].contains(&to) { to } else { "profile" }
}

/// `GET /salons/{id}/sign-in?to=book`
pub async fn sign_in(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    Query(wanted): Query<Wanted>,
    visit: Visit,
) -> Response {
    match Guest::of(&state, &id, who, visit).await {
        Ok(it) if it.who.is_some() => go(&format!("{}/{}", it.url(), landing(&wanted.to)), None),
        Ok(it) => enter_page(&it, (StatusCode::OK, Step::Phone), ("", &wanted.to, 0), None),
        Err(page) => page,
    }
}

fn enter_page(
    it: &Guest,
    (status, step): (StatusCode, Step),
    (phone, to, left_ms): (&str, &str, i64),
    fault: Option<Fault>,
) -> Response {
    let url = format!("{}/sign-in", it.url());
    let page = Enter {
        nav: it.nav(None),
        salon: &it.salon.title,
        url: &url,
        step,
        phone,
        to: landing(to),
        fault,
        left_ms,
    };
    (status, Html(view::enter(frame(&it.visit, Some(&url)), &page))).into_response()
}

#[derive(Deserialize)]
pub struct Phone {
    phone: String,
    #[serde(default)]
    to: String,
}

/// `POST /salons/{id}/sign-in`
pub async fn ask(
    State(state): State<WebState>,
    Path(id): Path<String>,
    from: ClientAddress,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<Phone>,
) -> Response {
    let it = match Guest::of(&state, &id, None, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    if !is_from_here(&state, &headers) {
        return forged(&it);
    }
    let shown = |left_ms| (form.phone.as_str(), form.to.as_str(), left_ms);
    let again = |status, step, fault| enter_page(&it, (status, step), shown(0), fault);
    match client_door::ask(&state.app, &it.salon.id, &form.phone, &from.0).await {
        Ok(None) => enter_page(&it, (StatusCode::OK, Step::Code), shown(CODE_MS), None),
        Ok(Some(until)) => {
            let left = until.since(state.app.now());
            let (step, fault) = if left <= PER_PHONE.gap_ms {
                (Step::Code, Fault::Soon(seconds(until, state.app.now())))
            } else {
                (Step::Phone, Fault::Rests((left + 59_999) / 60_000))
            };
            again(StatusCode::TOO_MANY_REQUESTS, step, Some(fault))
        }
        Err(app::Error::Rejected("bad_phone")) => {
            again(StatusCode::UNPROCESSABLE_ENTITY, Step::Phone, Some(Fault::BadPhone))
        }
        Err(app::Error::Rejected("not_active")) => {
            again(StatusCode::CONFLICT, Step::Phone, Some(Fault::Closed))
        }
        Err(e) => error::page(&e, &it.visit),
    }
}

#[derive(Deserialize)]
pub struct Code {
    phone: String,
    code: String,
    #[serde(default)]
    to: String,
}

/// `POST /salons/{id}/sign-in/code`
pub async fn enter(
    State(state): State<WebState>,
    Path(id): Path<String>,
    from: ClientAddress,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<Code>,
) -> Response {
    let it = match Guest::of(&state, &id, None, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    if !is_from_here(&state, &headers) {
        return forged(&it);
    }
    let shown = |left_ms| (form.phone.as_str(), form.to.as_str(), left_ms);
    let again = |status, step, fault| enter_page(&it, (status, step), shown(0), Some(fault));
    match client_door::enter(&state.app, &it.salon.id, &form.phone, &form.code, &from.0).await {
        Ok(Entered::In { token, .. }) => {
            let to = format!("{}/{}", it.url(), landing(&form.to));
            go(&to, Some(&sitting_cookie(&state, Some(&token))))
        }
        Ok(Entered::Wrong(until)) => {
            let left = shown(until.since(state.app.now()));
            enter_page(&it, (StatusCode::UNAUTHORIZED, Step::Code), left, Some(Fault::WrongCode))
        }
        Err(app::Error::Rejected("bad_code")) => {
            again(StatusCode::UNAUTHORIZED, Step::Code, Fault::WrongCode)
        }
        Ok(Entered::Over) => again(StatusCode::GONE, Step::Phone, Fault::CodeOver),
        Ok(Entered::Rests(until)) => {
            let minutes = (until.since(state.app.now()) + 59_999) / 60_000;
            again(StatusCode::TOO_MANY_REQUESTS, Step::Code, Fault::Rests(minutes.max(1)))
        }
        Err(app::Error::Rejected("bad_phone")) => {
            again(StatusCode::UNPROCESSABLE_ENTITY, Step::Phone, Fault::BadPhone)
        }
        Err(app::Error::Rejected("not_active")) => again(StatusCode::CONFLICT, Step::Phone, Fault::Closed),
        Err(e) => error::page(&e, &it.visit),
    }
}

fn forged(it: &Guest) -> Response {
    let home = it.url();
    (StatusCode::FORBIDDEN, Html(view::forged(frame(&it.visit, Some(&home)), &home))).into_response()
}

#[derive(Deserialize)]
pub struct Key {
    key: String,
}

/// `POST /salons/{id}/sign-out`
pub async fn sign_out(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<Key>,
) -> Response {
    let it = match Guest::of(&state, &id, who, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    let Some(who) = &it.who else { return go(&it.url(), None) };
    if !is_from_here(&state, &headers) || !same(form.key.as_bytes(), who.form_key.as_bytes()) {
        return forged(&it);
    }
    match client_door::end(&state.app, &who.sitting).await {
        Ok(()) => go(&format!("{}/book", it.url()), Some(&sitting_cookie(&state, None))),
        Err(e) => error::page(&e, &it.visit),
    }
}
