//! `success` / `data` / `meta`, and the error shapes that stand in for it.

use serde_json::Value;

use super::error::Error;

/// Longest message of theirs that we repeat.
const LONGEST: usize = 200;

/// Unwraps an answer: any 2xx is looked into for `success`, anything else becomes the error it means.
pub fn open(status: u16, retry_after_ms: Option<i64>, body: &[u8]) -> Result<Value, Error> {
    let value: Option<Value> = serde_json::from_slice(body).ok();
    if !(200..300).contains(&status) {
        return Err(refusal(status, retry_after_ms, value.as_ref()));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    let Some(mut value) = value else { return Err(Error::Malformed(describe(body))) };
    match value.get("success").and_then(Value::as_bool) {
        Some(true) => Ok(value.get_mut("data").map(Value::take).unwrap_or_default()),
        // Seen with status 200 in several clients.
        Some(false) => Err(Error::Rejected(message(&value))),
        // A few old methods answer without an envelope.
        None => Ok(value),
    }
}

fn refusal(status: u16, retry_after_ms: Option<i64>, body: Option<&Value>) -> Error {
    let said = body.map(message).unwrap_or_default();
    match status {
        401 => Error::Unauthorised,
        402 => Error::LicenceExpired,
        // The same sentence was seen under 403.
        403 if said.contains("лицензи") => Error::LicenceExpired,
        403 => Error::Forbidden(said),
        404 => Error::NotFound,
        429 => Error::Throttled(retry_after_ms.map(|ms| ms.clamp(0, 600_000))),
        400..=499 => Error::Rejected(said),
        _ => Error::Upstream(status),
    }
}

/// What went wrong in their words: `meta.message`, `errors.message`, and the names of the fields that were refused.
fn message(body: &Value) -> String {
    let texts = [body.pointer("/meta/message"), body.pointer("/errors/message")];
    let main = texts.into_iter().flatten().find_map(Value::as_str).unwrap_or("no reason given");
    let fields: Vec<&str> = match body.pointer("/meta/errors") {
        Some(Value::Object(map)) => map.keys().map(String::as_str).collect(),
        Some(Value::Array(list)) => {
            list.iter().filter_map(|e| e.get("message").and_then(Value::as_str)).collect()
        }
        _ => Vec::new(),
    };
    let all = if fields.is_empty() { main.to_owned() } else { format!("{main} ({})", fields.join(", ")) };
    all.chars().take(LONGEST).collect()
}

/// Says what a body that is not JSON looks like, without repeating it.
fn describe(body: &[u8]) -> String {
    let start = body.trim_ascii_start();
    let kind = if start.starts_with(b"<") {
        "HTML"
    } else if start.starts_with(b"{") || start.starts_with(b"[") {
        "half an answer"
    } else {
        "text"
    };
    format!("{kind}, {} bytes", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_shape_is_told_apart() {
        let open = |status, body: &str| open(status, None, body.as_bytes());
        assert!(matches!(open(401, r#"{"errors":{"code":401,"message":"x"}}"#), Err(Error::Unauthorised)));
        assert!(matches!(open(402, ""), Err(Error::LicenceExpired)));
        assert!(matches!(
            open(403, r#"{"meta":{"message":"Необходимо продлить лицензию"}}"#),
            Err(Error::LicenceExpired)
        ));
        assert!(
            matches!(open(403, r#"{"meta":{"message":"Нет прав"}}"#), Err(Error::Forbidden(m)) if m == "Нет прав")
        );
        assert!(matches!(open(404, "<html>"), Err(Error::NotFound)));
        assert!(matches!(open(429, ""), Err(Error::Throttled(None))));
        assert!(matches!(open(502, "<html>"), Err(Error::Upstream(502))));
        assert!(matches!(open(200, "<html>"), Err(Error::Malformed(_))));
        assert!(matches!(open(200, r#"{"success":true,"da"#), Err(Error::Malformed(_))));
        assert!(matches!(open(200, r#"{"success":false,"meta":{"message":"no"}}"#), Err(Error::Rejected(_))));
        let fields = open(422, r#"{"success":false,"meta":{"message":"bad","errors":{"salon_id":["x"]}}}"#);
        assert!(matches!(fields, Err(Error::Rejected(m)) if m == "bad (salon_id)"));
    }

    #[test]
    fn data_comes_out_with_and_without_an_envelope() {
        assert_eq!(open(200, None, br#"{"success":true,"data":[1]}"#).expect("data"), serde_json::json!([1]));
        assert_eq!(open(200, None, br#"{"id":1}"#).expect("data"), serde_json::json!({"id":1}));
        assert_eq!(open(204, None, b"").expect("data"), Value::Null);
    }
}
