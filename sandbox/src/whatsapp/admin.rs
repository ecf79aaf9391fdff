//! The admin API: setting the stage, and looking at it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::World;
use super::phone::link::Typed;
use super::phone::send::SendError;
use super::phone::{Card, Handset, LinkError, Linked, NewPhone as Settings};
use super::picture::{self, Blurred};
use super::server::faults::Action;
use super::wire::digits;

/// A companion that does not sign within this time does not sign at all.
const LINK_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_WAIT: Duration = Duration::from_secs(60);
/// So much of a picture that is too large is read before the connection is cut.
const MOST_SWALLOWED: usize = 128 << 20;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/health", get(health))
        .route("/phones", get(list).post(create))
        .route("/phones/{number}", get(show))
        .route("/phones/{number}/devices", get(devices))
        .route("/phones/{number}/scan", post(scan))
        .route("/phones/{number}/scan-picture", post(scan_picture))
        .route("/phones/{number}/code", post(code))
        .route("/phones/{number}/messages", get(messages))
        .route("/phones/{number}/send", post(send))
        .route("/phones/{number}/read", post(read))
        .route("/phones/{number}/unlink", post(unlink))
        .route("/faults", get(faults).post(change_faults).delete(reset_faults))
        .route("/stats", get(stats))
        .route("/stats/messages", get(sightings))
}

/// What went wrong with a request, as a status and a sentence.
pub struct Refused(StatusCode, String);

pub type Answer<T> = Result<T, Refused>;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl From<LinkError> for Refused {
    fn from(error: LinkError) -> Self {
        let status = match &error {
            LinkError::NotACode => StatusCode::BAD_REQUEST,
            LinkError::Refused(text) if text == "expired" || text == "item-not-found" => StatusCode::GONE,
            LinkError::NoOffer | LinkError::Refused(_) => StatusCode::CONFLICT,
            LinkError::WrongCode => StatusCode::UNPROCESSABLE_ENTITY,
            LinkError::Silence => StatusCode::GATEWAY_TIMEOUT,
        };
        Self(status, error.to_string())
    }
}

impl From<Blurred> for Refused {
    fn from(error: Blurred) -> Self {
        let status = match &error {
            Blurred::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Blurred::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Blurred::NoCode => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self(status, error.to_string())
    }
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        let status = match &error {
            SendError::NotRegistered(_) | SendError::NothingToQuote(_) => StatusCode::UNPROCESSABLE_ENTITY,
            SendError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

async fn health(State(world): State<World>) -> Json<Value> {
    Json(json!({ "ok": true, "root_key": hex::encode(world.server.authority.root_public()) }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPhone {
    number: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    lid_migrated: bool,
    #[serde(default)]
    hosted: bool,
    #[serde(default)]
    shows_repeats: bool,
}

/// One phone, or as many as a benchmark wants in one go.
#[derive(Deserialize)]
#[serde(untagged)]
enum NewPhones {
    One(NewPhone),
    Many(Vec<NewPhone>),
}

async fn create(
    State(world): State<World>,
    body: Result<Json<NewPhones>, JsonRejection>,
) -> Answer<Response> {
    let Json(wanted) = body?;
    Ok(match wanted {
        NewPhones::One(wanted) => {
            let (card, fresh) = switch_on(&world, &wanted)?;
            (if fresh { StatusCode::CREATED } else { StatusCode::OK }, Json(card)).into_response()
        }
        NewPhones::Many(wanted) => {
            let mut cards = Vec::new();
            for one in &wanted {
                cards.push(switch_on(&world, one)?.0);
            }
            (StatusCode::CREATED, Json(cards)).into_response()
        }
    })
}

fn switch_on(world: &World, wanted: &NewPhone) -> Answer<(Card, bool)> {
    let number = number(&wanted.number)?;
    let settings = Settings {
        name: wanted.name.clone(),
        lid_migrated: wanted.lid_migrated,
        hosted: wanted.hosted,
        shows_repeats: wanted.shows_repeats,
    };
    let (handset, fresh) = world
        .phones
        .switch_on(&number, settings)
        .map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let card = handset.pick_up().card();
    Ok((card, fresh))
}

async fn list(State(world): State<World>) -> Json<Vec<Card>> {
    Json(world.phones.all().iter().map(|handset| handset.pick_up().card()).collect())
}

async fn show(State(world): State<World>, Path(number): Path<String>) -> Answer<Json<Card>> {
    Ok(Json(find(&world, &number)?.pick_up().card()))
}

async fn devices(State(world): State<World>, Path(number): Path<String>) -> Answer<impl IntoResponse> {
    let number = self::number(&number)?;
    find(&world, &number)?;
    Ok(Json(world.server.devices_of(&number)))
}

#[derive(Deserialize)]
struct Scan {
    qr: String,
}

async fn scan(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Result<Json<Scan>, JsonRejection>,
) -> Answer<Json<Linked>> {
    let Json(body) = body?;
    let outcome = find(&world, &number)?.pick_up().scan(&body.qr)?;
    Ok(Json(await_link(outcome).await?))
}

async fn scan_picture(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Body,
) -> Answer<Json<Linked>> {
    let handset = find(&world, &number)?;
    let file = whole(body).await?;
    let texts =
        tokio::task::spawn_blocking(move || picture::read(&file)).await.map_err(|_| Blurred::NoCode)??;
    let begun = {
        let mut phone = handset.pick_up();
        // A screen may show other codes, too: the first that links is meant.
        texts.iter().map(|text| phone.scan(text)).find(Result::is_ok)
    };
    let outcome = begun.unwrap_or(Err(LinkError::NotACode))?;
    Ok(Json(await_link(outcome).await?))
}

/// A picture's bytes. What is too large is taken to its end all the same: a sender that is cut off never hears why.
async fn whole(body: Body) -> Result<Vec<u8>, Blurred> {
    let mut pieces = body.into_data_stream();
    let (mut file, mut length) = (Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Blurred::NotAPicture)?;
        length += piece.len();
        if length <= picture::MAX_BYTES {
            file.extend_from_slice(&piece);
        } else if length > MOST_SWALLOWED {
            break;
        }
    }
    if length > picture::MAX_BYTES { Err(Blurred::TooLarge) } else { Ok(file) }
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

async fn code(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Result<Json<Code>, JsonRejection>,
) -> Answer<Json<Linked>> {
    let Json(body) = body?;
    let handset = find(&world, &number)?;
    Ok(Json(type_code(&handset, body.code).await?))
}

/// Types a code on a phone; the stretching of it must not hold up anybody else.
pub async fn type_code(handset: &Handset, code: String) -> Result<Linked, LinkError> {
    let offer = handset.pick_up().offer()?;
    let typed = tokio::task::spawn_blocking(move || Typed::stretch(offer, &code))
        .await
        .map_err(|_| LinkError::Silence)??;
    let outcome = handset.pick_up().type_code(typed);
    await_link(outcome).await
}

pub async fn await_link(outcome: oneshot::Receiver<Result<Linked, LinkError>>) -> Result<Linked, LinkError> {
    match timeout(LINK_TIMEOUT, outcome).await {
        Ok(Ok(outcome)) => outcome,
        _ => Err(LinkError::Silence),
    }
}

#[derive(Deserialize)]
struct Wanted {
    chat: Option<String>,
    count: Option<usize>,
    wait_ms: Option<u64>,
}

async fn messages(
    State(world): State<World>,
    Path(number): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Answer<Response> {
    let handset = find(&world, &number)?;
    let chat = wanted.chat.as_deref().map(self::number).transpose()?;
    let patience = Duration::from_millis(wanted.wait_ms.unwrap_or_default()).min(MAX_WAIT);
    let deadline = Instant::now() + patience;
    let mut changes = world.phones.changes();
    loop {
        let entries = handset.pick_up().book.entries(chat.as_deref());
        let enough = entries.len() >= wanted.count.unwrap_or_default();
        if enough || timeout_at(deadline, changes.recv()).await.is_err() {
            return Ok(Json(entries).into_response());
        }
    }
}

#[derive(Deserialize)]
struct Letter {
    to: String,
    text: String,
    quoted: Option<String>,
    by: Option<By>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum By {
    Pn,
    Lid,
}

async fn send(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Result<Json<Letter>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(letter) = body?;
    let to = self::number(&letter.to)?;
    let by_lid = letter.by == Some(By::Lid);
    let handset = find(&world, &number)?;
    let id = handset.pick_up().send(&to, &letter.text, letter.quoted.as_deref(), by_lid)?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
struct WhichChat {
    chat: Option<String>,
}

async fn read(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Result<Json<WhichChat>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(body) = body?;
    let handset = find(&world, &number)?;
    let mut phone = handset.pick_up();
    let chats = match body.chat.as_deref().map(self::number).transpose()? {
        Some(chat) => vec![chat],
        None => phone.book.chats().into_iter().map(|chat| chat.with).collect(),
    };
    let read: usize = chats.iter().map(|chat| phone.read(chat)).sum();
    Ok(Json(json!({ "read": read })))
}

#[derive(Deserialize, Default)]
struct WhichDevice {
    device: Option<u16>,
}

async fn unlink(
    State(world): State<World>,
    Path(number): Path<String>,
    body: Option<Json<WhichDevice>>,
) -> Answer<Json<Value>> {
    let device = body.map(|Json(body)| body).unwrap_or_default().device;
    let unlinked = find(&world, &number)?.pick_up().unlink(device);
    Ok(Json(json!({ "unlinked": unlinked })))
}

async fn faults(State(world): State<World>) -> Json<Value> {
    Json(json!(world.server.faults().plan()))
}

async fn change_faults(
    State(world): State<World>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(mut changes) = body?;
    let malformed = |error: serde_json::Error| Refused(StatusCode::BAD_REQUEST, error.to_string());
    let actions: Vec<Action> =
        changes.remove("do").map(serde_json::from_value).transpose().map_err(malformed)?.unwrap_or_default();
    world.server.faults().change(&changes).map_err(malformed)?;
    let met: usize = actions.iter().map(|action| world.server.carry_out(action)).sum();
    let mut answer = json!(world.server.faults().plan());
    answer["met"] = json!(met);
    Ok(Json(answer))
}

async fn reset_faults(State(world): State<World>) -> Json<Value> {
    world.server.faults().reset();
    Json(json!(world.server.faults().plan()))
}

async fn stats(State(world): State<World>) -> impl IntoResponse {
    Json(world.server.stats.snapshot())
}

#[derive(Deserialize, Serialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn sightings(State(world): State<World>, Query(since): Query<Since>) -> impl IntoResponse {
    Json(world.server.stats.seen_since(since.since))
}

pub fn number(written: &str) -> Answer<String> {
    digits(written).ok_or_else(|| Refused(StatusCode::BAD_REQUEST, format!("{written:?} is no phone number")))
}

pub fn find(world: &World, written: &str) -> Answer<std::sync::Arc<Handset>> {
    let number = number(written)?;
    world
        .phones
        .get(&number)
        .ok_or_else(|| Refused(StatusCode::NOT_FOUND, format!("no phone {number} is switched on here")))
}
