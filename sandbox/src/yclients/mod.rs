//! The yclients sandbox.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the operator of the sandbox may choose at start.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {}

/// Serves on `listener` until `stop` is cancelled.
pub async fn serve(_listener: TcpListener, _options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    stop.cancelled().await;
    Ok(())
}
