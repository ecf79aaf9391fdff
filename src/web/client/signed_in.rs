//! Which client it is.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::app::client_door::{self, ClientSitting};
use crate::kernel::secret::hmac_sha256;
use crate::web::error;
use crate::web::state::{Visit, WebState, cookie, header as text};

/// A client who is signed in.
pub struct SignedIn {
    pub sitting: ClientSitting,
    /// By the browser's cookie, which goes along whoever made the browser ask.
    pub by_cookie: bool,
    /// Stands in the forms of their pages: only a page that was given this cookie can know it.
    pub form_key: String,
}

async fn seated(state: &WebState, parts: &Parts) -> Result<Option<SignedIn>, Response> {
    let bearer = text(&parts.headers, "authorization");
    let bearer = bearer.strip_prefix("Bearer ").map(str::to_owned).filter(|token| !token.is_empty());
    let by_cookie = bearer.is_none();
    let token = bearer.or_else(|| cookie(&parts.headers, client_door::cookie_name(&state.app)));
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    match client_door::of(&state.app, &token).await {
        Ok(sitting) => Ok(sitting.map(|sitting| {
            let secret = state.app.settings.jwt_secret.expose().as_bytes();
            let form_key = hex::encode(hmac_sha256(secret, format!("client-form:{token}").as_bytes()));
            SignedIn { sitting, by_cookie, form_key }
        })),
        Err(e) => Err(error::problem(&e, &request_id(parts, state).await)),
    }
}

async fn request_id(parts: &Parts, state: &WebState) -> String {
    let Ok(visit) = Visit::from_request_parts(&mut parts.clone(), state).await;
    visit.request_id
}

impl FromRequestParts<WebState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Response> {
        if let Some(found) = seated(state, parts).await? {
            return Ok(found);
        }
        let id = request_id(parts, state).await;
        let mut response = error::problem_json(StatusCode::UNAUTHORIZED, "not_signed_in", &id);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(response)
    }
}

impl OptionalFromRequestParts<WebState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Option<Self>, Response> {
        seated(state, parts).await
    }
}
