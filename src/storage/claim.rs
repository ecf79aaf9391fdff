//! Who may use a database: one process that has it to itself, or several that share it and all know so. The file lock keeps others
//! from SQLite; PostgreSQL keeps a lock for as long as the connection that took it lives. Processes share a database when they
//! share a Redis: without it each would use up YClients' budget as if it were alone.

use std::time::Duration;

use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::db::Db;
use super::error::Error;

/// Any number, as long as it stays the same.
const TAKE_ALONE: &str = "SELECT pg_try_advisory_lock(5001977)";
const TAKE_SHARED: &str = "SELECT pg_try_advisory_lock_shared(5001977)";
/// The process before us may still be stopping.
const PATIENCE: Duration = Duration::from_secs(30);
const TRY_EVERY: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The right to use the database; given up by [`Claim::release`], or when the process ends.
pub struct Claim {
    connection: Option<PgConnection>,
    shared: bool,
}

impl Claim {
    /// Waits a while for another process to end; [`Error::InUse`] when it does not.
    pub async fn take(db: &Db, shared: bool) -> Result<Self, Error> {
        let Db::Postgres(pool) = db else { return Ok(Self { connection: None, shared }) };
        let take = if shared { TAKE_SHARED } else { TAKE_ALONE };
        let options = pool.connect_options();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut connection = options.connect().await?;
            let (taken,): (bool,) = sqlx::query_as(take).fetch_one(&mut connection).await?;
            if taken {
                return Ok(Self { connection: Some(connection), shared });
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
            let Some(connection) = &mut self.connection else { continue };
            if connection.ping().await.is_ok() {
                continue;
            }
            tracing::warn!("the claim on the database was lost; it is taken anew");
            match Self::take(&db, self.shared).await {
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
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the claim's connection was gone already");
        }
    }
}

#[cfg(test)]
#[path = "claim_tests.rs"]
mod tests;
