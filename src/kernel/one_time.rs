//! Codes that a phone makes of a shared secret and the time (RFC 6238): six digits, a new one every thirty seconds.

use rand::Rng as _;
use totp_rs::{Builder, Secret, Totp};

use super::clock::UnixMs;

/// A fresh secret, as people type it where they cannot scan: base32, 160 bits.
#[must_use]
pub fn new_secret() -> String {
    let mut bytes = [0_u8; 20];
    rand::rng().fill_bytes(&mut bytes);
    Secret::from(bytes).to_base32()
}

/// The address in the code that a phone scans.
#[must_use]
pub fn address(secret: &str, issuer: &str, account: &str) -> Option<String> {
    // A colon parts issuer and account in the address.
    totp(secret, issuer, &account.replace(':', " "))?.to_url().ok()
}

/// The step a code is good for now; phones' clocks may be half a minute off. The comparison takes the same time for any code.
#[must_use]
pub fn step_of(secret: &str, code: &str, now: UnixMs) -> Option<i64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let seconds = u64::try_from(now.0 / 1000).ok()?;
    let step = totp(secret, "-", "-")?.check(&digits, seconds)?;
    i64::try_from(step).ok()
}

fn totp(secret: &str, issuer: &str, account: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    Builder::new().with_secret(secret).with_issuer(Some(issuer)).with_account_name(account).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, for SHA-1; the last six of its eight digits.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn code_at(secret: &str, now: UnixMs) -> Option<String> {
        let seconds = u64::try_from(now.0 / 1000).ok()?;
        Some(totp(secret, "-", "-")?.generate(seconds).to_string())
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let at = UnixMs(seconds * 1000);
            assert_eq!(code_at(RFC, at).as_deref(), Some(code));
            assert_eq!(step_of(RFC, code, at), Some(seconds / 30));
            assert_eq!(
                step_of(RFC, &format!(" {} {}", &code[..3], &code[3..]), at.plus_secs(30)),
                Some(seconds / 30)
            );
            assert_eq!(step_of(RFC, code, at.plus_secs(61)), None, "too old");
        }
        for wrong in ["", "28708", "287083", "abcdef", "2870820"] {
            assert_eq!(step_of(RFC, wrong, UnixMs(59_000)), None, "{wrong}");
        }
    }

    #[test]
    fn a_fresh_secret_is_long_and_its_address_names_the_account() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one.len() == 32 && one != other);
        let address = address(&one, "Salonbridge", "a:b@iris.example").expect("an address");
        assert!(address.starts_with("otpauth://totp/Salonbridge:") && address.contains(&one), "{address}");
    }
}
