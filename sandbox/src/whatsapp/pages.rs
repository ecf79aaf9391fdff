//! The phones as one sees them: a list, and each phone with its chats, its ticks and a camera for codes.
//!
//! Plain forms do the work, so everything but scanning a picture can be done without script; the scripts keep what is shown
//! fresh, and are the camera's shutter.

use std::convert::Infallible;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::{Local, TimeZone as _, Utc};
use futures::{Stream, StreamExt as _};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use super::World;
use super::admin::{await_link, find, number, type_code};
use super::phone::book::{Chat, Direction, Entry, Status};
use super::phone::{Card, NewPhone as Settings, Phone};
use super::words;

/// Nothing from elsewhere, nothing inline; other pages on this machine may show a phone in a frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors http://127.0.0.1:* http://localhost:*";
const SCRIPT: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
/// A burst of changes is one change to the eye.
const CALM: Duration = Duration::from_millis(80);

pub fn routes() -> Router<World> {
    Router::new()
        .route("/", get(index))
        .route("/list", get(list))
        .route("/phone", post(create))
        .route("/phone/{number}", get(show))
        .route("/phone/{number}/screen", get(screen))
        .route("/phone/{number}/devices", get(devices))
        .route("/phone/{number}/scan", post(scan))
        .route("/phone/{number}/code", post(code))
        .route("/phone/{number}/send", post(send))
        .route("/phone/{number}/read", post(read))
        .route("/phone/{number}/unlink", post(unlink))
        .route("/events", get(events))
        .route("/static/phone.css", get(css))
        .route("/static/phone.js", get(js))
        .route("/static/camera.js", get(camera))
        .route("/static/icon.svg", get(icon))
}

#[derive(Template)]
#[template(path = "whatsapp/index.html")]
struct IndexPage {
    phones: Vec<Card>,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "whatsapp/list.html")]
struct ListPart {
    phones: Vec<Card>,
}

#[derive(Template)]
#[template(path = "whatsapp/phone.html")]
struct PhonePage {
    card: Card,
    screen: Screen,
    qr: String,
    scan_now: bool,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "whatsapp/devices.html")]
struct DevicesPart {
    card: Card,
}

#[derive(Template)]
#[template(path = "whatsapp/screen.html")]
struct ScreenPart {
    screen: Screen,
}

/// What the display shows: one chat, or the list of them.
struct Screen {
    number: String,
    open: Option<String>,
    title: String,
    chats: Vec<ChatLine>,
    bubbles: Vec<Bubble>,
    unread: usize,
}

struct ChatLine {
    with: String,
    title: String,
    last: String,
    time: Moment,
    unread: usize,
}

struct Bubble {
    id: String,
    ours: bool,
    text: String,
    quoted: Option<String>,
    time: Moment,
    ticks: &'static str,
    /// Which device wrote it, where that is not the phone.
    from_companion: bool,
}

async fn index(State(world): State<World>, Query(view): Query<View>) -> Response {
    page(&IndexPage { phones: cards(&world), note: view.note })
}

async fn list(State(world): State<World>) -> Response {
    page(&ListPart { phones: cards(&world) })
}

#[derive(Deserialize)]
struct NewPhone {
    number: String,
    #[serde(default)]
    name: String,
}

async fn create(State(world): State<World>, Form(new): Form<NewPhone>) -> Response {
    let made = number(&new.number).ok().and_then(|number| {
        let wanted = Settings { name: new.name.trim().to_owned(), ..Settings::default() };
        world.phones.switch_on(&number, wanted).ok()?;
        Some(number)
    });
    match made {
        Some(number) => Redirect::to(&format!("/phone/{number}")).into_response(),
        None => Redirect::to(&with_note("/?", "Это не похоже на номер")).into_response(),
    }
}

#[derive(Deserialize, Default)]
struct View {
    chat: Option<String>,
    qr: Option<String>,
    scan: Option<String>,
    note: Option<String>,
}

async fn show(State(world): State<World>, Path(written): Path<String>, Query(view): Query<View>) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let phone = handset.pick_up();
    page(&PhonePage {
        card: phone.card(),
        screen: screen_of(&phone, view.chat.as_deref()),
        qr: view.qr.unwrap_or_default(),
        scan_now: view.scan.is_some(),
        note: view.note,
    })
}

async fn screen(
    State(world): State<World>,
    Path(written): Path<String>,
    Query(view): Query<View>,
) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    page(&ScreenPart { screen: screen_of(&handset.pick_up(), view.chat.as_deref()) })
}

async fn devices(State(world): State<World>, Path(written): Path<String>) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let card = handset.pick_up().card();
    page(&DevicesPart { card })
}

#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    qr: String,
    #[serde(default)]
    code: String,
}

async fn scan(State(world): State<World>, Path(written): Path<String>, Form(form): Form<Typed>) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let begun = handset.pick_up().scan(&form.qr);
    let outcome = match begun {
        Ok(outcome) => await_link(outcome).await,
        Err(error) => Err(error),
    };
    told(&written, outcome.map(|_| "Устройство связано").map_err(|error| words::of_link(&error)))
}

async fn code(State(world): State<World>, Path(written): Path<String>, Form(form): Form<Typed>) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let outcome = type_code(&handset, form.code).await;
    told(&written, outcome.map(|_| "Устройство связано").map_err(|error| words::of_link(&error)))
}

#[derive(Deserialize)]
struct Letter {
    to: String,
    text: String,
    #[serde(default)]
    quoted: String,
}

async fn send(
    State(world): State<World>,
    Path(written): Path<String>,
    Form(letter): Form<Letter>,
) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let back = format!("/phone/{written}?");
    let Ok(to) = number(&letter.to) else {
        return Redirect::to(&with_note(&back, "Это не похоже на номер")).into_response();
    };
    let back = format!("/phone/{written}?chat={to}");
    let quoted = Some(letter.quoted.as_str()).filter(|id| !id.is_empty());
    let text = letter.text.trim();
    if text.is_empty() {
        return Redirect::to(&back).into_response();
    }
    match handset.pick_up().send(&to, text, quoted, false) {
        Ok(_) => Redirect::to(&back).into_response(),
        Err(error) => {
            Redirect::to(&with_note(&format!("{back}&"), &words::of_sending(&error))).into_response()
        }
    }
}

#[derive(Deserialize)]
struct WhichChat {
    chat: String,
}

async fn read(
    State(world): State<World>,
    Path(written): Path<String>,
    Form(form): Form<WhichChat>,
) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    let chat = number(&form.chat).unwrap_or_default();
    handset.pick_up().read(&chat);
    Redirect::to(&format!("/phone/{written}?chat={chat}")).into_response()
}

async fn unlink(State(world): State<World>, Path(written): Path<String>) -> Response {
    let Ok(handset) = find(&world, &written) else { return missing() };
    handset.pick_up().unlink(None);
    told(&written, Ok("Все устройства отвязаны"))
}

/// Says whose phone changed, at most so often as an eye can follow.
async fn events(State(world): State<World>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stop = world.stop.clone();
    let changes = futures::stream::unfold(world.phones.changes(), |mut changes| async move {
        let first = match changes.recv().await {
            Ok(number) => number,
            Err(RecvError::Lagged(_)) => "*".to_owned(),
            Err(RecvError::Closed) => return None,
        };
        tokio::time::sleep(CALM).await;
        let mut whose = vec![first];
        while let Ok(number) = changes.try_recv() {
            if !whose.contains(&number) {
                whose.push(number);
            }
        }
        Some((Ok(Event::default().data(whose.join(" "))), changes))
    });
    Sse::new(changes.take_until(stop.cancelled_owned())).keep_alive(KeepAlive::default())
}

async fn css() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../static/whatsapp/phone.css"))
}

async fn js() -> impl IntoResponse {
    (SCRIPT, include_str!("../../static/whatsapp/phone.js"))
}

async fn camera() -> impl IntoResponse {
    (SCRIPT, include_str!("../../static/whatsapp/camera.js"))
}

async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../../static/whatsapp/icon.svg"))
}

fn cards(world: &World) -> Vec<Card> {
    world.phones.all().iter().map(|handset| handset.pick_up().card()).collect()
}

fn screen_of(phone: &Phone, open: Option<&str>) -> Screen {
    let open = open.and_then(|written| number(written).ok());
    let chats = phone.book.chats();
    let unread = chats.iter().find(|chat| Some(&chat.with) == open.as_ref()).map_or(0, |chat| chat.unread);
    let bubbles = match &open {
        Some(chat) => phone.book.entries(Some(chat)).into_iter().map(|it| bubble(phone, it)).collect(),
        None => Vec::new(),
    };
    Screen {
        number: phone.number.clone(),
        title: open.as_deref().map(|chat| name_of(phone, chat)).unwrap_or_default(),
        open,
        chats: chats.into_iter().map(|chat| chat_line(phone, chat)).collect(),
        bubbles,
        unread,
    }
}

fn name_of(phone: &Phone, chat: &str) -> String {
    phone.names.get(chat).cloned().unwrap_or_else(|| format!("+{chat}"))
}

fn chat_line(phone: &Phone, chat: Chat) -> ChatLine {
    ChatLine {
        title: name_of(phone, &chat.with),
        time: Moment::of(chat.last.timestamp),
        last: chat.last.text.chars().take(60).collect(),
        with: chat.with,
        unread: chat.unread,
    }
}

fn bubble(phone: &Phone, entry: Entry) -> Bubble {
    let ours = entry.direction == Direction::Out;
    let quoted = entry.quoted.as_deref().map(|id| {
        phone.book.find(id).map_or_else(|| "…".to_owned(), |it| it.text.chars().take(120).collect())
    });
    let ticks = match (ours, entry.status) {
        (false, _) => "none",
        (_, Status::Pending) => "pending",
        (_, Status::Failed) => "failed",
        (_, Status::Sent) => "one",
        (_, Status::Delivered) => "two",
        (_, Status::Read) => "blue",
    };
    Bubble {
        ours,
        quoted,
        ticks,
        time: Moment::of(entry.timestamp),
        from_companion: ours && entry.device != 0,
        id: entry.id,
        text: entry.text,
    }
}

/// A time as a clock shows it: this machine's, until the reader's browser puts its own there.
struct Moment {
    clock: String,
    utc: String,
}

impl Moment {
    fn of(unix_ms: u64) -> Self {
        let at = i64::try_from(unix_ms).ok().and_then(|ms| Utc.timestamp_millis_opt(ms).single());
        Self {
            clock: at.map(|at| at.with_timezone(&Local).format("%H:%M").to_string()).unwrap_or_default(),
            utc: at.map(|at| at.to_rfc3339()).unwrap_or_default(),
        }
    }
}

fn told(number: &str, outcome: Result<&str, String>) -> Response {
    let note = outcome.map_or_else(|error| error, str::to_owned);
    Redirect::to(&with_note(&format!("/phone/{number}?"), &note)).into_response()
}

fn with_note(path: &str, note: &str) -> String {
    let note: String = url::form_urlencoded::byte_serialize(note.as_bytes()).collect();
    format!("{path}note={note}")
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Html("<!doctype html><title>404</title><p>Такой телефон не включён.</p>"))
        .into_response()
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let policy = HeaderValue::from_static(POLICY);
            ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
