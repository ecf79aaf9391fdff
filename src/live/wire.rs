//! What goes over the socket. The whole vocabulary is here.

use serde::Serialize;
use serde_json::{Value, json};

use super::{DoorError, LiveEvent};
use crate::domain::connect::{ConnectStep, ConnectView};
use crate::kernel::locale::Locale;
use crate::views::Words;

/// `state`: the view as it is, and the panel drawn from it in the reader's language.
#[derive(Debug, Serialize)]
pub struct State<'a> {
    #[serde(flatten)]
    pub view: &'a ConnectView,
    pub html: String,
}

/// Other events: a name and its arguments (two where the list has two).
pub type Event = (&'static str, Vec<Value>);

/// What is new between the step told last and this one.
#[must_use]
pub fn news(old: Option<&ConnectStep>, new: &ConnectStep) -> Vec<Event> {
    if old == Some(new) {
        return Vec::new();
    }
    match new {
        ConnectStep::Qr { raw, svg, number, of, expires_at } => vec![(
            "qr",
            vec![json!(raw), json!({ "svg": svg, "number": number, "of": of, "expires_at": expires_at })],
        )],
        ConnectStep::Code { code, expires_at } if !code.is_empty() => {
            vec![("pairing-code", vec![json!({ "code": code, "expires_at": expires_at })])]
        }
        ConnectStep::Syncing { parts } => {
            let before = match old {
                Some(ConnectStep::Syncing { parts }) => parts.as_slice(),
                _ => &[],
            };
            parts
                .iter()
                .filter(|part| !before.contains(part))
                .map(|part| {
                    let told = json!({ "part": part.part, "done": part.done, "total": part.total });
                    ("progress", vec![told])
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What a page that has just come, or come back, may have missed.
#[must_use]
pub fn missed(step: &ConnectStep) -> Vec<Event> {
    let mut events = news(None, step);
    if let ConnectStep::Linked { phone, name }
    | ConnectStep::Active { phone, name, .. }
    | ConnectStep::AlreadyActive { phone, name, .. } = step
    {
        events.push(("connected", vec![json!({ "phone": phone, "name": name })]));
    }
    if let ConnectStep::Active { return_url, .. } = step {
        events.push(("activated", vec![json!({ "redirect_url": return_url })]));
    }
    events
}

/// A moment, for a reader of this language.
#[must_use]
pub fn moment(event: &LiveEvent, locale: Locale) -> Event {
    match event {
        LiveEvent::Connected { phone, name } => ("connected", vec![json!({ "phone": phone, "name": name })]),
        LiveEvent::Activated { redirect_url } => ("activated", vec![json!({ "redirect_url": redirect_url })]),
        LiveEvent::Error(error) => ("error", vec![complaint(*error, locale)]),
    }
}

/// `error {code, message}`: the code for programs, the message for people.
#[must_use]
pub fn complaint(error: DoorError, locale: Locale) -> Value {
    let (code, key) = match error {
        DoorError::BadPhone => ("bad-phone", "say-bad-phone"),
        DoorError::TooOften => ("too-often", "say-too-often"),
        DoorError::NotNow => ("not-now", "say-not-now"),
        DoorError::Whatsapp => ("whatsapp-silent", "say-whatsapp"),
        DoorError::Yclients => ("yclients-silent", "say-yclients"),
        DoorError::Fault => ("our-fault", "say-fault"),
    };
    json!({ "code": code, "message": Words(locale).t(key) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connect::SyncPart;
    use crate::kernel::clock::UnixMs;

    fn qr(raw: &str) -> ConnectStep {
        ConnectStep::Qr {
            raw: raw.to_owned(),
            svg: "<svg/>".to_owned(),
            number: 1,
            of: 6,
            expires_at: UnixMs(5),
        }
    }

    #[test]
    fn a_code_is_told_once_and_a_new_one_again() {
        let [(name, arguments)] = &news(None, &qr("2@a"))[..] else { panic!("one event") };
        assert_eq!((*name, &arguments[0]), ("qr", &json!("2@a")));
        assert_eq!(arguments[1], json!({ "svg": "<svg/>", "number": 1, "of": 6, "expires_at": 5 }));
        assert!(news(Some(&qr("2@a")), &qr("2@a")).is_empty());
        assert_eq!(news(Some(&qr("2@a")), &qr("2@b")).len(), 1);
    }

    #[test]
    fn progress_names_only_the_parts_that_moved() {
        let part = |part: &str, done| SyncPart { part: part.to_owned(), done, total: 9, finished: false };
        let old = ConnectStep::Syncing { parts: vec![part("services", 3), part("staff", 0)] };
        let new = ConnectStep::Syncing { parts: vec![part("services", 3), part("staff", 1)] };
        let told = json!({ "part": "staff", "done": 1, "total": 9 });
        assert_eq!(news(Some(&old), &new), vec![("progress", vec![told])]);
    }

    #[test]
    fn an_empty_code_is_no_code() {
        assert!(missed(&ConnectStep::Code { code: String::new(), expires_at: None }).is_empty());
    }

    #[test]
    fn the_state_carries_the_view_flat() {
        let view = ConnectView { salon_title: "Ирис".to_owned(), as_of: UnixMs(7), step: qr("2@a") };
        let state = serde_json::to_value(State { view: &view, html: "<p>".to_owned() }).expect("plain");
        assert_eq!(
            (&state["state"], &state["as_of"], &state["html"]),
            (&json!("qr"), &json!(7), &json!("<p>"))
        );
    }
}
