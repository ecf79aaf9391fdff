//! Messages and receipts, both ways.

use serde_json::json;

use crate::kit::{ANNA, SALON, Stage};

#[tokio::test]
async fn a_message_is_decrypted_by_the_phone_and_answered() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let id = salon.send(ANNA, "Ждём вас завтра в 15:00").await;
    let messages = stage.messages(ANNA, 1).await;
    assert_eq!(messages[0]["text"], "Ждём вас завтра в 15:00");
    assert_eq!(messages[0]["id"], json!(id));
    assert_eq!(salon.ack(&id).await, None);
    salon.receipt(&id, "Delivered").await;

    stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "Да", "quoted": id })).await;
    let heard = salon.text().await;
    assert_eq!((heard.text.as_str(), heard.quoted.as_deref()), ("Да", Some(id.as_str())));
    assert!(heard.from.starts_with(ANNA), "{heard:?}");
    salon.stop().await;
}
