//! The product's database, read from outside with statements of the proof's own.

use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use crate::history::Row;

const LEFT: &str = "SELECT (SELECT COUNT(*) FROM inbox WHERE absorbed_at IS NULL AND source = 'hook') \
     + (SELECT COUNT(*) FROM outbox WHERE state IN ('planned', 'sending')) \
     + (SELECT COUNT(*) FROM job WHERE state = 'ready' AND kind = 'absorb_resource')";

pub enum Base {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

type Found = (String, i64, String, String, i64);

impl Base {
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        Ok(match url.strip_prefix("sqlite:") {
            Some(path) => {
                let url = format!("sqlite://{path}?mode=ro");
                Self::Sqlite(SqlitePoolOptions::new().max_connections(1).connect(&url).await?)
            }
            None => Self::Postgres(PgPoolOptions::new().max_connections(1).connect(url).await?),
        })
    }

    /// Hooks not absorbed, messages not settled.
    pub async fn left_to_do(&self) -> anyhow::Result<i64> {
        Ok(match self {
            Self::Sqlite(pool) => sqlx::query_scalar(LEFT).fetch_one(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(LEFT).fetch_one(pool).await?,
        })
    }

    /// The name of the node that runs the salon's session.
    pub async fn owner(&self) -> anyhow::Result<Option<String>> {
        const OWNER: &str = "SELECT node FROM session_lease LIMIT 1";
        Ok(match self {
            Self::Sqlite(pool) => sqlx::query_scalar(OWNER).fetch_optional(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(OWNER).fetch_optional(pool).await?,
        })
    }

    /// Whether the session was said to be connected, by whoever said something last.
    pub async fn is_online(&self) -> anyhow::Result<bool> {
        const ONLINE: &str = "SELECT COUNT(*) FROM wa_session AS s JOIN session_lease AS l ON l.tenant_id = s.tenant_id \
             JOIN node AS n ON n.id = l.node WHERE s.state = 'online' AND (SELECT COUNT(*) FROM node) = 1";
        let online: i64 = match self {
            Self::Sqlite(pool) => sqlx::query_scalar(ONLINE).fetch_one(pool).await?,
            Self::Postgres(pool) => sqlx::query_scalar(ONLINE).fetch_one(pool).await?,
        };
        Ok(online > 0)
    }

    /// PostgreSQL lets every connection to this database go but this one, as at a restart.
    pub async fn cut(&self) -> anyhow::Result<()> {
        const CUT: &str = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        if let Self::Postgres(pool) = self {
            sqlx::query(CUT).execute(pool).await?;
        }
        Ok(())
    }

    pub async fn rows_of(&self, records: &[i64]) -> anyhow::Result<Vec<Row>> {
        let list = records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT message_id, record_id, state, reason, deadline_at FROM outbox WHERE record_id IN ({list})"
        );
        let found: Vec<Found> = match self {
            Self::Sqlite(pool) => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await?,
            Self::Postgres(pool) => sqlx::query_as(AssertSqlSafe(sql)).fetch_all(pool).await?,
        };
        let row = |(message_id, record, state, reason, deadline_at)| Row {
            message_id,
            record,
            state,
            reason,
            deadline_at,
        };
        Ok(found.into_iter().map(row).collect())
    }
}

/// An empty database in the cluster that `server` names.
pub async fn create(server: &str, name: &str) -> anyhow::Result<String> {
    let pool = PgPool::connect(server).await?;
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await?;
    pool.close().await;
    let (base, _) = server.rsplit_once('/').ok_or_else(|| anyhow::anyhow!("no database in {server}"))?;
    Ok(format!("{base}/{name}"))
}
