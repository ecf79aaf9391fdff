//! The sync for programs: start it by hand, see how far it is, turn the pages of its log.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{admit, of_key};
use super::error;
use super::state::{Visit, WebState};
use crate::app::sync::said;
use crate::app::{self, sync};
use crate::domain::sync::SyncKind;
use crate::kernel::id::SyncId;

/// Runs in an answer when nothing is said of it, and at most.
const PAGE: usize = 20;
const MOST: usize = 200;

fn answer(status: StatusCode, result: Result<Value, app::Error>, visit: &Visit) -> Response {
    match result {
        Ok(body) => (status, Json(body)).into_response(),
        Err(e) => error::problem(&e, &visit.request_id),
    }
}

/// What may be said with a wish. An empty body is none.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    company_id: Option<String>,
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

#[derive(Deserialize)]
pub struct Whose {
    company_id: Option<String>,
}

/// `POST /api/v1/yclients/sync-bookings`: the address our founding document has. `company_id` stands in the body or in the query;
/// without it the company is the one whose key it is.
pub async fn start_bookings(
    State(state): State<WebState>,
    Query(whose): Query<Whose>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let result = async {
        let wish = Wish::read(&body)?;
        let id = match wish.company_id.or(whose.company_id) {
            Some(id) => id,
            None => of_key(&state, &headers).await?.ok_or(app::Error::Rejected("no_company"))?.to_string(),
        };
        start(&state, &id, SyncKind::Records, &headers).await
    };
    answer(StatusCode::ACCEPTED, result.await, &visit)
}

/// `POST /api/v1/companies/{id}/syncs` `{"kind": "records" | "catalog"}`
pub async fn begin(
    State(state): State<WebState>,
    Path(id): Path<String>,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let result = async {
        let wish = Wish::read(&body)?;
        start(&state, &id, wish.kind()?, &headers).await
    };
    answer(StatusCode::ACCEPTED, result.await, &visit)
}

async fn start(state: &WebState, id: &str, kind: SyncKind, headers: &HeaderMap) -> Result<Value, app::Error> {
    let tenant = admit(state, id, headers).await?;
    let run = sync::start(&state.app, &tenant, kind).await?;
    let mut body = said::json(&run);
    body["url"] = json!(format!("/api/v1/companies/{tenant}/syncs/{}", run.id));
    Ok(body)
}

/// `GET /api/v1/companies/{id}/syncs/{sync_id}`
pub async fn show(
    State(state): State<WebState>,
    Path((id, run)): Path<(String, String)>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        let run = SyncId::parse(&run).ok_or(app::Error::NotFound)?;
        Ok(said::json(&sync::find(&state.app, &tenant, &run).await?))
    };
    answer(StatusCode::OK, result.await, &visit)
}

#[derive(Deserialize)]
pub struct Turn {
    before: Option<String>,
    limit: Option<usize>,
}

/// `GET /api/v1/companies/{id}/syncs?before=&limit=`: the newest first.
pub async fn list(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(turn): Query<Turn>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let result = async {
        let tenant = admit(&state, &id, &headers).await?;
        let before = match &turn.before {
            Some(text) => Some(SyncId::parse(text).ok_or(app::Error::Rejected("bad_cursor"))?),
            None => None,
        };
        let limit = turn.limit.unwrap_or(PAGE).clamp(1, MOST);
        let (runs, next) = sync::list(&state.app, &tenant, before.as_ref(), limit).await?;
        Ok(json!({"syncs": runs.iter().map(said::json).collect::<Vec<_>>(), "next": next}))
    };
    answer(StatusCode::OK, result.await, &visit)
}
