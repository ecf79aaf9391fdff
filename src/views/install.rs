//! Pages of the installation: each bad way in says what is wrong and what to do.

use askama::Template;

use super::connect::{Notice, Tone, Way};
use super::{Frame, Reader, Words, html};

/// What can be wrong with the address the marketplace opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    NoSalon,
    /// The signature does not fit, or what it signs is about another salon.
    BadSignature,
    NotInstalled,
    LinkExpired,
    YclientsSilent,
    /// The page's token is of one salon, and the address asks for another.
    BelongsToAnother,
    /// Somebody else connected this salon, or nobody said who the visitor is.
    NotTheOwner,
}

impl Problem {
    pub const ALL: [Self; 7] = [
        Self::NoSalon,
        Self::BadSignature,
        Self::NotInstalled,
        Self::LinkExpired,
        Self::YclientsSilent,
        Self::BelongsToAnother,
        Self::NotTheOwner,
    ];

    /// The status the page is sent with.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NoSalon => 400,
            Self::BadSignature | Self::BelongsToAnother | Self::NotTheOwner => 403,
            Self::NotInstalled => 409,
            Self::LinkExpired => 401,
            Self::YclientsSilent => 503,
        }
    }
}

#[derive(Template)]
#[template(path = "install/problem.html")]
struct ProblemPage {
    frame: Frame,
    w: Words,
    notice: Notice,
}

/// The page of one problem.
#[must_use]
pub fn problem(frame: Frame, problem: Problem, reader: &Reader) -> String {
    let w = frame.words;
    let notice = |tone, title: &str, lead| Notice::new(w, tone, w.t(title), lead);
    let market = reader.marketplace_url.as_str();
    let notice = match problem {
        Problem::NoSalon => notice(Tone::Ask, "install-no-salon-title", "install-no-salon-lead")
            .leads(market, w.t("expired-open")),
        Problem::BadSignature => notice(Tone::Stop, "install-signature-title", "install-signature-lead")
            .leads(market, w.t("expired-open")),
        Problem::BelongsToAnother => notice(Tone::Stop, "install-belongs-title", "install-belongs-lead")
            .leads(market, w.t("expired-open")),
        Problem::NotTheOwner => {
            notice(Tone::Ask, "install-owner-title", "install-owner-lead").leads(market, w.t("expired-open"))
        }
        Problem::NotInstalled => {
            Notice::not_installed(w).reloads(w.t("check-again")).leads(market, w.t("not-installed-open"))
        }
        Problem::LinkExpired => Notice::expired(w, market),
        Problem::YclientsSilent => {
            notice(Tone::Wait, "install-silent-title", "install-silent-lead").reloads(w.t("check-again"))
        }
    };
    html(&ProblemPage { frame, w, notice })
}

/// One salon to begin with, where the application was installed into several.
#[derive(Debug, Clone)]
pub struct Choice {
    pub title: String,
    pub url: String,
    pub linked: bool,
}

#[derive(Template)]
#[template(path = "install/choose.html")]
struct ChoosePage<'a> {
    frame: Frame,
    w: Words,
    salons: &'a [Choice],
}

/// "Which salon comes first?"
#[must_use]
pub fn choose(frame: Frame, salons: &[Choice]) -> String {
    let w = frame.words;
    html(&ChoosePage { frame, w, salons })
}
