//! Every page in every state, for people to look at and for tests.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::kernel::locale::Locale;
use crate::views::{assets, samples};

pub fn router() -> Router {
    Router::new()
        .route("/", get(index))
        .route("/{lang}/{name}", get(page))
        .route("/static/{hash}/{*name}", get(asset))
}

async fn index() -> Html<String> {
    let links = Locale::ALL.into_iter().flat_map(|locale| {
        let link = move |name| format!("<li><a href=\"/{0}/{name}\">{0}/{name}</a>", locale.code());
        samples(locale).into_iter().map(move |sample| link(sample.name))
    });
    Html(format!("<!doctype html><title>Gallery</title><ul>{}</ul>", links.collect::<String>()))
}

async fn page(Path((lang, name)): Path<(String, String)>) -> Response {
    let found = Locale::parse(&lang)
        .and_then(|locale| samples(locale).into_iter().find(|sample| sample.name == name));
    match found {
        // The policy of the real pages, so that what it forbids is seen here too.
        Some(sample) => {
            ([(header::CONTENT_SECURITY_POLICY, "default-src 'self'")], Html(sample.html)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn asset(Path((_, name)): Path<(String, String)>) -> Response {
    match assets::find(&name) {
        Some(asset) => ([(header::CONTENT_TYPE, asset.media_type)], asset.bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
