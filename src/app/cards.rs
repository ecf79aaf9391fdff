//! Hooks of clients' cards: another number, another name, or that the card was deleted in the CRM.
//!
//! A card that belongs to nobody we know makes nobody known: a client is met with their first record.

use super::error::Error;
use super::{App, books::Salon, clients};
use crate::domain::client::Card;
use crate::domain::record::Field;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::ClientId;
use crate::kernel::id::TenantId;
use crate::storage::Conn;
use crate::storage::client::{self, HashedSigns};
use crate::storage::inbox::{self, InboxRow};
use crate::yclients::client_hook::{self, ClientSaid};
use crate::yclients::webhook;

/// Takes what arrived for one card: the last of it by the CRM's own time is so.
pub(super) async fn absorb(
    app: &App,
    id: &TenantId,
    card: ClientId,
    waiting: &[InboxRow],
) -> Result<(), Error> {
    let salon = clients::salon(app, id).await?;
    let mut last: Option<(Option<UnixMs>, ClientSaid)> = None;
    for body in app.keys.open_arrived(id, &salon.key, waiting).await?.into_iter().flatten() {
        let said = webhook::parse(&body).ok().and_then(|hooks| client_hook::read(hooks.first()?));
        if let Some(said) = said
            && last.as_ref().is_none_or(|(at, _)| said.changed_at >= *at || said.changed_at.is_none())
        {
            last = Some((said.changed_at.or(last.and_then(|(at, _)| at)), said));
        }
    }
    let now = app.now();
    let mut conn = app.db.begin().await?;
    match last {
        Some((_, said)) if said.is_deleted => {
            client::mark_gone(&mut conn, id, card, now).await?;
        }
        Some((_, ClientSaid { client: Field::Is(told), .. })) => {
            learn(&mut conn, &salon, card, Card::of(&told), now).await?;
        }
        _ => {}
    }
    for row in waiting {
        inbox::mark_absorbed(&mut conn, id, &row.id, now, "kept").await?;
    }
    Ok(conn.commit().await?)
}

async fn learn(
    conn: &mut Conn,
    salon: &Salon<'_>,
    card: ClientId,
    told: Card,
    now: UnixMs,
) -> Result<(), Error> {
    let found = client::list_named(conn, salon.id, &HashedSigns::default(), Some(card)).await?;
    let Some(row) = found.first() else { return Ok(()) };
    clients::teach(conn, salon, row, (Some(card), told), now).await
}
