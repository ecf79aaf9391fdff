//! The budget of requests: 200 a minute and 5 a second for one address, shared by all salons.

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

const BURST: f64 = 5.0;
const PER_SECOND: f64 = 200.0 / 60.0;

/// A token bucket as a pure thing: how long the next request must wait, given when it asks.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// Takes a token; answers how long from `now` its request must wait.
    fn take(&mut self, now: Instant) -> Duration {
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * PER_SECOND;
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + gained).min(BURST) - 1.0;
        Duration::from_secs_f64((-self.tokens).max(0.0) / PER_SECOND)
    }
}

/// The bucket of this process. Callers wait their turn in the order they came.
pub struct Pace(Mutex<Bucket>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Bucket { tokens: BURST, filled: Instant::now() }))
    }
}

impl Pace {
    /// Returns when a request may leave.
    pub async fn take(&self) {
        let wait = self.0.lock().await.take(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_minute_lets_no_more_through_than_it_may() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: BURST, filled: start };
        let burst: Vec<_> = (0..5).map(|_| bucket.take(start)).collect();
        assert!(burst.iter().all(Duration::is_zero));
        let last = (0..200).map(|_| bucket.take(start)).last().expect("two hundred");
        assert!((59.9..60.1).contains(&last.as_secs_f64()), "{last:?}");
    }

    #[test]
    fn what_was_not_used_does_not_add_up_beyond_the_burst() {
        let start = Instant::now();
        let mut bucket = Bucket { tokens: 0.0, filled: start };
        let later = start + Duration::from_secs(3600);
        let waits: Vec<_> = (0..6).map(|_| bucket.take(later)).collect();
        assert_eq!(waits.iter().filter(|w| w.is_zero()).count(), 5);
    }
}
