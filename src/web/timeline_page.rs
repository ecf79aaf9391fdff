//! "Why?" for people: the page of a record's history, and the buttons on it.
//!
//! There is no login: a program that may ask gives a person a link. On the first visit its token is exchanged for a cookie that
//! only this page gets, and leaves the address bar; a form is taken only with the key that this cookie's pages carry.

use axum::extract::{Form, Path, Query, State};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::error;
use super::state::{Visit, WebState, header};
use crate::app::settle::{self, Word};
use crate::app::timeline_token::{self, Purpose};
use crate::app::{self, timeline};
use crate::domain::timeline::{Cursor, Eye};
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::locale::Locale;
use crate::views::Frame;
use crate::views::timeline::{self as view, Place, Refused};

const COOKIE: &str = "salonbridge_timeline";
/// So that a page stays light on a phone.
const PAGE: usize = 40;

/// Which page is meant.
struct Which {
    tenant: TenantId,
    record: RecordId,
}

impl Which {
    fn read(id: &str, record: &str) -> Result<Self, app::Error> {
        let tenant = TenantId::parse(id).ok_or(app::Error::NotFound)?;
        Ok(Self { tenant, record: RecordId(record.parse().map_err(|_| app::Error::NotFound)?) })
    }

    fn path(&self) -> String {
        format!("/companies/{}/records/{}/timeline", self.tenant, self.record)
    }

    /// The cookie of this page, and with which eye it looks.
    fn seen_by(&self, state: &WebState, headers: &HeaderMap) -> Option<(String, Eye)> {
        let secret = &state.app.settings.jwt_secret;
        let cookies = header(headers, "cookie");
        let cookie =
            cookies.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        let what = (&self.tenant, self.record);
        let eye = timeline_token::check(secret, Purpose::Cookie, cookie, what, state.app.now())?;
        Some((cookie.to_owned(), eye))
    }
}

#[derive(Deserialize)]
pub struct Address {
    token: Option<String>,
    after: Option<String>,
    lang: Option<String>,
}

/// `GET /companies/{id}/records/{record_id}/timeline?token=…`
pub async fn show(
    State(state): State<WebState>,
    Path((id, record)): Path<(String, String)>,
    Query(address): Query<Address>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let which = match Which::read(&id, &record) {
        Ok(which) => which,
        Err(e) => return error::page(&e, &visit),
    };
    if let Some(token) = &address.token {
        return enter(&state, &which, token, &address, &visit, &headers);
    }
    match which.seen_by(&state, &headers) {
        Some((cookie, eye)) => match draw(&state, &which, &address, &visit, &cookie, eye).await {
            Ok(html) => html.into_response(),
            Err(e) => error::page(&e, &visit),
        },
        None => refused(&which, &visit, StatusCode::UNAUTHORIZED, Refused::Lost),
    }
}

/// A link is exchanged for a cookie. One that has expired does no harm to a page that is open already.
fn enter(
    state: &WebState,
    which: &Which,
    token: &str,
    address: &Address,
    visit: &Visit,
    headers: &HeaderMap,
) -> Response {
    let (secret, now) = (&state.app.settings.jwt_secret, state.app.now());
    let what = (&which.tenant, which.record);
    let language = address.lang.as_deref().and_then(Locale::parse);
    let clean = which.path() + &language.map(|lang| format!("?lang={}", lang.code())).unwrap_or_default();
    let Some(eye) = timeline_token::check(secret, Purpose::Link, token, what, now) else {
        return match which.seen_by(state, headers) {
            Some(_) => go(&clean, None),
            None => refused(which, visit, StatusCode::UNAUTHORIZED, Refused::Lost),
        };
    };
    match timeline_token::sign(secret, Purpose::Cookie, (&which.tenant, which.record, eye), now) {
        Ok(cookie) => {
            let secure = if state.app.settings.public_url.starts_with("https:") { "; Secure" } else { "" };
            let (path, age) = (which.path(), Purpose::Cookie.lifetime_s());
            let cookie =
                format!("{COOKIE}={cookie}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
            go(&clean, Some(&cookie))
        }
        Err(error) => {
            tracing::error!(%error, "a cookie could not be signed");
            refused(which, visit, StatusCode::INTERNAL_SERVER_ERROR, Refused::Lost)
        }
    }
}

/// `303 See Other`. What cannot stand in a header is left out.
fn go(to: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in [(LOCATION, Some(to)), (SET_COOKIE, cookie)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn draw(
    state: &WebState,
    which: &Which,
    address: &Address,
    visit: &Visit,
    cookie: &str,
    eye: Eye,
) -> Result<Html<String>, app::Error> {
    let after = address.after.as_deref().and_then(Cursor::parse);
    let found = timeline::of(&state.app, &which.tenant, which.record, eye, after.as_ref(), PAGE).await?;
    let place = Place {
        url: which.path(),
        form_key: timeline_token::form_key(&state.app.settings.jwt_secret, cookie),
        is_later: after.is_some(),
        now: state.app.now(),
        nav: String::new(),
    };
    let mut frame: Frame = visit.frame();
    if let Some(after) = &after {
        frame.other_language_url = format!("?lang={}&after={}", frame.other_lang(), after.text());
    }
    Ok(Html(view::page(frame, &found, &place)))
}

fn refused(which: &Which, visit: &Visit, status: StatusCode, why: Refused) -> Response {
    (status, Html(view::refused(visit.frame(), why, &which.path()))).into_response()
}

#[derive(Deserialize)]
pub struct Answer {
    key: String,
    message: String,
    word: String,
    #[serde(default)]
    lang: String,
}

/// `POST /companies/{id}/records/{record_id}/timeline/settle`: a button of the page. Pressed twice, or where a sign came first, it
/// leads back to the page, which shows what stands.
pub async fn settle(
    State(state): State<WebState>,
    Path((id, record)): Path<(String, String)>,
    visit: Visit,
    headers: HeaderMap,
    Form(answer): Form<Answer>,
) -> Response {
    let which = match Which::read(&id, &record) {
        Ok(which) => which,
        Err(e) => return error::page(&e, &visit),
    };
    let Some((cookie, _)) = which.seen_by(&state, &headers) else {
        return refused(&which, &visit, StatusCode::UNAUTHORIZED, Refused::Lost);
    };
    if !timeline_token::is_form_key(&state.app.settings.jwt_secret, &cookie, &answer.key) {
        return refused(&which, &visit, StatusCode::FORBIDDEN, Refused::Forged);
    }
    let settled = async {
        let message = OutboxId::parse(&answer.message).ok_or(app::Error::NotFound)?;
        let word = match answer.word.as_str() {
            "sent" => Word::Sent,
            "again" => Word::NotSent { again: true },
            "not_sent" => Word::NotSent { again: false },
            _ => return Err(app::Error::Rejected("bad_word")),
        };
        settle::settle_of_record(&state.app, &which.tenant, which.record, &message, word).await
    };
    match settled.await {
        Ok(_) | Err(app::Error::Rejected("not_uncertain")) => {
            let language = Locale::parse(&answer.lang).unwrap_or(visit.locale);
            go(&format!("{}?lang={}", which.path(), language.code()), None)
        }
        Err(e) => error::page(&e, &visit),
    }
}
