//! A client's pages with one salon. A sitting with another salon is none here.

mod book;
mod enter;

use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

pub use book::{arrived, book, open_form};
pub use enter::{ask, enter, sign_in, sign_out};

use super::api::{cursor, cursor_text};
use super::signed_in::SignedIn;
use crate::app::client_door::ClientSitting;
use crate::app::client_pages::{self, OwnRecord, Way};
use crate::app::{self, booking_form};
use crate::domain::tenant::Tenant;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::TenantId;
use crate::views::client::{self as view, Nav, Tab};
use crate::views::desk::Turn;
use crate::web::desk::{frame, go, url};
use crate::web::error;
use crate::web::state::{Visit, WebState};

const PAGE: usize = 30;
const LINES: usize = 10;

/// A salon's pages, and who looks at them.
struct Guest {
    salon: Tenant,
    who: Option<SignedIn>,
    visit: Visit,
}

impl Guest {
    async fn of(state: &WebState, id: &str, who: Option<SignedIn>, visit: Visit) -> Result<Self, Response> {
        let found = match TenantId::parse(id) {
            Some(id) => booking_form::open_salon(&state.app, &id).await,
            None => Err(app::Error::NotFound),
        };
        match found {
            Ok(salon) => {
                let who = who.filter(|who| who.sitting.tenant == salon.id);
                Ok(Self { salon, who, visit })
            }
            Err(e) => Err(error::page(&e, &visit)),
        }
    }

    fn url(&self) -> String {
        format!("/salons/{}", self.salon.id)
    }

    fn nav(&self, tab: Option<Tab>) -> String {
        let form_key = self.who.as_ref().map_or("", |who| who.form_key.as_str());
        view::nav(self.visit.frame().words, &Nav { url: &self.url(), tab, form_key })
    }

    /// Who is signed in here.
    fn sitting(&self) -> Option<&ClientSitting> {
        self.who.as_ref().map(|who| &who.sitting)
    }

    /// To the way in, and back.
    fn way_in(&self, to: &str) -> Response {
        go(&url(&format!("{}/sign-in", self.url()), &[("to", to)]), None)
    }

    fn answer(&self, page: Result<String, app::Error>) -> Response {
        match page {
            Ok(html) => Html(html).into_response(),
            Err(e) => error::page(&e, &self.visit),
        }
    }
}

/// `GET /salons/{id}`: also by the salon's number with YClients, which is short enough for a card.
pub async fn home(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    visit: Visit,
) -> Response {
    let id = match id.parse() {
        Ok(number) => match app::tenant_of(&state.app, SalonId(number)).await {
            Ok(id) => id.to_string(),
            Err(e) => return error::page(&e, &visit),
        },
        Err(_) => id,
    };
    match Guest::of(&state, &id, who, visit).await {
        Ok(it) => go(&format!("{}/{}", it.url(), if it.who.is_some() { "profile" } else { "book" }), None),
        Err(page) => page,
    }
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    to: String,
    #[serde(default)]
    show: String,
    after: Option<String>,
    staff_id: Option<i64>,
    #[serde(default)]
    known: String,
}

/// `GET /salons/{id}/profile`
pub async fn profile(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    visit: Visit,
) -> Response {
    let it = match Guest::of(&state, &id, who, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    let Some(sitting) = it.sitting() else { return it.way_in("profile") };
    let page = async {
        let own = client_pages::profile(&state.app, sitting).await?;
        let postings = client_pages::postings(&state.app, sitting, LINES).await?;
        let lines: Vec<_> = postings
            .iter()
            .map(|row| view::Line { kind: row.kind, change: row.change, at: row.posted_at })
            .collect();
        let page = view::Profile {
            nav: it.nav(Some(Tab::Profile)),
            salon: &it.salon.title,
            name: &own.client.name,
            phone: &own.client.phone,
            code: own.client.code.as_deref().unwrap_or_default(),
            balance: own.client.balance,
            spent: own.client.spent,
            lines: &lines,
            timezone: it.salon.timezone,
            now: state.app.now(),
        };
        Ok(view::profile(frame(&it.visit, None), &page))
    };
    it.answer(page.await)
}

/// `GET /salons/{id}/bookings?show=all&after=`
pub async fn bookings(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    Query(wanted): Query<Wanted>,
    visit: Visit,
) -> Response {
    let it = match Guest::of(&state, &id, who, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    let Some(sitting) = it.sitting() else { return it.way_in("bookings") };
    let page = async {
        let is_all = wanted.show == "all";
        let way = if is_all { Way::Behind } else { Way::Ahead };
        let after = wanted.after.as_deref().and_then(cursor);
        let (list, next) = client_pages::records(&state.app, sitting, way, after, PAGE).await?;
        let own = format!("{}/bookings", it.url());
        let show = if is_all { "all" } else { "" };
        let turn = Turn {
            first: after.map(|_| url(&own, &[("show", show)])).unwrap_or_default(),
            next: next
                .map(|next| url(&own, &[("show", show), ("after", &cursor_text(next))]))
                .unwrap_or_default(),
        };
        let rows: Vec<_> = list.into_iter().map(line).collect();
        let page = view::Records {
            nav: it.nav(Some(Tab::Records)),
            salon: &it.salon.title,
            address: &it.salon.address,
            url: &own,
            book_url: &format!("{}/book", it.url()),
            timezone: it.salon.timezone,
            now: state.app.now(),
            is_all,
            rows: &rows,
            turn,
        };
        Ok(view::records(frame(&it.visit, None), &page))
    };
    it.answer(page.await)
}

fn line(record: OwnRecord) -> view::RecordLine {
    let titles = record.services.into_iter().map(|line| line.title).filter(|title| !title.is_empty());
    view::RecordLine {
        starts_at: record.starts_at,
        minutes: record.minutes,
        services: titles.collect(),
        master: record.master.map(|master| master.name),
        status: record.status,
        price: record.price,
    }
}
