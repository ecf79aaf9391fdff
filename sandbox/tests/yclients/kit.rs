//! A sandbox of its own for every test, a receiver for what it posts, and bounded waiting.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, http::Uri};
use reqwest::{Method, RequestBuilder, Response};
use salonbridge_sandbox::yclients::{self, Settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub const SALON: i64 = 990_101;
pub const MARIA: i64 = 1_500_101;
pub const OLGA: i64 = 1_500_102;
pub const MANICURE: i64 = 7_700_201;

pub struct Sandbox {
    pub base: String,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Sandbox {
    /// Without the limit and without the delay: tests that want them say so.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { rate_limit: false, hook_delay_ms: 0, ..Settings::default() };
        change(&mut settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(yclients::serve(listener, Box::new(settings), stop.clone()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(redirect).no_proxy().build().unwrap();
        Self { base, http, stop }
    }

    /// A demo salon with the application installed and hooks going to the receiver.
    pub async fn connected(change: impl FnOnce(&mut Settings)) -> (Self, Receiver) {
        let receiver = Receiver::start().await;
        let sandbox = Self::with(change).await;
        sandbox.install(SALON, &receiver).await;
        (sandbox, receiver)
    }

    pub async fn install(&self, salon: i64, receiver: &Receiver) {
        self.admin(Method::POST, &format!("/salons/{salon}/install"), json!({})).await;
        let body =
            json!({"salon_id": salon, "application_id": 4242, "webhook_urls": [receiver.url("/hook")]});
        let answer =
            self.partner(Method::POST, "/marketplace/partner/callback").json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    pub fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// With the partner token alone.
    pub fn partner(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .header("Accept", "application/vnd.yclients.v2+json")
            .header("Authorization", "Bearer sandbox-partner-token")
    }

    /// With partner and system user.
    pub fn user(&self, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path)
            .header("Accept", "application/vnd.yclients.v2+json")
            .header("Authorization", "Bearer sandbox-partner-token, User sandbox-system-user-token")
    }

    pub async fn get(&self, path: &str) -> Value {
        read(self.user(Method::GET, path).send().await.unwrap()).await.1
    }

    pub async fn admin(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self.bare(method, &format!("/admin{path}"));
        let answer = if body.is_null() { request } else { request.json(&body) }.send().await.unwrap();
        let (status, body) = read(answer).await;
        assert!(status < 300, "{path}: {status} {body}");
        body
    }

    /// A record by the desk; answers its number.
    pub async fn record(&self, body: Value) -> i64 {
        let made = self.admin(Method::POST, &format!("/salons/{SALON}/records"), body).await;
        made["id"].as_i64().unwrap()
    }

    /// The log of hooks, once `done` is content with it.
    pub async fn hook_log(&self, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        until(async || {
            let log = self.admin(Method::GET, "/hooks", Value::Null).await;
            let lines = log["hooks"].as_array().unwrap().clone();
            done(&lines).then_some(lines)
        })
        .await
    }
}

/// Status and body; `null` where there is none.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

pub fn fixture(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/yclients/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Looks until there is something to see, for ten seconds at most.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(seen) = look().await {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}

/// The application's side: keeps what is posted and answers as told.
#[derive(Clone)]
pub struct Receiver {
    base: String,
    got: Arc<Mutex<Vec<Got>>>,
    answer: Arc<AtomicU16>,
}

#[derive(Clone)]
pub struct Got {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { base, got: Arc::default(), answer: Arc::new(AtomicU16::new(200)) };
        let app = Router::new().fallback(keep).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn answer_with(&self, status: u16) {
        self.answer.store(status, Ordering::SeqCst);
    }

    pub fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// Bodies about records, once there are so many.
    pub async fn records(&self, count: usize) -> Vec<Value> {
        until(async || {
            let all = self.got().into_iter().map(|got| got.body);
            let records: Vec<_> = all.filter(|body| body["resource"] == "record").collect();
            (records.len() >= count).then_some(records)
        })
        .await
    }
}

async fn keep(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body)));
    receiver.got.lock().unwrap().push(Got { path: uri.path().to_owned(), headers, body });
    StatusCode::from_u16(receiver.answer.load(Ordering::SeqCst)).unwrap()
}
