//! The library's five stores over the vault: the same promises on both engines.

use std::sync::Arc;
use std::time::Instant;

use salonbridge::whatsapp::store::WaStore;
use salonbridge::whatsapp::vault::Vault as _;
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::traits::{
    AppStateSyncKey, AppSyncStore, DeviceInfo, DeviceListRecord, DeviceStore, LidPnMappingEntry,
    MsgSecretEntry, MsgSecretStore, PendingInboundKey, PendingInboundRow, ProtocolStore, SignalStore,
    TcTokenEntry,
};
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::appstate::processor::AppStateMutationMAC;
use whatsapp_rust::wacore::store::Device;

use super::kit::{Base, add_tenant, held, postgres, sqlite, tenant, vault};

macro_rules! both {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(super::super::kit::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(base) = super::postgres().await {
                    super::$name(base).await;
                }
            }
        }
    )* };
}

both!(
    every_statement_is_taken_by_the_engine,
    signal_state_is_kept,
    a_batch_of_prekeys_is_one_quick_unit,
    app_state_is_kept,
    protocol_state_is_kept,
    tokens_merge_as_the_library_wants,
    secrets_merge_as_the_library_wants,
    concurrent_touches_lose_nothing,
    messages_are_taken_once,
    the_device_is_made_once_and_round_trips,
    one_tenant_sees_nothing_of_another,
);

async fn store(base: &Base) -> WaStore {
    let tenant = tenant();
    add_tenant(&base.db, &tenant).await;
    held(&vault(base).await, &tenant).await
}

async fn every_statement_is_taken_by_the_engine(base: Base) {
    let mut conn = base.db.read().await.expect("a connection");
    let count = salonbridge::storage::sql::prepare_all(&mut conn)
        .await
        .unwrap_or_else(|(sql, e)| panic!("{sql}: {e:?}"));
    assert!(count >= 15);
}

async fn signal_state_is_kept(base: Base) {
    let store = store(&base).await;
    let (anna, anna2) = ("79990000002@s.whatsapp.net", "79990000002:7@s.whatsapp.net");
    assert!(!store.has_signal_state_for_user("79990000002").await.expect("asked"));
    store.put_identities_batch(&[(anna.into(), [1; 32]), (anna2.into(), [2; 32])]).await.expect("put");
    assert!(store.has_signal_state_for_user("79990000002").await.expect("asked"));
    assert!(!store.has_signal_state_for_user("7999000000").await.expect("asked"));
    assert_eq!(store.load_identity(anna2).await.expect("loaded"), Some([2; 32]));
    store.put_identity(anna2, [3; 32]).await.expect("put");
    assert_eq!(store.load_identity(anna2).await.expect("loaded"), Some([3; 32]));
    store.delete_identity(anna2).await.expect("deleted");
    assert_eq!(store.load_identity(anna2).await.expect("loaded"), None);

    // Of two writes of one key in one batch the last stays.
    let batch: Vec<(Arc<str>, Bytes)> =
        vec![(anna.into(), Bytes::from_static(b"old")), (anna.into(), Bytes::from_static(b"new"))];
    store.put_sessions_batch(&batch).await.expect("put");
    assert_eq!(store.get_session(anna).await.expect("got"), Some(Bytes::from_static(b"new")));
    assert!(store.has_session(anna).await.expect("asked"));
    store.put_session(anna, b"").await.expect("an empty session is one");
    assert_eq!(store.get_session(anna).await.expect("got"), Some(Bytes::new()));
    store.delete_session(anna).await.expect("deleted");
    assert!(!store.has_session(anna).await.expect("asked"));

    store.store_signed_prekey(7, b"seven").await.expect("put");
    store.store_signed_prekey(3, b"three").await.expect("put");
    let all = store.load_all_signed_prekeys().await.expect("listed");
    assert_eq!(all, vec![(3, b"three".to_vec()), (7, b"seven".to_vec())]);
    store.remove_signed_prekey(3).await.expect("removed");
    assert_eq!(store.load_signed_prekey(3).await.expect("loaded"), None);
    assert_eq!(store.load_signed_prekey(7).await.expect("loaded"), Some(b"seven".to_vec()));

    store.put_sender_keys_batch(&[("g::a".into(), Bytes::from_static(b"k"))]).await.expect("put");
    assert_eq!(store.get_sender_key("g::a").await.expect("got"), Some(b"k".to_vec()));
    store.delete_sender_key("g::a").await.expect("deleted");
    assert_eq!(store.get_sender_key("g::a").await.expect("got"), None);
}

async fn a_batch_of_prekeys_is_one_quick_unit(base: Base) {
    let store = store(&base).await;
    assert_eq!(store.get_max_prekey_id().await.expect("asked"), 0);
    let keys: Vec<(u32, Bytes)> = (1..=812).map(|id| (id, Bytes::from(vec![id as u8; 70]))).collect();
    let began = Instant::now();
    store.store_prekeys_batch(&keys, false).await.expect("stored");
    let took = began.elapsed();
    println!("812 pre-keys in {took:?}");
    assert!(took.as_millis() < 1_500, "812 pre-keys took {took:?}");
    assert_eq!(store.get_max_prekey_id().await.expect("asked"), 812);
    assert_eq!(store.load_prekey(500).await.expect("loaded"), Some(keys[499].1.clone()));
    let some = store.load_prekeys_batch(&[5, 9_999, 3]).await.expect("loaded");
    assert_eq!(some, vec![keys[4].clone(), keys[2].clone()]);

    // A key that was used up before it was marked stays used up.
    store.remove_prekey(10).await.expect("removed");
    store.mark_prekeys_uploaded(&[9, 10, 11]).await.expect("marked");
    assert_eq!(store.load_prekey(10).await.expect("loaded"), None);
    store.mark_prekeys_uploaded(&[]).await.expect("nothing to mark");
    let more: Vec<(u32, Bytes)> = (813..=10_000).map(|id| (id, Bytes::from_static(b"k"))).collect();
    store.store_prekeys_batch(&more, true).await.expect("more than one statement holds");
    assert_eq!(store.get_max_prekey_id().await.expect("asked"), 10_000);
}

async fn app_state_is_kept(base: Base) {
    let store = store(&base).await;
    assert_eq!(store.get_latest_sync_key_id().await.expect("asked"), None);
    for id in [2_u8, 1] {
        let key = AppStateSyncKey { key_data: vec![id; 32], fingerprint: vec![9], timestamp: 5 };
        store.set_sync_key(&[id, 0], key).await.expect("set");
    }
    assert_eq!(store.get_latest_sync_key_id().await.expect("asked"), Some(vec![1, 0]));
    assert_eq!(store.get_sync_key(&[2, 0]).await.expect("got").expect("there").key_data, vec![2; 32]);
    assert!(store.get_sync_key(&[3]).await.expect("got").is_none());

    assert_eq!(store.get_version("regular").await.expect("got").version, 0);
    let state = HashState { version: 4, hash: [8; 128], ..HashState::default() };
    store.set_version("regular", state).await.expect("set");
    let state = store.get_version("regular").await.expect("got");
    assert_eq!((state.version, state.hash), (4, [8; 128]));

    let mac = |byte: u8| AppStateMutationMAC { index_mac: vec![byte; 32], value_mac: vec![byte; 8] };
    store.put_mutation_macs("regular", 4, &[mac(1), mac(2), mac(3)]).await.expect("put");
    store.put_mutation_macs("critical", 1, &[mac(1)]).await.expect("put");
    store.delete_mutation_macs("regular", &[vec![2; 32]]).await.expect("deleted");
    let macs = store.get_mutation_macs("regular", &[[1; 32], [2; 32], [3; 32]]).await.expect("got");
    assert_eq!(macs.len(), 2);
    store.clear_mutation_macs("regular").await.expect("cleared");
    assert_eq!(store.get_mutation_mac("regular", &[1; 32]).await.expect("got"), None);
    assert_eq!(store.get_mutation_mac("critical", &[1; 32]).await.expect("got"), Some(vec![1; 8]));
}

fn mapping(lid: &str, phone: &str, updated_at: i64) -> LidPnMappingEntry {
    LidPnMappingEntry {
        lid: lid.to_owned(),
        phone_number: phone.to_owned(),
        created_at: 1,
        updated_at,
        learning_source: "usync".to_owned(),
    }
}

async fn protocol_state_is_kept(base: Base) {
    let store = store(&base).await;
    store.put_lid_mappings(&[mapping("100", "7999", 5), mapping("200", "7999", 9)]).await.expect("put");
    assert_eq!(store.get_pn_mapping("7999").await.expect("got").expect("there").lid, "200");
    store.put_lid_mapping(&mapping("200", "7888", 10)).await.expect("put");
    assert_eq!(store.get_pn_mapping("7999").await.expect("got").expect("there").lid, "100");
    assert_eq!(store.get_lid_mapping("200").await.expect("got").expect("there").phone_number, "7888");
    assert_eq!(store.get_all_lid_mappings().await.expect("listed").len(), 2);

    store.set_sender_key_status("g1", &[("a:1", true), ("b:2", false)]).await.expect("set");
    store.set_sender_key_status("g2", &[("a:1", true)]).await.expect("set");
    store.delete_sender_key_device_rows(&["a:1"]).await.expect("deleted");
    let left = store.get_sender_key_devices("g1").await.expect("got");
    assert_eq!(left, vec![("b:2".to_owned(), false)]);
    assert!(store.get_sender_key_devices("g2").await.expect("got").is_empty());
    store.clear_sender_key_devices("g1").await.expect("cleared");
    store.clear_all_sender_key_devices().await.expect("cleared");
    assert!(store.get_sender_key_devices("g1").await.expect("got").is_empty());

    store.save_base_key("a", "m", b"key").await.expect("saved");
    assert!(store.has_same_base_key("a", "m", b"key").await.expect("asked"));
    assert!(!store.has_same_base_key("a", "m", b"yek").await.expect("asked"));
    store.delete_base_key("a", "m").await.expect("deleted");
    assert!(!store.has_same_base_key("a", "m", b"key").await.expect("asked"));

    let record = |user: &str, id| DeviceListRecord {
        user: user.to_owned(),
        devices: vec![DeviceInfo::new(0, None), DeviceInfo::new(id, Some(3))],
        timestamp: 4,
        phash: Some("2:x".to_owned()),
        raw_id: Some(77),
    };
    store.update_device_lists(vec![record("7999", 1), record("7888", 2)]).await.expect("updated");
    store.update_device_list(record("7999", 5)).await.expect("updated");
    let devices = store.get_devices("7999").await.expect("got").expect("there");
    assert_eq!((devices.devices[1].device_id, devices.raw_id), (5, Some(77)));
    store.delete_devices("7999").await.expect("deleted");
    assert!(store.get_devices("7999").await.expect("got").is_none());

    store.put_group_metadata("g", b"blob").await.expect("put");
    assert_eq!(store.get_group_metadata("g").await.expect("got"), Some(b"blob".to_vec()));
    store.delete_group_metadata("g").await.expect("deleted");
    assert_eq!(store.get_group_metadata("g").await.expect("got"), None);
}

async fn tokens_merge_as_the_library_wants(base: Base) {
    let store = store(&base).await;
    store.touch_tc_token_sender_timestamp("a@lid", 50).await.expect("touched");
    store.touch_tc_token_sender_timestamp("a@lid", 40).await.expect("touched");
    store.store_received_tc_token("a@lid", b"token", 10).await.expect("stored");
    store.store_received_tc_token("a@lid", b"stale", 9).await.expect("stored");
    let token = store.get_tc_token("a@lid").await.expect("got").expect("there");
    assert_eq!(
        (token.token.as_slice(), token.token_timestamp, token.sender_timestamp),
        (&b"token"[..], 10, Some(50))
    );
    store.store_received_tc_token("a@lid", b"fresh", 10).await.expect("stored");
    assert_eq!(store.get_tc_token("a@lid").await.expect("got").expect("there").token, b"fresh");

    let entry = TcTokenEntry { token: b"t".to_vec(), token_timestamp: 5, sender_timestamp: None };
    store.put_tc_token("b@lid", &entry).await.expect("put");
    store.touch_tc_token_sender_timestamp("c@lid", 3).await.expect("touched");
    let mut jids = store.get_all_tc_token_jids().await.expect("listed");
    jids.sort();
    assert_eq!(jids, ["a@lid", "b@lid", "c@lid"]);
    // The received token of `a` is old, its own is not; both of `b` and `c` are.
    assert_eq!(store.delete_expired_tc_tokens(20, 45).await.expect("deleted"), 2);
    assert_eq!(store.get_all_tc_token_jids().await.expect("listed"), ["a@lid"]);
    store.delete_tc_token("a@lid").await.expect("deleted");
    assert!(store.get_tc_token("a@lid").await.expect("got").is_none());
}

async fn secrets_merge_as_the_library_wants(base: Base) {
    let store = store(&base).await;
    let entry = |id: &str, expires_at, message_ts| MsgSecretEntry {
        chat: "c".into(),
        sender: "s".into(),
        msg_id: id.into(),
        secret: [7; 32],
        expires_at,
        message_ts,
    };
    let batch = vec![entry("1", 100, 5), entry("2", 0, 0), entry("3", 10, 1)];
    assert_eq!(store.put_msg_secrets(batch).await.expect("put"), 3);
    store.put_msg_secrets(vec![entry("1", 50, 0), entry("3", 0, 0)]).await.expect("put");
    let kept = store.get_msg_secret_with_ts("c", "s", "1").await.expect("got");
    assert_eq!(kept, Some((vec![7; 32], 5)));
    assert_eq!(store.delete_expired_msg_secrets(99).await.expect("deleted"), 0);
    assert_eq!(store.delete_expired_msg_secrets(100).await.expect("deleted"), 1);
    assert!(store.get_msg_secret("c", "s", "2").await.expect("got").is_some());
    assert!(store.get_msg_secret("c", "s", "3").await.expect("got").is_some());
}

async fn concurrent_touches_lose_nothing(base: Base) {
    let store = store(&base).await;
    let touches = (0..20).map(|n| {
        let store = store.clone();
        async move {
            store.touch_tc_token_sender_timestamp("x@lid", n).await.expect("touched");
            store.store_received_tc_token("x@lid", b"token", n).await.expect("stored");
        }
    });
    futures::future::join_all(touches).await;
    let token = store.get_tc_token("x@lid").await.expect("got").expect("there");
    assert_eq!((token.token_timestamp, token.sender_timestamp), (19, Some(19)));
}

async fn messages_are_taken_once(base: Base) {
    let store = store(&base).await;
    store.store_sent_message("a@lid", "M1", b"payload").await.expect("stored");
    let takers = (0..8).map(|_| store.take_sent_message("a@lid", "M1"));
    let taken = futures::future::join_all(takers).await;
    let got: Vec<_> = taken.into_iter().filter_map(|one| one.expect("asked")).collect();
    assert_eq!(got, vec![b"payload".to_vec()]);
    store.store_sent_message("a@lid", "M2", b"payload").await.expect("stored");
    assert_eq!(store.delete_expired_sent_messages(1_000).await.expect("deleted"), 0);
    assert_eq!(store.delete_expired_sent_messages(i64::MAX).await.expect("deleted"), 1);

    let row = |id, message| PendingInboundRow { chat: "c", sender: "s", id, message };
    store.store_pending_inbound_batch(&[row("1", b"one"), row("2", b"two")]).await.expect("stored");
    assert_eq!(store.get_pending_inbound("c", "s", "1").await.expect("got"), Some(b"one".to_vec()));
    assert_eq!(store.get_pending_inbound("c", "x", "1").await.expect("got"), None);
    let key = |id| PendingInboundKey { chat: "c", sender: "s", id };
    store.delete_pending_inbound_batch(&[key("1"), key("2")]).await.expect("deleted");
    assert_eq!(store.get_pending_inbound("c", "s", "2").await.expect("got"), None);
    store.store_pending_inbound("c", "s", "3", b"three").await.expect("stored");
    assert_eq!(store.delete_expired_pending_inbound(1_000).await.expect("deleted"), 0);
    store.delete_pending_inbound("c", "s", "3").await.expect("deleted");
}

async fn the_device_is_made_once_and_round_trips(base: Base) {
    let store = store(&base).await;
    assert!(!store.exists().await.expect("asked"));
    store.create().await.expect("created");
    let first = store.load().await.expect("loaded").expect("there");
    store.create().await.expect("created");
    let again = store.load().await.expect("loaded").expect("there");
    assert_eq!(first.registration_id, again.registration_id);
    let mut device = Device::new();
    device.push_name = "Salon".to_owned();
    store.save(&device).await.expect("saved");
    let loaded = store.load().await.expect("loaded").expect("there");
    assert_eq!((loaded.push_name.as_str(), loaded.registration_id), ("Salon", device.registration_id));
    assert_eq!(loaded.adv_secret_key, device.adv_secret_key);
}

async fn one_tenant_sees_nothing_of_another(base: Base) {
    let vault = vault(&base).await;
    let (iris, rose) = (tenant(), tenant());
    add_tenant(&base.db, &iris).await;
    add_tenant(&base.db, &rose).await;
    let (of_iris, of_rose) = (held(&vault, &iris).await, held(&vault, &rose).await);
    let of = |tenant: &_| if *tenant == iris { &of_iris } else { &of_rose };
    of(&iris).put_session("a@s.whatsapp.net", b"iris").await.expect("put");
    of(&rose).put_session("a@s.whatsapp.net", b"rose").await.expect("put");
    assert_eq!(
        of(&iris).get_session("a@s.whatsapp.net").await.expect("got"),
        Some(Bytes::from_static(b"iris"))
    );
    vault.wipe(of_iris.lease()).await.expect("wiped");
    assert!(!of(&iris).has_session("a@s.whatsapp.net").await.expect("asked"));
    assert!(of(&rose).has_session("a@s.whatsapp.net").await.expect("asked"));
}

/// Neither who wrote, nor what, nor the key it was sealed with can be read off the disk.
#[tokio::test]
async fn nothing_is_readable_on_the_disk() {
    let base = sqlite().await;
    let store = store(&base).await;
    store.create().await.expect("created");
    let device = store.load().await.expect("loaded").expect("there");
    store.put_identity("79990000002@s.whatsapp.net", [0xAB; 32]).await.expect("put");
    store.put_session("79990000002:4@s.whatsapp.net", &[0xCD; 64]).await.expect("put");
    store.put_lid_mapping(&mapping("123456789012345", "79990000002", 5)).await.expect("put");
    store
        .store_sent_message("79990000002@s.whatsapp.net", "3EB0MSG", b"Anna, tomorrow at ten")
        .await
        .expect("put");
    store.store_pending_inbound("c", "79990000002", "1", b"see you then").await.expect("put");
    store
        .put_tc_token(
            "123456789012345@lid",
            &TcTokenEntry { token: b"tokentokentoken".to_vec(), token_timestamp: 1, sender_timestamp: None },
        )
        .await
        .expect("put");

    let mut disk = Vec::new();
    for file in std::fs::read_dir(base.folder.path()).expect("a folder") {
        disk.extend(std::fs::read(file.expect("a file").path()).expect("readable"));
    }
    assert!(disk.len() > 10_000, "the write-ahead log is part of it");
    let adv = device.adv_secret_key;
    let noise: Vec<u8> = device.noise_key.public_key.public_key_bytes().to_vec();
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("a number", b"79990000002".to_vec()),
        ("a LID", b"123456789012345".to_vec()),
        ("a JID's server", b"s.whatsapp.net".to_vec()),
        ("a message id", b"3EB0MSG".to_vec()),
        ("a text sent", b"tomorrow at ten".to_vec()),
        ("a text received", b"see you then".to_vec()),
        ("a token", b"tokentokentoken".to_vec()),
        ("an identity key", vec![0xAB; 16]),
        ("a session", vec![0xCD; 16]),
        ("the device's secret", adv.to_vec()),
        ("the device's noise key", noise),
    ];
    for (what, secret) in secrets {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(&secret);
        for form in [
            secret.clone(),
            hex::encode(&secret).into_bytes(),
            base64.trim_end_matches('=').as_bytes().to_vec(),
        ] {
            let found = disk.windows(form.len()).any(|window| window == form);
            assert!(!found, "{what} is readable in the database's files");
        }
    }
}
