//! How far a list was read, and what is to be asked for next.
//!
//! # Decision: a list that shifts while it is read
//! The CRM gives a list by page numbers and promises no order. A record that is moved towards the end while we read pulls
//! everything behind its old place one place forward, and what slips from the next page to the one we have read would be lost for
//! good: it did not change itself, so no later `changed_after` brings it. So each page begins some places before the end of the
//! one before it, and must hold a record we have read there, with the same time of change: what did not move keeps its order, so
//! whatever lies between was read. Where none is found the list shifted by more, and the reading steps back. What moved itself
//! changed, and is brought by the next run, which asks for what changed since this one *began*.

use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;

/// One request: a page of so many, of which the first stands at `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    pub page: u32,
    pub count: u32,
}

impl Step {
    /// The place of its first record in the list, from 0.
    #[must_use]
    pub fn start(self) -> u64 {
        u64::from(self.page - 1) * u64::from(self.count)
    }
}

/// So many are known to be given at once.
pub(super) const MOST: u64 = 200;
/// Smaller pages are asked for where one then begins nearer to the wanted place.
const LEAST: u64 = 100;
/// Places by which a page begins before the end of what was read: first, and when that was not enough.
const OVERLAPS: [u64; 2] = [10, 100];
/// Places kept of a page, to find it again.
const TAIL: usize = 40;
/// A list that was lost so often has no order at all: then it is read as it comes.
const MOST_LOST: u32 = 30;

/// How far a list was read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Places read from the beginning.
    read: u64,
    /// The last that were read, and when each had changed.
    tail: Vec<(i64, Option<i64>)>,
    /// How often in a row the next page did not join.
    missed: usize,
    /// And in all.
    lost: u32,
}

impl Place {
    /// What is to be asked for. A page can only begin at a multiple of its size, so the size is chosen.
    #[must_use]
    pub fn next(&self) -> Step {
        let overlap = OVERLAPS.get(self.missed).copied().unwrap_or(self.read);
        let wanted = self.read.saturating_sub(overlap);
        let best = (LEAST..=MOST).max_by_key(|count| count - wanted % count).unwrap_or(MOST);
        let (page, count) = if wanted < LEAST { (0, MOST) } else { (wanted / best, best) };
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Step { page: narrow(page + 1), count: narrow(count) }
    }

    /// Whether this row, at this place of the list, was read before.
    #[must_use]
    pub fn has(&self, at: u64, (id, changed): (i64, Option<UnixMs>)) -> bool {
        // Further back the places alone say so: there a page begins only after the list was lost.
        if at + TAIL as u64 >= self.read { self.tail.contains(&(id, changed.map(|at| at.0))) } else { true }
    }

    /// Takes a page in, each row with its number (0 for none) and its time of change. `false` when it does not join what was read:
    /// the list has shifted, and [`Place::next`] steps back.
    pub fn take(&mut self, step: Step, rows: &[(i64, Option<UnixMs>)]) -> bool {
        let rows: Vec<_> = rows.iter().map(|(id, at)| (*id, at.map(|at| at.0))).collect();
        let is_joined = step.start() == 0 || rows.iter().any(|row| self.tail.contains(row));
        if !is_joined && self.lost < MOST_LOST {
            self.missed += 1;
            self.lost += 1;
            return false;
        }
        let last = &rows[rows.len() - rows.len().min(TAIL)..];
        self.read = step.start() + rows.len() as u64;
        self.tail = last.iter().filter(|(id, _)| *id > 0).copied().collect();
        self.missed = 0;
        true
    }
}
