//! What can go wrong between us and the CRM, and what each allows.

use crate::kernel::fault::{Fault, Retry};

/// One field the CRM did not like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name, empty for a booking rule.
    pub name: String,
    /// A booking rule's code (431–438), else `None`.
    pub code: Option<i64>,
    /// Scrubbed text.
    pub message: String,
}

/// Why a call gave nothing. Messages are the CRM's own, scrubbed of numbers, addresses and long tokens and cut short, so any
/// of these may be printed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: the partner token, or the system user's, is not accepted.
    #[error("YClients does not accept our token")]
    Unauthorised,
    /// 402, or another refusal with the licence text: the salon has not paid YClients.
    #[error("the salon's YClients licence has expired")]
    LicenceExpired,
    /// 403: no right, not installed, or not our application.
    #[error("YClients forbids it: {0}")]
    Forbidden(String),
    /// 404 in the CRM's own words: there is no such salon, record or installation.
    #[error("YClients knows no such thing")]
    NotFound,
    /// 429; milliseconds to wait where it said so.
    #[error("YClients asks us to slow down")]
    Throttled(Option<i64>),
    /// Any other refusal: 400, 422, or `success: false` in a 200.
    #[error("YClients refused: {message}{}", names(fields))]
    Rejected { message: String, fields: Vec<FieldError> },
    /// No answer: no route, no TLS, time out.
    #[error("YClients does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// A status that is not the CRM's word on our request: 5xx, a redirect, or a refusal written by something in between.
    #[error("YClients answered {0}")]
    Upstream(u16),
    /// An answer that is not what the method promises: not JSON, half of it, too long, or without what matters.
    #[error("YClients answered something unreadable: {0}")]
    Malformed(&'static str),
    /// We did not ask: the program ends.
    #[error("YClients was not asked, for the program is stopping")]
    Closing,
}

fn names(fields: &[FieldError]) -> String {
    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).filter(|name| !name.is_empty()).collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

impl Error {
    /// A stable word for metrics and logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorised => "unauthorised",
            Self::LicenceExpired => "licence_expired",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::Throttled(_) => "throttled",
            Self::Rejected { .. } => "rejected",
            Self::Unreachable(_) => "unreachable",
            Self::Upstream(_) => "upstream",
            Self::Malformed(_) => "malformed",
            Self::Closing => "closing",
        }
    }

    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        // Its text would hold the address with the query.
        Self::Unreachable(error.without_url())
    }
}

impl Fault for Error {
    /// Whether the same *reading* is worth another try. A write that may have happened is first read back by its caller.
    fn retry(&self) -> Retry {
        match self {
            Self::Throttled(Some(ms)) => Retry::After(*ms),
            // A token that is being changed and a licence that is being paid come right without us.
            Self::Throttled(None)
            | Self::Unreachable(_)
            | Self::Upstream(_)
            | Self::Malformed(_)
            | Self::Closing
            | Self::Unauthorised
            | Self::LicenceExpired => Retry::Backoff,
            Self::Forbidden(_) | Self::NotFound | Self::Rejected { .. } => Retry::Never,
        }
    }
}

/// Longest message kept, in characters.
const LONGEST: usize = 200;

/// Takes out of a foreign message what no log may hold: runs of ten and more digits (with what people put between them),
/// words with `@`, and words so long that they are tokens or addresses. Cuts the rest short.
pub(super) fn scrub(message: &str) -> String {
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| if word.contains('@') || word.chars().count() >= 32 { "…" } else { word })
        .collect();
    let mut clean = String::new();
    let mut run = String::new();
    for c in words.join(" ").chars().take(LONGEST) {
        if c.is_ascii_digit() || (matches!(c, '+' | '-' | '(' | ')' | ' ' | '.') && !run.is_empty()) {
            run.push(c);
        } else {
            flush(&mut clean, &mut run);
            clean.push(c);
        }
    }
    flush(&mut clean, &mut run);
    clean.trim().to_owned()
}

fn flush(clean: &mut String, run: &mut String) {
    if run.bytes().filter(u8::is_ascii_digit).count() >= 10 {
        clean.push_str("… ");
    } else {
        clean.push_str(run);
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_message_is_scrubbed() {
        for (written, kept) in [
            ("Филиал не найден.", "Филиал не найден."),
            (
                "Необходимо продлить лицензию в филиале с id: 990101",
                "Необходимо продлить лицензию в филиале с id: 990101",
            ),
            ("phone +7 (900) 000-00-01 is taken", "phone +… is taken"),
            ("bad mail anna@example.test", "bad mail …"),
            ("bad key 0123456789abcdef0123456789abcdef", "bad key …"),
        ] {
            assert_eq!(scrub(written), kept);
        }
        assert!(scrub(&"a b ".repeat(500)).chars().count() <= LONGEST);
    }

    #[test]
    fn only_what_passes_is_worth_another_try() {
        assert_eq!(Error::Throttled(Some(7000)).retry(), Retry::After(7000));
        assert_eq!(Error::Upstream(502).retry(), Retry::Backoff);
        assert_eq!(Error::Malformed("half").retry(), Retry::Backoff);
        assert_eq!(Error::Unauthorised.retry(), Retry::Backoff, "a token may be changing");
        assert_eq!(Error::LicenceExpired.retry(), Retry::Backoff, "a licence may be paid");
        assert_eq!(Error::NotFound.retry(), Retry::Never);
    }
}
