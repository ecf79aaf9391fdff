use super::*;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, Error};

both!(
    a_records_decisions_are_told_in_the_order_they_were_made,
    the_newest_decisions_come_first_and_no_more_than_asked_for,
    the_last_word_on_a_record_is_the_newest,
    a_decision_is_its_own_salons,
    many_decisions_are_written_in_the_order_they_were_made,
);

const ANNAS: RecordId = RecordId(501);

fn silent(reason: &str) -> NewDecision<'_> {
    NewDecision { record: Some(ANNAS), verb: "silent", reason, outbox: None }
}

fn reasons(rows: &[DecisionRow]) -> Vec<&str> {
    rows.iter().map(|row| row.reason.as_str()).collect()
}

async fn a_records_decisions_are_told_in_the_order_they_were_made(db: Db) {
    let iris = salon(&db).await;
    let out = OutboxId::new(NOW);
    let planned = NewDecision { verb: "planned", outbox: Some(&out), ..silent("confirmation") };
    done!(db, c => insert(c, &iris, silent("last"), NOW.plus_ms(2)));
    done!(db, c => insert(c, &iris, planned, NOW));
    done!(db, c => insert(c, &iris, silent("between"), NOW.plus_ms(1)));
    done!(db, c => insert(c, &iris, NewDecision { record: Some(RecordId(502)), ..silent("other") }, NOW));
    done!(db, c => insert(c, &iris, NewDecision { record: None, ..silent("no record") }, NOW));
    let rows = seen!(db, c => list_of_record(c, &iris, ANNAS, 10));
    assert_eq!(reasons(&rows), ["confirmation", "between", "last"]);
    let first = (rows[0].record_id, rows[0].verb.as_str(), rows[0].outbox_id.as_deref(), rows[0].decided_at);
    assert_eq!(first, (Some(ANNAS.0), "planned", Some(out.as_str()), NOW.0));
    assert_eq!(rows[2].outbox_id, None);
    assert_eq!(reasons(&seen!(db, c => list_of_record(c, &iris, ANNAS, 2))), ["confirmation", "between"]);
}

async fn the_newest_decisions_come_first_and_no_more_than_asked_for(db: Db) {
    let iris = salon(&db).await;
    for (ms, reason) in [(1, "one"), (3, "three"), (2, "two")] {
        done!(db, c => insert(c, &iris, silent(reason), NOW.plus_ms(ms)));
    }
    done!(db, c => insert(c, &iris, silent("one"), NOW.plus_ms(4)));
    let rows = seen!(db, c => list_recent(c, &iris, 10));
    assert_eq!(reasons(&rows), ["one", "three", "two", "one"], "the same said twice is two decisions");
    assert_eq!(reasons(&seen!(db, c => list_recent(c, &iris, 2))), ["one", "three"]);
}

async fn the_last_word_on_a_record_is_the_newest(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let last = async || seen!(db, c => last_of_record(c, &iris, ANNAS)).map(|row| row.reason);
    assert_eq!(last().await, None);
    done!(db, c => insert(c, &iris, silent("late"), NOW.plus_ms(2)));
    done!(db, c => insert(c, &iris, silent("early"), NOW));
    done!(db, c => insert(c, &iris, NewDecision { record: Some(RecordId(502)), ..silent("other") }, NOW.plus_ms(3)));
    done!(db, c => insert(c, &rose, silent("hers"), NOW.plus_ms(4)));
    assert_eq!(last().await.as_deref(), Some("late"));
    done!(db, c => insert(c, &iris, silent("same moment, later"), NOW.plus_ms(2)));
    assert_eq!(last().await.as_deref(), Some("same moment, later"));
}

async fn a_decision_is_its_own_salons(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => insert(c, &rose, silent("hers"), NOW));
    assert!(seen!(db, c => list_of_record(c, &iris, ANNAS, 10)).is_empty());
    assert!(seen!(db, c => list_recent(c, &iris, 10)).is_empty());
    done!(db, c => insert(c, &iris, silent("his"), NOW));
    done!(db, c => delete_all(c, &iris));
    assert!(seen!(db, c => list_recent(c, &iris, 10)).is_empty());
    assert_eq!(reasons(&seen!(db, c => list_of_record(c, &rose, ANNAS, 10))), ["hers"]);
    assert_eq!(reasons(&seen!(db, c => list_recent(c, &rose, 10))), ["hers"]);
    let mut conn = db.begin().await.expect("begins");
    let orphan = insert(&mut conn, &TenantId::new(NOW), silent("nobody's"), NOW).await;
    assert!(matches!(orphan, Err(Error::Driver(_))), "no rows without a salon: {orphan:?}");
}

async fn many_decisions_are_written_in_the_order_they_were_made(db: Db) {
    let iris = salon(&db).await;
    let rows = [
        (RecordId(1), "healed", "found_by_sync"),
        (RecordId(1), "silent", "past_visit"),
        (RecordId(2), "silent", "no_phone"),
    ];
    done!(db, c => insert_many(c, &iris, &rows, NOW));
    done!(db, c => insert_many(c, &iris, &[], NOW));
    let first = seen!(db, c => list_of_record(c, &iris, RecordId(1), 9));
    let said: Vec<_> = first.iter().map(|row| (row.verb.as_str(), row.reason.as_str())).collect();
    assert_eq!(said, [("healed", "found_by_sync"), ("silent", "past_visit")]);
    assert_eq!(seen!(db, c => list_recent(c, &iris, 9)).len(), 3);
}
