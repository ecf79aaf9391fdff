//! The way in and out.

use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::insider::{Anybody, forged, is_from_here, sitting_cookie};
use super::{Signed, answer, frame, go, ok};
use crate::app;
use crate::app::logins::{self, TakenUp};
use crate::app::sittings::{self, Answer};
use crate::kernel::clock::UnixMs;
use crate::views::desk::{self as view, Enter, Fault, Step};
use crate::web::peer::ClientAddress;
use crate::web::state::{Visit, WebState};

const SIGN_IN: &str = "/desk/sign-in";

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    to: String,
}

/// Only a page of the desk: the address may have been made by anybody.
fn landing(to: &str) -> &str {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>');
    let below = to == "/desk" || to.starts_with("/desk/") || to.starts_with("/desk?");
    if below && to.len() < 1000 && to.chars().all(plain) && !to.starts_with("/desk/sign-in") {
        to
    } else {
        "/desk"
    }
}

/// `GET /desk/sign-in?to=…`
pub async fn show(Anybody(who): Anybody, Query(wanted): Query<Wanted>) -> Response {
    match who {
        Ok(_) => go(landing(&wanted.to), None),
        Err(visit) => {
            let enter = Enter {
                step: Step::SignIn,
                action: SIGN_IN,
                email: "",
                to: &wanted.to,
                ticket: "",
                fault: None,
            };
            ok(view::enter(frame(&visit, None), &enter))
        }
    }
}

#[derive(Deserialize)]
pub struct SignIn {
    email: String,
    password: String,
    #[serde(default)]
    to: String,
}

/// Minutes that are left, the begun one included.
fn minutes(until: UnixMs, now: UnixMs) -> i64 {
    ((until.since(now) + 59_999) / 60_000).max(1)
}

/// `POST /desk/sign-in`
pub async fn submit(
    State(state): State<WebState>,
    visit: Visit,
    from: ClientAddress,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    if !is_from_here(&state, &headers) {
        return forged(&visit);
    }
    let page = async {
        let said = sittings::sign_in(&state.app, &form.email, &form.password, &from.0).await?;
        let again = |status, fault| {
            let enter = Enter {
                step: Step::SignIn,
                action: SIGN_IN,
                email: &form.email,
                to: &form.to,
                ticket: "",
                fault: Some(fault),
            };
            (status, Html(view::enter(frame(&visit, Some(SIGN_IN)), &enter))).into_response()
        };
        Ok(match said {
            Answer::In(token) => go(landing(&form.to), Some(&sitting_cookie(&state, Some(&token)))),
            Answer::Code(ticket) => ok(code_page(&visit, &form.to, &ticket, None)),
            Answer::Refused => again(StatusCode::UNAUTHORIZED, Fault::Refused),
            Answer::Rests(until) => {
                again(StatusCode::TOO_MANY_REQUESTS, Fault::Rests(minutes(until, state.app.now())))
            }
        })
    };
    answer(page.await, &visit)
}

fn code_page(visit: &Visit, to: &str, ticket: &str, fault: Option<Fault>) -> String {
    let enter = Enter { step: Step::Code, action: "/desk/sign-in/code", email: "", to, ticket, fault };
    view::enter(frame(visit, Some(SIGN_IN)), &enter)
}

#[derive(Deserialize)]
pub struct GivenCode {
    ticket: String,
    code: String,
    #[serde(default)]
    to: String,
}

/// `POST /desk/sign-in/code`: the second step, where the login has codes.
pub async fn submit_code(
    State(state): State<WebState>,
    visit: Visit,
    from: ClientAddress,
    headers: HeaderMap,
    Form(form): Form<GivenCode>,
) -> Response {
    if !is_from_here(&state, &headers) {
        return forged(&visit);
    }
    let again = |status, fault| {
        (status, Html(code_page(&visit, &form.to, &form.ticket, Some(fault)))).into_response()
    };
    match sittings::sign_in_with_code(&state.app, &form.ticket, &form.code, &from.0).await {
        Ok(Answer::In(token)) => go(landing(&form.to), Some(&sitting_cookie(&state, Some(&token)))),
        Ok(Answer::Code(_) | Answer::Refused) => again(StatusCode::UNAUTHORIZED, Fault::WrongCode),
        Ok(Answer::Rests(until)) => {
            again(StatusCode::TOO_MANY_REQUESTS, Fault::Rests(minutes(until, state.app.now())))
        }
        // A ticket that is too old, or none of ours: from the beginning.
        Err(app::Error::NotFound) => {
            let fault = Some(Fault::TooOld);
            let enter =
                Enter { step: Step::SignIn, action: SIGN_IN, email: "", to: &form.to, ticket: "", fault };
            (StatusCode::UNAUTHORIZED, Html(view::enter(frame(&visit, Some(SIGN_IN)), &enter)))
                .into_response()
        }
        Err(e) => answer(Err(e), &visit),
    }
}

fn invitation_page(visit: &Visit, path: &str, email: &str, fault: Option<Fault>) -> String {
    let enter = Enter { step: Step::Invitation, action: path, email, to: "", ticket: "", fault };
    view::enter(frame(visit, Some(path)), &enter)
}

fn closed(visit: &Visit) -> Response {
    (StatusCode::GONE, Html(view::closed(frame(visit, Some(SIGN_IN))))).into_response()
}

/// `GET /desk/invitation/{token}`
pub async fn invitation(State(state): State<WebState>, Path(token): Path<String>, visit: Visit) -> Response {
    match logins::invited(&state.app, &token).await {
        Ok(Some(login)) => {
            ok(invitation_page(&visit, &format!("/desk/invitation/{token}"), &login.email, None))
        }
        Ok(None) => closed(&visit),
        Err(e) => answer(Err(e), &visit),
    }
}

#[derive(Deserialize)]
pub struct NewPassword {
    password: String,
    repeated: String,
}

/// `POST /desk/invitation/{token}`: sets the password, and the person is in.
pub async fn take_up(
    State(state): State<WebState>,
    Path(token): Path<String>,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<NewPassword>,
) -> Response {
    if !is_from_here(&state, &headers) {
        return forged(&visit);
    }
    let page = async {
        let Some(login) = logins::invited(&state.app, &token).await? else { return Ok(closed(&visit)) };
        let again = |fault| {
            let path = format!("/desk/invitation/{token}");
            let html = invitation_page(&visit, &path, &login.email, Some(fault));
            (StatusCode::UNPROCESSABLE_ENTITY, Html(html)).into_response()
        };
        if form.password != form.repeated {
            return Ok(again(Fault::Differ));
        }
        Ok(match logins::take_up(&state.app, &token, &form.password).await? {
            TakenUp::In(token) => go("/desk", Some(&sitting_cookie(&state, Some(&token)))),
            TakenUp::Weak(weak) => again(Fault::Weak(weak)),
            TakenUp::Gone => closed(&visit),
        })
    };
    answer(page.await, &visit)
}

#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /desk/sign-out`
pub async fn sign_out(State(state): State<WebState>, Signed { insider, .. }: Signed<Nothing>) -> Response {
    match sittings::end(&state.app, &insider.sitting).await {
        Ok(()) => go(SIGN_IN, Some(&sitting_cookie(&state, None))),
        Err(e) => answer(Err(e), &insider.visit),
    }
}
