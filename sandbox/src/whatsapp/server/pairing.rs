//! How a new companion comes to an account: references, the phone's word, the companion's signature.
//!
//! The server hands a candidate a few references. A phone that scanned one sends it back with a device identity it signed;
//! the candidate countersigns; the server checks that signature before the device exists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use wacore_binary::{Jid, Node, NodeRef, SERVER_JID};
use wacore_libsignal::protocol::PublicKey;
use waproto::buffa::Message as _;
use waproto::whatsapp as wa;

use super::account::{Device, MAX_COMPANIONS, SignedKey};
use super::keys::{big_endian, is_signed_by};
use super::stats::Stats;
use super::{Address, Link, Out, Server, State};
use crate::whatsapp::noise::Established;
use crate::whatsapp::wire::{
    attr, child_bytes, child_key, el, iq_error, iq_result, leaf, now_secs, stream_error, token,
};

const DEVICE_SIGNATURE_PREFIX: [u8; 2] = [6, 1];
/// A connection that belongs to no account yet.
pub struct Candidate {
    pub link: Link,
    pub noise: [u8; 32],
    identity: [u8; 32],
    registration: u32,
    signed_key: SignedKey,
    promise: Option<Promise>,
}

/// What a phone has vouched for and the candidate has yet to sign.
struct Promise {
    iq: String,
    phone_iq: String,
    device: Address,
    details: Vec<u8>,
    account_key: Vec<u8>,
    key_index: u32,
    key_index_list: Option<(Vec<u8>, i64)>,
}

impl Candidate {
    /// What to tell the phone that vouched for a candidate which then went away.
    pub fn unfinished(self) -> Option<(Address, Node)> {
        let promise = self.promise?;
        let refusal = refusal(&promise.phone_iq, "companion-gone");
        Some((Address { number: promise.device.number, device: 0 }, refusal))
    }
}

pub struct Reference {
    pub connection: u64,
    expires: Instant,
}

impl Server {
    /// Greets an unpaired connection with its references and says how long it may stay.
    pub fn meet(&self, link: Link, established: &Established) -> anyhow::Result<Duration> {
        let candidate = candidate(link, established)?;
        let refs = self.faults().refs.clone();
        let mut state = self.state();
        let (start, mut valid, mut nodes) = (Instant::now(), Duration::ZERO, Vec::new());
        for turn in 0..refs.count {
            valid += Duration::from_millis(if turn == 0 { refs.first_ms } else { refs.next_ms });
            let reference = format!("2@{}", token(60));
            nodes.push(leaf("ref", reference.as_bytes()));
            let expires = start + valid + Duration::from_millis(refs.grace_ms);
            state.references.insert(reference, Reference { connection: candidate.link.id, expires });
        }
        let greeting = el("iq")
            .attr("from", SERVER_JID)
            .attr("type", "set")
            .attr("xmlns", "md")
            .attr("id", token(6))
            .children([el("pair-device").children(nodes).build()])
            .build();
        candidate.link.send(greeting);
        state.candidates.insert(candidate.link.id, candidate);
        Ok(valid + Duration::from_millis(refs.grace_ms))
    }

    /// How much longer a candidate may stay whose references are used up: while a code of its is still good.
    pub fn may_stay(&self, connection: u64) -> Option<Duration> {
        let state = self.state();
        let code = state.link_codes.values().find(|code| code.connection == connection)?;
        code.expires.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Takes a stanza from a connection that belongs to no account.
    pub fn handle_candidate(self: &Arc<Self>, connection: u64, stanza: &NodeRef<'_>) -> Vec<Out> {
        if stanza.tag != "iq" {
            return Vec::new();
        }
        match attr(stanza, "type").as_deref() {
            Some("result" | "error") => self.countersigned(connection, stanza),
            Some("set") if stanza.get_optional_child("link_code_companion_reg").is_some() => {
                vec![Out::Stanza(self.link_code_from_candidate(connection, stanza))]
            }
            Some("get") if attr(stanza, "xmlns").as_deref() == Some("w:p") => {
                vec![Out::Stanza(iq_result(stanza, Vec::new()))]
            }
            _ => vec![Out::Stanza(iq_error(stanza, 401, "not-authorized"))],
        }
    }

    /// A phone vouches for the device behind a reference. The phone hears more when the device has signed.
    pub(super) fn pair_device(&self, from: &Address, request: &NodeRef<'_>) -> Vec<Out> {
        let mut state = self.state();
        match promise(&mut state, from, request) {
            Ok(()) => Vec::new(),
            Err((code, text)) => vec![Out::Stanza(iq_error(request, code, text))],
        }
    }

    fn countersigned(&self, connection: u64, stanza: &NodeRef<'_>) -> Vec<Out> {
        let mut state = self.state();
        let Some(candidate) = state.candidates.get_mut(&connection) else { return vec![Out::Close] };
        // Results of other requests, the greeting's for one, need nothing.
        let answered = attr(stanza, "id");
        let Some(promise) = candidate.promise.take_if(|it| answered.as_deref() == Some(&it.iq)) else {
            return Vec::new();
        };
        let phone = Address { number: promise.device.number.clone(), device: 0 };
        if let Some(error) = stanza.get_optional_child("error") {
            let text = attr(error, "text").unwrap_or_default().into_owned();
            self.deliver(&mut state, &phone, refusal(&promise.phone_iq, &text));
            return Vec::new();
        }
        match check_signature(candidate, &promise, stanza) {
            Ok(device_identity) => {
                let device = Device {
                    identity: candidate.identity,
                    registration: candidate.registration,
                    signed_key: candidate.signed_key.clone(),
                    noise: Some(candidate.noise),
                    device_identity,
                    key_index: promise.key_index,
                    ..Device::default()
                };
                self.adopt(&mut state, connection, promise, device);
                vec![Out::Stanza(stream_error(515)), Out::Close]
            }
            Err(problem) => {
                tracing::warn!(%problem, "a device signature was refused");
                self.deliver(&mut state, &phone, refusal(&promise.phone_iq, "bad-device-signature"));
                vec![Out::Stanza(stream_error(401)), Out::Close]
            }
        }
    }

    fn adopt(&self, state: &mut State, connection: u64, promise: Promise, device: Device) {
        state.candidates.remove(&connection);
        state.references.retain(|_, reference| reference.connection != connection);
        state.link_codes.retain(|_, code| code.connection != connection);
        let Some(account) = state.accounts.get_mut(&promise.device.number) else { return };
        account.devices.insert(promise.device.device, device);
        account.key_index_list = promise.key_index_list.or(account.key_index_list.take());
        let jid = Jid::pn_device(account.number.as_str(), promise.device.device);
        let lid = Jid::lid_device(account.lid.as_str(), promise.device.device);
        let linked = el("iq")
            .attr("from", SERVER_JID)
            .attr("type", "result")
            .attr("id", promise.phone_iq.as_str())
            .children([el("device").attr("jid", jid).attr("lid", lid).build()])
            .build();
        Stats::count(&self.stats.pairings);
        self.deliver(state, &Address { number: promise.device.number, device: 0 }, linked);
    }
}

fn candidate(link: Link, established: &Established) -> anyhow::Result<Candidate> {
    let data =
        established.payload.device_pairing_data.as_option().context("neither a login nor a registration")?;
    let field = |bytes: &Option<Vec<u8>>| bytes.clone().context("a key is missing in the registration");
    let identity: [u8; 32] =
        field(&data.e_ident)?.try_into().ok().context("an identity key of the wrong length")?;
    let signed_key = SignedKey {
        id: big_endian(&field(&data.e_skey_id)?).context("no id of the signed key")?,
        public: field(&data.e_skey_val)?,
        signature: field(&data.e_skey_sig)?,
    };
    ensure!(is_signed_by(&identity, &signed_key), "the signed key is not signed by the identity");
    let registration = big_endian(&field(&data.e_regid)?).context("no registration id")?;
    let noise = established.client_static;
    Ok(Candidate { link, noise, identity, registration, signed_key, promise: None })
}

/// Checks what the phone asks for and puts the question to the candidate.
fn promise(state: &mut State, from: &Address, request: &NodeRef<'_>) -> Result<(), (u16, &'static str)> {
    const MALFORMED: (u16, &str) = (400, "bad-request");
    let pair = request.get_optional_child("pair-device").ok_or(MALFORMED)?;
    let reference = child_bytes(pair, &["ref"]).and_then(|it| String::from_utf8(it).ok()).ok_or(MALFORMED)?;
    let sealed = child_bytes(pair, &["device-identity"]).ok_or(MALFORMED)?;
    let key_index_list = pair
        .get_optional_child("key-index-list")
        .and_then(|list| Some((list.content_bytes()?.to_vec(), attr(list, "ts")?.parse().ok()?)));
    let (details, account_key, key_index) = read_identity(&sealed).map_err(|_| MALFORMED)?;

    let connection = match (state.references.get(&reference), state.link_codes.get(&reference)) {
        (Some(known), _) if known.expires < Instant::now() => return Err((410, "expired")),
        (Some(known), _) => known.connection,
        (None, Some(code)) if code.number == from.number => code.connection,
        _ => return Err((404, "item-not-found")),
    };
    let account = state.accounts.get_mut(&from.number).ok_or(MALFORMED)?;
    if account.companions().count() >= MAX_COMPANIONS {
        return Err((409, "too-many-devices"));
    }
    let candidate = state.candidates.get_mut(&connection).ok_or((404, "item-not-found"))?;
    if child_key(pair, &["pub-key"]) != Some(candidate.noise) {
        return Err((400, "wrong-key"));
    }
    if candidate.promise.is_some() {
        return Err((409, "conflict"));
    }
    let device = account.next_device;
    account.next_device += 1;
    let iq = token(8);
    let question = el("iq")
        .attr("from", SERVER_JID)
        .attr("type", "set")
        .attr("xmlns", "md")
        .attr("id", iq.as_str())
        .attr("t", now_secs())
        .children([pair_success(account.number.as_str(), &account.lid, device, sealed, account.lid_migrated)])
        .build();
    candidate.promise = Some(Promise {
        iq,
        phone_iq: attr(request, "id").unwrap_or_default().into_owned(),
        device: Address { number: from.number.clone(), device },
        details,
        account_key,
        key_index,
        key_index_list,
    });
    candidate.link.send(question);
    Ok(())
}

fn pair_success(number: &str, lid: &str, device: u16, sealed: Vec<u8>, lid_migrated: bool) -> Node {
    let props = wa::ClientPairingProps {
        is_chat_db_lid_migrated: Some(lid_migrated),
        is_syncd_pure_lid_session: Some(false),
        ..Default::default()
    };
    el("pair-success")
        .children([
            leaf("device-identity", sealed),
            el("platform").attr("name", "android").build(),
            el("device")
                .attr("jid", Jid::pn_device(number, device))
                .attr("lid", Jid::lid_device(lid, device))
                .build(),
            leaf("client-props", props.encode_to_vec()),
        ])
        .build()
}

/// The parts of a sealed identity that the server may read: it can check them, but not forge them.
fn read_identity(sealed: &[u8]) -> anyhow::Result<(Vec<u8>, Vec<u8>, u32)> {
    let sealed = waproto::codec::adv_signed_device_identity_hmac_decode(sealed)?;
    let signed = waproto::codec::adv_signed_device_identity_decode(&sealed.details.context("no details")?)?;
    let details = signed.details.context("no inner details")?;
    let key_index =
        waproto::codec::adv_device_identity_decode(&details)?.key_index.context("no key index")?;
    Ok((details, signed.account_signature_key.context("no account key")?, key_index))
}

/// Returns the complete device identity if the companion really signed what the phone vouched for.
fn check_signature(
    candidate: &Candidate,
    promise: &Promise,
    stanza: &NodeRef<'_>,
) -> anyhow::Result<Vec<u8>> {
    let bytes = child_bytes(stanza, &["pair-device-sign", "device-identity"])
        .context("no device identity returned")?;
    let mut signed = waproto::codec::adv_signed_device_identity_decode(&bytes)?;
    ensure!(signed.details.as_ref() == Some(&promise.details), "the details were changed");
    let signature = signed.device_signature.as_deref().context("no device signature")?;
    let message =
        [&DEVICE_SIGNATURE_PREFIX[..], &promise.details, &candidate.identity, &promise.account_key].concat();
    let identity = PublicKey::from_djb_public_key_bytes(&candidate.identity)?;
    ensure!(identity.verify_signature(&message, signature), "the device signature does not verify");
    // Companions may leave the account's key out of what they return; others need it to check the chain.
    signed.account_signature_key = Some(promise.account_key.clone());
    Ok(waproto::codec::adv_signed_device_identity_to_vec(&signed))
}

fn refusal(id: &str, text: &str) -> Node {
    el("iq")
        .attr("from", SERVER_JID)
        .attr("type", "error")
        .attr("id", id)
        .children([el("error").attr("code", 401).attr("text", text).build()])
        .build()
}
