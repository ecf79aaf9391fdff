//! What people see: one struct per page over an askama template, words in two languages, QR pictures, and the asset table.
//!
//! # Decision: the panel is HTML from one place
//! The connect page changes while it is open. The server renders the same panel template for the first paint and for every
//! update over the socket, so the page and the socket never disagree. The price is some kilobytes per change.

pub mod assets;
pub mod client;
pub mod connect;
pub mod dates;
pub mod desk;
pub mod error;
pub mod home;
pub mod i18n;
pub mod install;
pub mod numbers;
pub mod qr;
mod samples;
#[cfg(test)]
mod tests;
pub mod timeline;

use askama::Template;
use chrono_tz::Tz;

pub use assets::asset_url;
pub use i18n::Words;
pub use samples::{Sample, samples};

use crate::kernel::locale::Locale;

/// Who reads: enough to choose words, write times as the salon's clock shows them, and link back to YClients.
#[derive(Debug, Clone)]
pub struct Reader {
    pub locale: Locale,
    /// The salon's zone; every time on the page is told in it.
    pub timezone: Tz,
    /// Our application's page in the marketplace.
    pub marketplace_url: String,
}

impl Reader {
    #[must_use]
    pub fn words(&self) -> Words {
        Words(self.locale)
    }
}

/// What every page's frame needs.
#[derive(Debug, Clone)]
pub struct Frame {
    pub words: Words,
    pub request_id: String,
    /// Where the other language is, for example `?lang=en`; empty hides the link.
    pub other_language_url: String,
}

impl Frame {
    #[must_use]
    pub fn new(locale: Locale, request_id: &str) -> Self {
        let other = match locale {
            Locale::Ru => "?lang=en",
            Locale::En => "?lang=ru",
        };
        Self { words: Words(locale), request_id: request_id.to_owned(), other_language_url: other.to_owned() }
    }

    #[must_use]
    pub fn lang(&self) -> &'static str {
        self.words.0.code()
    }

    /// The language this page is not in.
    #[must_use]
    pub fn other_lang(&self) -> &'static str {
        match self.words.0 {
            Locale::Ru => Locale::En.code(),
            Locale::En => Locale::Ru.code(),
        }
    }
}

/// Renders a page. Askama fails only when a value inside fails to print, which is a mistake of ours: logged, and the page is blank.
pub(crate) fn html(template: &impl Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page did not render");
        String::new()
    })
}
