//! What the server refuses, as the real one does.

use serde_json::json;
use wacore_binary::builder::NodeBuilder;
use whatsapp_rust::Jid;
use whatsapp_rust::transport::{TokioWebSocketTransportFactory, TransportFactory as _};

use crate::forger::{Forger, Keys, login};
use crate::kit::{ANNA, SALON, Stage};

#[tokio::test]
async fn a_device_that_does_not_sign_is_not_linked() {
    let stage = Stage::open().await;
    let keys = Keys::generate();
    let mut forger = Forger::connect(&stage, &keys.noise, &keys.registration(&keys.identity)).await;
    let greeting = forger.next().await.expect("references");
    forger.answer(&greeting, Vec::new()).await;
    let qr = keys.qr(&greeting);
    let scanning = stage.try_post("/phones/79990000001/scan", json!({ "qr": qr }));
    let signing = async {
        let question = forger.next().await.expect("pair-success");
        let sealed = question.get_optional_child_by_tag(&["pair-success", "device-identity"]);
        let Some(wacore_binary::NodeContent::Bytes(sealed)) = sealed.and_then(|it| it.content.clone()) else {
            panic!("no identity in {question:?}")
        };
        let sealed = waproto::codec::adv_signed_device_identity_hmac_decode(&sealed).expect("a container");
        let mut signed = waproto::codec::adv_signed_device_identity_decode(&sealed.details.expect("details"))
            .expect("an identity");
        signed.device_signature = Some(vec![1; 64]);
        let bytes = waproto::codec::adv_signed_device_identity_to_vec(&signed);
        let identity = NodeBuilder::new("device-identity").attr("key-index", 1).bytes(bytes).build();
        forger
            .answer(&question, vec![NodeBuilder::new("pair-device-sign").children([identity]).build()])
            .await;
        forger.next().await
    };
    let ((status, answer), last_word) = tokio::join!(scanning, signing);
    assert_eq!((status, &answer["error"]), (409, &json!("bad-device-signature")));
    assert_eq!(last_word.expect("a stream error").tag, "stream:error");
    assert_eq!(stage.get(&format!("/phones/{SALON}")).await["companions"], json!([]));
}

#[tokio::test]
async fn a_companion_that_hangs_up_is_not_waited_for() {
    let stage = Stage::open().await;
    let keys = Keys::generate();
    let mut forger = Forger::connect(&stage, &keys.noise, &keys.registration(&keys.identity)).await;
    let greeting = forger.next().await.expect("references");
    let qr = keys.qr(&greeting);
    let scanning = stage.try_post("/phones/79990000001/scan", json!({ "qr": qr }));
    let leaving = async {
        forger.next().await.expect("pair-success");
        forger.leave().await;
    };
    let ((status, answer), ()) = tokio::join!(scanning, leaving);
    assert_eq!((status, &answer["error"]), (409, &json!("companion-gone")));
}

#[tokio::test]
async fn a_registration_with_a_foreign_signature_gets_no_references() {
    let stage = Stage::open().await;
    let keys = Keys::generate();
    let mut forger = Forger::connect(&stage, &keys.noise, &keys.registration(&keys.noise)).await;
    assert!(forger.next().await.is_none());
}

#[tokio::test]
async fn nobody_logs_in_with_another_key() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    for (number, device) in [(SALON, 1), (SALON, 0), (SALON, 9), ("79995550000", 1)] {
        let keys = Keys::generate();
        let mut forger = Forger::connect(&stage, &keys.noise, &login(number, device)).await;
        let failure = forger.next().await.expect("a failure");
        assert_eq!(failure.tag, "failure");
        assert_eq!(failure.attrs.get("reason").map(ToString::to_string).as_deref(), Some("401"));
    }
    salon.stop().await;
}

#[tokio::test]
async fn a_stranger_may_ask_for_nothing() {
    let stage = Stage::open().await;
    let keys = Keys::generate();
    let mut forger = Forger::connect(&stage, &keys.noise, &keys.registration(&keys.identity)).await;
    forger.next().await.expect("references");
    let user = NodeBuilder::new("user").attr("jid", Jid::pn(ANNA)).build();
    let fetch = NodeBuilder::new("iq")
        .attr("id", "1")
        .attr("type", "get")
        .attr("xmlns", "encrypt")
        .children([NodeBuilder::new("key").children([user]).build()])
        .build();
    forger.send(&fetch).await;
    let refusal = forger.next().await.expect("an answer");
    assert_eq!(refusal.attrs.get("type").map(ToString::to_string).as_deref(), Some("error"));
    // A stanza nobody knows ends the conversation of a linked device; a stranger's is not even heard.
    forger.send(&NodeBuilder::new("nonsense").build()).await;
    forger.send(&fetch).await;
    assert!(forger.next().await.is_some());
}

#[tokio::test]
async fn plaintext_is_refused() {
    let stage = Stage::open().await;
    let mut salon = stage.linked(SALON).await;
    let enc = NodeBuilder::new("enc").attr("v", "2").attr("type", "msg").bytes(b"open words".to_vec());
    let body = NodeBuilder::new("body").bytes(b"open words".to_vec());
    for (id, part) in [("PLAIN1", enc.build()), ("PLAIN2", body.build())] {
        let stanza = NodeBuilder::new("message")
            .attr("to", Jid::pn(ANNA))
            .attr("id", id)
            .attr("type", "text")
            .children([part])
            .build();
        salon.client.send_node(stanza).await.expect("sent");
        assert_eq!(salon.ack(id).await.as_deref(), Some("479"));
    }
    assert_eq!(stage.stats("plaintext_refused").await, 2);
    assert_eq!(stage.messages(ANNA, 0).await.len(), 0);
    salon.stop().await;
}

#[tokio::test]
async fn unknown_requests_are_answered_with_an_error() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let query =
        whatsapp_rust::request::InfoQuery::get("w:nothing", Jid::new("", whatsapp_rust::Server::Pn), None);
    let answer = salon.client.send_iq(query).await;
    assert!(format!("{answer:?}").contains("501"), "{answer:?}");
    salon.stop().await;
}

#[tokio::test]
async fn each_one_time_key_is_given_away_once() {
    let stage = Stage::open().await;
    let salon = stage.linked(SALON).await;
    let fetch = || {
        let user = NodeBuilder::new("user").attr("jid", Jid::pn(ANNA)).build();
        let key = NodeBuilder::new("key").children([user]).build();
        whatsapp_rust::request::InfoQuery::get(
            "encrypt",
            Jid::new("", whatsapp_rust::Server::Pn),
            Some(wacore_binary::NodeContent::Nodes(vec![key])),
        )
    };
    let mut given = std::collections::HashSet::new();
    for _ in 0..15 {
        let answer = salon.client.send_iq(fetch()).await.expect("a bundle");
        let node = answer.get();
        let id =
            node.get_optional_child_by_tag(&["list", "user", "key", "id"]).and_then(|it| it.content_bytes());
        assert!(given.insert(id.expect("a one-time key").to_vec()), "the same key twice");
    }
    salon.stop().await;
}

#[tokio::test]
async fn garbage_hurts_nobody() {
    let stage = Stage::open().await;
    let scraps: [&[u8]; 6] = [
        b"",
        b"GET / HTTP/1.1",
        b"WA\x06\x03",
        b"WA\x06\x03\x00\x00\x04\xff\xff\xff\xff",
        b"WA\x06\x03\xff\xff\xff",
        b"ED\x00\x01\xff\xff\xff",
    ];
    for scrap in scraps {
        let factory = TokioWebSocketTransportFactory::new().with_url(stage.socket());
        let (socket, events) = factory.create_transport().await.expect("a socket");
        // The server may hang up before it has heard everything; either way it must live on.
        let _ = socket.send(scrap.to_vec().into()).await;
        socket.disconnect().await;
        while events.recv().await.is_ok() {}
    }
    assert_eq!(stage.get("/health").await["ok"], json!(true));
    let (status, _) = stage.try_post("/phones", json!({ "number": "not a number" })).await;
    assert_eq!(status, 400);
    let salon = stage.linked(SALON).await;
    salon.stop().await;
}
