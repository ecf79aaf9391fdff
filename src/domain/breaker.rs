//! A salon whose messages fail and fail stops trying for a while: pure functions of the rules, what failed, and the moment.

use serde::Deserialize;

use crate::kernel::clock::UnixMs;

const MINUTE_MS: i64 = 60_000;
/// However often it opens, it is open no longer.
const LONGEST_MS: i64 = 60 * MINUTE_MS;

/// `[breaker]` of a rules file: every key may be missing, none may be misspelt.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerFile {
    failures: Option<i64>,
    minutes: Option<i64>,
    pause_minutes: Option<i64>,
}

/// It opens after so many messages failed in a row, when the first did so long ago; one message alone, however often it is tried,
/// and many in one moment prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    pub failures: i64,
    pub after_ms: i64,
    pub pause_ms: i64,
}

impl BreakerRules {
    #[must_use]
    pub fn usual() -> Self {
        Self { failures: 5, after_ms: 3 * MINUTE_MS, pause_ms: 5 * MINUTE_MS }
    }

    pub fn with(&self, file: &BreakerFile) -> Result<Self, String> {
        let minutes = |own: Option<i64>, base: i64| own.map_or(base, |own| own.saturating_mul(MINUTE_MS));
        let rules = Self {
            failures: file.failures.unwrap_or(self.failures),
            after_ms: minutes(file.minutes, self.after_ms),
            pause_ms: minutes(file.pause_minutes, self.pause_ms),
        };
        if !(1..=1_000).contains(&rules.failures) {
            return Err("[breaker] failures must lie between 1 and 1000".to_owned());
        }
        if !(0..=24 * 60 * MINUTE_MS).contains(&rules.after_ms) {
            return Err("[breaker] minutes must lie between 0 and 1440".to_owned());
        }
        if !(MINUTE_MS..=LONGEST_MS).contains(&rules.pause_ms) {
            return Err("[breaker] pause_minutes must lie between 1 and 60".to_owned());
        }
        Ok(rules)
    }
}

/// What failed since something last worked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Breaker {
    pub failures: i64,
    pub since: Option<UnixMs>,
    pub open_until: Option<UnixMs>,
    /// Times it opened.
    pub rests: i64,
}

impl Breaker {
    /// A message failed, for the first time since sending last rested or not: it counts once, however often it is tried. Each time
    /// it opens anew it stays open twice as long.
    #[must_use]
    pub fn failed(self, rules: &BreakerRules, is_first: bool, now: UnixMs) -> Self {
        let since = self.since.unwrap_or(now);
        let failures = self.failures.saturating_add(i64::from(is_first));
        let opens = failures >= rules.failures && now.since(since) >= rules.after_ms && !self.is_open(now);
        if !opens {
            return Self { failures, since: Some(since), ..self };
        }
        let doubled = u32::try_from(self.rests).unwrap_or(u32::MAX).min(16);
        let rest = rules.pause_ms.saturating_mul(1 << doubled).min(LONGEST_MS);
        Self {
            failures,
            since: Some(since),
            open_until: Some(now.plus_ms(rest)),
            rests: self.rests.saturating_add(1),
        }
    }

    #[must_use]
    pub fn is_open(self, now: UnixMs) -> bool {
        self.open_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_770_000_000_000);

    fn after(rules: &BreakerRules, minutes: &[i64]) -> Breaker {
        minutes.iter().fold(Breaker::default(), |breaker, minute| {
            breaker.failed(rules, true, NOW.plus_ms(minute * MINUTE_MS))
        })
    }

    #[test]
    fn it_opens_after_many_failures_and_some_time_never_after_one_of_the_two() {
        let rules = BreakerRules::usual();
        let many_at_once = after(&rules, &[0; 50]);
        assert_eq!(many_at_once.open_until, None);
        let at_last = many_at_once.failed(&rules, false, NOW.plus_ms(3 * MINUTE_MS));
        assert_eq!(
            at_last.open_until,
            Some(NOW.plus_ms(8 * MINUTE_MS)),
            "the first rest is short, however many failed before it"
        );
        let few_for_long = after(&rules, &[0, 30, 60, 90]);
        assert_eq!(few_for_long.open_until, None);
        let both = after(&rules, &[0, 1, 2, 2, 3]);
        let until = both.open_until.expect("open");
        assert_eq!(until, NOW.plus_ms(8 * MINUTE_MS));
        assert!(both.is_open(until.plus_ms(-1)) && !both.is_open(until), "it closes by itself");
    }

    #[test]
    fn one_message_that_fails_and_fails_opens_nothing() {
        let rules = BreakerRules::usual();
        let first = Breaker::default().failed(&rules, true, NOW);
        let after_days =
            (1..500).fold(first, |breaker, n| breaker.failed(&rules, false, NOW.plus_ms(n * 10 * MINUTE_MS)));
        assert_eq!((after_days.failures, after_days.open_until), (1, None));
    }

    #[test]
    fn one_failed_try_opens_it_again_for_longer_up_to_an_hour() {
        let rules = BreakerRules::usual();
        let mut breaker = after(&rules, &[0, 1, 2, 2, 3]);
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let at = breaker.open_until.expect("open");
            breaker = breaker.failed(&rules, true, at);
            pauses.push(breaker.open_until.expect("open").since(at) / MINUTE_MS);
        }
        assert_eq!(pauses, [10, 20, 40, 60, 60, 60]);
    }

    #[test]
    fn what_fails_while_it_is_open_changes_nothing() {
        let rules = BreakerRules::usual();
        let open = after(&rules, &[0, 1, 2, 2, 3]);
        assert_eq!(open.failed(&rules, true, NOW.plus_ms(4 * MINUTE_MS)).open_until, open.open_until);
    }
}
