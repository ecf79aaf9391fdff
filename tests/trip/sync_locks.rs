//! On PostgreSQL the sync, the books and the hooks hold records of one salon at once, and one of a circle has to give way.

use salonbridge::app::sync;
use salonbridge::domain::sync::{SyncKind, SyncState};
use salonbridge::storage::Db;
use serde_json::json;

use crate::kit::Salon;
use crate::sync::{booking, records_path};

/// PostgreSQL looks for a circle once in a wait, a second after it began: this side must not be who finds it.
const PATIENT: &str = "SELECT set_config('deadlock_timeout', '10min', true), set_config('statement_timeout', '10min', true), \
     set_config('test.tenant', $1, true), set_config('test.record', $2, true)";
const HOLD: &str = "UPDATE record SET books_due = books_due WHERE tenant_id = $1 AND record_id = $2";
/// By the server itself and at once: a test on a busy machine may come to it after that second.
const CLOSE_THE_CIRCLE: &str = "DO $$ BEGIN \
     WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))) LOOP \
         PERFORM pg_sleep(0.005); \
     END LOOP; \
     UPDATE record SET books_due = books_due \
         WHERE tenant_id = current_setting('test.tenant') AND record_id = CAST(current_setting('test.record') AS BIGINT); \
     END $$";
const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";

#[tokio::test(flavor = "multi_thread")]
async fn who_gives_way_in_a_circle_reads_its_page_again_and_not_in_five_minutes() {
    let salon = Salon::active_on_postgres().await.grown_old().await;
    let mut ids = Vec::new();
    for hour in [15, 16] {
        ids.push(
            salon.earlier("POST", &records_path(), booking(3, hour)).await["id"].as_i64().expect("a number"),
        );
    }
    salon.synced().await;
    salon.told(2).await;
    salon.until_quiet().await;
    salon.until_kept().await;
    for id in &ids {
        let change = json!({"attendance": "confirmed", "silent": true});
        salon.earlier("PATCH", &format!("/admin/records/{id}"), change).await;
    }
    ids.sort_unstable();
    let Db::Postgres(pool) = &salon.app().db else { panic!("it is on PostgreSQL") };
    let mut held = pool.begin().await.expect("begins");
    sqlx::query(PATIENT)
        .bind(salon.tenant.as_str())
        .bind(ids[0].to_string())
        .execute(&mut *held)
        .await
        .expect("set");
    sqlx::query(HOLD).bind(salon.tenant.as_str()).bind(ids[1]).execute(&mut *held).await.expect("held");
    let circle = async {
        sqlx::query(CLOSE_THE_CIRCLE)
            .execute(&mut *held)
            .await
            .expect("the sync waited longer, and gives way");
        held.rollback().await.expect("let go");
    };
    let start = async { sync::start(salon.app(), &salon.tenant, SyncKind::Records).await.expect("started") };
    let (run, ()) = tokio::join!(start, circle);
    let run = salon.sync_until(&run, |run| run.finished_at.is_some() || !run.error.is_empty()).await;
    assert_eq!((run.state, run.error.as_str(), run.counts.updated), (SyncState::Done, "", 2), "{run:?}");
    let circles = async || sqlx::query_scalar::<_, i64>(DEADLOCKS).fetch_one(pool).await.expect("counted");
    salon.until("there was a circle", async || circles().await > 0).await;
    salon.world.stop().await;
}
