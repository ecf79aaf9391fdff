//! The marketplace's own calls, and the activation by hand that our founding document has.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error;
use super::state::{Visit, WebState, header};
use crate::app::{self, activate, connect, lifecycle, page_token};
use crate::kernel::id::TenantId;
use crate::yclients::lifecycle::{NotALifecycle, parse};

/// `POST /marketplace/webhook`. The body holds our partner token: it is compared, dropped, and never logged.
pub async fn lifecycle(State(state): State<WebState>, visit: Visit, body: Bytes) -> Response {
    let post = match parse(&body, &state.app.settings.partner_token) {
        Ok(post) => post,
        Err(NotALifecycle::WrongToken) => {
            return error::problem_json(StatusCode::UNAUTHORIZED, "wrong_token", &visit.request_id);
        }
        Err(NotALifecycle::Malformed | NotALifecycle::NoSalon) => {
            return error::problem_json(StatusCode::BAD_REQUEST, "not_an_event", &visit.request_id);
        }
    };
    if post.application_id.is_some_and(|id| id != state.app.settings.application_id) {
        return error::problem_json(StatusCode::FORBIDDEN, "foreign_application", &visit.request_id);
    }
    match lifecycle::accept(&state.app, post.salon, &post.event).await {
        Ok(()) => Json(json!({"success": true})).into_response(),
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

#[derive(Deserialize)]
pub struct Prepare {
    company_id: String,
    salon_id: Value,
}

/// `POST /marketplace/callback/prepare` `{company_id, salon_id}` with the page's token as `Authorization: Bearer`: finishes the
/// installation now instead of when the owner's answer or the wait would.
pub async fn prepare(
    State(state): State<WebState>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match prepare_now(&state, &headers, &body).await {
        Ok(view) => Json(json!({"success": true, "state": view})).into_response(),
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

async fn prepare_now(state: &WebState, headers: &HeaderMap, body: &[u8]) -> Result<&'static str, app::Error> {
    let wish: Prepare = serde_json::from_slice(body).map_err(|_| app::Error::Rejected("bad_request"))?;
    let token = header(headers, "authorization");
    let token = token.strip_prefix("Bearer ").unwrap_or_default();
    let pass = page_token::check(&state.app.settings.jwt_secret, token, state.app.now())
        .map_err(|_| app::Error::NotFound)?;
    let tenant =
        TenantId::parse(&wish.company_id).filter(|id| pass.all.contains(id)).ok_or(app::Error::NotFound)?;
    let salon = crate::yclients::wire::int(&wish.salon_id);
    if salon != Some(app::salon_of(&state.app, &tenant).await?.0) {
        return Err(app::Error::NotFound);
    }
    activate::confirm_number(&state.app, &tenant).await?;
    Ok(connect::view(&state.app, &tenant).await?.step.name())
}
