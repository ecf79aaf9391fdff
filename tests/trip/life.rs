//! An installation's life: refused visits, freezing, thawing, leaving, coming back, dying and waking.

use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip::{self, Report, Trip};
use salonbridge::domain::tenant::TenantState;
use salonbridge::storage::tenant;
use serde_json::{Value, json};

use crate::kit::Salon;

fn admin(action: &str) -> String {
    format!("/admin/salons/{}/{action}", demo_trip::SALON)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_visit_gets_its_own_page() {
    let salon = Salon::active().await;
    let signed = "user_data=eyJpZCI6MX0%3D&user_data_sign=00";
    for (visit, status) in [
        ("/marketplace/register", 400),
        ("/marketplace/register?salon_id=abc", 400),
        (&*format!("/marketplace/register?salon_id=990101&{signed}"), 403),
        ("/marketplace/register?salon_id=990102", 409),
        ("/marketplace/register?salon_id=990101&application_id=1", 403),
        ("/connect", 400),
        ("/connect?token=nonsense", 401),
    ] {
        assert_eq!(salon.get(visit).await, status, "{visit}");
    }
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_proves_nothing_sees_nothing_of_a_salon() {
    let salon = Salon::active().await;
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let visit = http.get(salon.url("/marketplace/register?salon_id=990101")).send().await.expect("an answer");
    assert_eq!(visit.status(), 403, "the code on the page would link a stranger's phone");
    assert!(!visit.text().await.expect("a page").contains("token="));
    let prepare = |token: String| {
        let body = json!({"company_id": salon.tenant.to_string(), "salon_id": 990_101}).to_string();
        salon.http.post(salon.url("/marketplace/callback/prepare")).bearer_auth(token).body(body).send()
    };
    assert_eq!(prepare(salon.token.clone()).await.expect("an answer").status(), 200, "who installed may");
    assert_eq!(prepare("nonsense".into()).await.expect("an answer").status(), 404);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_salon_is_silent_and_a_paid_one_speaks_again() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.crm("POST", &admin("freeze"), json!({})).await;
    salon.until_state(TenantState::Frozen).await;
    salon.trip().book().await.expect("booked");
    salon.decided("silent", "salon_frozen").await;
    salon.crm("POST", &admin("payment"), json!({})).await;
    salon.until_state(TenantState::Active).await;
    // What was kept back meanwhile is still worth saying.
    salon.told(1).await;
    salon.post(&path, salon.hook(52, "create", json!({}))).await;
    salon.told(2).await;
    salon.world.stop().await;
}

/// What waited was withdrawn when it was stopped: nobody else would plan it again.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_when_a_salon_was_disconnected_is_planned_again_when_it_is_back() {
    let salon = Salon::active_with([
        (
            "SALONBRIDGE_RULES",
            "settle_ms = 300\npacing.new_chats = [1]\npacing.near_percent = 0\npacing.pause_ms = [0, 0]"
                .to_owned(),
        ),
        ("SALONBRIDGE_CONFIRM_WAIT_S", "1".to_owned()),
    ])
    .await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(810, "create", json!({}))).await;
    salon.told(1).await;
    let boris = json!({
        "client": {"name": "Борис", "phone": "+79000000077"}, "staff_id": 1_500_101, "services": [7_700_201],
        "datetime": demo_trip::visit_time(4, 12), "length": 5400,
    });
    let booked = salon.crm("POST", &admin("records"), boris).await["id"].to_string();
    salon.until_why(&booked, "held: new_chats_full").await;
    salon.crm("POST", &admin("freeze"), json!({})).await;
    salon.until_why(&booked, "withdrawn: salon_stopped").await;

    salon.crm("POST", &admin("uninstall?silent=1"), json!({})).await;
    salon.trip().install(&mut Report::default()).await.expect("connected again");
    salon.until_state(TenantState::Active).await;
    salon
        .until("planned again", async || {
            salon.why(&booked).await.iter().filter(|line| *line == "planned: confirmation").count() == 2
        })
        .await;
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstalled_salon_is_unlinked_its_keys_are_gone_and_it_can_come_back() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.crm("POST", &admin("uninstall"), json!({})).await;
    salon.until_state(TenantState::Uninstalled).await;
    salon
        .until("keys destroyed", async || {
            let mut conn = salon.app().db.read().await.expect("a connection");
            tenant::find(&mut conn, &salon.tenant)
                .await
                .expect("read")
                .expect("there")
                .keys
                .data_key
                .is_empty()
        })
        .await;
    let card = salon
        .trip()
        .wa("GET", &format!("/phones/{}", demo_trip::SALON_PHONE), &Value::Null)
        .await
        .expect("a card");
    assert_eq!(card["companions"], json!([]), "the phone knows of no linked device");
    assert_eq!(
        salon.post(&path, salon.hook(61, "create", json!({}))).await,
        404,
        "the old address is nobody's"
    );

    let mut report = Report::default();
    let page = salon.trip().install(&mut report).await.expect("installed anew");
    salon.trip().link(&page, &mut report).await.expect("linked anew");
    assert_ne!(salon.hook_path().await, path, "a new address");
    salon.trip().book().await.expect("booked");
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_companies_ids_and_keys_open_nothing() {
    let salon = Salon::active().await;
    let health = |key: String, id: String| {
        salon.http.get(salon.url(&format!("/api/v1/companies/{id}/health"))).bearer_auth(key).send()
    };
    let installed = salon.crm("GET", &format!("/admin/salons/{}", demo_trip::SALON), Value::Null).await;
    let api_key = installed["install"]["api_key"].as_str().expect("a key").to_owned();
    let own = health(api_key.clone(), salon.tenant.to_string()).await.expect("an answer");
    assert_eq!(own.status(), 200);
    let own: Value = own.json().await.expect("JSON");
    assert_eq!((own["light"].as_str(), own["whatsapp"].as_str()), (Some("green"), Some("online")), "{own}");
    let other = "tnt_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
    for (key, id) in
        [(api_key.clone(), other), ("wrong".into(), salon.tenant.to_string()), (api_key, "x".into())]
    {
        assert_eq!(health(key, id).await.expect("an answer").status(), 404);
    }
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_stands_in_the_clear_on_the_disk() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.trip().book().await.expect("booked");
    let text = salon.told(1).await.remove(0);
    let installed = salon.crm("GET", &format!("/admin/salons/{}", demo_trip::SALON), Value::Null).await;
    let hook_key = path.rsplit('/').next().expect("a key").to_owned();
    let first_line = text.lines().nth(1).expect("two lines").to_owned();
    let mut disk = Vec::new();
    for file in ["salonbridge.db", "salonbridge.db-wal"] {
        disk.extend(std::fs::read(salon.folder.path().join(file)).unwrap_or_default());
    }
    assert!(disk.len() > 100_000, "the database is here");
    let api_key = installed["install"]["api_key"].as_str().expect("a key").to_owned();
    for secret in [
        hook_key,
        api_key,
        first_line,
        demo_trip::CLIENT_PHONE.into(),
        "sandbox-partner-token".into(),
        "Примерова".into(),
    ] {
        let found = disk.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} stands in the clear");
    }
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_that_yclients_fails_in_the_middle_goes_on_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&Default::default(), folder.path(), 0).await.expect("the world starts");
    let trip = Trip::new(&world).expect("hands");
    let faults = json!({"routes": [
        {"route": "POST /marketplace/partner/callback", "kind": "status", "status": 500, "after": true, "count": 1},
        {"route": "GET /api/v1/company/*/staff", "kind": "status", "status": 429, "count": 1, "retry_after": 1},
    ]});
    trip.crm("POST", "/admin/faults", &faults).await.expect("set");
    let mut report = Report::default();
    let page = trip.install(&mut report).await.expect("installed");
    trip.link(&page, &mut report).await.expect("active in the end");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_product_brings_its_sessions_back_and_goes_on_with_what_waits() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    // Acknowledged, and the product stops before the settle window is over.
    assert_eq!(salon.post(&path, salon.hook(71, "create", json!({}))).await, 200);
    let salon = salon.restarted().await;
    salon.told(1).await;
    salon.trip().book().await.expect("booked");
    salon.told(2).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_removed_on_the_phone_is_seen_for_what_it_is() {
    let salon = Salon::active_on_postgres().await;
    let unlink = format!("/phones/{}/unlink", demo_trip::SALON_PHONE);
    salon.trip().wa("POST", &unlink, &json!({})).await.expect("unlinked");
    let lost = async || {
        let view = salonbridge::app::connect::view(salon.app(), &salon.tenant).await.expect("a view");
        view.step.name() == "refused"
    };
    salon.until("the page says that the phone was unlinked", lost).await;
    let health = salonbridge::app::health::of(salon.app(), &salon.tenant).await.expect("health");
    assert_eq!((health.whatsapp, health.light), ("logged_out", salonbridge::app::health::Light::Red));
    salon.world.stop().await;
}
