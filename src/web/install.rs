//! What the marketplace opens in the owner's browser.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::error;
use super::state::{Visit, WebState};
use crate::app::{self, connect, install};
use crate::kernel::id::TenantId;
use crate::views::install::{Problem, problem};
use crate::yclients::signed_user::{ClaimError, Claims};

/// `GET /marketplace/register`: checks the visit, opens the installation, and sends the browser on to an address without any
/// personal data in it. Linking begins before the answer leaves, so that the code is there when the page is.
pub async fn register(State(state): State<WebState>, visit: Visit, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let claims = match Claims::parse(&query, &state.app.settings.partner_token) {
        Ok(claims) => claims,
        Err(wrong) => {
            tracing::info!(?wrong, request.id = visit.request_id, "a registration visit was refused");
            return page(&state, &visit, &query, claim_problem(wrong));
        }
    };
    match install::open(&state.app, &claims, visit.locale).await {
        Ok(opened) => {
            // With several salons a person says first which one.
            if let [tenant] = &opened.tenants[..] {
                begin_linking(&state, tenant.clone());
            }
            Redirect::to(&format!("/connect?token={}", opened.token)).into_response()
        }
        Err(error) => refused(&state, &visit, &query, &error),
    }
}

fn begin_linking(state: &WebState, tenant: TenantId) {
    let app = state.app.clone();
    tokio::spawn(async move {
        if let Err(error) = connect::page_opened(&app, &tenant).await {
            tracing::warn!(tenant.id = %tenant, %error, "linking could not begin ahead of the page");
        }
    });
}

fn claim_problem(wrong: ClaimError) -> Problem {
    match wrong {
        ClaimError::NoSalon | ClaimError::BadSalon | ClaimError::TooManySalons => Problem::NoSalon,
        ClaimError::SignatureMissing | ClaimError::BadEncoding | ClaimError::WrongSignature => {
            Problem::BadSignature
        }
    }
}

fn refused(state: &WebState, visit: &Visit, query: &str, error: &app::Error) -> Response {
    let known = match error {
        app::Error::Rejected("not_installed") => Problem::NotInstalled,
        app::Error::Rejected("foreign_application") => Problem::BadSignature,
        app::Error::Rejected("not_the_owner") => Problem::NotTheOwner,
        app::Error::Crm(crate::yclients::Error::Forbidden(_)) => Problem::NotInstalled,
        app::Error::Crm(_) => Problem::YclientsSilent,
        _ => return error::page(error, visit),
    };
    tracing::warn!(%error, request.id = visit.request_id, "an installation could not be opened");
    page(state, visit, query, known)
}

fn page(state: &WebState, visit: &Visit, query: &str, wrong: Problem) -> Response {
    let reader = visit.reader(state, chrono_tz::Europe::Moscow);
    let status = StatusCode::from_u16(wrong.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut frame = visit.frame();
    // The same visit in the other language, or it would be another one.
    let mut same = url::form_urlencoded::Serializer::new(String::new());
    let said = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang");
    same.extend_pairs(said).append_pair("lang", frame.other_lang());
    frame.other_language_url = format!("?{}", same.finish());
    (status, Html(problem(frame, wrong, &reader))).into_response()
}
