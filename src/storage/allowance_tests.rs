use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, seen};

both!(
    so_many_are_allowed_and_no_more_until_the_hour_is_over,
    between_two_of_them_lies_a_gap,
    of_many_at_once_no_more_are_allowed,
    whoever_asked_earlier_and_is_counted_later_begins_nothing_anew,
    a_clock_that_was_ahead_keeps_nobody_waiting,
    what_is_long_ago_is_dropped,
);

const TWO: Limit = Limit { most: 2, window_ms: 3_600_000, gap_ms: 0 };
const GAP: Limit = Limit { most: 9, window_ms: 3_600_000, gap_ms: 60_000 };

async fn taken(db: &Db, id: &str, limit: &Limit, now: UnixMs) -> bool {
    done!(db, c => take(c, id, limit, now))
}

async fn so_many_are_allowed_and_no_more_until_the_hour_is_over(db: Db) {
    assert_eq!(seen!(db, c => find(c, "anna")), None);
    assert!(taken(&db, "anna", &TWO, NOW).await && taken(&db, "anna", &TWO, NOW.plus_secs(10)).await);
    assert!(!taken(&db, "anna", &TWO, NOW.plus_secs(3599)).await);
    assert!(taken(&db, "oleg", &TWO, NOW).await, "another's");
    let used = Used { began: NOW, used: 2, last: NOW.plus_secs(10) };
    assert_eq!(seen!(db, c => find(c, "anna")), Some(used), "what was refused was not counted");
    let free = TWO.free_at(used);
    assert!(!taken(&db, "anna", &TWO, free.plus_ms(-1)).await);
    assert!(taken(&db, "anna", &TWO, free).await);
    assert_eq!(seen!(db, c => find(c, "anna")), Some(Used { began: free, used: 1, last: free }));
}

async fn between_two_of_them_lies_a_gap(db: Db) {
    assert!(taken(&db, "anna", &GAP, NOW).await);
    assert!(!taken(&db, "anna", &GAP, NOW.plus_ms(59_999)).await);
    assert!(taken(&db, "anna", &GAP, NOW.plus_ms(60_000)).await);
    assert!(taken(&db, "anna", &GAP, NOW.plus_ms(3_599_000)).await);
    assert!(!taken(&db, "anna", &GAP, NOW.plus_ms(3_601_000)).await, "a new hour does not shorten the gap");
}

async fn of_many_at_once_no_more_are_allowed(db: Db) {
    let ask = || async {
        let mut conn = db.begin().await.expect("begins");
        let allowed = take(&mut conn, "anna", &TWO, NOW).await.expect("taken");
        conn.commit().await.expect("commits");
        allowed
    };
    let allowed = futures::future::join_all((0..12).map(|_| ask())).await;
    assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 2, "{allowed:?}");
}

async fn whoever_asked_earlier_and_is_counted_later_begins_nothing_anew(db: Db) {
    assert!(taken(&db, "anna", &GAP, NOW).await);
    assert!(!taken(&db, "anna", &GAP, NOW.plus_ms(-1)).await, "the gap stands");
    assert!(taken(&db, "oleg", &TWO, NOW).await && taken(&db, "oleg", &TWO, NOW.plus_ms(-1)).await);
    for earlier in 2..9 {
        assert!(!taken(&db, "oleg", &TWO, NOW.plus_ms(-earlier)).await, "{earlier}");
    }
    assert_eq!(seen!(db, c => find(c, "oleg")), Some(Used { began: NOW, used: 2, last: NOW }));
}

async fn a_clock_that_was_ahead_keeps_nobody_waiting(db: Db) {
    assert!(taken(&db, "anna", &GAP, NOW.plus_secs(86_400)).await);
    assert!(taken(&db, "anna", &GAP, NOW).await);
    assert_eq!(seen!(db, c => find(c, "anna")), Some(Used { began: NOW, used: 1, last: NOW }));
}

async fn what_is_long_ago_is_dropped(db: Db) {
    for (id, at) in [("old", 0), ("older", -5), ("new", 60)] {
        assert!(taken(&db, id, &TWO, NOW.plus_secs(at)).await);
    }
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 1)), 1);
    assert!(seen!(db, c => find(c, "older")).is_none() && seen!(db, c => find(c, "old")).is_some());
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 9)), 1);
    assert!(seen!(db, c => find(c, "new")).is_some());
}
