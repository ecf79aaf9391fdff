//! Encryption at rest: a master key seals each company's data key, the data key seals every value of that company.
//!
//! A sealed text is base64 of `version (1) · nonce (12) · AES-256-GCM ciphertext`. The associated data names company, kind and
//! record, so a value copied into another row does not open there. Master keys are a list: the first seals, all open, so a new
//! key can be put in front while old values are still readable. Losing the data key of a company destroys all it sealed.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use zeroize::Zeroizing;

use super::id::TenantId;
use super::secret::hmac_sha256;

const VERSION: u8 = 1;
const NONCE_LEN: usize = 12;

/// A sealed value did not open: wrong key, wrong place, or damaged.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("a sealed value does not open here: the key is another one, or the value was moved or damaged")]
pub struct NotOpened;

/// The operator's keys (`ENCRYPTION_KEY`): the first seals, all open.
#[derive(Clone)]
pub struct MasterKeys(Vec<Aes256Gcm>);

impl MasterKeys {
    /// Takes a comma-separated list of 64-digit hex keys. The error names the place of the first bad one, not its text.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut ciphers = Vec::new();
        for (place, text) in list.split(',').map(str::trim).filter(|t| !t.is_empty()).enumerate() {
            let bytes = Zeroizing::new(hex::decode(text).unwrap_or_default());
            let cipher = Aes256Gcm::new_from_slice(&bytes).map_err(|_| {
                format!("key {} is not 64 hexadecimal digits (make one: openssl rand -hex 32)", place + 1)
            })?;
            ciphers.push(cipher);
        }
        if ciphers.is_empty() { Err("is empty".to_owned()) } else { Ok(Self(ciphers)) }
    }

    /// A fresh data key for a company, and its sealed form for the company's row.
    #[must_use]
    pub fn new_data_key(&self, tenant: &TenantId) -> (DataKey, String) {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        rand::rng().fill_bytes(bytes.as_mut());
        let sealed = seal(&self.0[0], bytes.as_ref(), data_key_place(tenant).as_bytes());
        (DataKey::new(tenant, &bytes), sealed)
    }

    /// Opens a company's sealed data key with whichever master key sealed it.
    pub fn open_data_key(&self, tenant: &TenantId, sealed: &str) -> Result<DataKey, NotOpened> {
        let place = data_key_place(tenant);
        for cipher in &self.0 {
            if let Ok(bytes) = open(cipher, sealed, place.as_bytes()) {
                let bytes = Zeroizing::new(<[u8; 32]>::try_from(bytes).map_err(|_| NotOpened)?);
                return Ok(DataKey::new(tenant, &bytes));
            }
        }
        Err(NotOpened)
    }
}

fn data_key_place(tenant: &TenantId) -> String {
    format!("{tenant}|data_key|")
}

/// One company's key: seals its values, and turns its lookup keys into hashes that say nothing to others.
#[derive(Clone)]
pub struct DataKey {
    tenant: TenantId,
    cipher: Aes256Gcm,
    lookup: Zeroizing<[u8; 32]>,
}

impl DataKey {
    fn new(tenant: &TenantId, bytes: &[u8; 32]) -> Self {
        Self {
            tenant: tenant.clone(),
            cipher: Aes256Gcm::new(bytes.into()),
            lookup: Zeroizing::new(hmac_sha256(bytes, b"lookup")),
        }
    }

    /// Seals `plain` for the row `record` of `kind`; it opens nowhere else.
    #[must_use]
    pub fn seal(&self, kind: &str, record: &str, plain: &[u8]) -> String {
        seal(&self.cipher, plain, self.place(kind, record).as_bytes())
    }

    pub fn open(&self, kind: &str, record: &str, sealed: &str) -> Result<Vec<u8>, NotOpened> {
        open(&self.cipher, sealed, self.place(kind, record).as_bytes())
    }

    /// Seals a text; see [`DataKey::seal`].
    #[must_use]
    pub fn seal_text(&self, kind: &str, record: &str, plain: &str) -> String {
        self.seal(kind, record, plain.as_bytes())
    }

    pub fn open_text(&self, kind: &str, record: &str, sealed: &str) -> Result<String, NotOpened> {
        String::from_utf8(self.open(kind, record, sealed)?).map_err(|_| NotOpened)
    }

    /// A keyed hash of a lookup key (a phone number, a JID), in hex.
    #[must_use]
    pub fn hash(&self, kind: &str, key: &str) -> String {
        hex::encode(hmac_sha256(self.lookup.as_ref(), format!("{kind}|{key}").as_bytes()))
    }

    fn place(&self, kind: &str, record: &str) -> String {
        format!("{}|{kind}|{record}", self.tenant)
    }
}

fn seal(cipher: &Aes256Gcm, plain: &[u8], place: &[u8]) -> String {
    let mut nonce = [0_u8; NONCE_LEN];
    rand::rng().fill_bytes(&mut nonce);
    let ciphertext = cipher
        .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: place })
        .expect("AES-GCM seals anything shorter than 64 GiB");
    let mut bytes = Vec::with_capacity(1 + NONCE_LEN + ciphertext.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&ciphertext);
    STANDARD.encode(bytes)
}

fn open(cipher: &Aes256Gcm, sealed: &str, place: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let bytes = STANDARD.decode(sealed).map_err(|_| NotOpened)?;
    if bytes.len() <= 1 + NONCE_LEN || bytes[0] != VERSION {
        return Err(NotOpened);
    }
    let (nonce, ciphertext) = bytes[1..].split_at(NONCE_LEN);
    let nonce = <[u8; NONCE_LEN]>::try_from(nonce).map_err(|_| NotOpened)?;
    cipher.decrypt(&Nonce::from(nonce), Payload { msg: ciphertext, aad: place }).map_err(|_| NotOpened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::clock::UnixMs;

    fn keys(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    #[test]
    fn a_value_opens_only_in_its_own_place() {
        let master = MasterKeys::parse(&keys(1)).expect("valid");
        let (anna, boris) = (TenantId::new(UnixMs(1)), TenantId::new(UnixMs(2)));
        let (key, sealed_key) = master.new_data_key(&anna);
        let sealed = key.seal("session", "k1", b"plain");
        assert!(!sealed.contains("plain"));
        assert_eq!(key.open("session", "k1", &sealed).expect("opens"), b"plain");
        assert!(key.open("session", "k2", &sealed).is_err());
        assert!(key.open("identity", "k1", &sealed).is_err());
        assert!(master.open_data_key(&boris, &sealed_key).is_err());
    }

    #[test]
    fn a_new_master_key_in_front_still_opens_what_the_old_one_sealed() {
        let tenant = TenantId::new(UnixMs(1));
        let (key, sealed_key) = MasterKeys::parse(&keys(1)).expect("valid").new_data_key(&tenant);
        let rotated = MasterKeys::parse(&format!("{},{}", keys(2), keys(1))).expect("valid");
        let opened = rotated.open_data_key(&tenant, &sealed_key).expect("opens");
        assert_eq!(opened.open("k", "r", &key.seal("k", "r", b"x")).expect("opens"), b"x");
        assert!(MasterKeys::parse(&keys(2)).expect("valid").open_data_key(&tenant, &sealed_key).is_err());
    }

    #[test]
    fn bad_master_keys_are_named_by_place_and_never_printed() {
        let error = MasterKeys::parse(&format!("{},abc", keys(1))).err().expect("refused");
        assert!(error.contains("key 2") && !error.contains("abc"));
        assert!(MasterKeys::parse(" , ").is_err());
    }
}
