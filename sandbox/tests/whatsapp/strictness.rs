//! What the server refuses, as the real one does.

use serde_json::json;
use wacore_binary::builder::NodeBuilder;
use whatsapp_rust::Jid;
use whatsapp_rust::transport::{TokioWebSocketTransportFactory, TransportFactory as _};

use crate::kit::{ANNA, SALON, Stage};

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
