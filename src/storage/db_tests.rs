use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::*;
use crate::kernel::fault::{Fault as _, Retry};
use crate::kernel::id::{InboxId, TenantId};
use crate::storage::inbox::{self, NewInbox};
use crate::storage::kit::{self, NOW, both, salon, seen};
use crate::storage::{intake, tenant};

both!(
    what_is_not_committed_never_happened,
    what_was_read_before_a_commit_is_read_anew_after_it,
    opening_again_finds_the_tables_as_they_are,
    folding_the_log_changes_nothing_that_is_kept,
    changes_of_the_tables_that_are_still_to_be_made_are_counted,
    a_closed_database_says_that_it_is_gone,
);

fn hook(tenant: &TenantId, bytes: usize) -> NewInbox {
    let id = InboxId::new(NOW);
    NewInbox {
        dedup: id.to_string(),
        id,
        tenant: tenant.clone(),
        source: "hook",
        resource: "record".to_owned(),
        resource_id: 1,
        body: "x".repeat(bytes),
        received_at: NOW,
    }
}

async fn keep(db: &Db, tenant: &TenantId, bytes: usize) -> Result<(), Error> {
    let mut conn = db.begin().await?;
    inbox::insert(&mut conn, &hook(tenant, bytes)).await?;
    conn.commit().await
}

fn is_unavailable(answer: &Result<(), Error>) -> bool {
    matches!(answer, Err(error @ Error::Unavailable(_)) if error.retry() == Retry::Backoff)
}

async fn what_is_not_committed_never_happened(db: Db) {
    let iris = salon(&db).await;
    let mut conn = db.begin().await.expect("begins");
    inbox::insert(&mut conn, &hook(&iris, 9)).await.expect("inserted");
    assert_eq!(inbox::count_waiting(&mut conn, &iris).await.expect("read"), 1, "seen by itself");
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 0, "and by nobody else");
    drop(conn);
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 0);
    keep(&db, &iris, 9).await.expect("kept");
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 1);
}

async fn what_was_read_before_a_commit_is_read_anew_after_it(db: Db) {
    let iris = salon(&db).await;
    let mut reader = db.read().await.expect("a connection");
    for count in 0..3 {
        assert_eq!(inbox::count_waiting(&mut reader, &iris).await.expect("read"), count);
        keep(&db, &iris, 9).await.expect("kept");
    }
    assert_eq!(db.is_postgres(), reader.is_postgres());
    reader.commit().await.expect("a reader has nothing to commit");
}

async fn opening_again_finds_the_tables_as_they_are(db: Db) {
    let iris = salon(&db).await;
    db.migrate().await.expect("nothing to do");
    keep(&db, &iris, 9).await.expect("kept");
    db.migrate().await.expect("nothing to do");
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 1);
}

async fn changes_of_the_tables_that_are_still_to_be_made_are_counted(db: Db) {
    assert_eq!(db.pending_migrations().await.expect("counted"), 0);
    kit::spoil(&db, "DELETE FROM _sqlx_migrations WHERE version > 10").await.expect("forgotten");
    assert!(db.pending_migrations().await.expect("counted") > 0);
    kit::spoil(&db, "DROP TABLE _sqlx_migrations").await.expect("dropped");
    assert_eq!(
        db.pending_migrations().await.expect("counted"),
        MIGRATIONS.iter().count(),
        "all of a new one"
    );
}

async fn folding_the_log_changes_nothing_that_is_kept(db: Db) {
    let iris = salon(&db).await;
    let mut writing = db.begin().await.expect("begins");
    inbox::insert(&mut writing, &hook(&iris, 9)).await.expect("inserted");
    db.fold().await.expect("beside the writer");
    writing.commit().await.expect("commits");
    db.fold().await.expect("folds");
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 1);
    keep(&db, &iris, 9).await.expect("kept");
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 2);
}

async fn a_closed_database_says_that_it_is_gone(db: Db) {
    let iris = salon(&db).await;
    keep(&db, &iris, 9).await.expect("kept");
    db.close().await;
    let refused = keep(&db, &iris, 9).await;
    assert!(is_unavailable(&refused), "{refused:?}");
    assert!(matches!(db.read().await.err(), Some(Error::Unavailable(_))));
}

#[tokio::test]
async fn a_second_process_on_one_file_is_refused_until_the_first_is_done() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    for _ in 0..2 {
        let refused = Db::connect(&base.url).await.expect_err("in use");
        assert!(matches!(refused, Error::InUse(_)), "{refused:?}");
        let sentence = refused.to_string();
        assert!(
            sentence.contains("is in use by another salonbridge process: stop that one first"),
            "{sentence}"
        );
        assert_eq!(refused.retry(), Retry::Never);
    }
    keep(&base.db, &iris, 9).await.expect("the first goes on");
    base.db.close().await;
    let second = Db::open(&base.url).await.expect("free, though handles on it live on");
    assert_eq!(seen!(second, c => inbox::count_waiting(c, &iris)), 1);
}

#[tokio::test]
async fn an_address_that_names_no_database_is_refused_and_an_unreachable_one_is_unavailable() {
    for url in ["mysql://localhost/x", "", "data/salonbridge.db"] {
        let refused = Db::connect(url).await.expect_err("refused");
        assert!(matches!(&refused, Error::Url(said) if said.contains("DATABASE_URL")), "{url}: {refused:?}");
    }
    let gone = Db::connect("postgres://nobody@127.0.0.1:1/x").await.expect_err("nobody listens");
    assert!(matches!(gone, Error::Unavailable(_)), "{gone:?}");
    let folder = tempfile::tempdir().expect("a folder");
    let no_file = Db::connect(&format!("sqlite:{}", folder.path().display())).await.expect_err("a folder");
    assert!(matches!(no_file, Error::Unavailable(_)), "{no_file:?}");
    Db::open(&format!("sqlite://{}/new/folder/x.db", folder.path().display()))
        .await
        .expect("made on the way");
}

#[tokio::test]
async fn folding_brings_what_is_kept_into_the_file_itself() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    let path = base.url.strip_prefix("sqlite:").expect("a path");
    let in_file = || {
        let file = std::fs::read(path).expect("the file");
        file.windows(iris.as_str().len()).any(|text| text == iris.as_str().as_bytes())
    };
    assert!(!in_file(), "so far it is in the log alone");
    base.db.fold().await.expect("folds");
    assert!(in_file());
}

#[tokio::test]
async fn whoever_reads_on_sqlite_cannot_write() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    let mut reader = base.db.read().await.expect("a connection");
    let refused = inbox::insert(&mut reader, &hook(&iris, 9)).await;
    assert!(matches!(refused, Err(Error::Driver(_))), "{refused:?}");
}

/// Says something to SQLite's one writer: its pragmas are its own.
async fn to_writer(db: &Db, pragma: &'static str) {
    let Db::Sqlite { writer, .. } = db else { panic!("not SQLite") };
    sqlx::query(pragma).execute(writer).await.expect("a pragma");
}

/// No room for another page. The limit is the connection's own: one that has to be replaced is replaced first.
async fn fill(db: &Db) {
    drop(db.begin().await.expect("begins"));
    to_writer(db, "PRAGMA max_page_count = 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_unavailable_and_then_takes_what_is_asked_again() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    let path = base.url.strip_prefix("sqlite:").expect("a path");
    let stranger = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut stranger: SqliteConnection = stranger.connect().await.expect("a backup tool, say");
    let held = stranger.begin_with("BEGIN IMMEDIATE").await.expect("held");
    to_writer(&base.db, "PRAGMA busy_timeout = 20").await;
    for _ in 0..2 {
        let refused = keep(&base.db, &iris, 9).await;
        assert!(is_unavailable(&refused), "{refused:?}");
    }
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 0, "readers go on");
    held.rollback().await.expect("let go");
    keep(&base.db, &iris, 9).await.expect("free again");
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_file_is_unavailable_and_once_there_is_room_takes_what_is_asked_again() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    for _ in 0..2 {
        fill(&base.db).await;
        let refused = keep(&base.db, &iris, 1 << 20).await;
        assert!(is_unavailable(&refused), "{refused:?}");
        fill(&base.db).await;
        let refused = intake::keep(&base.db, vec![hook(&iris, 1 << 20)], Vec::new()).await;
        assert!(is_unavailable(&refused), "a batch of hooks: {refused:?}");
    }
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 0);
    to_writer(&base.db, "PRAGMA max_page_count = 1000000").await;
    intake::keep(&base.db, vec![hook(&iris, 1 << 20)], Vec::new()).await.expect("there is room");
    keep(&base.db, &iris, 1 << 20).await.expect("there is room");
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 2);
}

/// SQLite itself ends a unit of work whose single-row statement finds no room: the writer must not believe that it is still in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_unit_of_work_that_sqlite_ended_itself_does_not_bar_the_next() {
    let base = kit::sqlite().await;
    let iris = salon(&base.db).await;
    fill(&base.db).await;
    let mut conn = base.db.begin().await.expect("begins");
    let filled = tenant::set_owner(&mut conn, &iris, &"x".repeat(1 << 20), NOW).await;
    assert!(is_unavailable(&filled), "{filled:?}");
    drop(conn);
    to_writer(&base.db, "PRAGMA max_page_count = 1000000").await;
    intake::keep(&base.db, vec![hook(&iris, 9)], Vec::new()).await.expect("there is room, and a writer");
    keep(&base.db, &iris, 9).await.expect("there is room, and a writer");
    let refused = Db::connect(&base.url).await;
    assert!(matches!(refused, Err(Error::InUse(_))), "the file is still ours alone");
}

/// What an operator does to a database of the server's, from outside it.
async fn operator(base: &kit::Base, statement: &str) {
    let server = std::env::var("TEST_DATABASE_URL").expect("kit::postgres took it");
    let name = base.url.rsplit('/').next().expect("a name");
    let mut operator = sqlx::PgConnection::connect(&server).await.expect("the server answers");
    let statement = sqlx::AssertSqlSafe(statement.replace("{name}", name));
    sqlx::query(statement).execute(&mut operator).await.expect("done");
}

/// As a restart of the server does.
const END_CONNECTIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_lost_in_the_middle_is_unavailable_and_the_next_is_new() {
    let base = kit::postgres().await;
    let iris = salon(&base.db).await;
    let mut conn = base.db.begin().await.expect("begins");
    inbox::insert(&mut conn, &hook(&iris, 9)).await.expect("inserted");
    operator(&base, END_CONNECTIONS).await;
    let lost = conn.commit().await;
    assert!(is_unavailable(&lost), "no commit is taken for granted: {lost:?}");
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 0);
    keep(&base.db, &iris, 9).await.expect("a new connection");
    assert_eq!(seen!(base.db, c => inbox::count_waiting(c, &iris)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_reads_is_unavailable_until_it_writes_again() {
    let base = kit::postgres().await;
    let iris = salon(&base.db).await;
    operator(&base, "ALTER DATABASE {name} SET default_transaction_read_only = on").await;
    operator(&base, END_CONNECTIONS).await;
    let refused = keep(&base.db, &iris, 9).await;
    assert!(is_unavailable(&refused), "as after a switch to a standby: {refused:?}");
    operator(&base, "ALTER DATABASE {name} RESET default_transaction_read_only").await;
    operator(&base, END_CONNECTIONS).await;
    keep(&base.db, &iris, 9).await.expect("it writes again");
}
