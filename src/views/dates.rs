//! A moment as pages say it: «сб, 14 марта, 15:00». The words are the house's (`domain::dates`); what belongs together is not torn
//! apart at the end of a line.

use chrono::{DateTime, Datelike as _};
use chrono_tz::Tz;

use crate::domain::dates;
use crate::kernel::clock::UnixMs;
use crate::kernel::locale::Locale;

/// Day and time in the salon's zone; the day is left out when it is the reader's today, the year when it is this year.
#[must_use]
pub fn moment(at: UnixMs, today: UnixMs, zone: Tz, locale: Locale) -> String {
    let (Some(at), Some(today)) = (local(at, zone), local(today, zone)) else {
        return String::new();
    };
    let (at, today) = (at.naive_local(), today.naive_local());
    let time = dates::time(at);
    if at.date() == today.date() {
        return time;
    }
    let day = dates::day(at, today.year(), locale);
    let (weekday, date) = day.split_once(", ").unwrap_or(("", &day));
    format!("{weekday}, {}, {time}", date.replace(' ', "\u{a0}"))
}

fn local(at: UnixMs, zone: Tz) -> Option<DateTime<Tz>> {
    DateTime::from_timestamp_millis(at.0).map(|utc| utc.with_timezone(&zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_people_say_them() {
        let zone = chrono_tz::Europe::Moscow;
        let at = UnixMs(1_773_489_600_000);
        let say = |today, locale| moment(at, today, zone, locale).replace('\u{a0}', " ");
        assert_eq!(say(at.plus_secs(3600), Locale::Ru), "15:00");
        assert_eq!(say(at.plus_secs(86_400), Locale::Ru), "сб, 14 марта, 15:00");
        assert_eq!(say(at.plus_secs(86_400), Locale::En), "Sat, 14 March, 15:00");
        assert_eq!(say(at.plus_secs(400 * 86_400), Locale::Ru), "сб, 14 марта 2026, 15:00");
        assert_eq!(say(UnixMs(i64::MAX), Locale::Ru), "");
    }
}
