//! Finishing an installation, and what else a partner sets in a salon.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::post,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{own_application, target};
use crate::yclients::{
    answer::{self, Answer, Refusal},
    caller::Partner,
    input::{self, Body},
    install::{self, Activation},
    model::InstallState,
    rest::hook_urls,
    world::{self, World},
};

const CHANNELS: [&str; 2] = ["sms", "whatsapp"];

pub fn routes() -> Router<World> {
    Router::new()
        .route("/partner/callback", post(callback))
        .route("/partner/callback/redirect", post(callback_redirect))
        .route("/partner/short_names", post(short_names))
        .route("/application/update_channel", post(update_channel))
}

async fn callback(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, now| {
        finish(state, now, &body, true)?;
        Ok(answer::status(StatusCode::CREATED, json!({"user_id": 3_300_999}), json!({})))
    })
}

/// Meant for a browser, asks for a bearer: does the same and points to the platform's next page.
async fn callback_redirect(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    let next = world.with(|state, now| {
        let salon_id = finish(state, now, &body, false)?;
        let base = state.options.public_url.clone().unwrap_or_else(|| world.address.clone());
        Ok::<_, Refusal>(format!("{base}/appstore/{}/salon/{salon_id}", state.options.application_id))
    })?;
    Ok((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, next)]).into_response())
}

fn finish(
    state: &mut world::State,
    now: DateTime<Utc>,
    body: &Value,
    with_channels: bool,
) -> Result<i64, Refusal> {
    let mut wrong = Vec::new();
    let (salon_id, application_id) = target(body, &mut wrong);
    let urls = match &body["webhook_urls"] {
        Value::Null => Some(Vec::new()),
        Value::Array(list) => hook_urls("webhook_urls", list).ok(),
        _ => None,
    };
    if urls.is_none() {
        wrong.push(("webhook_urls", "Значение недействительно"));
    }
    let api_key = input::text(&body["api_key"]);
    if api_key.is_none() && !body["api_key"].is_null() {
        wrong.push(("api_key", "Значение недействительно"));
    }
    let channels = if with_channels { channels(&body["channels"]) } else { Some(Vec::new()) };
    if channels.is_none() {
        wrong.push(("channels", "Значение недействительно"));
    }
    let (Some(webhook_urls), Some(channels), true) = (urls, channels, wrong.is_empty()) else {
        return Err(Refusal::invalid(wrong));
    };
    own_application(state, application_id)?;
    if !state.salons.contains_key(&salon_id) {
        return Err(Refusal::invalid([("salon_id", "Значение недействительно")]));
    }
    install::activate(state, now, salon_id, Activation { api_key, webhook_urls, channels })?;
    Ok(salon_id)
}

fn channels(value: &Value) -> Option<Vec<String>> {
    let list = match value {
        Value::Null => return Some(Vec::new()),
        value => value.as_array()?,
    };
    list.iter().map(|v| v.as_str().filter(|c| CHANNELS.contains(c)).map(str::to_owned)).collect()
}

async fn short_names(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let mut wrong = Vec::new();
        let (salon_id, application_id) = target(&body, &mut wrong);
        let names: Option<Vec<String>> = body["short_names"]
            .as_array()
            .filter(|list| (1..=20).contains(&list.len()))
            .and_then(|list| list.iter().map(|v| v.as_str().map(str::to_owned)).collect());
        let Some(names) = names.filter(|_| wrong.is_empty()) else {
            wrong.push(("short_names", "Значение недействительно"));
            return Err(Refusal::invalid(wrong));
        };
        own_application(state, application_id)?;
        installed(state, salon_id)?.short_names = names;
        Ok(answer::status(StatusCode::CREATED, Value::Null, json!({})))
    })
}

async fn update_channel(State(world): State<World>, _: Partner, Body(body): Body) -> Answer {
    world.with(|state, _| {
        let mut wrong = Vec::new();
        let (salon_id, application_id) = target(&body, &mut wrong);
        let slug = body["channel_slug"].as_str().filter(|c| CHANNELS.contains(c));
        let (Some(slug), Some(available), true) =
            (slug, input::flag(&body["is_available"]), wrong.is_empty())
        else {
            wrong.push(("channel_slug", "Значение недействительно"));
            return Err(Refusal::invalid(wrong));
        };
        own_application(state, application_id)?;
        let channels = &mut installed(state, salon_id)?.channels;
        channels.retain(|c| c != slug);
        channels.extend(available.then(|| slug.to_owned()));
        Ok(answer::with_meta(Value::Null, json!({})))
    })
}

fn installed(
    state: &mut world::State,
    salon_id: i64,
) -> Result<&mut crate::yclients::model::Install, Refusal> {
    let install = &mut state.salon_mut(salon_id)?.install;
    if install.state == InstallState::Uninstalled { Err(Refusal::not_installed()) } else { Ok(install) }
}
