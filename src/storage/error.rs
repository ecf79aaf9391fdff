//! What storage can answer instead of a row.

use crate::kernel::fault::{Fault, Retry};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A unique key said no.
    #[error("{0} is already taken")]
    Conflict(String),
    /// A row that our own code cannot have written.
    #[error("{table}.{column} of {id} makes no sense")]
    Inconsistent { table: &'static str, column: &'static str, id: String },
    /// The database is locked, full or gone. Nothing was written.
    #[error("the database did not answer")]
    Unavailable(#[source] sqlx::Error),
    #[error("the database refused a statement")]
    Driver(#[source] sqlx::Error),
    #[error("the database's tables could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Another process has this database to itself, or several share it and this one would not.
    #[error(
        "{0} is in use by another salonbridge process: stop that one first. To run several, give all of them one PostgreSQL (DATABASE_URL) and one Redis (REDIS_URL)"
    )]
    InUse(String),
    #[error("{0}")]
    Url(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) if db.is_unique_violation() => {
                Self::Conflict(db.constraint().or(db.table()).unwrap_or("a unique key").to_owned())
            }
            sqlx::Error::Database(db) if is_passing(db.code().as_deref()) => Self::Unavailable(error),
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_) => Self::Unavailable(error),
            _ => Self::Driver(error),
        }
    }
}

/// Codes of states that pass. SQLite: busy, locked, I/O, full, cannot open; the low byte of its codes tells the kind, whatever
/// stands above it. PostgreSQL, whose codes are five characters: connection, resources, not now, operator intervention, rolled back,
/// transaction state (read-only after a switch), trouble of the machine.
fn is_passing(code: Option<&str>) -> bool {
    let Some(code) = code else { return false };
    if code.len() == 5 {
        return ["08", "53", "55", "57", "40", "25", "58"].iter().any(|class| code.starts_with(class));
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

impl Error {
    /// Somebody reached for the same thing in the same instant and has it: by a unique key, or because PostgreSQL ended a circle
    /// of units of work that waited for each other.
    #[must_use]
    pub fn is_lost_race(&self) -> bool {
        match self {
            Self::Conflict(_) => true,
            Self::Unavailable(sqlx::Error::Database(db)) => db.code().as_deref() == Some("40P01"),
            _ => false,
        }
    }
}

impl Fault for Error {
    fn retry(&self) -> Retry {
        match self {
            // Whoever was not quick enough finds what the other one wrote.
            Self::Unavailable(_) | Self::Conflict(_) => Retry::Backoff,
            _ => Retry::Never,
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
