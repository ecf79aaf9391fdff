//! The public listener: as many connections as we can bear, no longer than they have something to say.
//!
//! `axum::serve` waits for ever for a request's head; a few thousand half-spoken requests would use up every descriptor, and
//! the hooks behind them would be lost. So connections are served by hyper-util here, which has the timers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::add_extension::AddExtension;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::web::Peer;

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connections: usize,
    /// For a request's head, and again between two pieces of its body.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 10_000, silence: Duration::from_secs(20) }
    }
}

/// Serves until `stop`; what is being answered then is answered. More connections than allowed wait in the system's queue.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let router = router.layer(RequestBodyTimeoutLayer::new(limits.silence));
    let (places, graceful) = (Arc::new(Semaphore::new(limits.connections)), GracefulShutdown::new());
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let Some((place, accepted)) = stop.run_until_cancelled(accepted).await else { break };
        let (stream, peer) = match accepted {
            Ok((stream, address)) => (stream, Peer(address.ip())),
            Err(error) => {
                // Out of descriptors, mostly: some will be given back.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // An answer is one write; without this it may wait for the other side's word on the one before.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(AddExtension::new(router.clone(), peer));
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.silence);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended early");
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

#[cfg(test)]
mod tests {
    use axum::routing::post;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn listening(limits: Limits) -> (std::net::SocketAddr, CancellationToken) {
        let router = Router::new().route("/", post(|body: String| async move { body }));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, stop) = (listener.local_addr().expect("bound"), CancellationToken::new());
        tokio::spawn(serve(listener, router, limits, stop.clone()));
        (address, stop)
    }

    async fn said(address: std::net::SocketAddr, text: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connects");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the server ends it");
        answer
    }

    #[tokio::test]
    async fn who_says_half_and_falls_silent_is_let_go_and_the_next_is_served() {
        // One place: while the silent ones hold it, nobody else is served.
        let limits = Limits { connections: 1, silence: Duration::from_millis(200) };
        let (address, stop) = listening(limits).await;
        let half_head = said(address, "POST / HTTP/1.1\r\nhost: x\r\n").await;
        assert!(!half_head.contains("200 OK"), "{half_head}");
        let half_body = said(address, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhal").await;
        assert!(!half_body.contains("200 OK"), "{half_body}");
        let whole = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nwhole";
        assert!(said(address, whole).await.ends_with("whole"));
        stop.cancel();
    }
}
