//! The application in a salon: connecting, leaving, freezing, paying.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::{Value, json};

use crate::yclients::{
    answer::Refusal,
    input::{self, Id, Params},
    install,
    world::{self, World},
};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/salons/{salon}/install", post(install_app))
        .route("/salons/{salon}/uninstall", post(uninstall))
        .route("/salons/{salon}/freeze", post(freeze))
        .route("/salons/{salon}/payment", post(payment))
}

type Shown = Result<Json<Value>, Refusal>;

/// The owner presses Connect, without a browser; answers where the browser would have gone.
async fn install_app(State(world): State<World>, Path(id): Path<Id>, body: Option<Json<Value>>) -> Shown {
    world.with(|state, now| {
        let mut ids = vec![id.0];
        let more = body.map(|Json(body)| input::ints(&body["with"])).unwrap_or_default();
        ids.extend(more.into_iter().filter(|more| *more != id.0));
        install::consent(state, now, &ids)?;
        Ok(Json(json!({
            "state": state.salon(id.0)?.install.state.wire(), "redirect_url": install::register_url(state, &ids),
        })))
    })
}

/// `?silent=1` tells nobody: an event that was lost.
async fn uninstall(State(world): State<World>, Path(id): Path<Id>, params: Params) -> Shown {
    world.with(|state, now| {
        install::uninstall(state, now, id.0, "marketplace", !params.flag("silent"))?;
        state_of(state, id.0)
    })
}

async fn freeze(State(world): State<World>, Path(id): Path<Id>) -> Shown {
    world.with(|state, now| {
        install::freeze(state, now, id.0)?;
        state_of(state, id.0)
    })
}

/// `{amount?}`; thaws a frozen salon.
async fn payment(State(world): State<World>, Path(id): Path<Id>, body: Option<Json<Value>>) -> Shown {
    world.with(|state, now| {
        let amount = body.and_then(|Json(body)| input::float(&body["amount"])).unwrap_or(990.0);
        let payment = install::pay(state, now, id.0, amount)?;
        Ok(Json(json!({"payment_id": payment, "state": state.salon(id.0)?.install.state.wire()})))
    })
}

fn state_of(state: &world::State, id: i64) -> Shown {
    Ok(Json(json!({"state": state.salon(id)?.install.state.wire()})))
}
