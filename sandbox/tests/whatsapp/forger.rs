//! A client made of bare parts, for saying what no honest client says.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;
use rand::rng;
use tokio::time::timeout;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::consts::WA_CONN_HEADER;
use wacore_binary::marshal::{marshal, unmarshal_ref};
use wacore_binary::{Node, SERVER_JID};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::framing::{FrameDecoder, encode_frame};
use wacore_noise::{NoiseCipher, XxHandshakeState};
use waproto::buffa::MessageField;
use waproto::whatsapp as wa;
use whatsapp_rust::transport::{
    TokioWebSocketTransportFactory, Transport, TransportEvent, TransportFactory as _,
};

use crate::kit::{PATIENCE, Stage};

pub struct Forger {
    transport: Arc<dyn Transport>,
    events: whatsapp_rust::async_channel::Receiver<TransportEvent>,
    decoder: FrameDecoder,
    ciphers: (NoiseCipher, NoiseCipher),
    counters: (u32, u32),
}

/// The keys of a device that could be honest.
pub struct Keys {
    pub noise: KeyPair,
    pub identity: KeyPair,
    signed: KeyPair,
}

impl Keys {
    pub fn generate() -> Self {
        let [noise, identity, signed] = [(); 3].map(|()| KeyPair::generate(&mut rng()));
        Self { noise, identity, signed }
    }

    /// The code such a device would show, from the first reference it was given.
    pub fn qr(&self, greeting: &Node) -> String {
        let reference = greeting.get_optional_child_by_tag(&["pair-device", "ref"]);
        let reference = reference.and_then(Node::content_as_string).expect("a reference");
        let [noise, identity] = [&self.noise, &self.identity]
            .map(|keys| base64::engine::general_purpose::STANDARD.encode(keys.public_key.public_key_bytes()));
        let secret = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        format!("{reference},{noise},{identity},{secret},1")
    }

    /// A registration whose signed key is signed by `signer`.
    pub fn registration(&self, signer: &KeyPair) -> wa::ClientPayload {
        let public = self.signed.public_key.serialize();
        let signature = signer.private_key.calculate_signature(&public, &mut rng()).expect("a signature");
        wa::ClientPayload {
            device_pairing_data: MessageField::some(wa::client_payload::DevicePairingRegistrationData {
                e_regid: Some(vec![0, 0, 1, 1]),
                e_keytype: Some(vec![5]),
                e_ident: Some(self.identity.public_key.public_key_bytes().to_vec()),
                e_skey_id: Some(vec![0, 0, 1]),
                e_skey_val: Some(self.signed.public_key.public_key_bytes().to_vec()),
                e_skey_sig: Some(signature.to_vec()),
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

pub fn login(number: &str, device: u32) -> wa::ClientPayload {
    wa::ClientPayload {
        username: number.parse().ok(),
        device: Some(device),
        passive: Some(false),
        ..Default::default()
    }
}

impl Forger {
    pub async fn connect(stage: &Stage, noise: &KeyPair, payload: &wa::ClientPayload) -> Self {
        let factory = TokioWebSocketTransportFactory::new().with_url(stage.socket());
        let (transport, events) = factory.create_transport().await.expect("a socket");
        let payload = waproto::codec::client_payload_to_vec(payload);
        let mut state = XxHandshakeState::new(noise.clone(), payload, &WA_CONN_HEADER).expect("a state");
        let mut decoder = FrameDecoder::new();
        let hello = state.build_client_hello().expect("a hello");
        let frame = encode_frame(&hello, Some(&WA_CONN_HEADER)).expect("a frame");
        transport.send(Bytes::from(frame)).await.expect("sent");
        let answer = next_frame(&events, &mut decoder).await.expect("a ServerHello");
        let finish = state.read_server_hello_and_build_client_finish(&answer).expect("a valid chain");
        transport.send(Bytes::from(encode_frame(&finish, None).expect("a frame"))).await.expect("sent");
        let done = state.finish().expect("a finished handshake");
        Self { transport, events, decoder, ciphers: (done.write_cipher, done.read_cipher), counters: (0, 0) }
    }

    pub async fn send(&mut self, stanza: &Node) {
        let mut plain = marshal(stanza).expect("a stanza");
        self.ciphers.0.encrypt_in_place_with_counter(self.counters.0, &mut plain).expect("sealed");
        self.counters.0 += 1;
        let frame = encode_frame(&plain, None).expect("a frame");
        self.transport.send(Bytes::from(frame)).await.expect("sent");
    }

    /// The next stanza, or `None` when the server hung up.
    pub async fn next(&mut self) -> Option<Node> {
        let mut frame = next_frame(&self.events, &mut self.decoder).await?;
        self.ciphers.1.decrypt_in_place_with_counter(self.counters.1, &mut frame).expect("opened");
        self.counters.1 += 1;
        let bytes = wacore_binary::util::unpack_bytes(frame).expect("unpacked");
        Some(unmarshal_ref(&bytes).expect("a stanza").to_owned())
    }

    pub async fn leave(self) {
        self.transport.disconnect().await;
    }

    pub async fn answer(&mut self, request: &Node, children: Vec<Node>) {
        let id = request.attrs.get("id").expect("an id").to_string();
        let answer = NodeBuilder::new("iq")
            .attr("to", SERVER_JID)
            .attr("type", "result")
            .attr("id", id)
            .children(children)
            .build();
        self.send(&answer).await;
    }
}

async fn next_frame(
    events: &whatsapp_rust::async_channel::Receiver<TransportEvent>,
    decoder: &mut FrameDecoder,
) -> Option<bytes::BytesMut> {
    loop {
        if let Some(frame) = decoder.decode_frame() {
            return Some(frame);
        }
        match timeout(PATIENCE, events.recv()).await.expect("neither word nor end") {
            Ok(TransportEvent::DataReceived(bytes)) => decoder.feed(&bytes),
            Ok(TransportEvent::Connected) => {}
            _ => return None,
        }
    }
}
