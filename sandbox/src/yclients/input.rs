//! Reading what callers send: query strings with lists in three spellings, loose numbers, strict JSON bodies.

use std::{convert::Infallible, str::FromStr};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::form_urlencoded;

use super::answer::Refusal;

/// A number in a path. Anything else is 0, which is nobody's id, so it ends as "not found" and not as a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id(pub i64);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse().unwrap_or(0)))
    }
}

/// The query, order kept. `service_ids[]=1&service_ids[]=2`, `service_ids[0]=1` and `service_ids=1,2` read the same.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn parse(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.trim().parse().ok()
    }

    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some("1" | "true"))
    }

    pub fn date(&self, name: &str) -> Option<NaiveDate> {
        NaiveDate::parse_from_str(self.get(name)?.get(..10)?, "%Y-%m-%d").ok()
    }

    pub fn list(&self, name: &str) -> Vec<String> {
        let mut items = Vec::new();
        for (key, value) in &self.0 {
            let of_list =
                key.strip_prefix(name).is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'));
            if of_list || key == name {
                items.extend(value.split(',').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned));
            }
        }
        items
    }

    pub fn ids(&self, name: &str) -> Vec<i64> {
        self.list(name).iter().filter_map(|v| v.parse().ok()).collect()
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

/// A JSON body, declared as such. Forms and guesses are refused as the platform refuses them.
pub struct Body(pub Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let declared = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        if !declared.is_some_and(|v| v.starts_with("application/json")) {
            return Err(Refusal::bad_format());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|_| Refusal::bad_format())?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| Refusal::bad_format())?;
        if value.is_object() { Ok(Self(value)) } else { Err(Refusal::bad_format()) }
    }
}

/// A whole number, written as one or as a string.
pub fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| n.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)),
        Value::String(s) => s.trim().parse().ok(),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    }
}

pub fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => n.as_f64(),
        Value::String(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        _ => None,
    }
}

pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

pub fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| int(value).map(|n| n != 0))
}

pub fn ints(value: &Value) -> Vec<i64> {
    value.as_array().map(|items| items.iter().filter_map(int).collect()).unwrap_or_default()
}

/// `2026-03-14 15:00:00` in the salon's zone, or ISO with an offset, or what a browser's date field sends.
pub fn moment(text: &str, zone: Tz) -> Option<NaiveDateTime> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&zone).naive_local());
    }
    if let Ok(at) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z") {
        return Some(at.with_timezone(&zone).naive_local());
    }
    for form in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return Some(at);
        }
    }
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|d| d.and_time(NaiveTime::MIN))
}

/// Digits with the country; a Russian 8 in front becomes 7. Nine to fifteen digits, or nothing.
pub fn phone(text: &str) -> Option<String> {
    let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 11 && digits.starts_with('8') {
        digits.replace_range(..1, "7");
    }
    (9..=15).contains(&digits.len()).then_some(digits)
}
