//! Signing in and out, for programs.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::signed_in::SignedIn;
use super::{problem, rests, sitting_cookie, with_cookie};
use crate::app::client_door::{self, Entered};
use crate::app::{self};
use crate::domain::client_door::{CODE_MS, PER_PHONE};
use crate::kernel::id::TenantId;
use crate::web::desk::is_from_here;
use crate::web::error;
use crate::web::openapi::Problem;
use crate::web::peer::ClientAddress;
use crate::web::state::{Visit, WebState};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    phone: String,
}

/// 202, whosever the number is.
#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/sign-in",
    tag = "client",
    summary = "Sends a client of the salon a code on WhatsApp",
    params(("id" = String, Path, description = "The salon's company: tnt_…")),
    request_body(content = Wish),
    responses(
        (status = 202, description = "Whosever the number is", body = Value, example = json!({"code_is_good_for_s":300,"ask_again_after_s":60})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
)]
pub async fn ask(
    State(state): State<WebState>,
    Path(id): Path<String>,
    from: ClientAddress,
    visit: Visit,
    body: Bytes,
) -> Response {
    let asked = async {
        let wish: Wish = serde_json::from_slice(&body).map_err(|_| app::Error::Rejected("bad_body"))?;
        let tenant = TenantId::parse(&id).ok_or(app::Error::NotFound)?;
        client_door::ask(&state.app, &tenant, &wish.phone, &from.0).await
    };
    match asked.await {
        Ok(None) => {
            let said =
                json!({"code_is_good_for_s": CODE_MS / 1000, "ask_again_after_s": PER_PHONE.gap_ms / 1000});
            (StatusCode::ACCEPTED, Json(said)).into_response()
        }
        Ok(Some(until)) => rests(until, state.app.now(), &visit),
        Err(e) => problem(&e, &visit),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Given {
    phone: String,
    code: String,
}

/// And the cookie of the pages.
#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/sign-in/code",
    tag = "client",
    summary = "Signs in with the code",
    params(("id" = String, Path, description = "The salon's company: tnt_…")),
    request_body(content = Given),
    responses(
        (status = 200, description = "A token for programs, and the cookie of the pages", body = Value, example = json!({"token":"…","expires_at":1770000000000i64})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
)]
pub async fn enter(
    State(state): State<WebState>,
    Path(id): Path<String>,
    from: ClientAddress,
    visit: Visit,
    body: Bytes,
) -> Response {
    let entered = async {
        let given: Given = serde_json::from_slice(&body).map_err(|_| app::Error::Rejected("bad_body"))?;
        let tenant = TenantId::parse(&id).ok_or(app::Error::NotFound)?;
        client_door::enter(&state.app, &tenant, &given.phone, &given.code, &from.0).await
    };
    match entered.await {
        Ok(Entered::In { token, until }) => {
            let cookie = sitting_cookie(&state, Some(&token));
            with_cookie(Json(json!({"token": token, "expires_at": until})).into_response(), &cookie)
        }
        Ok(Entered::Wrong(_)) => {
            error::problem_json(StatusCode::UNAUTHORIZED, "wrong_code", &visit.request_id)
        }
        Ok(Entered::Over) => error::problem_json(StatusCode::GONE, "code_is_over", &visit.request_id),
        Ok(Entered::Rests(until)) => rests(until, state.app.now(), &visit),
        Err(e) => problem(&e, &visit),
    }
}

#[utoipa::path(
    post,
    path = "/api/v1/sign-out",
    tag = "client",
    summary = "Signs out",
    responses(
        (status = 204, description = "The token is good no more"),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn sign_out(
    State(state): State<WebState>,
    who: SignedIn,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    if who.by_cookie && !is_from_here(&state, &headers) {
        return problem(&app::Error::Rejected("not_allowed"), &visit);
    }
    match client_door::end(&state.app, &who.sitting).await {
        Ok(()) => with_cookie(StatusCode::NO_CONTENT.into_response(), &sitting_cookie(&state, None)),
        Err(e) => problem(&e, &visit),
    }
}
