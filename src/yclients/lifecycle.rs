//! Lifecycle posts of the marketplace: uninstall, freeze, payment.
//!
//! The partner token travels in the body and is its only proof of origin: it is compared and dropped, and such a body is never
//! stored or logged. An event is a hint; the connection status is the truth.

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire;
use crate::kernel::crm_id::SalonId;
use crate::kernel::secret::{Secret, hmac_sha256, same};

/// Why a lifecycle post is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotALifecycle {
    #[error("the body is no lifecycle post")]
    Malformed,
    #[error("the partner token in the body is missing or not ours")]
    WrongToken,
    #[error("the post names no salon")]
    NoSalon,
}

/// What happened to an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    pub salon: SalonId,
    pub application_id: Option<i64>,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Uninstall,
    Freeze,
    /// Not known to be sent by the platform; our first papers expected it.
    Unfreeze,
    Payment(Payment),
    /// As the wire says it.
    Other(String),
}

/// A payment the marketplace took for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    pub payment_id: Option<i64>,
    /// Minor units.
    pub amount: Option<i64>,
    pub currency: Option<String>,
    /// No zone on the wire.
    pub period_from: Option<NaiveDateTime>,
    pub period_to: Option<NaiveDateTime>,
    pub tariff_option_id: Option<i64>,
    pub sign: Sign,
}

/// How a payment's own signature stands. How the platform prints the amount in it is not known, so a wrong one is no
/// refusal: the payments are then read again from the connection status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Right,
    Wrong,
    Missing,
}

#[derive(Deserialize)]
struct Post<'a> {
    #[serde(borrow)]
    salon_id: Option<&'a RawValue>,
    application_id: Option<Value>,
    event: Option<Value>,
    partner_token: Option<Value>,
    payment_id: Option<Value>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    discount: Option<&'a RawValue>,
    currency_iso: Option<Value>,
    period_from: Option<Value>,
    period_to: Option<Value>,
    tariff_option_id: Option<Value>,
    sign: Option<Value>,
}

/// Reads a post to the callback address. The token is checked before anything else is said about the body.
pub fn parse(body: &[u8], partner_token: &Secret) -> Result<Lifecycle, NotALifecycle> {
    let mut post: Post<'_> = serde_json::from_slice(body).map_err(|_| NotALifecycle::Malformed)?;
    let given = post.partner_token.take();
    if !given.as_ref().and_then(Value::as_str).is_some_and(|given| partner_token.matches(given)) {
        return Err(NotALifecycle::WrongToken);
    }
    drop(given);
    let salon = post.salon_id.and_then(|id| bare(id).parse().ok()).filter(|id| *id > 0);
    let salon = SalonId(salon.ok_or(NotALifecycle::NoSalon)?);
    let event = match post.event.as_ref().and_then(wire::text).ok_or(NotALifecycle::Malformed)?.as_str() {
        "uninstall" => Event::Uninstall,
        "freeze" => Event::Freeze,
        "unfreeze" => Event::Unfreeze,
        "payment" => Event::Payment(payment(&post, salon, partner_token)),
        other => Event::Other(other.to_owned()),
    };
    Ok(Lifecycle { salon, application_id: post.application_id.as_ref().and_then(wire::int), event })
}

fn payment(post: &Post<'_>, salon: SalonId, partner_token: &Secret) -> Payment {
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).ok();
    Payment {
        payment_id: post.payment_id.as_ref().and_then(wire::int),
        amount: post.amount.and_then(value).as_ref().and_then(wire::money),
        currency: post.currency_iso.as_ref().and_then(wire::text),
        period_from: post.period_from.as_ref().and_then(wire::local_time),
        period_to: post.period_to.as_ref().and_then(wire::local_time),
        tariff_option_id: post.tariff_option_id.as_ref().and_then(wire::int),
        sign: sign(post, salon, partner_token),
    }
}

/// HMAC over `salon_id=…&amount=…[&discount=…]` with the numbers as they stand in the body, letter for letter.
fn sign(post: &Post<'_>, salon: SalonId, partner_token: &Secret) -> Sign {
    let Some(given) = post.sign.as_ref().and_then(wire::text) else { return Sign::Missing };
    let mut message = format!("salon_id={salon}&amount={}", post.amount.map_or("", bare));
    if let Some(discount) = post.discount.map(bare).filter(|text| *text != "null") {
        message.push_str("&discount=");
        message.push_str(discount);
    }
    let expected = hmac_sha256(partner_token.expose().as_bytes(), message.as_bytes());
    let right = hex::decode(given).is_ok_and(|given| same(&expected, &given));
    if right { Sign::Right } else { Sign::Wrong }
}

fn bare(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    fn read(body: &str) -> Result<Lifecycle, NotALifecycle> {
        parse(body.as_bytes(), &Secret::new(fixtures::PARTNER_TOKEN))
    }

    fn post(rest: &str) -> String {
        format!(r#"{{"partner_token":"{}"{rest}}}"#, fixtures::PARTNER_TOKEN)
    }

    #[test]
    fn each_event_is_read() {
        for (name, event) in
            [("lifecycle_uninstall.json", Event::Uninstall), ("lifecycle_freeze.json", Event::Freeze)]
        {
            let expected = Lifecycle { salon: SalonId(990_101), application_id: Some(4242), event };
            assert_eq!(read(&fixtures::text(name)), Ok(expected), "{name}");
        }
        for (word, event) in [("unfreeze", Event::Unfreeze), ("other", Event::Other("other".to_owned()))] {
            let body = post(&format!(r#","salon_id":"990101","application_id":"4242","event":"{word}""#));
            assert_eq!(read(&body).map(|post| post.event), Ok(event));
        }
    }

    #[test]
    fn a_payments_signature_is_checked_over_the_amount_as_written() {
        let body = fixtures::text("lifecycle_payment.json");
        let paid = |body: &str| match read(body).map(|post| post.event) {
            Ok(Event::Payment(payment)) => payment,
            other => panic!("no payment: {other:?}"),
        };
        let payment = paid(&body);
        assert_eq!(
            (payment.amount, payment.sign, payment.payment_id),
            (Some(99_000), Sign::Right, Some(50_077))
        );
        assert!(payment.period_to > payment.period_from);
        assert_eq!(paid(&body.replace("990,", "990.00,")).sign, Sign::Wrong);
        assert_eq!(paid(&body.replace("\"sign\"", "\"sing\"")).sign, Sign::Missing);
        assert_eq!(paid(&body.replace("\"discount\": null", "\"discount\": 5")).sign, Sign::Wrong);
    }

    #[test]
    fn a_post_without_our_token_is_refused_whatever_else_it_says() {
        assert_eq!(read(&fixtures::text("lifecycle_wrong_token.json")), Err(NotALifecycle::WrongToken));
        assert_eq!(read(r#"{"salon_id":1,"event":"uninstall"}"#), Err(NotALifecycle::WrongToken));
        assert_eq!(read(r#"{"partner_token":["x"]}"#), Err(NotALifecycle::WrongToken));
        for body in ["", "[]", "null", "{", "<html>"] {
            assert_eq!(read(body), Err(NotALifecycle::Malformed), "{body}");
        }
        assert_eq!(read(&post(r#","event":"freeze""#)), Err(NotALifecycle::NoSalon));
        assert_eq!(read(&post(r#","salon_id":0,"event":"freeze""#)), Err(NotALifecycle::NoSalon));
        assert_eq!(read(&post(r#","salon_id":1"#)), Err(NotALifecycle::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_parser_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), rest in ".*") {
            let token = Secret::new("t");
            let _ = parse(&body, &token);
            let _ = read(&post(&format!(r#","event":"payment","salon_id":1,"amount":"{rest}","sign":"00""#)));
        }
    }
}
