//! Turns to call somebody who counts: at most so many in any second and in any minute, whoever of us calls.
//!
//! # Decision
//! Whoever waits (a node has one asker per class) *asks*, and is told: go, come at that time, or ask again then.
//! An urgent asker whose turn is near gets a *place*, a turn that lies ahead; since each has one at most, askers take turns.
//! A background asker takes only what is free now, a part of the whole, and nothing while an urgent one waits; but after
//! [`PATIENCE`] turns that passed it by it is given the next one, so that it never starves.
//! `cache/turns.rs` says the same in Redis' language; a test holds the two together.

use std::collections::VecDeque;

/// What hangs on a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A client's message or a person at a screen waits for it.
    Urgent,
    /// Nobody would notice if it came a minute later.
    Background,
}

impl Urgency {
    pub const ALL: [Self; 2] = [Self::Urgent, Self::Background];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Background => "background",
        }
    }
}

/// Background askers pass after so many urgent turns that they had to see go by.
pub const PATIENCE: usize = 9;
/// Whose place has come has so long to ask for the next one before somebody less urgent may have it, in milliseconds.
pub const GRACE_MS: i64 = 100;
/// A place is lost to who comes later than this: counted where it stood, it would no longer be where the call is.
pub const LATE_MS: i64 = 50;
/// Turns remembered beyond a window's share, because those given back leave holes.
pub const SPARE: usize = 64;

/// How many calls, in milliseconds' windows: all of them, and those of background askers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub per_second: usize,
    pub second_ms: i64,
    pub per_minute: usize,
    pub minute_ms: i64,
    pub background_per_second: usize,
    pub background_per_minute: usize,
}

impl Budget {
    /// What one of `nodes` may take that know nothing of each other.
    #[must_use]
    pub fn share(self, nodes: usize) -> Self {
        let nodes = nodes.max(1);
        let part = |whole: usize| (whole / nodes).max(1);
        // Fewer than one each second is one in a longer second.
        let stretch = i64::try_from(nodes.div_ceil(self.per_second)).unwrap_or(i64::MAX);
        Self {
            per_second: part(self.per_second),
            second_ms: self.second_ms.saturating_mul(stretch),
            per_minute: part(self.per_minute),
            minute_ms: self.minute_ms,
            background_per_second: part(self.background_per_second),
            background_per_minute: part(self.background_per_minute),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Go, now. The turn's name, for giving it back.
    Turn(i64),
    /// It is yours at that time: ask again then, naming it.
    Place(i64),
    /// Nothing is yours yet: ask again then.
    Later(i64),
}

/// The turns given by one clock, in milliseconds since whenever it began.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// Oldest first; places lie ahead.
    given: VecDeque<i64>,
    background: VecDeque<i64>,
    held_until: i64,
    yield_until: i64,
    /// Turns that went by while a background asker waited.
    passed: Option<usize>,
}

impl Windows {
    /// `place` names what an earlier answer gave.
    pub fn ask(&mut self, budget: &Budget, now: i64, urgency: Urgency, place: Option<i64>) -> Answer {
        self.notice_the_clock(budget, now);
        if let Some(place) = place.filter(|place| self.given.contains(place)) {
            if place > now && self.held_until <= place {
                return Answer::Place(place);
            }
            if self.held_until <= now && now - place <= LATE_MS {
                return Answer::Turn(place);
            }
            self.give_back(urgency, place);
        }
        let bounds = [
            self.held_until,
            after(&self.given, budget.per_second, budget.second_ms),
            after(&self.given, budget.per_minute, budget.minute_ms),
            after(&self.given, 1, 0),
        ];
        let turn = bounds.into_iter().fold(now, i64::max);
        match urgency {
            Urgency::Urgent => self.ask_urgent(budget, now, turn),
            Urgency::Background => self.ask_background(budget, now, turn),
        }
    }

    fn ask_urgent(&mut self, budget: &Budget, now: i64, turn: i64) -> Answer {
        if turn - now > budget.second_ms {
            return Answer::Later(turn - budget.second_ms);
        }
        give(&mut self.given, turn, budget.per_minute);
        if let Some(passed) = &mut self.passed {
            *passed += 1;
        }
        if turn == now {
            return Answer::Turn(turn);
        }
        self.yield_until = turn + GRACE_MS;
        Answer::Place(turn)
    }

    fn ask_background(&mut self, budget: &Budget, now: i64, turn: i64) -> Answer {
        let own = after(&self.background, budget.background_per_second, budget.second_ms).max(after(
            &self.background,
            budget.background_per_minute,
            budget.minute_ms,
        ));
        let overdue = self.passed.is_some_and(|passed| passed >= PATIENCE);
        let free = if overdue { turn.max(own) } else { turn.max(own).max(self.yield_until) };
        let ahead = overdue && own <= turn && turn - now <= budget.second_ms;
        if free > now && !ahead {
            self.passed.get_or_insert(0);
            // A second later it may have become overdue.
            return Answer::Later(free.min(now + budget.second_ms));
        }
        give(&mut self.given, turn, budget.per_minute);
        give(&mut self.background, turn, budget.background_per_minute);
        self.passed = None;
        if turn == now { Answer::Turn(turn) } else { Answer::Place(turn) }
    }

    /// A turn that nobody used.
    pub fn give_back(&mut self, urgency: Urgency, place: i64) {
        take_out(&mut self.given, place);
        if urgency == Urgency::Background {
            take_out(&mut self.background, place);
        }
    }

    /// No turn for anybody before then.
    pub fn hold(&mut self, until: i64) {
        self.held_until = self.held_until.max(until);
    }

    /// A clock that went back would make everybody wait until it is again where it was.
    fn notice_the_clock(&mut self, budget: &Budget, now: i64) {
        if self.given.back().is_some_and(|last| *last > now + 2 * budget.minute_ms) {
            *self = Self::default();
        }
    }
}

/// When the window of the last `share` turns has passed.
fn after(given: &VecDeque<i64>, share: usize, window_ms: i64) -> i64 {
    let turn = given.len().checked_sub(share).and_then(|place| given.get(place));
    turn.map_or(i64::MIN, |turn| turn + window_ms)
}

fn give(given: &mut VecDeque<i64>, turn: i64, share: usize) {
    given.push_back(turn);
    while given.len() > share + SPARE {
        given.pop_front();
    }
}

fn take_out(given: &mut VecDeque<i64>, place: i64) {
    if let Some(index) = given.iter().rposition(|turn| *turn == place) {
        given.remove(index);
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
