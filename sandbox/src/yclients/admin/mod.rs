//! The operator's side: sets the sandbox up, makes it misbehave, shows what happened. JSON, no tokens, loopback only.

mod hooks;
mod records;
mod salons;
mod setup;

use axum::Router;

use super::{answer::Refusal, world::World};

pub fn routes() -> Router<World> {
    Router::new()
        .merge(setup::routes())
        .merge(salons::routes())
        .merge(records::routes())
        .merge(hooks::routes())
        .fallback(async || Refusal::not_found("unknown admin route"))
}
