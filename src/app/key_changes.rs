//! How long what is remembered of keys and addresses may be believed: another node may destroy a key, or change an address.
//!
//! The database counts such changes. A node looks at the count once a second, whatever the number of companies, and believes
//! what it remembers as long as the count stands still.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::error::Error;
use crate::storage::{Db, key_change};

/// A change by another node is seen so much later at the most.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// Never believed longer, however still the count stands: a node of the release before does not count.
pub const BELIEVED: Duration = Duration::from_secs(60);

pub struct KeyChanges {
    db: Db,
    seen: RwLock<Option<(i64, Instant)>>,
    /// One looks, the others wait for what it saw.
    looking: Mutex<()>,
}

/// When something was read: the count before it was, and the moment.
#[derive(Debug, Clone, Copy)]
pub struct ReadAt {
    number: i64,
    since: Instant,
}

impl ReadAt {
    /// Whether what was read then may be believed now.
    #[must_use]
    pub fn holds(&self, now: &Self) -> bool {
        self.number == now.number && now.since.duration_since(self.since) < BELIEVED
    }
}

impl KeyChanges {
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, seen: RwLock::default(), looking: Mutex::default() }
    }

    /// The count as it is, or was a second ago. Ask before reading what is to be remembered.
    pub async fn now(&self) -> Result<ReadAt, Error> {
        if let Some(read_at) = self.seen_lately() {
            return Ok(read_at);
        }
        let _one = self.looking.lock().await;
        if let Some(read_at) = self.seen_lately() {
            return Ok(read_at);
        }
        let looked = Instant::now();
        let number = key_change::find(&mut self.db.read().await?).await?;
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = Some((number, looked));
        Ok(ReadAt { number, since: looked })
    }

    /// This node changed something: its own next look must see it.
    pub fn look_again(&self) {
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn seen_lately(&self) -> Option<ReadAt> {
        let (number, looked) = (*self.seen.read().unwrap_or_else(PoisonError::into_inner))?;
        let since = Instant::now();
        (since.duration_since(looked) < LOOKED_AT).then_some(ReadAt { number, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_holds_while_the_count_stands_still_and_no_longer_than_a_minute() {
        let since = Instant::now();
        let read_at = ReadAt { number: 7, since };
        let at = |number: i64, seconds: u64| ReadAt { number, since: since + Duration::from_secs(seconds) };
        for (now, holds) in [(at(7, 0), true), (at(7, 59), true), (at(7, 60), false), (at(8, 0), false)] {
            assert_eq!(read_at.holds(&now), holds, "{now:?}");
        }
    }
}
