//! Serves the embedded assets: `GET /static/{hash}/{*name}`.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::views::assets;

/// Today's hash may be kept for ever. An older one belongs to a page from before a deploy: it gets today's file, unkept.
pub async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let Some(asset) = assets::find(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if hash == assets::hash() { "public, max-age=31536000, immutable" } else { "no-store" };
    ([(header::CONTENT_TYPE, asset.media_type), (header::CACHE_CONTROL, keep)], asset.bytes).into_response()
}
