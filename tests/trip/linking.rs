//! The way from a code to an active salon, when WhatsApp or YClients does not go along.

use std::sync::Arc;

use salonbridge::app::connect;
use salonbridge::app::session_events::AppSink;
use salonbridge::boot::demo_trip::{self, SALON_PHONE};
use salonbridge::domain::connect::ConnectStep;
use salonbridge::domain::session::{Refusal, SessionEvent};
use salonbridge::domain::tenant::TenantState;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::storage::job;
use salonbridge::whatsapp::gateway::Sink as _;
use serde_json::json;

use crate::kit::Salon;

/// A salon whose linking was given up because WhatsApp said nothing; by now it speaks again.
async fn unanswered() -> Salon {
    let salon = Salon::installed(json!({"silent": true})).await;
    let refused = salon.until_step("refused").await;
    assert!(matches!(refused, ConnectStep::Refused { why: Refusal::Unreachable, .. }), "{refused:?}");
    salon.whatsapp(json!({"silent": null})).await;
    salon
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linking_that_whatsapp_did_not_answer_begins_anew_by_its_button() {
    let salon = unanswered().await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_step("qr").await;
    salon.link().await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linking_that_whatsapp_did_not_answer_begins_anew_when_the_page_is_opened_again() {
    let salon = unanswered().await;
    let page = format!("/connect?token={}", salon.token);
    assert_eq!(salon.get(&page).await, 200);
    assert_eq!(salon.step().await.name(), "refused", "reloads do not hammer");
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    assert_eq!(salon.get(&page).await, 200);
    salon.until_step("qr").await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_code_stays_refused_until_somebody_asks_again() {
    let salon = Salon::installed(json!({})).await;
    let ConnectStep::Qr { raw, .. } = salon.until_step("qr").await else { panic!("a code") };
    // No account has this number.
    connect::request_code(salon.app(), &salon.tenant, "+79000000777").await.expect("asked");
    salon.until_step("refused").await;
    let sink = AppSink(Arc::downgrade(&salon.world.product.app));
    let lease = salon.app().gateway().expect("there").lease(&salon.tenant).expect("it still links");
    let next = SessionEvent::Qr { code: raw, number: 2, of: 6, expires_at: UnixMs(i64::MAX) };
    sink.tell(&lease, next).await;
    assert_eq!(salon.step().await.name(), "refused", "the next picture takes nothing off the screen");
    sink.tell(&lease, SessionEvent::QrExhausted).await;
    assert_eq!(salon.step().await.name(), "refused");
    connect::request_qr(salon.app(), &salon.tenant).await.expect("asked");
    salon.until_step("qr").await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_can_still_be_typed_stays_on_the_screen_when_the_pictures_run_out() {
    let salon = Salon::installed(json!({})).await;
    salon.until_step("qr").await;
    connect::request_code(salon.app(), &salon.tenant, &format!("+{SALON_PHONE}")).await.expect("asked");
    let shown = async || matches!(salon.step().await, ConnectStep::Code { code, .. } if !code.is_empty());
    salon.until("a code", shown).await;
    let lease = salon.app().gateway().expect("there").lease(&salon.tenant).expect("it still links");
    AppSink(Arc::downgrade(&salon.world.product.app)).tell(&lease, SessionEvent::QrExhausted).await;
    assert!(shown().await);
    salon.world.stop().await;
}

/// Scans the code, says yes, and leaves the rest to the job.
async fn confirm(salon: &Salon) {
    let ConnectStep::Qr { raw, .. } = salon.until_step("qr").await else { panic!("a code") };
    let scan = format!("/phones/{SALON_PHONE}/scan");
    salon.trip().wa("POST", &scan, &json!({"qr": raw})).await.expect("scanned");
    salon.until_state(TenantState::WhatsappConnected).await;
    salonbridge::app::activate::confirm_number(salon.app(), &salon.tenant).await.expect("confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_yclients_is_named_while_the_activation_waits_for_it() {
    let salon = Salon::installed(json!({})).await;
    let down =
        json!({"routes": [{"route": "POST /marketplace/partner/callback", "kind": "status", "status": 500}]});
    salon.crm("POST", "/admin/faults", down).await;
    confirm(&salon).await;
    let step = salon.until_step("yclients_silent").await;
    assert_eq!(step, ConnectStep::YclientsSilent { linked: true });
    salon.crm("POST", "/admin/faults", json!({"clear": true})).await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_state(TenantState::Active).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_licence_is_named_and_a_paid_one_goes_on_by_the_button() {
    let salon = Salon::installed(json!({})).await;
    let path = format!("/admin/salons/{}", demo_trip::SALON);
    salon.crm("PATCH", &path, json!({"licence_expired": true})).await;
    confirm(&salon).await;
    salon.until_step("licence_expired").await;
    salon.crm("PATCH", &path, json!({"licence_expired": false})).await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_state(TenantState::Active).await;
    let mut conn = salon.app().db.read().await.expect("a connection");
    let parked = job::list_parked(&mut conn, &salon.tenant, 10).await.expect("read");
    assert!(parked.is_empty(), "nobody is called to what is mended: {parked:?}");
    drop(conn);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_that_cannot_succeed_is_said_to_be_our_fault() {
    let salon = Salon::installed(json!({})).await;
    let refuse = json!({"routes": [{"route": "GET /api/v1/company/*", "kind": "status", "status": 401}]});
    salon.crm("POST", "/admin/faults", refuse).await;
    confirm(&salon).await;
    let step = salon.until_step("our_fault").await;
    assert!(matches!(&step, ConnectStep::OurFault { request_id } if !request_id.is_empty()), "{step:?}");
    salon.crm("POST", "/admin/faults", json!({"clear": true})).await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_state(TenantState::Active).await;
    salon.world.stop().await;
}
