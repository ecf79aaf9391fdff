//! One company's clients, and one client.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use super::{Insider, answer, ok, url};
use crate::app;
use crate::app::bonuses;
use crate::app::clients::{self, Client, Search};
use crate::domain::bonus::Kind;
use crate::domain::tenant::Tenant;
use crate::domain::timeline::Eye;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{ClientKey, PostingId};
use crate::views::desk::{
    self as view, ClientLine, ClientPage, Clients, ClientsFault, CodeForm, Posting, SpendFault, SpendForm,
    Tab, Turn, VisitLine,
};
use crate::web::state::WebState;

const PAGE: usize = 30;
/// Postings beside a client.
const LEDGER: usize = 20;
const LONGEST_SEARCH: usize = 80;

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    q: String,
    after: Option<String>,
}

/// What the list shows beside the clients.
#[derive(Default)]
pub(super) struct Shown<'a> {
    pub text: &'a str,
    pub after: Option<ClientKey>,
    pub fault: Option<ClientsFault>,
    pub typed: CodeForm<'a>,
}

/// `GET /desk/companies/{id}/clients?q=&after=`: by code, by phone, by the beginning of a name, or all.
pub async fn index(
    State(state): State<WebState>,
    Path(id): Path<String>,
    Query(address): Query<Address>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let text: String = address.q.chars().take(LONGEST_SEARCH).collect();
        let after = address.after.as_deref().and_then(ClientKey::parse);
        Ok(ok(draw_list(&who, &state, &known, Shown { text: &text, after, ..Shown::default() }).await?))
    };
    answer(page.await, &who.visit)
}

pub(super) async fn draw_list(
    who: &Insider,
    state: &WebState,
    known: &Tenant,
    shown: Shown<'_>,
) -> Result<String, app::Error> {
    let (role, app) = (who.login().role, &state.app);
    let search = Search::read(shown.text);
    let found = clients::list(app, &known.id, &search, role.eye(), (shown.after.as_ref(), PAGE)).await;
    let ((found, next), fault) = match found {
        Ok(page) => (page, shown.fault),
        Err(app::Error::Rejected("search_too_short")) => {
            ((Vec::new(), None), Some(ClientsFault::SearchTooShort))
        }
        Err(app::Error::Rejected("not_allowed")) => ((Vec::new(), None), Some(ClientsFault::NamesNotAllowed)),
        Err(e) => return Err(e),
    };
    let visits = clients::last_visits(app, &known.id, &found).await?;
    let line = |client: Client| ClientLine {
        last_visit: visits.get(&client.id).copied(),
        id: client.id.to_string(),
        name: client.name,
        phone: client.phone,
        code: client.code.unwrap_or_default(),
        balance: client.balance,
        is_gone: client.is_gone,
    };
    let rows: Vec<_> = found.into_iter().map(line).collect();
    let company = format!("/desk/companies/{}", known.id);
    let path = format!("{company}/clients");
    let turn = Turn {
        first: if shown.after.is_some() { url(&path, &[("q", shown.text)]) } else { String::new() },
        next: next.map(|id| url(&path, &[("q", shown.text), ("after", id.as_str())])).unwrap_or_default(),
    };
    let list = Clients {
        nav: who.nav(&known.id, Tab::Clients),
        title: &known.title,
        url: &company,
        form_key: &who.form_key,
        timezone: known.timezone,
        now: app.now(),
        text: shown.text,
        has_names: role.eye() == Eye::Salon,
        spend: role.serves_clients().then_some(shown.typed),
        fault,
        programme: &clients::programme_of(app, &known.id).await?,
        rows: &rows,
        turn,
    };
    Ok(view::clients(who.frame_at(&url(&path, &[("q", shown.text)])), &list))
}

#[derive(Deserialize)]
pub struct Place {
    spent: Option<String>,
    before: Option<String>,
}

/// `GET /desk/companies/{id}/clients/{client_id}?before=`
pub async fn show(
    State(state): State<WebState>,
    Path((id, client)): Path<(String, String)>,
    Query(place): Query<Place>,
    who: Insider,
) -> Response {
    let page = async {
        let known = who.company(&state, &id).await?;
        let client = ClientKey::parse(&client).ok_or(app::Error::NotFound)?;
        let seen = Seen {
            spent: place.spent.as_deref().and_then(PostingId::parse),
            before: place.before.as_deref().and_then(PostingId::parse),
            ..Seen::default()
        };
        Ok(ok(draw(&who, &state, &known, &client, seen).await?))
    };
    answer(page.await, &who.visit)
}

/// What one client's page shows beside them.
#[derive(Default)]
pub(super) struct Seen<'a> {
    pub spent: Option<PostingId>,
    pub before: Option<PostingId>,
    pub amount: &'a str,
    pub record: Option<RecordId>,
    pub fault: Option<SpendFault>,
}

pub(super) async fn draw(
    who: &Insider,
    state: &WebState,
    known: &Tenant,
    id: &ClientKey,
    seen: Seen<'_>,
) -> Result<String, app::Error> {
    let (role, app) = (who.login().role, &state.app);
    let (client, records) = clients::of(app, &known.id, id, role.eye()).await?;
    let page = (seen.before.as_ref(), LEDGER);
    let (postings, next) = bonuses::history(app, &known.id, id, page).await?;
    let is_said = |posting: &&crate::storage::ledger::PostingRow| {
        posting.kind == Kind::Spend && Some(&posting.id) == seen.spent.as_ref()
    };
    let just_spent = postings.iter().find(is_said).map(|posting| -posting.change);
    let postings: Vec<_> = postings
        .into_iter()
        .map(|row| Posting {
            id: row.id.to_string(),
            at: row.posted_at,
            kind: row.kind,
            change: row.change,
            record: row.record.map(|record| record.0),
        })
        .collect();
    let visits: Vec<_> = records
        .into_iter()
        .map(|row| VisitLine { id: row.id.0, starts_at: row.starts_at, status: row.status, price: row.price })
        .collect();
    let company = format!("/desk/companies/{}", known.id);
    let path = format!("{company}/clients/{id}");
    let turn = Turn {
        first: if seen.before.is_some() { path.clone() } else { String::new() },
        next: next.map(|id| url(&path, &[("before", id.as_str())])).unwrap_or_default(),
    };
    let form =
        SpendForm { amount: seen.amount, record: seen.record.map(|record| record.0), fault: seen.fault };
    let it = ClientPage {
        nav: who.nav(&known.id, Tab::Clients),
        title: &known.title,
        url: &company,
        form_key: &who.form_key,
        timezone: known.timezone,
        now: app.now(),
        id: id.as_str(),
        name: &client.name,
        phone: &client.phone,
        email: &client.email,
        code: client.code.as_deref().unwrap_or_default(),
        balance: client.balance,
        spent: client.spent,
        is_gone: client.is_gone,
        programme: &clients::programme_of(app, &known.id).await?,
        spend: role.serves_clients().then_some(form),
        just_spent,
        postings: &postings,
        visits: &visits,
        turn,
    };
    Ok(view::client(who.frame_at(&path), &it))
}

/// A page that answers a form which could not be granted.
pub(super) fn refused(status: StatusCode, html: String) -> Response {
    (status, Html(html)).into_response()
}
