//! The connect page as a browser has it: the page itself, then its socket (Socket.IO over WebSocket, as far as is needed).

use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::{SinkExt as _, StreamExt as _};
use salonbridge::app::page_token;
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use salonbridge::kernel::secret::Secret;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::process::JWT_SECRET;
use crate::seed::Salon;

const NAMESPACE: &str = "/whatsapp";
const PATIENCE: Duration = Duration::from_secs(60);

/// The token that a visit from the marketplace would have brought.
pub fn token(salon: &Salon) -> anyhow::Result<String> {
    let all = [salon.tenant.clone()];
    let secret = Secret::new(JWT_SECRET);
    Ok(page_token::sign(&secret, &salon.tenant, &all, SystemClock.now())?)
}

/// Opens the page and its socket.
pub async fn open(http: &reqwest::Client, product: &str, token: &str) -> anyhow::Result<Socket> {
    let page = http.get(format!("{product}/connect?token={token}")).send().await?.error_for_status()?;
    page.text().await?;
    Socket::open(product, token).await
}

/// Links a simulated phone to a salon, as its owner does.
pub async fn link(
    http: &reqwest::Client,
    product: &str,
    whatsapp: &str,
    salon: &Salon,
    number: &str,
) -> anyhow::Result<()> {
    let mut socket = open(http, product, &token(salon)?).await?;
    let code = socket.code().await?;
    let scan =
        http.post(format!("{whatsapp}/phones/{number}/scan")).json(&json!({"qr": code})).send().await?;
    let (status, said) = (scan.status(), scan.text().await?);
    anyhow::ensure!(status.is_success(), "the phone {number} could not scan: {status} {said}");
    socket.next("connected").await?;
    Ok(())
}

pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    async fn open(product: &str, token: &str) -> anyhow::Result<Self> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", product.replacen("http", "ws", 1));
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

    /// The first code on the page, by whichever event brings it.
    pub async fn code(&mut self) -> anyhow::Result<String> {
        loop {
            let event = self.event().await?;
            let code = if event[0] == "qr" { &event[1] } else { &event[1]["raw"] };
            if let Some(code) = code.as_str() {
                return Ok(code.to_owned());
            }
        }
    }

    /// The payload of the next event of this name.
    pub async fn next(&mut self, name: &str) -> anyhow::Result<Value> {
        loop {
            let event = self.event().await?;
            if event[0] == name {
                return Ok(event[1].clone());
            }
        }
    }

    async fn event(&mut self) -> anyhow::Result<Value> {
        loop {
            let frame = self.frame().await?;
            let Some(body) = frame.strip_prefix(&format!("42{NAMESPACE},")) else { continue };
            let event: Value = serde_json::from_str(body)?;
            if event[0] == "error" {
                bail!("the page was told of an error: {}", event[1]);
            }
            return Ok(event);
        }
    }

    /// The next frame that is not a ping.
    async fn frame(&mut self) -> anyhow::Result<String> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match next.context("the page's socket fell silent")?.context("the page's socket was closed")?? {
                Message::Text(text) if text.as_str() == "2" => self.stream.send(Message::text("3")).await?,
                Message::Text(text) => return Ok(text.as_str().to_owned()),
                _ => {}
            }
        }
    }
}
