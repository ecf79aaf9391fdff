//! A phone's Signal state: its identity, its keys, and one session per device it talks to.
//!
//! Everything lives in memory, so every store answers at once; the library's asynchronous calls are therefore driven to
//! their end where they stand, and a phone needs no locks of its own.

use std::collections::HashMap;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use futures::FutureExt as _;
use rand::RngExt as _;
use wacore_binary::{Node, NodeRef};
use wacore_libsignal::protocol::error::Result as SignalResult;
use wacore_libsignal::protocol::{
    CiphertextMessage, Direction, GenericSignedPreKey as _, IdentityChange, IdentityKey, IdentityKeyPair,
    IdentityKeyStore, KeyPair, PreKeyBundle, PreKeyId, PreKeyRecord, PreKeySignalMessage, PreKeyStore,
    ProtocolAddress, PublicKey, SessionRecord, SessionStore, SignalMessage, SignalProtocolError,
    SignedPreKeyId, SignedPreKeyRecord, SignedPreKeyStore, Timestamp, UsePQRatchet, message_decrypt,
    message_encrypt, process_prekey_bundle,
};

use crate::whatsapp::wire::{child_bytes, child_key, el, leaf};

const SIGNED_KEY: u32 = 1;

pub struct Signal {
    pub identity: IdentityKeyPair,
    pub registration: u32,
    sessions: Sessions,
    identities: Identities,
    one_time: OneTime,
    signed: Signed,
    next_key: u32,
}

impl Signal {
    pub fn generate() -> anyhow::Result<Self> {
        let rng = &mut rand::rng();
        let identity = IdentityKeyPair::generate(rng);
        let registration = rng.random_range(1..16_380);
        let pair = KeyPair::generate(rng);
        let signature = identity.private_key().calculate_signature(&pair.public_key.serialize(), rng)?;
        let signed =
            SignedPreKeyRecord::new(SIGNED_KEY.into(), Timestamp::from_epoch_millis(0), &pair, &signature);
        Ok(Self {
            identities: Identities { own: identity.clone(), registration, known: HashMap::new() },
            identity,
            registration,
            sessions: Sessions::default(),
            one_time: OneTime::default(),
            signed: Signed(signed),
            next_key: 1,
        })
    }

    pub fn identity_public(&self) -> [u8; 32] {
        let key = self.identity.public_key().public_key_bytes();
        key.try_into().expect("a Curve25519 key has 32 bytes")
    }

    /// The children of an upload with `count` new one-time keys.
    pub fn upload(&mut self, count: u32) -> anyhow::Result<Vec<Node>> {
        let mut keys = Vec::new();
        for _ in 0..count {
            let id = self.next_key;
            self.next_key += 1;
            let pair = KeyPair::generate(&mut rand::rng());
            self.one_time.0.insert(id.into(), PreKeyRecord::new(id.into(), &pair));
            let value = leaf("value", pair.public_key.public_key_bytes());
            keys.push(el("key").children([leaf("id", three_bytes(id)), value]).build());
        }
        let signed = &self.signed.0;
        let skey = el("skey").children([
            leaf("id", three_bytes(SIGNED_KEY)),
            leaf("value", signed.public_key()?.public_key_bytes()),
            leaf("signature", signed.signature()?),
        ]);
        Ok(vec![
            leaf("registration", self.registration.to_be_bytes()),
            leaf("type", [5]),
            leaf("identity", self.identity_public()),
            el("list").children(keys).build(),
            skey.build(),
        ])
    }

    pub fn knows(&self, address: &ProtocolAddress) -> bool {
        self.sessions.0.contains_key(address)
    }

    pub fn forget(&mut self, address: &ProtocolAddress) {
        self.sessions.0.remove(address);
    }

    /// Opens a session from a bundle as the server gives it.
    pub fn open(&mut self, address: &ProtocolAddress, user: &NodeRef<'_>) -> anyhow::Result<()> {
        let bundle = bundle(address, user)?;
        process_prekey_bundle(
            address,
            &mut self.sessions,
            &mut self.identities,
            &bundle,
            &mut rand::rng(),
            UsePQRatchet::No,
        )
        .now_or_never()
        .expect("stores in memory answer at once")?;
        Ok(())
    }

    /// Returns the kind of envelope and its bytes.
    pub fn encrypt(&mut self, to: &ProtocolAddress, plain: &[u8]) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let sealed = message_encrypt(plain, to, &mut self.sessions, &mut self.identities)
            .now_or_never()
            .expect("stores in memory answer at once")?;
        let kind = if matches!(sealed, CiphertextMessage::PreKeySignalMessage(_)) { "pkmsg" } else { "msg" };
        Ok((kind, sealed.serialize().to_vec()))
    }

    pub fn decrypt(&mut self, from: &ProtocolAddress, kind: &str, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let sealed = match kind {
            "pkmsg" => CiphertextMessage::PreKeySignalMessage(PreKeySignalMessage::try_from(sealed)?),
            "msg" => CiphertextMessage::SignalMessage(SignalMessage::try_from(sealed)?),
            other => bail!("an envelope of kind {other:?}"),
        };
        let opened = message_decrypt(
            &sealed,
            from,
            &mut self.sessions,
            &mut self.identities,
            &mut self.one_time,
            &self.signed,
            &mut rand::rng(),
            UsePQRatchet::No,
        )
        .now_or_never()
        .expect("stores in memory answer at once")?;
        if let Some(used) = opened.consumed_prekey_id {
            self.one_time.0.remove(&used);
        }
        Ok(opened.plaintext)
    }
}

fn bundle(address: &ProtocolAddress, user: &NodeRef<'_>) -> anyhow::Result<PreKeyBundle> {
    let number = |path: &[&str]| {
        child_bytes(user, path)
            .map(|bytes| bytes.iter().fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte)))
    };
    let key = |path: &[&str]| -> anyhow::Result<PublicKey> {
        let bytes = child_key(user, path).with_context(|| format!("no key at {path:?}"))?;
        Ok(PublicKey::from_djb_public_key_bytes(&bytes)?)
    };
    let one_time = match number(&["key", "id"]) {
        Some(id) => Some((PreKeyId::from(id), key(&["key", "value"])?)),
        None => None,
    };
    Ok(PreKeyBundle::new(
        number(&["registration"]).context("no registration id")?,
        address.device_id(),
        one_time,
        SignedPreKeyId::from(number(&["skey", "id"]).context("no signed key")?),
        key(&["skey", "value"])?,
        child_bytes(user, &["skey", "signature"]).context("no signature")?,
        IdentityKey::new(key(&["identity"])?),
    )?)
}

fn three_bytes(id: u32) -> Vec<u8> {
    id.to_be_bytes()[1..].to_vec()
}

#[derive(Default)]
struct Sessions(HashMap<ProtocolAddress, SessionRecord>);

#[async_trait]
impl SessionStore for Sessions {
    async fn load_session(&self, address: &ProtocolAddress) -> SignalResult<Option<SessionRecord>> {
        Ok(self.0.get(address).cloned())
    }

    async fn has_session(&self, address: &ProtocolAddress) -> SignalResult<bool> {
        Ok(self.0.contains_key(address))
    }

    async fn store_session(&mut self, address: &ProtocolAddress, record: SessionRecord) -> SignalResult<()> {
        self.0.insert(address.clone(), record);
        Ok(())
    }
}

struct Identities {
    own: IdentityKeyPair,
    registration: u32,
    known: HashMap<ProtocolAddress, IdentityKey>,
}

#[async_trait]
impl IdentityKeyStore for Identities {
    async fn get_identity_key_pair(&self) -> SignalResult<IdentityKeyPair> {
        Ok(self.own.clone())
    }

    async fn get_local_registration_id(&self) -> SignalResult<u32> {
        Ok(self.registration)
    }

    async fn save_identity(
        &mut self,
        address: &ProtocolAddress,
        identity: &IdentityKey,
    ) -> SignalResult<IdentityChange> {
        let before = self.known.insert(address.clone(), *identity);
        Ok(IdentityChange::from_changed(before.is_some_and(|before| before != *identity)))
    }

    /// Phones trust a changed key and carry on, as real ones do unless told otherwise.
    async fn is_trusted_identity(
        &self,
        _address: &ProtocolAddress,
        _identity: &IdentityKey,
        _direction: Direction,
    ) -> SignalResult<bool> {
        Ok(true)
    }

    async fn get_identity(&self, address: &ProtocolAddress) -> SignalResult<Option<IdentityKey>> {
        Ok(self.known.get(address).copied())
    }
}

#[derive(Default)]
struct OneTime(HashMap<PreKeyId, PreKeyRecord>);

#[async_trait]
impl PreKeyStore for OneTime {
    /// A key that is not here any more was used before: the message that names it is refused.
    async fn get_pre_key(&self, id: PreKeyId) -> SignalResult<PreKeyRecord> {
        self.0.get(&id).cloned().ok_or(SignalProtocolError::InvalidPreKeyId)
    }

    async fn save_pre_key(&mut self, id: PreKeyId, record: &PreKeyRecord) -> SignalResult<()> {
        self.0.insert(id, record.clone());
        Ok(())
    }

    async fn remove_pre_key(&mut self, id: PreKeyId) -> SignalResult<()> {
        self.0.remove(&id);
        Ok(())
    }
}

struct Signed(SignedPreKeyRecord);

#[async_trait]
impl SignedPreKeyStore for Signed {
    async fn get_signed_pre_key(&self, id: SignedPreKeyId) -> SignalResult<SignedPreKeyRecord> {
        if u32::from(id) == SIGNED_KEY {
            Ok(self.0.clone())
        } else {
            Err(SignalProtocolError::InvalidSignedPreKeyId)
        }
    }

    async fn save_signed_pre_key(
        &mut self,
        _id: SignedPreKeyId,
        record: &SignedPreKeyRecord,
    ) -> SignalResult<()> {
        self.0 = record.clone();
        Ok(())
    }
}
