//! What clients answer: kept before WhatsApp is told that it arrived.

use super::error::Error;
use super::{App, why};
use crate::domain::session::InboundMessage;
use crate::domain::why::{Key, Verb};
use crate::kernel::failpoint::failpoint;
use crate::kernel::id::{InboxId, TenantId};
use crate::storage::inbox::{self, NewInbox};
use crate::storage::outbox;

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
    if let Some(quoted) = &message.quoted_id
        && let Some(answered) = outbox::find_message(&mut conn, id, quoted).await?
    {
        let about = (answered.record, Some(&answered.id));
        why::note(&mut conn, id, about, Verb::Answered, Key::ByQuote, now).await?;
    }
    conn.commit().await?;
    failpoint!("inbound.kept");
    Ok(())
}
