use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(
    a_number_keeps_its_history_and_another_one_begins_anew,
    what_is_written_of_one_salon_is_of_no_other,
    what_worked_ends_what_failed,
    a_message_of_a_number_nobody_noted_notes_it,
);

const BROKEN: Breaker =
    Breaker { failures: 7, since: Some(NOW), open_until: Some(UnixMs(NOW.0 + 5)), rests: 2 };

async fn row(db: &Db, tenant: &TenantId) -> PaceRow {
    seen!(db, c => find(c, tenant)).expect("there")
}

async fn a_number_keeps_its_history_and_another_one_begins_anew(db: Db) {
    let iris = salon(&db).await;
    assert!(seen!(db, c => find(c, &iris)).is_none());
    assert!(done!(db, c => set_number(c, &iris, "her number", NOW)));
    done!(db, c => mark_tried(c, &iris, NOW.plus_secs(36), NOW.plus_ms(1)));
    done!(db, c => set_lock(c, &iris, NOW.plus_secs(99)));
    done!(db, c => set_breaker(c, &iris, BROKEN));
    let before = row(&db, &iris).await;
    let expected = PaceRow {
        since: NOW,
        last_at: Some(NOW.plus_ms(1)),
        busy_until: NOW.plus_secs(36),
        locked_until: Some(NOW.plus_secs(99)),
        locks: 1,
        breaker: BROKEN,
    };
    assert_eq!(before, expected);
    assert!(!done!(db, c => set_number(c, &iris, "her number", NOW.plus_secs(5))), "linked once more");
    assert_eq!(row(&db, &iris).await, before);
    done!(db, c => restart(c, &iris, NOW.plus_secs(7)));
    assert_eq!(row(&db, &iris).await, PaceRow { since: NOW.plus_secs(7), ..before });
    assert!(done!(db, c => set_number(c, &iris, "another", NOW.plus_secs(9))));
    let fresh = PaceRow {
        since: NOW.plus_secs(9),
        last_at: None,
        busy_until: UnixMs(0),
        locked_until: None,
        locks: 0,
        breaker: Breaker::default(),
    };
    assert_eq!(row(&db, &iris).await, fresh);
}

async fn what_is_written_of_one_salon_is_of_no_other(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for tenant in [&iris, &rose] {
        done!(db, c => set_number(c, tenant, "one number for both", NOW));
    }
    let untouched = row(&db, &rose).await;
    done!(db, c => mark_tried(c, &iris, NOW.plus_secs(36), NOW));
    done!(db, c => set_lock(c, &iris, NOW.plus_secs(99)));
    done!(db, c => set_breaker(c, &iris, BROKEN));
    done!(db, c => restart(c, &iris, NOW.plus_secs(1)));
    assert_eq!(row(&db, &rose).await, untouched);
    done!(db, c => set_lock(c, &rose, NOW.plus_secs(99)));
    done!(db, c => forget_locks(c, &iris));
    assert_eq!((row(&db, &iris).await.locks, row(&db, &iris).await.locked_until), (0, None));
    assert_eq!(row(&db, &rose).await.locks, 1);
    done!(db, c => set_breaker(c, &rose, BROKEN));
    done!(db, c => mark_worked(c, &iris));
    assert_eq!(row(&db, &rose).await.breaker, BROKEN);
    done!(db, c => delete(c, &iris));
    assert!(seen!(db, c => find(c, &iris)).is_none());
    assert!(seen!(db, c => find(c, &rose)).is_some());
}

async fn what_worked_ends_what_failed(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => set_number(c, &iris, "her number", NOW));
    done!(db, c => mark_worked(c, &iris));
    done!(db, c => set_breaker(c, &iris, BROKEN));
    done!(db, c => mark_worked(c, &iris));
    assert_eq!(row(&db, &iris).await.breaker, Breaker::default());
}

async fn a_message_of_a_number_nobody_noted_notes_it(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => mark_tried(c, &iris, NOW.plus_secs(36), NOW));
    let noted = row(&db, &iris).await;
    assert_eq!((noted.since, noted.last_at, noted.busy_until), (NOW, Some(NOW), NOW.plus_secs(36)));
}
