//! What a client's program asks once it is signed in: who they are, what they have booked, where to book.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::problem;
use super::signed_in::SignedIn;
use crate::app::client_pages::{self, OwnRecord, Way, local_text};
use crate::app::desk::VisitCursor;
use crate::app::{self, booking_form};
use crate::domain::tenant::Tenant;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{RecordId, ServiceId, StaffId};
use crate::kernel::id::TenantId;
use crate::web::openapi::Problem;
use crate::web::state::{Visit, WebState};

/// Records in an answer when nothing is said of it, and at most.
const PAGE: usize = 20;
const MOST: usize = 100;

fn answer(result: Result<Value, app::Error>, visit: &Visit) -> Response {
    match result {
        Ok(body) => Json(body).into_response(),
        Err(e) => problem(&e, visit),
    }
}

fn salon_json(salon: &Tenant) -> Value {
    json!({
        "id": salon.id, "title": salon.title, "address": salon.address, "timezone": salon.timezone.name(),
    })
}

/// Amounts in kopecks.
#[utoipa::path(
    get,
    path = "/api/v1/profile",
    tag = "client",
    summary = "Who the client is: code, balance and salon",
    responses(
        (status = 200, description = "Amounts in kopecks", body = Value, example = json!({"id":"cli_01…","name":"Анна","phone":"+79000000001","email":"","unique_code":"K7MX4HPR","balance":50000,"spent_bonuses":0,"salon":{"id":"tnt_01…","title":"Ирис","address":"Москва, Тверская 1","timezone":"Europe/Moscow"}})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn profile(State(state): State<WebState>, who: SignedIn, visit: Visit) -> Response {
    let result = async {
        let it = client_pages::profile(&state.app, &who.sitting).await?;
        Ok(json!({
            "id": it.client.id,
            "name": it.client.name,
            "phone": it.client.phone,
            "email": it.client.email,
            "unique_code": it.client.code,
            "balance": it.client.balance,
            "spent_bonuses": it.client.spent,
            "salon": salon_json(&it.salon),
        }))
    };
    answer(result.await, &visit)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    #[serde(default)]
    upcoming_only: bool,
    /// `next` of the page before.
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Of those ahead the nearest first; of all the latest.
#[utoipa::path(
    get,
    path = "/api/v1/booking",
    tag = "client",
    summary = "The client's own records",
    params(Wanted),
    responses(
        (status = 200, description = "Of those ahead the nearest first; of all the latest", body = Value, example = json!({"bookings":[{"record_id":501,"source":"yclients","status":"pending","starts_at":"2026-03-14T15:00:00+03:00","timezone":"Europe/Moscow","minutes":60,"services":[{"id":1,"title":"Стрижка","price":350000}],"master":{"id":7,"name":"Ольга"},"price":350000,"salon":{"id":"tnt_01…","title":"Ирис","address":"Москва, Тверская 1","timezone":"Europe/Moscow"}}],"next":null})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn bookings(
    State(state): State<WebState>,
    who: SignedIn,
    Query(wanted): Query<Wanted>,
    visit: Visit,
) -> Response {
    let result = async {
        let salon = app::desk::tenant(&state.app, &who.sitting.tenant).await?;
        let way = if wanted.upcoming_only { Way::Ahead } else { Way::Behind };
        let after = match &wanted.cursor {
            Some(text) => Some(cursor(text).ok_or(app::Error::Rejected("bad_cursor"))?),
            None => None,
        };
        let limit = wanted.limit.unwrap_or(PAGE).clamp(1, MOST);
        let (list, next) = client_pages::records(&state.app, &who.sitting, way, after, limit).await?;
        Ok(json!({
            "bookings": list.iter().map(|record| record_json(record, &salon)).collect::<Vec<_>>(),
            "next": next.map(cursor_text),
        }))
    };
    answer(result.await, &visit)
}

pub(super) fn cursor(text: &str) -> Option<VisitCursor> {
    let (at, record) = text.split_once('.')?;
    Some((UnixMs(at.parse().ok()?), RecordId(record.parse().ok()?)))
}

pub(super) fn cursor_text((at, record): VisitCursor) -> String {
    format!("{}.{record}", at.0)
}

fn record_json(record: &OwnRecord, salon: &Tenant) -> Value {
    let services: Vec<_> = record
        .services
        .iter()
        .map(|line| json!({"id": line.id, "title": line.title, "price": line.cost}))
        .collect();
    json!({
        "record_id": record.id,
        "source": "yclients",
        "status": record.status.as_str(),
        "starts_at": local_text(record.starts_at, salon),
        "timezone": salon.timezone.name(),
        "minutes": record.minutes,
        "services": services,
        "master": record.master.as_ref().map(|master| json!({"id": master.id, "name": master.name})),
        "price": record.price,
        "salon": salon_json(salon),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Chosen {
    staff_id: Option<i64>,
    /// Of whoever is not signed in; else it is the client's own salon.
    company_id: Option<String>,
}

/// The salon is the client's own; whoever is not signed in says which.
#[utoipa::path(
    get,
    path = "/api/v1/yclients/widget-url/{service_id}",
    tag = "client",
    summary = "The salon's booking form with a service chosen",
    params(("service_id" = i64, Path, description = "The service's number in YClients"), Chosen),
    responses(
        (status = 200, description = "`service_not_linked` (404) and `yclients_unreachable` (503) say what it is in `detail`", body = Value, example = json!({"widget_url":"https://n1.yclients.ru/company/990101/personal/menu?o=s1","service_id":1,"service_name":"Стрижка"})),
        (status = "default", description = "Refused", body = Problem, content_type = "application/problem+json")
    ),
    security(("key" = []))
)]
pub async fn widget_url(
    State(state): State<WebState>,
    who: Option<SignedIn>,
    Path(service): Path<String>,
    Query(chosen): Query<Chosen>,
    visit: Visit,
) -> Response {
    let result = async {
        let tenant = match (&chosen.company_id, who) {
            (Some(id), _) => TenantId::parse(id).ok_or(app::Error::NotFound)?,
            (None, Some(who)) => who.sitting.tenant,
            (None, None) => return Err(app::Error::Rejected("company_id_missing")),
        };
        let service = ServiceId(service.parse().map_err(|_| app::Error::Rejected("service_not_linked"))?);
        let staff = chosen.staff_id.map(StaffId);
        let widget = booking_form::widget(&state.app, &tenant, service, staff).await?;
        Ok(json!({
            "widget_url": widget.url, "service_id": widget.service, "service_name": widget.title,
        }))
    };
    answer(result.await, &visit)
}
