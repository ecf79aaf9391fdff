//! Who is signed in, by the cookie; and forms that only a page of theirs can have sent.

use axum::body::Body;
use axum::extract::{Form, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use serde::de::DeserializeOwned;

use super::{frame, go, url};
use crate::app::sittings::{self, Sitting, cookie_name};
use crate::app::{self, desk};
use crate::domain::login::{LONGEST_MS, Login};
use crate::domain::tenant::Tenant;
use crate::kernel::id::TenantId;
use crate::kernel::secret::{hmac_sha256, same};
use crate::views::Frame;
use crate::views::desk::{self as view, Nav, Tab};
use crate::web::error;
use crate::web::state::{Visit, WebState, cookie, header};

/// A form of ours is never longer.
const MOST_BYTES: usize = 64 * 1024;

fn is_tls(state: &WebState) -> bool {
    state.app.settings.public_url.starts_with("https:")
}

/// The cookie of a sitting; without a token the one that takes it away.
pub fn sitting_cookie(state: &WebState, token: Option<&str>) -> String {
    let (value, age) = token.map_or(("", 0), |token| (token, LONGEST_MS / 1000));
    let secure = if is_tls(state) { "; Secure" } else { "" };
    format!("{}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}", cookie_name(&state.app))
}

/// Whether a form was sent by a page of ours: browsers say so, and nobody else's page can make them lie.
pub fn is_from_here(state: &WebState, headers: &HeaderMap) -> bool {
    let origin = header(headers, "origin");
    if origin.is_empty() || origin == "null" {
        return header(headers, "sec-fetch-site") == "same-origin";
    }
    let ours = url::Url::parse(&state.app.settings.public_url).map(|url| url.origin().ascii_serialization());
    // On this machine a person may call it by another of its names.
    let here = !is_tls(state) && origin == format!("http://{}", header(headers, "host"));
    here || ours.is_ok_and(|ours| ours == origin)
}

/// Somebody who is signed in.
pub struct Insider {
    pub sitting: Sitting,
    pub visit: Visit,
    /// Stands in every form: only a page that was given this cookie can know it.
    pub form_key: String,
}

impl Insider {
    pub fn login(&self) -> &Login {
        &self.sitting.login
    }

    /// The company with this id, if it is theirs to see; otherwise there is none.
    pub async fn company(&self, state: &WebState, id: &str) -> Result<Tenant, app::Error> {
        let id = TenantId::parse(id).filter(|id| self.login().sees(id)).ok_or(app::Error::NotFound)?;
        desk::tenant(&state.app, &id).await
    }

    pub fn frame(&self) -> Frame {
        frame(&self.visit, None)
    }

    /// The frame of a page that answers a form; `at` shows it.
    pub fn frame_at(&self, at: &str) -> Frame {
        frame(&self.visit, Some(at))
    }

    /// The bar of a company's page.
    pub fn nav(&self, company: &TenantId, tab: Tab) -> String {
        self.bar(Some(company), Some(tab), false)
    }

    /// The bar of a page of no company; an owner's still leads to theirs.
    pub fn nav_outside(&self, is_account: bool) -> String {
        self.bar(self.login().tenant.as_ref(), None, is_account)
    }

    fn bar(&self, company: Option<&TenantId>, tab: Option<Tab>, is_account: bool) -> String {
        let login = self.login();
        let nav = Nav {
            company: company.map(TenantId::as_str),
            tab,
            is_operator: login.tenant.is_none(),
            has_team: login.role.has_team(),
            is_account,
            who: login.title(),
            form_key: &self.form_key,
        };
        view::nav(self.visit.frame().words, &nav)
    }
}

/// Who has this request's cookie.
async fn seated(state: &WebState, parts: &mut Parts) -> Result<Result<Insider, Visit>, Response> {
    let Ok(visit) = Visit::from_request_parts(parts, state).await;
    let Some(token) = cookie(&parts.headers, cookie_name(&state.app)).filter(|token| !token.is_empty())
    else {
        return Ok(Err(visit));
    };
    match sittings::of(&state.app, &token).await {
        Ok(Some(sitting)) => {
            let secret = state.app.settings.jwt_secret.expose().as_bytes();
            let form_key = hex::encode(hmac_sha256(secret, format!("desk-form:{token}").as_bytes()));
            Ok(Ok(Insider { sitting, visit, form_key }))
        }
        Ok(None) => Ok(Err(visit)),
        Err(e) => Err(error::page(&e, &visit)),
    }
}

impl FromRequestParts<WebState> for Insider {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Response> {
        seated(state, parts).await?.map_err(|visit| {
            let wanted = if parts.method == Method::GET { visit.address.as_str() } else { "" };
            let wanted = if wanted == "/desk" { "" } else { wanted };
            go(&url("/desk/sign-in", &[("to", wanted)]), None)
        })
    }
}

/// Somebody who may be signed in.
pub struct Anybody(pub Result<Insider, Visit>);

impl FromRequestParts<WebState> for Anybody {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Response> {
        seated(state, parts).await.map(Self)
    }
}

/// A form that a page of theirs sent: from our own origin, with this sitting's key in it.
pub struct Signed<T> {
    pub insider: Insider,
    pub form: T,
}

impl<T: DeserializeOwned> FromRequest<WebState> for Signed<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &WebState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let insider = Insider::from_request_parts(&mut parts, state).await?;
        let body = axum::body::to_bytes(body, MOST_BYTES).await;
        let body = body.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE.into_response())?;
        let mut fields = url::form_urlencoded::parse(&body);
        let key = fields.find(|(name, _)| name == "key").map(|(_, key)| key.into_owned()).unwrap_or_default();
        if !is_from_here(state, &parts.headers) || !same(key.as_bytes(), insider.form_key.as_bytes()) {
            tracing::info!(
                request.id = insider.visit.request_id,
                "a form was refused: no page of ours sent it"
            );
            return Err(forged(&insider.visit));
        }
        let request = Request::from_parts(parts, Body::from(body));
        match Form::<T>::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self { insider, form }),
            Err(_) => Err(error::page(&app::Error::Rejected("bad_form"), &insider.visit)),
        }
    }
}

/// The answer to a form that no page of ours sent.
pub fn forged(visit: &Visit) -> Response {
    (StatusCode::FORBIDDEN, Html(view::forged(frame(visit, Some("/desk"))))).into_response()
}
