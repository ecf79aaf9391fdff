//! The journal over REST: filters, pages, what is deleted, what a PUT forgets.

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MANICURE, MARIA, OLGA, Sandbox, fixture, read};

async fn ids(sandbox: &Sandbox, query: &str) -> Vec<i64> {
    let body = sandbox.get(&format!("/api/v1/records/990101?{query}")).await;
    body["data"].as_array().unwrap().iter().map(|r| r["id"].as_i64().unwrap()).collect()
}

async fn fill(sandbox: &Sandbox, count: u32) -> Vec<i64> {
    let body = json!({"datetime": "2030-03-14 08:00", "count": count, "silent": true});
    let made = sandbox.admin(Method::POST, "/salons/990101/records", body).await;
    made["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

#[tokio::test]
async fn pages_follow_each_other_and_end_short() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let all = fill(&sandbox, 25).await;
    let window = "start_date=2030-03-14&end_date=2030-03-15";
    let mut seen = Vec::new();
    for page in 1..=3 {
        let found = ids(&sandbox, &format!("{window}&page={page}&count=10")).await;
        assert_eq!(found.len(), if page == 3 { 5 } else { 10 });
        seen.extend(found);
    }
    assert_eq!(seen, all);
    let body = sandbox.get(&format!("/api/v1/records/990101?{window}&page=2&count=10")).await;
    assert_eq!(body["meta"], json!({"page": 2, "total_count": 25}));
    assert_eq!(ids(&sandbox, &format!("{window}&page=9&count=10")).await, [0; 0]);
}

#[tokio::test]
async fn dates_and_people_narrow_the_list() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let make = async |datetime: &str, staff: i64| {
        sandbox.record(json!({"datetime": datetime, "staff_id": staff})).await
    };
    let first = make("2030-03-14 10:00", MARIA).await;
    let second = make("2030-03-15 10:00", OLGA).await;
    assert_eq!(ids(&sandbox, "start_date=2030-03-14&end_date=2030-03-14").await, [first]);
    assert_eq!(ids(&sandbox, "start_date=2030-03-15").await, [second]);
    assert_eq!(ids(&sandbox, &format!("staff_id={OLGA}")).await, [second]);
    assert_eq!(ids(&sandbox, "").await, [0; 0], "without a filter only today is shown");
}

#[tokio::test]
async fn changed_after_finds_moves_and_with_deleted_finds_cancellations() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let first = sandbox.record(json!({"datetime": "2030-03-14 10:00"})).await;
    let second = sandbox.record(json!({"datetime": "2030-03-14 12:00"})).await;
    let changed =
        sandbox.get(&format!("/api/v1/record/990101/{second}")).await["data"]["last_change_date"].clone();
    let mark = changed.as_str().unwrap()[..19].to_owned();
    assert_eq!(ids(&sandbox, &format!("changed_after={mark}")).await, [0; 0], "strictly after");
    sandbox.admin(Method::POST, "/clock", json!({"advance_ms": 60_000})).await;
    sandbox
        .admin(
            Method::PATCH,
            &format!("/records/{first}"),
            json!({"datetime": "2030-04-01 10:00", "silent": true}),
        )
        .await;
    assert_eq!(ids(&sandbox, &format!("changed_after={mark}")).await, [first]);
    sandbox.admin(Method::DELETE, &format!("/records/{second}?silent=1"), Value::Null).await;
    assert_eq!(ids(&sandbox, &format!("changed_after={mark}")).await, [first]);
    assert_eq!(ids(&sandbox, &format!("changed_after={mark}&with_deleted=1")).await, [second, first]);
    let body = sandbox.get(&format!("/api/v1/record/990101/{second}")).await;
    assert_eq!(body["data"]["deleted"], true);
}

/// The documents do not say whose clock `changed_after` is.
#[tokio::test]
async fn changed_after_is_read_in_the_zone_that_was_chosen() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let id = sandbox.record(json!({"datetime": "2030-03-14 10:00"})).await;
    let changed =
        sandbox.get(&format!("/api/v1/record/990101/{id}")).await["data"]["last_change_date"].clone();
    let local =
        chrono::NaiveDateTime::parse_from_str(&changed.as_str().unwrap()[..19], "%Y-%m-%dT%H:%M:%S").unwrap();
    let asked = |hours: i64| {
        (local - chrono::TimeDelta::hours(hours)).format("changed_after=%Y-%m-%dT%H:%M:%S").to_string()
    };
    assert_eq!(ids(&sandbox, &asked(1)).await, [id], "the salon's own, Moscow here");
    sandbox.admin(Method::POST, "/config", json!({"changed_zone": "utc"})).await;
    assert_eq!(ids(&sandbox, &asked(1)).await, [0; 0], "two hours ahead of the change");
    assert_eq!(ids(&sandbox, &asked(4)).await, [id]);
}

#[tokio::test]
async fn a_put_forgets_what_it_does_not_name() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let body = json!({
        "staff_id": MARIA, "services": [{"id": MANICURE, "first_cost": 2500, "discount": 10, "cost": 2250}],
        "client": {"phone": "79000000001", "name": "Анна"}, "datetime": "2030-03-14 15:00:00", "seance_length": 5400,
        "comment": "важно", "api_id": "ext-1", "save_if_busy": false,
    });
    let (status, made) =
        read(sandbox.user(Method::POST, "/api/v1/records/990101").json(&body).send().await.unwrap()).await;
    assert_eq!(status, 201);
    assert_eq!(made["data"]["services"][0]["cost"], 2250.0);
    assert_eq!(made["data"]["client"]["id"], 55_000_301, "known by the phone");
    let path = format!("/api/v1/record/990101/{}", made["data"]["id"]);
    let put = json!({"staff_id": MARIA, "datetime": "2030-03-14T16:00:00+03:00", "seance_length": 3600});
    let (status, put) = read(sandbox.user(Method::PUT, &path).json(&put).send().await.unwrap()).await;
    assert_eq!(status, 201);
    let put = &put["data"];
    assert_eq!((&put["comment"], &put["api_id"]), (&json!(""), &json!("")));
    assert_eq!((&put["client"], &put["services"]), (&Value::Null, &json!([])));
    assert_eq!(put["date"], "2030-03-14 16:00:00");
    let answer = sandbox.user(Method::DELETE, &path).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().len()), (204, 0));
    assert_eq!(sandbox.user(Method::DELETE, &path).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn two_cannot_sit_in_one_chair_unless_they_insist() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let mut body = fixture("rest_record_create_request");
    body["datetime"] = json!("2030-03-14 15:00:00");
    let post = async |body: &Value| {
        read(sandbox.user(Method::POST, "/api/v1/records/990101").json(body).send().await.unwrap()).await
    };
    assert_eq!(post(&body).await.0, 201);
    body["datetime"] = json!("2030-03-14 15:30:00");
    let (status, refusal) = post(&body).await;
    assert_eq!((status, &refusal["meta"]["errors"][0]["code"]), (422, &json!(433)));
    body["save_if_busy"] = json!(true);
    assert_eq!(post(&body).await.0, 201);
    body["save_if_busy"] = json!(false);
    body["datetime"] = json!("2030-03-14 22:00:00");
    assert_eq!(post(&body).await.0, 422, "nobody works at night");
}

#[tokio::test]
async fn attendance_is_set_by_the_visit() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let id = sandbox.record(json!({"datetime": "2030-03-14 10:00", "comment": "было"})).await;
    let record = sandbox.get(&format!("/api/v1/record/990101/{id}")).await;
    let visit = record["data"]["visit_id"].as_str().unwrap().to_owned();
    let put = async |visit: &str, body: Value| {
        let path = format!("/api/v1/visits/{visit}/{id}");
        read(sandbox.user(Method::PUT, &path).json(&body).send().await.unwrap()).await
    };
    assert_eq!(put(&visit, json!({"attendance": 2})).await.0, 422, "the comment must be named");
    assert_eq!(put(&visit, json!({"attendance": 5, "comment": ""})).await.0, 422);
    assert_eq!(put("1", json!({"attendance": 2, "comment": ""})).await.0, 404);
    assert_eq!(put(&visit, json!({"attendance": -1, "comment": "не пришла"})).await.0, 200);
    let read = sandbox.get(&format!("/api/v1/visits/{visit}")).await;
    assert_eq!((&read["data"]["attendance"], &read["data"]["comment"]), (&json!(-1), &json!("не пришла")));
}

#[tokio::test]
async fn a_schedule_shows_days_slots_and_what_fills_them() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.record(json!({"datetime": "2030-03-14 15:00", "length": 5400, "staff_id": MARIA})).await;
    let query = format!("start_date=2030-03-14&end_date=2030-03-15&staff_ids[]={MARIA}");
    let path = "/api/v1/company/990101/staff/schedule";
    let plain = sandbox.get(&format!("{path}?{query}")).await;
    assert_eq!(plain["meta"]["count"], 2);
    assert!(plain["data"][0].get("busy_intervals").is_none());
    for include in ["include[]=busy_intervals&include[]=off_day_type", "include=busy_intervals,off_day_type"]
    {
        let full = sandbox.get(&format!("{path}?{query}&{include}")).await;
        assert_eq!(full["data"][0]["busy_intervals"][0]["to"], "16:30", "{include}");
    }
    let off = json!({
        "schedules_to_set": [{"staff_id": MARIA, "dates": ["2030-03-14"], "slots": [{"from": "12:00", "to": "14:00"}]}],
        "schedules_to_delete": [{"staff_id": MARIA, "dates": ["2030-03-15"]}],
    });
    assert_eq!(sandbox.user(Method::PUT, path).json(&off).send().await.unwrap().status(), 200);
    let after = sandbox.get(&format!("{path}?{query}")).await;
    assert_eq!(after["meta"]["count"], 1);
    assert_eq!(after["data"][0]["slots"], json!([{"from": "12:00", "to": "14:00"}]));
    let bare = sandbox.user(Method::GET, path).send().await.unwrap();
    assert_eq!(bare.status(), 422);
}

#[tokio::test]
async fn clients_are_found_by_phone_and_show_only_what_was_asked_for() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let search = async |body: Value| {
        let path = "/api/v1/company/990101/clients/search";
        read(sandbox.user(Method::POST, path).json(&body).send().await.unwrap()).await
    };
    let filter = json!([{"type": "quick_search", "state": {"value": "+7 900 000-00-01"}}]);
    let (_, bare) = search(json!({"filters": filter})).await;
    assert_eq!(bare["data"], json!([{"id": 55_000_301}]));
    let (_, named) = search(json!({"filters": filter, "fields": ["name", "phone"]})).await;
    assert_eq!(named["data"][0]["phone"], "+79000000001");
    assert_eq!(search(json!({"page_size": 201})).await.0, 422);
    assert_eq!(search(json!({"filters": [{"type": "moon"}]})).await.0, 400);
    let twin = json!({"name": "Анна", "phone": "8 900 000-00-01"});
    let request = sandbox.user(Method::POST, "/api/v1/clients/990101").json(&twin);
    assert_eq!(request.send().await.unwrap().status(), 422);
    let path = "/api/v1/client/990101/55000301";
    let put = json!({"name": "Анна", "phone": "79000000009"});
    assert_eq!(sandbox.user(Method::PUT, path).json(&put).send().await.unwrap().status(), 200);
    assert_eq!(sandbox.get(path).await["data"]["phone"], 79_000_000_009_i64);
    assert_eq!(sandbox.user(Method::DELETE, path).send().await.unwrap().status(), 204);
}
