//! Records of which nobody knows whose they are.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::clients::refused;
use super::{Insider, Signed, answer, go, ok, url};
use crate::app;
use crate::app::unsettled::{self, Whose};
use crate::domain::code::Code;
use crate::domain::tenant::Tenant;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::ClientKey;
use crate::views::desk::{self as view, CandidateLine, Tab, Turn, Unmatched, UnmatchedFault, UnmatchedLine};
use crate::web::state::WebState;

const PAGE: usize = 20;

#[derive(Deserialize)]
pub struct Address {
    after: Option<i64>,
}

/// `GET /desk/companies/{id}/unmatched?after=`
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        Ok(ok(draw(&who, &state, &known, address.after.map(RecordId), None).await?))
    };
    answer(page.await, &who.visit)
}

async fn draw(
    who: &Insider,
    state: &WebState,
    known: &Tenant,
    after: Option<RecordId>,
    fault: Option<UnmatchedFault>,
) -> Result<String, app::Error> {
    let role = who.login().role;
    let (found, next) = unsettled::list(&state.app, &known.id, role.eye(), (after, PAGE)).await?;
    let rows: Vec<_> = found.into_iter().map(line).collect();
    let company = format!("/desk/companies/{}", known.id);
    let path = format!("{company}/unmatched");
    let turn = Turn {
        first: if after.is_some() { path.clone() } else { String::new() },
        next: next.map(|id| url(&path, &[("after", &id.to_string())])).unwrap_or_default(),
    };
    let list = Unmatched {
        nav: who.nav(&known.id, Tab::Clients),
        title: &known.title,
        url: &company,
        form_key: &who.form_key,
        timezone: known.timezone,
        now: state.app.now(),
        may_settle: role.serves_clients(),
        fault,
        rows: &rows,
        turn,
    };
    Ok(view::unmatched(who.frame_at(&path), &list))
}

fn line(unmatched: unsettled::Unmatched) -> UnmatchedLine {
    let candidate = |(client, named_by): (app::clients::Client, _)| CandidateLine {
        name: client.name,
        phone: client.phone,
        code: client.code.unwrap_or_default(),
        balance: client.balance,
        named_by,
    };
    UnmatchedLine {
        record: unmatched.record.id.0,
        starts_at: unmatched.record.starts_at,
        name: unmatched.name,
        phone: unmatched.phone,
        services: unmatched.services,
        price: unmatched.record.price,
        candidates: unmatched.candidates.into_iter().map(candidate).collect(),
        more: unmatched.more,
    }
}

#[derive(Deserialize)]
pub struct Answer {
    #[serde(default)]
    whose: String,
    #[serde(default)]
    code: String,
}

impl Answer {
    fn read(&self, record: RecordId) -> Result<Whose, UnmatchedFault> {
        match self.whose.as_str() {
            "new" => Ok(Whose::New),
            "nobody" => Ok(Whose::Nobody),
            "code" => Code::parse(&self.code).map(Whose::Coded).ok_or(UnmatchedFault::UnknownCode(record.0)),
            id => ClientKey::parse(id).map(Whose::Known).ok_or(UnmatchedFault::Nothing(record.0)),
        }
    }
}

/// Where a page begins that shows this record first.
fn before(record: RecordId) -> Option<RecordId> {
    Some(RecordId(record.0.saturating_sub(1)))
}

/// `POST /desk/companies/{id}/unmatched/{record_id}`. Where somebody was quicker it leads back to what is left.
pub async fn settle(
    State(state): State<WebState>,
    Path((id, record)): Path<(String, String)>,
    Signed { insider: who, form }: Signed<Answer>,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        if !who.login().role.serves_clients() {
            return Err(app::Error::Rejected("not_allowed"));
        }
        let record = RecordId(record.parse().map_err(|_| app::Error::NotFound)?);
        let settled = match form.read(record) {
            Ok(whose) => unsettled::settle(&state.app, &known.id, record, &whose).await,
            Err(fault) => {
                let html = draw(&who, &state, &known, before(record), Some(fault)).await?;
                return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, html));
            }
        };
        match settled {
            Ok(()) | Err(app::Error::Rejected("already_settled")) => {
                Ok(go(&format!("/desk/companies/{}/unmatched", known.id), None))
            }
            Err(app::Error::Rejected("unknown_code")) => {
                let fault = Some(UnmatchedFault::UnknownCode(record.0));
                let html = draw(&who, &state, &known, before(record), fault).await?;
                Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, html))
            }
            Err(e) => Err(e),
        }
    };
    answer(page.await, &who.visit)
}
