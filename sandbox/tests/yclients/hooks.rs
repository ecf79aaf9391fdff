//! What leaves on a change, and what the weather does to it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MANICURE, OLGA, SALON, Sandbox, read, until};

fn visit(hour: u32) -> Value {
    json!({
        "client": {"name": "Анна", "phone": "+79000000001"}, "services": [MANICURE, 7_700_202],
        "datetime": format!("2030-03-14 {hour:02}:00:00"),
    })
}

#[tokio::test]
async fn create_move_confirm_and_delete_each_leave_one_hook() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let id = sandbox.record(visit(15)).await;
    let path = format!("/records/{id}");
    sandbox.admin(Method::PATCH, &path, json!({"datetime": "2030-03-15 11:30", "staff_id": OLGA})).await;
    sandbox.admin(Method::PATCH, &path, json!({"attendance": "confirmed"})).await;
    sandbox.admin(Method::DELETE, &path, Value::Null).await;
    let got = receiver.records(4).await;
    let told: Vec<_> = got.iter().map(|b| b["status"].as_str().unwrap()).collect();
    assert_eq!(told, ["create", "update", "update", "delete"]);
    assert_eq!(got[0]["company_id"], SALON);
    assert_eq!(got[1]["data"]["date"], "2030-03-15 11:30:00");
    assert_eq!(got[1]["data"]["datetime"], "2030-03-15T11:30:00+03:00");
    assert_eq!(got[1]["data"]["staff"]["id"], OLGA);
    assert_eq!(got[2]["data"]["attendance"], 2);
    assert_eq!(got[3]["data"]["deleted"], true);
    let log = sandbox.hook_log(|l| l.len() == 5 && l.iter().all(|h| h["state"] == "answered")).await;
    assert!(log.iter().all(|h| h["status"] == 200 && h["attempt"] == 1 && h["latency_ms"].is_number()));
}

#[tokio::test]
async fn there_is_no_signature_and_the_bearer_only_if_asked_for() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.record(visit(12)).await;
    receiver.records(1).await;
    sandbox.admin(Method::POST, "/config", json!({"hook_bearer": "shared"})).await;
    sandbox.record(visit(15)).await;
    receiver.records(2).await;
    let got = receiver.got();
    let names: Vec<_> = got[0].headers.keys().map(|k| k.as_str()).collect();
    assert!(!names.iter().any(|n| n.contains("signature") || *n == "authorization"), "{names:?}");
    assert_eq!(got[0].headers["user-agent"], "GuzzleHttp/7");
    assert_eq!(got.last().unwrap().headers["authorization"], "Bearer shared");
}

#[tokio::test]
async fn a_visit_that_was_paid_tells_of_client_and_money_too() {
    let entities = ["record", "client", "finances_operation"];
    let (sandbox, receiver) =
        Sandbox::connected(|s| s.hook_entities = entities.map(str::to_owned).to_vec()).await;
    let id = sandbox.record(visit(15)).await;
    let paid = json!({"attendance": "arrived", "paid_full": true});
    sandbox.admin(Method::PATCH, &format!("/records/{id}"), paid).await;
    let got = until(async || (receiver.got().len() >= 4).then(|| receiver.got())).await;
    let told: Vec<_> = got.iter().map(|g| g.body["resource"].as_str().unwrap()).collect();
    assert_eq!(told, ["record", "record", "client", "finances_operation"]);
    assert_eq!(got[2].body["data"]["visits"], 1);
    assert_eq!(got[3].body["data"]["amount"], 3100.0);
}

#[tokio::test]
async fn every_third_hook_is_lost_and_the_log_knows_it() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/faults", json!({"hooks": {"lose": {"every": 3}}})).await;
    for hour in 10..16 {
        sandbox.record(visit(hour)).await;
    }
    let log = sandbox.hook_log(|l| l.iter().filter(|h| h["state"] == "answered").count() == 4).await;
    let states: Vec<_> = log.iter().map(|h| h["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["answered", "answered", "lost", "answered", "answered", "lost"]);
    assert_eq!(receiver.records(4).await.len(), 4);
    let lost = json!({"ids": [log[2]["id"]]});
    sandbox.admin(Method::POST, "/hooks/resend", lost).await;
    assert_eq!(receiver.records(5).await[4], log[2]["body"]);
}

#[tokio::test]
async fn hooks_can_be_doubled_and_copied() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox
        .admin(Method::POST, "/faults", json!({"hooks": {"copies_min": 3, "copies_max": 3, "double": true}}))
        .await;
    sandbox.record(visit(15)).await;
    let got = receiver.records(4).await;
    assert!(got.iter().all(|body| *body == got[0]));
}

#[tokio::test]
async fn a_pair_of_hooks_can_arrive_the_wrong_way_round() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/faults", json!({"hooks": {"reorder": {"every": 2}}})).await;
    for hour in [10, 12, 15] {
        sandbox.record(visit(hour)).await;
    }
    let got = receiver.records(3).await;
    let hours: Vec<_> = got.iter().map(|b| &b["data"]["date"].as_str().unwrap()[11..13]).collect();
    assert_eq!(hours, ["10", "15", "12"]);
}

#[tokio::test]
async fn a_late_hook_lets_others_pass() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let late = json!({"hooks": {"late": {"every": 2}, "late_ms": 150}});
    sandbox.admin(Method::POST, "/faults", late).await;
    for hour in [10, 12, 15] {
        sandbox.record(visit(hour)).await;
    }
    let got = receiver.records(3).await;
    assert_eq!(got[2]["data"]["date"], "2030-03-14 12:00:00");
}

#[tokio::test]
async fn a_partial_update_has_the_id_and_what_changed() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/faults", json!({"hooks": {"partial": true}})).await;
    let id = sandbox.record(visit(15)).await;
    sandbox.admin(Method::PATCH, &format!("/records/{id}"), json!({"comment": "test"})).await;
    let got = receiver.records(2).await;
    assert!(got[0]["data"]["client"].is_object(), "a creation is whole");
    assert_eq!(got[1]["data"], json!({"id": id, "comment": "test"}));
}

#[tokio::test]
async fn a_cancellation_can_come_as_an_update() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/faults", json!({"hooks": {"cancel_as_update": true}})).await;
    let id = sandbox.record(visit(15)).await;
    sandbox.admin(Method::DELETE, &format!("/records/{id}"), Value::Null).await;
    let got = receiver.records(2).await;
    assert_eq!((&got[1]["status"], &got[1]["data"]["deleted"]), (&json!("update"), &json!(true)));
}

#[tokio::test]
async fn bodies_can_be_bent() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let wire = json!({"numbers_as_strings": true, "empty_as_array": true, "wrong_offset": true});
    sandbox.admin(Method::POST, "/faults", json!({"hook_wire": wire})).await;
    sandbox.record(json!({"datetime": "2030-03-14 18:00", "comment": "не занимать"})).await;
    let got = receiver.records(1).await;
    assert_eq!(got[0]["company_id"], "990101");
    assert_eq!(got[0]["data"]["client"], json!([]));
    assert_eq!(got[0]["data"]["date"], "2030-03-14 18:00:00");
    assert_eq!(got[0]["data"]["datetime"], "2030-03-14T18:00:00+04:00");
}

#[tokio::test]
async fn services_come_in_an_order_the_seed_decides() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::POST, "/faults", json!({"seed": 1, "hook_wire": {"shuffle_services": true}})).await;
    let mut orders = std::collections::HashSet::new();
    for hour in 8..20 {
        sandbox.record(visit(hour)).await;
    }
    for body in receiver.records(12).await {
        orders.insert(body["data"]["services"][0]["id"].as_i64().unwrap());
    }
    assert_eq!(orders.len(), 2);
}

#[tokio::test]
async fn a_refused_hook_is_not_repeated_unless_told_so() {
    let (sandbox, receiver) = Sandbox::connected(|s| s.hook_retry_delay_ms = 1).await;
    receiver.answer_with(500);
    sandbox.record(visit(10)).await;
    let log = sandbox.hook_log(|l| l.iter().any(|h| h["state"] == "answered")).await;
    assert_eq!((&log[0]["status"], &log[0]["attempt"]), (&json!(500), &json!(1)));
    sandbox.admin(Method::POST, "/config", json!({"hook_retries": 2})).await;
    sandbox.record(visit(12)).await;
    receiver.records(4).await;
    let log = sandbox.hook_log(|l| l.last().is_some_and(|h| h["attempt"] == 3)).await;
    assert_eq!(log.len(), 2);
}

#[tokio::test]
async fn nothing_leaves_this_machine() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let body = json!({"urls": ["https://app.example.test/hook"], "active": 1, "record": 1});
    let request = sandbox.user(Method::POST, "/api/v1/hooks_settings/990101").json(&body);
    assert_eq!(request.send().await.unwrap().status(), 201);
    sandbox.record(visit(10)).await;
    let log = sandbox.hook_log(|l| l.iter().any(|h| h["state"] == "failed")).await;
    assert_eq!(log[0]["error"], "not an address on this machine");
}

#[tokio::test]
async fn settings_are_replaced_whole_and_flags_decide() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let settings = sandbox.get("/api/v1/hooks_settings/990101").await;
    assert_eq!((&settings["data"]["active"], &settings["data"]["record"]), (&json!(1), &json!(1)));
    let post = async |body: Value| {
        let request = sandbox.user(Method::POST, "/api/v1/hooks_settings/990101").json(&body);
        read(request.send().await.unwrap()).await
    };
    let (status, body) = post(json!({"urls": [receiver.url("/other")], "active": 1, "client": 1})).await;
    assert_eq!(status, 201);
    assert_eq!(body["data"]["urls"], json!([receiver.url("/other")]), "the first address is gone");
    assert_eq!(body["data"]["record"], 0);
    let mut newcomer = visit(10);
    newcomer["client"] = json!({"name": "Иван", "phone": "+79000000008"});
    sandbox.record(newcomer).await;
    let got = until(async || receiver.got().pop()).await;
    assert_eq!((got.path.as_str(), &got.body["resource"]), ("/other", &json!("client")));
    assert_eq!(post(json!({"active": 1})).await.0, 422);
    assert_eq!(post(json!({"urls": [], "active": 1})).await.0, 422);
}

#[tokio::test]
async fn the_application_may_be_spared_its_own_echo() {
    let (sandbox, receiver) = Sandbox::connected(|s| s.self_sending = false).await;
    let id = sandbox.record(visit(10)).await;
    let visit = sandbox.get(&format!("/api/v1/record/990101/{id}")).await["data"]["visit_id"].clone();
    let path = format!("/api/v1/visits/{}/{id}", visit.as_str().unwrap());
    let own = sandbox.user(Method::PUT, &path).json(&json!({"attendance": 2, "comment": ""}));
    assert_eq!(own.send().await.unwrap().status(), 200);
    sandbox.admin(Method::PATCH, &format!("/records/{id}"), json!({"comment": "от салона"})).await;
    let got = receiver.records(2).await;
    assert_eq!(got[1]["data"]["comment"], "от салона");
}

#[tokio::test]
async fn anything_can_be_sent_by_hand() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let unknown = json!({"resource": "brand_new_entity", "resource_id": 123, "status": "archived", "data": {"id": 123}});
    sandbox.admin(Method::POST, "/salons/990101/hooks", unknown).await;
    sandbox.admin(Method::POST, "/salons/990101/hooks", json!({"raw": "{\"broken\":"})).await;
    let got = until(async || (receiver.got().len() == 2).then(|| receiver.got())).await;
    assert_eq!(got[0].body["resource"], "brand_new_entity");
    assert_eq!(got[1].body, json!("{\"broken\":"));
}

#[tokio::test]
async fn a_reset_forgets_what_was_on_its_way() {
    let (sandbox, receiver) = Sandbox::connected(|s| s.hook_delay_ms = 150).await;
    sandbox.record(visit(10)).await;
    sandbox.admin(Method::POST, "/reset", Value::Null).await;
    sandbox.install(SALON, &receiver).await;
    sandbox.record(visit(15)).await;
    let got = receiver.records(1).await;
    assert_eq!(got[0]["data"]["date"], "2030-03-14 15:00:00");
}
