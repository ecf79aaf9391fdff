//! The way in: password, code, invitation; and what is said where there is no way.

use askama::Template;

use super::weak_key;
use crate::domain::password::Weak;
use crate::views::connect::{Notice, Tone, Way};
use crate::views::{Frame, Words, html};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    SignIn,
    Code,
    Invitation,
}

/// Why the way is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Address or password: which of them is not told.
    Refused,
    WrongCode,
    /// Nothing is looked at for so many minutes.
    Rests(i64),
    Weak(Weak),
    /// The two new passwords differ.
    Differ,
    /// The code was waited for too long.
    TooOld,
}

impl Fault {
    pub(super) fn text(self, w: Words) -> String {
        match self {
            Self::Refused => w.t("desk-refused"),
            Self::WrongCode => w.t("desk-wrong-code"),
            Self::Rests(minutes) => w.count("desk-rests", u64::try_from(minutes).unwrap_or(1)),
            Self::Weak(weak) => w.t(weak_key(weak)),
            Self::Differ => w.t("desk-differ"),
            Self::TooOld => w.t("desk-code-too-old"),
        }
    }
}

/// One of the ways in.
#[derive(Debug, Clone)]
pub struct Enter<'a> {
    pub step: Step,
    /// Where the form goes.
    pub action: &'a str,
    pub email: &'a str,
    /// The page that was asked for first.
    pub to: &'a str,
    pub ticket: &'a str,
    pub fault: Option<Fault>,
}

#[derive(Template)]
#[template(path = "desk/enter.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    title: String,
    lead: String,
    note: String,
    fault: String,
    step: Step,
    action: &'a str,
    email: &'a str,
    to: &'a str,
    ticket: &'a str,
}

#[must_use]
pub fn enter(frame: Frame, enter: &Enter<'_>) -> String {
    let w = frame.words;
    let (title, lead, note) = match enter.step {
        Step::SignIn => (w.t("desk-sign-in"), String::new(), w.t("desk-forgot")),
        Step::Code => (w.t("desk-code-title"), w.t("desk-code-lead"), w.t("desk-code-lost")),
        Step::Invitation => {
            (w.t("desk-welcome"), w.with("desk-welcome-lead", "email", enter.email), String::new())
        }
    };
    html(&Page {
        title,
        lead,
        note,
        fault: enter.fault.map(|fault| fault.text(w)).unwrap_or_default(),
        step: enter.step,
        action: enter.action,
        email: enter.email,
        to: enter.to,
        ticket: enter.ticket,
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

/// An invitation that is used, or too old.
#[must_use]
pub fn closed(frame: Frame) -> String {
    let w = frame.words;
    let notice = Notice::new(w, Tone::Ask, w.t("desk-closed-title"), "desk-closed-lead")
        .leads("/desk/sign-in", w.t("desk-sign-in"));
    html(&NoticePage { frame, w, notice })
}

/// A form that this page did not give to this browser.
#[must_use]
pub fn forged(frame: Frame) -> String {
    let w = frame.words;
    let notice = Notice::new(w, Tone::Stop, w.t("timeline-forged-title"), "timeline-forged-lead")
        .leads("/desk", w.t("desk-back"));
    html(&NoticePage { frame, w, notice })
}
