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
