//! The front page and the connect page, in the state the server is in.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::error;
use super::state::{Visit, WebState};
use crate::app::page_token::{self, BadToken, PagePass};
use crate::app::{self, connect, install};
use crate::kernel::id::TenantId;
use crate::views::connect::{FirstWay, Opening, page, with_picture};
use crate::views::install::{Choice, Problem, choose, problem};

pub async fn home(State(state): State<WebState>, visit: Visit) -> Html<String> {
    let ours = state.settings.home_links.iter().filter(|(locale, _)| *locale == visit.locale);
    let links: Vec<_> = ours.map(|(_, link)| link.clone()).collect();
    Html(crate::views::home::home(visit.frame(), &links))
}

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    token: String,
    /// Another salon of the same installation.
    company_id: Option<String>,
}

/// `GET /connect?token=…`
pub async fn show(State(state): State<WebState>, visit: Visit, Query(address): Query<Address>) -> Response {
    let pass = match page_token::check(&state.app.settings.jwt_secret, &address.token, state.app.now()) {
        Ok(pass) => pass,
        Err(wrong) => return refused(&state, &visit, wrong),
    };
    let tenant = match &address.company_id {
        None if pass.all.len() > 1 => return choice(&state, &visit, &pass, &address.token).await,
        None => Some(pass.tenant.clone()),
        Some(id) => TenantId::parse(id).filter(|id| pass.all.contains(id)),
    };
    let Some(tenant) = tenant else {
        let reader = visit.reader(&state, chrono_tz::Europe::Moscow);
        return (StatusCode::FORBIDDEN, Html(problem(visit.frame(), Problem::BelongsToAnother, &reader)))
            .into_response();
    };
    match draw(&state, &visit, &tenant, &address.token).await {
        Ok(html) => html.into_response(),
        Err(e) => error::page(&e, &visit),
    }
}

async fn draw(
    state: &WebState,
    visit: &Visit,
    tenant: &TenantId,
    token: &str,
) -> Result<Html<String>, app::Error> {
    connect::page_opened(&state.app, tenant).await?;
    let view = with_picture(connect::view(&state.app, tenant).await?);
    let reader = visit.reader(state, app::zone_of(&state.app, tenant).await?);
    let opening = Opening { token, company_id: tenant.as_str(), way: FirstWay::hinted(&visit.user_agent) };
    let mut frame = visit.frame();
    frame.other_language_url = format!("?token={token}&company_id={tenant}&lang={}", frame.other_lang());
    Ok(Html(page(frame, &view, &reader, &opening)))
}

/// Several salons at once: which one first?
async fn choice(state: &WebState, visit: &Visit, pass: &PagePass, token: &str) -> Response {
    let list = async {
        let mut salons = Vec::with_capacity(pass.all.len());
        for id in &pass.all {
            let (title, linked) = install::title_and_link(&state.app, id).await?;
            salons.push(Choice { title, linked, url: format!("/connect?token={token}&company_id={id}") });
        }
        Ok::<_, app::Error>(salons)
    };
    let mut frame = visit.frame();
    frame.other_language_url = format!("?token={token}&lang={}", frame.other_lang());
    match list.await {
        Ok(salons) => Html(choose(frame, &salons)).into_response(),
        Err(e) => error::page(&e, visit),
    }
}

fn refused(state: &WebState, visit: &Visit, wrong: BadToken) -> Response {
    let reader = visit.reader(state, chrono_tz::Europe::Moscow);
    let wrong = match wrong {
        BadToken::Missing => Problem::NoSalon,
        BadToken::Expired | BadToken::Wrong => Problem::LinkExpired,
    };
    let status = StatusCode::from_u16(wrong.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    (status, Html(problem(visit.frame(), wrong, &reader))).into_response()
}
