//! Linking a phone.

use std::time::Duration;

use salonbridge::domain::session::{PairBy, SessionEvent, SessionState};
use salonbridge::kernel::id::TenantId;
use salonbridge::whatsapp::gateway::Gateway as _;
use serde_json::json;

use super::kit::{House, Recorder, SALON, phone};

#[tokio::test]
async fn a_scanned_code_links_the_phone() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    let steps = house.told.of(&tenant);
    assert!(matches!(steps[0], SessionEvent::State { state: SessionState::Pairing, .. }), "{steps:?}");
    let SessionEvent::Qr { number: 1, of: 6, expires_at, .. } = &steps[1] else { panic!("{steps:?}") };
    let left = expires_at.0 - chrono::Utc::now().timestamp_millis();
    assert!((30_000..=60_000).contains(&left), "the first code holds a minute, not {left} ms");
    assert_eq!(steps[2], SessionEvent::Scanned);
    assert!(
        matches!(&steps[3], SessionEvent::Linked { phone: linked, .. } if *linked == phone(SALON)),
        "{steps:?}"
    );
    assert!(matches!(steps[4], SessionEvent::State { state: SessionState::Online, .. }));
    assert_eq!(house.gateway.state(&tenant), Some(SessionState::Online));
    assert!(house.rows(&tenant).await > 800, "pre-keys are kept");
    house.gateway.shutdown().await;
}

async fn pairing_code(house: &House, tenant: &TenantId) -> String {
    let find = |told: &Recorder| {
        told.of(tenant).into_iter().rev().find_map(|event| match event {
            SessionEvent::PairingCode { code, .. } => Some(code),
            _ => None,
        })
    };
    house.told.wait("a pairing code", find).await
}

#[tokio::test]
async fn a_typed_code_links_the_phone() {
    let house = House::open().await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Code(phone(SALON))).await.expect("begins");
    let code = pairing_code(&house, &tenant).await;
    house.stage.post(&format!("/phones/{SALON}/code"), json!({ "code": code })).await;
    house.told.state(&tenant, SessionState::Online).await;
    assert!(house.told.of(&tenant).contains(&SessionEvent::Scanned));
}

#[tokio::test]
async fn a_code_may_be_asked_for_while_a_picture_is_shown() {
    let house = House::open().await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begins");
    let first = house.told.qr(&tenant).await;
    // A second tab joins and sees the same code.
    house.told.forget();
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("joins");
    assert_eq!(house.told.qr(&tenant).await, first);
    house.gateway.pair(&tenant, PairBy::Code(phone(SALON))).await.expect("goes on by number");
    let code = pairing_code(&house, &tenant).await;
    house.told.forget();
    house.gateway.pair(&tenant, PairBy::Code(phone(SALON))).await.expect("asks again");
    assert_eq!(pairing_code(&house, &tenant).await, code, "a code that can still be typed stays good");
    // The picture still works.
    let qr =
        match house.told.of(&tenant).into_iter().rev().find(|event| matches!(event, SessionEvent::Qr { .. }))
        {
            Some(SessionEvent::Qr { code, .. }) => code,
            _ => first,
        };
    house.stage.post(&format!("/phones/{SALON}/scan"), json!({ "qr": qr })).await;
    house.told.state(&tenant, SessionState::Online).await;
}

#[tokio::test]
async fn codes_run_out_and_new_ones_may_be_asked_for() {
    let house = House::open().await;
    // One code that holds for a minute would be a minute's test: the library keeps that time, so none at all is handed out.
    house
        .stage
        .post(
            "/faults",
            json!({ "refs": { "count": 0, "first_ms": 60000, "next_ms": 20000, "grace_ms": 0 } }),
        )
        .await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begins");
    house
        .told
        .wait("the end of the codes", |told| {
            told.of(&tenant).contains(&SessionEvent::QrExhausted).then_some(())
        })
        .await;
    house.told.state(&tenant, SessionState::Unpaired).await;
    house.stage.post("/faults", json!({ "refs": null })).await;
    house.told.forget();
    house.link(&tenant, SALON).await;
}

#[tokio::test]
async fn a_cancelled_linking_leaves_nothing_running() {
    let house = House::open().await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begins");
    house.told.qr(&tenant).await;
    house.gateway.cancel_pairing(&tenant).await;
    house.told.state(&tenant, SessionState::Unpaired).await;
    assert!(house.gateway.restore(&tenant).await.is_err(), "nothing is linked");
    for _ in 0..100 {
        if house.gateway.running() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the session still runs");
}

#[tokio::test]
async fn a_whatsapp_that_does_not_answer_is_said_so() {
    let mut pace = super::kit::quick();
    pace.patience = Duration::from_millis(700);
    let house = House::with(pace).await;
    house.stage.post("/faults", json!({ "silent": true })).await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begins");
    house
        .told
        .wait("a refusal", |told| {
            told.of(&tenant).into_iter().find(|event| matches!(event, SessionEvent::PairingRefused { .. }))
        })
        .await;
    house.told.state(&tenant, SessionState::Unpaired).await;
}

#[tokio::test]
async fn a_code_outlives_the_pictures_of_its_connection() {
    let mut pace = super::kit::quick();
    pace.patience = Duration::from_secs(1);
    let house = House::with(pace).await;
    // One picture, whose minute the library keeps.
    let refs = json!({ "count": 1, "first_ms": 60000, "next_ms": 20000, "grace_ms": 0 });
    house.stage.post("/faults", json!({ "refs": refs })).await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begins");
    house.told.qr(&tenant).await;
    house.gateway.pair(&tenant, PairBy::Code(phone(SALON))).await.expect("goes on by number");
    let code = pairing_code(&house, &tenant).await;
    // The picture ends, and with it any patience that is not the code's own.
    tokio::time::sleep(Duration::from_secs(66)).await;
    let told = house.told.of(&tenant);
    assert!(!told.contains(&SessionEvent::QrExhausted), "{told:?}");
    house.gateway.pair(&tenant, PairBy::Code(phone(SALON))).await.expect("asks again");
    assert_eq!(pairing_code(&house, &tenant).await, code, "the same code");
    house.stage.post(&format!("/phones/{SALON}/code"), json!({ "code": code })).await;
    house.told.state(&tenant, SessionState::Online).await;
}
