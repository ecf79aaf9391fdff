//! Tolerant scalars: every form in which the CRM writes a number, a flag, money, a time or nothing at all.
//!
//! Each function answers `None` for what it cannot read, so one odd field never costs the whole body.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::{Map, Value};

use crate::kernel::clock::UnixMs;
use crate::kernel::phone::Phone;

/// Beyond this a float no longer holds every integer.
const EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;

/// `990101`, `"990101"`, `990101.0`.
#[must_use]
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < EXACT_FLOAT)?;
            // Whole and within 2^53: the cast loses nothing.
            Some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// `true`, `1`, `"1"`, `"true"` and their opposites; any other number that is not zero is a yes.
#[must_use]
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(_) => int(value).map(|n| n != 0),
        Value::String(text) => match text.trim() {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whole currency units on the wire (`2500`, `"2500.00"`, `3.1`), minor units here. A third decimal is rounded half up.
///
/// Works on decimal text: a float is printed first, so `2250.35` is 225 035 and never 225 034.
#[must_use]
pub fn money(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => minor_units(&number.to_string()),
        Value::String(text) => minor_units(text.trim()),
        _ => None,
    }
}

fn minor_units(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once(['.', ',']).unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let digit = |place: usize| fraction.as_bytes().get(place).map_or(0, |b| i64::from(b - b'0'));
    let cents = digit(0) * 10 + digit(1) + i64::from(digit(2) >= 5);
    let total = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)?;
    Some(if negative { -total } else { total })
}

/// A text with something in it, trimmed; a number counts as its digits.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim()).filter(|t| !t.is_empty()).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// An object with something in it. `null`, `{}` and PHP's `[]` are the same nothing.
#[must_use]
pub fn object(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|map| !map.is_empty())
}

/// Whether the value says "there is none": `null`, `[]`, `{}`, `""`.
#[must_use]
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The members of a list; PHP writes one with gaps as an object. `None` for what is neither.
#[must_use]
pub fn list(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(items) => Some(items.iter().collect()),
        Value::Object(map) => Some(map.values().collect()),
        _ => None,
    }
}

/// A phone number as a text or as an integer.
#[must_use]
pub fn phone(value: &Value) -> Option<Phone> {
    Phone::parse(&text(value)?)
}

/// The salon's wall clock: `2026-03-14 15:00:00`, also with `T`, without seconds, or with an offset, which is dropped.
#[must_use]
pub fn local_time(value: &Value) -> Option<NaiveDateTime> {
    let text = value.as_str()?.trim();
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time);
        }
    }
    with_offset(text).map(|time| time.naive_local())
}

/// An instant: `2026-03-10T12:04:31+0300`, `…+03:00`, `…Z`, with or without fractions, or unix seconds.
///
/// A time without a zone is not an instant and answers `None`.
#[must_use]
pub fn instant(value: &Value) -> Option<UnixMs> {
    if let Value::String(text) = value
        && let Some(time) = with_offset(text.trim())
    {
        return Some(UnixMs(time.timestamp_millis()));
    }
    int(value).filter(|seconds| *seconds > 0).and_then(|seconds| seconds.checked_mul(1000)).map(UnixMs)
}

fn with_offset(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%z"))
        .ok()
}

/// `2026-03-14`.
#[must_use]
pub fn date(value: &Value) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(value.as_str()?.trim(), "%Y-%m-%d").ok()
}

/// `10:00`, `10:00:00`; the end of the day, `24:00`, becomes its last second.
#[must_use]
pub fn time_of_day(value: &Value) -> Option<NaiveTime> {
    let text = value.as_str()?.trim();
    if matches!(text, "24:00" | "24:00:00") {
        return NaiveTime::from_hms_opt(23, 59, 59);
    }
    NaiveTime::parse_from_str(text, "%H:%M:%S").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_flags_come_in_every_dress() {
        for (written, read) in [
            (json!(990_101), Some(990_101)),
            (json!("990101"), Some(990_101)),
            (json!(" 7 "), Some(7)),
            (json!(2.0), Some(2)),
            (json!(-1), Some(-1)),
            (json!(2.5), None),
            (json!(1e300), None),
            (json!(""), None),
            (json!(null), None),
            (json!([]), None),
        ] {
            assert_eq!(int(&written), read, "{written}");
        }
        for (written, read) in [
            (json!(true), Some(true)),
            (json!(1), Some(true)),
            (json!("1"), Some(true)),
            (json!("0"), Some(false)),
            (json!(0), Some(false)),
            (json!("true"), Some(true)),
            (json!(""), None),
            (json!([]), None),
        ] {
            assert_eq!(flag(&written), read, "{written}");
        }
    }

    #[test]
    fn money_is_exact_to_the_kopeck() {
        for (written, read) in [
            (json!(2500), Some(250_000)),
            (json!("2500.00"), Some(250_000)),
            (json!(3.10), Some(310)),
            (json!(2250.35), Some(225_035)),
            (json!(0.29), Some(29)),
            (json!(1.005), Some(101)),
            (json!("800,5"), Some(80_050)),
            (json!(-12.5), Some(-1250)),
            (json!("99999999999999999999"), None),
            (json!("12.3.4"), None),
            (json!(".5"), None),
            (json!("free"), None),
            (json!(null), None),
        ] {
            assert_eq!(money(&written), read, "{written}");
        }
    }

    #[test]
    fn times_are_read_in_their_three_forms() {
        let three = NaiveDate::from_ymd_opt(2026, 3, 14).and_then(|d| d.and_hms_opt(15, 0, 0));
        for written in [
            "2026-03-14 15:00:00",
            "2026-03-14T15:00:00",
            "2026-03-14T15:00:00+03:00",
            "2026-03-14T15:00:00+0300",
        ] {
            assert_eq!(local_time(&json!(written)), three, "{written}");
        }
        let noon = Some(UnixMs(1_773_133_471_000));
        for written in [
            "2026-03-10T12:04:31+0300",
            "2026-03-10T12:04:31+03:00",
            "2026-03-10T09:04:31Z",
            "2026-03-10T12:04:31.000+0300",
            "1773133471",
        ] {
            assert_eq!(instant(&json!(written)), noon, "{written}");
        }
        assert_eq!(instant(&json!(1_773_133_471)), noon);
        assert_eq!(instant(&json!("2026-03-10 12:04:31")), None, "no zone, no instant");
        for nonsense in [json!("soon"), json!(null), json!([]), json!("0000-00-00 00:00:00")] {
            assert_eq!(local_time(&nonsense), None, "{nonsense}");
            assert_eq!(instant(&nonsense), None, "{nonsense}");
        }
        assert_eq!(time_of_day(&json!("24:00")), NaiveTime::from_hms_opt(23, 59, 59));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in ".*") {
            let value = json!(text);
            let _ = (int(&value), flag(&value), money(&value), local_time(&value), instant(&value), phone(&value));
            let _ = (date(&value), time_of_day(&value));
        }

        #[test]
        fn any_amount_of_kopecks_survives_the_wire(minor in 0_i64..10_000_000_000) {
            let written = format!("{}.{:02}", minor / 100, minor % 100);
            proptest::prop_assert_eq!(money(&json!(written)), Some(minor));
            let number: Value = serde_json::from_str(&written).expect("a number");
            proptest::prop_assert_eq!(money(&number), Some(minor));
        }
    }
}
