//! Notices: states that are a cause and a way out. The same shape serves the connect page and the pages of its own.

use crate::domain::connect::{ConnectStep, ConnectView, Lost};
use crate::domain::session::Refusal;
use crate::kernel::clock::UnixMs;
use crate::views::{Reader, Words, dates};

/// What a notice asks of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing: it goes on by itself.
    Wait,
    /// A choice or a small deed.
    Ask,
    /// Something is broken or forbidden.
    Stop,
}

impl Tone {
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Ask => "ask",
            Self::Stop => "stop",
        }
    }
}

/// Where a button leads.
#[derive(Debug, Clone)]
pub enum Way {
    /// An event for the socket.
    Do(&'static str),
    Link(String),
    /// The same page once more.
    Reload,
}

#[derive(Debug, Clone)]
pub struct Button {
    pub way: Way,
    pub label: String,
}

#[derive(Debug, Clone)]
pub struct Notice {
    pub tone: Tone,
    pub title: String,
    /// Safe HTML: made by [`Words::rich`] alone.
    pub lead: String,
    /// What works already (true), and what waits.
    pub facts: Vec<(bool, String)>,
    /// The first one is the next step.
    pub buttons: Vec<Button>,
    pub request_id: String,
}

impl Notice {
    pub fn new(w: Words, tone: Tone, title: String, lead_key: &str) -> Self {
        let lead = w.rich(lead_key).0;
        Self { tone, title, lead, facts: Vec::new(), buttons: Vec::new(), request_id: String::new() }
    }

    fn does(self, event: &'static str, label: String) -> Self {
        self.button(Way::Do(event), label)
    }

    pub fn leads(self, url: &str, label: String) -> Self {
        if url.is_empty() { self } else { self.button(Way::Link(url.to_owned()), label) }
    }

    pub fn reloads(self, label: String) -> Self {
        self.button(Way::Reload, label)
    }

    fn button(mut self, way: Way, label: String) -> Self {
        self.buttons.push(Button { way, label });
        self
    }

    pub fn with_request_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.request_id);
        self
    }

    /// The notice of a step; `None` for steps that have a template of their own.
    pub fn for_step(view: &ConnectView, reader: &Reader) -> Option<Self> {
        let w = reader.words();
        let until =
            |at: &Option<UnixMs>| at.map(|at| dates::moment(at, view.as_of, reader.timezone, reader.locale));
        Some(match &view.step {
            ConnectStep::QrExhausted { minutes } => {
                let title = w.count("qr-exhausted-title", u64::from(*minutes));
                Self::new(w, Tone::Ask, title, "qr-exhausted-lead").does("request-qr", w.t("link-new-code"))
            }
            ConnectStep::Refused { lost: Some(lost), until: at, .. } => Self::lost(w, *lost, until(at)),
            ConnectStep::Refused { why, lost: None, until: at } => Self::refused(w, *why, until(at)),
            ConnectStep::NumberServesAnother { salon_title } => {
                Self::new(w, Tone::Ask, w.with("shared-title", "salon", salon_title), "shared-lead")
                    .does("use-for-both", w.t("shared-both"))
                    .does("relink", w.t("shared-other"))
            }
            ConnectStep::NotInstalled => Self::not_installed(w)
                .does("try-again", w.t("check-again"))
                .leads(&reader.marketplace_url, w.t("not-installed-open")),
            ConnectStep::Frozen { return_url } => {
                Self::new(w, Tone::Stop, w.t("frozen-title"), "frozen-lead")
                    .leads(return_url, w.t("back"))
                    .does("try-again", w.t("check-again"))
            }
            ConnectStep::YclientsSilent { linked } => {
                let whatsapp =
                    if *linked { w.t("silent-whatsapp-done") } else { w.t("silent-whatsapp-waits") };
                let mut notice = Self::new(w, Tone::Wait, w.t("silent-title"), "silent-lead");
                notice.facts = vec![(*linked, whatsapp), (false, w.t("silent-data-waits"))];
                notice.does("try-again", w.t("check-again"))
            }
            ConnectStep::LicenceExpired { return_url } => {
                let mut notice = Self::new(w, Tone::Stop, w.t("licence-title"), "licence-lead");
                notice.facts = vec![(true, w.t("silent-whatsapp-done")), (false, w.t("licence-data-waits"))];
                notice.leads(return_url, w.t("back")).does("try-again", w.t("check-again"))
            }
            ConnectStep::OurFault { request_id } => {
                Self::our_fault(w, request_id).does("try-again", w.t("again"))
            }
            _ => return None,
        })
    }

    fn refused(w: Words, why: Refusal, until: Option<String>) -> Self {
        let notice = |tone, title: &str, lead| Self::new(w, tone, w.t(title), lead);
        match why {
            Refusal::TooManyDevices => notice(Tone::Ask, "refused-devices-title", "refused-devices-lead")
                .does("request-qr", w.t("link-new-code")),
            Refusal::BusinessAccount => notice(Tone::Stop, "refused-business-title", "refused-business-lead")
                .does("request-qr", w.t("link-other")),
            Refusal::Restricted => {
                let title = until.map_or_else(
                    || w.t("refused-restricted-title"),
                    |until| w.with("refused-restricted-title-until", "until", until),
                );
                Self::new(w, Tone::Stop, title, "refused-restricted-lead")
                    .does("request-qr", w.t("link-other"))
                    .does("try-again", w.t("check-again"))
            }
            Refusal::Outdated => notice(Tone::Wait, "refused-outdated-title", "refused-outdated-lead")
                .does("try-again", w.t("check-again")),
            Refusal::Unreachable => {
                notice(Tone::Wait, "refused-unreachable-title", "refused-unreachable-lead")
                    .does("try-again", w.t("again"))
            }
            Refusal::Other => notice(Tone::Stop, "refused-other-title", "refused-other-lead")
                .does("request-qr", w.t("again")),
        }
    }

    fn lost(w: Words, lost: Lost, until: Option<String>) -> Self {
        let notice = |tone, title: &str, lead| Self::new(w, tone, w.t(title), lead);
        match lost {
            Lost::LoggedOut => notice(Tone::Stop, "lost-logged-out-title", "lost-logged-out-lead")
                .does("request-qr", w.t("link-again")),
            Lost::Replaced => notice(Tone::Stop, "lost-replaced-title", "lost-replaced-lead")
                .does("try-again", w.t("lost-replaced-again"))
                .does("relink", w.t("link-again")),
            Lost::Banned => {
                let title = until.map_or_else(
                    || w.t("lost-banned-title"),
                    |until| w.with("lost-banned-title-until", "until", until),
                );
                Self::new(w, Tone::Stop, title, "lost-banned-lead")
                    .does("try-again", w.t("check-again"))
                    .does("relink", w.t("link-other"))
            }
            Lost::Outdated => notice(Tone::Wait, "lost-outdated-title", "lost-outdated-lead")
                .does("try-again", w.t("check-again")),
        }
    }

    pub fn expired(w: Words, marketplace_url: &str) -> Self {
        Self::new(w, Tone::Ask, w.t("expired-title"), "expired-lead")
            .leads(marketplace_url, w.t("expired-open"))
    }

    pub fn crowded(w: Words) -> Self {
        Self::new(w, Tone::Stop, w.t("crowded-title"), "crowded-lead").reloads(w.t("refresh"))
    }

    pub fn not_installed(w: Words) -> Self {
        Self::new(w, Tone::Ask, w.t("not-installed-title"), "not-installed-lead")
    }

    pub fn our_fault(w: Words, request_id: &str) -> Self {
        Self::new(w, Tone::Stop, w.t("fault-title"), "fault-lead").with_request_id(request_id)
    }

    /// For where no socket is left to ask with.
    pub fn our_fault_reload(w: Words, request_id: &str) -> Self {
        Self::our_fault(w, request_id).reloads(w.t("again"))
    }
}
