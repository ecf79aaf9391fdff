//! How often somebody may guess. Each guess is counted as failed before it is looked at, and taken back when it was right: so many
//! at once are no more than one after another, and a process that dies in between gives nothing away.
//!
//! # Decision
//! What is counted is the address that was typed in, whether a login has it or not, and the network address it came from. A login
//! nobody has is locked like one that is there, and the two cannot be told apart. The price: whoever knows a person's e-mail can
//! keep them out for as long as they guess on, a quarter of an hour at a time at most; who is signed in stays so.

use super::App;
use super::error::Error;
use crate::domain::login::{FORGET_MS, FREE_FOR_ADDRESS, FREE_FOR_LOGIN, rest_ms};
use crate::kernel::clock::UnixMs;
use crate::kernel::seal::DataKey;
use crate::storage::{Conn, guess};

/// Something guessed at, and how many failures are free.
#[derive(Debug, Clone)]
pub struct Target {
    id: String,
    free: i64,
}

impl Target {
    pub fn login(key: &DataKey, email: &str) -> Self {
        Self { id: key.hash("guess_login", email), free: FREE_FOR_LOGIN }
    }

    pub fn code(key: &DataKey, email: &str) -> Self {
        Self { id: key.hash("guess_code", email), free: FREE_FOR_LOGIN }
    }

    pub fn address(key: &DataKey, address: &str) -> Self {
        Self { id: key.hash("guess_address", address), free: FREE_FOR_ADDRESS }
    }
}

/// Counts a guess at all of these, or at none: then until when nothing is looked at. They are always named in the same order.
pub async fn count(app: &App, targets: &[&Target], now: UnixMs) -> Result<Option<UnixMs>, Error> {
    let mut conn = app.db.begin().await?;
    for target in targets {
        let Some(failures) = guess::count(&mut conn, &target.id, now, now.plus_ms(-FORGET_MS)).await? else {
            return Ok(Some(guess::rests_until(&mut conn, &target.id).await?.unwrap_or(now)));
        };
        let rest = rest_ms(failures, target.free);
        if rest > 0 {
            guess::rest(&mut conn, &target.id, now.plus_ms(rest)).await?;
        }
    }
    conn.commit().await?;
    Ok(None)
}

/// The guess was right, though all is not proved yet.
pub async fn forgive(conn: &mut Conn, target: &Target) -> Result<(), Error> {
    Ok(guess::forgive(conn, &target.id).await?)
}

/// It was who they said: what was counted before is forgotten.
pub async fn clear(conn: &mut Conn, target: &Target) -> Result<(), Error> {
    Ok(guess::clear(conn, &target.id).await?)
}
