//! Lifecycle posts of the marketplace. The partner token in the body is the only proof of who sent them.

use serde::Deserialize;
use serde_json::Value;

use super::wire;
use crate::kernel::crm_id::SalonId;
use crate::kernel::secret::Secret;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Uninstall,
    Freeze,
    /// Not sent as far as is known; our founding document expects it.
    Unfreeze,
    /// The marketplace's id of the payment, where it was given.
    Payment(Option<i64>),
    Other(String),
}

impl Event {
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Uninstall => "uninstall",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Payment(_) => "payment",
            Self::Other(name) => name,
        }
    }
}

/// A post that was proven to come from the marketplace. The token is dropped here and goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    pub salon: SalonId,
    pub application_id: Option<i64>,
    pub event: Event,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Not JSON, or without a salon or an event.
    NotAnEvent,
    WrongToken,
}

#[derive(Deserialize)]
struct Body {
    salon_id: Option<Value>,
    application_id: Option<Value>,
    event: Option<String>,
    partner_token: Option<String>,
    payment_id: Option<Value>,
}

pub fn parse(body: &[u8], partner_token: &Secret) -> Result<Lifecycle, Refused> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Refused::NotAnEvent)?;
    if !partner_token.matches(body.partner_token.as_deref().unwrap_or_default()) {
        return Err(Refused::WrongToken);
    }
    let salon = body.salon_id.as_ref().and_then(wire::int).ok_or(Refused::NotAnEvent)?;
    let event = match body.event.as_deref().ok_or(Refused::NotAnEvent)? {
        "uninstall" => Event::Uninstall,
        "freeze" => Event::Freeze,
        "unfreeze" => Event::Unfreeze,
        "payment" => Event::Payment(body.payment_id.as_ref().and_then(wire::int)),
        other => Event::Other(other.chars().take(40).collect()),
    };
    Ok(Lifecycle {
        salon: SalonId(salon),
        application_id: body.application_id.as_ref().and_then(wire::int),
        event,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_told_apart() {
        let token = Secret::new("test_partner_token_not_real");
        let event = |body: &str| parse(body.as_bytes(), &token);
        let sample = |name: &str| {
            std::fs::read_to_string(format!(
                "{}/tests/fixtures/yclients/{name}.json",
                env!("CARGO_MANIFEST_DIR")
            ))
            .expect(name)
        };
        assert_eq!(event(&sample("lifecycle_uninstall")).expect("read").event, Event::Uninstall);
        assert_eq!(event(&sample("lifecycle_freeze")).expect("read").event, Event::Freeze);
        assert_eq!(event(&sample("lifecycle_payment")).expect("read").event, Event::Payment(Some(50_077)));
        assert!(matches!(event(&sample("lifecycle_unknown_event")).expect("read").event, Event::Other(_)));
        assert_eq!(event(&sample("lifecycle_wrong_token")), Err(Refused::WrongToken));
        assert_eq!(event("{}"), Err(Refused::WrongToken));
        assert_eq!(event("<html>"), Err(Refused::NotAnEvent));
    }
}
