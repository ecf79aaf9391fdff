//! The library's events, cut down to what a session's owner acts on.
//!
//! Taken inline from the library's bus into a queue of our own: order is kept, nothing is dropped when many come at once, no
//! extra task per session is needed, and no event's large payload outlives its arrival.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use whatsapp_rust::prelude::{Event, EventHandler, EventInterest, EventKind};
use whatsapp_rust::types::events::{ConnectFailureReason, PairingCodeError};
use whatsapp_rust::types::presence::ReceiptType;

use crate::domain::session::Refusal;

/// What the owner of a session hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    Qr {
        code: String,
        ttl: Duration,
    },
    /// The last code ran out. `connected` when the line stays open for a code that was asked for by number.
    QrExhausted {
        connected: bool,
    },
    Code {
        code: String,
        ttl: Duration,
    },
    CodeFailed {
        why: Refusal,
        detail: String,
    },
    CodeSpent,
    Paired,
    PairFailed {
        why: Refusal,
        detail: String,
    },
    Connected,
    Disconnected {
        reason: String,
    },
    LoggedOut {
        reason: String,
    },
    Replaced,
    Banned {
        expires_in: Option<Duration>,
        reason: String,
    },
    Outdated,
    Refused {
        reason: String,
    },
    Ack {
        message_id: String,
        error: Option<u16>,
    },
    Receipt {
        message_ids: Vec<String>,
        read: bool,
    },
    /// A client's message could not be kept, so WhatsApp was not told that it arrived.
    NotKept,
}

const KINDS: &[EventKind] = &[
    EventKind::PairingQrCode,
    EventKind::PairingQrCodesExhausted,
    EventKind::PairingCode,
    EventKind::PairingCodeError,
    EventKind::PairingCodeRefresh,
    EventKind::PairSuccess,
    EventKind::PairError,
    EventKind::Connected,
    EventKind::Disconnected,
    EventKind::LoggedOut,
    EventKind::StreamReplaced,
    EventKind::TemporaryBan,
    EventKind::ClientOutdated,
    EventKind::ConnectFailure,
    EventKind::ServerAck,
    EventKind::Receipt,
];

/// Listens on the library's bus and passes on what matters.
pub(super) struct Listener(pub(super) UnboundedSender<Notice>);

impl EventHandler for Listener {
    fn handle_event(&self, event: Arc<Event>) {
        if let Some(notice) = notice_of(&event) {
            // The owner is gone only when the session is being closed: nobody is left to tell.
            let _ = self.0.send(notice);
        }
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(KINDS)
    }
}

fn notice_of(event: &Event) -> Option<Notice> {
    Some(match event {
        Event::PairingQrCode(qr) => Notice::Qr { code: qr.code.clone(), ttl: qr.timeout },
        Event::PairingQrCodesExhausted(end) => Notice::QrExhausted { connected: !end.disconnected },
        Event::PairingCode(code) => Notice::Code { code: code.code.clone(), ttl: code.timeout },
        Event::PairingCodeError(error) => {
            Notice::CodeFailed { why: code_refusal(error), detail: error.error.clone() }
        }
        Event::PairingCodeRefresh(_) => Notice::CodeSpent,
        Event::PairSuccess(_) => Notice::Paired,
        Event::PairError(error) => {
            Notice::PairFailed { why: pair_refusal(&error.error), detail: error.error.clone() }
        }
        Event::Connected(_) => Notice::Connected,
        Event::Disconnected(end) => Notice::Disconnected { reason: end.reason.to_string() },
        // A locked account may be unlocked again; what became of the device is then told at the next login.
        Event::LoggedOut(out) if out.reason == ConnectFailureReason::AccountLocked => {
            Notice::Banned { expires_in: None, reason: "WhatsApp locked the account".to_owned() }
        }
        Event::LoggedOut(_) => Notice::LoggedOut { reason: "the device was removed on the phone".to_owned() },
        Event::StreamReplaced(_) => Notice::Replaced,
        Event::TemporaryBan(ban) => Notice::Banned {
            expires_in: Some(ban.expire.to_std().unwrap_or_default()),
            reason: ban.code.to_string(),
        },
        Event::ClientOutdated(_) => Notice::Outdated,
        Event::ConnectFailure(failure) => failure_notice(failure),
        Event::ServerAck(ack) if ack.class.as_deref() == Some("message") => Notice::Ack {
            message_id: ack.id.clone(),
            // An error we cannot read is an error still.
            error: ack.error.as_ref().map(|code| code.parse().unwrap_or_default()),
        },
        Event::Receipt(receipt) if !receipt.source.is_from_me && !receipt.source.is_group => {
            let read = match receipt.r#type {
                ReceiptType::Delivered => false,
                ReceiptType::Read | ReceiptType::Played => true,
                _ => return None,
            };
            Notice::Receipt { message_ids: receipt.message_ids.clone(), read }
        }
        _ => return None,
    })
}

fn failure_notice(failure: &whatsapp_rust::types::events::ConnectFailure) -> Notice {
    let said = failure.message.clone().unwrap_or_else(|| format!("{:?}", failure.reason));
    match failure.reason {
        // A ban that does not say how long.
        ConnectFailureReason::TempBanned => Notice::Banned { expires_in: None, reason: said },
        // The library goes on trying by itself.
        reason if reason.should_reconnect() => Notice::Disconnected { reason: said },
        _ => Notice::Refused { reason: said },
    }
}

/// The mismatch is what a business account of the hosted kind looks like to this version of the library.
fn pair_refusal(error: &str) -> Refusal {
    if error.contains("signature-mismatch") { Refusal::BusinessAccount } else { Refusal::Other }
}

fn code_refusal(error: &PairingCodeError) -> Refusal {
    use whatsapp_rust::pair_code::PairCodeRejection;
    match &error.rejection {
        None | Some(PairCodeRejection::InternalServerError) => Refusal::Unreachable,
        Some(rejection) if rejection.is_throttled() => Refusal::Restricted,
        Some(_) => Refusal::Other,
    }
}
