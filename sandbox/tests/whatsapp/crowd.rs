//! How it holds with many: too long for every run, `cargo test -- --ignored crowd` when wanted.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;

use crate::kit::{ANNA, Companion, Stage};

const PHONES: usize = 1_000;
const COMPANIONS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes in a debug build"]
async fn a_thousand_salons_link_and_write() {
    let stage = Arc::new(Stage::open().await);
    let started = Instant::now();
    let number = |turn: usize| format!("7800{turn:07}");
    let phones: Vec<_> = (0..PHONES).map(|turn| json!({ "number": number(turn) })).collect();
    stage.post("/phones", json!(phones)).await;
    println!("{PHONES} phones: {:?}", started.elapsed());

    let started = Instant::now();
    let mut companions = Vec::new();
    for batch in (0..COMPANIONS).collect::<Vec<_>>().chunks(50) {
        let linking = batch.iter().map(|turn| {
            let (stage, number) = (Arc::clone(&stage), number(*turn));
            tokio::spawn(async move { stage.linked(&number).await })
        });
        for linked in futures::future::join_all(linking).await {
            companions.push(linked.expect("linked"));
        }
    }
    println!("{COMPANIONS} companions linked: {:?}", started.elapsed());
    assert_eq!(stage.stats("connections").await, COMPANIONS as u64);

    let started = Instant::now();
    for companion in &companions {
        companion.send(ANNA, "Доброе утро").await;
    }
    stage.messages(ANNA, COMPANIONS).await;
    println!("{COMPANIONS} first messages decrypted: {:?}", started.elapsed());

    let mut stores = Vec::new();
    for companion in companions {
        stores.push(companion.stop().await);
    }
    let started = Instant::now();
    let mut back = Vec::new();
    for store in stores {
        back.push(Companion::start(&stage, store, None).await);
    }
    for companion in &mut back {
        companion.connected().await;
    }
    println!("{COMPANIONS} companions back: {:?}", started.elapsed());
}
