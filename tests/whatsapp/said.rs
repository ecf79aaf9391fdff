//! A message that a phone could not open is said again from our outbox: to its client, as often as they ask, and to nobody else.

use salonbridge::app::vault::DataKeys as _;
use salonbridge::domain::message::MessageKind;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::id::OutboxId;
use salonbridge::storage::outbox::{self, NewOutbox};
use whatsapp_rust::prelude::{MessageBuilderExt as _, wa};
use whatsapp_rust::traits::{LidPnMappingEntry, ProtocolStore as _};
use whatsapp_rust::waproto::codec::message_to_vec;

use super::kit::{Base, Keys, add_tenant, held, postgres, sqlite, tenant, vault_with};

#[tokio::test]
async fn what_our_outbox_says_is_said_again_to_its_client_and_to_nobody_else() {
    said_again(sqlite().await).await;
    if let Some(base) = postgres().await {
        said_again(base).await;
    }
}

async fn said_again(base: Base) {
    let (anna, lid) = ("79990000002", "123456789012345");
    let keys = Keys::new();
    let vault = vault_with(&base, keys.clone()).await;
    let tenant = tenant();
    add_tenant(&base.db, &tenant).await;
    let store = held(&vault, &tenant).await;
    let key = keys.data_key(&tenant).await.expect("a key");
    let new = NewOutbox {
        id: OutboxId::new(UnixMs(1)),
        intent: "501:1".to_owned(),
        kind: MessageKind::Confirmation,
        record: None,
        recipient: key.seal_text("outbox", "recipient", anna),
        peer: String::new(),
        text: key.seal_text("outbox", "501:1", "tomorrow at ten"),
        told: String::new(),
        told_before: String::new(),
        message_id: "3EB0OURS".to_owned(),
        not_before: UnixMs(1),
        deadline: UnixMs(2),
        nearest: UnixMs(2),
    };
    let mut conn = base.db.begin().await.expect("begins");
    outbox::plan(&mut conn, &tenant, &new, UnixMs(1)).await.expect("stored").expect("new");
    conn.commit().await.expect("commits");
    let asked = async |chat: &str| store.take_sent_message(chat, "3EB0OURS").await.expect("asked");
    let said = Some(message_to_vec(&wa::Message::text("tomorrow at ten")));

    let chat = format!("{anna}@s.whatsapp.net");
    for _ in 0..2 {
        assert_eq!(asked(&chat).await, said, "as often as the phone asks");
    }
    assert_eq!(asked("79990000003@s.whatsapp.net").await, None, "somebody else");
    assert_eq!(asked(&format!("{lid}@lid")).await, None, "nobody we know");
    let mapping = LidPnMappingEntry {
        lid: lid.to_owned(),
        phone_number: anna.to_owned(),
        created_at: 1,
        updated_at: 5,
        learning_source: "usync".to_owned(),
    };
    store.put_lid_mapping(&mapping).await.expect("put");
    assert_eq!(asked(&format!("{lid}@lid")).await, said);
    assert_eq!(store.take_sent_message(&chat, "3EB0OTHER").await.expect("asked"), None);
    // What rests in the outbox is not kept twice.
    store.store_sent_message(&chat, "3EB0OURS", b"payload").await.expect("stored");
    assert_eq!(store.delete_expired_sent_messages(i64::MAX).await.expect("deleted"), 0);
}
