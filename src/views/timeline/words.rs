//! The register of reasons in words. Every verb and every reason has its line here, or this does not compile; that both
//! catalogues have the line is held by a test.

use crate::domain::message::{MessageKind, OutboxState, Ticks};
use crate::domain::timeline::{Entry, Message};
use crate::domain::why::{Key, Verb, Why};
use crate::views::Words;

/// What happened and why, as one would say it, with what to do where a person can do something.
#[must_use]
pub fn sentence(w: Words, entry: &Entry) -> String {
    let verb = Verb::parse(&entry.verb);
    let why = match Why::parse(&entry.reason) {
        Some(Why { key: Key::Refused, code: Some(code) }) => w.with("why-refused-code", "code", code),
        Some(why) => w.t(why_key(why.key, verb)),
        None => w.with("why-unknown", "key", &entry.reason),
    };
    match (&entry.event, entry.came_by.as_deref()) {
        (Some(_), Some("sync")) => format!("{} {why}", w.t("hook-found")),
        (Some(event), _) => format!("{} {why}", w.t(event_key(event))),
        (None, _) => why,
    }
}

fn event_key(event: &str) -> &'static str {
    match event {
        "create" => "hook-create",
        "update" => "hook-update",
        "delete" => "hook-delete",
        _ => "hook-other",
    }
}

/// The heading of an entry.
#[must_use]
pub fn verb_key(verb: Option<Verb>) -> &'static str {
    match verb {
        Some(Verb::Received) => "verb-received",
        Some(Verb::Asked) => "verb-asked",
        Some(Verb::Healed) => "verb-healed",
        Some(Verb::Planned) => "verb-planned",
        Some(Verb::Silent) => "verb-silent",
        Some(Verb::Withdrawn) => "verb-withdrawn",
        Some(Verb::Held) => "verb-held",
        Some(Verb::Returned) => "verb-returned",
        Some(Verb::Sent) => "verb-sent",
        Some(Verb::Delivered) => "verb-delivered",
        Some(Verb::Read) => "verb-read",
        Some(Verb::Failed) => "verb-failed",
        Some(Verb::Expired) => "verb-expired",
        Some(Verb::Cancelled) => "verb-cancelled",
        Some(Verb::Uncertain) => "verb-uncertain",
        Some(Verb::Settled) => "verb-settled",
        Some(Verb::Answered) => "verb-answered",
        Some(Verb::Frozen) => "verb-frozen",
        Some(Verb::Thawed) => "verb-thawed",
        Some(Verb::Uninstalled) => "verb-uninstalled",
        None => "verb-other",
    }
}

fn why_key(key: Key, verb: Option<Verb>) -> &'static str {
    let is_sent = verb == Some(Verb::Sent);
    match key {
        Key::Confirmation if is_sent => "why-sent-confirmation",
        Key::Change if is_sent => "why-sent-change",
        Key::Cancel if is_sent => "why-sent-cancel",
        Key::Welcome if is_sent => "why-sent-welcome",
        Key::Trial if is_sent => "why-sent-trial",
        Key::SignInCode if is_sent => "why-sent-sign-in-code",
        Key::Confirmation => "why-planned-confirmation",
        Key::Change => "why-planned-change",
        Key::Cancel => "why-planned-cancel",
        Key::Welcome => "why-planned-welcome",
        Key::Trial => "why-planned-trial",
        Key::SignInCode => "why-planned-sign-in-code",
        Key::Waiting => "why-waiting",
        Key::Absorbed => "why-absorbed",
        Key::Merged => "why-merged",
        Key::Outdated => "why-outdated",
        Key::Unreadable => "why-unreadable",
        Key::CrmRead => "why-crm-read",
        Key::CrmGone => "why-crm-gone",
        Key::CrmForbidden => "why-crm-forbidden",
        Key::CrmLicence => "why-crm-licence",
        Key::FoundBySync => "why-found-by-sync",
        Key::SalonNotActive => "why-salon-not-active",
        Key::SalonFrozen => "why-salon-frozen",
        Key::SalonUninstalled => "why-salon-uninstalled",
        Key::NoTime => "why-no-time",
        Key::NoClient => "why-no-client",
        Key::NoPhone => "why-no-phone",
        Key::ClientSilenced => "why-client-silenced",
        Key::PastVisit => "why-past-visit",
        Key::NeverTold => "why-never-told",
        Key::AlreadyTold => "why-already-told",
        Key::AttendanceOnly => "why-attendance-only",
        Key::SmallShift => "why-small-shift",
        Key::BeforeInstall => "why-before-install",
        Key::AlreadyPlanned => "why-already-planned",
        Key::AlreadyFailed => "why-already-failed",
        Key::HasItAgain => "why-has-it-again",
        Key::Superseded => "why-superseded",
        Key::SalonStopped => "why-salon-stopped",
        Key::Offline => "why-offline",
        Key::NotLinked => "why-not-linked",
        Key::Banned => "why-banned",
        Key::WhatsappFailed => "why-whatsapp-failed",
        Key::NotBefore => "why-not-before",
        Key::Paced => "why-paced",
        Key::HourFull => "why-hour-full",
        Key::NewChatsFull => "why-new-chats-full",
        Key::SendingRests => "why-sending-rests",
        Key::BadNumber => "why-bad-number",
        Key::NotOnWhatsapp => "why-not-on-whatsapp",
        Key::Refused => "why-refused",
        Key::ReachOutLocked => "why-reach-out-locked",
        Key::TooLate => "why-too-late",
        Key::Interrupted => "why-interrupted",
        Key::SeenByReceipt => "why-seen-by-receipt",
        Key::PersonSent => "why-person-sent",
        Key::PersonNotSent => "why-person-not-sent",
        Key::PersonAgain => "why-person-again",
        Key::ByQuote => "why-by-quote",
        Key::OnPhone => "why-on-phone",
        Key::SeenByClient => "why-seen-by-client",
        Key::Marketplace => "why-marketplace",
    }
}

#[must_use]
pub fn kind_key(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Confirmation => "kind-confirmation",
        MessageKind::Change => "kind-change",
        MessageKind::Cancel => "kind-cancel",
        MessageKind::Welcome => "kind-welcome",
        MessageKind::Trial => "kind-trial",
        MessageKind::SignInCode => "kind-sign-in-code",
    }
}

/// Where a message stands now.
#[must_use]
pub fn state_key(message: &Message) -> &'static str {
    standing_key(message.state, message.ticks)
}

/// The same, where only this much of it is known.
#[must_use]
pub fn standing_key(state: OutboxState, ticks: Ticks) -> &'static str {
    match (state, ticks) {
        (OutboxState::Sent, Ticks::Read) => "state-read",
        (OutboxState::Sent, Ticks::Delivered) => "state-delivered",
        (OutboxState::Sent, _) => "state-sent",
        (OutboxState::Planned, _) => "state-planned",
        (OutboxState::Sending, _) => "state-sending",
        (OutboxState::Failed, _) => "state-failed",
        (OutboxState::Cancelled, _) => "state-cancelled",
        (OutboxState::Expired, _) => "state-expired",
        (OutboxState::Uncertain, _) => "state-uncertain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timeline::Source;
    use crate::kernel::clock::UnixMs;
    use crate::kernel::locale::Locale;

    fn entry(verb: &str, reason: &str, event: Option<&str>) -> Entry {
        Entry {
            at: UnixMs(0),
            source: Source::Decision,
            id: String::new(),
            verb: verb.to_owned(),
            reason: reason.to_owned(),
            event: event.map(str::to_owned),
            came_by: None,
            message: None,
        }
    }

    #[test]
    fn every_reason_has_a_sentence_in_both_languages() {
        for locale in Locale::ALL {
            let w = Words(locale);
            for verb in Verb::ALL {
                assert!(!w.t(verb_key(Some(*verb))).contains('⟦'), "{verb:?}");
                for key in Key::ALL {
                    let said = sentence(w, &entry(verb.as_str(), key.as_str(), None));
                    assert!(said.ends_with('.') && said.len() > 5, "{locale:?} {verb:?} {key:?}: {said}");
                    assert!(!said.contains(['⟦', '{']), "{locale:?} {key:?}: {said}");
                    let foreign = said.chars().any(|c| ('а'..='я').contains(&c)) != (locale == Locale::Ru);
                    assert!(!foreign, "{locale:?} {key:?}: {said}");
                }
            }
            assert!(sentence(w, &entry("failed", "refused_479", None)).contains("479"));
            assert!(sentence(w, &entry("new_verb", "new_reason", None)).contains("new_reason"));
            for event in ["create", "update", "delete", "patched"] {
                let said = sentence(w, &entry("received", "absorbed", Some(event)));
                assert_eq!(said.matches('.').count(), 2, "{said}");
            }
        }
    }

    #[test]
    fn two_reasons_do_not_share_a_sentence() {
        let said: std::collections::BTreeSet<_> = Key::ALL
            .iter()
            .map(|key| sentence(Words(Locale::Ru), &entry("silent", key.as_str(), None)))
            .collect();
        assert_eq!(said.len(), Key::ALL.len());
    }
}
