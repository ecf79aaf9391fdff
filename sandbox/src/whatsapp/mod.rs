//! WhatsApp on loopback: the web protocol as WhatsApp Web clients speak it, with simulated phones.
//!
//! One listener serves three things: `GET /ws/chat`, the WebSocket a client connects to; pages that show the phones; and an
//! admin API in JSON. Numbers may be written with or without `+`.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /health` | | `{"ok":true,"root_key":hex}`: the root of the certificate chain |
//! | `POST /phones` | `{"number","name"?,"lid_migrated"?,"hosted"?,"shows_repeats"?}` or a list of them | 201 (200 if it was there): a card, or a list |
//! | `GET /phones` | | cards: `{"number","name","jid","lid","companions":[device],"code_wanted","messages","gaps","unread"}`: `gaps` are messages it could not open |
//! | `GET /phones/{number}` | | one card |
//! | `GET /phones/{number}/devices` | | `[{"device","online","active","one_time_keys","unacknowledged","push_name"}]` |
//! | `POST /phones/{number}/scan` | `{"qr"}` | `{"jid","lid","device"}` once the companion has signed |
//! | `POST /phones/{number}/scan-picture` | a PNG or JPEG of a screen, up to 8 MB | the same, for the code in the picture |
//! | `POST /phones/{number}/code` | `{"code"}` | the same |
//! | `GET /phones/{number}/messages` | `?chat=&count=&wait_ms=` | messages, see below |
//! | `POST /phones/{number}/send` | `{"to","text","quoted"?,"by"?}` | `{"id"}`; `by` is `"pn"` or `"lid"` |
//! | `POST /phones/{number}/read` | `{"chat"?}` | `{"read":n}`, and read receipts go out |
//! | `POST /phones/{number}/unlink` | `{"device"?}` | `{"unlinked":n}` |
//! | `GET /faults` · `POST /faults` · `DELETE /faults` | changes | the plan, see "Faults" below |
//! | `GET /stats` | | counters and the instants of the last stanza and message, unix microseconds |
//! | `GET /stats/messages` | `?since=` | `[{"id","from","to","at_us"}]`: when each message stanza was taken off the wire |
//!
//! A message is `{"id","chat","from","to","direction":"in"|"out","text","quoted","timestamp","status","ticks","error",
//! "device","addressing":"pn"|"lid","at_us"}`; `timestamp` is in unix milliseconds, `status` is one of `pending`, `failed`,
//! `sent`, `delivered`, `read`. With `count` and `wait_ms` the answer waits until there are so many messages.
//!
//! A `hosted` phone is a business account kept by a provider: it seals a companion's identity in a way that some clients
//! refuse. `lid_migrated` phones tell their companions to keep chats by LID. A phone that `shows_repeats` shows a message that was
//! said twice under one id twice; the others show it once. Nobody says what WhatsApp's own app does: whoever sends must be right
//! with both. (What a phone asked to have said again fills its gap, and is shown once by either.)
//!
//! Errors are `{"error":sentence}` with 400 (malformed), 404 (no such phone), 409, 410 or 422 (refused, expired, wrong code)
//! and 504 (the companion did not answer). For a picture: 400 (its code is not WhatsApp's), 413 (too large), 415 (no picture) and
//! 422 (no code in it).
//!
//! # Faults
//!
//! `POST /faults` lays its keys over the plan; `null` restores a key's default. `{"do":[…]}` acts once:
//! `"*"` is everyone, and the answer says in `met` how many companions it met:
//! `{"logout":number}`, `{"replace":number}`, `{"close":number}`, `{"stream_error":{"number","code"}}`.
//! `next` counts down and 0 means all; shares are between 0 and 1; a script counts what companions send.
//!
//! ```json
//! {"seed":4711,
//!  "nack":{"code":463,"next":2,"number":"79990000001"},
//!  "receipts":{"drop":0.3,"double":0.1,"late":0.5,"late_ms":800,"reorder":false},
//!  "connect":{"reason":402,"next":1,"number":"79990000001","code":101,"expire":3600},
//!  "refs":{"count":6,"first_ms":60000,"next_ms":20000,"grace_ms":5000},
//!  "no_acks":false,"garble":1,"lose_requests":0,"slow_ms":0,"silent":false,
//!  "script":[{"at_message":2,"set":{"no_acks":true},"do":[{"logout":"79990000001"}]}]}
//! ```

mod admin;
mod noise;
mod origin;
mod pages;
mod phone;
mod picture;
mod server;
mod socket;
mod wire;
mod words;

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{State, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::phone::{NewPhone, Phones};
use self::server::Server;

/// How long requests in flight may take to finish after the stop.
const FAREWELL: Duration = Duration::from_secs(1);
/// The largest WebSocket message a client may send.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;
/// Small, as a thousand connections each hold one.
const READ_BUFFER: usize = 4 * 1024;

/// What the operator of the sandbox may choose at start.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Phones to switch on at once: NUMBER or NUMBER=NAME, as often as needed.
    #[arg(long = "phone", value_name = "NUMBER[=NAME]")]
    pub phones: Vec<String>,
}

/// Everything a request may need.
#[derive(Clone)]
pub(crate) struct World {
    server: Arc<Server>,
    phones: Arc<Phones>,
    stop: CancellationToken,
}

/// Serves on `listener` until `stop` is cancelled.
pub async fn serve(listener: TcpListener, options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    let server = Server::new()?;
    let phones = Phones::new(Arc::clone(&server), stop.clone());
    for wanted in &options.phones {
        let (number, name) = wanted.split_once('=').unwrap_or((wanted, ""));
        let number = wire::digits(number).ok_or_else(|| anyhow::anyhow!("{wanted:?} is no phone number"))?;
        phones.switch_on(&number, NewPhone { name: name.to_owned(), ..NewPhone::default() })?;
    }
    let world = World { server, phones, stop: stop.clone() };
    let app = Router::new()
        .merge(admin::routes())
        .merge(pages::routes())
        .layer(axum::middleware::from_fn(origin::loopback_only))
        // Web clients name the real WhatsApp as their origin, so this one route takes any.
        .route("/ws/chat", get(chat))
        .with_state(world);
    let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        served = serving.into_future() => served?,
        // Whoever waits for a message to come may wait a minute; nobody waits that long for a server to go.
        () = async { stop.cancelled().await; tokio::time::sleep(FAREWELL).await } => {}
    }
    Ok(())
}

async fn chat(State(world): State<World>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .on_upgrade(move |socket| socket::serve(socket, world.server, world.stop))
}
