//! Linking a companion to an account, and ending that again.

use std::sync::Arc;

use serde_json::json;
use whatsapp_rust::types::events::Event;

use crate::kit::{ANNA, Companion, SALON, Stage};

const DEEP_LINK: &str = "https://wa.me/settings/linked_devices#";

#[tokio::test]
async fn a_scanned_code_links_a_companion() {
    let stage = Stage::open().await;
    let companion = stage.linked(SALON).await;
    let card = stage.get(&format!("/phones/+{SALON}")).await;
    assert_eq!(card["companions"], json!([1]));
    assert_eq!(stage.stats("pairings").await, 1);
    companion.stop().await;
}

#[tokio::test]
async fn both_forms_of_the_qr_string_are_understood() {
    let stage = Stage::open().await;
    for form in ["bare", "link"] {
        let mut companion = Companion::start(&stage, Arc::default(), None).await;
        let qr = companion.qr().await;
        let fields = qr.strip_prefix(DEEP_LINK).unwrap_or(&qr).to_owned();
        let qr = if form == "bare" { fields } else { format!("{DEEP_LINK}{fields}") };
        let linked = stage.post(&format!("/phones/{SALON}/scan"), json!({ "qr": qr })).await;
        assert!(linked["jid"].as_str().is_some_and(|jid| jid.starts_with(SALON)), "{linked}");
        companion.connected().await;
        companion.stop().await;
    }
}

#[tokio::test]
async fn a_typed_code_links_a_companion_and_a_wrong_one_does_not() {
    let stage = Stage::open().await;
    let mut companion = Companion::start(&stage, Arc::default(), Some(SALON)).await;
    let code = companion
        .expect("pairing code", |event| match event {
            Event::PairingCode(code) => Some(code.code.clone()),
            _ => None,
        })
        .await;
    let (status, answer) = stage.try_post(&format!("/phones/{ANNA}/code"), json!({ "code": code })).await;
    assert_eq!(status, 409, "Anna was not asked: {answer}");
    let wrong = if code.starts_with('A') { code.replacen('A', "B", 1) } else { format!("A{}", &code[1..]) };
    let (status, answer) = stage.try_post(&format!("/phones/{SALON}/code"), json!({ "code": wrong })).await;
    assert_eq!(status, 422, "{answer}");
    let linked = stage.post(&format!("/phones/{SALON}/code"), json!({ "code": code })).await;
    assert_eq!(linked["device"], 1);
    companion.connected().await;
    let id = companion.send(ANNA, "Здравствуйте").await;
    assert_eq!(stage.messages(ANNA, 1).await[0]["id"], json!(id));
    companion.stop().await;
}

#[tokio::test]
async fn a_stale_or_foreign_code_is_refused() {
    let stage = Stage::open().await;
    stage.post("/faults", json!({ "refs": { "count": 1, "first_ms": 1, "grace_ms": 0 } })).await;
    let mut companion = Companion::start(&stage, Arc::default(), None).await;
    let qr = companion.qr().await;
    let scan = format!("/phones/{SALON}/scan");
    assert_eq!(stage.try_post(&scan, json!({ "qr": "hello" })).await.0, 400);
    assert_eq!(stage.try_post(&scan, json!({ "qr": qr })).await.0, 410);
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let unknown = format!("2@NOBODY,{key},{key},{key},1");
    assert_eq!(stage.try_post(&scan, json!({ "qr": unknown })).await.0, 410);
    assert_eq!(stage.try_post("/phones/70000000000/scan", json!({ "qr": qr })).await.0, 404);
    companion.stop().await;
}

#[tokio::test]
async fn references_run_out_on_the_server_too() {
    let stage = Stage::open().await;
    stage
        .post("/faults", json!({ "refs": { "count": 2, "first_ms": 200, "next_ms": 100, "grace_ms": 50 } }))
        .await;
    let mut companion = Companion::start(&stage, Arc::default(), None).await;
    companion.qr().await;
    companion.expect("disconnect", |event| matches!(event, Event::Disconnected(_)).then_some(())).await;
    companion.stop().await;
}

#[tokio::test]
async fn a_hosted_business_account_is_refused_by_this_client() {
    let stage = Stage::open().await;
    stage.post("/phones", json!({ "number": "79990000009", "name": "Hosted", "hosted": true })).await;
    let mut companion = Companion::start(&stage, Arc::default(), None).await;
    let qr = companion.qr().await;
    let (status, answer) = stage.try_post("/phones/79990000009/scan", json!({ "qr": qr })).await;
    assert_eq!((status, &answer["error"]), (409, &json!("signature-mismatch")));
    companion.expect("pair error", |event| matches!(event, Event::PairError(_)).then_some(())).await;
    companion.stop().await;
}

#[tokio::test]
async fn a_fifth_companion_is_one_too_many() {
    let stage = Stage::open().await;
    let mut companions = Vec::new();
    for _ in 0..4 {
        companions.push(stage.linked(SALON).await);
    }
    let mut fifth = Companion::start(&stage, Arc::default(), None).await;
    let qr = fifth.qr().await;
    let (status, answer) = stage.try_post(&format!("/phones/{SALON}/scan"), json!({ "qr": qr })).await;
    assert_eq!((status, &answer["error"]), (409, &json!("too-many-devices")));
    fifth.stop().await;
    for companion in companions {
        companion.stop().await;
    }
}

#[tokio::test]
async fn a_companion_that_logs_out_is_forgotten() {
    let stage = Stage::open().await;
    let mut companion = stage.linked(SALON).await;
    companion.client.logout().await;
    companion.expect("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    stage.until(&format!("/phones/{SALON}"), |card| card["companions"] == json!([])).await;
    let mut again = companion.restart(&stage).await;
    again.expect("refusal", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    again.stop().await;
}

#[tokio::test]
async fn the_phone_unlinks_a_companion() {
    let stage = Stage::open().await;
    let mut companion = stage.linked(SALON).await;
    let answer = stage.post(&format!("/phones/{SALON}/unlink"), json!({})).await;
    assert_eq!(answer["unlinked"], 1);
    companion.expect("logout", |event| matches!(event, Event::LoggedOut(_)).then_some(())).await;
    companion.stop().await;
}
