//! Messages and receipts, both ways.

use serde_json::json;
use whatsapp_rust::Jid;

use crate::kit::{ANNA, OLEG, SALON, Stage};

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

#[tokio::test]
async fn reading_is_told_to_whoever_wrote() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let id = salon.send(ANNA, "Запись подтверждена").await;
    stage.messages(ANNA, 1).await;
    let read = stage.post(&format!("/phones/{ANNA}/read"), json!({ "chat": format!("+{SALON}") })).await;
    assert_eq!(read["read"], 1);
    salon.receipt(&id, "Read").await;
    // The salon's own phone sees what its companion wrote, with blue ticks.
    let copy = &stage.messages(SALON, 1).await[0];
    assert_eq!(
        (&copy["direction"], &copy["chat"], &copy["device"]),
        (&json!("out"), &json!(ANNA), &json!(1))
    );
    stage.until(&format!("/phones/{SALON}/messages"), |it| it[0]["status"] == "read").await;

    let answer = stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "Спасибо" })).await;
    let heard = salon.text().await;
    salon.client.mark_as_read(&Jid::pn(ANNA), None, &[heard.id.as_str()]).await.expect("marked");
    assert_eq!(answer["id"], json!(heard.id));
    stage.until(&format!("/phones/{ANNA}/messages"), |it| it[1]["status"] == "read").await;
    // What the companion has read is read on the salon's phone too.
    stage.until(&format!("/phones/{SALON}"), |card| card["unread"] == 0).await;
    // Nothing waits that was acknowledged.
    stage.until(&format!("/phones/{SALON}/devices"), |it| it[1]["unacknowledged"] == 0).await;
    salon.stop().await;
}

#[tokio::test]
async fn answers_come_from_a_number_or_from_a_lid() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let lid = stage.get(&format!("/phones/{ANNA}")).await["lid"].as_str().expect("a LID").to_owned();
    for (by, sender) in [("lid", lid.clone()), ("pn", format!("{ANNA}@s.whatsapp.net")), ("lid", lid)] {
        stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": by, "by": by })).await;
        let heard = salon.text().await;
        assert_eq!((heard.text.as_str(), heard.from), (by, sender));
        // The answer to an answer reaches her wherever it is addressed.
        salon.send(ANNA, "Принято").await;
    }
    let messages = stage.messages(ANNA, 6).await;
    assert_eq!(messages.iter().filter(|it| it["direction"] == "in").count(), 3);
    salon.stop().await;
}

#[tokio::test]
async fn an_account_that_lives_by_lid_is_served_alike() {
    let stage = Stage::open().await;
    let number = "79990000011";
    stage.post("/phones", json!({ "number": number, "name": "Salon Lilac", "lid_migrated": true })).await;
    let mut first = stage.linked(number).await;
    let mut second = stage.linked(number).await;
    let id = first.send(ANNA, "Здравствуйте").await;
    assert_eq!(stage.messages(ANNA, 1).await[0]["chat"], json!(number));
    first.receipt(&id, "Delivered").await;
    assert!(second.copy_of("Здравствуйте").await.from_me);
    for by in ["pn", "lid"] {
        stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": number, "text": by, "by": by })).await;
        assert_eq!(first.text().await.text, by);
        assert_eq!(second.text().await.text, by);
        second.send(ANNA, "Хорошо").await;
    }
    stage.messages(ANNA, 5).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn every_companion_of_an_account_hears_everything() {
    let stage = Stage::open().await;
    let mut first = stage.linked(SALON).await;
    let mut second = stage.linked(SALON).await;
    stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "Можно перенести?" })).await;
    assert_eq!(first.text().await.text, "Можно перенести?");
    assert_eq!(second.text().await.text, "Можно перенести?");

    second.send(ANNA, "Конечно").await;
    stage.messages(ANNA, 2).await;
    // What the phone itself writes is heard by both of its companions.
    stage.post(&format!("/phones/{SALON}/send"), json!({ "to": ANNA, "text": "С телефона" })).await;
    let copy = first.copy_of("С телефона").await;
    assert!(copy.from_me && copy.chat.starts_with(ANNA), "{copy:?}");
    assert!(second.copy_of("С телефона").await.from_me);
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn two_salons_may_write_to_each_other() {
    let stage = Stage::open().await;
    let mut iris = stage.linked(SALON).await;
    let mut oleg = stage.linked(OLEG).await;
    let id = iris.send(OLEG, "Вам ключи передать?").await;
    assert_eq!(oleg.text().await.text, "Вам ключи передать?");
    iris.receipt(&id, "Delivered").await;
    oleg.send(SALON, "Да, пожалуйста").await;
    assert_eq!(iris.text().await.text, "Да, пожалуйста");
    iris.stop().await;
    oleg.stop().await;
}

#[tokio::test]
async fn a_device_linked_later_is_written_to_as_well() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    salon.send(ANNA, "до").await;
    stage.messages(ANNA, 1).await;
    let mut desktop = stage.linked(ANNA).await;
    // The first message may still miss the new device: the acknowledgement says that the list is stale.
    for text in ["раз", "два", "три"] {
        let id = salon.send(ANNA, text).await;
        assert_eq!(salon.ack(&id).await, None);
    }
    assert!(["раз", "два", "три"].contains(&desktop.text().await.text.as_str()));
    salon.stop().await;
    desktop.stop().await;
}

#[tokio::test]
async fn the_registered_are_told_from_the_others() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let asked = [Jid::pn(ANNA), Jid::pn("79995550000")];
    let known = salon.client.contacts().is_on_whatsapp(&asked).await.expect("an answer");
    let registered = |number: &str| known.iter().find(|it| it.jid.user == number).map(|it| it.is_registered);
    assert_eq!((registered(ANNA), registered("79995550000")), (Some(true), Some(false)));
    let (status, answer) =
        stage.try_post(&format!("/phones/{ANNA}/send"), json!({ "to": "79995550000", "text": "?" })).await;
    assert_eq!(status, 422, "{answer}");
    salon.stop().await;
}

#[tokio::test]
async fn what_was_missed_is_delivered_on_return() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let store = salon.stop().await;
    for text in ["раз", "два", "три"] {
        stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": text })).await;
    }
    let mut salon = crate::kit::Companion::start(&stage, store, None).await;
    let heard = salon.texts(3).await;
    assert_eq!(heard.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["раз", "два", "три"]);
    assert!(heard.iter().all(|it| it.offline), "{heard:?}");
    salon.connected().await;
    assert!(stage.stats("logins_ik").await >= 1, "a returning client uses IK");
    salon.stop().await;
}

#[tokio::test]
async fn a_companion_that_comes_back_is_there_at_once() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let started = std::time::Instant::now();
    let mut salon = salon.restart(&stage).await;
    salon.connected().await;
    // A client that has not learned its own name waits ten seconds for it at every start.
    assert!(started.elapsed().as_secs() < 8, "{:?}", started.elapsed());
    salon.stop().await;
}

#[tokio::test]
async fn a_burst_arrives_whole() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    for turn in 0..100 {
        salon.send(ANNA, &format!("напоминание {turn}")).await;
    }
    let messages = stage.messages(ANNA, 100).await;
    assert_eq!(messages.len(), 100);
    assert_eq!(messages[99]["text"], "напоминание 99");
    let seen = stage.get("/stats/messages").await;
    assert!(seen.as_array().is_some_and(|it| it.iter().any(|it| it["id"] == messages[99]["id"])));
    salon.stop().await;
}
