//! The channel with real clients on the other end: npm's socket.io client, and our own page in a browser.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use socketioxide::SocketIo;
use tokio::process::Command;
use tokio::sync::broadcast;

use super::*;
use crate::domain::connect::ConnectStep;
use crate::kernel::clock::UnixMs;
use crate::kernel::phone::Phone;
use crate::views::connect::{FirstWay, Opening};
use crate::views::{Frame, Reader, assets, connect};

/// A door with a shelf of views behind it. It answers as the application would, and can be set to any state.
struct Desk {
    tenant: TenantId,
    view: Mutex<ConnectView>,
    now: AtomicI64,
    changes: broadcast::Sender<Change>,
    asked: Mutex<Vec<String>>,
}

impl Desk {
    fn new() -> Self {
        let (_, view) = shelf("preparing");
        Self {
            tenant: TenantId::new(UnixMs(1)),
            now: AtomicI64::new(view.as_of.0),
            view: Mutex::new(view),
            changes: broadcast::channel(64).0,
            asked: Mutex::default(),
        }
    }

    fn set(&self, name: &str) {
        let (_, mut view) = shelf(name);
        view.as_of = UnixMs(self.now.fetch_add(1, Ordering::SeqCst) + 1);
        *self.view.lock().expect("no panic holds it") = view;
        // Nobody listening is fine.
        let _ = self.changes.send(Change::View(self.tenant.clone()));
    }

    /// A token that is good for so long.
    fn visitor(&self, expires_in: Duration) -> Visitor {
        Visitor { tenant: self.tenant.clone(), locale: Locale::Ru, expires_in }
    }

    fn note(&self, what: impl Into<String>) {
        self.asked.lock().expect("no panic holds it").push(what.into());
    }
}

fn shelf(name: &str) -> (&'static str, ConnectView) {
    connect::samples().into_iter().find(|(known, _)| *known == name).expect("a sample of that name")
}

#[async_trait]
impl ConnectDoor for Desk {
    fn admit(&self, token: &str, company_id: Option<&str>) -> Result<Visitor, Refused> {
        match token {
            "good" if company_id.is_some_and(|id| id != self.tenant.as_str()) => Err(Refused::Foreign),
            "good" => Ok(self.visitor(Duration::from_secs(3600))),
            "brief" => Ok(self.visitor(Duration::from_millis(300))),
            "old" => Err(Refused::Expired),
            _ => Err(Refused::Wrong),
        }
    }

    fn marketplace_url(&self) -> String {
        "https://yclients.com/appstore/app/1".to_owned()
    }

    async fn view(&self, _: &TenantId) -> anyhow::Result<Scene> {
        let view = self.view.lock().expect("no panic holds it").clone();
        Ok(Scene { view, timezone: chrono_tz::Europe::Moscow })
    }

    async fn opened(&self, _: &TenantId) -> Result<(), DoorError> {
        Ok(())
    }

    async fn request_qr(&self, _: &TenantId) -> Result<(), DoorError> {
        self.note("qr");
        self.set("qr");
        Ok(())
    }

    async fn request_code(&self, _: &TenantId, phone: &str) -> Result<(), DoorError> {
        let phone = Phone::parse(phone).ok_or(DoorError::BadPhone)?;
        self.note(phone.digits());
        self.set("code-ask");
        self.set("code");
        Ok(())
    }

    async fn cancel(&self, _: &TenantId) -> Result<(), DoorError> {
        Ok(())
    }

    async fn act(&self, _: &TenantId, action: Action) -> Result<(), DoorError> {
        self.note(format!("{action:?}"));
        match action {
            Action::ConfirmNumber => self.set("syncing"),
            Action::TryAgain => return Err(DoorError::Yclients),
            _ => {}
        }
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

#[derive(Clone)]
struct Stand {
    desk: Arc<Desk>,
    io: SocketIo,
    down: Arc<AtomicBool>,
}

/// A server with the page, its assets, the channel, and strings for a test to pull.
async fn serve() -> (String, Arc<Desk>) {
    let desk = Arc::new(Desk::new());
    let (layer, io, pump) = layer(desk.clone());
    tokio::spawn(pump);
    let stand = Stand { desk: desk.clone(), io, down: Arc::default() };
    let app = Router::new()
        .route("/connect", get(page))
        .route("/static/{hash}/{*name}", get(asset))
        .route("/set/{name}", post(set))
        .route("/asked", get(asked))
        .route("/down/{down}", post(down))
        .layer(layer)
        .layer(axum::middleware::from_fn_with_state(stand.clone(), gate))
        .with_state(stand);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, desk)
}

async fn page(State(stand): State<Stand>, request: Request) -> Response {
    let scene = stand.desk.view(&stand.desk.tenant).await.expect("always there");
    let locale = if request.uri().query() == Some("lang=en") { Locale::En } else { Locale::Ru };
    let reader = Reader { locale, timezone: scene.timezone, marketplace_url: stand.desk.marketplace_url() };
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let company = stand.desk.tenant.as_str();
    let token = if request.uri().query() == Some("token=old") { "old" } else { "good" };
    let way = FirstWay::hinted(agent.unwrap_or_default());
    let opening = Opening { token, company_id: company, way };
    let html = connect::page(Frame::new(locale, "7QK2M4XD"), &scene.view, &reader, &opening);
    ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'")], Html(html)).into_response()
}

async fn asset(Path((_, name)): Path<(String, String)>) -> Response {
    let asset = assets::find(&name).expect("known");
    ([(header::CONTENT_TYPE, asset.media_type)], asset.bytes).into_response()
}

async fn set(State(stand): State<Stand>, Path(name): Path<String>) {
    stand.desk.set(&name);
}

async fn asked(State(stand): State<Stand>) -> String {
    stand.desk.asked.lock().expect("no panic holds it").join(" ")
}

/// Closes every connection, and lets none in until it is lifted.
async fn down(State(stand): State<Stand>, Path(down): Path<bool>) {
    stand.down.store(down, Ordering::SeqCst);
    if down && let Some(namespace) = stand.io.of(NAMESPACE) {
        namespace.disconnect().await.expect("they go");
    }
}

async fn gate(State(stand): State<Stand>, request: Request, next: Next) -> Response {
    if stand.down.load(Ordering::SeqCst) && request.uri().path().starts_with("/socket.io") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

async fn node(script: &str, base: &str, desk: &Desk) {
    let script = format!("{}/tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let foreign = TenantId::new(UnixMs(2));
    assert_ne!(foreign, desk.tenant);
    let output = Command::new("node")
        .arg(script)
        .env("BASE_URL", base)
        .envs([
            ("TOKEN", "good"),
            ("BRIEF_TOKEN", "brief"),
            ("EXPIRED_TOKEN", "old"),
            ("FOREIGN_COMPANY", foreign.as_str()),
        ])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("node is needed: bin/test installs it");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n(a package or the browser missing? bin/test installs them)");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_npm_client_gets_along_with_us() {
    let (base, desk) = serve().await;
    node("socketio/run.mjs", &base, &desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_the_server_in_a_browser() {
    let (base, desk) = serve().await;
    node("browser/connect.mjs", &base, &desk).await;
    assert!(matches!(desk.view.lock().expect("free").step, ConnectStep::Linked { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_changes_is_told_as_one_or_two_readings() {
    let desk = Arc::new(Desk::new());
    let (_layer, _io, pump) = layer(desk.clone());
    for _ in 0..200 {
        // More than the channel holds: the pump is told that it lagged, and goes on.
        let _ = desk.changes.send(Change::View(desk.tenant.clone()));
    }
    let pump = tokio::spawn(pump);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!pump.is_finished());
    pump.abort();
}
