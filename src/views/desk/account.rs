//! One's own login: the password, the codes of a phone, and where one is signed in.

use askama::Template;

use super::enter::Fault;
use super::team::role_key;
use crate::domain::login::Login;
use crate::views::{Frame, Words, html, qr};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codes {
    Off,
    /// A secret that waits for its first code.
    Pending {
        picture: String,
        secret: String,
        ticket: String,
    },
    On,
}

impl Codes {
    /// A secret to be scanned; the address is what the picture says.
    #[must_use]
    pub fn pending(address: &str, secret: &str, ticket: &str) -> Self {
        // In fours, as one types it.
        let fours: Vec<String> =
            secret.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
        Self::Pending {
            picture: qr::titled(address, "QR"),
            secret: fours.join(" "),
            ticket: ticket.to_owned(),
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    PasswordChanged,
    CodesOn,
    CodesOff,
}

#[derive(Debug, Clone)]
pub struct Account<'a> {
    pub nav: String,
    pub login: &'a Login,
    pub form_key: &'a str,
    pub codes: Codes,
    pub said: Option<Said>,
    pub fault: Option<AccountFault>,
}

/// Why something was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountFault {
    WrongPassword,
    Other(Fault),
}

#[derive(Template)]
#[template(path = "desk/account.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    about: String,
    email: &'a str,
    form_key: &'a str,
    codes: &'a Codes,
    done: String,
    fault: String,
}

#[must_use]
pub fn account(frame: Frame, it: &Account<'_>) -> String {
    let w = frame.words;
    let done = it.said.map(|said| match said {
        Said::PasswordChanged => w.t("desk-password-changed"),
        Said::CodesOn => w.t("desk-codes-now-on"),
        Said::CodesOff => w.t("desk-codes-now-off"),
    });
    let fault = it.fault.map(|fault| match fault {
        AccountFault::WrongPassword => w.t("desk-wrong-password"),
        AccountFault::Other(fault) => fault.text(w),
    });
    html(&Page {
        nav: &it.nav,
        about: format!("{} · {}", it.login.email, w.t(role_key(it.login.role))),
        email: &it.login.email,
        form_key: it.form_key,
        codes: &it.codes,
        done: done.unwrap_or_default(),
        fault: fault.unwrap_or_default(),
        frame,
        w,
    })
}
