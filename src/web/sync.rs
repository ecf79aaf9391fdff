//! The sync for programs: start it by hand, see how far it is, turn the pages of its log.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::caller::{Caller, of_key};
use super::openapi::{COMPANY, Problem};
use super::state::WebState;
use crate::app::sync::said;
use crate::app::{self, sync};
use crate::domain::sync::SyncKind;
use crate::kernel::id::{SyncId, TenantId};

/// Runs in an answer when nothing is said of it, and at most.
const PAGE: usize = 20;
const MOST: usize = 200;

/// What may be said with a wish. An empty body is none.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    company_id: Option<String>,
    /// `records` or `catalog`.
    kind: Option<String>,
}

impl Wish {
    fn read(body: &Bytes) -> Result<Self, app::Error> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|_| app::Error::Rejected("bad_request"))
    }

    fn kind(&self) -> Result<SyncKind, app::Error> {
        let kind = self.kind.as_deref().map_or(Some(SyncKind::Records), SyncKind::parse);
        kind.ok_or(app::Error::Rejected("bad_kind"))
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    company_id: Option<String>,
}

/// The address our founding document has. `company_id` stands in the body or in the query; without it the company is the one whose
/// key it is.
#[utoipa::path(
    post,
    path = "/api/v1/yclients/sync-bookings",
    tag = "sync",
    summary = "Has the journal read now, one at a time for a company",
    params(Whose),
    request_body(content = Wish),
    responses(
        (status = 202, description = "Begun, or going on already; `url` tells how far it is", body = Value, example = json!({"sync_id":"syn_01…","kind":"records","state":"done","by_hand":true,"scope":{},"created":3,"updated":1,"unchanged":210,"cancelled":0,"healed":1,"skipped":0,"skipped_why":{},"failed":0,"own_ms":420,"attempts":1,"error":null,"asked_at":1770000000000i64,"began_at":1770000000000i64,"moved_at":1770000000000i64,"finished_at":1770000000000i64,"url":"/api/v1/companies/tnt_01…/syncs/syn_01…"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn start_bookings(
    State(state): State<WebState>,
    Query(whose): Query<Whose>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<(StatusCode, Json<Value>)> {
    let wish = Wish::read(&body)?;
    let id = match wish.company_id.or(whose.company_id) {
        Some(id) => id,
        None => of_key(&state, &headers).await?.ok_or(app::Error::Rejected("no_company"))?.to_string(),
    };
    let caller = Caller::of(&state, &id, &headers).await?;
    start(&state, &caller.tenant, SyncKind::Records).await
}

#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/syncs",
    tag = "sync",
    summary = "Has the journal or the catalogue read now",
    params(("id" = String, Path, description = COMPANY)),
    request_body(content = Wish),
    responses(
        (status = 202, description = "Begun, or going on already; `url` tells how far it is", body = Value, example = json!({"sync_id":"syn_01…","kind":"records","state":"done","by_hand":true,"scope":{},"created":3,"updated":1,"unchanged":210,"cancelled":0,"healed":1,"skipped":0,"skipped_why":{},"failed":0,"own_ms":420,"attempts":1,"error":null,"asked_at":1770000000000i64,"began_at":1770000000000i64,"moved_at":1770000000000i64,"finished_at":1770000000000i64,"url":"/api/v1/companies/tnt_01…/syncs/syn_01…"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn begin(
    State(state): State<WebState>,
    caller: Caller,
    body: Bytes,
) -> Answer<(StatusCode, Json<Value>)> {
    let kind = Wish::read(&body)?.kind()?;
    start(&state, &caller.tenant, kind).await
}

async fn start(state: &WebState, tenant: &TenantId, kind: SyncKind) -> Answer<(StatusCode, Json<Value>)> {
    let run = sync::start(&state.app, tenant, kind).await?;
    let mut body = said::json(&run);
    body["url"] = json!(format!("/api/v1/companies/{tenant}/syncs/{}", run.id));
    Ok((StatusCode::ACCEPTED, Json(body)))
}

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/syncs/{sync_id}",
    tag = "sync",
    summary = "How far a run is, and what came of it",
    params(("id" = String, Path, description = COMPANY), ("sync_id" = String, Path, description = "syn_…")),
    responses(
        (status = 200, description = "`finished_at` is null while it goes on", body = Value, example = json!({"sync_id":"syn_01…","kind":"records","state":"done","by_hand":true,"scope":{},"created":3,"updated":1,"unchanged":210,"cancelled":0,"healed":1,"skipped":0,"skipped_why":{},"failed":0,"own_ms":420,"attempts":1,"error":null,"asked_at":1770000000000i64,"began_at":1770000000000i64,"moved_at":1770000000000i64,"finished_at":1770000000000i64})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<WebState>,
    Path((_, run)): Path<(String, String)>,
    caller: Caller,
) -> Answer {
    let run = SyncId::parse(&run).ok_or(app::Error::NotFound)?;
    Ok(Json(said::json(&sync::find(&state.app, &caller.tenant, &run).await?)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Turn {
    before: Option<String>,
    limit: Option<usize>,
}

/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/syncs",
    tag = "sync",
    summary = "The log, the newest first",
    params(("id" = String, Path, description = COMPANY), Turn),
    responses(
        (status = 200, description = "A page of it", body = Value, example = json!({"syncs":[{"sync_id":"syn_01…","kind":"records","state":"done","by_hand":true,"scope":{},"created":3,"updated":1,"unchanged":210,"cancelled":0,"healed":1,"skipped":0,"skipped_why":{},"failed":0,"own_ms":420,"attempts":1,"error":null,"asked_at":1770000000000i64,"began_at":1770000000000i64,"moved_at":1770000000000i64,"finished_at":1770000000000i64}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn list(State(state): State<WebState>, Query(turn): Query<Turn>, caller: Caller) -> Answer {
    let before = match &turn.before {
        Some(text) => Some(SyncId::parse(text).ok_or(app::Error::Rejected("bad_cursor"))?),
        None => None,
    };
    let limit = turn.limit.unwrap_or(PAGE).clamp(1, MOST);
    let (runs, next) = sync::list(&state.app, &caller.tenant, before.as_ref(), limit).await?;
    Ok(Json(json!({"syncs": runs.iter().map(said::json).collect::<Vec<_>>(), "next": next})))
}
