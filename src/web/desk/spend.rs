//! Spending a client's bonuses: first what will happen and to whom, then, once, that it happens.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::clients::{Seen, Shown, draw, draw_list, refused};
use super::{Insider, Signed, answer, go, ok};
use crate::app::bonuses::{self, Spend, Spender, Spent};
use crate::app::{self, clients};
use crate::domain::amount;
use crate::domain::books::Status;
use crate::domain::code::Code;
use crate::domain::tenant::Tenant;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::ClientKey;
use crate::kernel::secret::random_hex;
use crate::storage::books::BookRow;
use crate::views::desk::{self as view, ClientsFault, CodeForm, Confirm, SpendFault, Tab};
use crate::web::state::WebState;

/// The company, for somebody who has clients before them.
async fn company(who: &Insider, state: &WebState, id: &str) -> Result<Tenant, app::Error> {
    let known = who.company(state, id).await?;
    if who.login().role.serves_clients() { Ok(known) } else { Err(app::Error::Rejected("not_allowed")) }
}

fn record(text: &str) -> Result<Option<RecordId>, app::Error> {
    match text {
        "" => Ok(None),
        text => Ok(Some(RecordId(text.parse().map_err(|_| app::Error::Rejected("bad_form"))?))),
    }
}

#[derive(Deserialize)]
pub struct Wish {
    /// Whom the desk has before it, or else their code.
    #[serde(default)]
    client: String,
    #[serde(default)]
    code: String,
    amount: String,
    #[serde(default)]
    record: String,
}

/// `POST /desk/companies/{id}/spend`: asks whether it is meant. Spends nothing.
pub async fn ask(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Signed { insider: who, form }: Signed<Wish>,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let record = record(&form.record)?;
        let Some(client) = client_of(&state, &known, &form).await? else {
            let typed = CodeForm { code: &form.code, amount: &form.amount };
            let shown = Shown { fault: Some(ClientsFault::UnknownCode), typed, ..Shown::default() };
            let html = draw_list(&who, &state, &known, shown).await?;
            return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, html));
        };
        let (found, records) = clients::of(&state.app, &known.id, &client, who.login().role.eye()).await?;
        let kopecks = amount::parse(&form.amount);
        if let Some(fault) = foreseen(kopecks, found.balance, record, &records) {
            let seen = Seen { amount: &form.amount, record, fault: Some(fault), ..Seen::default() };
            let html = draw(&who, &state, &known, &client, seen).await?;
            return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, html));
        }
        let company = format!("/desk/companies/{}", known.id);
        let starts_at = |id| records.iter().find(|row| row.id == id).and_then(|row| row.starts_at);
        let it = Confirm {
            nav: who.nav(&known.id, Tab::Clients),
            title: &known.title,
            url: &company,
            form_key: &who.form_key,
            once: &random_hex(16),
            timezone: known.timezone,
            now: state.app.now(),
            id: client.as_str(),
            name: &found.name,
            phone: &found.phone,
            code: found.code.as_deref().unwrap_or_default(),
            amount: kopecks.unwrap_or_default(),
            balance: found.balance,
            visit: record.map(|id| (id.0, starts_at(id))),
        };
        Ok(ok(view::confirm(who.frame_at(&format!("{company}/clients/{client}")), &it)))
    };
    answer(page.await, &who.visit)
}

/// Who is meant; `None` for a code that is nobody's here.
async fn client_of(state: &WebState, known: &Tenant, form: &Wish) -> Result<Option<ClientKey>, app::Error> {
    if !form.client.is_empty() {
        return Ok(Some(ClientKey::parse(&form.client).ok_or(app::Error::NotFound)?));
    }
    match Code::parse(&form.code) {
        Some(code) => clients::by_code(&state.app, &known.id, &code).await,
        None => Ok(None),
    }
}

/// What would be refused is said before it is asked for. Whoever comes in between is met by the use case itself.
fn foreseen(
    kopecks: Option<i64>,
    balance: i64,
    record: Option<RecordId>,
    records: &[BookRow],
) -> Option<SpendFault> {
    let Some(kopecks) = kopecks else { return Some(SpendFault::BadAmount) };
    if kopecks > balance {
        return Some(SpendFault::NotEnough(balance));
    }
    match record.map(|id| records.iter().find(|row| row.id == id)) {
        Some(None) => Some(SpendFault::UnknownVisit),
        Some(Some(row)) if row.status == Some(Status::Cancelled) => Some(SpendFault::VisitCancelled),
        _ => None,
    }
}

#[derive(Deserialize)]
pub struct Confirmed {
    client: String,
    /// Kopecks.
    amount: i64,
    #[serde(default)]
    record: String,
    once: String,
}

/// `POST /desk/companies/{id}/spend/confirm`: spends, once for each page that asked.
pub async fn confirm(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Signed { insider: who, form }: Signed<Confirmed>,
) -> Response {
    let page = async {
        let known = company(&who, &state, &id).await?;
        let client = ClientKey::parse(&form.client).ok_or(app::Error::NotFound)?;
        let record = record(&form.record)?;
        let key = format!("desk:{}", form.once);
        let wish = Spend { who: Spender::Client(client.clone()), amount: form.amount, record, key };
        let fault = match bonuses::spend(&state.app, &known.id, &wish).await {
            Ok(Spent::Done { posting, .. }) => {
                let to = format!("/desk/companies/{}/clients/{client}?spent={posting}", known.id);
                return Ok(go(&to, None));
            }
            Ok(Spent::Overdraft { balance }) => SpendFault::NotEnough(balance),
            Ok(Spent::TooMuchOfVisit { most }) => SpendFault::TooMuchOfVisit(most),
            Err(app::Error::Rejected("visit_cancelled")) => SpendFault::VisitCancelled,
            Err(app::Error::Rejected("unknown_record")) => SpendFault::UnknownVisit,
            Err(app::Error::Rejected("key_was_used")) => SpendFault::Used,
            Err(e) => return Err(e),
        };
        let seen = Seen { record, fault: Some(fault), ..Seen::default() };
        Ok(refused(StatusCode::CONFLICT, draw(&who, &state, &known, &client, seen).await?))
    };
    answer(page.await, &who.visit)
}
