//! The operator hears of what a person must know: each fact at least once, under one id, whatever the receiver does at first.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip::{self, Report, SALON_PHONE, Trip};
use serde_json::{Value, json};

use crate::kit::PATIENCE;

/// An operator's chat that is down at first.
#[derive(Clone, Default)]
struct Chat {
    heard: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<u32>>,
}

async fn hear(State(chat): State<Chat>, Json(said): Json<Value>) -> StatusCode {
    let mut refused = chat.refused.lock().expect("no panic");
    if *refused < 1 {
        *refused += 1;
        return StatusCode::BAD_GATEWAY;
    }
    chat.heard.lock().expect("no panic").push(said);
    StatusCode::NO_CONTENT
}

impl Chat {
    async fn open(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("an address"));
        let app = Router::new().route("/alerts", post(hear)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn until(&self, kind: &str) -> Value {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let heard = self.heard.lock().expect("no panic").clone();
            if let Some(found) = heard.iter().find(|said| said["kind"] == kind) {
                return found.clone();
            }
            assert!(std::time::Instant::now() < deadline, "{kind} was never told: {heard:?}");
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_hears_of_an_active_salon_a_lost_session_and_a_freeze() {
    let chat = Chat::default();
    let folder = tempfile::tempdir().expect("a folder");
    let env = Env::from([("SALONBRIDGE_ALERT_URL".to_owned(), chat.open().await)]);
    let world = World::start(&env, folder.path(), 0).await.expect("the world starts");
    let trip = Trip::new(&world).expect("hands");
    let page = trip.install(&mut Report::default()).await.expect("installed");
    trip.link(&page, &mut Report::default()).await.expect("linked");
    let active = chat.until("activated").await;
    assert_eq!(active["salon_id"], demo_trip::SALON);
    assert!(active["text"].as_str().expect("a sentence").contains("active"));
    assert!(active["id"].as_str().expect("an id").starts_with("alr_"));
    assert_eq!(*chat.refused.lock().expect("no panic"), 1, "told again after it was refused");

    trip.wa("POST", &format!("/phones/{SALON_PHONE}/unlink"), &json!({})).await.expect("unlinked");
    let lost = chat.until("session_lost").await;
    assert!(lost["text"].as_str().expect("a sentence").contains("logged_out"));
    let salon = format!("/admin/salons/{}/freeze", demo_trip::SALON);
    trip.crm("POST", &salon, &json!({})).await.expect("frozen");
    chat.until("frozen").await;

    let heard = chat.heard.lock().expect("no panic").clone();
    let said = serde_json::to_string(&heard).expect("JSON");
    assert!(!said.contains(SALON_PHONE), "no numbers: {said}");
    let mut ids: Vec<_> = heard.iter().map(|alert| alert["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), heard.len(), "each once when all is well: {heard:?}");
    world.stop().await;
}
