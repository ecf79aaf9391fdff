//! What comes from outside at the wrong time, or wrongly.

use salonbridge::app::{addresses, enqueue};
use salonbridge::boot::demo_trip;
use salonbridge::domain::tenant::{Tenant, TenantState};
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::kernel::id::TenantId;
use salonbridge::kernel::locale::Locale;
use salonbridge::storage::tenant::{self, SealedKeys};
use serde_json::{Value, json};

use crate::kit::{Salon, until};
use crate::number::Desk;

const STATUS: &str = "GET /marketplace/salon/*";

impl Salon {
    async fn faults(&self, routes: Value) {
        self.crm("POST", "/admin/faults", json!({ "routes": routes })).await;
    }

    /// Salons that exist only to be asked about.
    async fn crowd(&self, count: i64) {
        let now = self.app().now();
        let mut conn = self.app().db.begin().await.expect("a connection");
        for number in 0..count {
            let id = TenantId::new(now);
            let keys = SealedKeys {
                data_key: "-".to_owned(),
                api_key: String::new(),
                hook_key: String::new(),
                hook_key_hash: id.to_string(),
                owner: String::new(),
            };
            let new = Tenant {
                id: id.clone(),
                salon_id: SalonId(700_000 + number),
                state: TenantState::PendingWhatsapp,
                title: "Crowd".to_owned(),
                address: String::new(),
                timezone: chrono_tz::UTC,
                locale: Locale::En,
                created_at: now,
                state_since_at: now,
                activated_at: None,
                number_confirmed_at: None,
                gone_at: None,
            };
            assert!(tenant::insert(&mut conn, &new, &keys).await.expect("inserted"));
            enqueue::installation(&mut conn, enqueue::CHECK_STATUS, &id, now, now).await.expect("rung");
        }
        conn.commit().await.expect("committed");
        self.app().ring();
    }

    async fn known(&self) -> tenant::StoredTenant {
        let mut conn = self.app().db.read().await.expect("a connection");
        tenant::find(&mut conn, &self.tenant).await.expect("read").expect("there")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_yclients_makes_everybody_wait_clients_are_still_told() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon
        .faults(json!([{"route": STATUS, "kind": "status", "status": 429, "retry_after": 600, "count": 1}]))
        .await;
    // More of them than a worker has places.
    salon.crowd(100).await;
    salon.until("the marketplace's refusal", async || salon.strikes().await > 0).await;
    salon.post(&path, salon.hook(61, "create", json!({}))).await;
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_alone_is_not_believed_when_it_says_that_a_salon_has_gone() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.faults(json!([{"route": STATUS, "kind": "status", "status": 404, "count": 1}])).await;
    let now = salon.app().now();
    let mut conn = salon.app().db.begin().await.expect("a connection");
    enqueue::installation(&mut conn, enqueue::CHECK_STATUS, &salon.tenant, now, now).await.expect("rung");
    conn.commit().await.expect("committed");
    salon.app().ring();
    salon.until_state(TenantState::Frozen).await;
    let doubted = salon.known().await;
    assert!(
        doubted.tenant.gone_at.is_some_and(|at| at > now.plus_secs(3600)),
        "{:?}",
        doubted.tenant.gone_at
    );
    assert!(!doubted.keys.data_key.is_empty(), "its keys are kept");

    salon.crm("POST", &format!("/admin/salons/{}/payment", demo_trip::SALON), json!({})).await;
    salon.until_state(TenantState::Active).await;
    assert_eq!(salon.known().await.tenant.gone_at, None, "the doubt is over");
    salon.post(&path, salon.hook(62, "create", json!({}))).await;
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_webhook_address_loses_no_hook() {
    let Desk { salon, app: elsewhere, .. } = Desk::open(Salon::active().await).await;
    let old = salon.hook_path().await;
    let old_key = old.rsplit('/').next().expect("a key");
    addresses::find(&elsewhere, old_key).await.expect("known on the other node, and remembered there");
    let rotate = format!("/api/v1/companies/{}/webhook-key/rotate", salon.tenant);
    let key = salon.app().keys.of(&salon.tenant).await.expect("a key");
    let api_key = key.open_text("tenant", "api_key", &salon.known().await.keys.api_key).expect("opens");
    let told = salon.http.post(salon.url(&rotate)).bearer_auth(api_key).send().await.expect("an answer");
    let told: Value = told.json().await.expect("JSON");
    let new = told["webhook_urls"][0].as_str().expect("an address");
    let new = new.strip_prefix(&salon.world.product_url).expect("ours").to_owned();

    assert_eq!(salon.post(&old, salon.hook(63, "create", json!({}))).await, 200, "YClients was not told yet");
    assert_eq!(salon.post(&new, salon.hook(64, "create", json!({}))).await, 200);
    assert_eq!(salon.post(&old, salon.hook(65, "create", json!({}))).await, 404, "the new one is in use");
    until("the other node's doubt in the old address", async || {
        addresses::find(&elsewhere, old_key).await.is_err()
    })
    .await;
    salon.world.stop().await;
}

/// Each way the marketplace can fail the activation: the installation goes on by itself once it is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_activation_bears_every_answer_of_the_marketplace() {
    const CALLBACK: &str = "POST /marketplace/partner/callback";
    for fault in [
        json!({"route": CALLBACK, "kind": "status", "status": 429, "retry_after": 1, "count": 1}),
        json!({"route": CALLBACK, "kind": "status", "status": 500, "count": 1}),
        json!({"route": CALLBACK, "kind": "html", "status": 502, "count": 1}),
        json!({"route": CALLBACK, "kind": "empty", "count": 1}),
        json!({"route": CALLBACK, "kind": "half", "count": 1}),
        json!({"route": CALLBACK, "kind": "half", "after": true, "count": 1}),
        json!({"route": CALLBACK, "kind": "status", "status": 401, "count": 1}),
        json!({"route": CALLBACK, "kind": "status", "status": 403, "after": true, "count": 1}),
    ] {
        let salon = Salon::active_under(json!([fault])).await;
        assert_eq!(salon.state().await, TenantState::Active, "{fault}");
        assert!(salon.strikes().await > 0, "{fault}");
        salon.world.stop().await;
    }
}

impl Salon {
    /// How often the faults have struck.
    async fn strikes(&self) -> u64 {
        let faults = self.crm("GET", "/admin/faults", Value::Null).await;
        faults["routes"].as_array().expect("a list").iter().filter_map(|fault| fault["hits"].as_u64()).sum()
    }
}
