//! Hooks of clients' cards.

use serde_json::Value;

use super::webhook::{Hook, Status};
use super::{record_body, wire};
use crate::domain::record::{Client, Field};
use crate::kernel::clock::UnixMs;

/// What an event says of a client's card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSaid {
    pub is_deleted: bool,
    pub changed_at: Option<UnixMs>,
    /// Unreadable where it says no number: a part of a card is not taken for all of it.
    pub client: Field<Client>,
}

/// Reads it; `None` when the event is about something else.
#[must_use]
pub fn read(hook: &Hook<'_>) -> Option<ClientSaid> {
    if hook.resource != "client" {
        return None;
    }
    let data: Value = serde_json::from_str(hook.data).ok()?;
    Some(ClientSaid {
        is_deleted: hook.status == Status::Delete,
        changed_at: data.get("last_change_date").and_then(wire::instant),
        client: record_body::client(Some(&data)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::{fixtures, webhook};

    fn said(body: &str) -> Option<ClientSaid> {
        read(&webhook::parse(body.as_bytes()).expect("a hook")[0])
    }

    #[test]
    fn a_card_is_read_as_it_stands_in_a_record() {
        let body = fixtures::text("webhook_client_create.json");
        let made = said(&body).expect("a card");
        let card = made.client.value().expect("readable");
        assert_eq!((card.name.as_str(), card.surname.as_str()), ("Анна", "Примерова"));
        assert_eq!(card.email.as_deref(), Some("anna@example.test"));
        assert!(card.phone.is_some() && !made.is_deleted && made.changed_at.is_some());
        let gone = said(&body.replacen("\"create\"", "\"delete\"", 1)).expect("a card");
        assert!(gone.is_deleted);
        assert_eq!(said(&fixtures::text("webhook_record_create.json")), None);
    }

    #[test]
    fn a_part_of_a_card_is_not_taken_for_all_of_it() {
        let part = r#"{"resource":"client","resource_id":5,"status":"update","data":{"id":5,"name":"Анна"}}"#;
        assert_eq!(said(part).expect("a card").client, Field::Unreadable);
    }
}
