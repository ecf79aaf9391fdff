//! The log of one company's sync, and the button that begins one.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::clients::refused;
use super::{Insider, Signed, answer, go, ok, url};
use crate::app::{self, sync};
use crate::domain::sync::SyncKind;
use crate::domain::tenant::Tenant;
use crate::kernel::id::SyncId;
use crate::views::desk::{self as view, Syncs, Tab, Turn};
use crate::web::state::WebState;

const PAGE: usize = 20;

#[derive(Deserialize)]
pub struct Address {
    before: Option<String>,
}

/// `GET /desk/companies/{id}/syncs?before=`
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let before = address.before.as_deref().and_then(SyncId::parse);
        Ok(ok(draw(&who, &state, &known, before.as_ref(), false).await?))
    };
    answer(page.await, &who.visit)
}

async fn draw(
    who: &Insider,
    state: &WebState,
    known: &Tenant,
    before: Option<&SyncId>,
    is_refused: bool,
) -> Result<String, app::Error> {
    let (runs, next) = sync::list(&state.app, &known.id, before, PAGE).await?;
    let path = format!("/desk/companies/{}/syncs", known.id);
    let turn = Turn {
        first: if before.is_some() { path.clone() } else { String::new() },
        next: next.map(|id| url(&path, &[("before", id.as_str())])).unwrap_or_default(),
    };
    let list = Syncs {
        nav: who.nav(&known.id, Tab::Syncs),
        title: &known.title,
        company: known.id.as_str(),
        url: &path,
        form_key: &who.form_key,
        timezone: known.timezone,
        now: state.app.now(),
        may_sync: who.login().role.may_sync(),
        is_refused,
        is_first: before.is_none(),
        rows: &runs,
        turn,
    };
    Ok(view::syncs(who.frame_at(&path), &list))
}

#[derive(Deserialize)]
pub struct Nothing {}

/// `POST /desk/companies/{id}/syncs`: one at a time; pressed again it leads to the one that runs.
pub async fn start(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Signed { insider: who, .. }: Signed<Nothing>,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        if !who.login().role.may_sync() {
            return Err(app::Error::Rejected("not_allowed"));
        }
        match sync::start(&state.app, &known.id, SyncKind::Records).await {
            Ok(_) => Ok(go(&format!("/desk/companies/{}/syncs", known.id), None)),
            Err(app::Error::Rejected("not_active")) => {
                Ok(refused(StatusCode::CONFLICT, draw(&who, &state, &known, None, true).await?))
            }
            Err(e) => Err(e),
        }
    };
    answer(page.await, &who.visit)
}
