//! Headers that keep a page to itself: a strict content policy, no framing but by the hosts named, no referrer, no sniffing.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::web::openapi;

/// Who may show our pages in a frame: YClients opens applications inside its own pages. Empty means nobody.
#[derive(Debug, Clone, Default)]
pub struct Framing(Arc<str>);

impl Framing {
    /// Takes origins such as `https://yclients.com` or `https://*.yclients.com`; what could break out of the header is left out.
    #[must_use]
    pub fn by(hosts: &[String]) -> Self {
        let harmless = |host: &&String| {
            !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ":/.*-".contains(c))
        };
        let list: Vec<&str> = hosts.iter().filter(harmless).map(String::as_str).collect();
        Self(list.join(" ").into())
    }
}

/// For `axum::middleware::from_fn_with_state(framing, security_headers::add)`.
pub async fn add(State(framing): State<Framing>, request: Request, next: Next) -> Response {
    // Nobody frames the desk or a client's pages; and their forms say where they come from, which browsers do only where a referrer
    // may be sent.
    let path = request.uri().path();
    let is_ours = is_below(path, "/desk") || is_below(path, "/salons");
    let framing = if is_ours { Framing::default() } else { framing };
    let referrer = if is_ours { "same-origin" } else { "no-referrer" };
    let mut policy = policy(&framing, host(request.headers()));
    if is_below(path, openapi::PAGE) {
        // Swagger UI writes styles into its tags.
        policy = policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", referrer),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), clipboard-write=(self)"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if framing.0.is_empty() {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    // A page tells of one salon at one moment: it is nobody else's and soon untrue. Assets say otherwise themselves.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The `Host` we were asked by, when it can stand in a header.
fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    host.chars().all(|c| c.is_ascii_alphanumeric() || ".:-[]".contains(c)).then_some(host)
}

fn policy(framing: &Framing, host: Option<&str>) -> String {
    // Browsers before CSP 3 do not count a WebSocket to the same host as 'self'.
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let ancestors = if framing.0.is_empty() { "'none'" } else { &framing.0 };
    format!(
        "default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'{sockets}; \
         object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {ancestors}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_frames_us_unless_named() {
        let policy = policy(&Framing::default(), Some("salonbridge.test"));
        assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("wss://salonbridge.test"));
        assert!(!policy.contains("unsafe"));
    }

    #[test]
    fn a_path_lies_below_its_root_and_not_beside_it() {
        for (path, lies) in
            [("/desk", true), ("/desk/", true), ("/desk/team", true), ("/desks", false), ("/", false)]
        {
            assert_eq!(is_below(path, "/desk"), lies, "{path}");
        }
    }

    #[test]
    fn a_host_cannot_add_a_directive() {
        let framing = Framing::by(&["https://*.yclients.com".into(), "x; script-src *".into()]);
        assert!(policy(&framing, None).ends_with("frame-ancestors https://*.yclients.com"));
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("a; script-src *"))]);
        assert_eq!(host(&headers), None);
    }
}
