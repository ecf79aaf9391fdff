//! Linkings under way. They stand in the database, sealed: the page that shows one may be served by another node than the one
//! that links.

use super::App;
use super::error::Error;
use crate::domain::pairing::Pairing;
use crate::kernel::id::TenantId;
use crate::kernel::seal::DataKey;
use crate::storage::{Conn, pairing};

const KIND: &str = "pairing";

pub async fn get(app: &App, id: &TenantId) -> Result<Option<Pairing>, Error> {
    let Some((sealed, alive)) = pairing::find(&mut app.db.read().await?, id).await? else { return Ok(None) };
    let step: Pairing = serde_json::from_str(&app.keys.of(id).await?.open_text(KIND, "shown", &sealed)?)?;
    Ok(Some(step).filter(|step| alive || step.outlives_its_process()))
}

pub async fn set(app: &App, id: &TenantId, step: &Pairing) -> Result<(), Error> {
    let key = app.keys.of(id).await?;
    let mut conn = app.db.begin().await?;
    put(app, &mut conn, &key, id, step).await?;
    Ok(conn.commit().await?)
}

/// The same inside a unit of work.
pub(super) async fn put(
    app: &App,
    conn: &mut Conn,
    key: &DataKey,
    id: &TenantId,
    step: &Pairing,
) -> Result<(), Error> {
    let sealed = key.seal_text(KIND, "shown", &serde_json::to_string(step)?);
    Ok(pairing::show(conn, id, &app.node.id(), &sealed, app.now()).await?)
}

pub async fn clear(app: &App, id: &TenantId) -> Result<(), Error> {
    let mut conn = app.db.begin().await?;
    pairing::clear(&mut conn, id, app.now()).await?;
    Ok(conn.commit().await?)
}
