//! Small words for reading and building stanzas.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeRef, SERVER_JID, Server};

/// Starts an element.
pub fn el(tag: &'static str) -> NodeBuilder {
    NodeBuilder::new(tag)
}

/// An element that carries nothing but bytes.
pub fn leaf(tag: &'static str, bytes: impl Into<Vec<u8>>) -> Node {
    el(tag).bytes(bytes).build()
}

pub fn attr<'n>(node: &'n NodeRef<'_>, key: &str) -> Option<Cow<'n, str>> {
    node.get_attr(key).map(|value| value.as_str())
}

pub fn jid_attr(node: &NodeRef<'_>, key: &str) -> Option<Jid> {
    node.get_attr(key).and_then(|value| value.to_jid())
}

/// The bytes of a child, whatever the encoder made of them: short ASCII may travel as a packed string.
pub fn child_bytes(node: &NodeRef<'_>, path: &[&str]) -> Option<Vec<u8>> {
    let child = node.get_optional_child_by_tag(path)?;
    match child.content_bytes() {
        Some(bytes) => Some(bytes.to_vec()),
        None => child.content_str().map(|text| text.as_bytes().to_vec()),
    }
}

pub fn child_key(node: &NodeRef<'_>, path: &[&str]) -> Option<[u8; 32]> {
    child_bytes(node, path)?.try_into().ok()
}

/// The answer to a request that went well.
pub fn iq_result(request: &NodeRef<'_>, children: Vec<Node>) -> Node {
    let answer = el("iq")
        .attr("from", SERVER_JID)
        .attr("type", "result")
        .attr("id", attr(request, "id").unwrap_or_default().as_ref());
    if children.is_empty() { answer.build() } else { answer.children(children).build() }
}

/// The answer to a request the server does not grant.
pub fn iq_error(request: &NodeRef<'_>, code: u16, text: &str) -> Node {
    el("iq")
        .attr("from", SERVER_JID)
        .attr("type", "error")
        .attr("id", attr(request, "id").unwrap_or_default().as_ref())
        .children([el("error").attr("code", code).attr("text", text).build()])
        .build()
}

/// A request that asks the server something.
pub fn iq(kind: &'static str, xmlns: &'static str, id: &str, children: Vec<Node>) -> Node {
    el("iq")
        .attr("to", SERVER_JID)
        .attr("xmlns", xmlns)
        .attr("type", kind)
        .attr("id", id)
        .children(children)
        .build()
}

pub fn stream_error(code: u16) -> Node {
    el("stream:error").attr("code", code).build()
}

/// A fresh id in the shape phones use.
pub fn message_id() -> String {
    let tail: [u8; 9] = rand::rng().random();
    format!("3A{}", hex::encode_upper(tail))
}

pub fn token(bytes: usize) -> String {
    let mut raw = vec![0u8; bytes];
    rand::rng().fill(raw.as_mut_slice());
    hex::encode_upper(raw)
}

/// The digits of a number, however it was written. `None` where that is no number at all.
pub fn digits(written: &str) -> Option<String> {
    let digits: String = written.chars().filter(char::is_ascii_digit).collect();
    let plausible = (5..=18).contains(&digits.len());
    let only = written.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c));
    (plausible && only).then_some(digits)
}

/// A device of an account, in the same namespace as `like`.
pub fn in_namespace_of(like: &Jid, number: &str, lid: &str, device: u16) -> Jid {
    if like.server.is_lid_family() {
        Jid { user: lid.into(), server: Server::Lid, device, ..Jid::default() }
    } else {
        Jid { user: number.into(), server: Server::Pn, device, ..Jid::default() }
    }
}

fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub fn now_secs() -> i64 {
    i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX)
}

pub fn now_us() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}
