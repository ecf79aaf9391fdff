//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::App;
use crate::kernel::locale::Locale;
use crate::kernel::secret::Secret;
use crate::views::home::HomeLink;
use crate::views::{Frame, Reader};

/// What pages need to know of the configuration.
#[derive(Debug, Clone)]
pub struct WebSettings {
    pub marketplace_url: String,
    pub frame_ancestors: Vec<String>,
    pub operator_token: Option<Secret>,
    /// Ways on from the front page, in each language; the demo has some.
    pub home_links: Vec<(Locale, HomeLink)>,
}

#[derive(Clone)]
pub struct WebState {
    pub app: Arc<App>,
    pub settings: Arc<WebSettings>,
}

/// Who reads, and which request it is.
#[derive(Debug, Clone)]
pub struct Visit {
    pub locale: Locale,
    pub request_id: String,
    pub user_agent: String,
    /// What was asked for: path and query.
    pub address: String,
}

impl Visit {
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame::new(self.locale, &self.request_id)
    }

    #[must_use]
    pub fn reader(&self, state: &WebState, timezone: chrono_tz::Tz) -> Reader {
        Reader { locale: self.locale, timezone, marketplace_url: state.settings.marketplace_url.clone() }
    }
}

impl FromRequestParts<WebState> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &WebState) -> Result<Self, Self::Rejection> {
        let chosen = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(name, _)| name == "lang")
            .and_then(|(_, value)| Locale::parse(&value));
        // On the desk a choice is remembered.
        let chosen = chosen.or_else(|| Locale::parse(&cookie(&parts.headers, LANGUAGE_COOKIE)?));
        let locale = chosen.unwrap_or_else(|| Locale::negotiate(&header(&parts.headers, "accept-language")));
        let request_id = parts.extensions.get::<super::layer::request_id::RequestId>().map(|id| id.0.clone());
        Ok(Self {
            locale,
            request_id: request_id.unwrap_or_default(),
            user_agent: header(&parts.headers, "user-agent"),
            address: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        })
    }
}

/// Which language a reader of the desk chose.
pub const LANGUAGE_COOKIE: &str = "salonbridge_lang";

/// A cookie's value.
#[must_use]
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = header(headers, "cookie");
    let found = all.split(';').find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

/// A header as text; empty when it is missing or not text.
#[must_use]
pub fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}
