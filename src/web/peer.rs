//! Where a request comes from, as far as it can be believed.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::state::WebState;

/// The other end of the connection; the listener notes it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The client's network address as text, to count by. A network of IPv6 counts as one: whoever has an address has them all.
///
/// # Decision
/// A proxy stands on this machine or in a private network, and puts the address it sees at the end of `X-Forwarded-For`. What comes
/// from anywhere else is believed to be what it is, whatever its headers say.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub String);

impl FromRequestParts<WebState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &WebState) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        Ok(Self(client(peer, &parts.headers)))
    }
}

fn client(peer: Option<IpAddr>, headers: &HeaderMap) -> String {
    let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return "unknown".to_owned() };
    // Of several lines the last: a proxy may leave the caller's own before its own.
    let told = headers.get_all("x-forwarded-for").iter().next_back();
    let told = told.and_then(|told| told.to_str().ok()).unwrap_or_default();
    let told = told.rsplit(',').next().and_then(|last| last.trim().parse::<IpAddr>().ok());
    let address = if is_near(peer) { told.map_or(peer, |told| told.to_canonical()) } else { peer };
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_near_by_is_believed() {
        let said = |peer: &str, forwarded: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a header"));
            client(Some(peer.parse().expect("an address")), &headers)
        };
        assert_eq!(said("127.0.0.1", "203.0.113.9"), "203.0.113.9");
        assert_eq!(
            said("172.17.0.1", "6.6.6.6, 203.0.113.9"),
            "203.0.113.9",
            "the proxy's own word is the last"
        );
        let mut lines = HeaderMap::new();
        for line in ["6.6.6.6", "203.0.113.9"] {
            lines.append("x-forwarded-for", line.parse().expect("a header"));
        }
        assert_eq!(
            client(Some([127, 0, 0, 1].into()), &lines),
            "203.0.113.9",
            "the proxy's own line is the last"
        );
        assert_eq!(said("198.51.100.7", "203.0.113.9"), "198.51.100.7", "a stranger's header");
        assert_eq!(said("127.0.0.1", "nonsense"), "127.0.0.1");
        assert_eq!(said("::1", "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(said("::ffff:198.51.100.7", "x"), "198.51.100.7");
        assert_eq!(client(None, &HeaderMap::new()), "unknown");
    }
}
