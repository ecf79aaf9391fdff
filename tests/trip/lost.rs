//! A link that is lost: what the page says, what its button does, and what a restart brings back.

use salonbridge::app::connect;
use salonbridge::boot::demo_trip::SALON_PHONE;
use salonbridge::domain::session::SessionState;
use salonbridge::storage::wa_session;
use serde_json::json;

use crate::kit::Salon;

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_session_is_taken_back_by_its_button() {
    let salon = Salon::active().await;
    salon.whatsapp(json!({"do": [{"replace": SALON_PHONE}]})).await;
    salon.until_session(SessionState::Replaced).await;
    assert_eq!(salon.step().await.name(), "refused");
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_session(SessionState::Online).await;
    salon.until_step("active").await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outdated_session_is_tried_again_by_its_button() {
    let salon = Salon::active().await;
    salon.whatsapp(json!({"connect": {"reason": 405, "next": 1}, "do": [{"close": SALON_PHONE}]})).await;
    salon.until_session(SessionState::Outdated).await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("rung");
    salon.until_session(SessionState::Online).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_is_not_knocked_at_before_its_end_by_button_or_restart() {
    let salon = Salon::active().await;
    let ban = json!({"reason": 402, "next": 1, "code": 101, "expire": 6});
    salon.whatsapp(json!({"connect": ban, "do": [{"close": SALON_PHONE}]})).await;
    salon.until_session(SessionState::Banned).await;
    let mut conn = salon.app().db.read().await.expect("a connection");
    let row = wa_session::find(&mut conn, &salon.tenant).await.expect("read").expect("there");
    drop(conn);
    let end = row.until.expect("an end");
    connect::try_again(salon.app(), &salon.tenant).await.expect("heard");
    let salon = salon.restarted().await;
    connect::try_again(salon.app(), &salon.tenant).await.expect("heard");
    while salon.app().now() < end {
        // Read in this order: a session that is back before its end is seen.
        let state = salon.session().await;
        assert!(state == SessionState::Banned || salon.app().now() >= end, "{state:?} before the end");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    salon.until_session(SessionState::Online).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_brings_back_a_replaced_and_an_outdated_session() {
    let salon = Salon::active().await;
    salon.whatsapp(json!({"do": [{"replace": SALON_PHONE}]})).await;
    salon.until_session(SessionState::Replaced).await;
    let salon = salon.restarted().await;
    salon.until_session(SessionState::Online).await;
    salon.whatsapp(json!({"connect": {"reason": 405, "next": 1}, "do": [{"close": SALON_PHONE}]})).await;
    salon.until_session(SessionState::Outdated).await;
    let salon = salon.restarted().await;
    salon.until_session(SessionState::Online).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_linked_session_is_brought_back_and_no_other() {
    let salon = Salon::active().await;
    salon.app().gateway().expect("there").stop(&salon.tenant).await;
    for state in SessionState::ALL {
        let mut conn = salon.app().db.begin().await.expect("a connection");
        wa_session::set_state(&mut conn, &salon.tenant, state, "", None, salon.app().now())
            .await
            .expect("set");
        let listed = wa_session::list_orphans(&mut conn, "restore_session").await.expect("read");
        conn.commit().await.expect("committed");
        assert_eq!(!listed.is_empty(), state.is_linked(), "{state:?}");
    }
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_was_unlinked_is_linked_no_more() {
    let salon = Salon::active().await;
    let unlink = format!("/phones/{SALON_PHONE}/unlink");
    salon.trip().wa("POST", &unlink, &json!({})).await.expect("unlinked");
    salon.until_session(SessionState::LoggedOut).await;
    connect::request_qr(salon.app(), &salon.tenant).await.expect("asked");
    salon.until_step("qr").await;
    salonbridge::app::sessions::cancel(salon.app(), &salon.tenant).await.expect("cancelled");
    salon.until_session(SessionState::Unpaired).await;
    assert_eq!(salon.step().await.name(), "preparing", "nothing is linked, whatever was once");
    let mut conn = salon.app().db.read().await.expect("a connection");
    let row = wa_session::find(&mut conn, &salon.tenant).await.expect("read").expect("there");
    assert_eq!(
        (row.phone.as_str(), row.name.as_str(), row.linked_at),
        ("", "", None),
        "the number is forgotten"
    );
    drop(conn);
    salon.world.stop().await;
}
