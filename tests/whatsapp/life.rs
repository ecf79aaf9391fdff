//! The weather: restarts, removals, bans, and a database that fails.

use std::sync::atomic::Ordering;
use std::time::Duration;

use salonbridge::domain::session::{PairBy, SessionEvent, SessionState};
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway as _, Outgoing};
use serde_json::json;

use super::kit::{ANNA, House, PATIENCE, SALON, phone, try_send};

#[tokio::test]
async fn a_restarted_process_goes_on_with_the_same_device() {
    let mut house = House::open().await;
    let tenant = house.linked(SALON).await;
    for round in 0..3 {
        house.restart().await;
        house.gateway.restore(&tenant).await.expect("restored");
        house.gateway.restore(&tenant).await.expect("restored twice is restored");
        house.told.state(&tenant, SessionState::Online).await;
        let told = house.told.of(&tenant);
        assert!(
            !told.iter().any(|event| matches!(event, SessionEvent::Linked { .. })),
            "linked once: {told:?}"
        );
        house.send(&tenant, &format!("3EB0C{round}"), ANNA, &format!("round {round}")).await;
    }
    let got = house.stage.messages(ANNA, 3).await;
    assert_eq!(got.len(), 3);
    let card = house.stage.get(&format!("/phones/{SALON}")).await;
    assert_eq!(card["companions"].as_array().expect("a list").len(), 1, "one device all along: {card}");
}

#[tokio::test]
async fn unlinking_here_unlinks_there_and_destroys_the_keys() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.gateway.logout(&tenant).await.expect("unlinked");
    let card = house.stage.get(&format!("/phones/{SALON}")).await;
    assert!(card["companions"].as_array().expect("a list").is_empty(), "{card}");
    assert_eq!(house.rows(&tenant).await, 0);
    house.told.state(&tenant, SessionState::Unpaired).await;
    assert!(matches!(house.gateway.restore(&tenant).await, Err(Error::NotPaired)));
    // And the phone may be linked anew.
    house.told.forget();
    house.link(&tenant, SALON).await;
}

#[tokio::test]
async fn a_stopped_session_can_be_unlinked_too() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.gateway.stop(&tenant).await;
    assert!(house.rows(&tenant).await > 0, "stopping keeps the keys");
    house.gateway.logout(&tenant).await.expect("unlinked");
    let card = house.stage.get(&format!("/phones/{SALON}")).await;
    assert!(card["companions"].as_array().expect("a list").is_empty(), "{card}");
    assert_eq!(house.rows(&tenant).await, 0);
}

#[tokio::test]
async fn a_device_removed_on_the_phone_loses_its_keys() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.stage.post(&format!("/phones/{SALON}/unlink"), json!({})).await;
    house.told.state(&tenant, SessionState::LoggedOut).await;
    assert_eq!(house.rows(&tenant).await, 0);
    let message = Outgoing { message_id: "3EB1".to_owned(), to: phone(ANNA), text: "x".to_owned() };
    let refused = try_send(&house.gateway, &tenant, &message).await;
    assert!(matches!(refused, Err(Error::LoggedOut | Error::NotPaired)), "{refused:?}");
    house.told.forget();
    house.link(&tenant, SALON).await;
}

#[tokio::test]
async fn a_replaced_session_waits_to_be_called_back() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.stage.post("/faults", json!({ "do": [{ "replace": SALON }] })).await;
    house.told.state(&tenant, SessionState::Replaced).await;
    assert_eq!(house.gateway.state(&tenant), Some(SessionState::Replaced));
    assert!(house.rows(&tenant).await > 0, "its keys are still good");
    house.told.forget();
    house.gateway.restore(&tenant).await.expect("called back");
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn a_ban_is_told_with_its_end_and_waited_out() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    let ban = json!({ "reason": 402, "next": 1, "code": 101, "expire": 2 });
    house.stage.post("/faults", json!({ "connect": ban, "do": [{ "close": SALON }] })).await;
    let (reason, until) = house.told.state(&tenant, SessionState::Banned).await;
    assert!(reason.contains("101"), "{reason}");
    let left = until.expect("an end").0 - chrono::Utc::now().timestamp_millis();
    assert!((0..=2_000).contains(&left), "{left}");
    let message = Outgoing { message_id: "3EB1".to_owned(), to: phone(ANNA), text: "x".to_owned() };
    assert!(matches!(try_send(&house.gateway, &tenant, &message).await, Err(Error::Banned)));
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn an_outdated_client_is_told() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house
        .stage
        .post("/faults", json!({ "connect": { "reason": 405, "next": 1 }, "do": [{ "close": SALON }] }))
        .await;
    house.told.state(&tenant, SessionState::Outdated).await;
    house.told.forget();
    house.gateway.restore(&tenant).await.expect("tried again by hand");
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn a_lost_connection_comes_back_by_itself() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    house.stage.post("/faults", json!({ "do": [{ "close": SALON }] })).await;
    house.told.state(&tenant, SessionState::Offline).await;
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn a_refused_login_is_tried_again() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    house
        .stage
        .post("/faults", json!({ "connect": { "reason": 418, "next": 1 }, "do": [{ "close": SALON }] }))
        .await;
    house.told.state(&tenant, SessionState::Offline).await;
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn a_failing_database_is_told_as_ours_and_survived() {
    let mut house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.keys.gone.store(true, Ordering::SeqCst);
    // To someone new a message cannot be made without reading keys.
    let message = Outgoing { message_id: "3EB1".to_owned(), to: phone(ANNA), text: "x".to_owned() };
    let failed = try_send(&house.gateway, &tenant, &message).await;
    assert!(matches!(failed, Err(Error::Vault(_))), "{failed:?}");
    let stranger = house.salon().await;
    assert!(matches!(house.gateway.pair(&stranger, PairBy::Qr).await, Err(Error::Vault(_))));
    house.keys.gone.store(false, Ordering::SeqCst);
    house.send(&tenant, "3EB2", ANNA, "better").await;
    house.stage.messages(ANNA, 1).await;
    // A restart in the outage waits for the database and comes back with it.
    house.keys.gone.store(true, Ordering::SeqCst);
    house.restart().await;
    assert!(matches!(house.gateway.restore(&tenant).await, Err(Error::Vault(_))));
    house.keys.gone.store(false, Ordering::SeqCst);
    house.gateway.restore(&tenant).await.expect("restored");
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn commands_that_cross_end_in_one_session() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    for _ in 0..5 {
        let (a, b, c) = (house.gateway.clone(), house.gateway.clone(), house.gateway.clone());
        let (t1, t2, t3) = (tenant.clone(), tenant.clone(), tenant.clone());
        let _ =
            tokio::join!(async move { a.stop(&t1).await }, async move { b.restore(&t2).await }, async move {
                c.restore(&t3).await
            });
    }
    house.gateway.restore(&tenant).await.expect("restored");
    tokio::time::timeout(PATIENCE, async {
        while house.gateway.state(&tenant) != Some(SessionState::Online) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("online in the end");
    assert_eq!(house.gateway.running(), 1);
}

#[tokio::test]
async fn a_session_whose_keys_are_no_longer_saved_is_built_anew() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    house.keys.gone.store(true, Ordering::SeqCst);
    // Each login has something to save; ten failures in a row make the library give up for good.
    let halted = async {
        loop {
            house.stage.post("/faults", json!({ "do": [{ "close": SALON }] })).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let told = house.told.of(&tenant);
            if told.iter().any(|e| matches!(e, SessionEvent::State { state: SessionState::Halted, .. })) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, halted).await.expect("halted is told");
    house.keys.gone.store(false, Ordering::SeqCst);
    house.told.forget();
    house.told.state(&tenant, SessionState::Online).await;
    house.send(&tenant, "3EB0AFTER", ANNA, "saved again").await;
    house.stage.messages(ANNA, 1).await;
}

#[tokio::test]
async fn the_whole_life_on_postgresql() {
    let Some(base) = super::kit::postgres().await else { return };
    let mut house = House::on(base, super::kit::quick()).await;
    let tenant = house.linked(SALON).await;
    house.send(&tenant, "3EB0P1", ANNA, "one").await;
    house.restart().await;
    house.gateway.restore(&tenant).await.expect("restored");
    house.told.state(&tenant, SessionState::Online).await;
    house.send(&tenant, "3EB0P2", ANNA, "two").await;
    assert_eq!(house.stage.messages(ANNA, 2).await.len(), 2);
    house.gateway.logout(&tenant).await.expect("unlinked");
    assert_eq!(house.rows(&tenant).await, 0);
}

#[tokio::test]
async fn a_locked_account_is_no_removed_device() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    let locked = json!({ "reason": 403, "next": 1 });
    house.stage.post("/faults", json!({ "connect": locked, "do": [{ "close": SALON }] })).await;
    let (_, until) = house.told.state(&tenant, SessionState::Banned).await;
    assert_eq!(until, None, "nobody said how long");
    assert!(house.rows(&tenant).await > 0, "its keys may still be good");
    // The owner may knock; a restart's restoring does not.
    house.gateway.restore(&tenant).await.expect("goes on waiting");
    assert_eq!(house.gateway.state(&tenant), Some(SessionState::Banned));
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("tried by hand");
    house.told.state(&tenant, SessionState::Online).await;
}
