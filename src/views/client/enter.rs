//! The way in: the number, then the code that came to it.

use askama::Template;

use crate::views::connect::{Notice, Tone, Way};
use crate::views::{Frame, Words, html, numbers};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Phone,
    Code,
}

/// Why the way is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    BadPhone,
    WrongCode,
    /// Too late, or tried too often.
    CodeOver,
    /// A code was asked for a moment ago: so many seconds.
    Soon(i64),
    /// Nothing is looked at for so many minutes.
    Rests(i64),
    /// The salon sends nothing now.
    Closed,
}

impl Fault {
    fn text(self, w: Words) -> String {
        let n = |n: i64| u64::try_from(n).unwrap_or(1);
        match self {
            Self::BadPhone => w.t("say-bad-phone"),
            Self::WrongCode => w.t("client-wrong-code"),
            Self::CodeOver => w.t("client-code-over"),
            Self::Soon(seconds) => w.count("client-soon", n(seconds)),
            Self::Rests(minutes) => w.count("desk-rests", n(minutes)),
            Self::Closed => w.t("client-closed"),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Enter<'a> {
    pub nav: String,
    pub salon: &'a str,
    /// `/salons/tnt_…/sign-in`
    pub url: &'a str,
    pub step: Step,
    pub phone: &'a str,
    /// The page that was asked for first.
    pub to: &'a str,
    pub fault: Option<Fault>,
    /// How long the code that was just sent is good.
    pub left_ms: i64,
}

#[derive(Template)]
#[template(path = "client/enter.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    salon: &'a str,
    url: &'a str,
    title: String,
    lead: String,
    is_code: bool,
    phone: &'a str,
    to: &'a str,
    fault: String,
    left_ms: i64,
}

#[must_use]
pub fn enter(frame: Frame, it: &Enter<'_>) -> String {
    let w = frame.words;
    let is_code = it.step == Step::Code;
    let (title, lead) = match it.step {
        Step::Phone => (w.t("client-sign-in"), w.t("client-sign-in-lead")),
        Step::Code => {
            (w.t("client-code-title"), w.with("client-code-lead", "phone", numbers::readable(it.phone)))
        }
    };
    html(&Page {
        nav: &it.nav,
        salon: it.salon,
        url: it.url,
        title,
        lead,
        is_code,
        phone: it.phone,
        to: it.to,
        fault: it.fault.map(|fault| fault.text(w)).unwrap_or_default(),
        left_ms: it.left_ms,
        frame,
        w,
    })
}

#[derive(Template)]
#[template(path = "error/error.html")]
struct NoticePage {
    frame: Frame,
    w: Words,
    notice: Notice,
}

/// A form that this page did not give to this browser.
#[must_use]
pub fn forged(frame: Frame, url: &str) -> String {
    let w = frame.words;
    let notice = Notice::new(w, Tone::Stop, w.t("timeline-forged-title"), "timeline-forged-lead")
        .leads(url, w.t("desk-back"));
    html(&NoticePage { frame, w, notice })
}
