use super::*;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, Error};

both!(
    a_record_is_kept_as_it_was_written,
    writing_a_record_again_keeps_what_its_client_was_told,
    what_was_learnt_on_top_of_something_else_is_not_written,
    each_telling_counts_and_taking_one_back_does_not,
    telling_of_an_unknown_record_makes_none,
    one_number_in_two_salons_is_two_records,
    what_lies_ahead_is_listed_a_page_at_a_time,
);

const ANNAS: RecordId = RecordId(880_501);

fn visit() -> RecordWrite<'static> {
    RecordWrite {
        id: ANNAS,
        starts_at: Some(NOW.plus_secs(3600)),
        deleted: false,
        changed_at: NOW,
        body: "sealed",
        over: "",
        raw: "",
    }
}

async fn get(db: &Db, tenant: &TenantId) -> RecordRow {
    seen!(db, c => find(c, tenant, ANNAS)).expect("there")
}

async fn a_record_is_kept_as_it_was_written(db: Db) {
    let iris = salon(&db).await;
    assert!(seen!(db, c => find(c, &iris, ANNAS)).is_none());
    done!(db, c => upsert(c, &iris, visit(), NOW));
    let row = get(&db, &iris).await;
    assert_eq!((row.record_id, row.starts_at, row.deleted), (ANNAS.0, Some(NOW.0 + 3_600_000), false));
    assert_eq!((row.changed_at, row.body.as_str()), (NOW.0, "sealed"));
    assert_eq!((row.told.as_str(), row.told_revision), ("", 0));
    assert!(seen!(db, c => find(c, &iris, RecordId(1))).is_none());
    let unknown = RecordWrite { id: RecordId(i64::MAX), starts_at: None, deleted: true, ..visit() };
    done!(db, c => upsert(c, &iris, unknown, NOW));
    let row = seen!(db, c => find(c, &iris, RecordId(i64::MAX))).expect("there");
    assert_eq!((row.starts_at, row.deleted), (None, true));
}

async fn writing_a_record_again_keeps_what_its_client_was_told(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => upsert(c, &iris, visit(), NOW));
    done!(db, c => set_told(c, &iris, ANNAS, "told at three", NOW));
    for over in ["sealed", "moved"] {
        let moved = RecordWrite { starts_at: None, deleted: true, body: "moved", over, ..visit() };
        assert!(done!(db, c => upsert(c, &iris, moved, NOW)));
        assert_eq!(seen!(db, c => count(c, &iris)), 1);
    }
    let row = get(&db, &iris).await;
    assert_eq!((row.body.as_str(), row.starts_at, row.deleted), ("moved", None, true));
    assert_eq!((row.told.as_str(), row.told_revision), ("told at three", 1));
}

async fn what_was_learnt_on_top_of_something_else_is_not_written(db: Db) {
    let iris = salon(&db).await;
    let learnt = |body, over| RecordWrite { body, over, ..visit() };
    assert!(done!(db, c => upsert(c, &iris, learnt("at three", ""), NOW)));
    assert!(done!(db, c => upsert(c, &iris, learnt("at four", "at three"), NOW)));
    for late in [learnt("at three, once more", "at three"), learnt("nothing was known", "")] {
        assert!(!done!(db, c => upsert(c, &iris, late, NOW)), "it slept while more was learnt");
        assert_eq!(get(&db, &iris).await.body, "at four");
    }
    done!(db, c => lock(c, &iris, ANNAS));
    done!(db, c => lock(c, &iris, RecordId(1)));
    assert_eq!(get(&db, &iris).await.body, "at four", "a lock changes nothing");
}

async fn each_telling_counts_and_taking_one_back_does_not(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => upsert(c, &iris, visit(), NOW));
    done!(db, c => set_told(c, &iris, ANNAS, "first", NOW));
    done!(db, c => set_told(c, &iris, ANNAS, "second", NOW));
    done!(db, c => untell(c, &iris, ANNAS, "first", NOW));
    let row = get(&db, &iris).await;
    assert_eq!((row.told.as_str(), row.told_revision), ("first", 2), "the next telling is a third intent");
    done!(db, c => set_told(c, &iris, ANNAS, "third", NOW));
    assert_eq!(get(&db, &iris).await.told_revision, 3);
}

async fn telling_of_an_unknown_record_makes_none(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => set_told(c, &iris, ANNAS, "told", NOW));
    done!(db, c => untell(c, &iris, ANNAS, "", NOW));
    assert_eq!(seen!(db, c => count(c, &iris)), 0);
}

async fn one_number_in_two_salons_is_two_records(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => upsert(c, &rose, visit(), NOW));
    done!(db, c => set_told(c, &rose, ANNAS, "told by Rose", NOW));
    assert!(seen!(db, c => find(c, &iris, ANNAS)).is_none());
    assert_eq!(seen!(db, c => count(c, &iris)), 0);
    done!(db, c => upsert(c, &iris, RecordWrite { body: "of Iris", ..visit() }, NOW));
    done!(db, c => set_told(c, &iris, ANNAS, "told by Iris", NOW));
    done!(db, c => untell(c, &iris, ANNAS, "", NOW));
    done!(db, c => set_told(c, &iris, ANNAS, "told by Iris", NOW));
    let row = get(&db, &rose).await;
    let untouched = (row.body.as_str(), row.told.as_str(), row.told_revision);
    assert_eq!(untouched, ("sealed", "told by Rose", 1));
    done!(db, c => delete_all(c, &iris));
    assert_eq!((seen!(db, c => count(c, &iris)), seen!(db, c => count(c, &rose))), (0, 1));
    let mut conn = db.begin().await.expect("begins");
    let orphan = upsert(&mut conn, &TenantId::new(NOW), visit(), NOW).await;
    assert!(matches!(orphan, Err(Error::Driver(_))), "no rows without a salon: {orphan:?}");
}

async fn what_lies_ahead_is_listed_a_page_at_a_time(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let at = |seconds: i64| Some(NOW.plus_secs(seconds));
    for (number, starts_at) in
        [(1, at(-1)), (2, at(0)), (3, at(20)), (5, at(10)), (4, at(10)), (6, None), (7, at(30))]
    {
        done!(db, c => upsert(c, &iris, RecordWrite { id: RecordId(number), starts_at, ..visit() }, NOW));
    }
    done!(db, c => upsert(c, &rose, RecordWrite { id: RecordId(8), ..visit() }, NOW));
    let (mut after, mut pages) = ((NOW, RecordId(i64::MAX)), Vec::new());
    loop {
        let page = seen!(db, c => list_upcoming(c, &iris, after, 2));
        let Some(last) = page.last() else { break };
        after = *last;
        pages.push(page.iter().map(|(_, id)| id.0).collect::<Vec<_>>());
    }
    assert_eq!(pages, [[4, 5], [3, 7]]);
}
