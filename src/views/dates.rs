//! Dates as people say them: «сб, 14 марта, 15:00».

use chrono::{DateTime, Datelike as _, Timelike as _};
use chrono_tz::Tz;

use crate::kernel::clock::UnixMs;
use crate::kernel::locale::Locale;

const WEEKDAYS: [[&str; 7]; 2] =
    [["пн", "вт", "ср", "чт", "пт", "сб", "вс"], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]];
const MONTHS: [[&str; 12]; 2] = [
    [
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
    ],
    [
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
    ],
];

/// Day and time in the salon's zone; the day is left out when it is the reader's today, the year when it is this year.
#[must_use]
pub fn moment(at: UnixMs, today: UnixMs, zone: Tz, locale: Locale) -> String {
    let (Some(at), Some(today)) = (local(at, zone), local(today, zone)) else {
        return String::new();
    };
    let time = format!("{:02}:{:02}", at.hour(), at.minute());
    if at.date_naive() == today.date_naive() {
        return time;
    }
    let language = match locale {
        Locale::Ru => 0,
        Locale::En => 1,
    };
    let weekday = WEEKDAYS[language][at.weekday().num_days_from_monday() as usize];
    let month = MONTHS[language][at.month0() as usize];
    let year = if at.year() == today.year() { String::new() } else { format!("\u{a0}{}", at.year()) };
    format!("{weekday}, {}\u{a0}{month}{year}, {time}", at.day())
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
