//! Messages from clients: kept by us before WhatsApp is told that they arrived.
//!
//! A salon's phone receives all sorts of things. Only texts of people who write to the salon itself concern us; groups,
//! statuses, channels and what the owner writes on the phone are none of our business and are not even looked into.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc::UnboundedSender;
use whatsapp_rust::InboundDurabilityHook;
use whatsapp_rust::prelude::{Client, Jid, MessageExt as _, wa};
use whatsapp_rust::traits::ProtocolStore as _;
use whatsapp_rust::types::events::InboundMessage as Arrived;

use super::gateway::Sink;
use super::notice::Notice;
use super::store::WaStore;
use crate::domain::session::InboundMessage;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::kernel::phone::Phone;

/// Stands between the library's decryption and its acknowledgement.
pub(super) struct Keeper {
    pub(super) tenant: TenantId,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) store: Arc<WaStore>,
    pub(super) notices: UnboundedSender<Notice>,
}

#[async_trait]
impl InboundDurabilityHook for Keeper {
    async fn on_messages(&self, _client: Arc<Client>, batch: &[Arrived]) -> anyhow::Result<()> {
        for arrived in batch {
            let kept = self.keep(arrived).await;
            if kept.is_err() {
                // Without an acknowledgement WhatsApp delivers again, but only to a new connection: the owner sees to one.
                let _ = self.notices.send(Notice::NotKept);
                return kept;
            }
        }
        Ok(())
    }
}

impl Keeper {
    async fn keep(&self, arrived: &Arrived) -> anyhow::Result<()> {
        let Some((text, quoted_id)) = text_to_us(arrived) else { return Ok(()) };
        let source = &arrived.info.source;
        let alternate = source.sender_alt.as_ref();
        let phone = match phone_of(&source.sender).or_else(|| alternate.and_then(phone_of)) {
            Some(phone) => Some(phone),
            None => {
                let known = self.store.get_lid_mapping(&source.sender.user).await?;
                known.and_then(|known| Phone::parse(&format!("+{}", known.phone_number)))
            }
        };
        let message = InboundMessage {
            message_id: arrived.info.id.clone(),
            phone,
            lid: lid_of(&source.sender).or_else(|| alternate.and_then(lid_of)),
            text,
            quoted_id,
            sent_at: UnixMs(arrived.info.timestamp.timestamp_millis()),
        };
        self.sink.keep(&self.tenant, message).await
    }
}

/// The text of a direct message from a person to the salon, and the id of the message it quotes.
fn text_to_us(arrived: &Arrived) -> Option<(String, Option<String>)> {
    let source = &arrived.info.source;
    let direct =
        !source.is_from_me && !source.is_group && is_person(&source.chat) && is_person(&source.sender);
    if !direct {
        return None;
    }
    let text = arrived.message.text_content()?;
    Some((text.to_owned(), quoted_id(arrived.message.get_base_message())))
}

fn is_person(jid: &Jid) -> bool {
    jid.is_pn() || jid.is_lid()
}

fn quoted_id(message: &wa::Message) -> Option<String> {
    let context = message.extended_text_message.as_option()?.context_info.as_option()?;
    context.stanza_id.clone().filter(|id| !id.is_empty())
}

fn phone_of(jid: &Jid) -> Option<Phone> {
    if jid.is_pn() { Phone::parse(&format!("+{}", jid.user)) } else { None }
}

fn lid_of(jid: &Jid) -> Option<String> {
    jid.is_lid().then(|| jid.user.to_string())
}

/// The account's own number, from the device's address.
pub(super) fn own_phone(client: &Client) -> Option<Phone> {
    client.pn().as_ref().and_then(phone_of)
}
