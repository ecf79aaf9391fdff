//! The door: `salonbridge-sandbox yclients|whatsapp --port N`.

use clap::{Parser, Subcommand};
use salonbridge_sandbox::{whatsapp, yclients};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// YClients and WhatsApp on loopback, for trying, testing and measuring without either of them.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    server: Server,
}

#[derive(Debug, Subcommand)]
enum Server {
    /// The marketplace, REST API, webhooks and a journal page.
    Yclients {
        /// Port on 127.0.0.1; 0 picks a free one and prints it.
        #[arg(long, default_value_t = 0)]
        port: u16,
        #[command(flatten)]
        options: yclients::Options,
    },
    /// The WebSocket server, simulated phones and a page that shows them.
    Whatsapp {
        /// Port on 127.0.0.1; 0 picks a free one and prints it.
        #[arg(long, default_value_t = 0)]
        port: u16,
        #[command(flatten)]
        options: whatsapp::Options,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .init();
    let stop = CancellationToken::new();
    let signal = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            signal.cancel();
        }
    });
    match Cli::parse().server {
        Server::Yclients { port, options } => yclients::serve(bind(port).await?, options, stop).await,
        Server::Whatsapp { port, options } => whatsapp::serve(bind(port).await?, options, stop).await,
    }
}

/// Loopback only: the sandbox has no passwords worth the name.
async fn bind(port: u16) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(listener)
}
