//! The server's side of the Noise handshake: certificates, XX, IK and the fall back from IK to XX.
//!
//! The certificate chain is made at start and signed properly from one root of our own, so that a client which only replaces
//! the root key can still check every step of it.

use anyhow::{Context as _, anyhow, ensure};
use wacore_binary::consts::{NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER};
use wacore_libsignal::protocol::{KeyPair, PrivateKey};
use wacore_noise::{NoiseCipher, NoiseHandshake};
use waproto::buffa::{Message as _, MessageField};
use waproto::whatsapp as wa;
use waproto::whatsapp::cert_chain::{NoiseCertificate, noise_certificate::Details};

const ROOT_SERIAL: u32 = 0;
const INTERMEDIATE_SERIAL: u32 = 1;
const LEAF_SERIAL: u32 = 2;
/// Wide windows: a sandbox must work on a machine whose clock is off.
const NOT_BEFORE: u64 = 1_600_000_000;
const NOT_AFTER: u64 = 4_000_000_000;

/// The server's long-lived key and the proof that it is the server's.
pub struct Authority {
    keys: KeyPair,
    root_public: [u8; 32],
    chain: Vec<u8>,
}

/// What a finished handshake leaves behind.
pub struct Established {
    pub client_static: [u8; 32],
    pub payload: wa::ClientPayload,
    pub channel: Channel,
}

/// After the first message: either everything is known (IK), or the client owes one more (XX).
pub enum Step {
    Done(Box<Established>),
    Await(Box<Awaiting>),
}

pub struct Awaiting {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
}

/// The encrypted stream, one counter per direction.
pub struct Channel {
    read: NoiseCipher,
    write: NoiseCipher,
    read_counter: u32,
    write_counter: u32,
}

impl Authority {
    pub fn found() -> anyhow::Result<Self> {
        let rng = &mut rand::rng();
        let (root, intermediate, keys) =
            (KeyPair::generate(rng), KeyPair::generate(rng), KeyPair::generate(rng));
        let chain = wa::CertChain {
            leaf: certificate(LEAF_SERIAL, INTERMEDIATE_SERIAL, &keys, &intermediate.private_key)?,
            intermediate: certificate(INTERMEDIATE_SERIAL, ROOT_SERIAL, &intermediate, &root.private_key)?,
        };
        Ok(Self { root_public: raw(&root)?, keys, chain: chain.encode_to_vec() })
    }

    /// The key a client must trust instead of WhatsApp's own.
    pub fn root_public(&self) -> [u8; 32] {
        self.root_public
    }

    /// Reads a ClientHello and answers it.
    pub fn answer(&self, hello: &[u8]) -> anyhow::Result<(Vec<u8>, Step)> {
        let hello = waproto::codec::handshake_message_decode(hello)?
            .client_hello
            .into_option()
            .context("no ClientHello")?;
        let client_ephemeral: [u8; 32] =
            hello.ephemeral.context("no ephemeral")?.try_into().map_err(|_| anyhow!("short ephemeral"))?;
        match (hello.r#static, hello.payload) {
            (Some(client_static), Some(payload)) => {
                match self.accept_ik(client_ephemeral, &client_static, &payload) {
                    Ok((reply, done)) => Ok((reply, Step::Done(Box::new(done)))),
                    // The client remembers a key of an earlier server: the real one then answers in the XX shape.
                    Err(_) => self.begin_xx(NOISE_PATTERN_XXFALLBACK, client_ephemeral),
                }
            }
            _ => self.begin_xx(NOISE_PATTERN_XX, client_ephemeral),
        }
    }

    fn accept_ik(
        &self,
        client_ephemeral: [u8; 32],
        client_static: &[u8],
        payload: &[u8],
    ) -> anyhow::Result<(Vec<u8>, Established)> {
        let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
        let own = self.keys.private_key.serialize();
        noise.authenticate(self.keys.public_key.public_key_bytes());
        noise.authenticate(&client_ephemeral);
        noise.mix_shared_secret(own, &client_ephemeral)?;
        let client_static = fixed(noise.decrypt(client_static)?)?;
        noise.mix_shared_secret(own, &client_static)?;
        let payload = noise.decrypt(payload)?;

        let ephemeral = KeyPair::generate(&mut rand::rng());
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &client_ephemeral)?;
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &client_static)?;
        let chain = noise.encrypt(&self.chain)?;
        let reply = server_hello(&ephemeral, None, chain);
        Ok((reply, establish(noise, client_static, &payload)?))
    }

    fn begin_xx(&self, pattern: &str, client_ephemeral: [u8; 32]) -> anyhow::Result<(Vec<u8>, Step)> {
        let mut noise = NoiseHandshake::new(pattern, &WA_CONN_HEADER)?;
        noise.authenticate(&client_ephemeral);
        let ephemeral = KeyPair::generate(&mut rand::rng());
        noise.authenticate(ephemeral.public_key.public_key_bytes());
        noise.mix_shared_secret(ephemeral.private_key.serialize(), &client_ephemeral)?;
        let own = noise.encrypt(self.keys.public_key.public_key_bytes())?;
        noise.mix_shared_secret(self.keys.private_key.serialize(), &client_ephemeral)?;
        let chain = noise.encrypt(&self.chain)?;
        let reply = server_hello(&ephemeral, Some(own), chain);
        Ok((reply, Step::Await(Box::new(Awaiting { noise, ephemeral }))))
    }
}

impl Awaiting {
    /// Reads the ClientFinish.
    pub fn finish(mut self, finish: &[u8]) -> anyhow::Result<Established> {
        let finish = waproto::codec::handshake_message_decode(finish)?
            .client_finish
            .into_option()
            .context("no ClientFinish")?;
        let client_static =
            fixed(self.noise.decrypt(&finish.r#static.context("no static key in ClientFinish")?)?)?;
        self.noise.mix_shared_secret(self.ephemeral.private_key.serialize(), &client_static)?;
        let payload = self.noise.decrypt(&finish.payload.context("no payload in ClientFinish")?)?;
        establish(self.noise, client_static, &payload)
    }
}

impl Channel {
    pub fn open(&mut self, frame: &mut bytes::BytesMut) -> anyhow::Result<()> {
        self.read.decrypt_in_place_with_counter(self.read_counter, frame)?;
        self.read_counter = self.read_counter.checked_add(1).context("read counter exhausted")?;
        Ok(())
    }

    pub fn seal(&mut self, plain: &mut Vec<u8>) -> anyhow::Result<()> {
        self.write.encrypt_in_place_with_counter(self.write_counter, plain)?;
        self.write_counter = self.write_counter.checked_add(1).context("write counter exhausted")?;
        Ok(())
    }
}

fn establish(noise: NoiseHandshake, client_static: [u8; 32], payload: &[u8]) -> anyhow::Result<Established> {
    let payload = wa::ClientPayload::decode_from_slice(payload)?;
    // `finish` speaks as the initiator: what the client writes is what we read.
    let (read, write) = noise.finish()?;
    let channel = Channel { read, write, read_counter: 0, write_counter: 0 };
    Ok(Established { client_static, payload, channel })
}

fn server_hello(ephemeral: &KeyPair, own_static: Option<Vec<u8>>, payload: Vec<u8>) -> Vec<u8> {
    let hello = wa::HandshakeMessage {
        server_hello: MessageField::some(wa::handshake_message::ServerHello {
            ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
            r#static: own_static,
            payload: Some(payload),
            ..Default::default()
        }),
        ..Default::default()
    };
    waproto::codec::handshake_message_to_vec(&hello)
}

fn certificate(
    serial: u32,
    issuer_serial: u32,
    subject: &KeyPair,
    issuer: &PrivateKey,
) -> anyhow::Result<MessageField<NoiseCertificate>> {
    let details = Details {
        serial: Some(serial),
        issuer_serial: Some(issuer_serial),
        key: Some(subject.public_key.public_key_bytes().to_vec()),
        not_before: Some(NOT_BEFORE),
        not_after: Some(NOT_AFTER),
    }
    .encode_to_vec();
    let signature = issuer.calculate_signature(&details, &mut rand::rng())?;
    Ok(MessageField::some(NoiseCertificate { details: Some(details), signature: Some(signature.to_vec()) }))
}

fn raw(keys: &KeyPair) -> anyhow::Result<[u8; 32]> {
    fixed(keys.public_key.public_key_bytes().to_vec())
}

fn fixed(bytes: Vec<u8>) -> anyhow::Result<[u8; 32]> {
    ensure!(bytes.len() == 32, "a key of {} bytes", bytes.len());
    Ok(bytes.try_into().expect("length was just checked"))
}
