//! One process for a database: two would both run every salon's WhatsApp session, and WhatsApp would throw each out in turn. The
//! file lock does this for SQLite; PostgreSQL keeps a lock for as long as the connection that took it lives.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::db::Db;
use super::error::Error;

/// Any number, as long as it stays the same.
const TAKE: &str = "SELECT pg_try_advisory_lock(5001977)";
/// The process before us may still be stopping.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY_EVERY: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The right to be the database's one process; given up by [`Claim::release`], or when the process ends.
pub struct Claim(Option<PgConnection>);

impl Claim {
    /// Waits a while for another process to end; [`Error::InUse`] when it does not.
    pub async fn take(db: &Db) -> Result<Self, Error> {
        let Db::Postgres(pool) = db else { return Ok(Self(None)) };
        let options = pool.connect_options();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut connection = options.connect().await?;
            let (taken,): (bool,) = sqlx::query_as(TAKE).fetch_one(&mut connection).await?;
            if taken {
                return Ok(Self(Some(connection)));
            }
            connection.close().await?;
            if Instant::now() > deadline {
                let name = options.get_database().unwrap_or("the database");
                return Err(Error::InUse(name.to_owned()));
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }

    /// Holds the claim until `stop`. A connection that was lost is claimed anew; when another process was quicker, this one must
    /// go: `stop` is cancelled.
    pub async fn hold(mut self, db: Db, stop: CancellationToken) -> Self {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let Some(connection) = &mut self.0 else { continue };
            if connection.ping().await.is_ok() {
                continue;
            }
            tracing::warn!("the claim on the database was lost; it is taken anew");
            match Self::take(&db).await {
                Ok(again) => self = again,
                Err(error @ Error::InUse(_)) => {
                    tracing::error!(%error, "another process has taken over");
                    stop.cancel();
                }
                Err(error) => tracing::warn!(%error, "the claim could not be taken; it is tried again"),
            }
        }
        self
    }

    pub async fn release(self) {
        if let Some(connection) = self.0
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the claim's connection was gone already");
        }
    }
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
