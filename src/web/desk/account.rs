//! One's own login.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::insider::sitting_cookie;
use super::{Insider, Signed, answer, go};
use crate::app;
use crate::app::account::{self, Changed, Pending};
use crate::app::sittings;
use crate::kernel::clock::UnixMs;
use crate::views::desk::{self as view, Account, AccountFault, Codes, Fault, Said};
use crate::web::state::WebState;

const PATH: &str = "/desk/account";

/// What the page shows beside the login itself.
#[derive(Default)]
struct Shown {
    codes: Option<Codes>,
    said: Option<Said>,
    fault: Option<AccountFault>,
}

fn draw(who: &Insider, shown: Shown) -> Response {
    let status = if shown.fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let codes = shown.codes.unwrap_or(if who.login().has_totp { Codes::On } else { Codes::Off });
    let account = Account {
        nav: who.nav_outside(true),
        login: who.login(),
        form_key: &who.form_key,
        codes,
        said: shown.said,
        fault: shown.fault,
    };
    (status, Html(view::account(who.frame_at(PATH), &account))).into_response()
}

/// What stood in the way; `None` when nothing did.
fn fault(changed: Changed, wrong: AccountFault, now: UnixMs) -> Option<AccountFault> {
    match changed {
        Changed::Done => None,
        Changed::Wrong => Some(wrong),
        Changed::Weak(weak) => Some(AccountFault::Other(Fault::Weak(weak))),
        Changed::Rests(until) => {
            Some(AccountFault::Other(Fault::Rests(((until.since(now) + 59_999) / 60_000).max(1))))
        }
    }
}

/// `GET /desk/account`
pub async fn show(who: Insider) -> Response {
    draw(&who, Shown::default())
}

#[derive(Deserialize)]
pub struct NewPassword {
    old: String,
    new: String,
    repeated: String,
}

/// `POST /desk/account/password`
pub async fn change_password(
    State(state): State<WebState>,
    Signed { insider: who, form }: Signed<NewPassword>,
) -> Response {
    if form.new != form.repeated {
        return draw(&who, Shown { fault: Some(AccountFault::Other(Fault::Differ)), ..Shown::default() });
    }
    match account::change_password(&state.app, &who.sitting, &form.old, &form.new).await {
        Ok(changed) => {
            let fault = fault(changed, AccountFault::WrongPassword, state.app.now());
            let said = fault.is_none().then_some(Said::PasswordChanged);
            draw(&who, Shown { said, fault, codes: None })
        }
        Err(e) => answer(Err(e), &who.visit),
    }
}

#[derive(Deserialize)]
pub struct Nothing {}

fn codes(pending: &Pending) -> Codes {
    Codes::pending(&pending.address, &pending.secret, &pending.ticket)
}

/// `POST /desk/account/codes`: a secret to be scanned. Where there are codes already, they stay until they are dropped.
pub async fn begin_codes(
    State(state): State<WebState>,
    Signed { insider: who, .. }: Signed<Nothing>,
) -> Response {
    if who.login().has_totp {
        return go(PATH, None);
    }
    match account::begin_codes(&state.app, &who.sitting).await {
        Ok(pending) => draw(&who, Shown { codes: Some(codes(&pending)), ..Shown::default() }),
        Err(e) => answer(Err(e), &who.visit),
    }
}

#[derive(Deserialize)]
pub struct FirstCode {
    ticket: String,
    code: String,
}

/// `POST /desk/account/codes/confirm`
pub async fn confirm_codes(
    State(state): State<WebState>,
    Signed { insider: who, form }: Signed<FirstCode>,
) -> Response {
    if who.login().has_totp {
        return go(PATH, None);
    }
    match account::confirm_codes(&state.app, &who.sitting, &form.ticket, &form.code).await {
        Ok((Changed::Done, _)) => {
            draw(&who, Shown { codes: Some(Codes::On), said: Some(Said::CodesOn), fault: None })
        }
        Ok((changed, pending)) => {
            let fault = fault(changed, AccountFault::Other(Fault::WrongCode), state.app.now());
            draw(&who, Shown { codes: pending.as_ref().map(codes), fault, said: None })
        }
        // A page that was open for too long begins anew.
        Err(app::Error::Rejected("too_old")) => go(PATH, None),
        Err(e) => answer(Err(e), &who.visit),
    }
}

#[derive(Deserialize)]
pub struct GivenPassword {
    password: String,
}

/// `POST /desk/account/codes/drop`
pub async fn drop_codes(
    State(state): State<WebState>,
    Signed { insider: who, form }: Signed<GivenPassword>,
) -> Response {
    match account::drop_codes(&state.app, &who.sitting, &form.password).await {
        Ok(changed) => {
            let fault = fault(changed, AccountFault::WrongPassword, state.app.now());
            let done = fault.is_none();
            let codes = done.then_some(Codes::Off);
            draw(&who, Shown { codes, said: done.then_some(Said::CodesOff), fault })
        }
        Err(e) => answer(Err(e), &who.visit),
    }
}

/// `POST /desk/account/sign-out-everywhere`
pub async fn sign_out_everywhere(
    State(state): State<WebState>,
    Signed { insider: who, .. }: Signed<Nothing>,
) -> Response {
    match sittings::end_all(&state.app, &who.sitting).await {
        Ok(()) => go("/desk/sign-in", Some(&sitting_cookie(&state, None))),
        Err(e) => answer(Err(e), &who.visit),
    }
}
