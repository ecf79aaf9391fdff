//! Online booking: what is offered, what is refused and with which number.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MANICURE, MARIA, Sandbox, read};

async fn get(sandbox: &Sandbox, path: &str) -> Value {
    read(sandbox.partner(Method::GET, path).send().await.unwrap()).await.1["data"].clone()
}

async fn post(sandbox: &Sandbox, path: &str, body: &Value) -> (u16, Value) {
    read(sandbox.partner(Method::POST, path).json(body).send().await.unwrap()).await
}

fn wish(datetime: &str, staff: i64) -> Value {
    json!({
        "phone": "79000000001", "fullname": "Анна Примерова", "email": "",
        "appointments": [{"id": 1, "services": [MANICURE], "staff_id": staff, "datetime": datetime}],
    })
}

fn code(body: &Value) -> i64 {
    body["meta"]["errors"][0]["code"].as_i64().unwrap()
}

#[tokio::test]
async fn a_taken_time_is_no_longer_offered_and_a_cancelled_one_is_again() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let times = async || {
        let path = format!("/api/v1/book_times/990101/{MARIA}/2030-03-14?service_ids={MANICURE}");
        let offered = get(&sandbox, &path).await;
        offered.as_array().unwrap().iter().map(|t| t["time"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(times().await.contains(&"15:00".to_owned()));
    let (status, made) =
        post(&sandbox, "/api/v1/book_record/990101", &wish("2030-03-14 15:00:00", MARIA)).await;
    assert_eq!(status, 201);
    let offered = times().await;
    assert!(!offered.contains(&"15:00".to_owned()) && !offered.contains(&"14:00".to_owned()));
    assert!(offered.contains(&"13:30".to_owned()) && offered.contains(&"16:30".to_owned()));
    let (record, hash) = (&made["data"][0]["record_id"], made["data"][0]["record_hash"].as_str().unwrap());
    let path = format!("/api/v1/user/records/{record}/{hash}");
    let wrong = format!("/api/v1/user/records/{record}/00");
    assert_eq!(sandbox.partner(Method::DELETE, &wrong).send().await.unwrap().status(), 404);
    assert_eq!(sandbox.partner(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert!(times().await.contains(&"15:00".to_owned()));
    let got = receiver.records(2).await;
    assert_eq!((&got[0]["data"]["online"], &got[1]["status"]), (&json!(true), &json!("delete")));
}

#[tokio::test]
async fn every_rule_has_its_number() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let good = wish("2030-03-14 15:00:00", MARIA);
    let place = async |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        let (status, body) = post(&sandbox, "/api/v1/book_record/990101", &body).await;
        (status, code(&body))
    };
    assert_eq!(place(&|b| b["phone"] = json!("12")).await, (422, 431));
    assert_eq!(place(&|b| b["fullname"] = json!(" ")).await, (422, 435));
    assert_eq!(place(&|b| b["appointments"][0]["datetime"] = json!("2030-03-14 05:00:00")).await, (422, 433));
    assert_eq!(place(&|b| b["appointments"][0]["datetime"] = json!("2020-03-14 15:00:00")).await, (422, 433));
    let anybody_at_night = |b: &mut Value| {
        b["appointments"][0]["staff_id"] = json!(0);
        b["appointments"][0]["datetime"] = json!("2030-03-14 05:00:00");
    };
    assert_eq!(place(&anybody_at_night).await, (422, 436));
    assert_eq!(place(&|b| b["appointments"][0]["services"] = json!([1])).await, (422, 438));
    assert_eq!(place(&|b| b["appointments"][0]["services"] = json!([])).await, (422, 422));
    let twice = |b: &mut Value| {
        let same = b["appointments"][0].clone();
        b["appointments"] = json!([same, same]);
    };
    assert_eq!(place(&twice).await, (422, 437));
    sandbox.admin(Method::PATCH, "/salons/990101/clients/55000301", json!({"blacklisted": true})).await;
    let (status, body) = post(&sandbox, "/api/v1/book_record/990101", &good).await;
    assert_eq!((status, body), (403, crate::kit::fixture("error_403_blacklist_434")));
}

#[tokio::test]
async fn a_salon_can_want_the_code_from_the_sms() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::PATCH, "/salons/990101", json!({"phone_confirmation": true})).await;
    let mut body = wish("2030-03-14 15:00:00", MARIA);
    let (status, refusal) = post(&sandbox, "/api/v1/book_record/990101", &body).await;
    assert_eq!((status, code(&refusal)), (422, 432));
    let ask = json!({"phone": "79000000001", "fulname": "Анна"});
    assert_eq!(post(&sandbox, "/api/v1/book_code/990101", &ask).await.0, 201);
    let codes = sandbox.admin(Method::GET, "/codes", Value::Null).await;
    body["code"] = codes["codes"][0]["code"].clone();
    assert_eq!(post(&sandbox, "/api/v1/book_record/990101", &body).await.0, 201);
}

#[tokio::test]
async fn days_can_be_asked_for_by_month_or_by_window() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let month = get(&sandbox, "/api/v1/book_dates/990101?date=2030-03-01&service_ids[]=7700201").await;
    assert_eq!(month["booking_dates"].as_array().unwrap().len(), 31);
    assert_eq!(month["booking_days"]["3"][0], "1");
    let window =
        get(&sandbox, "/api/v1/book_dates/990101?date_from=2030-03-14&date_to=2030-03-15&date=2030-05-01")
            .await;
    assert_eq!(window["booking_dates"], json!(["2030-03-14", "2030-03-15"]));
    let check = json!({"appointments": wish("2030-03-14T15:00:00+03:00", 0)["appointments"]});
    assert_eq!(post(&sandbox, "/api/v1/book_check/990101", &check).await.0, 201);
}

#[tokio::test]
async fn a_client_moves_his_visit_only_where_it_is_free() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let (_, made) = post(&sandbox, "/api/v1/book_record/990101", &wish("2030-03-14 15:00:00", MARIA)).await;
    let path = format!("/api/v1/book_record/990101/{}", made["data"][0]["record_id"]);
    let shift = async |datetime: &str| {
        let body = json!({"datetime": datetime, "comment": ""});
        read(sandbox.partner(Method::PUT, &path).json(&body).send().await.unwrap()).await.0
    };
    assert_eq!(shift("2030-03-14 05:00:00").await, 422);
    assert_eq!(shift("2030-03-14 15:30:00").await, 200);
}
