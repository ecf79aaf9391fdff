//! Every route on one screen, grouped by who calls it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::layer::{language, request_id, security_headers};
use super::state::{WebSettings, WebState};
use super::{
    api, assets, client, clients, connect, desk, error, health, hooks, install, logins, marketplace, openapi,
    sync, timeline, timeline_page, upkeep,
};
use crate::app::App;
use crate::live;

/// A hook larger than this is answered with 413.
const MOST_BYTES: usize = 1 << 20;

pub fn router(app: Arc<App>, settings: WebSettings) -> Router {
    let framing = security_headers::Framing::by(&settings.frame_ancestors);
    let door = live::door::AppDoor::new(app.clone(), &settings.marketplace_url);
    let (sockets, io, pump) = live::layer(Arc::new(door));
    tokio::spawn(pump);
    tokio::spawn(live::desk::open(&io, app.clone()));
    tokio::spawn(live::clients::open(&io, app.clone()));
    let state = WebState { app, settings: Arc::new(settings) };
    Router::new()
        // the owner's browser
        .route("/", get(connect::home))
        .route("/marketplace/register", get(install::register))
        .route("/connect", get(connect::show))
        .route("/static/{hash}/{*name}", get(assets::serve))
        // YClients
        .route("/webhook/yclients/{key}", post(hooks::accept))
        .route("/webhook/events/{key}", post(hooks::accept))
        .route("/api/v1/yclients/webhook", post(hooks::accept_signed))
        .route("/marketplace/webhook", post(marketplace::lifecycle))
        // the connect page by hand
        .route("/marketplace/callback/prepare", post(marketplace::prepare))
        // programs of the salon and of the operator
        .route("/api/v1/companies/{id}/health", get(api::health))
        .route("/api/v1/companies/{id}/webhook-key/rotate", post(api::rotate_hook_key))
        .route("/api/v1/companies/{id}/records/{record_id}/timeline", get(timeline::show))
        .route("/api/v1/companies/{id}/messages", get(timeline::messages))
        .route("/api/v1/companies/{id}/messages/{message_id}/settle", post(timeline::settle))
        .route("/api/v1/companies/{id}/syncs", get(sync::list).post(sync::begin))
        .route("/api/v1/companies/{id}/syncs/{sync_id}", get(sync::show))
        .route("/api/v1/yclients/sync-bookings", post(sync::start_bookings))
        .route("/api/v1/companies/{id}/clients", get(clients::index))
        .route("/api/v1/companies/{id}/clients/{client_id}", get(clients::show))
        .route("/api/v1/companies/{id}/clients/{client_id}/ledger", get(clients::ledger))
        .route("/api/v1/companies/{id}/clients/{client_id}/spend", post(clients::spend))
        .route("/api/v1/companies/{id}/bonuses/spend", post(clients::spend_by_code))
        .route("/api/v1/companies/{id}/records/unmatched", get(clients::unmatched))
        .route("/api/v1/companies/{id}/records/{record_id}/client", post(clients::settle))
        .route("/api/v1/companies/{id}/bookings/check", get(upkeep::check_bookings))
        .route("/api/v1/companies/{id}/webhook", get(upkeep::webhook))
        .route("/api/v1/companies/{id}/webhook/tests/{number}", get(upkeep::test_hook))
        .route("/api/v1/companies/{id}/codes", post(upkeep::generate_codes))
        .route("/api/v1/logins", post(logins::invite))
        // a salon's clients: programs
        .route("/api/v1/companies/{id}/sign-in", post(client::door::ask))
        .route("/api/v1/companies/{id}/sign-in/code", post(client::door::enter))
        .route("/api/v1/sign-out", post(client::door::sign_out))
        .route("/api/v1/profile", get(client::api::profile))
        .route("/api/v1/booking", get(client::api::bookings))
        .route("/api/v1/yclients/widget-url/{service_id}", get(client::api::widget_url))
        // their pages
        .route("/salons/{id}", get(client::pages::home))
        .route("/salons/{id}/sign-in", get(client::pages::sign_in).post(client::pages::ask))
        .route("/salons/{id}/sign-in/code", post(client::pages::enter))
        .route("/salons/{id}/sign-out", post(client::pages::sign_out))
        .route("/salons/{id}/profile", get(client::pages::profile))
        .route("/salons/{id}/bookings", get(client::pages::bookings))
        .route("/salons/{id}/book", get(client::pages::book))
        .route("/salons/{id}/book/arrived", get(client::pages::arrived))
        .route("/salons/{id}/book/{service_id}", get(client::pages::open_form))
        // a person whom such a program gave a link
        .route("/companies/{id}/records/{record_id}/timeline", get(timeline_page::show))
        .route("/companies/{id}/records/{record_id}/timeline/settle", post(timeline_page::settle))
        // people of the desk: the way in
        .route("/desk/sign-in", get(desk::enter::show).post(desk::enter::submit))
        .route("/desk/sign-in/code", post(desk::enter::submit_code))
        .route("/desk/invitation/{token}", get(desk::enter::invitation).post(desk::enter::take_up))
        .route("/desk/sign-out", post(desk::enter::sign_out))
        // their own login
        .route("/desk/account", get(desk::account::show))
        .route("/desk/account/password", post(desk::account::change_password))
        .route("/desk/account/codes", post(desk::account::begin_codes))
        .route("/desk/account/codes/confirm", post(desk::account::confirm_codes))
        .route("/desk/account/codes/drop", post(desk::account::drop_codes))
        .route("/desk/account/sign-out-everywhere", post(desk::account::sign_out_everywhere))
        // companies
        .route("/desk", get(desk::companies::index))
        .route("/desk/team", get(desk::companies::own_team))
        .route("/desk/companies/{id}", get(desk::company::overview))
        .route("/desk/companies/{id}/connect", get(desk::company::connect))
        .route("/desk/companies/{id}/records", get(desk::records::index))
        .route("/desk/companies/{id}/records/{record_id}", get(desk::records::show))
        .route("/desk/companies/{id}/records/{record_id}/settle", post(desk::records::settle))
        .route("/desk/companies/{id}/messages", get(desk::messages::index))
        .route("/desk/companies/{id}/messages/{message_id}/settle", post(desk::messages::settle))
        .route("/desk/companies/{id}/clients", get(desk::clients::index))
        .route("/desk/companies/{id}/clients/{client_id}", get(desk::clients::show))
        .route("/desk/companies/{id}/spend", post(desk::spend::ask))
        .route("/desk/companies/{id}/spend/confirm", post(desk::spend::confirm))
        .route("/desk/companies/{id}/unmatched", get(desk::unmatched::index))
        .route("/desk/companies/{id}/unmatched/{record_id}", post(desk::unmatched::settle))
        .route("/desk/companies/{id}/syncs", get(desk::syncs::index).post(desk::syncs::start))
        .route("/desk/companies/{id}/team", get(desk::team::index).post(desk::team::invite))
        .route("/desk/companies/{id}/team/{login_id}/link", post(desk::team::renew))
        .route("/desk/companies/{id}/team/{login_id}/off", post(desk::team::switch_off))
        // whoever runs the product
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .merge(openapi::page())
        .fallback(error::missing)
        .with_state(state)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(axum::middleware::from_fn(language::remember))
        .layer(sockets)
        .layer(axum::middleware::from_fn_with_state(framing, security_headers::add))
        .layer(axum::middleware::from_fn(request_id::add))
}
