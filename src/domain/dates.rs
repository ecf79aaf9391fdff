//! Dates as people say them: «сб, 14 марта», "Sat, 14 March".

use chrono::{Datelike as _, NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;

use crate::kernel::clock::UnixMs;
use crate::kernel::locale::Locale;

const RU_DAYS: [&str; 7] = ["пн", "вт", "ср", "чт", "пт", "сб", "вс"];
const EN_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const RU_MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];
const EN_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The day of a local time; the year only when it is not `this_year`.
#[must_use]
pub fn day(local: NaiveDateTime, this_year: i32, locale: Locale) -> String {
    let weekday = local.weekday().num_days_from_monday() as usize;
    let month = local.month0() as usize;
    let (weekday, month) = match locale {
        Locale::Ru => (RU_DAYS[weekday], RU_MONTHS[month]),
        Locale::En => (EN_DAYS[weekday], EN_MONTHS[month]),
    };
    let year = if local.year() == this_year { String::new() } else { format!(" {}", local.year()) };
    format!("{weekday}, {} {month}{year}", local.day())
}

#[must_use]
pub fn time(local: NaiveDateTime) -> String {
    local.format("%H:%M").to_string()
}

/// The instant of a salon's local time. Where clocks are put back and an hour comes twice, the first; where an hour is
/// skipped, the moment the clocks jumped to.
#[must_use]
pub fn instant(local: NaiveDateTime, zone: Tz) -> UnixMs {
    let found = zone.from_local_datetime(&local);
    let instant = found
        .earliest()
        .or_else(|| zone.from_local_datetime(&(local + chrono::Duration::hours(1))).earliest());
    UnixMs(instant.map_or_else(|| local.and_utc().timestamp_millis(), |at| at.timestamp_millis()))
}

/// An instant as the salon's clock on the wall shows it.
#[must_use]
pub fn local(at: UnixMs, zone: Tz) -> NaiveDateTime {
    zone.timestamp_millis_opt(at.0).earliest().map(|t| t.naive_local()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local_time(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").expect("a date in the test")
    }

    #[test]
    fn dates_read_as_people_say_them() {
        let at = local_time("2026-03-14 15:00");
        assert_eq!(day(at, 2026, Locale::Ru), "сб, 14 марта");
        assert_eq!(day(at, 2025, Locale::Ru), "сб, 14 марта 2026");
        assert_eq!(day(at, 2026, Locale::En), "Sat, 14 March");
        assert_eq!(time(at), "15:00");
    }

    #[test]
    fn local_times_become_instants_even_where_clocks_change() {
        let moscow = instant(local_time("2026-03-14 15:00"), chrono_tz::Europe::Moscow);
        assert_eq!(moscow, UnixMs(1_773_489_600_000));
        let berlin = chrono_tz::Europe::Berlin;
        // 02:30 does not exist on this day; 03:30 summer time is the same moment on the dial moved by the jump.
        assert_eq!(
            instant(local_time("2026-03-29 02:30"), berlin),
            instant(local_time("2026-03-29 03:30"), berlin)
        );
        // 02:30 comes twice; the first is meant.
        let twice = instant(local_time("2026-10-25 02:30"), berlin);
        assert_eq!(twice, UnixMs(1_792_888_200_000));
        assert_eq!(local(twice, berlin), local_time("2026-10-25 02:30"));
    }
}
