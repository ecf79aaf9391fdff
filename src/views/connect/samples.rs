//! One view of every kind, for the tests and the gallery.

use crate::domain::connect::{ConnectStep, ConnectView, Lost, SyncPart};
use crate::domain::pacing::Standing;
use crate::domain::session::Refusal;
use crate::kernel::clock::UnixMs;

/// sat, 14 March 2026, 15:00 in Moscow
const NOW: UnixMs = UnixMs(1_773_489_600_000);
const RAW: &str = "https://wa.me/settings/linked_devices#2@mK9TqvS0WbZ5rXyN4uFh1cLpJ8dGaEo3,\
    4Yz1xWvUtSrQpOnMlKjIhGfEdCbA9876543210abcd=,q7YxWvUtSrQpOnMlKjIhGfEdCbA0123456789zyxw=,\
    p2Lk9jHg8fDs7aZx6cVb5nMq4wEr3tYu2iOp1aSdFg=,1";

/// Every state the page can be in, each with a name for its picture.
#[must_use]
pub fn samples() -> Vec<(&'static str, ConnectView)> {
    let steps = main_path().into_iter().chain(exceptions());
    steps
        .map(|(name, step)| (name, ConnectView { salon_title: "Салон «Ирис»".to_owned(), as_of: NOW, step }))
        .collect()
}

fn main_path() -> Vec<(&'static str, ConnectStep)> {
    let phone = || "+79000000001".to_owned();
    let name = || "Салон Ирис".to_owned();
    let url = || "https://yclients.com/timetable/4564".to_owned();
    let part = |part: &str, done, total, finished| SyncPart { part: part.to_owned(), done, total, finished };
    vec![
        ("preparing", ConnectStep::Preparing { since: NOW }),
        ("preparing-slow", ConnectStep::Preparing { since: NOW.plus_secs(-20) }),
        (
            "qr",
            ConnectStep::Qr {
                raw: RAW.to_owned(),
                svg: String::new(),
                number: 2,
                of: 6,
                expires_at: NOW.plus_secs(18),
            },
        ),
        ("code-ask", ConnectStep::Code { code: String::new(), expires_at: None }),
        ("code", ConnectStep::Code { code: "K7QM2XWD".to_owned(), expires_at: Some(NOW.plus_secs(161)) }),
        ("linking", ConnectStep::Linking),
        ("linked", ConnectStep::Linked { phone: phone(), name: name() }),
        (
            "syncing",
            ConnectStep::Syncing {
                parts: vec![
                    part("services", 48, 48, true),
                    part("staff", 5, 12, false),
                    part("schedule", 0, 0, false),
                ],
            },
        ),
        ("activating", ConnectStep::Activating),
        (
            "active",
            ConnectStep::Active {
                phone: phone(),
                name: name(),
                preview: "Анна, вы записаны.\n\nСтрижка и укладка\nсб, 14 марта, 15:00\nМастер: Олег\n\n\
                          Салон «Ирис», ул. Садовая, 8"
                    .to_owned(),
                return_url: url(),
            },
        ),
        (
            "already-active",
            ConnectStep::AlreadyActive {
                phone: phone(),
                name: name(),
                linked_at: Some(NOW.plus_secs(-11 * 86_400)),
                last_message_at: Some(NOW.plus_secs(-1500)),
                online: true,
                sending: sending(None, None),
                return_url: url(),
            },
        ),
        (
            "already-active-locked",
            ConnectStep::AlreadyActive {
                phone: phone(),
                name: name(),
                linked_at: Some(NOW.plus_secs(-2 * 86_400)),
                last_message_at: Some(NOW.plus_secs(-300)),
                online: true,
                sending: sending(Some(NOW.plus_secs(22 * 3600)), None),
                return_url: url(),
            },
        ),
        (
            "already-active-rests",
            ConnectStep::AlreadyActive {
                phone: phone(),
                name: name(),
                linked_at: Some(NOW.plus_secs(-2 * 86_400)),
                last_message_at: Some(NOW.plus_secs(-3000)),
                online: true,
                sending: sending(None, Some(NOW.plus_secs(600))),
                return_url: url(),
            },
        ),
        (
            "already-active-offline",
            ConnectStep::AlreadyActive {
                phone: phone(),
                name: String::new(),
                linked_at: Some(NOW.plus_secs(-400 * 86_400)),
                last_message_at: None,
                online: false,
                sending: sending(None, None),
                return_url: url(),
            },
        ),
    ]
}

fn sending(locked_until: Option<UnixMs>, rests_until: Option<UnixMs>) -> Standing {
    let held = locked_until.is_some() || rests_until.is_some();
    Standing {
        day: 3,
        new_chats: 14,
        new_chats_allowed: 20,
        locked_until,
        rests_until,
        waiting: if held { 6 } else { 0 },
        dropped_today: 0,
    }
}

fn exceptions() -> Vec<(&'static str, ConnectStep)> {
    let refused = |why, until| ConnectStep::Refused { why, lost: None, until };
    let lost = |lost, until| ConnectStep::Refused { why: Refusal::Other, lost: Some(lost), until };
    let soon = Some(NOW.plus_secs(-2 * 3600 - 1200).plus_secs(4 * 3600));
    vec![
        ("qr-exhausted", ConnectStep::QrExhausted { minutes: 3 }),
        ("refused-devices", refused(Refusal::TooManyDevices, None)),
        ("refused-business", refused(Refusal::BusinessAccount, None)),
        ("refused-restricted", refused(Refusal::Restricted, None)),
        ("refused-restricted-until", refused(Refusal::Restricted, soon)),
        ("refused-outdated", refused(Refusal::Outdated, None)),
        ("refused-unreachable", refused(Refusal::Unreachable, None)),
        ("refused-other", refused(Refusal::Other, None)),
        ("lost-logged-out", lost(Lost::LoggedOut, None)),
        ("lost-replaced", lost(Lost::Replaced, None)),
        ("lost-banned", lost(Lost::Banned, None)),
        ("lost-banned-until", lost(Lost::Banned, Some(NOW.plus_secs(30 * 3600)))),
        ("lost-outdated", lost(Lost::Outdated, None)),
        (
            "number-serves-another",
            ConnectStep::NumberServesAnother { salon_title: "Ирис на Садовой".to_owned() },
        ),
        ("not-installed", ConnectStep::NotInstalled),
        ("frozen", ConnectStep::Frozen { return_url: "https://yclients.com/timetable/4564".to_owned() }),
        ("yclients-silent", ConnectStep::YclientsSilent { linked: true }),
        ("yclients-silent-unlinked", ConnectStep::YclientsSilent { linked: false }),
        (
            "licence-expired",
            ConnectStep::LicenceExpired { return_url: "https://yclients.com/timetable/4564".to_owned() },
        ),
        ("our-fault", ConnectStep::OurFault { request_id: "7QK2M4XD".to_owned() }),
    ]
}
