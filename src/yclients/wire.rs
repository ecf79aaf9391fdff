//! Tolerant scalars: YClients sends numbers as strings, flags as 0/1, empty objects as `[]`, and dates in three forms.

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::kernel::clock::UnixMs;

/// A whole number, given as a number or as text.
#[must_use]
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "checked: whole and far inside the range")]
            (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A flag: true/false, 0/1, "0"/"1".
#[must_use]
pub fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        other => int(other).map(|n| n != 0),
    }
}

/// Money in whole units, perhaps with a fraction, as a number or text; answers in minor units, rounded to the nearest.
#[must_use]
pub fn minor_units(value: &Value) -> Option<i64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().replace(',', "."),
        _ => return None,
    };
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || whole.is_empty() {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|n| *n >= 0)?;
    let digit = |place: usize| fraction.as_bytes().get(place).map_or(0, |b| i64::from(b - b'0'));
    let cents = digit(0) * 10 + digit(1) + i64::from(digit(2) >= 5);
    whole.checked_mul(100)?.checked_add(cents)?.checked_mul(sign)
}

/// A text, trimmed; numbers become text.
#[must_use]
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Salon local time: `2026-03-14 15:00:00`, or the local part of an ISO form.
#[must_use]
pub fn local_time(value: &Value) -> Option<NaiveDateTime> {
    let text = value.as_str()?.trim();
    let text = text.get(..19).or_else(|| text.get(..16))?.replace('T', " ");
    NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M"))
        .ok()
}

/// An instant with an offset, with or without a colon in it: `…+03:00`, `…+0300`, `…Z`.
#[must_use]
pub fn instant(value: &Value) -> Option<UnixMs> {
    let text = value.as_str()?.trim();
    let parsed =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z"));
    parsed.ok().map(|at| UnixMs(at.timestamp_millis()))
}

/// An object; PHP prints an empty one as `[]`.
#[must_use]
pub fn object(value: &Value) -> Option<&serde_json::Map<String, Value>> {
    value.as_object().filter(|object| !object.is_empty())
}

/// For fields that are an object, `null` or `[]`.
pub fn object_or_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    if object(&value).is_none() {
        return Ok(None);
    }
    serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_are_read_in_every_form_seen() {
        assert_eq!(
            (int(&json!("16")), int(&json!(16)), int(&json!(16.0)), int(&json!("x"))),
            (Some(16), Some(16), Some(16), None)
        );
        assert_eq!(
            (flag(&json!("1")), flag(&json!(0)), flag(&json!(true)), flag(&json!([]))),
            (Some(true), Some(false), Some(true), None)
        );
        for (given, minor) in [
            (json!("2500.00"), 250_000),
            (json!(3.10), 310),
            (json!(600), 60_000),
            (json!("800.555"), 80_056),
            (json!(-5), -500),
        ] {
            assert_eq!(minor_units(&given), Some(minor), "{given}");
        }
        assert_eq!(minor_units(&json!("free")), None);
    }

    #[test]
    fn dates_are_read_in_every_form_seen() {
        let local = local_time(&json!("2026-03-14 15:00:00")).expect("local");
        assert_eq!(local_time(&json!("2026-03-14T15:00:00+03:00")), Some(local));
        assert_eq!(instant(&json!("2026-03-10T12:04:31+0300")), instant(&json!("2026-03-10T12:04:31+03:00")));
        assert_eq!(instant(&json!("2026-03-10T12:04:31+0300")), Some(UnixMs(1_773_133_471_000)));
        assert_eq!(local_time(&json!("14.03.2026")), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in ".*") {
            let value = Value::String(text);
            let _ = (int(&value), flag(&value), minor_units(&value), local_time(&value), instant(&value));
        }
    }
}
