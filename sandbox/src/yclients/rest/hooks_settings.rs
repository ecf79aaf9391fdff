//! The salon-wide hook settings. A POST replaces everything, other applications' addresses included.

use std::collections::{BTreeMap, HashSet};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use serde_json::{Value, json};
use url::Url;

use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::User,
    hooks::FLAGS,
    input::{self, Body, Id},
    model::HookSettings,
    post::is_loopback,
    world::World,
};

const MOST_URLS: usize = 10;

pub fn routes() -> Router<World> {
    Router::new().route("/hooks_settings/{salon}", get(show).post(replace))
}

async fn show(State(world): State<World>, user: User, Path(salon): Path<Id>) -> Answer {
    world.with(|state, _| Ok(answer::ok(settings(&user.salon(state, salon.0)?.hooks))))
}

async fn replace(State(world): State<World>, user: User, Path(salon): Path<Id>, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let id = user.salon(state, salon.0)?.id;
        let Some(list) = body["urls"].as_array() else {
            return Err(Refusal::invalid([("urls", "Поле обязательно")]));
        };
        let active =
            input::flag(&body["active"]).ok_or_else(|| Refusal::invalid([("active", "Поле обязательно")]))?;
        let urls = urls("urls", list)?;
        if urls.is_empty() {
            return Err(Refusal::invalid([("urls", "Поле обязательно")]));
        }
        let flags: BTreeMap<_, _> = FLAGS
            .iter()
            .map(|(flag, _)| ((*flag).to_owned(), input::flag(&body[*flag]).unwrap_or(false)))
            .collect();
        let salon = state.salon_mut(id)?;
        salon.hooks = HookSettings { urls, active, flags };
        Ok(answer::status(StatusCode::CREATED, settings(&salon.hooks), json!([])))
    })
}

/// Addresses as the platform takes them: at most ten, each once, https. Plain http only to this very machine.
pub fn urls(field: &str, list: &[Value]) -> Result<Vec<String>, Refusal> {
    let wrong = || Refusal::invalid([(field, "Значение недействительно")]);
    let urls: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
    let urls = urls.ok_or_else(wrong)?;
    let unique: HashSet<_> = urls.iter().collect();
    let good = |url: &String| {
        Url::parse(url).is_ok_and(|u| {
            u.has_host() && (u.scheme() == "https" || (u.scheme() == "http" && is_loopback(url)))
        })
    };
    if urls.len() > MOST_URLS || unique.len() != urls.len() || !urls.iter().all(good) {
        return Err(wrong());
    }
    Ok(urls)
}

/// A fresh salon shows one empty address.
pub fn settings(hooks: &HookSettings) -> Value {
    let urls = if hooks.urls.is_empty() { vec![String::new()] } else { hooks.urls.clone() };
    let mut data = json!({"urls": urls, "active": i64::from(hooks.active)});
    for (flag, _) in FLAGS {
        data[flag] = json!(i64::from(hooks.flags.get(flag).copied().unwrap_or(false)));
    }
    data
}
