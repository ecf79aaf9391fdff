//! Which program asks of a company: the salon's (its `api_key`) or the operator's (the operator's token).

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::answer::Refused;
use super::state::{WebState, header};
use crate::app::{self, hook_key};
use crate::domain::timeline::Eye;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;

/// The company of the path's `{id}`, for whoever may ask of it, and how much they may see.
///
/// Handlers take it before the body: whatever is wrong with that, a stranger only hears that there is no such company.
pub struct Caller {
    pub tenant: TenantId,
    pub eye: Eye,
}

impl Caller {
    /// Another company's id is answered as if there were no such company, whatever the key.
    pub async fn of(state: &WebState, id: &str, headers: &HeaderMap) -> Result<Self, app::Error> {
        let given = header(headers, "authorization");
        let given = given.strip_prefix("Bearer ").unwrap_or_default();
        if given.is_empty() {
            return Err(app::Error::NotFound);
        }
        let operator = state.settings.operator_token.as_ref().is_some_and(|token| token.matches(given));
        if operator && let Ok(salon) = id.parse() {
            // The operator may also say the salon's number in YClients.
            let tenant = app::tenant_of(&state.app, SalonId(salon)).await?;
            return Ok(Self { tenant, eye: Eye::Operator });
        }
        let tenant = TenantId::parse(id).ok_or(app::Error::NotFound)?;
        if operator {
            Ok(Self { tenant, eye: Eye::Operator })
        } else if hook_key::is_api_key(&state.app, &tenant, given).await? {
            Ok(Self { tenant, eye: Eye::Salon })
        } else {
            Err(app::Error::NotFound)
        }
    }
}

impl FromRequestParts<WebState> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &WebState) -> Result<Self, Response> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut named) = path.map_err(IntoResponse::into_response)?;
        let id = named.remove("id").unwrap_or_default();
        Self::of(state, &id, &parts.headers).await.map_err(|e| Refused::from(e).into_response())
    }
}

/// The company whose API key the caller has shown; `None` when it is nobody's, the operator's token for one.
pub async fn of_key(state: &WebState, headers: &HeaderMap) -> Result<Option<TenantId>, app::Error> {
    let given = header(headers, "authorization");
    match given.strip_prefix("Bearer ") {
        Some(key) if !key.is_empty() => hook_key::company_of(&state.app, key).await,
        _ => Ok(None),
    }
}
