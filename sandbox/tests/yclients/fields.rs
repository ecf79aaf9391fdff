//! The field sets of bodies equal those of recorded ones.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::kit::{MANICURE, OLGA, Receiver, SALON, Sandbox, fixture, read, until};

/// Every path to a field, list items merged: `data.services[].id`.
fn paths(value: &Value) -> BTreeSet<String> {
    fn walk(at: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let at = format!("{at}.{key}");
                    found.insert(at.clone());
                    walk(&at, value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(&format!("{at}[]"), item, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk("", value, &mut found);
    found
}

fn same(ours: &Value, name: &str) {
    let (ours, theirs) = (paths(ours), paths(&fixture(name)));
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&theirs).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:?}, too many {extra:?}");
}

fn visit() -> Value {
    json!({
        "client": {"name": "Анна", "phone": "+79000000001"}, "services": [MANICURE], "datetime": "2030-03-14 15:00",
        "online": true,
    })
}

#[tokio::test]
async fn record_and_client_hooks() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let id = sandbox.record(visit()).await;
    sandbox.admin(Method::DELETE, &format!("/records/{id}"), Value::Null).await;
    let walk_in = json!({"datetime": "2030-03-14 18:00", "client": null, "staff_id": OLGA});
    sandbox.record(walk_in).await;
    let got = receiver.records(3).await;
    same(&got[0], "webhook_record_create");
    same(&got[1], "webhook_record_delete");
    same(&got[2], "webhook_record_create_walkin_no_client");
    let newcomer =
        json!({"datetime": "2030-03-14 10:00", "client": {"name": "Иван", "phone": "79000000005"}});
    sandbox.record(newcomer).await;
    let client = until(async || receiver.got().into_iter().find(|g| g.body["resource"] == "client")).await;
    same(&client.body, "webhook_client_create");
}

#[tokio::test]
async fn rest_lists() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.record(visit()).await;
    let mut page = fixture("rest_records_page");
    page["data"].as_array_mut().unwrap().truncate(1);
    let ours = sandbox.get("/api/v1/records/990101?start_date=2030-03-14").await;
    assert_eq!(paths(&ours), paths(&page));
    let mut services = sandbox.get("/api/v1/company/990101/services").await;
    let list = services["data"].as_array_mut().unwrap();
    (*list).sort_by_key(|s| s["staff"] == json!([]));
    same(&services, "rest_services");
    same(&sandbox.get("/api/v1/company/990101/staff").await, "rest_staff");
    same(&sandbox.get("/api/v1/client/990101/55000301").await, "rest_client");
    same(&sandbox.get("/api/v1/hooks_settings/990101").await, "rest_hooks_settings");
    let schedule = "start_date=2030-03-14&end_date=2030-03-14&include=busy_intervals,off_day_type";
    same(
        &sandbox.get(&format!("/api/v1/company/990101/staff/schedule?{schedule}")).await,
        "rest_staff_schedule",
    );
    let mut company = sandbox.get("/api/v1/company/990101/?showBookforms=1").await;
    same(&company, "rest_company");
    company = sandbox.get("/api/v1/company/990101/").await;
    assert!(company["data"].get("bookforms").is_none(), "the forms come when asked for");
    let search = json!({"fields": ["name", "phone", "email", "last_visit_date", "visits_count"]});
    let request = sandbox.user(Method::POST, "/api/v1/company/990101/clients/search").json(&search);
    same(&read(request.send().await.unwrap()).await.1, "rest_clients_search");
}

#[tokio::test]
async fn online_booking() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let staff = sandbox
        .admin(Method::POST, "/salons/990101/staff", json!({"name": "Новенькая", "bookable": false}))
        .await;
    assert!(staff["id"].is_number());
    let get = async |path: &str| read(sandbox.partner(Method::GET, path).send().await.unwrap()).await.1;
    same(&get("/api/v1/book_services/990101?staff_id=1500101").await, "rest_book_services");
    same(&get("/api/v1/book_staff/990101").await, "rest_book_staff");
    same(&get("/api/v1/book_times/990101/0/2030-03-14?service_ids[]=7700201").await, "rest_book_times_iso");
    let mut body = fixture("rest_book_record_request");
    body["appointments"][0]["datetime"] = json!("2030-03-14T15:00:00+03:00");
    let request = sandbox.partner(Method::POST, "/api/v1/book_record/990101").json(&body);
    let (status, made) = read(request.send().await.unwrap()).await;
    assert_eq!(status, 201);
    same(&made, "rest_book_record_response");
    let login = json!({"login": "79000000099", "password": "sandbox-password"});
    let (status, signed) =
        read(sandbox.partner(Method::POST, "/api/v1/auth").json(&login).send().await.unwrap()).await;
    assert_eq!(status, 201);
    same(&signed, "rest_auth_201");
}

#[tokio::test]
async fn the_marketplace() {
    let sandbox = Sandbox::start().await;
    let get = async |path: &str| read(sandbox.partner(Method::GET, path).send().await.unwrap()).await.1;
    let status = "/marketplace/salon/990101/application/4242";
    assert_eq!(get(status).await, fixture("marketplace_status_not_installed_404"));
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    same(&get(status).await, "marketplace_status_pending");
    sandbox.admin(Method::POST, "/reset", Value::Null).await;
    let receiver = Receiver::start().await;
    sandbox.install(SALON, &receiver).await;
    let payment = json!({
        "salon_id": SALON, "application_id": 4242, "payment_sum": 990.0, "currency_iso": "RUB",
        "payment_date": "2026-03-01 10:10:00", "period_from": "2026-03-01 00:00:00", "period_to": "2026-03-31 23:59:59",
    });
    let request = sandbox.partner(Method::POST, "/marketplace/partner/payment").json(&payment);
    assert_eq!(read(request.send().await.unwrap()).await, (200, fixture("marketplace_payment_response")));
    let mut active = get(status).await;
    // The recorded body of an active one has no `meta`; that of a pending one has.
    active.as_object_mut().unwrap().remove("meta");
    same(&active, "marketplace_status_active");
    same(&get("/marketplace/application/4242/salons?page=1&count=1000").await, "marketplace_salons_page");
    assert_eq!(get("/marketplace/application/4242/tariffs").await, fixture("marketplace_tariffs"));
    let link = get("/marketplace/application/payment_link?salon_id=990101&application_id=4242").await;
    same(&link, "marketplace_payment_link");
}

#[tokio::test]
async fn lifecycle_posts() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::with(|s| {
        s.callback_url = Some(receiver.url("/life"));
        s.partner_token = "sandbox-partner-token".into();
    })
    .await;
    sandbox.install(SALON, &receiver).await;
    for action in ["freeze", "payment", "uninstall"] {
        sandbox.admin(Method::POST, &format!("/salons/990101/{action}"), json!({})).await;
    }
    let got = until(async || (receiver.got().len() == 3).then(|| receiver.got())).await;
    same(&got[0].body, "lifecycle_freeze");
    same(&got[1].body, "lifecycle_payment");
    same(&got[2].body, "lifecycle_uninstall");
}

#[tokio::test]
async fn a_fresh_salon_has_one_empty_address() {
    let sandbox = Sandbox::with(|s| s.instant = true).await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    assert_eq!(sandbox.get("/api/v1/hooks_settings/990101").await, fixture("rest_hooks_settings_empty"));
}

#[tokio::test]
async fn refusals() {
    let sandbox = Sandbox::start().await;
    sandbox.admin(Method::POST, "/salons/990101/install", json!({})).await;
    let body = json!({"application_id": 4242, "webhook_urls": ["not an address"]});
    let request = sandbox.partner(Method::POST, "/marketplace/partner/callback").json(&body);
    same(&read(request.send().await.unwrap()).await.1, "error_422");
    sandbox.admin(Method::POST, "/reset", Value::Null).await;
    sandbox.install(SALON, &Receiver::start().await).await;
    let search = json!({"filters": [{"type": "moon"}]});
    let request = sandbox.user(Method::POST, "/api/v1/company/990101/clients/search").json(&search);
    assert_eq!(read(request.send().await.unwrap()).await, (400, fixture("error_400")));
    let at_night = json!({"appointments": [{"id": 1, "services": [MANICURE], "staff_id": OLGA, "datetime": "2030-03-14 05:00:00"}]});
    let request = sandbox.partner(Method::POST, "/api/v1/book_check/990101").json(&at_night);
    same(&read(request.send().await.unwrap()).await.1, "error_422_book_check_433");
}
