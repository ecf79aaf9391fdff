//! The front page: what this is, and where to go.

use askama::Template;

use super::{Frame, Words, html};

/// A way on from the front page. The demo puts its addresses here; in production there are none.
#[derive(Debug, Clone)]
pub struct HomeLink {
    pub title: String,
    pub note: String,
    pub url: String,
}

#[derive(Template)]
#[template(path = "home/home.html")]
struct HomePage<'a> {
    frame: Frame,
    w: Words,
    links: &'a [HomeLink],
}

#[must_use]
pub fn home(frame: Frame, links: &[HomeLink]) -> String {
    let w = frame.words;
    html(&HomePage { frame, w, links })
}
