//! How fast we may ask: YClients allows 200 requests a minute and 5 a second *per address*, all our salons together.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

/// Hands out turns to call. One is shared by everything that leaves by one address.
#[async_trait]
pub trait Pace: Send + Sync {
    /// Waits until a call may start. `tenant_hint` is the salon's id (0 for none), for an implementation that is fair to each.
    async fn take(&self, tenant_hint: i64);

    /// The CRM said "slow down": no turn for this many milliseconds.
    async fn hold(&self, _ms: i64) {}
}

/// The turns of one process: strict sliding windows, first come first served. Several nodes behind one address need a shared
/// one in its place (Redis).
#[derive(Default)]
pub struct LocalPace(Mutex<Turns>);

#[derive(Default)]
struct Turns {
    /// The last 200 turns given, oldest first; the newest may lie ahead.
    given: VecDeque<Instant>,
    held_until: Option<Instant>,
}

/// A little longer than the platform's second and minute: what leaves evenly may arrive bunched.
pub const SECOND: Duration = Duration::from_millis(1_100);
pub const MINUTE: Duration = Duration::from_secs(61);
pub const PER_SECOND: usize = 5;
pub const PER_MINUTE: usize = 200;

impl Turns {
    fn reserve(&mut self, now: Instant) -> Instant {
        let after = |back: usize, window: Duration| {
            let place = self.given.len().checked_sub(back)?;
            self.given.get(place).map(|turn| *turn + window)
        };
        let bounds = [
            after(PER_SECOND, SECOND),
            after(PER_MINUTE, MINUTE),
            self.held_until,
            self.given.back().copied(),
        ];
        let turn = bounds.into_iter().flatten().fold(now, Instant::max);
        self.given.push_back(turn);
        if self.given.len() > PER_MINUTE {
            self.given.pop_front();
        }
        turn
    }
}

#[async_trait]
impl Pace for LocalPace {
    async fn take(&self, _tenant_hint: i64) {
        // The guard lives only within this statement; a panic elsewhere leaves the turns as they were.
        let turn = self.0.lock().unwrap_or_else(PoisonError::into_inner).reserve(Instant::now());
        tokio::time::sleep_until(turn).await;
    }

    async fn hold(&self, ms: i64) {
        let until = Instant::now() + Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.held_until = turns.held_until.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_and_no_minute_gets_more_than_its_share() {
        let mut turns = Turns::default();
        let start = Instant::now();
        let given: Vec<Duration> = (0..450).map(|_| turns.reserve(start).duration_since(start)).collect();
        assert_eq!(given[4], Duration::ZERO, "a burst of five at once");
        for (share, window) in [(PER_SECOND, Duration::from_secs(1)), (PER_MINUTE, Duration::from_secs(60))] {
            for place in share..given.len() {
                assert!(given[place] - given[place - share] > window, "{share} at {place}");
            }
        }
        assert!(given[399] < Duration::from_secs(61 + 46), "and no slower than it must be: {:?}", given[399]);
    }

    #[test]
    fn a_hold_delays_the_next_turn() {
        let mut turns = Turns::default();
        let start = Instant::now();
        turns.held_until = Some(start + Duration::from_secs(9));
        assert_eq!(turns.reserve(start), start + Duration::from_secs(9));
    }
}
