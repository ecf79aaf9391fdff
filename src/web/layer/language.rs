//! Whoever chooses a language on the desk, or on a client's pages, keeps it there, page after page.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::kernel::locale::Locale;
use crate::web::state::LANGUAGE_COOKIE;

const YEAR_S: i64 = 365 * 86_400;

pub async fn remember(request: Request, next: Next) -> Response {
    let part = ["/desk", "/salons"].into_iter().find(|part| request.uri().path().starts_with(part));
    let query = request.uri().query().filter(|_| part.is_some()).unwrap_or_default();
    let chosen = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, value)| Locale::parse(&value));
    let mut response = next.run(request).await;
    if let (Some(locale), Some(part)) = (chosen, part) {
        let cookie = format!(
            "{LANGUAGE_COOKIE}={}; Path={part}; Max-Age={YEAR_S}; HttpOnly; SameSite=Lax",
            locale.code()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}
