//! Clients and bonuses for programs: the salon's desk, by its `api_key`, and the operator's.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::answer::Answer;
use super::caller::Caller;
use super::error;
use super::openapi::{COMPANY, Problem};
use super::state::{Visit, WebState};
use crate::app::bonuses::{self, Spend, Spender, Spent};
use crate::app::clients::{self, Client, Search};
use crate::app::unsettled::{self, Unmatched};
use crate::app::{self, books};
use crate::domain::books::Status;
use crate::domain::code::Code;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{ClientKey, PostingId, TenantId};
use crate::kernel::phone::Phone;
use crate::storage::books::BookRow;
use crate::storage::ledger::PostingRow;

/// Rows in an answer when nothing is said of it, and at most.
const PAGE: usize = 50;
const MOST: usize = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    code: Option<String>,
    phone: Option<String>,
    q: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Wanted {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE).clamp(1, MOST)
    }

    fn search(&self) -> Result<Search, app::Error> {
        match (&self.code, &self.phone, &self.q) {
            (Some(code), None, None) => {
                Code::parse(code).map(Search::Code).ok_or(app::Error::Rejected("bad_code"))
            }
            (None, Some(phone), None) => {
                Phone::parse(phone).map(Search::Phone).ok_or(app::Error::Rejected("bad_phone"))
            }
            (None, None, Some(text)) => Ok(Search::read(text)),
            (None, None, None) => Ok(Search::All),
            _ => Err(app::Error::Rejected("one_search_at_a_time")),
        }
    }

    fn after<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, app::Error> {
        match &self.after {
            Some(text) => parse(text).map(Some).ok_or(app::Error::Rejected("bad_cursor")),
            None => Ok(None),
        }
    }
}

/// By code, by phone, by what somebody typed, or all.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/clients",
    tag = "clients",
    summary = "Clients: by code, by phone, by what somebody typed, or all",
    params(("id" = String, Path, description = COMPANY), Wanted),
    responses(
        (status = 200, description = "With the operator's token without names and numbers", body = Value, example = json!({"clients":[{"id":"cli_01…","yclients_id":41,"code":"K7MX4HPR","name":"Анна","phone":"+79000000001","email":"","balance":50000,"spent_bonuses":0,"deleted_in_yclients":false,"created_at":1770000000000i64}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn index(State(state): State<WebState>, Query(wanted): Query<Wanted>, caller: Caller) -> Answer {
    let (search, after) = (wanted.search()?, wanted.after(ClientKey::parse)?);
    let page = (after.as_ref(), wanted.limit());
    let (list, next) = clients::list(&state.app, &caller.tenant, &search, caller.eye, page).await?;
    Ok(Json(json!({"clients": list.iter().map(client_json).collect::<Vec<_>>(), "next": next})))
}

#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/clients/{client_id}",
    tag = "clients",
    summary = "One client and their last records",
    params(("id" = String, Path, description = COMPANY), ("client_id" = String, Path, description = "cli_…")),
    responses(
        (status = 200, description = "As the desk sees them", body = Value, example = json!({"id":"cli_01…","yclients_id":41,"code":"K7MX4HPR","name":"Анна","phone":"+79000000001","email":"","balance":50000,"spent_bonuses":0,"deleted_in_yclients":false,"created_at":1770000000000i64,"records":[{"record_id":501,"starts_at":1770000000000i64,"status":"pending","price":350000,"minutes":60,"client_id":"cli_01…","matched":"code","cancelled_at":null}]})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn show(
    State(state): State<WebState>,
    Path((_, client)): Path<(String, String)>,
    caller: Caller,
) -> Answer {
    let client = ClientKey::parse(&client).ok_or(app::Error::NotFound)?;
    let (found, records) = clients::of(&state.app, &caller.tenant, &client, caller.eye).await?;
    let mut body = client_json(&found);
    body["records"] = records.iter().map(record_json).collect();
    Ok(Json(body))
}

/// The newest first.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/clients/{client_id}/ledger",
    tag = "clients",
    summary = "What bonuses came and went, the newest first",
    params(("id" = String, Path, description = COMPANY), ("client_id" = String, Path, description = "cli_…"), Wanted),
    responses(
        (status = 200, description = "The balance is their sum", body = Value, example = json!({"postings":[{"id":"pst_01…","kind":"accrual","amount":35000,"record_id":501,"at":1770000000000i64}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn ledger(
    State(state): State<WebState>,
    Path((_, client)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    caller: Caller,
) -> Answer {
    let client = ClientKey::parse(&client).ok_or(app::Error::NotFound)?;
    let before = wanted.after(PostingId::parse)?;
    let page = (before.as_ref(), wanted.limit());
    let (list, next) = bonuses::history(&state.app, &caller.tenant, &client, page).await?;
    Ok(Json(json!({"postings": list.iter().map(posting_json).collect::<Vec<_>>(), "next": next})))
}

/// Whose they are a person is to say.
#[utoipa::path(
    get,
    path = "/api/v1/companies/{id}/records/unmatched",
    tag = "clients",
    summary = "Records of which a person is to say whose they are",
    params(("id" = String, Path, description = COMPANY), Wanted),
    responses(
        (status = 200, description = "With the clients they may be of", body = Value, example = json!({"records":[{"record_id":501,"starts_at":1770000000000i64,"status":"pending","price":350000,"minutes":60,"client_id":"cli_01…","matched":"code","cancelled_at":null,"name":"Анна","phone":null,"candidates":[]}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn unmatched(
    State(state): State<WebState>,
    Query(wanted): Query<Wanted>,
    caller: Caller,
) -> Answer {
    let after = wanted.after(|text| text.parse().ok().map(RecordId))?;
    let page = (after, wanted.limit());
    let (list, next) = unsettled::list(&state.app, &caller.tenant, caller.eye, page).await?;
    let list: Vec<_> = list.iter().map(unmatched_json).collect();
    Ok(Json(json!({"records": list, "next": next.map(|id| id.to_string())})))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Owner {
    client_id: String,
}

#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/records/{record_id}/client",
    tag = "clients",
    summary = "Whose a record is",
    params(("id" = String, Path, description = COMPANY), ("record_id" = i64, Path, description = "The record's number in YClients")),
    request_body(content = Owner),
    responses(
        (status = 200, description = "Kept anew, bonuses and all", body = Value, example = json!({"record_id":501,"client_id":"cli_01…","matched":"person"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn settle(
    State(state): State<WebState>,
    Path((_, record)): Path<(String, String)>,
    caller: Caller,
    body: Bytes,
) -> Answer {
    let record = RecordId(record.parse().map_err(|_| app::Error::NotFound)?);
    let owner: Owner = serde_json::from_slice(&body).map_err(|_| app::Error::Rejected("bad_body"))?;
    let client = ClientKey::parse(&owner.client_id).ok_or(app::Error::Rejected("unknown_client"))?;
    books::settle(&state.app, &caller.tenant, record, &client).await?;
    Ok(Json(json!({"record_id": record, "client_id": client, "matched": "person"})))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SpendBody {
    code: Option<String>,
    /// Kopecks.
    amount: i64,
    record_id: Option<i64>,
    idempotency_key: String,
}

impl SpendBody {
    fn read(body: &Bytes) -> Result<Self, app::Error> {
        serde_json::from_slice(body).map_err(|_| app::Error::Rejected("bad_body"))
    }

    fn wish(self, who: Spender) -> Spend {
        Spend { who, amount: self.amount, record: self.record_id.map(RecordId), key: self.idempotency_key }
    }
}

#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/clients/{client_id}/spend",
    tag = "clients",
    summary = "Spends a client's bonuses",
    params(("id" = String, Path, description = COMPANY), ("client_id" = String, Path, description = "cli_…")),
    request_body(content = SpendBody),
    responses(
        (status = 200, description = "Once for each idempotency key", body = Value, example = json!({"posting_id":"pst_01…","client_id":"cli_01…","amount":10000,"balance":40000,"replayed":false})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn spend(
    State(state): State<WebState>,
    Path((_, client)): Path<(String, String)>,
    caller: Caller,
    visit: Visit,
    body: Bytes,
) -> Answer<Response> {
    let body = SpendBody::read(&body)?;
    if body.code.is_some() {
        return Err(app::Error::Rejected("bad_body").into());
    }
    let client = ClientKey::parse(&client).ok_or(app::Error::NotFound)?;
    take(&state, &caller.tenant, &visit, &body.wish(Spender::Client(client))).await
}

#[utoipa::path(
    post,
    path = "/api/v1/companies/{id}/bonuses/spend",
    tag = "clients",
    summary = "Spends the bonuses of whoever has this code",
    params(("id" = String, Path, description = COMPANY)),
    request_body(content = SpendBody),
    responses(
        (status = 200, description = "Once for each idempotency key", body = Value, example = json!({"posting_id":"pst_01…","client_id":"cli_01…","amount":10000,"balance":40000,"replayed":false})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn spend_by_code(
    State(state): State<WebState>,
    caller: Caller,
    visit: Visit,
    body: Bytes,
) -> Answer<Response> {
    let body = SpendBody::read(&body)?;
    let code = body.code.as_deref().ok_or(app::Error::Rejected("bad_body"))?;
    let code = Code::parse(code).ok_or(app::Error::Rejected("unknown_code"))?;
    take(&state, &caller.tenant, &visit, &body.wish(Spender::Code(code))).await
}

async fn take(state: &WebState, tenant: &TenantId, visit: &Visit, wish: &Spend) -> Answer<Response> {
    let refuse =
        |code, detail: Value| error::problem_with(StatusCode::CONFLICT, code, &visit.request_id, &detail);
    Ok(match bonuses::spend(&state.app, tenant, wish).await? {
        Spent::Done { posting, client, amount, balance, is_replay } => Json(json!({
            "posting_id": posting, "client_id": client, "amount": amount, "balance": balance, "replayed": is_replay,
        }))
        .into_response(),
        Spent::Overdraft { balance } => refuse("not_enough_bonuses", json!({"balance": balance})),
        Spent::TooMuchOfVisit { most } => refuse("too_much_of_visit", json!({"most": most})),
    })
}

fn client_json(client: &Client) -> Value {
    json!({
        "id": client.id,
        "yclients_id": client.card,
        "code": client.code,
        "name": client.name,
        "phone": client.phone,
        "email": client.email,
        "balance": client.balance,
        "spent_bonuses": client.spent,
        "deleted_in_yclients": client.is_gone,
        "created_at": client.created_at,
    })
}

fn record_json(row: &BookRow) -> Value {
    json!({
        "record_id": row.id,
        "starts_at": row.starts_at,
        "status": row.status.map(Status::as_str),
        "price": row.price,
        "minutes": row.minutes,
        "client_id": row.client,
        "matched": row.matched,
        "cancelled_at": row.cancelled_at,
    })
}

fn unmatched_json(unmatched: &Unmatched) -> Value {
    let mut body = record_json(&unmatched.record);
    body["name"] = json!(unmatched.name);
    body["phone"] = json!(unmatched.phone);
    body["candidates"] = unmatched.candidates.iter().map(|(client, _)| client_json(client)).collect();
    body
}

fn posting_json(row: &PostingRow) -> Value {
    json!({
        "id": row.id,
        "kind": row.kind.as_str(),
        "amount": row.change,
        "record_id": row.record,
        "at": row.posted_at,
    })
}
