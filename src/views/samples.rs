//! Every page in every state, rendered: what the tests check and the gallery shows.

use super::connect::{self, FirstWay, Opening};
use super::home::HomeLink;
use super::install::{Choice, Problem};
use super::{Frame, Reader, client, desk, error, home, install, timeline};
use crate::kernel::locale::Locale;

/// One page as it is sent.
#[derive(Debug, Clone)]
pub struct Sample {
    /// `connect-qr`, `install-no-salon`, `error-404`, …
    pub name: String,
    pub html: String,
}

/// All pages in one language.
#[must_use]
pub fn samples(locale: Locale) -> Vec<Sample> {
    let reader = Reader {
        locale,
        timezone: chrono_tz::Europe::Moscow,
        marketplace_url: "https://yclients.com/appstore/app/1".to_owned(),
    };
    let frame = || Frame::new(locale, "7QK2M4XD");
    let mut all = Vec::new();
    let mut add = |name: String, html: String| all.push(Sample { name, html });
    for (name, view) in connect::samples() {
        let opening = Opening { token: "sample", company_id: "tnt_sample", way: FirstWay::Auto };
        add(format!("connect-{name}"), connect::page(frame(), &view, &reader, &opening));
    }
    for problem in Problem::ALL {
        let name = format!("install-{problem:?}").to_lowercase();
        add(name, install::problem(frame(), problem, &reader));
    }
    let salon = |title: &str, linked| Choice { title: title.to_owned(), url: "/connect".to_owned(), linked };
    let salons = [salon("Ирис на Садовой", true), salon("Ирис на Лесной", false)];
    add("install-choose".to_owned(), install::choose(frame(), &salons));
    for (name, html) in timeline::samples(&frame) {
        add(format!("timeline-{name}"), html);
    }
    for (name, html) in desk::samples(&frame) {
        add(format!("desk-{name}"), html);
    }
    for (name, html) in client::samples(&frame) {
        add(format!("client-{name}"), html);
    }
    for status in [400, 403, 404, 429, 500, 503] {
        add(format!("error-{status}"), error::error(frame(), status));
    }
    let link = |title: &str, note: &str| HomeLink {
        title: title.to_owned(),
        note: note.to_owned(),
        url: "/".to_owned(),
    };
    let links = [link("YClients", "127.0.0.1:4001"), link("WhatsApp", "127.0.0.1:4002")];
    add("home".to_owned(), home::home(frame(), &links));
    all
}
