//! The database: one SQL text, two engines behind one enum.
//!
//! # Decision
//! An enum of drivers and a macro that types each function body once per engine (house rule: one portable dialect). The price
//! is that statements are not checked by the compiler; `sql.rs` prepares every one of them on both engines in a test instead.
//!
//! SQLite has one writer connection and several readers; a unit of work begins with `BEGIN IMMEDIATE`, so it waits for its
//! turn instead of failing in the middle. Commits are fully synchronous: acknowledged means on the disk. Never await the
//! outside world while holding a [`Conn`], and never open a unit of work inside another.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::error::Error;

/// An older release may meet tables that a newer one has changed: while one is rolled out, or taken back. Changes only ever add, so
/// it can go on; what it does not know it leaves alone.
pub(super) static MIGRATIONS: Migrator = Migrator { ignore_missing: true, ..sqlx::migrate!("./migrations") };

const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
const SQLITE_READERS: u32 = 4;
/// A write-ahead log of so many pages (32 MB) is folded into the file by whoever commits. Mostly [`Db::fold`] was there before.
const WAL_PAGES: &str = "8000";
/// Also bounds how many hook batches commit at once on PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;

/// A handle on the database; cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    Sqlite { writer: SqlitePool, readers: SqlitePool, folder: SqlitePool, lock: Arc<File> },
    Postgres(PgPool),
}

/// One connection, held for one short piece of work.
pub enum Conn {
    Sqlite(Held<Sqlite>),
    Postgres(Held<Postgres>),
}

/// A connection that reads, or a transaction that writes.
pub enum Held<D: sqlx::Database> {
    Read(PoolConnection<D>),
    Write(Transaction<'static, D>),
}

impl<D: sqlx::Database> std::ops::Deref for Held<D> {
    type Target = D::Connection;
    fn deref(&self) -> &Self::Target {
        match self {
            Self::Read(connection) => connection,
            Self::Write(transaction) => transaction,
        }
    }
}

impl<D: sqlx::Database> std::ops::DerefMut for Held<D> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Read(connection) => connection,
            Self::Write(transaction) => transaction,
        }
    }
}

/// Runs the same body on whichever engine the connection belongs to.
macro_rules! on {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::storage::db::Conn::Sqlite(held) => {
                let $c = &mut **held;
                $body
            }
            $crate::storage::db::Conn::Postgres(held) => {
                let $c = &mut **held;
                $body
            }
        }
    };
}
pub(crate) use on;

impl Db {
    /// Opens the database named by `url` (`sqlite:PATH` or `postgres://…`) and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let db = Self::connect(url).await?;
        db.migrate().await?;
        Ok(db)
    }

    /// Opens the database without touching its tables.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::connect_postgres(url).await;
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(Error::Url("DATABASE_URL must begin with postgres:// or sqlite:".to_owned()));
        };
        Self::connect_sqlite(Path::new(path.trim_start_matches("//"))).await
    }

    async fn connect_postgres(url: &str) -> Result<Self, Error> {
        // A plan that is kept was often made while the tables were still empty, when reading a whole queue seemed cheap.
        let options = PgConnectOptions::from_str(url)?.application_name("salonbridge").options([
            ("plan_cache_mode", "force_custom_plan"),
            // What hangs behind another's lock ends as an error that is tried again, not as a hook without an answer.
            ("statement_timeout", "15s"),
            // A process that was stopped in the middle of a unit of work must not keep others from taking over what it held. No
            // unit of work waits for anything but the database.
            ("idle_in_transaction_session_timeout", "8s"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    async fn connect_sqlite(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| Error::Unavailable(sqlx::Error::Io(e)))?;
        }
        let lock = lock_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            .pragma("secure_delete", "on")
            .pragma("temp_store", "memory");
        // A file is there, or opening it failed: no need to ask a connection each time whether it still lives.
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        let folder = pool().max_connections(1).connect_lazy_with(options.clone());
        let readers = pool().max_connections(SQLITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Self::Sqlite { writer, readers, folder, lock: Arc::new(lock) })
    }

    pub async fn migrate(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite { writer, .. } => MIGRATIONS.run(writer).await?,
            Self::Postgres(pool) => {
                // A change of a large table may take its time.
                let mut connection = pool.acquire().await?.detach();
                sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
                MIGRATIONS.run(&mut connection).await?;
                connection.close().await?;
            }
        }
        Ok(())
    }

    /// How many changes of the tables are still to be made. Changes nothing.
    pub async fn pending_migrations(&self) -> Result<usize, Error> {
        const APPLIED: &str = "SELECT CAST(COUNT(*) AS BIGINT) FROM _sqlx_migrations";
        let mut conn = self.read().await?;
        let applied: Result<(i64,), sqlx::Error> =
            on!(&mut conn, c => sqlx::query_as(APPLIED).fetch_one(c).await);
        let applied = match applied {
            Ok((count,)) => usize::try_from(count).unwrap_or(0),
            // A database that was never opened has no such table.
            Err(sqlx::Error::Database(_)) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(MIGRATIONS.iter().count().saturating_sub(applied))
    }

    /// A connection for reading. It must be dropped before a unit of work is begun.
    pub async fn read(&self) -> Result<Conn, Error> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Conn::Sqlite(Held::Read(readers.acquire().await?)),
            Self::Postgres(pool) => Conn::Postgres(Held::Read(pool.acquire().await?)),
        })
    }

    /// Begins a unit of work. Dropped without [`Conn::commit`], it never happened.
    pub async fn begin(&self) -> Result<Conn, Error> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Conn::Sqlite(Held::Write(begin_immediate(writer).await?)),
            Self::Postgres(pool) => Conn::Postgres(Held::Write(pool.begin().await?)),
        })
    }

    /// A connection of its own on PostgreSQL, for what must not wait behind anything: else a node that is merely busy would look
    /// dead.
    #[must_use]
    pub fn aside(&self) -> Self {
        match self {
            Self::Sqlite { .. } => self.clone(),
            Self::Postgres(pool) => {
                let options = pool.connect_options().as_ref().clone();
                let one = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
                Self::Postgres(one.connect_lazy_with(options))
            }
        }
    }

    /// Folds what SQLite's write-ahead log holds into the file, beside the writer and without stopping it: else some commit
    /// would have to, and those whose hooks are in it would wait. PostgreSQL does this by itself.
    pub async fn fold(&self) -> Result<(), Error> {
        if let Self::Sqlite { folder, .. } = self {
            sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(folder).await?;
        }
        Ok(())
    }

    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Closes every connection; on SQLite this folds the write-ahead log into the file.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers, folder, lock } => {
                readers.close().await;
                folder.close().await;
                writer.close().await;
                // Clones of this handle may live on; the file is free from here.
                if let Err(error) = lock.unlock() {
                    tracing::warn!(%error, "the database's lock file was not released");
                }
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Conn {
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(Held::Write(transaction)) => transaction.commit().await?,
            Self::Postgres(Held::Write(transaction)) => transaction.commit().await?,
            Self::Sqlite(Held::Read(_)) | Self::Postgres(Held::Read(_)) => {}
        }
        Ok(())
    }

    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

/// A full disk or an I/O error makes SQLite end a unit of work by itself. The driver still counts it as open, so its one writer
/// would refuse everything from then on: such a connection is given up for a new one.
pub(super) async fn begin_immediate(
    writer: &SqlitePool,
) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match writer.begin_with(BEGIN).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            tracing::warn!("SQLite ended a unit of work by itself; its connection is replaced");
            writer.acquire().await?.close().await?;
            writer.begin_with(BEGIN).await
        }
        begun => begun,
    }
}

/// SQLite would let a second process in and starve both; WhatsApp sessions would fight. One file, one process.
fn lock_file(database: &Path) -> Result<File, Error> {
    let path = PathBuf::from(format!("{}.lock", database.display()));
    let io = |e| Error::Unavailable(sqlx::Error::Io(e));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(io)?;
    file.try_lock().map_err(|_| Error::InUse(database.display().to_string()))?;
    Ok(file)
}

#[cfg(test)]
#[path = "db_tests.rs"]
mod tests;
