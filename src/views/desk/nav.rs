//! The bar above every page: where one is, where one may go, and who one is.

use askama::Template;

use crate::views::{Words, html};

/// A company's pages. One more is a line here and in [`Tab::link`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    Overview,
    Records,
    Messages,
    Clients,
    Syncs,
    Team,
}

impl Tab {
    const ALL: [Self; 6] =
        [Self::Overview, Self::Records, Self::Messages, Self::Clients, Self::Syncs, Self::Team];

    /// Its word, and its address below the company's.
    fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Overview => ("desk-overview", ""),
            Self::Records => ("desk-records", "/records"),
            Self::Messages => ("desk-messages", "/messages"),
            Self::Clients => ("desk-clients", "/clients"),
            Self::Syncs => ("desk-syncs", "/syncs"),
            Self::Team => ("desk-team", "/team"),
        }
    }
}

/// Who is where.
#[derive(Debug, Clone)]
pub struct Nav<'a> {
    /// The company whose pages these are.
    pub company: Option<&'a str>,
    pub tab: Option<Tab>,
    /// Sees all companies.
    pub is_operator: bool,
    pub has_team: bool,
    pub is_account: bool,
    pub who: &'a str,
    pub form_key: &'a str,
}

struct Link {
    url: String,
    title: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "desk/nav.html")]
struct Bar<'a> {
    w: Words,
    links: Vec<Link>,
    is_account: bool,
    who: &'a str,
    form_key: &'a str,
}

/// The bar as HTML.
#[must_use]
pub fn nav(w: Words, nav: &Nav<'_>) -> String {
    let mut links = Vec::new();
    if nav.is_operator {
        let is_here = nav.company.is_none() && !nav.is_account;
        links.push(Link { url: "/desk".to_owned(), title: w.t("desk-companies"), is_here });
    }
    if let Some(id) = nav.company {
        let tabs = Tab::ALL.into_iter().filter(|tab| *tab != Tab::Team || nav.has_team);
        links.extend(tabs.map(|tab| {
            let (word, path) = tab.link();
            Link {
                url: format!("/desk/companies/{id}{path}"),
                title: w.t(word),
                is_here: nav.tab == Some(tab),
            }
        }));
    }
    html(&Bar { w, links, is_account: nav.is_account, who: nav.who, form_key: nav.form_key })
}
