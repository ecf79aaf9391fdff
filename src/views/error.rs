//! Pages for requests that no page answers.

use askama::Template;

use super::connect::{Notice, Tone, Way};
use super::{Frame, Words, html};

#[derive(Template)]
#[template(path = "error/error.html")]
struct ErrorPage {
    frame: Frame,
    w: Words,
    notice: Notice,
}

/// The page for an HTTP status: 404, 429, 503 and other refusals in their own words, everything from 500 as our fault.
#[must_use]
pub fn error(mut frame: Frame, status: u16) -> String {
    let w = frame.words;
    let plain = |tone, title: &str, lead| Notice::new(w, tone, w.t(title), lead);
    let notice = match status {
        404 => plain(Tone::Ask, "error-missing-title", "error-missing-lead").leads("/", w.t("error-home")),
        403 => {
            plain(Tone::Stop, "error-forbidden-title", "error-forbidden-lead").leads("/", w.t("error-home"))
        }
        429 => plain(Tone::Wait, "error-often-title", "error-often-lead").reloads(w.t("refresh")),
        503 => plain(Tone::Wait, "error-busy-title", "error-busy-lead").reloads(w.t("refresh")),
        400..=499 => {
            plain(Tone::Ask, "error-request-title", "error-request-lead").leads("/", w.t("error-home"))
        }
        // The id stands beside the way out; once on the page is enough.
        _ => Notice::our_fault_reload(w, &std::mem::take(&mut frame.request_id)),
    };
    html(&ErrorPage { frame, w, notice })
}
