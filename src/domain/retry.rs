//! When to try again: growing delays with jitter, a cap, and the other side's own wish, within reason.

use crate::kernel::fault::Retry;

/// A schedule of attempts.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub first_ms: i64,
    pub cap_ms: i64,
    /// Attempts in all before a person must look; `None` for as long as the deadline allows.
    pub attempts: Option<i64>,
}

impl Schedule {
    /// The delay after attempt number `attempt` (from 1) failed; `None` when it was the last. `dice` is a random number: the
    /// delay is spread by ±20 %, so that many failing at once do not come back at once.
    #[must_use]
    pub fn delay_ms(&self, attempt: i64, wish: Retry, dice: u32) -> Option<i64> {
        if self.attempts.is_some_and(|most| attempt >= most) {
            return None;
        }
        let doublings = u32::try_from(attempt.clamp(1, 30) - 1).unwrap_or(0);
        let plain = self.first_ms.saturating_mul(1_i64 << doublings).min(self.cap_ms);
        let base = match wish {
            Retry::Never => return None,
            Retry::Backoff => plain,
            Retry::After(ms) => ms.clamp(plain, 3_600_000.max(plain)),
        };
        let spread = i64::from(dice % 401) - 200;
        Some(base + base * spread / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Schedule = Schedule { first_ms: 1000, cap_ms: 60_000, attempts: Some(5) };

    #[test]
    fn delays_double_up_to_the_cap_and_then_end() {
        let middle = 200;
        let delays: Vec<_> = (1..=5).map(|n| PLAIN.delay_ms(n, Retry::Backoff, middle)).collect();
        assert_eq!(delays, [Some(1000), Some(2000), Some(4000), Some(8000), None]);
        let endless = Schedule { attempts: None, ..PLAIN };
        assert_eq!(endless.delay_ms(1000, Retry::Backoff, middle), Some(60_000));
    }

    #[test]
    fn the_other_sides_wish_counts_within_reason() {
        assert_eq!(PLAIN.delay_ms(1, Retry::After(30_000), 200), Some(30_000));
        assert_eq!(PLAIN.delay_ms(1, Retry::After(i64::MAX), 200), Some(3_600_000));
        assert_eq!(PLAIN.delay_ms(1, Retry::Never, 200), None);
    }

    proptest::proptest! {
        #[test]
        fn no_delay_leaves_its_bounds(attempt in 1_i64..10_000, dice: u32) {
            let endless = Schedule { attempts: None, ..PLAIN };
            let delay = endless.delay_ms(attempt, Retry::Backoff, dice).expect("endless");
            assert!((800..=72_000).contains(&delay));
        }
    }
}
