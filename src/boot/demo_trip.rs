//! The demo's trip, unattended: the steps of a person, over the same wires, timed.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::demo::World;

pub const SALON: i64 = 990_101;
pub const SALON_PHONE: &str = "79000000099";
pub const CLIENT_PHONE: &str = "79000000001";
/// Longer than any step may take on a slow machine; the trip fails rather than hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// What `--json` prints. Times in milliseconds.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub ok: bool,
    /// From the visit of the marketplace's address to the connect page's first byte.
    pub install_ms: f64,
    /// From opening the connect page to the first code on it.
    pub first_qr_ms: f64,
    /// From the scan to "connected".
    pub paired_ms: f64,
    /// From the owner's "yes" to an active salon.
    pub activated_ms: f64,
    /// The slowest answer to a hook.
    pub hook_ack_ms: f64,
    /// From the hook's arrival to the message on the client's phone, without the settle window's length; the slowest.
    pub hook_to_phone_ms: f64,
    pub messages: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A message as the client's phone decrypted it.
#[derive(Debug, Serialize)]
pub struct Told {
    pub kind: &'static str,
    pub to: String,
    pub text: String,
    pub status: String,
}

impl Report {
    #[must_use]
    pub fn prose(&self) -> String {
        let mut text = format!(
            "installed in {:.0} ms, first code after {:.0} ms, linked in {:.0} ms, active in {:.0} ms\nhook answered in {:.1} ms, on \
             the phone after {:.0} ms\n",
            self.install_ms,
            self.first_qr_ms,
            self.paired_ms,
            self.activated_ms,
            self.hook_ack_ms,
            self.hook_to_phone_ms
        );
        for message in &self.messages {
            text.push_str(&format!("\n--- {} ({})\n{}\n", message.kind, message.status, message.text));
        }
        if let Some(error) = &self.error {
            text.push_str(&format!("\nIt went wrong: {error}\n"));
        }
        text
    }
}

pub async fn walk(world: &World) -> Report {
    let mut report = Report::default();
    match steps(world, &mut report).await {
        Ok(()) => report.ok = true,
        Err(error) => report.error = Some(format!("{error:#}")),
    }
    report
}

async fn steps(world: &World, report: &mut Report) -> anyhow::Result<()> {
    let trip = Trip::new(world)?;
    let page = trip.install(report).await?;
    trip.link(&page, report).await?;
    let record = trip.tell(report, "confirmation", trip.book()).await?;
    trip.tell(report, "change", trip.change(&record)).await?;
    trip.tell(report, "cancel", trip.remove(&record)).await?;
    trip.measure_hooks(report).await
}

/// Hands on the world: a browser, a marketplace's button, a phone.
pub struct Trip {
    product_url: String,
    yclients_url: String,
    whatsapp_url: String,
    http: reqwest::Client,
}

/// What the browser knows of the connect page.
pub struct Page {
    pub token: String,
    opened: Instant,
}

impl Trip {
    pub fn new(world: &World) -> anyhow::Result<Self> {
        Self::among(&world.product_url, &world.yclients_url, &world.whatsapp_url)
    }

    /// The same by addresses alone.
    pub fn among(product: &str, yclients: &str, whatsapp: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self {
            product_url: product.to_owned(),
            yclients_url: yclients.to_owned(),
            whatsapp_url: whatsapp.to_owned(),
            http,
        })
    }

    /// Consent in the marketplace, then follow the redirects like a browser.
    pub async fn install(&self, report: &mut Report) -> anyhow::Result<Page> {
        let consent = self.crm("POST", &format!("/admin/salons/{SALON}/install"), &json!({})).await?;
        let visit = consent["redirect_url"].as_str().context("the marketplace sends the browser nowhere")?;
        let began = Instant::now();
        let answer = self.http.get(visit).send().await?;
        let location = answer.headers().get("location").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let Some(location) = location else { bail!("the visit was answered with {}", answer.status()) };
        let opened = Instant::now();
        let page =
            self.http.get(format!("{}{location}", self.product_url)).send().await?.error_for_status()?;
        report.install_ms = ms(began);
        page.text().await?;
        let token = location.split_once("token=").map(|(_, t)| t.split('&').next().unwrap_or(t).to_owned());
        Ok(Page { token: token.context("no token in the page's address")?, opened })
    }

    /// Reads the page's socket as the page does: the code, the linking, the activation.
    pub async fn link(&self, page: &Page, report: &mut Report) -> anyhow::Result<()> {
        let mut socket = self.scan(page, report).await?;
        let confirmed = Instant::now();
        socket.send("confirm-number").await?;
        socket.next("activated").await?;
        report.activated_ms = ms(confirmed);
        Ok(())
    }

    /// The code from the page, onto the phone; the page's socket once it says that the phone is linked.
    pub async fn scan(&self, page: &Page, report: &mut Report) -> anyhow::Result<Socket> {
        let mut socket = Socket::open(&self.product_url, &page.token).await?;
        let code = loop {
            let state = socket.next("state").await?;
            if let Some(code) = state.get("raw").and_then(Value::as_str) {
                break code.to_owned();
            }
        };
        report.first_qr_ms = ms(page.opened);
        let scanned = Instant::now();
        self.wa("POST", &format!("/phones/{SALON_PHONE}/scan"), &json!({"qr": code})).await?;
        socket.next("connected").await?;
        report.paired_ms = ms(scanned);
        Ok(socket)
    }

    pub async fn book(&self) -> anyhow::Result<String> {
        let record = self
            .crm("POST", &format!("/admin/salons/{SALON}/records"), &json!({
                "client": {"name": "Анна", "phone": CLIENT_PHONE}, "staff_id": 1_500_101, "services": [7_700_201],
                "datetime": visit_time(3, 15), "length": 5400,
            }))
            .await?;
        Ok(record["id"].to_string().trim_matches('"').to_owned())
    }

    async fn change(&self, record: &str) -> anyhow::Result<String> {
        self.crm("PATCH", &format!("/admin/records/{record}"), &json!({"datetime": visit_time(4, 11)}))
            .await?;
        Ok(record.to_owned())
    }

    async fn remove(&self, record: &str) -> anyhow::Result<String> {
        self.crm("DELETE", &format!("/admin/records/{record}"), &Value::Null).await?;
        Ok(record.to_owned())
    }

    /// Does something in the journal and waits until the client's phone has decrypted what it gives rise to.
    async fn tell(
        &self,
        report: &mut Report,
        kind: &'static str,
        act: impl Future<Output = anyhow::Result<String>>,
    ) -> anyhow::Result<String> {
        let before = self.received().await?.len();
        let record = act.await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let path = format!("/phones/{CLIENT_PHONE}/messages?count={}&wait_ms=5000", before + 1);
            self.wa("GET", &path, &Value::Null).await?;
            let received = self.received().await?;
            if let Some(message) = received.get(before) {
                let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
                report.messages.push(Told {
                    kind,
                    to: text("to"),
                    text: text("text"),
                    status: text("status"),
                });
                return Ok(record);
            }
            if Instant::now() > deadline {
                bail!("the client's phone never showed the {kind}");
            }
        }
    }

    /// Incoming messages on the client's phone, oldest first.
    pub async fn received(&self) -> anyhow::Result<Vec<Value>> {
        let all = self.wa("GET", &format!("/phones/{CLIENT_PHONE}/messages"), &Value::Null).await?;
        let list = all.as_array().or_else(|| all["messages"].as_array()).cloned().unwrap_or_default();
        Ok(list.into_iter().filter(|m| m["direction"] == "in").collect())
    }

    /// What the marketplace saw of its hooks, and how long after them the messages came.
    async fn measure_hooks(&self, report: &mut Report) -> anyhow::Result<()> {
        let log = self.crm("GET", "/admin/hooks?resource=record", &Value::Null).await?;
        let hooks = log["hooks"].as_array().cloned().unwrap_or_default();
        report.hook_ack_ms = hooks.iter().filter_map(|h| h["latency_ms"].as_f64()).fold(0.0, f64::max);
        let answered = |event: &str| {
            hooks
                .iter()
                .filter(|h| h["event"] == event)
                .filter_map(|h| instant_ms(&h["sent_at"]))
                .reduce(f64::min)
        };
        let received = self.received().await?;
        for (event, message) in ["create", "update", "delete"].iter().zip(&received) {
            if let (Some(hook), Some(seen)) = (answered(event), message["at_us"].as_f64()) {
                report.hook_to_phone_ms = report.hook_to_phone_ms.max(seen / 1000.0 - hook);
            }
        }
        Ok(())
    }

    pub async fn crm(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(method, &format!("{}{path}", self.yclients_url), body).await
    }

    pub async fn wa(&self, method: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(method, &format!("{}{path}", self.whatsapp_url), body).await
    }

    async fn call(&self, method: &str, url: &str, body: &Value) -> anyhow::Result<Value> {
        let mut request = self.http.request(method.parse()?, url).timeout(PATIENCE);
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{method} {url}: {status} {text}");
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

fn instant_ms(value: &Value) -> Option<f64> {
    let parsed = chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 stay below 2^53")]
    Some(parsed.timestamp_micros() as f64 / 1000.0)
}

/// A visit so many days from now, salon local time as the journal writes it.
pub fn visit_time(days: i64, hour: u32) -> String {
    use crate::kernel::clock::{Clock as _, SystemClock};
    let today = crate::domain::dates::local(SystemClock.now(), chrono_tz::Europe::Moscow).date();
    format!("{} {hour:02}:00:00", today + chrono::Duration::days(days))
}

fn ms(began: Instant) -> f64 {
    (began.elapsed().as_secs_f64() * 10_000.0).round() / 10.0
}

/// A connect page's socket: Socket.IO over WebSocket, as far as the trip needs it.
pub struct Socket {
    stream: tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
}

const NAMESPACE: &str = "/whatsapp";

impl Socket {
    pub async fn open(product: &str, token: &str) -> anyhow::Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", product.replace("http://", "ws://"));
        let (stream, _) = tokio_tungstenite::connect_async(url).await?;
        let mut socket = Self { stream };
        socket.frame().await?;
        socket.stream.send(Message::text(format!("40{NAMESPACE},{}", json!({"token": token})))).await?;
        let greeting = socket.frame().await?;
        if !greeting.starts_with("40") {
            bail!("the page's socket was refused: {greeting}");
        }
        Ok(socket)
    }

    pub async fn send(&mut self, event: &str) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(format!("42{NAMESPACE},{}", json!([event])))).await?)
    }

    pub async fn send_with(&mut self, event: &str, data: &Value) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(format!("42{NAMESPACE},{}", json!([event, data])))).await?)
    }

    /// The payload of the next event of this name; an `error` event ends the trip.
    pub async fn next(&mut self, name: &str) -> anyhow::Result<Value> {
        loop {
            let frame = self.frame().await?;
            let Some(body) = frame.strip_prefix(&format!("42{NAMESPACE},")) else { continue };
            let event: Value = serde_json::from_str(body)?;
            if event[0] == "error" {
                bail!("the page was told of an error: {}", event[1]);
            }
            if event[0] == name {
                return Ok(event[1].clone());
            }
        }
    }

    /// The next frame that is not a ping.
    async fn frame(&mut self) -> anyhow::Result<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next())
                .await
                .context("the page's socket fell silent")?;
            match next.context("the page's socket was closed")?? {
                Message::Text(text) if text.as_str() == "2" => self.stream.send(Message::text("3")).await?,
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                _ => {}
            }
        }
    }
}
