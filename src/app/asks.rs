//! What a page asks of a session: done here where this node runs the session or nobody does, and else left to the node that runs
//! it, which hears of it by a bell.

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::{App, enqueue, sessions};
use crate::domain::session::PairBy;
use crate::kernel::id::TenantId;
use crate::storage::{pairing, session_lease};
use crate::whatsapp;

const KIND: &str = "pairing";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    Pair(PairBy),
    Cancel,
    Relink,
    Wake,
}

/// Does it, or has it done.
pub async fn ask(app: &App, id: &TenantId, ask: &Ask) -> Result<(), Error> {
    if !session_lease::is_elsewhere(&mut app.db.read().await?, id, &app.node.id()).await? {
        match sessions::carry_out(app, id, ask).await {
            // Another node took it up this moment.
            Err(Error::WhatsApp(whatsapp::error::Error::Elsewhere)) => {}
            done => return done,
        }
    }
    let sealed = app.keys.of(id).await?.seal_text(KIND, "asked", &serde_json::to_string(ask)?);
    let now = app.now();
    let mut conn = app.db.begin().await?;
    pairing::ask(&mut conn, id, &sealed, now).await?;
    enqueue::ask(&mut conn, id, now).await?;
    conn.commit().await?;
    app.ring_for(enqueue::ASK);
    Ok(())
}

/// The job: does what was left for this node. One that has become another's is left again.
pub async fn hear(app: &App, id: &TenantId) -> Result<(), Error> {
    let Some(sealed) = pairing::asked(&mut app.db.read().await?, id).await? else { return Ok(()) };
    let wish: Ask = serde_json::from_str(&app.keys.of(id).await?.open_text(KIND, "asked", &sealed)?)?;
    match sessions::carry_out(app, id, &wish).await {
        // Nobody waits for the answer any more, and what cannot be done now is asked for again by whoever wants it.
        Ok(()) | Err(Error::Rejected(_)) => {}
        Err(error) => return Err(error),
    }
    let mut conn = app.db.begin().await?;
    pairing::take_asked(&mut conn, id, &sealed).await?;
    Ok(conn.commit().await?)
}
