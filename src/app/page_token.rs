//! The connect page's token: says which salons its bearer may link, for an hour. It holds no personal data.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::kernel::secret::Secret;

const LIFETIME_S: i64 = 3600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// The salon whose page it is.
    sub: String,
    /// All salons of the same installation, this one among them.
    all: Vec<String>,
    exp: i64,
    aud: String,
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePass {
    pub tenant: TenantId,
    pub all: Vec<TenantId>,
    /// From then on it opens nothing.
    pub until: UnixMs,
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadToken {
    Missing,
    Expired,
    Wrong,
}

const AUDIENCE: &str = "connect";

/// Signs a token for `tenant`, one of `all` the salons installed together.
pub fn sign(
    secret: &Secret,
    tenant: &TenantId,
    all: &[TenantId],
    now: UnixMs,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims {
        sub: tenant.to_string(),
        all: all.iter().map(ToString::to_string).collect(),
        exp: now.0 / 1000 + LIFETIME_S,
        aud: AUDIENCE.to_owned(),
    };
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.expose().as_bytes()),
    )
}

/// Reads a token. Expiry is judged by `now`, not by the machine's clock.
pub fn check(secret: &Secret, token: &str, now: UnixMs) -> Result<PagePass, BadToken> {
    if token.is_empty() {
        return Err(BadToken::Missing);
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_audience(&[AUDIENCE]);
    rules.set_required_spec_claims(&["exp", "aud", "sub"]);
    let key = DecodingKey::from_secret(secret.expose().as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules).map_err(|_| BadToken::Wrong)?.claims;
    if claims.exp * 1000 <= now.0 {
        return Err(BadToken::Expired);
    }
    let tenant = TenantId::parse(&claims.sub).ok_or(BadToken::Wrong)?;
    let all =
        claims.all.iter().map(|id| TenantId::parse(id)).collect::<Option<Vec<_>>>().ok_or(BadToken::Wrong)?;
    Ok(PagePass { tenant, all, until: UnixMs(claims.exp * 1000) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_an_hour_and_under_its_own_secret_only() {
        let (secret, now) = (Secret::new("s".repeat(32)), UnixMs(1_700_000_000_000));
        let iris = TenantId::new(now);
        let token = sign(&secret, &iris, std::slice::from_ref(&iris), now).expect("signs");
        assert_eq!(check(&secret, &token, now).expect("good").tenant, iris);
        assert_eq!(check(&secret, &token, now.plus_secs(3601)), Err(BadToken::Expired));
        assert_eq!(check(&Secret::new("t".repeat(32)), &token, now), Err(BadToken::Wrong));
        assert_eq!(check(&secret, "", now), Err(BadToken::Missing));
        assert_eq!(check(&secret, &token[..token.len() - 2], now), Err(BadToken::Wrong));
    }

    #[test]
    fn an_unsigned_token_is_not_taken() {
        // {"alg":"none"} with a plausible body.
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ0bnRfMDEiLCJhbGwiOltdLCJleHAiOjk5OTk5OTk5OTksImF1ZCI6ImNvbm5lY3QifQ.";
        assert_eq!(check(&Secret::new("s".repeat(32)), token, UnixMs(0)), Err(BadToken::Wrong));
    }
}
