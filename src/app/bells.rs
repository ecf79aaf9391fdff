//! Bells inside this process: whoever committed a need wakes the worker of its kind. A ring that is missed costs a poll, no more.

use std::collections::HashMap;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::enqueue;

/// One bell for each kind of job.
pub struct Bells(HashMap<&'static str, Notify>);

impl Default for Bells {
    fn default() -> Self {
        Self(enqueue::ALL.into_iter().map(|kind| (kind, Notify::new())).collect())
    }
}

impl Bells {
    /// Waits for the next ring, from now on: also for one that comes before it is polled.
    ///
    /// # Panics
    /// When there is no such kind.
    pub fn rung(&self, kind: &str) -> Notified<'_> {
        self.0[kind].notified()
    }

    pub fn ring(&self, kind: &str) {
        if let Some(bell) = self.0.get(kind) {
            bell.notify_waiters();
        }
    }

    pub fn ring_all(&self) {
        self.0.values().for_each(Notify::notify_waiters);
    }
}
