//! Where a person lands: an operator at all companies, the others at their own.

use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Insider, answer, go, ok, url};
use crate::app::desk::{self, Search};
use crate::app::health;
use crate::domain::tenant::TenantState;
use crate::kernel::id::TenantId;
use crate::views::desk::{self as view, Companies, CompanyLine, Light, Turn};
use crate::web::state::WebState;

const PAGE: usize = 50;

#[derive(Deserialize)]
pub struct Address {
    #[serde(default)]
    q: String,
    #[serde(default)]
    show: String,
    after: Option<String>,
}

/// `GET /desk?q=&show=troubled&after=`
pub async fn index(State(state): State<WebState>, Query(address): Query<Address>, who: Insider) -> Response {
    if let Some(own) = &who.login().tenant {
        return go(&format!("/desk/companies/{own}"), None);
    }
    let page = async {
        let search =
            Search { text: address.q.chars().take(80).collect(), is_troubled: address.show == "troubled" };
        // The last of the page before; one that has gone since leads to the beginning.
        let after = match address.after.as_deref().and_then(TenantId::parse) {
            Some(id) => desk::tenant(&state.app, &id).await.ok().map(|last| (last.title, last.id)),
            None => None,
        };
        let is_later = after.is_some();
        let (found, is_more) = desk::companies(&state.app, &search, after, PAGE).await?;
        let rows: Vec<_> = found.into_iter().map(line).collect();
        let show = if search.is_troubled { "troubled" } else { "" };
        let last = rows.last().filter(|_| is_more).map(|row| row.id.as_str());
        let turn = Turn {
            first: if is_later {
                url("/desk", &[("q", &search.text), ("show", show)])
            } else {
                String::new()
            },
            next: last
                .map(|id| url("/desk", &[("q", &search.text), ("show", show), ("after", id)]))
                .unwrap_or_default(),
        };
        let list = Companies {
            nav: who.nav_outside(false),
            text: &search.text,
            is_troubled: search.is_troubled,
            all_url: url("/desk", &[("q", &search.text)]),
            troubled_url: url("/desk", &[("q", &search.text), ("show", "troubled")]),
            rows: &rows,
            turn,
        };
        Ok(ok(view::companies(who.frame(), &list)))
    };
    answer(page.await, &who.visit)
}

fn line(company: desk::Company) -> CompanyLine {
    CompanyLine {
        id: company.id.to_string(),
        salon_id: company.salon_id,
        title: company.title,
        address: company.address,
        light: light(company.light, company.state),
        state: company.state,
        session: company.session,
    }
}

pub(super) fn light(light: health::Light, state: TenantState) -> Light {
    match light {
        _ if state == TenantState::Uninstalled => Light::Off,
        health::Light::Green => Light::Green,
        health::Light::Yellow => Light::Yellow,
        health::Light::Red => Light::Red,
    }
}

/// `GET /desk/team`: an owner's own.
pub async fn own_team(who: Insider) -> Response {
    match &who.login().tenant {
        Some(own) => go(&format!("/desk/companies/{own}/team"), None),
        None => go("/desk", None),
    }
}
