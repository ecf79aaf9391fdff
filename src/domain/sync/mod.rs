//! Reading the journal as a whole, beside the hooks: which part of it, in which steps, when again, and what is news.

mod place;
mod run;

use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::dates;
use super::record::{Field, Record};
use crate::kernel::clock::UnixMs;

pub use place::{Place, Step};
pub use run::{Counts, HookCheck, Skip, SyncKind, SyncRun, SyncState, Trouble};

/// How often the journal is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncRules {
    /// 0: only when somebody asks for it.
    pub minutes: i64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncFile {
    minutes: Option<i64>,
}

impl SyncRules {
    #[must_use]
    pub fn usual() -> Self {
        Self { minutes: 30 }
    }

    pub fn with(self, file: &SyncFile) -> Result<Self, String> {
        let minutes = file.minutes.unwrap_or(self.minutes);
        if !(minutes == 0 || (5..=1440).contains(&minutes)) {
            return Err("sync.minutes must be 0 or lie between 5 and 1440".to_owned());
        }
        Ok(Self { minutes })
    }

    #[must_use]
    pub fn is_off(self) -> bool {
        self.minutes == 0
    }

    /// How long until the journal is read again, not sooner than half an interval from now. Each salon has its own moment of the
    /// interval, so that they do not all come at once.
    #[must_use]
    pub fn wait_ms(self, salon: i64, now: UnixMs) -> i64 {
        wait_ms(self.minutes.max(1) * 60_000, salon, now)
    }
}

/// See [`SyncRules::wait_ms`].
#[must_use]
pub fn wait_ms(interval_ms: i64, salon: i64, now: UnixMs) -> i64 {
    // Fibonacci hashing: neighbouring numbers lie far apart.
    let spread = (salon as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
    let moment = i64::try_from(spread).unwrap_or(0).rem_euclid(interval_ms);
    let earliest = now.plus_ms(interval_ms / 2);
    let ahead = (moment - earliest.0).rem_euclid(interval_ms);
    earliest.plus_ms(ahead).since(now)
}

/// Which part of the journal a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Visits of these days, both included: the first time.
    Visits { from: NaiveDate, to: NaiveDate },
    /// What was created, changed or deleted after a wall clock's time.
    Changed { after: NaiveDateTime },
}

/// The first run looks so many days back and ahead.
const FIRST_DAYS: i64 = 30;
/// The CRM's clock and ours may differ, and a list may be written from a copy that lags.
const OVERLAP_MS: i64 = 15 * 60_000;

/// What is to be read after a good run that began at `last`.
///
/// The zone in which the CRM reads `changed_after` is documented nowhere: the salon's own, Moscow's or UTC. So the time is written
/// in the westernmost of them: read in either of the others it is earlier, and brings some hours that are known, but loses none.
#[must_use]
pub fn scope(last: Option<UnixMs>, zone: Tz, now: UnixMs) -> Scope {
    match last {
        None => {
            let today = dates::local(now, zone).date();
            let days = Duration::days(FIRST_DAYS);
            Scope::Visits { from: today - days, to: today + days }
        }
        Some(last) => {
            let since = last.plus_ms(-OVERLAP_MS);
            let readings = [zone, Tz::UTC, Tz::Europe__Moscow].map(|zone| dates::local(since, zone));
            let [first, rest @ ..] = readings;
            Scope::Changed { after: rest.into_iter().fold(first, NaiveDateTime::min) }
        }
    }
}

/// What the list says of a record, beside what we know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Same,
    Older,
    /// What is known from now on.
    Learnt(Box<Record>),
    /// Only the CRM can say, for this very record, what is so.
    Doubtful,
}

#[must_use]
pub fn weigh(known: Option<&Record>, said: Record) -> News {
    let Some(known) = known else {
        return if is_enough(&said) { News::Learnt(Box::new(said)) } else { News::Doubtful };
    };
    let mut next = known.clone();
    let contradicts = known.contradicts(&said);
    if !next.learn(said) {
        return News::Older;
    }
    if ordered(&next) == ordered(known) {
        return News::Same;
    }
    if contradicts || !is_enough(&next) { News::Doubtful } else { News::Learnt(Box::new(next)) }
}

fn is_enough(record: &Record) -> bool {
    record.is_whole() || record.is_deleted()
}

/// The order of services on the wire is random.
fn ordered(record: &Record) -> Record {
    // The payload itself is kept beside the record: what is stored has none.
    let mut record = Record { raw: None, ..record.clone() };
    if let Field::Is(lines) = &mut record.services {
        lines.sort_unstable();
    }
    record
}

/// A hook that is younger may still be on its way.
const HOOK_MS: i64 = 60_000;

/// Whether a hook should have brought this change long ago. What is older than the installation never had one.
#[must_use]
pub fn is_overdue(changed: Option<UnixMs>, activated: Option<UnixMs>, now: UnixMs) -> bool {
    let (Some(changed), Some(activated)) = (changed, activated) else { return false };
    // The CRM cuts its times to the second.
    changed.plus_secs(1) > activated && changed.plus_ms(HOOK_MS) <= now
}

#[cfg(test)]
mod tests;
