//! Where a client books, and what came of it.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};

use super::{Guest, Wanted, line};
use crate::app::client_pages::{self, Way};
use crate::app::{self, booking_form};
use crate::kernel::crm_id::{RecordId, ServiceId, StaffId};
use crate::views::client::{self as view, Tab};
use crate::web::client::signed_in::SignedIn;
use crate::web::client::words_key;
use crate::web::desk::{frame, go};
use crate::web::error;
use crate::web::state::{Visit, WebState};

/// Records ahead that the booking page is told of.
const MOST_KNOWN: usize = 100;

/// `GET /salons/{id}/book`
pub async fn book(
    State(state): State<WebState>,
    Path(id): Path<String>,
    who: Option<SignedIn>,
    visit: Visit,
) -> Response {
    let it = match Guest::of(&state, &id, who, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    let page = async {
        let (mut code, mut known) = (String::new(), String::new());
        if let Some(who) = &it.who {
            let own = client_pages::profile(&state.app, &who.sitting).await?;
            code = own.client.code.unwrap_or_default();
            let (ahead, _) =
                client_pages::records(&state.app, &who.sitting, Way::Ahead, None, MOST_KNOWN).await?;
            let ids: Vec<_> = ahead.iter().map(|record| record.id.to_string()).collect();
            known = ids.join(" ");
        }
        let groups: Vec<_> =
            booking_form::services(&state.app, &it.salon.id).await?.into_iter().map(group).collect();
        let url = it.url();
        let page = view::Book {
            nav: it.nav(Some(Tab::Book)),
            salon: &it.salon.title,
            company_id: it.salon.id.as_str(),
            url: &url,
            code: &code,
            known: &known,
            groups: &groups,
        };
        Ok(view::book(frame(&it.visit, None), &page))
    };
    it.answer(page.await)
}

fn group((title, services): (Option<String>, Vec<booking_form::Service>)) -> view::Group {
    let services = services.into_iter().map(|row| view::Service {
        id: row.service_id,
        title: row.title,
        price_min: row.price_min,
        price_max: row.price_max,
        length_s: row.length_s,
    });
    view::Group { title: title.unwrap_or_default(), services: services.collect() }
}

/// `GET /salons/{id}/book/arrived?known=501,502`: the record that came since, for the page's dialogue; 204 while there is none.
pub async fn arrived(
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
    let Some(who) = &it.who else { return StatusCode::UNAUTHORIZED.into_response() };
    let known: Vec<_> = wanted.known.split(',').filter_map(|id| id.parse().ok().map(RecordId)).collect();
    match client_pages::arrived(&state.app, &who.sitting, &known).await {
        Ok(Some(record)) => {
            let (id, record) = (record.id.0, line(record));
            let place = (it.salon.title.as_str(), it.salon.address.as_str(), it.url());
            let when = (state.app.now(), it.salon.timezone);
            let words = it.visit.frame().words;
            Html(view::arrived(words, (id, &record), (place.0, place.1, &place.2), when)).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(e) => error::page(&e, &it.visit),
    }
}

/// `GET /salons/{id}/book/{service_id}?staff_id=`: to the salon's own form.
pub async fn open_form(
    State(state): State<WebState>,
    Path((id, service)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    visit: Visit,
) -> Response {
    let it = match Guest::of(&state, &id, None, visit).await {
        Ok(it) => it,
        Err(page) => return page,
    };
    let widget = match service.parse() {
        Ok(service) => {
            let staff = wanted.staff_id.map(StaffId);
            booking_form::widget(&state.app, &it.salon.id, ServiceId(service), staff).await
        }
        Err(_) => Err(app::Error::Rejected("service_not_linked")),
    };
    match widget {
        Ok(widget) => go(&widget.url, None),
        Err(e) => match words_key(&e) {
            Some(lead) => {
                let status = error::status(&e);
                let may_try_again = status == StatusCode::SERVICE_UNAVAILABLE;
                let page = view::form_trouble(
                    frame(&it.visit, None),
                    lead,
                    may_try_again,
                    &format!("{}/book", it.url()),
                );
                (status, Html(page)).into_response()
            }
            None => error::page(&e, &it.visit),
        },
    }
}
