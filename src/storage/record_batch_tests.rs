use super::*;
use crate::domain::message::MessageKind;
use crate::kernel::id::{InboxId, OutboxId};
use crate::storage::Db;
use crate::storage::books;
use crate::storage::inbox::{self, NewInbox};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::record::{self, RecordWrite};

both!(
    a_page_of_records_is_written_and_read_at_once,
    whoever_was_quicker_stands,
    what_was_adopted_counts_as_told,
    what_was_learnt_is_due_to_be_kept_in_the_books,
    one_salons_page_is_not_anothers,
    of_what_waits_the_page_is_told,
);

fn new(id: i64, body: &str) -> Learnt {
    Learnt {
        id: RecordId(id),
        starts_at: (id % 2 == 0).then_some(NOW.plus_secs(id)),
        deleted: id % 3 == 0,
        changed_at: NOW.plus_ms(id),
        body: body.to_owned(),
        raw: String::new(),
        told: None,
        before: None,
    }
}

fn after(id: i64, body: &str, before: (&str, &str)) -> Learnt {
    Learnt { before: Some((before.0.to_owned(), before.1.to_owned())), ..new(id, body) }
}

fn ids(ids: &[i64]) -> Vec<RecordId> {
    ids.iter().copied().map(RecordId).collect()
}

async fn a_page_of_records_is_written_and_read_at_once(db: Db) {
    let iris = salon(&db).await;
    let page: Vec<_> = (1..=300).rev().map(|id| new(id, "first")).collect();
    assert_eq!(done!(db, c => learn_many(c, &iris, &page, NOW)).len(), 300);
    let all: Vec<_> = (1..=310).map(RecordId).collect();
    let rows = seen!(db, c => find_many(c, &iris, &all));
    assert_eq!(rows.len(), 300, "what is not known is left out");
    let six = rows.iter().find(|row| row.record_id == 6).expect("there");
    assert_eq!((six.starts_at, six.deleted, six.changed_at), (Some(NOW.0 + 6_000), true, NOW.0 + 6));
    assert_eq!((six.body.as_str(), six.told.as_str(), six.told_revision), ("first", "", 0));
    let moved: Vec<_> = (1..=300).map(|id| after(id, "second", ("first", ""))).collect();
    assert_eq!(done!(db, c => learn_many(c, &iris, &moved, NOW.plus_secs(1))).len(), 300);
    let rows = seen!(db, c => find_many(c, &iris, &all));
    assert!(rows.iter().all(|row| row.body == "second" && row.told_revision == 0));
    assert!(done!(db, c => learn_many(c, &iris, &[], NOW)).is_empty());
    assert!(seen!(db, c => find_many(c, &iris, &[])).is_empty());
}

async fn whoever_was_quicker_stands(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => learn_many(c, &iris, &[new(1, "read"), new(2, "read"), new(3, "read")], NOW));
    let absorbed = RecordWrite {
        id: RecordId(1),
        starts_at: None,
        deleted: true,
        changed_at: NOW,
        body: "a hook's",
        raw: "",
        over: "read",
    };
    done!(db, c => record::upsert(c, &iris, absorbed, NOW));
    done!(db, c => record::set_told(c, &iris, RecordId(2), "told meanwhile", NOW));
    let page = [
        after(1, "late", ("read", "")),
        after(2, "late", ("read", "")),
        after(3, "in time", ("read", "")),
        new(1, "thought to be new"),
        new(4, "new"),
        after(5, "thought to be there", ("read", "")),
    ];
    let mut written = done!(db, c => learn_many(c, &iris, &page, NOW));
    written.sort_unstable();
    assert_eq!(written, ids(&[3, 4]));
    let mut rows = seen!(db, c => find_many(c, &iris, &ids(&[1, 2, 3, 4, 5])));
    rows.sort_by_key(|row| row.record_id);
    let bodies: Vec<_> =
        rows.iter().map(|row| (row.record_id, row.body.as_str(), row.told.as_str())).collect();
    assert_eq!(
        bodies,
        [(1, "a hook's", ""), (2, "read", "told meanwhile"), (3, "in time", ""), (4, "new", "")]
    );
}

async fn what_was_adopted_counts_as_told(db: Db) {
    let iris = salon(&db).await;
    let adopted = Learnt { told: Some("adopted".to_owned()), ..new(1, "first") };
    done!(db, c => learn_many(c, &iris, &[adopted], NOW));
    let row = seen!(db, c => record::find(c, &iris, RecordId(1))).expect("there");
    assert_eq!((row.told.as_str(), row.told_revision), ("adopted", 1));
    done!(db, c => learn_many(c, &iris, &[after(1, "second", ("first", "adopted"))], NOW));
    let row = seen!(db, c => record::find(c, &iris, RecordId(1))).expect("there");
    assert_eq!((row.body.as_str(), row.told.as_str(), row.told_revision), ("second", "adopted", 1));
    let again = Learnt { told: Some("again".to_owned()), ..after(1, "third", ("second", "adopted")) };
    done!(db, c => learn_many(c, &iris, &[again], NOW));
    let row = seen!(db, c => record::find(c, &iris, RecordId(1))).expect("there");
    assert_eq!((row.told.as_str(), row.told_revision), ("again", 2));
}

async fn what_was_learnt_is_due_to_be_kept_in_the_books(db: Db) {
    let iris = salon(&db).await;
    let due = async || {
        let mut kept = db.begin().await.expect("begins");
        let taken = books::take_due(&mut kept, &iris, 9).await.expect("taken");
        books::keep(&mut kept, &iris, &taken).await.expect("kept");
        kept.commit().await.expect("commits");
        taken.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    done!(db, c => learn_many(c, &iris, &[new(1, "first"), new(2, "first")], NOW));
    assert_eq!(due().await, ids(&[1, 2]));
    assert_eq!(due().await, ids(&[]));
    done!(db, c => learn_many(c, &iris, &[after(2, "second", ("first", ""))], NOW));
    assert_eq!(due().await, ids(&[2]));
}

async fn one_salons_page_is_not_anothers(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => learn_many(c, &iris, &[new(1, "iris")], NOW));
    assert!(seen!(db, c => find_many(c, &rose, &ids(&[1]))).is_empty());
    assert!(done!(db, c => learn_many(c, &rose, &[after(1, "rose", ("iris", ""))], NOW)).is_empty());
    assert_eq!(done!(db, c => learn_many(c, &rose, &[new(1, "rose")], NOW)), ids(&[1]));
    assert_eq!(seen!(db, c => record::find(c, &iris, RecordId(1))).expect("there").body, "iris");
}

fn message(record: i64, intent: &str) -> NewOutbox {
    NewOutbox {
        id: OutboxId::new(NOW),
        intent: intent.to_owned(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(record)),
        recipient: "sealed".to_owned(),
        peer: String::new(),
        text: "sealed".to_owned(),
        told: "sealed".to_owned(),
        told_before: String::new(),
        message_id: intent.to_owned(),
        not_before: NOW,
        deadline: NOW.plus_secs(3600),
        nearest: NOW.plus_secs(3600),
    }
}

async fn of_what_waits_the_page_is_told(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (record, intent) in [(1, "waits"), (1, "waits too"), (2, "settled")] {
        done!(db, c => outbox::plan(c, &iris, &message(record, intent), NOW));
    }
    let settled = done!(db, c => outbox::withdraw(c, &iris, RecordId(2), "", NOW));
    assert_eq!(settled.len(), 1);
    let hook = |resource: &str, id: i64, dedup: &str| NewInbox {
        id: InboxId::new(NOW),
        tenant: iris.clone(),
        source: "hook",
        resource: resource.to_owned(),
        resource_id: id,
        dedup: dedup.to_owned(),
        body: "sealed".to_owned(),
        received_at: NOW,
    };
    for row in [hook("record", 3, "a"), hook("client", 4, "b")] {
        done!(db, c => inbox::insert(c, &row));
    }
    let absorbed = hook("record", 5, "c");
    done!(db, c => inbox::insert(c, &absorbed));
    done!(db, c => inbox::mark_absorbed(c, &iris, absorbed.id.as_str(), NOW, "absorbed"));
    let page = ids(&[1, 2, 3, 4, 5]);
    assert_eq!(seen!(db, c => spoken_of(c, &iris, &page)), ids(&[1]));
    assert_eq!(seen!(db, c => heard_of(c, &iris, &page)), ids(&[3]));
    assert!(seen!(db, c => spoken_of(c, &rose, &page)).is_empty());
    assert!(seen!(db, c => heard_of(c, &rose, &page)).is_empty());
    assert!(seen!(db, c => heard_of(c, &iris, &[])).is_empty());
}
