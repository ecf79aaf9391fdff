//! Two processes on one database: a session is in one hand, and the other hand can do nothing.

use std::sync::Arc;

use salonbridge::domain::session::{PairBy, SessionState};
use salonbridge::whatsapp::error::Error;
use salonbridge::whatsapp::gateway::{Gateway as _, Outgoing};
use salonbridge::whatsapp::vault::Vault as _;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::traits::{DeviceStore as _, ProtocolStore as _, SignalStore as _};
use whatsapp_rust::wacore::store::Device;

use super::kit::{
    ANNA, Base, House, Recorder, SALON, add_tenant, gateway, held, phone, postgres, quick, sqlite, tenant,
    vault, vault_with,
};

#[tokio::test]
async fn a_store_whose_session_was_taken_over_writes_nothing_on_sqlite() {
    a_store_whose_session_was_taken_over_writes_nothing(sqlite().await).await;
}

#[tokio::test]
async fn a_store_whose_session_was_taken_over_writes_nothing_on_postgres() {
    a_store_whose_session_was_taken_over_writes_nothing(postgres().await.expect("a PostgreSQL")).await;
}

/// A process that slept while another took its session over must not write one byte over the new one's keys.
async fn a_store_whose_session_was_taken_over_writes_nothing(base: Base) {
    let vault = vault(&base).await;
    let tenant = tenant();
    add_tenant(&base.db, &tenant).await;
    let asleep = held(&vault, &tenant).await;
    asleep.create().await.expect("created");
    asleep.put_session("a@s.whatsapp.net", b"before").await.expect("put");
    asleep.store_prekeys_batch(&[(1, Bytes::from_static(b"key"))], false).await.expect("put");
    let awake = held(&vault, &tenant).await;
    assert!(asleep.put_session("a@s.whatsapp.net", b"late").await.is_err());
    assert!(asleep.delete_session("a@s.whatsapp.net").await.is_err());
    assert!(asleep.mark_prekeys_uploaded(&[1]).await.is_err());
    assert!(asleep.remove_prekey(1).await.is_err());
    assert!(asleep.save(&Device::new()).await.is_err());
    assert!(asleep.clear_all_sender_key_devices().await.is_err());
    assert!(asleep.touch_tc_token_sender_timestamp("a@s.whatsapp.net", 5).await.is_err());
    assert!(asleep.take_sent_message("chat", "message").await.is_err());
    assert!(asleep.delete_expired_tc_tokens(i64::MAX, i64::MAX).await.is_err());
    assert!(vault.wipe(asleep.lease()).await.is_err());
    assert_eq!(
        awake.get_session("a@s.whatsapp.net").await.expect("got"),
        Some(Bytes::from_static(b"before"))
    );
    awake.put_session("a@s.whatsapp.net", b"after").await.expect("the new one writes");
}

/// Two gateways on one database, as two nodes would have them.
#[tokio::test]
async fn a_session_runs_on_one_node_and_passes_to_the_other_when_it_is_let_go() {
    let base = postgres().await.expect("a PostgreSQL");
    let house = House::on(base, quick()).await;
    let other_vault = vault_with(&house.base, house.keys.clone()).await;
    let told = Arc::new(Recorder::default());
    let other = gateway(&house.stage, other_vault, told.clone(), quick());
    let tenant = house.linked(SALON).await;

    assert!(matches!(other.restore(&tenant).await, Err(Error::Elsewhere)));
    assert!(matches!(other.pair(&tenant, PairBy::Qr).await, Err(Error::Elsewhere)));
    assert!(matches!(other.logout(&tenant).await, Err(Error::Elsewhere)), "nobody else may destroy its keys");
    assert_eq!(other.running(), 0);

    let old = house.gateway.lease(&tenant).expect("it runs here");
    house.gateway.stop(&tenant).await;
    other.restore(&tenant).await.expect("free now");
    told.state(&tenant, SessionState::Online).await;
    assert!(matches!(house.gateway.restore(&tenant).await, Err(Error::Elsewhere)));
    let message =
        Outgoing { message_id: "3EB0000000000000000009".into(), to: phone(ANNA), text: "late".into() };
    assert!(house.gateway.send(&old, &message).await.is_err(), "its time is over");
    let lease = other.lease(&tenant).expect("it runs there");
    assert!(lease.epoch > old.epoch);
    other.send(&lease, &message).await.expect("sent");
    assert_eq!(house.stage.messages(ANNA, 1).await.len(), 1);
    other.shutdown().await;
}

/// The others gave the process up while it slept: it lets go of everything, and says nothing more of it.
#[tokio::test]
async fn a_node_that_was_given_up_lets_go_of_all_it_ran_and_tells_nothing() {
    let house = House::open().await;
    let tenant = house.linked(SALON).await;
    house.told.forget();
    house.gateway.abandon().await;
    assert_eq!((house.gateway.running(), house.gateway.lease(&tenant)), (0, None));
    assert_eq!(house.told.of(&tenant), [], "what it knows is worth nothing");
    house.gateway.restore(&tenant).await.expect("its own again, under another epoch");
    house.told.state(&tenant, SessionState::Online).await;
    house.gateway.shutdown().await;
}

/// A node's share is of linked sessions: pages that show a code must not push these away.
#[tokio::test]
async fn a_code_that_is_shown_takes_no_linked_sessions_place() {
    let house = House::open().await;
    let tenant = house.salon().await;
    house.gateway.pair(&tenant, PairBy::Qr).await.expect("begun");
    house.told.qr(&tenant).await;
    assert_eq!(house.gateway.running(), 0);
    house.link(&tenant, SALON).await;
    assert_eq!(house.gateway.running(), 1);
}
