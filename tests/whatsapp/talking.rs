//! Messages out and in.

use std::sync::atomic::Ordering;
use std::time::Duration;

use salonbridge::domain::session::{InboundMessage, SessionEvent, SessionState};
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway as _, Outgoing};
use serde_json::{Value, json};

use super::kit::{ANNA, House, OLEG, SALON, phone, try_send};

fn text_of<'a>(messages: &'a [Value], text: &str) -> &'a Value {
    messages
        .iter()
        .find(|message| message["text"] == text)
        .unwrap_or_else(|| panic!("{text:?} in {messages:?}"))
}

#[tokio::test]
async fn a_message_reaches_the_phone_and_its_fate_is_told() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    assert!(house.gateway.is_on_whatsapp(&tenant, &phone(ANNA)).await.expect("asked"));
    assert!(!house.gateway.is_on_whatsapp(&tenant, &phone("79990009999")).await.expect("asked"));
    house.send(&tenant, "3EB0000000000000000001", ANNA, "Анна, завтра в 10:00").await;
    let got = house.stage.messages(ANNA, 1).await;
    assert_eq!(text_of(&got, "Анна, завтра в 10:00")["id"], "3EB0000000000000000001");
    let id = "3EB0000000000000000001".to_owned();
    let ack = SessionEvent::Ack { message_id: id.clone(), error: None };
    house.told.wait("the ack", |told| told.of(&tenant).contains(&ack).then_some(())).await;
    let delivered = SessionEvent::Receipt { message_ids: vec![id.clone()], read: false };
    house.told.wait("delivered", |told| told.of(&tenant).contains(&delivered).then_some(())).await;
    house.stage.post(&format!("/phones/{ANNA}/read"), json!({})).await;
    let read = SessionEvent::Receipt { message_ids: vec![id], read: true };
    house.told.wait("read", |told| told.of(&tenant).contains(&read).then_some(())).await;
    // The salon's own phone shows it too.
    text_of(&house.stage.messages(SALON, 1).await, "Анна, завтра в 10:00");
}

#[tokio::test]
async fn a_refused_message_says_why() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.stage.post("/faults", json!({ "nack": { "code": 463, "next": 1 } })).await;
    house.send(&tenant, "3EB0000000000000000002", ANNA, "hello").await;
    let nack = SessionEvent::Ack { message_id: "3EB0000000000000000002".to_owned(), error: Some(463) };
    house.told.wait("the nack", |told| told.of(&tenant).contains(&nack).then_some(())).await;
}

/// Else each stop would leave a message in doubt that WhatsApp was about to take.
#[tokio::test]
async fn a_stop_hears_whether_what_was_just_said_was_taken() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    let ack = |id: &str| SessionEvent::Ack { message_id: id.to_owned(), error: None };
    let (first, last) = ("3EB0000000000000000031", "3EB0000000000000000032");
    house.send(&tenant, first, ANNA, "first").await;
    house.told.wait("the ack", |told| told.of(&tenant).contains(&ack(first)).then_some(())).await;
    house.stage.post("/faults", json!({ "slow_ms": 200 })).await;
    house.send(&tenant, last, ANNA, "last").await;
    assert!(!house.told.of(&tenant).contains(&ack(last)), "WhatsApp is slow");
    house.gateway.stop(&tenant).await;
    assert!(house.told.of(&tenant).contains(&ack(last)));
}

#[tokio::test]
async fn many_messages_at_once_all_arrive() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    let sends = (0..60).map(|n| {
        let to = if n % 2 == 0 { ANNA } else { OLEG };
        let message =
            Outgoing { message_id: format!("3EB0B{n:017}"), to: phone(to), text: format!("message {n}") };
        let (gateway, tenant) = (house.gateway.clone(), tenant.clone());
        async move { try_send(&gateway, &tenant, &message).await.expect("handed over") }
    });
    futures::future::join_all(sends).await;
    assert_eq!(house.stage.messages(ANNA, 30).await.len(), 30);
    assert_eq!(house.stage.messages(OLEG, 30).await.len(), 30);
    let acked = |told: &super::kit::Recorder| {
        let acks = told
            .of(&tenant)
            .into_iter()
            .filter(|e| matches!(e, SessionEvent::Ack { error: None, .. }))
            .count();
        (acks >= 60).then_some(())
    };
    house.told.wait("60 acks", acked).await;
}

async fn kept(house: &House, text: &str) -> InboundMessage {
    let what = format!("{text:?} kept");
    let find = |told: &super::kit::Recorder| {
        told.kept.lock().expect("no panic").iter().find(|message| message.text == text).cloned()
    };
    house.told.wait(&what, find).await
}

#[tokio::test]
async fn an_answer_is_kept_with_its_sender_and_what_it_quotes() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.send(&tenant, "3EB0000000000000000003", ANNA, "coming?").await;
    house.stage.messages(ANNA, 1).await;
    let body = json!({ "to": SALON, "text": "yes!", "quoted": "3EB0000000000000000003" });
    let id = house.stage.post(&format!("/phones/{ANNA}/send"), body).await["id"].clone();
    let message = kept(&house, "yes!").await;
    assert_eq!(message.phone, Some(phone(ANNA)));
    assert_eq!(message.quoted_id.as_deref(), Some("3EB0000000000000000003"));
    assert_eq!(json!(message.message_id), id);
    assert!((chrono::Utc::now().timestamp_millis() - message.sent_at.0).abs() < 60_000);

    // From a LID the number is found all the same.
    house
        .stage
        .post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "by lid", "by": "lid" }))
        .await;
    let message = kept(&house, "by lid").await;
    assert_eq!(message.phone, Some(phone(ANNA)));
    assert!(message.lid.is_some());
}

#[tokio::test]
async fn what_could_not_be_kept_is_delivered_again() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.full.store(true, Ordering::SeqCst);
    house.stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "precious" })).await;
    house.told.wait("an attempt", |told| (told.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    house.told.full.store(false, Ordering::SeqCst);
    let message = kept(&house, "precious").await;
    assert_eq!(message.phone, Some(phone(ANNA)));
    drop(tenant);
}

#[tokio::test]
async fn what_came_while_we_were_away_is_kept_on_return() {
    let mut house = House::open().await;
    let tenant = house.linked(SALON).await;
    // Refused once, and the process ends before it is asked again.
    house.told.full.store(true, Ordering::SeqCst);
    house
        .stage
        .post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "before the crash" }))
        .await;
    house.told.wait("an attempt", |told| (told.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    house.restart().await;
    house.stage.post(&format!("/phones/{OLEG}/send"), json!({ "to": SALON, "text": "while away" })).await;
    house.gateway.restore(&tenant).await.expect("restored");
    assert_eq!(kept(&house, "before the crash").await.phone, Some(phone(ANNA)));
    assert_eq!(kept(&house, "while away").await.phone, Some(phone(OLEG)));
}

#[tokio::test]
async fn nothing_is_sent_without_a_connection() {
    let house = House::open().await;
    let message = Outgoing { message_id: "3EB1".to_owned(), to: phone(ANNA), text: "x".to_owned() };
    let stranger = house.salon().await;
    assert!(matches!(try_send(&house.gateway, &stranger, &message).await, Err(Error::NotPaired)));
    let tenant = house.linked(SALON).await;
    house.stage.post("/faults", json!({ "connect": { "reason": 503 }, "do": [{ "close": SALON }] })).await;
    house.told.state(&tenant, SessionState::Offline).await;
    assert!(matches!(try_send(&house.gateway, &tenant, &message).await, Err(Error::Offline)));
    house.told.forget();
    house.stage.post("/faults", json!({ "connect": null })).await;
    house.told.state(&tenant, SessionState::Online).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.send(&tenant, "3EB2", ANNA, "back").await;
    text_of(&house.stage.messages(ANNA, 1).await, "back");
}

/// Not a promise of speed (a debug build on a busy machine makes none): it fails when a message waits for something it need not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_known_client_leaves_at_once() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.send(&tenant, "3EB0W0", ANNA, "first").await;
    let mut took = Vec::new();
    for n in 1..=40 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let began = std::time::Instant::now();
        house.send(&tenant, &format!("3EB0W{n}"), ANNA, "again").await;
        took.push(began.elapsed());
    }
    took.sort();
    println!("handed over in {:?} (best), {:?} (worst)", took[0], took[39]);
    // What waits (for a timer, for a delayed acknowledgement) waits each time.
    assert!(took[0] < Duration::from_millis(40), "{took:?}");
}

#[tokio::test]
async fn the_salon_can_be_written_to_by_itself() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    assert!(house.gateway.is_on_whatsapp(&tenant, &phone(SALON)).await.expect("asked"));
    house.send(&tenant, "3EB0SELF", SALON, "welcome").await;
    text_of(&house.stage.messages(SALON, 1).await, "welcome");
}

#[tokio::test]
async fn a_message_that_comes_while_the_database_is_gone_waits_for_it() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "first" })).await;
    kept(&house, "first").await;
    house.keys.gone.store(true, Ordering::SeqCst);
    house.stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "in the outage" })).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    house.keys.gone.store(false, Ordering::SeqCst);
    kept(&house, "in the outage").await;
    house.stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "after" })).await;
    kept(&house, "after").await;
    drop(tenant);
}

/// The process dies between the message's arrival and its keeping.
#[test]
fn a_message_survives_the_death_of_the_process() {
    let world = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let (house, tenant) = world.block_on(async {
        let house = House::open().await;
        let tenant = house.linked(SALON).await;
        house.gateway.stop(&tenant).await;
        (house, tenant)
    });
    let told = std::sync::Arc::new(super::kit::Recorder::default());
    let dying = doomed.block_on(async {
        let dying = super::kit::gateway(&house.stage, house.vault.clone(), told.clone(), house.pace.clone());
        dying.restore(&tenant).await.expect("restored");
        told.state(&tenant, SessionState::Online).await;
        told.stuck.store(true, Ordering::SeqCst);
        dying
    });
    world.block_on(async {
        let body = json!({ "to": SALON, "text": "last words" });
        house.stage.post(&format!("/phones/{ANNA}/send"), body).await;
        told.wait("an attempt", |told| (told.asked.load(Ordering::SeqCst) > 0).then_some(())).await;
    });
    // No goodbye, no flush.
    doomed.shutdown_background();
    drop(dying);
    world.block_on(async {
        assert!(told.kept.lock().expect("no panic").is_empty());
        house.told.forget();
        house.gateway.restore(&tenant).await.expect("restored");
        kept(&house, "last words").await;
        house.told.state(&tenant, SessionState::Online).await;
        house.send(&tenant, "3EB0ALIVE", ANNA, "still here").await;
        house.stage.messages(ANNA, 2).await;
    });
}

#[tokio::test]
async fn a_message_that_found_no_end_in_time_is_not_said_to_have_stayed() {
    let mut pace = super::kit::quick();
    pace.send = Duration::from_millis(700);
    let house = House::with(pace).await;
    let tenant = house.linked(SALON).await;
    house.stage.post("/faults", json!({ "silent": true })).await;
    let message = Outgoing { message_id: "3EB0VAGUE".to_owned(), to: phone(ANNA), text: "?".to_owned() };
    let vague = try_send(&house.gateway, &tenant, &message).await;
    assert!(matches!(vague, Err(Error::Unclear)), "{vague:?}");
}
