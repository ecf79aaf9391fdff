//! A balancer for trying several nodes on one machine: each connection goes to the next node that takes it, and none is sticky.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The ports on loopback that get connections, in turn.
#[derive(Debug, Clone, Default)]
pub struct Balancer {
    serving: Arc<Mutex<Vec<u16>>>,
}

impl Balancer {
    /// Balances whoever connects, for as long as the process lives.
    pub async fn serve(self, listener: TcpListener) {
        let mut turn = 0;
        while let Ok((mut from, _)) = listener.accept().await {
            let mut order = self.serving();
            turn += 1;
            let first = turn % order.len().max(1);
            order.rotate_left(first);
            tokio::spawn(async move {
                for port in order {
                    if let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await {
                        // Either side may go at any moment: that is what is tried.
                        let _ = copy_bidirectional(&mut from, &mut to).await;
                        return;
                    }
                }
            });
        }
    }

    #[must_use]
    pub fn serving(&self) -> Vec<u16> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn add(&self, port: u16) {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).push(port);
    }

    pub fn remove(&self, port: u16) {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).retain(|serving| *serving != port);
    }
}
