//! A client's pages with their salon: the way in, the profile, own records, and where to book. Plain forms and links work without any
//! script; with it the booking page tells by itself that a record has come.

mod book;
mod enter;
mod profile;
mod records;
mod samples;

use askama::Template;

pub use book::{Book, Group, Service, arrived, book, form_trouble};
pub use enter::{Enter, Fault, Step, enter, forged};
pub use profile::{Line, Profile, profile};
pub use records::{RecordLine, Records, records};
pub use samples::samples;

use super::{Words, html};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Book,
    Records,
    Profile,
}

/// The bar of a salon's pages.
#[derive(Debug, Clone)]
pub struct Nav<'a> {
    /// `/salons/tnt_…`
    pub url: &'a str,
    pub tab: Option<Tab>,
    /// Of whoever is signed in; '' for nobody.
    pub form_key: &'a str,
}

struct Link {
    url: String,
    title: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "client/nav.html")]
struct Bar<'a> {
    w: Words,
    url: &'a str,
    links: Vec<Link>,
    form_key: &'a str,
}

#[must_use]
pub fn nav(w: Words, nav: &Nav<'_>) -> String {
    let link = |tab, path: &str, title: &str| Link {
        url: format!("{}{path}", nav.url),
        title: w.t(title),
        is_here: nav.tab == Some(tab),
    };
    let mut links = vec![link(Tab::Book, "/book", "client-book")];
    if !nav.form_key.is_empty() {
        links.push(link(Tab::Records, "/bookings", "client-records"));
        links.push(link(Tab::Profile, "/profile", "client-profile"));
    }
    html(&Bar { w, url: nav.url, links, form_key: nav.form_key })
}

/// An amount in minor units: `1 234,50`, without the part after the comma where there is none.
#[must_use]
pub fn money(w: Words, minor: i64) -> String {
    let (sign, minor) = (if minor < 0 { "−" } else { "" }, minor.unsigned_abs());
    let digits = (minor / 100).to_string();
    let mut whole = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            whole.push('\u{a0}');
        }
        whole.push(digit);
    }
    match (minor % 100, w.0) {
        (0, _) => format!("{sign}{whole}"),
        (rest, crate::kernel::locale::Locale::Ru) => format!("{sign}{whole},{rest:02}"),
        (rest, crate::kernel::locale::Locale::En) => format!("{sign}{whole}.{rest:02}"),
    }
}

/// The same in the salon's money.
fn price(w: Words, minor: i64) -> String {
    w.with("client-money", "sum", money(w, minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::locale::Locale;

    #[test]
    fn money_reads_as_people_write_it() {
        let say = |locale, minor| money(Words(locale), minor).replace('\u{a0}', " ");
        for (minor, ru, en) in [
            (0, "0", "0"),
            (250_000, "2 500", "2 500"),
            (99_900, "999", "999"),
            (123_456_750, "1 234 567,50", "1 234 567.50"),
            (-10_005, "−100,05", "−100.05"),
            (i64::MIN, "−92 233 720 368 547 758,08", "−92 233 720 368 547 758.08"),
        ] {
            assert_eq!((say(Locale::Ru, minor).as_str(), say(Locale::En, minor).as_str()), (ru, en));
        }
    }
}
