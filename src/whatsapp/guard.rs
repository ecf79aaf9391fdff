//! The last check before anything is sent: a binary that talks to WhatsApp must be one that knows WhatsApp when it sees it.
//!
//! The cargo feature `sandbox` makes the library believe any server certificate. Features are easily switched on by accident
//! (a workspace build unites them), so neither build takes its own word for it.

/// Refuses to go on when this binary could be deceived: without `sandbox` it must refuse a forged certificate chain, with it
/// it must be sent to this machine only. `ws_url` is `None` for WhatsApp's own address.
pub fn check(ws_url: Option<&str>) -> Result<(), String> {
    #[cfg(not(feature = "sandbox"))]
    {
        let _ = ws_url;
        if believes_forged_chains() {
            return Err("this build takes forged WhatsApp certificates: build it without the feature \
                        danger-skip-cert-chain-verify"
                .to_owned());
        }
        Ok(())
    }
    #[cfg(feature = "sandbox")]
    {
        match ws_url {
            Some(url) if is_loopback(url) => Ok(()),
            Some(_) => Err("this is a sandbox build: its WhatsApp address must be on this machine \
                            (127.0.0.1, ::1 or localhost)"
                .to_owned()),
            None => {
                Err("this is a sandbox build: it does not talk to the real WhatsApp. Set a WhatsApp address \
                     on this machine, or build without the feature sandbox"
                    .to_owned())
            }
        }
    }
}

/// Whether the address names this machine and nothing else.
#[cfg_attr(not(feature = "sandbox"), allow(dead_code, reason = "the sandbox build asks; both are tested"))]
fn is_loopback(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Shows the library a certificate chain that is in order in every respect but its signatures.
#[cfg_attr(feature = "sandbox", allow(dead_code, reason = "the other build asks; both are tested"))]
fn believes_forged_chains() -> bool {
    use whatsapp_rust::wacore::handshake::HandshakeUtils;
    HandshakeUtils::verify_server_cert(&forged_chain(), &[7; 32]).is_ok()
}

fn forged_chain() -> Vec<u8> {
    use whatsapp_rust::buffa::Message as _;
    use whatsapp_rust::prelude::{MessageField, wa};
    let details = |serial, issuer, key: [u8; 32]| {
        let details = wa::cert_chain::noise_certificate::Details {
            serial: Some(serial),
            issuer_serial: Some(issuer),
            key: Some(key.to_vec()),
            not_before: Some(0),
            not_after: Some(u64::MAX / 2),
        };
        MessageField::some(wa::cert_chain::NoiseCertificate {
            details: Some(details.encode_to_vec()),
            signature: Some(vec![0; 64]),
        })
    };
    let chain = wa::CertChain { intermediate: details(1, 0, [9; 32]), leaf: details(2, 1, [7; 32]) };
    chain.encode_to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for yes in ["ws://127.0.0.1:8080/ws/chat", "ws://127.9.9.9/", "wss://localhost/ws", "ws://[::1]:1/"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "wss://web.whatsapp.com/ws/chat",
            "ws://127.0.0.1.example.org/",
            "ws://localhost.example.org/",
            "ws://user:127.0.0.1@example.org/",
            "ws://10.0.0.1/",
            "127.0.0.1",
            "",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }

    #[test]
    fn a_forged_chain_is_believed_by_sandbox_builds_alone() {
        assert_eq!(believes_forged_chains(), cfg!(feature = "sandbox"));
    }

    #[cfg(feature = "sandbox")]
    #[test]
    fn a_sandbox_build_keeps_off_the_real_whatsapp() {
        assert!(check(Some("ws://127.0.0.1:1/ws/chat")).is_ok());
        assert!(check(None).is_err());
        assert!(check(Some("wss://web.whatsapp.com/ws/chat")).is_err());
    }

    #[cfg(not(feature = "sandbox"))]
    #[test]
    fn a_build_that_refuses_forgeries_may_go_anywhere() {
        assert!(check(None).is_ok());
    }
}
