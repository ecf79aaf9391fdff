//! Links to a record's timeline. The program that asked gives the link to a person: it opens the page for ten
//! minutes, and is exchanged for a cookie of that page alone, which lives an hour. Neither opens anything else.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::domain::timeline::Eye;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::TenantId;
use crate::kernel::secret::{Secret, hmac_sha256, random_hex, same};

/// What a token is for; one is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Link,
    Cookie,
}

impl Purpose {
    fn audience(self) -> &'static str {
        match self {
            Self::Link => "timeline-link",
            Self::Cookie => "timeline-page",
        }
    }

    #[must_use]
    pub fn lifetime_s(self) -> i64 {
        match self {
            Self::Link => 600,
            Self::Cookie => 3600,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    record: i64,
    /// Whether the salon looks; otherwise the operator.
    salon: bool,
    /// Makes each cookie, and with it the forms of its pages, its own.
    jti: String,
    exp: i64,
    aud: String,
}

/// Signs a token for one record's timeline, to be seen with this eye.
pub fn sign(
    secret: &Secret,
    purpose: Purpose,
    (tenant, record, eye): (&TenantId, RecordId, Eye),
    now: UnixMs,
) -> Result<String, jsonwebtoken::errors::Error> {
    let claims = Claims {
        sub: tenant.to_string(),
        record: record.0,
        salon: eye == Eye::Salon,
        jti: random_hex(16),
        exp: now.0 / 1000 + purpose.lifetime_s(),
        aud: purpose.audience().to_owned(),
    };
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
}

/// With which eye this token may look at the record; `None` when it may not. Expiry is judged by `now`.
#[must_use]
pub fn check(
    secret: &Secret,
    purpose: Purpose,
    token: &str,
    (tenant, record): (&TenantId, RecordId),
    now: UnixMs,
) -> Option<Eye> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_audience(&[purpose.audience()]);
    rules.set_required_spec_claims(&["exp", "aud", "sub"]);
    let key = DecodingKey::from_secret(secret.expose().as_bytes());
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &rules).ok()?.claims;
    let good = claims.exp * 1000 > now.0 && claims.sub == tenant.as_str() && claims.record == record.0;
    good.then_some(if claims.salon { Eye::Salon } else { Eye::Operator })
}

/// What a form on the page must carry: only a page that was given this cookie can know it.
#[must_use]
pub fn form_key(secret: &Secret, cookie: &str) -> String {
    hex::encode(hmac_sha256(secret.expose().as_bytes(), format!("timeline-form:{cookie}").as_bytes()))
}

#[must_use]
pub fn is_form_key(secret: &Secret, cookie: &str, given: &str) -> bool {
    same(form_key(secret, cookie).as_bytes(), given.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_timeline_for_one_purpose_for_a_while() {
        let (secret, now) = (Secret::new("s".repeat(32)), UnixMs(1_700_000_000_000));
        let (iris, rose) = (TenantId::new(now), TenantId::new(now));
        let (annas, olegs) = (RecordId(501), RecordId(502));
        let link = sign(&secret, Purpose::Link, (&iris, annas, Eye::Operator), now).expect("signs");
        let look = |purpose, tenant, record, at| check(&secret, purpose, &link, (tenant, record), at);
        assert_eq!(look(Purpose::Link, &iris, annas, now), Some(Eye::Operator));
        assert_eq!(look(Purpose::Link, &iris, annas, now.plus_secs(600)), None, "expired");
        assert_eq!(look(Purpose::Cookie, &iris, annas, now), None, "a link is no cookie");
        assert_eq!(look(Purpose::Link, &rose, annas, now), None);
        assert_eq!(look(Purpose::Link, &iris, olegs, now), None);
        let other = Secret::new("t".repeat(32));
        assert_eq!(check(&other, Purpose::Link, &link, (&iris, annas), now), None);
        let cookie = sign(&secret, Purpose::Cookie, (&iris, annas, Eye::Salon), now).expect("signs");
        assert_eq!(
            check(&secret, Purpose::Cookie, &cookie, (&iris, annas), now.plus_secs(3599)),
            Some(Eye::Salon)
        );
        // The connect page's token opens no timeline, nor the other way round.
        let connect =
            super::super::page_token::sign(&secret, &iris, std::slice::from_ref(&iris), now).expect("signs");
        assert_eq!(check(&secret, Purpose::Link, &connect, (&iris, annas), now), None);
        assert!(super::super::page_token::check(&secret, &link, now).is_err());
    }

    #[test]
    fn a_forms_key_is_its_cookies() {
        let secret = Secret::new("s".repeat(32));
        let key = form_key(&secret, "one");
        assert!(is_form_key(&secret, "one", &key));
        assert!(!is_form_key(&secret, "two", &key) && !is_form_key(&secret, "one", ""));
    }
}
