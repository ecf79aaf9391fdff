//! Every shape of refusal, the limit, and the weather over REST.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MARIA, SALON, Sandbox, fixture, read};

async fn refused(request: reqwest::RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn without_the_media_type_nothing_is_understood() {
    let sandbox = Sandbox::start().await;
    let request = sandbox.bare(Method::GET, "/api/v1/book_staff/990101");
    let request = request.header("Authorization", "Bearer sandbox-partner-token");
    assert_eq!(refused(request).await.0, 400);
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_401_in_the_shape_of_its_route() {
    let sandbox = Sandbox::start().await;
    let e1 = (401, fixture("error_401"));
    let e4 = (401, fixture("error_401_errors_shape"));
    assert_eq!(refused(sandbox.partner(Method::GET, "/api/v1/records/990101")).await, e1);
    assert_eq!(refused(sandbox.partner(Method::GET, "/api/v1/company/990101/")).await, e4);
    assert_eq!(refused(sandbox.partner(Method::GET, "/api/v1/company/990101/staff")).await, e1);
    for header in [
        "Bearer wrong",
        "sandbox-partner-token",
        "Bearer sandbox-partner-token,User x",
        "Bearer wrong, User x",
    ] {
        let request = sandbox.bare(Method::GET, "/api/v1/records/990101");
        let request = request.header("Accept", "application/vnd.api.v2+json").header("Authorization", header);
        assert_eq!(refused(request).await, e1, "{header}");
    }
}

#[tokio::test]
async fn a_salon_without_the_application_is_closed_to_the_system_user() {
    let sandbox = Sandbox::start().await;
    let path = "/api/v1/records/990101";
    assert_eq!(refused(sandbox.user(Method::GET, path)).await, (403, fixture("error_403")));
    let owner = "Bearer sandbox-partner-token, User sandbox-owner-token";
    let request = sandbox.bare(Method::GET, path).header("Accept", "application/vnd.yclients.v2+json");
    assert_eq!(refused(request.header("Authorization", owner)).await.0, 200);
}

#[tokio::test]
async fn what_does_not_exist_is_404_and_garbage_does_not_hurt() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    assert_eq!(refused(sandbox.user(Method::GET, "/api/v1/records/1")).await, (404, fixture("error_404")));
    let (status, body) = refused(sandbox.user(Method::GET, "/api/v1/company/1")).await;
    assert_eq!((status, &body["errors"]["code"]), (404, &json!(404)));
    assert!(body.get("success").is_none());
    for path in [
        "/api/v1/record/990101/abc",
        "/api/v1/record/990101/99999999999999999999",
        "/api/v1/nonsense",
        "/marketplace/x",
    ] {
        assert_eq!(refused(sandbox.user(Method::GET, path)).await.0, 404, "{path}");
    }
    for body in ["", "{", "[]", "\"x\"", "{\"staff_id\": 1e400}"] {
        let request =
            sandbox.user(Method::POST, "/api/v1/records/990101").header("Content-Type", "application/json");
        assert_eq!(refused(request.body(body)).await.0, 400, "{body}");
    }
    let form = sandbox.user(Method::POST, "/api/v1/records/990101").form(&[("staff_id", "1")]);
    assert_eq!(refused(form).await.0, 400);
}

#[tokio::test]
async fn an_expired_licence_is_402() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.admin(Method::PATCH, "/salons/990101", json!({"licence_expired": true})).await;
    let answer = refused(sandbox.user(Method::GET, "/api/v1/records/990101")).await;
    assert_eq!(answer, (402, fixture("error_402_license")));
}

#[tokio::test]
async fn a_bad_filter_is_400_and_a_bad_body_422_by_field() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let (status, body) =
        refused(sandbox.user(Method::GET, "/api/v1/records/990101?changed_after=yesterday")).await;
    assert_eq!(status, 400);
    assert!(body["meta"]["errors"]["changed_after"].is_array());
    let body = json!({"staff_id": 5, "datetime": "soon", "client": {"phone": "12"}});
    let (status, body) = refused(sandbox.user(Method::POST, "/api/v1/records/990101").json(&body)).await;
    assert_eq!(status, 422);
    let errors = body["meta"]["errors"].as_object().unwrap();
    for field in ["staff_id", "datetime", "client.phone", "seance_length"] {
        assert!(errors.contains_key(field), "{field}");
    }
}

#[tokio::test]
async fn more_than_five_a_second_is_429_until_the_second_is_over() {
    let sandbox = Sandbox::with(|s| s.rate_limit = true).await;
    let call = async || refused(sandbox.partner(Method::GET, "/api/v1/book_staff/990101")).await;
    let mut answers = Vec::new();
    for _ in 0..12 {
        answers.push(call().await);
    }
    let refused = answers.iter().find(|(status, _)| *status == 429).expect("one of twelve within a second");
    assert_eq!(refused.1, fixture("error_429_assumed"));
    sandbox.admin(Method::POST, "/clock", json!({"advance_ms": 1_000})).await;
    assert_eq!(call().await.0, 200);
    let log = sandbox.admin(Method::GET, "/requests?status=429", Value::Null).await;
    assert!(log["count"].as_u64().unwrap() >= 1, "refused calls are in the log as well");
}

#[tokio::test]
async fn two_hundred_a_minute_are_enough() {
    let sandbox = Sandbox::with(|s| (s.rate_limit, s.per_second) = (true, 1_000)).await;
    let call = async || refused(sandbox.partner(Method::GET, "/api/v1/book_staff/990101")).await.0;
    for n in 0..200 {
        assert_eq!(call().await, 200, "call {n}");
    }
    assert_eq!(call().await, 429);
    sandbox.admin(Method::POST, "/clock", json!({"advance_ms": 61_000})).await;
    assert_eq!(call().await, 200);
}

#[tokio::test]
async fn faults_answer_in_every_shape() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let path = "/api/v1/company/990101/staff";
    let fault = async |fault: Value| {
        sandbox.admin(Method::POST, "/faults", json!({"clear": true, "routes": [fault]})).await;
        sandbox.user(Method::GET, path).send().await.unwrap()
    };
    let shaped = |status: u16, shape: &str| json!({"route": format!("GET {path}"), "kind": "status", "status": status, "shape": shape});
    let (status, body) = read(fault(shaped(500, "e1")).await).await;
    assert_eq!((status, &body["success"]), (500, &json!(false)));
    let (status, body) = read(fault(shaped(422, "e2")).await).await;
    assert_eq!((status, body["meta"]["errors"].is_object()), (422, true));
    let (status, body) = read(fault(shaped(422, "e3")).await).await;
    assert_eq!((status, &body["meta"]["errors"][0]["code"]), (422, &json!(433)));
    let (status, body) = read(fault(shaped(404, "e4")).await).await;
    assert_eq!((status, body.get("success")), (404, None));
    let (status, body) = read(fault(shaped(500, "e5")).await).await;
    assert_eq!((status, &body["success"]), (200, &json!(false)));
    assert_eq!(read(fault(shaped(429, "e6")).await).await, (429, Value::Null));
    let answer = fault(json!({"route": "*", "kind": "status", "status": 429, "retry_after": 7})).await;
    assert_eq!(answer.headers()["retry-after"], "7");
    let answer = fault(json!({"route": "*", "kind": "html"})).await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().starts_with("<html>")), (502, true));
    assert_eq!(read(fault(json!({"route": "*", "kind": "empty"})).await).await, (200, Value::Null));
    let cut = fault(json!({"route": "*", "kind": "cut"})).await.text().await.unwrap();
    assert!(serde_json::from_str::<Value>(&cut).is_err() && cut.starts_with('{'));
    assert!(
        fault(json!({"route": "*", "kind": "half"})).await.text().await.is_err(),
        "the connection breaks"
    );
    let began = Instant::now();
    assert_eq!(fault(json!({"route": "*", "kind": "slow", "delay_ms": 120})).await.status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_fault_can_skip_count_and_strike_every_third() {
    let sandbox = Sandbox::start().await;
    let calls = async |fault: Value| {
        sandbox.admin(Method::POST, "/faults", json!({"clear": true, "routes": [fault]})).await;
        let mut answers = Vec::new();
        for _ in 0..6 {
            let request = sandbox.partner(Method::GET, "/api/v1/book_staff/990101");
            answers.push(request.send().await.unwrap().status().as_u16());
        }
        answers
    };
    let fault = |more: Value| {
        let mut fault = json!({"route": "GET /api/v1/*", "kind": "status", "status": 503});
        fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        fault
    };
    assert_eq!(calls(fault(json!({"skip": 1, "count": 2}))).await, [200, 503, 503, 200, 200, 200]);
    assert_eq!(calls(fault(json!({"chance": {"every": 3}}))).await, [200, 200, 503, 200, 200, 503]);
    assert_eq!(calls(fault(json!({"route": "POST /api/v1/*"}))).await, [200; 6]);
    let diced = calls(fault(json!({"chance": 0.5}))).await;
    sandbox.admin(Method::POST, "/faults", json!({"clear": true, "seed": 4711})).await;
    assert_eq!(calls(fault(json!({"chance": 0.5}))).await, diced, "one seed, one weather");
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_work_was_done() {
    let sandbox = Sandbox::start().await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    let fault = json!({"route": "*/callback", "kind": "status", "status": 504, "after": true, "count": 1});
    sandbox.admin(Method::POST, "/faults", json!({"routes": [fault]})).await;
    let body = json!({"salon_id": SALON, "application_id": 4242});
    let call =
        async || refused(sandbox.partner(Method::POST, "/marketplace/partner/callback").json(&body)).await.0;
    assert_eq!(call().await, 504);
    assert_eq!(call().await, 403, "it had been done");
}

#[tokio::test]
async fn rest_can_be_loose_with_types() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let wire = json!({"rest_wire": {"numbers_as_strings": true, "empty_as_array": true}});
    sandbox.admin(Method::POST, "/faults", wire).await;
    let staff = sandbox.get("/api/v1/company/990101/staff").await;
    assert_eq!(staff["data"][0]["id"], MARIA.to_string());
    let company = sandbox.get("/api/v1/company/990101").await;
    assert_eq!(company["data"]["access"], json!([]));
}

#[tokio::test]
async fn an_unknown_setting_is_refused() {
    let sandbox = Sandbox::start().await;
    for (path, body) in
        [("/admin/config", json!({"tokn": 1})), ("/admin/faults", json!({"hooks": {"loose": 1}}))]
    {
        let answer = sandbox.bare(Method::POST, path).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{path}");
    }
}

#[tokio::test]
async fn the_end_of_time_is_refused_and_nothing_panics() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let late = "+262142-12-31 23:59:59";
    let body = json!({"staff_id": MARIA, "datetime": late, "seance_length": 3600});
    assert_eq!(refused(sandbox.user(Method::POST, "/api/v1/records/990101").json(&body)).await.0, 422);
    for path in [
        "/api/v1/company/990101/staff/schedule?start_date=9999-12-30&end_date=9999-12-31",
        "/api/v1/records/990101?changed_after=9999-99-99",
        "/api/v1/book_times/990101/0/9999-12-31",
        "/api/v1/records/990101?page=18446744073709551615&count=18446744073709551615&start_date=2030-01-01",
        "/timetable/990101?date=9999-12-31",
        "/api/v1/book_dates/990101?date_from=2199-12-31&date_to=2200-12-31",
        "/api/v1/records/990101?staff_ids[]=%FF%FE&start_date=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82",
    ] {
        let status = sandbox.user(Method::GET, path).send().await.unwrap().status();
        assert!(!status.is_server_error(), "{path}: {status}");
    }
    let far = json!({"hook_delay_ms": u64::MAX, "hook_timeout_ms": u64::MAX, "pending_hours": i64::MAX});
    sandbox.admin(Method::POST, "/config", far).await;
    sandbox.admin(Method::POST, "/clock", json!({"offset_ms": i64::MAX, "advance_ms": i64::MAX})).await;
    sandbox.record(json!({"datetime": "2030-03-14 10:00"})).await;
    sandbox.admin(Method::POST, "/clock", json!({"offset_ms": i64::MIN})).await;
    sandbox.record(json!({"datetime": "2030-03-14 12:00"})).await;
    assert_eq!(refused(sandbox.user(Method::GET, "/api/v1/records/990101?with_deleted=1")).await.0, 200);
}
