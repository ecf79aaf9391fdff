//! The public booking form, where `showBookforms` says it is.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MANICURE, MARIA, Sandbox};

/// Status and text of a page.
async fn page(sandbox: &Sandbox, path: &str) -> (u16, String) {
    let answer = sandbox.bare(Method::GET, path).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn placed(sandbox: &Sandbox, fields: &[(&str, &str)]) -> (u16, String) {
    let path = "/form/n30501/company/990101/create-record/record";
    let answer = sandbox.bare(Method::POST, path).form(fields).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

const WISH: [(&str, &str); 6] = [
    ("service_id", "7700201"),
    ("staff_id", "1500101"),
    ("datetime", "2030-03-14T15:00"),
    ("name", "Анна Примерова"),
    ("phone", "+7 900 000-00-01"),
    ("comment", "Код клиента: DFJ23456"),
];

#[tokio::test]
async fn the_form_places_a_record_as_a_client_would() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let company = sandbox.get("/api/v1/company/990101/?showBookforms=1").await;
    let url = company["data"]["bookforms"][0]["url"].as_str().unwrap();
    assert_eq!(url, format!("{}/form/n30501/", sandbox.base));
    let (status, html) =
        page(&sandbox, "/form/n30501/company/990101/personal/menu?o=m1500101s7700201&date=2030-03-14").await;
    assert_eq!(status, 200);
    assert!(html.contains("value=\"7700201\" selected") && html.contains("value=\"1500101\" selected"));
    assert!(html.contains("value=\"2030-03-14T15:00\""), "{html}");
    let (status, html) = placed(&sandbox, &WISH).await;
    assert!(status == 200 && html.contains("id=\"placed\""), "{status} {html}");
    let hook = receiver.records(1).await.remove(0);
    assert_eq!((&hook["status"], &hook["data"]["online"]), (&json!("create"), &json!(true)));
    assert_eq!((&hook["data"]["bookform_id"], &hook["data"]["staff_id"]), (&json!(30_501), &json!(MARIA)));
    assert_eq!(hook["data"]["comment"], "Код клиента: DFJ23456");
    assert_eq!(hook["data"]["services"][0]["id"], MANICURE);
    // The same time again is taken, and what was typed stays.
    let (status, html) = placed(&sandbox, &WISH).await;
    assert!(status == 422 && html.contains("role=\"alert\"") && html.contains("Анна Примерова"), "{html}");
    assert!(!html.contains("value=\"2030-03-14T15:00\""), "nobody is offered what is taken");
}

#[tokio::test]
async fn the_form_is_as_strict_as_its_address_and_its_salon() {
    let sandbox = Sandbox::start().await;
    let at = |rest: &str| format!("/form/n30501/company/990101/personal/menu?o={rest}");
    assert_eq!(page(&sandbox, "/form/n30501/").await.0, 200, "nothing is chosen");
    for wrong in [
        at("x1"),
        at("s7700201d2603141500"),
        at("s7700204"),
        at("s1"),
        "/form/n1".to_owned(),
        "/form/n30502/company/990101/personal/menu".to_owned(),
        "/form/30501/company/990101/personal/menu".to_owned(),
        "/form/n30501/company/1/personal/menu".to_owned(),
    ] {
        assert_eq!(page(&sandbox, &wrong).await.0, 404, "{wrong}");
    }
    let with = |name: &str, value: &'static str| {
        WISH.map(|(known, before)| if known == name { (known, value) } else { (known, before) })
    };
    for wish in
        [with("phone", "12"), with("name", " "), with("datetime", "2030-03-14T03:00"), with("datetime", "x")]
    {
        assert_eq!(placed(&sandbox, &wish).await.0, 422, "{wish:?}");
    }
    sandbox.admin(Method::PATCH, "/salons/990101", json!({"licence_expired": true})).await;
    assert_eq!(page(&sandbox, "/form/n30501").await.0, 402);
    assert_eq!(placed(&sandbox, &WISH).await.0, 402);
}

#[tokio::test]
async fn where_the_salon_wants_it_the_number_is_proved_first() {
    let sandbox = Sandbox::start().await;
    sandbox.admin(Method::PATCH, "/salons/990101", json!({"phone_confirmation": true})).await;
    let (status, html) = placed(&sandbox, &WISH).await;
    assert!(status == 200 && html.contains("name=\"code\"") && !html.contains("id=\"placed\""), "{html}");
    let codes = sandbox.admin(Method::GET, "/codes", Value::Null).await;
    let code = codes.as_array().or(codes["codes"].as_array()).unwrap().last().unwrap()["code"].clone();
    let code = code.as_str().unwrap();
    let mut wish = WISH.to_vec();
    wish.push(("code", "1"));
    assert_eq!(placed(&sandbox, &wish).await.0, 422);
    wish.pop();
    wish.push(("code", code));
    let (status, html) = placed(&sandbox, &wish).await;
    assert!(status == 200 && html.contains("id=\"placed\""), "{status} {html}");
}
