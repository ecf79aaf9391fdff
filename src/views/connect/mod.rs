//! The connect page and its panel. One template draws the panel for the first paint and for every later update.

mod notice;
mod samples;

use askama::Template;

pub(super) use notice::{Notice, Tone, Way};
pub(crate) use samples::samples;

use super::{Frame, Reader, Words, dates, html, qr};
use crate::domain::connect::{ConnectStep, ConnectView, SyncPart};
use crate::kernel::clock::UnixMs;

/// Which way of linking the reader sees first, until they choose themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstWay {
    /// The reader's only screen is the phone to be linked: a QR code is no use on it.
    Code,
    /// Decided by the width of the screen and the kind of pointer.
    Auto,
}

impl FirstWay {
    /// A hint from `User-Agent`; the stylesheet decides where it says nothing.
    #[must_use]
    pub fn hinted(user_agent: &str) -> Self {
        if user_agent.contains("Mobile") && !user_agent.contains("iPad") { Self::Code } else { Self::Auto }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Auto => "auto",
        }
    }
}

/// What the page carries beside the panel: its key to the socket.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    pub token: &'a str,
    pub company_id: &'a str,
    pub way: FirstWay,
}

#[derive(Template)]
#[template(path = "connect/page.html")]
struct ConnectPage<'a> {
    frame: Frame,
    w: Words,
    salon_title: &'a str,
    panel: String,
    token: &'a str,
    company_id: &'a str,
    way: &'static str,
    /// Shown by the script when the socket is refused; drawn here so that the words stay in one place.
    expired: String,
    crowded: String,
    fault: String,
}

#[derive(Template)]
#[template(path = "connect/panel.html")]
struct Panel<'a> {
    view: &'a ConnectView,
    reader: &'a Reader,
    w: Words,
}

#[derive(Template)]
#[template(path = "connect/refused.html")]
struct RefusedPanel<'a> {
    w: Words,
    state: &'a str,
    notice: Notice,
}

/// The whole page, in the state the server is in.
#[must_use]
pub fn page(mut frame: Frame, view: &ConnectView, reader: &Reader, opening: &Opening<'_>) -> String {
    let w = frame.words;
    let request_id = frame.request_id.clone();
    // The panel has a request id of its own then, and two would leave the reader to choose.
    if matches!(view.step, ConnectStep::OurFault { .. }) {
        frame.request_id.clear();
    }
    let refused = |state, notice| html(&RefusedPanel { w, state, notice });
    html(&ConnectPage {
        w,
        salon_title: &view.salon_title,
        panel: panel(view, reader),
        token: opening.token,
        company_id: opening.company_id,
        way: opening.way.name(),
        expired: refused("link_expired", Notice::expired(w, &reader.marketplace_url)),
        crowded: refused("crowded", Notice::crowded(w)),
        fault: refused("our_fault", Notice::our_fault_reload(w, &request_id)),
        frame,
    })
}

/// The panel alone: what the `state` event carries as `html`.
#[must_use]
pub fn panel(view: &ConnectView, reader: &Reader) -> String {
    html(&Panel { view, reader, w: reader.words() })
}

/// Fills in the QR picture where the view came without one.
#[must_use]
pub fn with_picture(mut view: ConnectView) -> ConnectView {
    if let ConnectStep::Qr { raw, svg, .. } = &mut view.step
        && svg.is_empty()
    {
        *svg = qr::svg(raw);
    }
    view
}

impl Panel<'_> {
    /// Panels with the same key differ only in their parts, which the script then swaps one by one: what the reader is typing,
    /// and where the focus is, stay.
    fn key(&self) -> &'static str {
        match &self.view.step {
            ConnectStep::Preparing { .. } | ConnectStep::Qr { .. } => "link",
            ConnectStep::Code { code, .. } if code.is_empty() => "code_ask",
            step => step.name(),
        }
    }

    /// Which of the three steps at the top is the current one; 0 hides them.
    fn stage(&self) -> u8 {
        match &self.view.step {
            ConnectStep::Preparing { .. }
            | ConnectStep::Qr { .. }
            | ConnectStep::Code { .. }
            | ConnectStep::QrExhausted { .. }
            | ConnectStep::Linking
            | ConnectStep::Linked { .. }
            | ConnectStep::NumberServesAnother { .. } => 1,
            ConnectStep::Refused { lost: None, .. } => 1,
            ConnectStep::Syncing { .. } | ConnectStep::Activating => 2,
            ConnectStep::YclientsSilent { linked: true } | ConnectStep::LicenceExpired { .. } => 2,
            ConnectStep::Active { .. } => 3,
            _ => 0,
        }
    }

    /// One notice, or none where the step has a template of its own. A list because a template can walk one.
    fn notices(&self) -> Vec<Notice> {
        Notice::for_step(self.view, self.reader).into_iter().collect()
    }

    fn picture(&self, raw: &str, svg: &str) -> String {
        if svg.is_empty() { qr::svg(raw) } else { svg.to_owned() }
    }

    fn moment(&self, at: &UnixMs) -> String {
        dates::moment(*at, self.view.as_of, self.reader.timezone, self.reader.locale)
    }

    /// How long ago that was when this view was true.
    fn since_ms(&self, at: &UnixMs) -> i64 {
        self.view.as_of.since(*at).max(0)
    }

    /// Milliseconds from the moment this view was true. The browser's clock takes no part: it may be wrong.
    fn left_ms(&self, at: &UnixMs) -> i64 {
        at.since(self.view.as_of).max(0)
    }

    fn left_s(&self, at: &UnixMs) -> i64 {
        (self.left_ms(at) + 999) / 1000
    }

    fn left_clock(&self, at: &UnixMs) -> String {
        let seconds = self.left_s(at);
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }

    fn halves(&self, code: &str) -> [String; 2] {
        let signs: Vec<char> = code.chars().filter(char::is_ascii_alphanumeric).collect();
        let (first, second) = signs.split_at(signs.len() / 2);
        [first.iter().collect(), second.iter().collect()]
    }

    /// One sign at a time, for a screen reader.
    fn spelled(&self, code: &str) -> String {
        let signs: Vec<String> = code.chars().filter(char::is_ascii_alphanumeric).map(String::from).collect();
        signs.join(" ")
    }

    fn initial(&self, name: &str) -> String {
        name.chars().find(|c| c.is_alphanumeric()).map(|c| c.to_uppercase().collect()).unwrap_or_default()
    }

    fn part_name(&self, part: &SyncPart) -> String {
        match part.part.as_str() {
            "services" => self.w.t("sync-services"),
            "staff" => self.w.t("sync-staff"),
            "schedule" => self.w.t("sync-schedule"),
            other => other.to_owned(),
        }
    }

    fn part_count(&self, part: &SyncPart) -> String {
        if part.finished {
            self.w.with("sync-finished", "total", part.total.max(part.done))
        } else if part.total > 0 {
            self.w.with2("sync-count", "done", part.done, "total", part.total)
        } else {
            self.w.t("sync-waiting")
        }
    }

    fn part_max(&self, part: &SyncPart) -> i64 {
        part.total.max(1)
    }

    fn part_value(&self, part: &SyncPart) -> i64 {
        if part.finished { self.part_max(part) } else { part.done.clamp(0, self.part_max(part)) }
    }
}

#[cfg(test)]
mod tests {
    use super::FirstWay;

    #[test]
    fn a_phone_is_known_by_its_browser() {
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148";
        let android = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36";
        let desktop = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36";
        assert_eq!(FirstWay::hinted(iphone), FirstWay::Code);
        assert_eq!(FirstWay::hinted(android), FirstWay::Code);
        assert_eq!(FirstWay::hinted(desktop), FirstWay::Auto);
    }
}
