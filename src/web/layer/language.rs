//! Whoever chooses a language on the desk keeps it, page after page.

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::kernel::locale::Locale;
use crate::web::state::LANGUAGE_COOKIE;

const YEAR_S: i64 = 365 * 86_400;

pub async fn remember(request: Request, next: Next) -> Response {
    let is_desk = request.uri().path().starts_with("/desk");
    let query = request.uri().query().filter(|_| is_desk).unwrap_or_default();
    let chosen = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, value)| Locale::parse(&value));
    let mut response = next.run(request).await;
    if let Some(locale) = chosen {
        let cookie = format!(
            "{LANGUAGE_COOKIE}={}; Path=/desk; Max-Age={YEAR_S}; HttpOnly; SameSite=Lax",
            locale.code()
        );
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}
