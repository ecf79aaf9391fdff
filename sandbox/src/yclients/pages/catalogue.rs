//! The marketplace: one application, the salons, and the Connect button.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde_json::json;

use super::{back, lost, page, state_title};
use crate::yclients::{
    answer::Refusal,
    input::{Id, Params},
    install,
    options::{SalonIdsStyle, UserDataStyle},
    world::World,
};

/// A page, not a directory: with thousands of salons the rest is reached by number.
const SHOWN: usize = 50;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/", get(home))
        .route("/appstore", get(home))
        .route("/appstore/{application}", get(show))
        .route("/appstore/{application}/install", post(install_app))
        .route("/appstore/{application}/style", post(set_style))
}

#[derive(Template)]
#[template(path = "yclients/catalogue.html")]
struct Catalogue {
    title: String,
    application_id: i64,
    ready: bool,
    user_data: bool,
    error: Option<String>,
    salons: Vec<SalonLine>,
    hidden: usize,
    salon_styles: [(&'static str, &'static str, bool); 3],
    data_styles: [(&'static str, &'static str, bool); 4],
}

struct SalonLine {
    id: i64,
    title: String,
    city: String,
    zone: &'static str,
    state: &'static str,
    state_title: &'static str,
    chosen: bool,
}

async fn home(State(world): State<World>) -> Redirect {
    Redirect::to(&format!("/appstore/{}", world.with(|state, _| state.options.application_id)))
}

async fn show(State(world): State<World>, Path(application): Path<Id>, params: Params) -> Response {
    let page_of = world.with(|state, _| {
        let options = &state.options;
        if application.0 != options.application_id {
            return Err(Refusal::not_found("Такого приложения в каталоге нет."));
        }
        let salons = state.salons.values().take(SHOWN).enumerate().map(|(place, salon)| SalonLine {
            id: salon.id,
            title: salon.title.clone(),
            city: salon.city.clone(),
            zone: salon.timezone.name(),
            state: salon.install.state.wire(),
            state_title: state_title(salon.install.state),
            chosen: place == 0,
        });
        let (ids, data) = (options.salon_ids_style, options.user_data_style);
        Ok(Catalogue {
            title: options.application_title.clone(),
            application_id: options.application_id,
            ready: options.register_url.is_some(),
            user_data: options.user_data,
            error: params.get("error").map(str::to_owned),
            salons: salons.collect(),
            hidden: state.salons.len().saturating_sub(SHOWN),
            salon_styles: [
                ("indexed", "salon_ids[0]=…&salon_ids[1]=…", ids == SalonIdsStyle::Indexed),
                ("brackets", "salon_ids[]=…&salon_ids[]=…", ids == SalonIdsStyle::Brackets),
                ("csv", "salon_ids=…,…", ids == SalonIdsStyle::Csv),
            ],
            data_styles: [
                ("standard", "обычный base64", data == UserDataStyle::Standard),
                ("url_safe", "base64 для ссылок", data == UserDataStyle::UrlSafe),
                ("unpadded", "без знаков =", data == UserDataStyle::Unpadded),
                ("plus_as_space", "пробел вместо +", data == UserDataStyle::PlusAsSpace),
            ],
        })
    });
    page_of.map_or_else(|refusal| lost(&refusal), |view| page(&view))
}

/// Consent, then to the application. Several salons go in one redirect.
async fn install_app(State(world): State<World>, Path(application): Path<Id>, body: String) -> Response {
    let catalogue = format!("/appstore/{}", application.0);
    let ids = Params::parse(&body).ids("salon_ids");
    let outcome = world.with(|state, now| {
        if ids.is_empty() {
            return Err(Refusal::invalid([("филиалы", "выберите хотя бы один")]));
        }
        let url = install::register_url(state, &ids);
        let url = url.ok_or_else(|| Refusal::invalid([("Registration Redirect Url", "не задан")]))?;
        install::consent(state, now, &ids)?;
        Ok(url)
    });
    match outcome {
        Ok(url) => Redirect::to(&url).into_response(),
        Err(refusal) => back(&catalogue, Err(refusal)),
    }
}

async fn set_style(State(world): State<World>, Path(application): Path<Id>, body: String) -> Response {
    let params = Params::parse(&body);
    world.with(|state, _| {
        let value = |name: &str| json!(params.get(name).unwrap_or_default());
        if let Ok(style) = serde_json::from_value(value("salon_ids_style")) {
            state.options.salon_ids_style = style;
        }
        if let Ok(style) = serde_json::from_value(value("user_data_style")) {
            state.options.user_data_style = style;
        }
    });
    back(&format!("/appstore/{}", application.0), Ok(()))
}
