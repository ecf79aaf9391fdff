//! A database of the previous release, with work in it: it is brought up to date without losing any, and a process of that
//! release that still runs beside the new one can write what it always wrote.
//!
//! The statements are that release's own, as they were: they are what is tested here.

use std::borrow::Cow;

use sqlx::migrate::Migrator;

use super::db::{Db, MIGRATIONS, on};
use super::kit::{self, Base, NOW, done, new_tenant, node as ours, seen};
use super::{inbox, job, node, outbox, session_lease, tenant, wa_session};
use crate::kernel::id::TenantId;

/// The last change of the tables that the previous release knew.
const RELEASED: i64 = 12;

const OLD_HOOK: &str = "INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     VALUES ($1, $2, 'hook', 'record', 7, $1, 'sealed', 1)";
const OLD_JOB: &str = "INSERT INTO job (id, tenant_id, kind, subject, lane, state, run_at, attempt, created_at, updated_at) \
     VALUES ($1, $2, $3, $1, $1, 'ready', 1, 0, 1, 1) ON CONFLICT (kind, subject) WHERE state = 'ready' DO NOTHING";
const OLD_CLAIM: &str = "UPDATE job SET state = 'leased', lease_token = 'old', lease_until = 9999999999999, attempt = 1 WHERE id = $1";
const OLD_OUTBOX: &str = "INSERT INTO outbox (id, tenant_id, intent, kind, record_id, recipient, text, told, told_before, message_id, state, \
     ticks, reason, not_before_at, deadline_at, attempts, created_at, updated_at) \
     VALUES ($1, $2, $1, 'confirmation', 7, 'sealed', 'sealed', '', '', $1, 'planned', 'none', '', 0, 9999999999999, 0, 1, 1)";
const OLD_SESSION: &str = "INSERT INTO wa_session (tenant_id, state, phone, phone_hash, name, reason, until_at, linked_at, changed_at) \
     VALUES ($1, 'online', 'sealed', 'hash', 'Iris', '', NULL, 1, 1)";

async fn released(db: &Db) {
    let known = MIGRATIONS.iter().filter(|change| change.version <= RELEASED).cloned().collect::<Vec<_>>();
    let before = Migrator { migrations: Cow::Owned(known), ..Migrator::DEFAULT };
    match db {
        Db::Sqlite { writer, .. } => before.run(writer).await.expect("the old tables"),
        Db::Postgres(pool) => before.run(pool).await.expect("the old tables"),
    }
}

/// Runs a statement of the old release with these arguments.
async fn old(db: &Db, sql: &'static str, arguments: &[&str]) {
    let mut conn = db.begin().await.expect("a connection");
    on!(&mut conn, c => {
        let mut query = sqlx::query(sql);
        for argument in arguments {
            query = query.bind(*argument);
        }
        query.execute(c).await.map(drop)
    })
    .expect("the old statement still holds");
    conn.commit().await.expect("committed");
}

async fn old_work(db: &Db, iris: &TenantId, n: &str) {
    old(db, OLD_HOOK, &[&format!("hook{n}"), iris.as_str()]).await;
    old(db, OLD_JOB, &[&format!("waiting{n}"), iris.as_str(), "absorb"]).await;
    old(db, OLD_JOB, &[&format!("running{n}"), iris.as_str(), "absorb"]).await;
    old(db, OLD_CLAIM, &[&format!("running{n}")]).await;
    old(db, OLD_OUTBOX, &[&format!("message{n}"), iris.as_str()]).await;
}

async fn nothing_is_lost(base: Base) {
    let db = &base.db;
    released(db).await;
    let (iris, keys) = new_tenant(1);
    assert!(done!(db, c => tenant::insert(c, &iris, &keys)));
    old_work(db, &iris.id, "1").await;
    old(db, OLD_SESSION, &[iris.id.as_str()]).await;

    db.migrate().await.expect("brought up to date");
    // A process of the old release goes on beside the new one, until its turn to be replaced comes.
    old_work(db, &iris.id, "2").await;

    done!(db, c => node::join(c, &ours(), NOW));
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris.id)), 2);
    done!(db, c => job::reap(c, NOW, NOW));
    let mut jobs = done!(db, c => kit::claim(c, "absorb", "new", NOW, NOW.plus_secs(60), 9));
    jobs.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(
        jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(),
        ["running1", "running2", "waiting1", "waiting2"]
    );
    let planned = seen!(db, c => outbox::list_recent(c, &iris.id, 9));
    assert_eq!(planned.len(), 2);
    let orphans = seen!(db, c => wa_session::list_orphans(c, "restore"));
    assert_eq!(
        orphans.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        [&iris.id],
        "its session is brought back"
    );
    assert!(done!(db, c => session_lease::take(c, &iris.id, &ours())).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_previous_releases_work_is_taken_up_on_sqlite() {
    nothing_is_lost(kit::bare_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_previous_releases_work_is_taken_up_on_postgres() {
    nothing_is_lost(kit::bare_postgres().await).await;
}

/// While a release is rolled out, or taken back, a process of the old one may have to start once more.
#[tokio::test]
async fn tables_that_are_newer_than_the_process_do_not_keep_it_from_starting() {
    let base = kit::sqlite().await;
    kit::spoil(
        &base.db,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'of tomorrow', TRUE, X'00', 0)",
    )
    .await
    .expect("a newer release was here");
    base.db.migrate().await.expect("the old release starts");
    assert_eq!(base.db.pending_migrations().await.expect("counted"), 0);
}
