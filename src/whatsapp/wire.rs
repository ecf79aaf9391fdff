//! What all sessions of the process share on the way to WhatsApp: one TLS configuration, one HTTP client.
//!
//! The library would make a TLS configuration per connection (27 KiB each).

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use http::{HeaderValue, Uri};
use tokio::net::TcpStream;
use tokio_websockets::ClientBuilder;
use whatsapp_rust::async_channel;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::transport::{
    Connector, Transport, TransportEvent, TransportFactory, default_tls_connector, from_websocket,
};
use whatsapp_rust::wacore::net::{WHATSAPP_WEB_ORIGIN, WHATSAPP_WEB_WS_URL};

use super::settings::Settings;
use super::vault::Vault;

/// The way to WhatsApp's socket, shared by every session.
///
/// Dialled here and not by the library's own factory, which leaves Nagle's algorithm on (it holds back a message for up to
/// 40 ms while an earlier stanza is unacknowledged) and tries one address of a name only.
#[derive(Clone)]
pub(super) struct Sockets(Arc<Dial>);

struct Dial {
    uri: Uri,
    connector: Connector,
}

const DIAL: Duration = Duration::from_secs(15);

impl Sockets {
    pub(super) fn new(settings: &Settings) -> anyhow::Result<Self> {
        Self::to(settings.ws_url.as_deref())
    }

    /// To this address; WhatsApp's own without one.
    pub(super) fn to(url: Option<&str>) -> anyhow::Result<Self> {
        install_crypto();
        let url = url.unwrap_or(WHATSAPP_WEB_WS_URL);
        let uri: Uri = url.parse().context("WhatsApp's address is no URL")?;
        let connector = match uri.scheme_str() {
            Some("ws") => Connector::Plain,
            Some("wss") => default_tls_connector(),
            _ => anyhow::bail!("WhatsApp's address must begin with wss:// or ws://"),
        };
        Ok(Self(Arc::new(Dial { uri, connector })))
    }
}

#[async_trait]
impl TransportFactory for Sockets {
    async fn create_transport(
        &self,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        tokio::time::timeout(DIAL, self.0.dial()).await.context("WhatsApp did not answer in time")?
    }
}

/// The same way for one that runs sessions under leases: the library reconnects by itself, and a process that was cut off must not
/// put out of the line whoever has taken its sessions over.
#[derive(Clone)]
pub(super) struct HeldSockets {
    pub(super) sockets: Sockets,
    pub(super) vault: Arc<dyn Vault>,
}

#[async_trait]
impl TransportFactory for HeldSockets {
    async fn create_transport(
        &self,
    ) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        anyhow::ensure!(self.vault.stands(), "another node may run this session by now");
        self.sockets.create_transport().await
    }
}

impl Dial {
    async fn dial(&self) -> anyhow::Result<(Arc<dyn Transport>, async_channel::Receiver<TransportEvent>)> {
        let host = self.uri.host().context("WhatsApp's address names no host")?;
        // In an address an IPv6 host stands in brackets; on the wire it does not.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let plain = matches!(self.connector, Connector::Plain);
        let port = self.uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let socket = TcpStream::connect((host, port)).await.context("WhatsApp cannot be reached")?;
        socket.set_nodelay(true)?;
        let stream = self.connector.wrap(host, socket).await.context("no TLS with WhatsApp")?;
        let builder = ClientBuilder::from_uri(self.uri.clone())
            .add_header(http::header::ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))?;
        let (socket, _) = builder.connect_on(stream).await.context("no WebSocket with WhatsApp")?;
        Ok(from_websocket(socket))
    }
}

/// The library's HTTP over our client: for what WhatsApp hands out by link (app state kept outside the stream).
#[derive(Clone)]
pub(super) struct Http(reqwest::Client);

impl Http {
    pub(super) fn new() -> anyhow::Result<Self> {
        install_crypto();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(2)
            .build()
            .context("no HTTP client")?;
        Ok(Self(client))
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        // A binary that believes forged certificates keeps off the real WhatsApp here too.
        #[cfg(feature = "sandbox")]
        super::guard::check(Some(&request.url)).map_err(anyhow::Error::msg)?;
        let method: reqwest::Method = request.method.parse().context("no HTTP method")?;
        let mut call = self.0.request(method, &request.url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let answer = call.send().await?;
        Ok(HttpResponse { status_code: answer.status().as_u16(), body: answer.bytes().await?.to_vec() })
    }
}

/// rustls wants one provider named per process; a second naming changes nothing.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
