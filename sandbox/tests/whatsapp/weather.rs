//! Everything that goes wrong on request.

use serde_json::json;
use whatsapp_rust::types::events::Event;

use crate::kit::{ANNA, Companion, SALON, Stage};

#[tokio::test]
async fn a_refused_message_says_so_once() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    for code in [463, 479] {
        stage.post("/faults", json!({ "nack": { "code": code, "next": 1 } })).await;
        let id = salon.send(ANNA, "не дойдёт").await;
        assert_eq!(salon.ack(&id).await, Some(code.to_string()));
    }
    let id = salon.send(ANNA, "дойдёт").await;
    assert_eq!(salon.ack(&id).await, None);
    assert_eq!(stage.messages(ANNA, 1).await[0]["text"], "дойдёт");
    assert_eq!(stage.stats("nacks").await, 2);
    salon.stop().await;
}

#[tokio::test]
async fn a_banned_account_is_told_how_long() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let refusal = json!({ "reason": 402, "code": 101, "expire": 3600, "number": SALON });
    stage.post("/faults", json!({ "connect": refusal })).await;
    let mut salon = salon.restart(&stage).await;
    let expire = salon
        .expect("ban", |event| match event {
            Event::TemporaryBan(ban) => Some(ban.expire),
            _ => None,
        })
        .await;
    assert!(format!("{expire:?}").contains("3600"), "{expire:?}");
    salon.stop().await;
}

#[tokio::test]
async fn refusals_at_login_are_told_apart() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    for reason in [403, 405] {
        stage.post("/faults", json!({ "connect": { "reason": reason, "next": 1 } })).await;
        salon = salon.restart(&stage).await;
        salon
            .expect("refusal", |event| match (reason, event) {
                (403, Event::LoggedOut(_)) | (405, Event::ClientOutdated(_)) => Some(()),
                _ => None,
            })
            .await;
    }
    // 503 is weather: the client tries again by itself and gets in.
    stage.post("/faults", json!({ "connect": { "reason": 503, "next": 1 } })).await;
    salon = salon.restart(&stage).await;
    salon.connected().await;
    salon.stop().await;
}

#[tokio::test]
async fn a_second_login_of_the_same_device_replaces_the_first() {
    let stage = Stage::open().await;
    let mut first = stage.linked(SALON).await;
    let mut second = Companion::start(&stage, first.store.clone(), None).await;
    first.expect("replaced", |event| matches!(event, Event::StreamReplaced(_)).then_some(())).await;
    second.connected().await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn companions_are_thrown_out_replaced_and_dropped_on_request() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let answer = stage.post("/faults", json!({ "do": [{ "close": SALON }] })).await;
    assert_eq!(answer["met"], 1);
    salon.expect("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    salon.connected().await;
    stage.post("/faults", json!({ "do": [{ "replace": "*" }] })).await;
    salon.expect("replaced", |event| matches!(event, Event::StreamReplaced(_)).then_some(())).await;
    let mut salon = salon.restart(&stage).await;
    salon.connected().await;
    stage.post("/faults", json!({ "do": [{ "logout": SALON }] })).await;
    salon.expect("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    stage.until(&format!("/phones/{SALON}"), |card| card["companions"] == json!([])).await;
    salon.stop().await;
}

#[tokio::test]
async fn receipts_get_lost_doubled_and_out_of_order() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    stage.post("/faults", json!({ "receipts": { "drop": 1.0 } })).await;
    let lost = salon.send(ANNA, "без галочек").await;
    stage.messages(ANNA, 1).await;

    stage.post("/faults", json!({ "receipts": { "double": 1.0 } })).await;
    let doubled = salon.send(ANNA, "дважды").await;
    salon.receipt(&doubled, "Delivered").await;
    salon.receipt(&doubled, "Delivered").await;

    stage.post("/faults", json!({ "receipts": { "reorder": true, "late_ms": 300 } })).await;
    let overtaken = salon.send(ANNA, "прочитано раньше").await;
    stage.messages(ANNA, 3).await;
    stage.post(&format!("/phones/{ANNA}/read"), json!({})).await;
    salon.receipt(&overtaken, "Read").await;
    let delivered = |event: &Event, id: &str| {
        matches!(event, Event::Receipt(it) if format!("{:?}", it.r#type) == "Delivered"
            && it.message_ids.iter().any(|it| it.as_str() == id))
    };
    assert!(!salon.has_seen(|event| delivered(event, &overtaken)), "read came first");
    salon.receipt(&overtaken, "Delivered").await;
    assert!(!salon.has_seen(|event| delivered(event, &lost)), "this one was to be lost");
    salon.stop().await;
}

#[tokio::test]
async fn a_spoiled_message_is_asked_for_again() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    stage.post("/faults", json!({ "garble": 1 })).await;
    salon.send(ANNA, "первое, с помехами").await;
    assert_eq!(stage.messages(ANNA, 1).await[0]["text"], "первое, с помехами");
    // Once more in an open session, and towards the companion.
    stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": "слышу" })).await;
    assert_eq!(salon.text().await.text, "слышу");
    for turn in ["второе", "третье"] {
        stage.post("/faults", json!({ "garble": 1 })).await;
        salon.send(ANNA, turn).await;
    }
    stage.messages(ANNA, 4).await;
    for (turn, by) in [("раз", "pn"), ("два", "lid")] {
        stage.post("/faults", json!({ "garble": 1 })).await;
        stage.post(&format!("/phones/{ANNA}/send"), json!({ "to": SALON, "text": turn, "by": by })).await;
        assert_eq!(salon.text().await.text, turn);
    }
    salon.stop().await;
}

#[tokio::test]
async fn a_message_under_an_id_that_was_used_is_shown_once_or_twice_as_the_phone_likes() {
    let stage = Stage::open().await;
    let folding = "79990000031";
    let showing = "79990000032";
    stage.post("/phones", json!({ "number": folding })).await;
    stage.post("/phones", json!({ "number": showing, "shows_repeats": true })).await;
    let salon = stage.linked(SALON).await;
    for to in [folding, showing] {
        for _ in 0..2 {
            salon.send_as(to, "дважды", "3EB0TWICE").await;
        }
        salon.send(to, "конец").await;
        let last = if to == showing { 3 } else { 2 };
        assert_eq!(stage.messages(to, last).await.len(), last, "{to}");
    }
    // What was asked for again fills a gap, and is shown once by either.
    stage.post("/faults", json!({ "garble": 1 })).await;
    salon.send(showing, "с помехами").await;
    salon.send(showing, "и конец").await;
    assert_eq!(stage.messages(showing, 5).await.len(), 5);
    salon.stop().await;
}

#[tokio::test]
async fn what_nobody_said_again_is_asked_for_once_more() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    salon.send(ANNA, "раз").await;
    stage.messages(ANNA, 1).await;
    stage.post("/faults", json!({ "garble": 1, "lose_requests": 1 })).await;
    let id = salon.send(ANNA, "два").await;
    assert_eq!(salon.ack(&id).await, None, "taken, and not opened");
    salon.send(ANNA, "три").await;
    let shown = stage.messages(ANNA, 3).await;
    let texts: Vec<_> = shown.iter().map(|message| message["text"].as_str()).collect();
    assert_eq!(texts, [Some("раз"), Some("два"), Some("три")], "its place was held");
    stage.until(&format!("/phones/{ANNA}"), |card| card["gaps"] == 0).await;
    salon.stop().await;
}

#[tokio::test]
async fn unacknowledged_and_late() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    stage.post("/faults", json!({ "no_acks": true, "slow_ms": 5 })).await;
    let id = salon.send(ANNA, "без ответа").await;
    salon.receipt(&id, "Delivered").await;
    assert!(!salon.has_seen(|event| matches!(event, Event::ServerAck(ack) if ack.id == id)));

    stage
        .post(
            "/faults",
            json!({ "no_acks": null, "slow_ms": null, "receipts": { "late": 1.0, "late_ms": 200 } }),
        )
        .await;
    let sent = std::time::Instant::now();
    let id = salon.send(ANNA, "поздно").await;
    assert_eq!(salon.ack(&id).await, None);
    salon.receipt(&id, "Delivered").await;
    assert!(sent.elapsed().as_millis() >= 200);
    salon.stop().await;
}

#[tokio::test]
async fn a_stream_error_is_survived() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let action = json!({ "stream_error": { "number": SALON, "code": 503 } });
    stage.post("/faults", json!({ "do": [action] })).await;
    salon.connected().await;
    salon.send(ANNA, "снова здесь").await;
    stage.messages(ANNA, 1).await;
    salon.stop().await;
}

#[tokio::test]
async fn a_silent_server_is_noticed() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let warm = salon.send(ANNA, "пока слышно").await;
    assert_eq!(salon.ack(&warm).await, None);
    stage.post("/faults", json!({ "silent": true })).await;
    let id = salon.send(ANNA, "никто не отвечает").await;
    assert_eq!(stage.messages(ANNA, 0).await.len(), 1);
    stage.post("/faults", json!({ "silent": false })).await;
    assert_eq!(salon.ack(&id).await, None);
    salon.stop().await;
}

#[tokio::test]
async fn a_script_acts_at_its_message() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    // Linking itself sends messages; the count starts when the script is laid.
    let script = json!([{ "at_message": 2, "set": { "nack": { "code": 463, "next": 1 } },
                          "do": [{ "logout": SALON }] }]);
    stage.post("/faults", json!({ "seed": 4711, "script": script })).await;
    let first = salon.send(ANNA, "первое").await;
    assert_eq!(salon.ack(&first).await, None);
    salon.send(ANNA, "второе").await;
    salon.expect("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    assert_eq!(stage.messages(ANNA, 1).await.len(), 1);
    salon.stop().await;
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_is_refused() {
    let stage = Stage::open().await;
    for nonsense in
        [json!({ "nak": {} }), json!({ "nack": { "code": "many" } }), json!({ "do": [{ "dance": "*" }] })]
    {
        assert_eq!(stage.try_post("/faults", nonsense.clone()).await.0, 400, "{nonsense}");
    }
    stage.post("/faults", json!({ "slow_ms": 5 })).await;
    assert_eq!(stage.post("/faults", json!({ "slow_ms": null })).await["slow_ms"], 0);
}
