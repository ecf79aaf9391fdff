//! Payments, refunds, links and discounts.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{Receiver, SALON, Sandbox, fixture, read, until};

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> (u16, Value) {
    read(sandbox.partner(Method::POST, path).json(&body).send().await.unwrap()).await
}

fn payment(salon: i64) -> Value {
    json!({
        "salon_id": salon, "application_id": 4242, "payment_sum": 990, "currency_iso": "RUB",
        "payment_date": "2026-03-01 10:10:00", "period_from": "2026-03-01 00:00:00", "period_to": "2026-03-31 23:59:59",
    })
}

#[tokio::test]
async fn a_reported_payment_thaws_and_can_be_refunded_once() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/salons/990101/freeze", Value::Null).await;
    let (status, body) = post(&sandbox, "/marketplace/partner/payment", payment(SALON)).await;
    assert_eq!((status, &body["data"]["id"]), (200, &json!(50_077)));
    let salon = sandbox.admin(Method::GET, "/salons/990101", Value::Null).await;
    assert_eq!(salon["state"], "active");
    let refund = "/marketplace/partner/payment/refund/50077";
    assert_eq!(post(&sandbox, refund, json!({})).await.0, 200);
    assert_eq!(post(&sandbox, refund, json!({})).await.0, 422);
    assert_eq!(post(&sandbox, "/marketplace/partner/payment/refund/1", json!({})).await.0, 422);
}

#[tokio::test]
async fn payments_want_an_installation_and_good_dates() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    assert_eq!(post(&sandbox, "/marketplace/partner/payment", payment(990_102)).await.0, 403);
    let mut bad = payment(SALON);
    bad["period_to"] = json!("31.03.2026");
    let (status, body) = post(&sandbox, "/marketplace/partner/payment", bad).await;
    assert_eq!(status, 422);
    assert!(body["meta"]["errors"]["period_to"].is_array());
}

/// The vector of the platform's own rule: `salon_id=990101&amount=990` under the partner token.
#[tokio::test]
async fn the_payment_event_is_signed_over_what_it_prints() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::with(|s| {
        s.callback_url = Some(receiver.url("/life"));
        s.instant = true;
        s.partner_token = "test_partner_token_not_real".into();
    })
    .await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    sandbox.admin(Method::POST, "/salons/990101/payment", json!({"amount": 990})).await;
    let told = until(async || receiver.got().pop()).await;
    assert_eq!(told.body["sign"], fixture("lifecycle_payment")["sign"]);
}

#[tokio::test]
async fn a_payment_link_leads_to_a_page_and_a_forged_one_does_not() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let path = "/marketplace/application/payment_link?salon_id=990101&application_id=4242&discount=12.5";
    let (_, body) = read(sandbox.partner(Method::GET, path).send().await.unwrap()).await;
    let url = body["data"]["url"].as_str().unwrap().strip_prefix(&sandbox.base).unwrap().to_owned();
    let page = sandbox.bare(Method::GET, &url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("866.25 ₽"));
    let forged = url.replace("12.5", "99");
    assert_eq!(sandbox.bare(Method::GET, &forged).send().await.unwrap().status(), 404);
    let none = path.replace("990101", "990102");
    assert_eq!(sandbox.partner(Method::GET, &none).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn discounts_channels_and_names_are_checked() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let discount = |value: i64| json!({"salon_ids": [SALON], "application_id": 4242, "discount": value});
    assert_eq!(post(&sandbox, "/marketplace/application/add_discount", discount(20)).await.0, 200);
    assert_eq!(post(&sandbox, "/marketplace/application/add_discount", discount(101)).await.0, 422);
    let channel = |slug: &str| json!({"salon_id": SALON, "application_id": 4242, "channel_slug": slug, "is_available": true});
    assert_eq!(post(&sandbox, "/marketplace/application/update_channel", channel("whatsapp")).await.0, 200);
    assert_eq!(post(&sandbox, "/marketplace/application/update_channel", channel("fax")).await.0, 422);
    let names = json!({"salon_id": SALON, "application_id": 4242, "short_names": ["MYSALON"]});
    assert_eq!(post(&sandbox, "/marketplace/partner/short_names", names).await.0, 201);
    let salon = sandbox.admin(Method::GET, "/salons/990101", Value::Null).await;
    assert_eq!(salon["install"]["channels"], json!(["whatsapp"]));
}
