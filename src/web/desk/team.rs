//! A company's people: an owner lets receptionists in, an operator owners too.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::{Insider, Signed, answer, go, ok, url};
use crate::app;
use crate::app::logins::{self, Invited, Wish};
use crate::domain::login::Role;
use crate::domain::tenant::Tenant;
use crate::kernel::id::LoginId;
use crate::views::desk::{self as view, PersonLine, Tab, Team, TeamFault, Turn};
use crate::web::state::WebState;

const PAGE: usize = 50;

/// The company, for somebody who may see who works there.
async fn company(who: &Insider, state: &WebState, id: &str) -> Result<Tenant, app::Error> {
    let known = who.company(state, id).await?;
    if who.login().role.has_team() { Ok(known) } else { Err(app::Error::Rejected("not_allowed")) }
}

/// What the page shows beside the people.
#[derive(Default)]
struct Shown<'a> {
    after: Option<LoginId>,
    link: Option<&'a Invited>,
    fault: Option<TeamFault>,
    email: &'a str,
    name: &'a str,
}

async fn draw(
    who: &Insider,
    state: &WebState,
    known: &Tenant,
    shown: Shown<'_>,
) -> Result<String, app::Error> {
    let (people, next) = logins::list(&state.app, &known.id, shown.after.as_ref(), PAGE).await?;
    let path = format!("/desk/companies/{}/team", known.id);
    let role = who.login().role;
    let line = |login: crate::domain::login::Login| PersonLine {
        is_mine_to_manage: role.may_manage(login.role),
        login,
    };
    let rows: Vec<_> = people.into_iter().map(line).collect();
    let turn = Turn {
        first: if shown.after.is_some() { path.clone() } else { String::new() },
        next: next.map(|id| url(&path, &[("after", id.as_str())])).unwrap_or_default(),
    };
    let team = Team {
        nav: who.nav(&known.id, Tab::Team),
        title: &known.title,
        url: &path,
        form_key: &who.form_key,
        timezone: known.timezone,
        now: state.app.now(),
        is_operator: role == Role::Operator,
        link: shown.link.map(|made| (made.email.as_str(), made.link.as_str())),
        fault: shown.fault,
        email: shown.email,
        name: shown.name,
        rows: &rows,
        turn,
    };
    Ok(view::team(who.frame_at(&path), &team))
}

#[derive(Deserialize)]
pub struct Address {
    after: Option<String>,
}

/// `GET /desk/companies/{id}/team?after=`
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let after = address.after.as_deref().and_then(LoginId::parse);
        Ok(ok(draw(&who, &state, &known, Shown { after, ..Shown::default() }).await?))
    };
    answer(page.await, &who.visit)
}

#[derive(Deserialize)]
pub struct Invitation {
    email: String,
    #[serde(default)]
    name: String,
    role: String,
}

/// `POST /desk/companies/{id}/team`: a link for somebody, shown once.
pub async fn invite(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Signed { insider: who, form }: Signed<Invitation>,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let role = Role::parse(&form.role).filter(|role| who.login().role.may_manage(*role));
        let role = role.ok_or(app::Error::Rejected("not_allowed"))?;
        let wish = Wish { role, tenant: Some(&known.id), email: &form.email, name: &form.name };
        let fault = match logins::invite(&state.app, &wish).await {
            Ok(made) => {
                let shown = Shown { link: Some(&made), ..Shown::default() };
                return Ok(
                    (StatusCode::CREATED, Html(draw(&who, &state, &known, shown).await?)).into_response()
                );
            }
            Err(app::Error::Rejected("bad_email")) => TeamFault::BadEmail,
            Err(app::Error::Rejected("email_taken")) => TeamFault::Taken,
            Err(app::Error::Rejected("not_installed")) => TeamFault::Gone,
            Err(e) => return Err(e),
        };
        let shown = Shown { fault: Some(fault), email: &form.email, name: &form.name, ..Shown::default() };
        let html = draw(&who, &state, &known, shown).await?;
        Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(html)).into_response())
    };
    answer(page.await, &who.visit)
}

#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /desk/companies/{id}/team/{login_id}/link`: a new link for somebody.
pub async fn renew(
    State(state): State<WebState>,
    Path((id, login)): Path<(String, String)>,
    Signed { insider: who, .. }: Signed<Nothing>,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let login = LoginId::parse(&login).ok_or(app::Error::NotFound)?;
        let made = logins::renew(&state.app, who.login().role, &known.id, &login).await?;
        let shown = Shown { link: Some(&made), ..Shown::default() };
        Ok(ok(draw(&who, &state, &known, shown).await?))
    };
    answer(page.await, &who.visit)
}

/// `POST /desk/companies/{id}/team/{login_id}/off`
pub async fn switch_off(
    State(state): State<WebState>,
    Path((id, login)): Path<(String, String)>,
    Signed { insider: who, .. }: Signed<Nothing>,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let login = LoginId::parse(&login).ok_or(app::Error::NotFound)?;
        logins::switch_off(&state.app, who.login().role, &known.id, &login).await?;
        Ok(go(&format!("/desk/companies/{}/team", known.id), None))
    };
    answer(page.await, &who.visit)
}
