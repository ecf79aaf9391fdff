//! The steps of linking a phone: codes that are numbered, run out and are asked for anew.

use std::time::Duration;

use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::prelude::Client;

use crate::domain::session::{PairBy, SessionEvent};
use crate::kernel::clock::UnixMs;
use crate::kernel::phone::Phone;

/// How many QR codes WhatsApp hands out per connection: the first holds for a minute, the others for twenty seconds each.
const QR_CODES: u8 = 6;

/// How often a code by number is renewed by itself before people are asked.
const CODE_RENEWALS: u8 = 2;

/// A code with less time than this is no longer given to anyone.
const TIME_TO_TYPE_MS: i64 = 30_000;

/// One linking under way.
#[derive(Debug)]
pub(super) struct Pairing {
    number: u8,
    /// The part of a code that WhatsApp chose: the same one again is the same code, drawn anew.
    reference: String,
    /// What is to be seen right now, for whoever joins later.
    picture: Option<SessionEvent>,
    typed: Option<SessionEvent>,
    /// The number a code was asked for.
    phone: Option<Phone>,
    renewals: u8,
    qr_over: bool,
}

impl Pairing {
    pub(super) fn new(by: &PairBy) -> Self {
        let mut pairing = Self {
            number: 0,
            reference: String::new(),
            picture: None,
            typed: None,
            phone: None,
            renewals: CODE_RENEWALS,
            qr_over: false,
        };
        if let PairBy::Code(phone) = by {
            pairing.asked_by_number(phone.clone());
        }
        pairing
    }

    pub(super) fn asked_by_number(&mut self, phone: Phone) {
        self.phone = Some(phone);
        self.typed = None;
        self.renewals = CODE_RENEWALS;
    }

    /// The code WhatsApp handed out, with its place in the row.
    pub(super) fn qr(&mut self, code: String, ttl: Duration, now: UnixMs) -> SessionEvent {
        let reference = code.split(',').next().unwrap_or_default();
        if reference != self.reference {
            self.reference = reference.to_owned();
            self.number = self.number.saturating_add(1);
        }
        let of = QR_CODES.max(self.number);
        let event = SessionEvent::Qr { code, number: self.number, of, expires_at: after(now, ttl) };
        self.picture = Some(event.clone());
        event
    }

    pub(super) fn code(&mut self, code: String, ttl: Duration, now: UnixMs) -> SessionEvent {
        let event = SessionEvent::PairingCode { code, expires_at: after(now, ttl) };
        self.typed = Some(event.clone());
        event
    }

    /// The connection was lost: the next one comes with codes of its own. Gives the number to ask for again.
    pub(super) fn starts_over(&mut self) -> Option<Phone> {
        let had_code = self.typed.is_some();
        self.number = 0;
        self.reference.clear();
        self.picture = None;
        self.typed = None;
        self.qr_over = false;
        if had_code { self.renew() } else { None }
    }

    pub(super) fn qr_ran_out(&mut self) {
        self.qr_over = true;
        self.picture = None;
    }

    /// Whether this connection still hands out QR codes.
    pub(super) fn has_qr(&self) -> bool {
        !self.qr_over
    }

    /// The picture that is shown right now.
    pub(super) fn picture(&self) -> Option<SessionEvent> {
        self.picture.clone()
    }

    /// The code already given for this number, while there is time left to type it. Asking WhatsApp for another would make the
    /// one on the screen worthless, and it does not like to be asked often.
    pub(super) fn given_code(&self, phone: &Phone, now: UnixMs) -> Option<SessionEvent> {
        if self.phone.as_ref() != Some(phone) {
            return None;
        }
        self.typed.clone().filter(|event| {
            matches!(event, SessionEvent::PairingCode { expires_at, .. } if expires_at.since(now) > TIME_TO_TYPE_MS)
        })
    }

    /// How long the code by number is still good; `None` when none was given.
    pub(super) fn code_left(&self, now: UnixMs) -> Option<Duration> {
        let Some(SessionEvent::PairingCode { expires_at, .. }) = &self.typed else { return None };
        Some(Duration::from_millis(u64::try_from(expires_at.since(now)).unwrap_or(0)))
    }

    /// The number whose code was asked for on this connection and has not come.
    pub(super) fn awaited(&self) -> Option<Phone> {
        // A connection that showed nothing at all gives no code either: it is not begun again for one.
        if self.typed.is_some() || self.number == 0 { None } else { self.phone.clone() }
    }

    pub(super) fn code_failed(&mut self) {
        self.phone = None;
        self.typed = None;
    }

    pub(super) fn has_shown(&self) -> bool {
        self.picture.is_some() || self.typed.is_some()
    }

    /// The number to ask a fresh code for, while renewals are left.
    pub(super) fn renew(&mut self) -> Option<Phone> {
        self.renewals = self.renewals.checked_sub(1)?;
        self.typed = None;
        self.phone.clone()
    }
}

fn after(now: UnixMs, ttl: Duration) -> UnixMs {
    now.plus_ms(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX))
}

/// Asks WhatsApp for a code to be typed on the phone with this number. What comes of it arrives as an event.
pub(super) async fn ask_code(client: std::sync::Arc<Client>, phone: Phone, patience: Duration) {
    if client.wait_for_socket(patience).await.is_err() || client.is_logged_in() {
        return;
    }
    // An earlier code is withdrawn on purpose: the phone could only ever complete the newest.
    client.cancel_pair_code().await;
    let options = PairCodeOptions { phone_number: phone.digits().to_owned(), ..PairCodeOptions::default() };
    if client.pair_with_code(options).await.is_err() {
        tracing::debug!("no pairing code came of it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(20);

    fn number(event: &SessionEvent) -> (u8, u8) {
        match event {
            SessionEvent::Qr { number, of, .. } => (*number, *of),
            other => panic!("no QR: {other:?}"),
        }
    }

    #[test]
    fn codes_are_numbered_and_one_drawn_anew_keeps_its_number() {
        let mut pairing = Pairing::new(&PairBy::Qr);
        let first = pairing.qr("ref1,a,b,c,1".to_owned(), Duration::from_secs(60), UnixMs(1_000));
        assert_eq!(number(&first), (1, 6));
        assert!(matches!(first, SessionEvent::Qr { expires_at: UnixMs(61_000), .. }));
        assert_eq!(number(&pairing.qr("ref1,a,b,d,1".to_owned(), TTL, UnixMs(0))), (1, 6));
        for n in 2..=6 {
            assert_eq!(number(&pairing.qr(format!("ref{n},a,b,c,1"), TTL, UnixMs(0))), (n, 6));
        }
        assert_eq!(number(&pairing.qr("more,a".to_owned(), TTL, UnixMs(0))), (7, 7));
    }

    #[test]
    fn who_joins_sees_what_is_shown() {
        let mut pairing = Pairing::new(&PairBy::Qr);
        assert!(!pairing.has_shown());
        let qr = pairing.qr("ref1,a".to_owned(), TTL, UnixMs(0));
        assert_eq!(pairing.picture(), Some(qr));
        pairing.qr_ran_out();
        assert!(!pairing.has_shown() && !pairing.has_qr());
        pairing.starts_over();
        assert_eq!(number(&pairing.qr("ref9,a".to_owned(), TTL, UnixMs(0))), (1, 6));
    }

    #[test]
    fn a_code_that_can_still_be_typed_is_given_again() {
        let (anna, oleg) = (Phone::parse("+79000000001"), Phone::parse("+79000000002"));
        let (anna, oleg) = (anna.expect("valid"), oleg.expect("valid"));
        let mut pairing = Pairing::new(&PairBy::Code(anna.clone()));
        assert_eq!(pairing.given_code(&anna, UnixMs(0)), None);
        let code = pairing.code("ABCD1234".to_owned(), Duration::from_secs(180), UnixMs(0));
        assert_eq!(pairing.given_code(&anna, UnixMs(149_000)), Some(code));
        assert_eq!(pairing.given_code(&anna, UnixMs(151_000)), None);
        assert_eq!(pairing.given_code(&oleg, UnixMs(0)), None);
    }

    #[test]
    fn a_code_that_is_awaited_or_shown_outlives_the_pictures() {
        let phone = Phone::parse("+79000000001").expect("valid");
        let mut pairing = Pairing::new(&PairBy::Qr);
        pairing.qr("ref1,a".to_owned(), TTL, UnixMs(0));
        assert_eq!(pairing.awaited(), None);
        pairing.asked_by_number(phone.clone());
        assert_eq!((pairing.awaited(), pairing.code_left(UnixMs(0))), (Some(phone.clone()), None));
        pairing.code("ABCD1234".to_owned(), Duration::from_secs(180), UnixMs(80_000));
        pairing.qr_ran_out();
        assert_eq!(
            (pairing.awaited(), pairing.code_left(UnixMs(160_000))),
            (None, Some(Duration::from_secs(100)))
        );
        assert_eq!(pairing.code_left(UnixMs(300_000)), Some(Duration::ZERO));
        pairing.code_failed();
        assert_eq!((pairing.awaited(), pairing.code_left(UnixMs(0))), (None, None));
        assert_eq!(Pairing::new(&PairBy::Code(phone)).awaited(), None, "nothing was ever shown");
    }

    #[test]
    fn a_code_by_number_renews_itself_twice() {
        let phone = Phone::parse("+79000000001").expect("valid");
        let mut pairing = Pairing::new(&PairBy::Code(phone.clone()));
        assert_eq!(pairing.renew(), Some(phone.clone()));
        assert_eq!(pairing.renew(), Some(phone));
        assert_eq!(pairing.renew(), None);
    }
}
