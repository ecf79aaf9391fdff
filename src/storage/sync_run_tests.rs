use super::*;
use crate::domain::sync::Skip;
use crate::domain::tenant::TenantState;
use crate::kernel::id::JobId;
use crate::storage::job::{self, NewJob};
use crate::storage::kit::{NOW, both, claim, done, salon, seen};
use crate::storage::{Db, tenant};

both!(
    one_run_of_a_kind_is_open_at_a_time,
    a_page_is_written_by_one,
    a_run_is_put_off_and_ends_once,
    a_run_that_begins_anew_counts_anew,
    the_log_is_turned_page_by_page,
    old_runs_go_and_what_the_next_goes_by_stays,
    a_salon_without_a_job_is_found,
);

const RECORDS: SyncKind = SyncKind::Records;

async fn opened(db: &Db, tenant: &TenantId, now: UnixMs) -> SyncRun {
    done!(db, c => open(c, tenant, RECORDS, false, now));
    seen!(db, c => find_open(c, tenant, RECORDS)).expect("open")
}

async fn ended(db: &Db, tenant: &TenantId, now: UnixMs, error: &str) -> SyncRun {
    let run = opened(db, tenant, now).await;
    assert!(done!(db, c => begin(c, tenant, &run, "{}", now)));
    assert!(done!(db, c => finish(c, tenant, &run.id, error, now)));
    seen!(db, c => find(c, tenant, &run.id)).expect("there")
}

async fn one_run_of_a_kind_is_open_at_a_time(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let first = opened(&db, &iris, NOW).await;
    assert_eq!((first.state, first.by_hand, first.page), (SyncState::Waiting, false, 0));
    done!(db, c => open(c, &iris, RECORDS, true, NOW));
    assert_eq!(seen!(db, c => find_open(c, &iris, RECORDS)), Some(first.clone()), "the first stands");
    assert_eq!(seen!(db, c => find_open(c, &iris, SyncKind::Catalog)), None);
    done!(db, c => open(c, &iris, SyncKind::Catalog, true, NOW));
    assert!(seen!(db, c => find_open(c, &iris, SyncKind::Catalog)).expect("open").by_hand);
    assert_eq!(seen!(db, c => find_open(c, &rose, RECORDS)), None);
    assert_eq!(seen!(db, c => find(c, &rose, &first.id)), None, "another salon's");
    done!(db, c => finish(c, &iris, &first.id, "", NOW));
    let second = opened(&db, &iris, NOW).await;
    assert_ne!(second.id, first.id);
}

async fn a_page_is_written_by_one(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let run = opened(&db, &iris, NOW).await;
    assert!(done!(db, c => begin(c, &iris, &run, "scope", NOW)));
    assert!(!done!(db, c => begin(c, &iris, &run, "scope", NOW)), "begun by another");
    let run = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    assert_eq!((run.state, run.scope.as_str(), run.began_at), (SyncState::Running, "scope", Some(NOW)));
    let mut counts = Counts {
        created: 1,
        updated: 2,
        unchanged: 3,
        cancelled: 4,
        healed: 5,
        failed: 6,
        ..Counts::default()
    };
    counts.skip(Skip::Unreadable);
    counts.skip(Skip::Unreadable);
    assert!(!done!(db, c => move_on(c, &rose, &run, ("place", &counts, 7), NOW)), "another salon's");
    assert!(done!(db, c => move_on(c, &iris, &run, ("place", &counts, 7), NOW.plus_ms(1))));
    assert!(!done!(db, c => move_on(c, &iris, &run, ("place", &counts, 7), NOW)), "written by another");
    let moved = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    assert_eq!((moved.place.as_str(), &moved.counts, moved.page), ("place", &counts, run.page + 1));
    assert_eq!((moved.moved_at, moved.counts.skips(), moved.own_ms), (NOW.plus_ms(1), 2, 7));
    done!(db, c => finish(c, &iris, &run.id, "", NOW));
    assert!(!done!(db, c => move_on(c, &iris, &moved, ("late", &counts, 8), NOW)), "it has ended");
}

async fn a_run_is_put_off_and_ends_once(db: Db) {
    let iris = salon(&db).await;
    let run = opened(&db, &iris, NOW).await;
    for attempt in 1..=2 {
        done!(db, c => put_off(c, &iris, &run.id, "weather"));
        let waits = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
        assert_eq!(
            (waits.state, waits.attempts, waits.error.as_str()),
            (SyncState::Waiting, attempt, "weather")
        );
    }
    done!(db, c => move_on(c, &iris, &run, ("", &Counts::default(), 0), NOW));
    let on = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    assert_eq!((on.attempts, on.error.as_str()), (0, ""), "it got on");
    assert!(done!(db, c => finish(c, &iris, &run.id, "licence", NOW)));
    assert!(!done!(db, c => finish(c, &iris, &run.id, "", NOW)), "it had ended");
    let end = seen!(db, c => find(c, &iris, &run.id)).expect("there");
    assert_eq!((end.state, end.error.as_str(), end.finished_at), (SyncState::Failed, "licence", Some(NOW)));
}

async fn a_run_that_begins_anew_counts_anew(db: Db) {
    let iris = salon(&db).await;
    let run = opened(&db, &iris, NOW).await;
    done!(db, c => begin(c, &iris, &run, "first", NOW));
    let run = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    done!(db, c => move_on(c, &iris, &run, ("place", &Counts { created: 9, ..Counts::default() }, 9), NOW));
    let run = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    assert!(done!(db, c => begin(c, &iris, &run, "second", NOW.plus_secs(9))));
    let anew = seen!(db, c => find_open(c, &iris, RECORDS)).expect("open");
    assert_eq!((anew.counts, anew.place.as_str(), anew.scope.as_str()), (Counts::default(), "", "second"));
    assert_eq!((anew.began_at, anew.own_ms), (Some(NOW.plus_secs(9)), 0));
}

async fn the_log_is_turned_page_by_page(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let mut made = Vec::new();
    for step in 0..5 {
        made.push(ended(&db, &iris, NOW.plus_secs(step), "").await.id);
    }
    ended(&db, &rose, NOW, "").await;
    made.reverse();
    let page = |runs: Vec<SyncRun>| runs.into_iter().map(|run| run.id).collect::<Vec<_>>();
    let first = page(seen!(db, c => list(c, &iris, "zzzz", 3)));
    assert_eq!(first, made[..3]);
    assert_eq!(page(seen!(db, c => list(c, &iris, first[2].as_str(), 3))), made[3..]);
}

async fn old_runs_go_and_what_the_next_goes_by_stays(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => last(c, &iris, RECORDS)), (None, None));
    ended(&db, &iris, NOW, "").await;
    let good = ended(&db, &iris, NOW.plus_secs(1), "").await;
    let bad = ended(&db, &iris, NOW.plus_secs(2), "weather").await;
    let open = opened(&db, &iris, NOW.plus_secs(3)).await;
    assert_eq!(seen!(db, c => last(c, &iris, RECORDS)), (Some(bad.clone()), Some(good.clone())));
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(9), 100)), 1, "only the first is not needed");
    assert_eq!(seen!(db, c => last(c, &iris, RECORDS)), (Some(bad), Some(good)));
    done!(db, c => finish(c, &iris, &open.id, "", NOW));
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_ms(1_500), 100)), 1, "a newer good one is there");
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(9), 1)), 1);
    assert_eq!(seen!(db, c => list(c, &iris, "zzzz", 9)).len(), 1);
}

async fn a_salon_without_a_job_is_found(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let mut step = TenantState::PendingWhatsapp;
    for next in [TenantState::WhatsappConnected, TenantState::Configuring, TenantState::Active] {
        assert!(done!(db, c => tenant::set_state(c, &iris, step, next, NOW)));
        step = next;
    }
    let unrung = async || {
        let found = seen!(db, c => list_unrung(c, "sync", ":sync", 9));
        found.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(unrung().await, std::slice::from_ref(&iris), "the other one is not active: {rose}");
    let subject = format!("{iris}:sync");
    let job = NewJob {
        id: JobId::new(NOW),
        tenant: Some(iris.clone()),
        kind: "sync",
        subject: subject.clone(),
        lane: subject,
        run_at: NOW,
        now: NOW,
    };
    done!(db, c => job::enqueue(c, &job));
    assert!(unrung().await.is_empty(), "it waits");
    let jobs = done!(db, c => claim(c, "sync", "token", NOW, NOW.plus_secs(60), 1));
    assert!(unrung().await.is_empty(), "it runs");
    done!(db, c => job::park(c, &jobs[0].id, "token", "broken", NOW));
    assert!(unrung().await.is_empty(), "it was put aside");
}
