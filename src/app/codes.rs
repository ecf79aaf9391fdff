//! Codes of clients: made when a client is first met, or shown, and in bulk for those who have none.

use super::error::Error;
use super::{App, faces};
use crate::domain::client::Card;
use crate::domain::code::Code;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{ClientKey, TenantId};
use crate::kernel::seal::DataKey;
use crate::kernel::secret::random_bits;
use crate::storage::client::{self, ClientRow};
use crate::storage::{Conn, Error as Stored};

/// Of four thousand million codes one that is taken is met once in a lifetime; this often in a row, never.
const MOST_TRIES: usize = 8;
/// Codes made in one unit of work.
const PAGE: i64 = 200;

/// A code nobody is known to have; whether it is free the index says.
pub(super) fn fresh() -> Code {
    Code::from_bits(random_bits())
}

/// Gives a client a code, if they have none. Says whether one was made.
pub(super) async fn ensure(
    conn: &mut Conn,
    tenant: &TenantId,
    key: &DataKey,
    id: &ClientKey,
    now: UnixMs,
) -> Result<bool, Error> {
    let Some(row) = held(conn, tenant, id, now).await?.filter(|row| row.signs.code.is_none()) else {
        return Ok(false);
    };
    let card = faces::open(key, &row)?;
    for _ in 0..MOST_TRIES {
        let code = fresh();
        let with_code = Card { code: Some(code.to_string()), ..card.clone() };
        let body = faces::seal(key, id, &with_code)?;
        if client::set_code(conn, tenant, id, (&faces::code_hash(key, &code), &body), now).await? {
            return Ok(true);
        }
    }
    Err(no_code())
}

/// A client's row, which nobody else changes until the end of the unit of work.
pub(super) async fn held(
    conn: &mut Conn,
    tenant: &TenantId,
    id: &ClientKey,
    now: UnixMs,
) -> Result<Option<ClientRow>, Error> {
    client::touch(conn, tenant, id, now).await?;
    Ok(client::find(conn, tenant, id).await?)
}

/// The index was asked so often and said no: something else is wrong.
pub(super) fn no_code() -> Error {
    Error::Storage(Stored::Conflict("client_code".to_owned()))
}

/// Gives codes to clients of a salon who have none, some at a time. Says how many were made, and how many have none still.
pub async fn generate(app: &App, tenant: &TenantId) -> Result<(usize, i64), Error> {
    let (key, now) = (app.keys.of(tenant).await?, app.now());
    let (mut made, mut conn) = (0, app.db.begin().await?);
    for row in client::list_codeless(&mut conn, tenant, "", PAGE).await? {
        made += usize::from(ensure(&mut conn, tenant, &key, &row.id, now).await?);
    }
    let (clients, with_code) = client::count(&mut conn, tenant).await?;
    conn.commit().await?;
    Ok((made, clients - with_code))
}
