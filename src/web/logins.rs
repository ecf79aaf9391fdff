//! How the operator lets people in, by program: a link for each.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::answer::Answer;
use super::error;
use super::openapi::Problem;
use super::state::{Visit, WebState, header};
use crate::app::{self, addresses, logins};
use crate::domain::login::Role;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// `operator`, `owner` or `receptionist`.
    role: String,
    email: String,
    #[serde(default)]
    name: String,
    company_id: Option<String>,
    /// The salon's number with YClients, in place of the company's id.
    salon_id: Option<i64>,
}

/// A link that the person sets a password with.
#[utoipa::path(
    post,
    path = "/api/v1/logins",
    tag = "people",
    summary = "Lets a person in to the desk: a link they set their password with",
    request_body(content = Wish),
    responses(
        (status = 201, description = "The link is good once, for two days", body = Value, example = json!({"login_id":"log_01…","email":"maria@iris.example","link":"https://…/desk/invitation/…","link_until":1770000000000i64})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn invite(
    State(state): State<WebState>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let given = header(&headers, "authorization");
    let given = given.strip_prefix("Bearer ").unwrap_or_default();
    if !state.settings.operator_token.as_ref().is_some_and(|token| token.matches(given)) {
        return Ok(error::problem_json(StatusCode::UNAUTHORIZED, "unauthorised", &visit.request_id));
    }
    let wish: Wish = serde_json::from_slice(&body).map_err(|_| app::Error::Rejected("bad_body"))?;
    let role = Role::parse(&wish.role).ok_or(app::Error::Rejected("bad_role"))?;
    let tenant = match (&wish.company_id, wish.salon_id) {
        (Some(id), None) => Some(TenantId::parse(id).ok_or(app::Error::NotFound)?),
        (None, Some(salon)) => Some(addresses::of_salon(&state.app, SalonId(salon)).await?.tenant),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(app::Error::Rejected("bad_body").into()),
    };
    let wish = logins::Wish { role, tenant: tenant.as_ref(), email: &wish.email, name: &wish.name };
    let made = logins::invite(&state.app, &wish).await?;
    let body = json!({"login_id": made.id, "email": made.email, "link": made.link, "link_until": made.until});
    Ok((StatusCode::CREATED, Json(body)).into_response())
}
