//! Can WhatsApp be reached from here? For whoever looks for what is wrong.

use std::sync::Arc;

use anyhow::Context as _;
use whatsapp_rust::http::HttpClient;
use whatsapp_rust::transport::TransportFactory as _;
use whatsapp_rust::version::fetch_latest_app_version;

use super::wire::{Http, Sockets};

/// Opens a socket as a session does and closes it again; of the real WhatsApp it also asks for the version it wants.
pub async fn look(url: Option<&str>) -> anyhow::Result<String> {
    let (transport, _events) = Sockets::to(url)?.create_transport().await?;
    transport.disconnect().await;
    if url.is_some() {
        return Ok("the server at SALONBRIDGE_WHATSAPP_URL takes connections".to_owned());
    }
    let http: Arc<dyn HttpClient> = Arc::new(Http::new()?);
    let (major, minor, patch) = fetch_latest_app_version(&http)
        .await
        .context("it takes connections, but does not tell its version")?;
    Ok(format!(
        "takes connections, and wants version {major}.{minor}.{patch} of a client, which is what we claim"
    ))
}
