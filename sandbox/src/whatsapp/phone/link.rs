//! Linking a companion from the phone's side: by a scanned QR code or by a typed one.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::oneshot;
use wacore::pair_code::PairCodeUtils;
use wacore_binary::{Jid, Node, NodeRef};
use wacore_libsignal::crypto::{aes_256_gcm_decrypt, hmac_sha256};
use wacore_libsignal::protocol::{KeyPair, PublicKey};
use waproto::buffa::Message as _;
use waproto::whatsapp as wa;

use super::{LinkError, Linked, Phone};
use crate::whatsapp::wire::{attr, child_bytes, child_key, el, iq, jid_attr, leaf, now_secs, token};

const ACCOUNT_SIGNATURE_PREFIX: [u8; 2] = [6, 0];
/// Business accounts kept by a provider seal with this prefix but sign like everybody.
const HOSTED_PREFIX: [u8; 2] = [6, 5];
const KEY_INDEX_LIST_PREFIX: [u8; 2] = [6, 2];
const DEEP_LINK: &str = "https://wa.me/settings/linked_devices#";

type Outcome = oneshot::Receiver<Result<Linked, LinkError>>;

/// What a QR code says.
struct Scanned {
    reference: String,
    noise: [u8; 32],
    identity: [u8; 32],
    secret: Vec<u8>,
}

/// A companion shows a code and waits for this phone to type it.
#[derive(Debug, Clone)]
pub struct Offer {
    reference: Vec<u8>,
    wrapped: Vec<u8>,
    noise: [u8; 32],
}

/// The code was typed; the companion's sealed bundle is still to come.
pub struct Linking {
    reference: Vec<u8>,
    noise: [u8; 32],
    ephemeral: KeyPair,
    companion_ephemeral: [u8; 32],
    outcome: oneshot::Sender<Result<Linked, LinkError>>,
}

/// The slow half of typing a code, done without holding the phone.
pub struct Typed {
    offer: Offer,
    ephemeral: KeyPair,
    companion_ephemeral: [u8; 32],
    wrapped: [u8; 80],
}

impl Typed {
    /// Stretches the code twice, which takes a good part of a second.
    pub fn stretch(offer: Offer, code: &str) -> Result<Self, LinkError> {
        let code: String =
            code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        if !PairCodeUtils::validate_code(&code) {
            return Err(LinkError::NotACode);
        }
        let companion_ephemeral = PairCodeUtils::decrypt_primary_ephemeral_pub(&offer.wrapped, &code)
            .map_err(|_| LinkError::WrongCode)?;
        let ephemeral = KeyPair::generate(&mut rand::rng());
        let public: [u8; 32] =
            ephemeral.public_key.public_key_bytes().try_into().expect("a Curve25519 key has 32 bytes");
        let wrapped = PairCodeUtils::encrypt_ephemeral_pub(&public, &code);
        Ok(Self { offer, ephemeral, companion_ephemeral, wrapped })
    }
}

impl Phone {
    /// Vouches for the companion behind a scanned code. The outcome comes when the companion has signed, or not.
    pub fn scan(&mut self, qr: &str) -> Result<Outcome, LinkError> {
        let scanned = parse_qr(qr).ok_or(LinkError::NotACode)?;
        let (tx, outcome) = oneshot::channel();
        self.vouch(scanned, tx);
        Ok(outcome)
    }

    pub fn offer(&self) -> Result<Offer, LinkError> {
        self.offer.clone().ok_or(LinkError::NoOffer)
    }

    /// Goes on with a typed code.
    pub fn type_code(&mut self, typed: Typed) -> Outcome {
        let (tx, outcome) = oneshot::channel();
        let hello = el("link_code_companion_reg").attr("stage", "primary_hello").children([
            leaf("link_code_pairing_ref", typed.offer.reference.clone()),
            leaf("link_code_pairing_wrapped_primary_ephemeral_pub", typed.wrapped),
            leaf("primary_identity_pub", self.signal.identity_public()),
        ]);
        self.linking = Some(Linking {
            reference: typed.offer.reference,
            noise: typed.offer.noise,
            ephemeral: typed.ephemeral,
            companion_ephemeral: typed.companion_ephemeral,
            outcome: tx,
        });
        let answer = self.ask(&iq("set", "md", &token(8), vec![hello.build()]));
        let refused = answer.is_none_or(|answer| answer.attrs.get("type").is_none_or(|it| *it != "result"));
        if refused && let Some(linking) = self.linking.take() {
            self.offer = None;
            let _ = linking.outcome.send(Err(LinkError::Refused("expired".into())));
        }
        outcome
    }

    /// News about a code: a companion asks for one, or has sealed its bundle after one was typed.
    pub(super) fn link_code_note(&mut self, stanza: &NodeRef<'_>) {
        let Some(note) = stanza.get_optional_child("link_code_companion_reg") else { return };
        match attr(note, "stage").as_deref() {
            Some("companion_hello") => {
                self.offer = offer(note);
                self.changed();
            }
            Some("companion_finish") => self.companion_finished(note),
            _ => {}
        }
    }

    fn companion_finished(&mut self, note: &NodeRef<'_>) {
        let Some(linking) = self.linking.take() else { return };
        match self.open_bundle(&linking, note) {
            Ok(scanned) => {
                self.offer = None;
                self.vouch(scanned, linking.outcome);
            }
            // A wrong code yields a wrong key, and the bundle stays shut. The companion waits for another try.
            Err(_) => drop(linking.outcome.send(Err(LinkError::WrongCode))),
        }
        self.changed();
    }

    fn open_bundle(&self, linking: &Linking, note: &NodeRef<'_>) -> anyhow::Result<Scanned> {
        let identity = child_key(note, &["companion_identity_public"]).context("no identity")?;
        let sealed = child_bytes(note, &["link_code_pairing_wrapped_key_bundle"]).context("no bundle")?;
        anyhow::ensure!(sealed.len() > 44, "a short bundle");
        let companion_ephemeral = PublicKey::from_djb_public_key_bytes(&linking.companion_ephemeral)?;
        let shared = linking.ephemeral.calculate_agreement(&companion_ephemeral)?;
        let mut key = [0_u8; 32];
        let info = b"link_code_pairing_key_bundle_encryption_key";
        wacore::crypto::hkdf_sha256_into(&shared, Some(&sealed[..32]), info, &mut key)?;
        let nonce: [u8; 12] = sealed[32..44].try_into()?;
        let mut bundle = Vec::new();
        aes_256_gcm_decrypt(&key, &nonce, b"", &sealed[44..], &mut bundle)?;
        anyhow::ensure!(bundle.len() == 96, "a bundle of {} bytes", bundle.len());
        anyhow::ensure!(bundle[..32] == identity, "the bundle names another companion");
        anyhow::ensure!(bundle[32..64] == self.signal.identity_public(), "the bundle names another phone");
        let companion = PublicKey::from_djb_public_key_bytes(&identity)?;
        let identity_shared = self.signal.identity.private_key().calculate_agreement(&companion)?;
        let mut secret = [0_u8; 32];
        let material = [&shared[..], &identity_shared, &bundle[64..]].concat();
        wacore::crypto::hkdf_sha256_into(&material, None, b"adv_secret", &mut secret)?;
        let reference = String::from_utf8(linking.reference.clone())?;
        Ok(Scanned { reference, noise: linking.noise, identity, secret: secret.to_vec() })
    }

    /// Signs the companion's identity and sends it to the server.
    fn vouch(&mut self, scanned: Scanned, outcome: oneshot::Sender<Result<Linked, LinkError>>) {
        let key_index = self.next_key_index;
        self.next_key_index += 1;
        let id = token(8);
        let sealed = match self.sealed_identity(&scanned, key_index) {
            Ok(sealed) => sealed,
            Err(problem) => return drop(outcome.send(Err(LinkError::Refused(problem.to_string())))),
        };
        let pair = el("pair-device").children([
            leaf("ref", scanned.reference.as_bytes()),
            leaf("pub-key", scanned.noise),
            leaf("device-identity", sealed),
            self.key_index_list(Some(key_index)),
        ]);
        self.waiting.insert(id.clone(), outcome);
        self.say(&iq("set", "md", &id, vec![pair.build()]));
    }

    fn sealed_identity(&self, scanned: &Scanned, key_index: u32) -> anyhow::Result<Vec<u8>> {
        let details = wa::ADVDeviceIdentity {
            raw_id: Some(self.raw_id),
            timestamp: Some(u64::try_from(now_secs())?),
            key_index: Some(key_index),
            ..Default::default()
        }
        .encode_to_vec();
        let message = [&ACCOUNT_SIGNATURE_PREFIX[..], &details, &scanned.identity].concat();
        let signature = self.signal.identity.private_key().calculate_signature(&message, &mut rand::rng())?;
        let signed = wa::ADVSignedDeviceIdentity {
            details: Some(details),
            account_signature_key: Some(self.signal.identity_public().to_vec()),
            account_signature: Some(signature.to_vec()),
            ..Default::default()
        }
        .encode_to_vec();
        let prefix: &[u8] = if self.hosted { &HOSTED_PREFIX } else { &[] };
        let hmac = hmac_sha256(&scanned.secret, &[prefix, &signed].concat()).to_vec();
        let sealed = wa::ADVSignedDeviceIdentityHMAC {
            details: Some(signed),
            hmac: Some(hmac),
            account_type: self.hosted.then_some(wa::ADVEncryptionType::HOSTED),
        };
        Ok(sealed.encode_to_vec())
    }

    /// The signed list of companions this phone stands for.
    fn key_index_list(&self, with: Option<u32>) -> Node {
        let stamp = now_secs();
        let details = wa::ADVKeyIndexList {
            raw_id: Some(self.raw_id),
            timestamp: u64::try_from(stamp).ok(),
            current_index: Some(self.next_key_index.saturating_sub(1)),
            valid_indexes: self.companions.values().copied().chain(with).collect(),
            ..Default::default()
        }
        .encode_to_vec();
        let message = [&KEY_INDEX_LIST_PREFIX[..], &details].concat();
        let signature =
            self.signal.identity.private_key().calculate_signature(&message, &mut rand::rng()).ok();
        let signed = wa::ADVSignedKeyIndexList {
            details: Some(details),
            account_signature: signature.map(|it| it.to_vec()),
            ..Default::default()
        };
        let mut list = leaf("key-index-list", signed.encode_to_vec());
        list.attrs.insert("ts", stamp);
        list
    }

    /// The server says how a linking ended.
    pub(super) fn linked(&mut self, stanza: &NodeRef<'_>) {
        let Some(outcome) = attr(stanza, "id").and_then(|id| self.waiting.remove(id.as_ref())) else {
            return;
        };
        let device = stanza.get_optional_child("device");
        let result = match device.and_then(|it| Some((jid_attr(it, "jid")?, jid_attr(it, "lid")?))) {
            Some((jid, lid)) => Ok(Linked { device: jid.device, jid: jid.to_string(), lid: lid.to_string() }),
            None => {
                let text = stanza.get_optional_child("error").and_then(|it| attr(it, "text"));
                Err(LinkError::Refused(text.unwrap_or_default().into_owned()))
            }
        };
        if let Ok(linked) = &result {
            self.companions.insert(linked.device, self.next_key_index.saturating_sub(1));
        }
        let _ = outcome.send(result);
        self.changed();
    }

    /// Throws one companion out, or all of them.
    pub fn unlink(&mut self, device: Option<u16>) -> usize {
        let before = self.companions.len();
        let remove = el("remove-companion-device").attr("reason", "user_initiated");
        let remove = match device {
            Some(device) => remove.attr("jid", Jid::pn_device(self.number.as_str(), device)),
            None => remove.attr("all", true),
        };
        self.companions.retain(|id, _| device.is_some_and(|device| *id != device));
        let removed = before - self.companions.len();
        self.say(&iq("set", "md", &token(8), vec![remove.build()]));
        self.publish_companions();
        removed
    }

    /// The server lists the account's devices: forget those that are gone, greet those that can be written to.
    pub(super) fn companions_changed(&mut self, stanza: &NodeRef<'_>) {
        let Some(list) = stanza.get_optional_child("devices") else { return };
        let listed: Vec<(u16, u32, bool)> = list
            .get_children_by_tag("device")
            .filter_map(|device| {
                let index = attr(device, "key-index")?.parse().ok()?;
                let ready = attr(device, "ready").as_deref() == Some("true");
                Some((jid_attr(device, "jid")?.device, index, ready))
            })
            .filter(|(device, ..)| *device != 0)
            .collect();
        let before = self.companions.len();
        self.companions.retain(|known, _| listed.iter().any(|(device, ..)| device == known));
        if self.companions.len() < before {
            self.publish_companions();
        }
        for (device, _, ready) in listed {
            if ready && self.shared_key_with.insert(device) {
                self.share_app_state_key(device);
            }
        }
        self.changed();
    }

    fn publish_companions(&mut self) {
        let list = self.key_index_list(None);
        self.say(&iq("set", "md", &token(8), vec![list]));
        self.changed();
    }
}

fn offer(note: &NodeRef<'_>) -> Option<Offer> {
    Some(Offer {
        reference: child_bytes(note, &["link_code_pairing_ref"])?,
        wrapped: child_bytes(note, &["link_code_pairing_wrapped_companion_ephemeral_pub"])?,
        noise: child_key(note, &["companion_server_auth_key_pub"])?,
    })
}

/// Both forms are in use: the bare list of fields, and the same behind a link that a camera app understands.
fn parse_qr(qr: &str) -> Option<Scanned> {
    let qr = qr.trim();
    let mut fields = qr.strip_prefix(DEEP_LINK).unwrap_or(qr).split(',').map(str::trim);
    let reference = fields.next().filter(|it| !it.is_empty())?.to_owned();
    let mut key = || STANDARD.decode(fields.next()?).ok();
    let (noise, identity, secret) = (key()?, key()?, key()?);
    Some(Scanned {
        reference,
        noise: noise.try_into().ok()?,
        identity: identity.try_into().ok()?,
        secret: (secret.len() == 32).then_some(secret)?,
    })
}
