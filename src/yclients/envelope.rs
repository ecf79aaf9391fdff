//! The CRM's envelope: `{success, data, meta}` around an answer, and the five shapes in which it says no.

use serde_json::{Map, Value};

use super::error::{Error, FieldError, scrub};
use super::wire;

/// Fields kept of one refusal.
const MOST_FIELDS: usize = 20;

/// What an answer holds once it is unwrapped. `meta` is `[]`, `{}` or an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub data: Value,
    pub meta: Value,
}

/// What the caller needs of a 2xx body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// JSON, enveloped or bare.
    Data,
    /// Nothing: the status is the answer, unless the body says `success: false`.
    Nothing,
}

/// Turns a status and a body into an answer or an error. `retry_after_ms` is what the header said.
///
/// A 4xx that is not in the CRM's own shape was written by something in between (a filter, a maintenance page), so it is
/// [`Error::Upstream`]: above all a foreign 404 must never pass for "not installed".
pub fn open(status: u16, body: &[u8], expect: Expect, retry_after_ms: Option<i64>) -> Result<Answer, Error> {
    if status == 429 {
        return Err(Error::Throttled(retry_after_ms));
    }
    let parsed = serde_json::from_slice::<Value>(body);
    if !(200..300).contains(&status) {
        return Err(match parsed {
            Ok(Value::Object(map)) if is_refusal(&map) => refusal(status, &map),
            _ => Error::Upstream(status),
        });
    }
    match parsed {
        Ok(Value::Object(map)) if is_refusal(&map) => Err(refusal(status, &map)),
        Ok(Value::Object(mut map)) if map.contains_key("success") => Ok(Answer {
            data: map.remove("data").unwrap_or_default(),
            meta: map.remove("meta").unwrap_or_default(),
        }),
        // A few old methods answer without an envelope.
        Ok(data) => Ok(Answer { data, meta: Value::Null }),
        Err(_) if expect == Expect::Nothing || status == 204 => {
            Ok(Answer { data: Value::Null, meta: Value::Null })
        }
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => Err(Error::Malformed("an empty body")),
        Err(error) if error.is_eof() => Err(Error::Malformed("a body cut short")),
        Err(_) => Err(Error::Malformed("not JSON")),
    }
}

/// `success: false`, or errors where neither success nor data are mentioned.
fn is_refusal(map: &Map<String, Value>) -> bool {
    match map.get("success") {
        Some(success) => wire::flag(success) == Some(false),
        None => map.contains_key("errors") && !map.contains_key("data"),
    }
}

fn refusal(status: u16, map: &Map<String, Value>) -> Error {
    let message = message(map);
    let raw = message.to_lowercase();
    // The licence text was seen under 403 as well as 402.
    if status == 402 || raw.contains("продлить лицензию") || raw.contains("license") && raw.contains("renew")
    {
        return Error::LicenceExpired;
    }
    match status {
        401 => Error::Unauthorised,
        403 => Error::Forbidden(with_details(scrub(&message), &fields(map))),
        404 => Error::NotFound,
        408 | 425 | 500.. => Error::Upstream(status),
        300..=399 => Error::Upstream(status),
        _ => Error::Rejected { message: scrub(&message), fields: fields(map) },
    }
}

fn message(map: &Map<String, Value>) -> String {
    let at = |path: [&str; 2]| map.get(path[0]).and_then(|v| v.get(path[1])).and_then(wire::text);
    at(["meta", "message"])
        .or_else(|| at(["errors", "message"]))
        .or_else(|| map.get("message").and_then(wire::text))
        .unwrap_or_default()
}

/// A refusal whose general message is empty talk ("an error occurred") says what it means in its list.
fn with_details(message: String, fields: &[FieldError]) -> String {
    let details: Vec<&str> = fields.iter().map(|f| f.message.as_str()).filter(|m| !m.is_empty()).collect();
    if details.is_empty() { message } else { format!("{message}: {}", details.join("; ")) }
}

fn fields(map: &Map<String, Value>) -> Vec<FieldError> {
    let errors = map.get("meta").and_then(|meta| meta.get("errors")).or_else(|| map.get("errors"));
    match errors {
        // `[{code, message}]`: booking rules.
        Some(Value::Array(items)) => items
            .iter()
            .take(MOST_FIELDS)
            .map(|item| FieldError {
                name: item.get("field").and_then(wire::text).map(|f| scrub(&f)).unwrap_or_default(),
                code: item.get("code").and_then(wire::int),
                message: item.get("message").unwrap_or(item).as_str().map(scrub).unwrap_or_default(),
            })
            .collect(),
        // `{field: [text, …]}`: validation. The `{code, message}` of a bare refusal names no field.
        Some(Value::Object(by_name)) if !by_name.contains_key("code") => by_name
            .iter()
            .take(MOST_FIELDS)
            .map(|(name, texts)| FieldError {
                name: scrub(name),
                code: None,
                message: scrub(&texts_of(texts)),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn texts_of(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    fn answer(status: u16, body: &str) -> Result<Answer, Error> {
        open(status, body.as_bytes(), Expect::Data, None)
    }

    fn code(status: u16, body: &str) -> &'static str {
        answer(status, body).map_or_else(|error| error.code(), |_| "ok")
    }

    #[test]
    fn every_shape_of_no_is_understood() {
        for (status, name, expected) in [
            (400, "error_400.json", "rejected"),
            (401, "error_401.json", "unauthorised"),
            (401, "error_401_errors_shape.json", "unauthorised"),
            (402, "error_402_license.json", "licence_expired"),
            (403, "error_402_license.json", "licence_expired"),
            (403, "error_403.json", "forbidden"),
            (403, "error_403_blacklist_434.json", "forbidden"),
            (404, "error_404.json", "not_found"),
            (404, "marketplace_status_not_installed_404.json", "not_found"),
            (422, "error_422.json", "rejected"),
            (422, "error_422_book_check_433.json", "rejected"),
            (429, "error_429_assumed.json", "throttled"),
            (403, "marketplace_callback_already_installed_403.json", "forbidden"),
            (200, "error_400.json", "rejected"),
            (200, "error_401_errors_shape.json", "rejected"),
        ] {
            assert_eq!(code(status, &fixtures::text(name)), expected, "{status} {name}");
        }
    }

    #[test]
    fn what_something_in_between_wrote_is_not_the_crms_word() {
        let html = "<html><body>404 Not Found</body></html>";
        for status in [400, 401, 403, 404, 301, 500, 502, 503] {
            assert_eq!(code(status, html), "upstream", "{status}");
            assert_eq!(code(status, ""), "upstream", "{status} with nothing");
        }
        assert_eq!(code(500, &fixtures::text("error_400.json")), "upstream");
        assert_eq!(code(429, ""), "throttled");
        assert_eq!(code(200, html), "malformed");
        assert_eq!(code(200, ""), "malformed");
        assert_eq!(code(200, r#"{"success":true,"data":[{"id":1"#), "malformed");
        assert_eq!(code(204, ""), "ok");
        assert!(open(201, b"", Expect::Nothing, None).is_ok());
        assert!(open(201, b"thanks", Expect::Nothing, None).is_ok());
        assert!(open(201, br#"{"success":false}"#, Expect::Nothing, None).is_err());
    }

    #[test]
    fn a_refusal_keeps_its_fields_and_codes() {
        let Err(Error::Rejected { message, fields }) = answer(422, &fixtures::text("error_422.json")) else {
            panic!("not rejected")
        };
        assert_eq!(message, "Переданы некорректные данные");
        assert!(fields.iter().any(|f| f.name == "webhook_urls" && f.message == "Значение недействительно"));
        let Err(Error::Rejected { fields, .. }) =
            answer(422, &fixtures::text("error_422_book_check_433.json"))
        else {
            panic!("not rejected")
        };
        assert_eq!(fields.iter().map(|f| f.code).collect::<Vec<_>>(), [Some(433)]);
        let Err(Error::Forbidden(message)) = answer(403, &fixtures::text("error_403_blacklist_434.json"))
        else {
            panic!("not forbidden")
        };
        assert_eq!(message, "Произошла ошибка: Запись запрещена");
    }

    #[test]
    fn an_answer_is_unwrapped_with_an_envelope_and_without() {
        let wrapped = answer(200, r#"{"success":true,"data":[1],"meta":{"page":1}}"#).expect("an answer");
        assert_eq!((wrapped.data, wrapped.meta), (serde_json::json!([1]), serde_json::json!({"page": 1})));
        assert_eq!(answer(200, "[1]").expect("an answer").data, serde_json::json!([1]));
        assert_eq!(answer(200, r#"{"id":1}"#).expect("an answer").data, serde_json::json!({"id": 1}));
        assert_eq!(answer(201, r#"{"success":1}"#).expect("an answer").data, Value::Null);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_it_panic(status in 100_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = open(status, &body, Expect::Data, None);
        }

        #[test]
        fn no_shape_of_errors_makes_it_panic(text in ".*", code in proptest::num::i64::ANY) {
            for errors in [serde_json::json!([text, {"code": code, "message": text}]), serde_json::json!({&*text: [text, code]})] {
                let body = serde_json::json!({"success": false, "meta": {"message": text, "errors": errors}});
                let _ = super::open(422, body.to_string().as_bytes(), Expect::Data, None);
            }
        }
    }
}
