//! The sandbox's clock: the real one, moved by what the tests ask for.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// A thousand years either way; beyond that dates stop being dates.
const FURTHEST_MS: i64 = 1_000 * 366 * 86_400_000;

#[derive(Debug, Default)]
pub struct Clock {
    offset_ms: AtomicI64,
}

impl Clock {
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.offset_ms())
    }

    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    pub fn set_offset_ms(&self, ms: i64) {
        self.offset_ms.store(ms.clamp(-FURTHEST_MS, FURTHEST_MS), Ordering::Relaxed);
    }
}
