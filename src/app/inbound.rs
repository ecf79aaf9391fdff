//! What clients answer: kept before WhatsApp is told that it arrived.

use super::error::Error;
use super::{App, enqueue, pace, why};
use crate::domain::session::InboundMessage;
use crate::domain::why::{Key, Verb};
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{InboxId, TenantId};
use crate::storage::inbox::{self, NewInbox};
use crate::storage::{chat, outbox};

/// Stores an answer. It is matched to what it answers by the quoted message, inside its own salon only, and waits there for a
/// person to read; its text stays sealed.
pub async fn keep(app: &App, id: &TenantId, message: &InboundMessage) -> Result<(), Error> {
    let key = app.keys.of(id).await?;
    let now = app.now();
    let row_id = InboxId::new(now);
    let row = NewInbox {
        body: key.seal("inbox", row_id.as_str(), &serde_json::to_vec(message)?),
        dedup: key.hash("inbound", &message.message_id),
        id: row_id,
        tenant: id.clone(),
        source: "whatsapp",
        resource: "message".to_owned(),
        resource_id: 0,
        received_at: now,
    };
    let mut conn = app.db.begin().await?;
    inbox::insert(&mut conn, &row).await?;
    let mut peer = message.phone.as_ref().map(|phone| pace::peer(&key, phone.digits()));
    if let Some(quoted) = &message.quoted_id
        && let Some(answered) = outbox::find_message(&mut conn, id, quoted).await?
    {
        let about = (answered.record, Some(&answered.id));
        why::note(&mut conn, id, about, Verb::Answered, Key::ByQuote, now).await?;
        peer = peer.or(Some(answered.peer)).filter(|peer| !peer.is_empty());
    }
    // Who writes to the salon is no stranger: what waited for them because they were one need not wait.
    let is_news = match &peer {
        Some(peer) => chat::warm(&mut conn, id, peer).await?,
        None => false,
    };
    if is_news {
        enqueue::send(&mut conn, id, now, now).await?;
    }
    conn.commit().await?;
    failpoint!("inbound.kept");
    if is_news {
        app.ring_for(enqueue::SEND);
    }
    Ok(())
}
