//! The budget of requests: 200 a minute and 5 a second for one address, shared by all salons.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

const BURST: f64 = 5.0;
const PER_SECOND: f64 = 200.0 / 60.0;

/// A token bucket; callers wait their turn in the order they came.
pub struct Pace {
    bucket: Mutex<(f64, Instant)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bucket: Mutex::new((BURST, Instant::now())) }
    }
}

impl Pace {
    /// Returns when a request may leave. The lock is held while waiting: that is what keeps the order.
    pub async fn take(&self) {
        let mut bucket = self.bucket.lock().await;
        let (mut tokens, filled) = *bucket;
        let now = Instant::now();
        tokens = (tokens + now.duration_since(filled).as_secs_f64() * PER_SECOND).min(BURST);
        if tokens < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - tokens) / PER_SECOND);
            tokio::time::sleep(wait).await;
            tokens = 1.0;
        }
        *bucket = (tokens - 1.0, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_a_minute_lets_no_more_through_than_it_may() {
        let pace = Pace::default();
        let start = Instant::now();
        for _ in 0..5 {
            pace.take().await;
        }
        assert!(start.elapsed() < Duration::from_millis(1));
        for _ in 0..200 {
            pace.take().await;
        }
        assert!((Duration::from_secs(59)..Duration::from_secs(62)).contains(&start.elapsed()));
    }
}
