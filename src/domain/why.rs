//! Why something was said, or was not: every verb and every reason we store, in one register.
//!
//! A reason is stored as its key and shown as a sentence. The words stand with the pages (`views::timeline`), which match on
//! these enums: a reason without words does not compile.

use std::borrow::Cow;

use super::message::{MessageKind, OutboxState};
use super::planner::Reason;

macro_rules! keys {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident => $key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$note])* $variant),+ }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stored name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $key),+ }
            }

            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|key| key.as_str() == text)
            }
        }
    };
}

keys! {
    /// What was done, or what happened.
    Verb {
        /// A hook came. Its row in the inbox is its trace; no decision is written for it.
        Received => "received",
        /// The CRM was asked for the whole record.
        Asked => "asked",
        /// The sync found what a hook should have brought.
        Healed => "healed",
        Planned => "planned",
        Silent => "silent",
        Withdrawn => "withdrawn",
        /// It waits for something.
        Held => "held",
        /// An attempt came to nothing; it is tried again.
        Returned => "returned",
        Sent => "sent",
        /// The client's phone said so. The message's own row is the trace of both ticks.
        Delivered => "delivered",
        Read => "read",
        Failed => "failed",
        Expired => "expired",
        Cancelled => "cancelled",
        Uncertain => "uncertain",
        /// A person said what became of an uncertain message.
        Settled => "settled",
        Answered => "answered",
        Frozen => "frozen",
        Thawed => "thawed",
        Uninstalled => "uninstalled",
    }
}

keys! {
    /// The reason, without the code that some carry.
    Key {
        // What a message is about: the reason to plan and to send it.
        Confirmation => "confirmation",
        Change => "change",
        Cancel => "cancel",
        Welcome => "welcome",
        Trial => "trial",
        SignInCode => "sign_in_code",
        // Hooks.
        Waiting => "waiting",
        Absorbed => "absorbed",
        /// Gathered with a later one of the same settle window.
        Merged => "merged",
        Outdated => "outdated",
        Unreadable => "unreadable",
        // The CRM was asked.
        CrmRead => "crm_read",
        CrmGone => "crm_gone",
        CrmForbidden => "crm_forbidden",
        CrmLicence => "crm_licence",
        FoundBySync => "found_by_sync",
        // Silence.
        SalonNotActive => "salon_not_active",
        SalonFrozen => "salon_frozen",
        SalonUninstalled => "salon_uninstalled",
        NoTime => "no_time",
        NoClient => "no_client",
        NoPhone => "no_phone",
        ClientSilenced => "client_silenced",
        PastVisit => "past_visit",
        NeverTold => "never_told",
        AlreadyTold => "already_told",
        AttendanceOnly => "attendance_only",
        SmallShift => "small_shift",
        BeforeInstall => "before_install",
        AlreadyPlanned => "already_planned",
        /// The very same message could not be sent before.
        AlreadyFailed => "already_failed",
        /// Whom we were to tell that the visit is off has it again.
        HasItAgain => "has_it_again",
        // Withdrawn.
        Superseded => "superseded",
        SalonStopped => "salon_stopped",
        // Waiting, and attempts that came to nothing.
        Offline => "offline",
        NotLinked => "not_linked",
        Banned => "banned",
        WhatsappFailed => "whatsapp_failed",
        /// An attempt failed a moment ago.
        NotBefore => "not_before",
        /// A person does not write to the next one at once.
        Paced => "paced",
        HourFull => "hour_full",
        NewChatsFull => "new_chats_full",
        /// Sending failed too often.
        SendingRests => "sending_rests",
        // The end.
        BadNumber => "bad_number",
        NotOnWhatsapp => "not_on_whatsapp",
        Refused => "refused",
        ReachOutLocked => "reach_out_locked",
        TooLate => "too_late",
        Interrupted => "interrupted",
        SeenByReceipt => "seen_by_receipt",
        // A person.
        PersonSent => "person_sent",
        PersonNotSent => "person_not_sent",
        PersonAgain => "person_again",
        ByQuote => "by_quote",
        // Ticks.
        OnPhone => "on_phone",
        SeenByClient => "seen_by_client",
        // The salon as a whole.
        Marketplace => "marketplace",
    }
}

/// A reason as it is stored: its key, and the code of WhatsApp's refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Why {
    pub key: Key,
    pub code: Option<u16>,
}

impl Why {
    /// Reads a stored reason; `None` for one this version does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(key) = Key::parse(text) {
            return Some(key.into());
        }
        let code = text.strip_prefix("refused_")?.parse().ok()?;
        Some(Self { key: Key::Refused, code: Some(code) })
    }

    /// WhatsApp's server did not take a message, with this code.
    #[must_use]
    pub fn refused(code: u16) -> Self {
        match code {
            463 => Key::ReachOutLocked.into(),
            code => Self { key: Key::Refused, code: Some(code) },
        }
    }

    /// The stored text.
    #[must_use]
    pub fn text(self) -> Cow<'static, str> {
        match self.code {
            Some(code) => Cow::Owned(format!("{}_{code}", self.key.as_str())),
            None => Cow::Borrowed(self.key.as_str()),
        }
    }
}

impl From<Key> for Why {
    fn from(key: Key) -> Self {
        Self { key, code: None }
    }
}

impl From<MessageKind> for Why {
    fn from(kind: MessageKind) -> Self {
        let key = match kind {
            MessageKind::Confirmation => Key::Confirmation,
            MessageKind::Change => Key::Change,
            MessageKind::Cancel => Key::Cancel,
            MessageKind::Welcome => Key::Welcome,
            MessageKind::Trial => Key::Trial,
            MessageKind::SignInCode => Key::SignInCode,
        };
        key.into()
    }
}

impl From<Reason> for Why {
    fn from(reason: Reason) -> Self {
        let key = match reason {
            Reason::SalonNotActive => Key::SalonNotActive,
            Reason::SalonFrozen => Key::SalonFrozen,
            Reason::SalonUninstalled => Key::SalonUninstalled,
            Reason::NoTime => Key::NoTime,
            Reason::NoClient => Key::NoClient,
            Reason::NoPhone => Key::NoPhone,
            Reason::ClientSilenced => Key::ClientSilenced,
            Reason::PastVisit => Key::PastVisit,
            Reason::NeverTold => Key::NeverTold,
            Reason::AlreadyTold => Key::AlreadyTold,
            Reason::AttendanceOnly => Key::AttendanceOnly,
            Reason::SmallShift => Key::SmallShift,
            Reason::BeforeInstall => Key::BeforeInstall,
        };
        key.into()
    }
}

impl From<OutboxState> for Verb {
    fn from(state: OutboxState) -> Self {
        match state {
            OutboxState::Planned | OutboxState::Sending => Self::Planned,
            OutboxState::Sent => Self::Sent,
            OutboxState::Failed => Self::Failed,
            OutboxState::Cancelled => Self::Cancelled,
            OutboxState::Expired => Self::Expired,
            OutboxState::Uncertain => Self::Uncertain,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_stored_is_read_again() {
        for key in Key::ALL {
            assert_eq!(Why::parse(key.as_str()), Some((*key).into()));
        }
        for verb in Verb::ALL {
            assert_eq!(Verb::parse(verb.as_str()), Some(*verb));
        }
        let names: BTreeSet<_> = Key::ALL.iter().map(|key| key.as_str()).collect();
        assert_eq!(names.len(), Key::ALL.len(), "two reasons of one name");
        for code in [479, 463, 0] {
            assert_eq!(Why::parse(&Why::refused(code).text()), Some(Why::refused(code)));
        }
        assert_eq!(Why::refused(479).text(), "refused_479");
        assert_eq!((Why::parse("refused_x"), Why::parse("nonsense")), (None, None));
    }

    #[test]
    fn the_planner_and_the_register_call_a_reason_the_same() {
        for reason in [Reason::SalonFrozen, Reason::NoPhone, Reason::SmallShift, Reason::BeforeInstall] {
            assert_eq!(Why::from(reason).text(), reason.as_str());
        }
        for kind in MessageKind::ALL {
            assert_eq!(Why::from(kind).text(), kind.as_str());
        }
    }
}
