//! How a client of a salon signs in: codes of six digits, how long they hold, how often they may be asked for and tried.

use crate::kernel::clock::UnixMs;

const DIGITS: u32 = 1_000_000;
/// A code is good for so long.
pub const CODE_MS: i64 = 5 * 60_000;
/// A code is looked at so often.
pub const MOST_TRIES: i64 = 5;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How often something may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub most: i64,
    pub window_ms: i64,
    /// Between two of them.
    pub gap_ms: i64,
}

/// Codes for one number.
pub const PER_PHONE: Limit = Limit { most: 5, window_ms: HOUR_MS, gap_ms: 60_000 };
/// The same in a day: nobody makes a salon write to its client all day long, and nobody guesses for ever.
pub const PER_PHONE_AND_DAY: Limit = Limit { most: 10, window_ms: DAY_MS, gap_ms: 0 };
/// Codes from one network address: behind it a whole salon with its clients may sit.
pub const PER_ADDRESS: Limit = Limit { most: 30, window_ms: HOUR_MS, gap_ms: 0 };
/// Codes in one salon: its number must not be made to write like a machine.
pub const PER_SALON: Limit = Limit { most: 120, window_ms: HOUR_MS, gap_ms: 0 };
/// Codes tried from one network address: whoever tries the same code with many numbers is no client.
pub const TRIES_PER_ADDRESS: Limit = Limit { most: 60, window_ms: HOUR_MS, gap_ms: 0 };
/// After so long nothing of it counts any more.
pub const FORGET_MS: i64 = 2 * DAY_MS;

/// A sitting that shows no sign of life for so long is over; and none is longer than this.
pub const IDLE_MS: i64 = 30 * DAY_MS;
pub const LONGEST_MS: i64 = 90 * DAY_MS;

/// What was asked for so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    pub began: UnixMs,
    pub used: i64,
    pub last: UnixMs,
}

impl Limit {
    /// When the next may be asked for.
    #[must_use]
    pub fn free_at(&self, used: Used) -> UnixMs {
        let hour = if used.used >= self.most { used.began.plus_ms(self.window_ms) } else { used.began };
        hour.max(used.last.plus_ms(self.gap_ms))
    }
}

/// Six digits from 32 random bits; `None` for the few bits that would make some codes likelier than others.
#[must_use]
pub fn code(bits: u32) -> Option<String> {
    let fair = u32::MAX - u32::MAX % DIGITS;
    (bits < fair).then(|| format!("{:06}", bits % DIGITS))
}

/// A code as it was typed: six digits, with whatever people put between them.
#[must_use]
pub fn read_code(text: &str) -> Option<String> {
    let odd = |c: char| !c.is_ascii_digit() && !c.is_whitespace() && c != '-';
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (digits.len() == 6 && text.chars().count() <= 20 && !text.chars().any(odd)).then_some(digits)
}

/// A text that tells of a code, for whoever it was not sent to.
#[must_use]
pub fn masked(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '•' } else { c }).collect()
}

#[must_use]
pub fn is_over(created: UnixMs, seen: UnixMs, now: UnixMs) -> bool {
    now.since(seen) >= IDLE_MS || now.since(created) >= LONGEST_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_none_is_likelier_than_another() {
        assert_eq!(code(0).as_deref(), Some("000000"));
        assert_eq!(code(1_000_007).as_deref(), Some("000007"));
        assert_eq!(code(4_293_999_999).as_deref(), Some("999999"));
        assert_eq!(
            (code(4_294_000_000), code(u32::MAX)),
            (None, None),
            "the remainder would favour low codes"
        );
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for text in ["042917", " 042 917 ", "042-917", "042\u{a0}917"] {
            assert_eq!(read_code(text).as_deref(), Some("042917"), "{text}");
        }
        for text in
            ["", "42917", "0429170", "04291a7", "٠٤٢٩١٧", "042917.", &format!("042917{}", " ".repeat(50))]
        {
            assert_eq!(read_code(text), None, "{text}");
        }
    }

    #[test]
    fn the_next_is_free_after_the_gap_and_after_the_hour() {
        let at = |used, last: i64| PER_PHONE.free_at(Used { began: UnixMs(0), used, last: UnixMs(last) });
        assert_eq!(at(1, 0), UnixMs(60_000));
        assert_eq!(at(4, 500_000), UnixMs(560_000));
        assert_eq!(at(5, 500_000), UnixMs(HOUR_MS));
        assert_eq!(at(5, HOUR_MS - 1), UnixMs(HOUR_MS - 1 + 60_000));
    }

    #[test]
    fn no_digit_of_a_code_is_left_in_a_masked_text() {
        assert_eq!(masked("Код: 042917\nИрис"), "Код: ••••••\nИрис");
    }

    #[test]
    fn a_sitting_ends_when_idle_and_at_the_latest_after_three_months() {
        let began = UnixMs(1_000);
        assert!(!is_over(began, began, began.plus_ms(IDLE_MS - 1)));
        assert!(is_over(began, began, began.plus_ms(IDLE_MS)));
        let late = began.plus_ms(LONGEST_MS);
        assert!(!is_over(began, late.plus_ms(-1), late.plus_ms(-1)) && is_over(began, late, late));
    }
}
