//! How a salon's number writes, so that WhatsApp takes it for the person it is: never in a hurry, few new acquaintances a day,
//! the nearest visit first. Pure functions of the rules, what the number did, and the moment.

use serde::{Deserialize, Serialize};

use super::why::Key;
use crate::kernel::clock::UnixMs;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// Numbers change hands, and people leave WhatsApp, but not from one week to the next.
const KNOWN_MS: i64 = 30 * DAY_MS;

/// `[pacing]` of a rules file: every key may be missing, none may be misspelt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacingFile {
    is_on: Option<bool>,
    pause_ms: Option<(i64, i64)>,
    client_pause_ms: Option<i64>,
    per_hour: Option<i64>,
    burst: Option<i64>,
    new_chats: Option<Vec<i64>>,
    near_percent: Option<i64>,
    rest_hours: Option<i64>,
}

/// The rules in force; `tenants/_default/rules.toml` says what each means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pacing {
    pub is_on: bool,
    /// Shortest and longest pause between two messages of the number.
    pub pause_ms: (i64, i64),
    pub client_pause_ms: i64,
    pub per_hour: i64,
    pub burst: i64,
    /// Chats begun in 24 hours, by day of the link; the last holds from then on. Never empty.
    pub new_chats: Vec<i64>,
    pub near_percent: i64,
    pub rest_ms: i64,
}

impl Pacing {
    /// What the shipped rules are put over.
    #[must_use]
    pub fn careful() -> Self {
        Self {
            is_on: true,
            pause_ms: (3_000, 9_000),
            client_pause_ms: 15_000,
            per_hour: 100,
            burst: 30,
            new_chats: vec![20],
            near_percent: 30,
            rest_ms: DAY_MS,
        }
    }

    pub fn with(&self, file: PacingFile) -> Result<Self, String> {
        let pacing = Self {
            is_on: file.is_on.unwrap_or(self.is_on),
            pause_ms: file.pause_ms.unwrap_or(self.pause_ms),
            client_pause_ms: file.client_pause_ms.unwrap_or(self.client_pause_ms),
            per_hour: file.per_hour.unwrap_or(self.per_hour),
            burst: file.burst.unwrap_or(self.burst),
            new_chats: file.new_chats.unwrap_or_else(|| self.new_chats.clone()),
            near_percent: file.near_percent.unwrap_or(self.near_percent),
            rest_ms: file.rest_hours.map_or(self.rest_ms, |hours| hours.saturating_mul(HOUR_MS)),
        };
        let (least, most) = pacing.pause_ms;
        let checks = [
            (
                0 <= least && least <= most && most <= HOUR_MS,
                "pause_ms must be two numbers, from and to, up to 3600000",
            ),
            (
                (0..=HOUR_MS).contains(&pacing.client_pause_ms),
                "client_pause_ms must lie between 0 and 3600000",
            ),
            ((1..=100_000).contains(&pacing.per_hour), "per_hour must lie between 1 and 100000"),
            ((1..=100_000).contains(&pacing.burst), "burst must lie between 1 and 100000"),
            (
                (1..=366).contains(&pacing.new_chats.len()),
                "new_chats must name a number for at least one day",
            ),
            (
                pacing.new_chats.iter().all(|chats| (1..=1_000).contains(chats)),
                "each of new_chats must lie between 1 and 1000",
            ),
            ((0..=100).contains(&pacing.near_percent), "near_percent must lie between 0 and 100"),
            ((HOUR_MS..=30 * DAY_MS).contains(&pacing.rest_ms), "rest_hours must lie between 1 and 720"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(format!("[pacing] {problem}")),
            None => Ok(pacing),
        }
    }

    /// When all would have been sent at `per_hour`, after one more message now.
    #[must_use]
    pub fn busy_after(&self, busy_until: UnixMs, now: UnixMs) -> UnixMs {
        busy_until.max(now).plus_ms(HOUR_MS / self.per_hour)
    }

    /// Day of the link, from 1.
    #[must_use]
    pub fn day(&self, since: UnixMs, now: UnixMs) -> i64 {
        now.since(since).max(0) / DAY_MS + 1
    }

    /// How long no stranger is written to, when WhatsApp refused so many times before: nobody says how long it holds, so it is
    /// asked by one message, an hour later, then two, and so on up to the longest rest.
    #[must_use]
    pub fn lock_ms(&self, locks: i64) -> i64 {
        let doubled = u32::try_from(locks).unwrap_or(u32::MAX).min(16);
        HOUR_MS.saturating_mul(1 << doubled).min(self.rest_ms)
    }

    /// How many chats may be begun in 24 hours.
    #[must_use]
    pub fn new_chats_at(&self, since: UnixMs, now: UnixMs) -> i64 {
        let day = usize::try_from(self.day(since, now) - 1).unwrap_or(usize::MAX);
        self.new_chats.get(day).or(self.new_chats.last()).copied().unwrap_or(1)
    }
}

/// What a number did, as far as it decides what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Since when it is linked; its ramp begins anew after WhatsApp restricted it.
    pub since: UnixMs,
    pub last_at: Option<UnixMs>,
    /// When all that was sent would have been sent at `per_hour`, one after another.
    pub busy_until: UnixMs,
    /// WhatsApp lets it begin no chat before.
    pub locked_until: Option<UnixMs>,
    /// Chats begun in the last 24 hours, the oldest first.
    pub begun: Vec<UnixMs>,
}

/// One message that waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub not_before: UnixMs,
    /// The nearest visit it is about: of a move, the one it is moved from or the one it is moved to.
    pub nearest: UnixMs,
    /// Its client never wrote to the salon and took nothing of this number yet.
    pub is_cold: bool,
    /// When the client was last sent something.
    pub client_at: Option<UnixMs>,
    /// To the salon's own number: nobody is bothered by it.
    pub is_own: bool,
    /// The client asked for it and waits, as for an answer: it is counted, but does not wait for what others have used up.
    pub is_asked_for: bool,
}

/// How it stands with a salon's sending, for people. Instants are unix milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Day of the link, from 1.
    pub day: i64,
    /// Chats begun in the last 24 hours, and how many may be.
    pub new_chats: i64,
    pub new_chats_allowed: i64,
    /// WhatsApp lets the number begin no chat before.
    pub locked_until: Option<UnixMs>,
    /// Sending failed too often and rests.
    pub rests_until: Option<UnixMs>,
    pub waiting: i64,
    /// Dropped in the last 24 hours because their time had passed.
    pub dropped_today: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Now,
    Later { at: UnixMs, why: Key },
}

/// Whether a number surely has WhatsApp, which said so at `found_at`. Somebody who looks a friend up before every word is no person.
#[must_use]
pub fn is_known(found_at: Option<UnixMs>, now: UnixMs) -> bool {
    found_at.is_some_and(|at| (0..KNOWN_MS).contains(&now.since(at)))
}

/// Whether a message may go out now, and otherwise when to look again and what it waits for.
#[must_use]
pub fn turn(rules: &Pacing, number: &Number, message: &Waiting, now: UnixMs) -> Turn {
    let mut bars = vec![(message.not_before, Key::NotBefore)];
    if rules.is_on && !message.is_own {
        // Nothing was sent later than now: a clock that was ahead has been set right, and nobody waits for it to come true.
        let past = |at: Option<UnixMs>| at.filter(|at| *at <= now);
        bars.extend(past(number.last_at).map(|last| (last.plus_ms(pause(rules, last)), Key::Paced)));
        if !message.is_asked_for {
            bars.extend(
                past(message.client_at).map(|last| (last.plus_ms(rules.client_pause_ms), Key::Paced)),
            );
            let each = HOUR_MS / rules.per_hour;
            let ahead = each * rules.burst;
            bars.push((number.busy_until.plus_ms(-ahead).min(now.plus_ms(each)), Key::HourFull));
            if message.is_cold {
                bars.push((new_chat_free(rules, number, message, now), Key::NewChatsFull));
            }
        }
    }
    if message.is_cold && !message.is_own {
        bars.extend(number.locked_until.map(|until| (until, Key::ReachOutLocked)));
    }
    let last = bars.into_iter().filter(|(at, _)| *at > now).max_by_key(|(at, _)| *at);
    last.map_or(Turn::Now, |(at, why)| Turn::Later { at, why })
}

/// How long the number pauses after what it said at `last`: drawn by that moment, so that it is the same whoever is next, and
/// however often it is asked.
fn pause(rules: &Pacing, last: UnixMs) -> i64 {
    let (least, most) = rules.pause_ms;
    // The finish of SplitMix64: neighbouring moments draw pauses far apart.
    let mut drawn = last.0.cast_unsigned().wrapping_add(0x9E37_79B9_7F4A_7C15);
    drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let spread = (most - least + 1).cast_unsigned();
    least + ((drawn ^ (drawn >> 31)) % spread).cast_signed()
}

/// When one more chat may be begun for this message. Some of the day's are kept for visits of the next 24 hours; a far visit
/// becomes a near one.
fn new_chat_free(rules: &Pacing, number: &Number, message: &Waiting, now: UnixMs) -> UnixMs {
    let near_from = message.nearest.plus_ms(-DAY_MS);
    let all = rules.new_chats_at(number.since, now);
    let for_near = free_of(number, all, now);
    if near_from <= now {
        return for_near;
    }
    let for_far = free_of(number, all - (all * rules.near_percent + 99) / 100, now);
    for_far.min(near_from.max(for_near))
}

/// When fewer than `most` chats will have been begun within 24 hours.
fn free_of(number: &Number, most: i64, now: UnixMs) -> UnixMs {
    let begun: Vec<UnixMs> = number.begun.iter().copied().filter(|at| now.since(*at) < DAY_MS).collect();
    let Ok(most) = usize::try_from(most) else { return UnixMs(i64::MAX) };
    if begun.len() < most {
        return now;
    }
    match (most, begun.len()) {
        (0, _) => UnixMs(i64::MAX),
        (most, there) => begun[there - most].plus_ms(DAY_MS),
    }
}

#[cfg(test)]
#[path = "pacing_tests.rs"]
mod tests;
