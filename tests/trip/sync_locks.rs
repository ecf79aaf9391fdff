//! On PostgreSQL the sync, the books and the hooks hold records of one salon at once, and one of a circle has to give way.

use salonbridge::app::sync;
use salonbridge::domain::sync::{SyncKind, SyncState};
use salonbridge::storage::Db;
use serde_json::json;

use crate::kit::Salon;
use crate::sync::{booking, records_path};

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
    const HOLD: &str = "UPDATE record SET books_due = books_due WHERE tenant_id = $1 AND record_id = $2";
    let mut held = pool.begin().await.expect("begins");
    let hold = |id: i64| sqlx::query(HOLD).bind(salon.tenant.as_str()).bind(id);
    hold(ids[1]).execute(&mut *held).await.expect("held");
    let run = sync::start(salon.app(), &salon.tenant, SyncKind::Records).await.expect("started");
    const WAITING: &str = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let count =
        async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(pool).await.expect("counted") };
    salon.until("the sync waits", async || count(WAITING).await > 0).await;
    hold(ids[0]).execute(&mut *held).await.expect("the sync waited longer, and gives way");
    held.rollback().await.expect("let go");
    let run = salon.sync_until(&run, |run| run.finished_at.is_some() || !run.error.is_empty()).await;
    assert_eq!((run.state, run.error.as_str(), run.counts.updated), (SyncState::Done, "", 2), "{run:?}");
    const DEADLOCKS: &str = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    salon.until("there was a circle", async || count(DEADLOCKS).await > 0).await;
    salon.world.stop().await;
}
