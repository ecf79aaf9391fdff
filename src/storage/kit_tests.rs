//! The kit of the contract tests: one body, given a database, run on SQLite and on PostgreSQL.

use std::sync::atomic::{AtomicI64, Ordering};

use super::db::{Conn, Db, on};
use super::error::Error;
use super::job::{self, Claim, JobRow};
use super::node;
use super::tenant::{self, SealedKeys};
use crate::domain::tenant::{Tenant, TenantState};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::id::{NodeId, TenantId};
use crate::kernel::locale::Locale;
use crate::kernel::secret::random_hex;

/// When the tests happen. Time is always an argument; nothing here waits for it.
pub const NOW: UnixMs = UnixMs(1_770_000_000_000);

/// A database of its own.
pub struct Base {
    pub db: Db,
    pub url: String,
    _folder: Option<tempfile::TempDir>,
}

pub async fn sqlite() -> Base {
    let base = bare_sqlite().await;
    make(&base.db).await;
    base
}

/// The same without any table.
pub async fn bare_sqlite() -> Base {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("contract.db").display());
    Base { db: Db::connect(&url).await.expect("opens"), url, _folder: Some(folder) }
}

pub async fn postgres() -> Base {
    let base = bare_postgres().await;
    make(&base.db).await;
    base
}

/// The same without any table.
pub async fn bare_postgres() -> Base {
    let server = std::env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL is not set: run the tests by bin/test, which starts a PostgreSQL");
    let name = format!("contract_{}", random_hex(6));
    let cluster = sqlx::PgPool::connect(&server).await.expect("the server answers");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&cluster).await.expect("a database");
    cluster.close().await;
    let (base, _) = server.rsplit_once('/').expect("a database in the address");
    let url = format!("{base}/{name}");
    Base { db: Db::connect(&url).await.expect("opens"), url, _folder: None }
}

/// Runs each contract on both engines, as `name::sqlite` and `name::postgres`.
macro_rules! both {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                let base = $crate::storage::kit::sqlite().await;
                super::$name(base.db.clone()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                let base = $crate::storage::kit::postgres().await;
                super::$name(base.db.clone()).await;
            }
        }
    )+ };
}
pub(crate) use both;

/// One call as a unit of work of its own, committed.
macro_rules! done {
    ($db:expr, $conn:ident => $call:expr) => {{
        let mut unit = $db.begin().await.expect("begins");
        let $conn = &mut unit;
        let answer = $call.await.expect("storage does it");
        unit.commit().await.expect("commits");
        answer
    }};
}
pub(crate) use done;

/// One call that only reads.
macro_rules! seen {
    ($db:expr, $conn:ident => $call:expr) => {{
        let mut reader = $db.read().await.expect("a connection");
        let $conn = &mut reader;
        $call.await.expect("storage reads it")
    }};
}
pub(crate) use seen;

/// Makes the tables, with the tests' own process in them.
async fn make(db: &Db) {
    db.migrate().await.expect("the tables are made");
    done!(db, c => node::join(c, &node(), NOW));
}

/// The process that the tests are.
pub fn node() -> NodeId {
    NodeId::from_stored("nod_the_tests_themselves".to_owned())
}

/// Claims jobs for that process, whoever runs the sessions.
pub async fn claim(
    conn: &mut Conn,
    kind: &str,
    token: &str,
    now: UnixMs,
    lease_until: UnixMs,
    limit: i64,
) -> Result<Vec<JobRow>, Error> {
    let node = node();
    let share = i64::MAX;
    job::claim(conn, &Claim { kind, node: &node, token, of_session: false, now, lease_until, limit, share })
        .await
}

pub fn new_tenant(salon: i64) -> (Tenant, SealedKeys) {
    let id = TenantId::new(NOW);
    let keys = SealedKeys {
        data_key: format!("sealed data key of {salon}"),
        api_key: format!("sealed api key of {salon}"),
        hook_key: format!("sealed hook key of {salon}"),
        hook_key_hash: format!("hash {id}"),
        owner: format!("sealed owner of {salon}"),
    };
    let tenant = Tenant {
        id,
        salon_id: SalonId(salon),
        state: TenantState::PendingWhatsapp,
        title: "Студия «Ирис»".to_owned(),
        address: "Невский проспект, 1".to_owned(),
        timezone: chrono_tz::Europe::Moscow,
        locale: Locale::Ru,
        created_at: NOW,
        state_since_at: NOW,
        activated_at: None,
        number_confirmed_at: None,
        gone_at: None,
    };
    (tenant, keys)
}

/// A salon that rows can hang on; each call makes another.
pub async fn salon(db: &Db) -> TenantId {
    static NEXT: AtomicI64 = AtomicI64::new(100);
    let (tenant, keys) = new_tenant(NEXT.fetch_add(1, Ordering::SeqCst));
    assert!(done!(db, c => tenant::insert(c, &tenant, &keys)), "a new salon");
    tenant.id
}

/// Texts that no storage function gives away, for what must be looked at behind their backs.
pub async fn texts(db: &Db, sql: &'static str) -> Vec<String> {
    let mut conn = db.read().await.expect("a connection");
    on!(&mut conn, c => sqlx::query_scalar(sql).fetch_all(c).await).expect("read")
}

/// A statement that no storage function makes.
pub async fn spoil(db: &Db, sql: &'static str) -> Result<u64, Error> {
    let mut conn = db.begin().await?;
    let rows = on!(&mut conn, c => sqlx::query(sql).execute(c).await.map(|done| done.rows_affected()))?;
    conn.commit().await?;
    Ok(rows)
}
