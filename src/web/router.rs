//! Every route on one screen, grouped by who calls it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::layer::{request_id, security_headers};
use super::state::{WebSettings, WebState};
use super::{
    api, assets, clients, connect, error, health, hooks, install, marketplace, sync, timeline, timeline_page,
};
use crate::app::App;
use crate::live;

/// A hook larger than this is answered with 413.
const MOST_BYTES: usize = 1 << 20;

pub fn router(app: Arc<App>, settings: WebSettings) -> Router {
    let framing = security_headers::Framing::by(&settings.frame_ancestors);
    let door = live::door::AppDoor::new(app.clone(), &settings.marketplace_url);
    let (sockets, _, pump) = live::layer(Arc::new(door));
    tokio::spawn(pump);
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
        // a person whom such a program gave a link
        .route("/companies/{id}/records/{record_id}/timeline", get(timeline_page::show))
        .route("/companies/{id}/records/{record_id}/timeline/settle", post(timeline_page::settle))
        // whoever runs the product
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .fallback(error::missing)
        .with_state(state)
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(sockets)
        .layer(axum::middleware::from_fn_with_state(framing, security_headers::add))
        .layer(axum::middleware::from_fn(request_id::add))
}
