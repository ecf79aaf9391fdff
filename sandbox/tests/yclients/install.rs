//! From consent to leaving.

use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use crate::kit::{Receiver, SALON, Sandbox, read, until};

const STATUS: &str = "/marketplace/salon/990101/application/4242";
const CALLBACK: &str = "/marketplace/partner/callback";

async fn status(sandbox: &Sandbox) -> (u16, Value) {
    read(sandbox.partner(Method::GET, STATUS).send().await.unwrap()).await
}

async fn callback(sandbox: &Sandbox, body: Value) -> (u16, Value) {
    read(sandbox.partner(Method::POST, CALLBACK).json(&body).send().await.unwrap()).await
}

fn good() -> Value {
    json!({"salon_id": SALON, "application_id": 4242, "api_key": "k", "channels": ["whatsapp"]})
}

#[tokio::test]
async fn a_salon_goes_from_nothing_to_pending_to_active_to_nothing() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::with(|s| s.callback_url = Some(receiver.url("/life"))).await;
    assert_eq!(status(&sandbox).await.0, 404);
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    assert_eq!(status(&sandbox).await.1["data"]["connection_status"]["status"], "pending");
    assert_eq!(callback(&sandbox, good()).await.0, 201);
    let (_, body) = status(&sandbox).await;
    assert_eq!(body["data"]["connection_status"]["status"], "active");
    assert_eq!(body["data"]["logs"][1]["source"], "partner_api");
    sandbox.admin(Method::POST, "/salons/990101/uninstall", Value::Null).await;
    assert_eq!(status(&sandbox).await.0, 404);
    let told = until(async || receiver.got().pop()).await;
    assert_eq!(told.path, "/life");
    let told = told.body;
    assert_eq!(
        (&told["event"], &told["partner_token"]),
        (&json!("uninstall"), &json!("sandbox-partner-token"))
    );
}

#[tokio::test]
async fn the_callback_refuses_what_is_wrong_and_says_why() {
    let sandbox = Sandbox::start().await;
    assert_eq!(callback(&sandbox, good()).await.0, 403, "nobody consented");
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    let stranger = sandbox.bare(Method::POST, CALLBACK).json(&good());
    let stranger =
        stranger.header("Accept", "application/vnd.yclients.v2+json").header("Authorization", "Bearer x");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    let foreign = json!({"salon_id": SALON, "application_id": 4243});
    assert_eq!(callback(&sandbox, foreign).await.0, 403);
    let (code, body) = callback(&sandbox, json!({"application_id": 4242, "webhook_urls": "x"})).await;
    assert_eq!(code, 422);
    let errors = body["meta"]["errors"].as_object().unwrap();
    assert!(errors["salon_id"].is_array() && errors["webhook_urls"].is_array());
    for urls in [
        json!(["http://app.example.test/hook"]),
        json!(["https://a.example.test/1", "https://a.example.test/1"]),
        json!((0..11).map(|n| format!("https://a.example.test/{n}")).collect::<Vec<_>>()),
        json!([7]),
    ] {
        let body = json!({"salon_id": SALON, "application_id": 4242, "webhook_urls": urls});
        assert_eq!(callback(&sandbox, body).await.0, 422);
    }
    assert_eq!(callback(&sandbox, good()).await.0, 201);
    let (code, body) = callback(&sandbox, good()).await;
    assert_eq!(code, 403);
    assert_eq!(body, crate::kit::fixture("marketplace_callback_already_installed_403"));
}

#[tokio::test]
async fn the_redirecting_callback_answers_301_with_a_place_to_go() {
    let sandbox = Sandbox::start().await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    let request = sandbox.partner(Method::POST, "/marketplace/partner/callback/redirect").json(&good());
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 301);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(place.starts_with(&sandbox.base), "{place}");
    let page = sandbox.bare(Method::GET, place.strip_prefix(&sandbox.base).unwrap()).send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn a_consent_nobody_answers_is_gone_after_twelve_hours() {
    let sandbox = Sandbox::start().await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    let hour = 3_600_000;
    sandbox.admin(Method::POST, "/clock", json!({"advance_ms": 11 * hour})).await;
    assert_eq!(status(&sandbox).await.0, 200);
    sandbox.admin(Method::POST, "/clock", json!({"advance_ms": 2 * hour})).await;
    assert_eq!(status(&sandbox).await.0, 404);
    assert_eq!(callback(&sandbox, good()).await.0, 403);
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    assert_eq!(callback(&sandbox, good()).await.0, 201, "connecting again is clean");
}

#[tokio::test]
async fn several_salons_come_in_every_spelling() {
    let sandbox = Sandbox::with(|s| s.register_url = Some("http://127.0.0.1:1/register".into())).await;
    let redirect = async |style: &str| {
        sandbox.admin(Method::POST, "/config", json!({"salon_ids_style": style})).await;
        let body = json!({"with": [990_102]});
        let answer = sandbox.admin(Method::POST, "/salons/990101/install", body).await;
        answer["redirect_url"].as_str().unwrap().to_owned()
    };
    assert!(redirect("indexed").await.contains("salon_ids%5B0%5D=990101&salon_ids%5B1%5D=990102&"));
    assert!(redirect("brackets").await.contains("salon_ids[]=990101&salon_ids[]=990102&"));
    assert!(redirect("csv").await.contains("salon_ids=990101,990102&"));
    let one = sandbox.admin(Method::POST, "/salons/990102/install", json!({})).await;
    assert!(one["redirect_url"].as_str().unwrap().contains("?salon_id=990102&user_data="));
}

#[tokio::test]
async fn user_data_comes_in_every_alphabet_under_one_signature() {
    let sandbox = Sandbox::with(|s| s.register_url = Some("http://127.0.0.1:1/register?a=b".into())).await;
    let mut signs = Vec::new();
    for style in ["standard", "url_safe", "unpadded", "plus_as_space"] {
        sandbox.admin(Method::POST, "/config", json!({"user_data_style": style})).await;
        let answer = sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
        let url = Url::parse(answer["redirect_url"].as_str().unwrap()).unwrap();
        let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
        let data = &query["user_data"];
        match style {
            "standard" => assert!(data.contains('+') && data.contains('/') && data.ends_with('=')),
            "url_safe" => assert!(data.contains('-') && data.contains('_')),
            "unpadded" => assert!(!data.contains('=')),
            _ => assert!(data.contains(' ') && !data.contains('+')),
        }
        signs.push(query["user_data_sign"].clone());
    }
    signs.dedup();
    assert_eq!(signs.len(), 1);
    sandbox.admin(Method::POST, "/config", json!({"user_data": false})).await;
    let answer = sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    assert_eq!(answer["redirect_url"], "http://127.0.0.1:1/register?a=b&salon_id=990101");
}

#[tokio::test]
async fn a_private_application_is_active_on_consent() {
    let sandbox = Sandbox::with(|s| s.instant = true).await;
    let answer = sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    assert_eq!(answer["state"], "active");
}

#[tokio::test]
async fn freezing_is_told_and_only_a_payment_thaws() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::with(|s| s.callback_url = Some(receiver.url("/life"))).await;
    sandbox.install(SALON, &receiver).await;
    sandbox.admin(Method::POST, "/salons/990101/freeze", Value::Null).await;
    assert_eq!(status(&sandbox).await.1["data"]["connection_status"]["status"], "freezed");
    let closed = sandbox.user(Method::GET, "/api/v1/records/990101").send().await.unwrap();
    assert_eq!(closed.status(), 403);
    sandbox.admin(Method::POST, "/salons/990101/payment", json!({"amount": 990})).await;
    assert_eq!(status(&sandbox).await.1["data"]["connection_status"]["status"], "active");
    let told = until(async || (receiver.got().len() == 2).then(|| receiver.got())).await;
    assert_eq!((&told[0].body["event"], &told[1].body["event"]), (&json!("freeze"), &json!("payment")));
}

#[tokio::test]
async fn the_partner_can_leave_and_twice_is_once() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let leave = async || {
        let request = sandbox.partner(Method::POST, &format!("{STATUS}/uninstall"));
        read(request.send().await.unwrap()).await
    };
    assert_eq!(leave().await, (200, crate::kit::fixture("marketplace_uninstall_response")));
    assert_eq!(leave().await.0, 200);
    let salon = sandbox.admin(Method::GET, "/salons/990101", Value::Null).await;
    assert_eq!(salon["hooks_settings"]["urls"], json!([""]), "its addresses leave with it");
    let never = sandbox.partner(Method::POST, "/marketplace/salon/990102/application/4242/uninstall");
    assert_eq!(never.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn the_list_of_salons_wants_its_page_and_count() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let list = async |query: &str| {
        let path = format!("/marketplace/application/4242/salons{query}");
        read(sandbox.partner(Method::GET, &path).send().await.unwrap()).await
    };
    assert_eq!(list("").await.0, 422);
    assert_eq!(list("?page=1&count=1001").await.0, 422);
    assert_eq!(list("?page=1&count=1000").await.1["data"].as_array().unwrap().len(), 1);
    assert_eq!(list("?page=2&count=1000").await.1["data"], json!([]));
}
