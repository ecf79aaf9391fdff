use super::*;
use crate::kernel::crm_id::RecordId;
use crate::storage::inbox::{self, NewInbox};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::record::{self, RecordWrite};
use crate::storage::{Db, books};

both!(
    records_are_counted_by_state_each_salon_for_itself,
    the_newest_have_the_highest_numbers,
    a_test_is_found_until_it_is_old
);

async fn write(db: &Db, tenant: &TenantId, number: i64, (status, matched): (Option<&str>, &str)) {
    let starts_at = Some(NOW.plus_secs(number));
    let write = RecordWrite {
        id: RecordId(number),
        starts_at,
        deleted: false,
        changed_at: NOW,
        body: "sealed",
        raw: "",
        over: "",
    };
    assert!(done!(db, c => record::upsert(c, tenant, write, NOW)));
    let mut row = seen!(db, c => books::find(c, tenant, RecordId(number))).expect("there");
    row.status = status.and_then(crate::domain::books::Status::parse);
    row.matched = matched.to_owned();
    done!(db, c => books::keep(c, tenant, &[row]));
}

async fn records_are_counted_by_state_each_salon_for_itself(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (number, status) in [(1, Some("pending")), (2, Some("pending")), (3, Some("completed")), (4, None)] {
        write(&db, &iris, number, (status, "code")).await;
    }
    write(&db, &iris, 5, (Some("pending"), "ambiguous")).await;
    write(&db, &iris, 6, (Some("pending"), "no_contact")).await;
    write(&db, &rose, 7, (Some("no_show"), "ambiguous")).await;
    let counted = seen!(db, c => records(c, &iris));
    let wanted =
        [("", 1), ("completed", 1), ("pending", 4)].map(|(status, count)| (status.to_owned(), count));
    assert_eq!(counted, wanted);
    assert_eq!(seen!(db, c => unmatched(c, &iris)), 2);
    assert_eq!(seen!(db, c => unmatched(c, &rose)), 1);
}

async fn the_newest_have_the_highest_numbers(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for number in 1..=4 {
        write(&db, &iris, number, (Some("pending"), "phone")).await;
    }
    write(&db, &rose, 9, (None, "")).await;
    let listed = seen!(db, c => newest(c, &iris, 3));
    assert_eq!(listed.iter().map(|row| row.record_id).collect::<Vec<_>>(), [4, 3, 2]);
    let wanted = Newest {
        record_id: 4,
        starts_at: Some(NOW.plus_secs(4).0),
        status: "pending".to_owned(),
        matched: "phone".to_owned(),
    };
    assert_eq!(listed[0], wanted);
}

async fn a_test_is_found_until_it_is_old(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let row = NewInbox {
        id: InboxId::new(NOW),
        tenant: iris.clone(),
        source: "hook",
        resource: "test".to_owned(),
        resource_id: 5,
        dedup: "d".to_owned(),
        body: "sealed".to_owned(),
        received_at: NOW,
    };
    done!(db, c => inbox::insert(c, &row));
    let waiting = Fate { received_at: NOW.0, absorbed_at: None, outcome: None };
    assert_eq!(seen!(db, c => hook(c, &iris, ("test", 5), NOW)), Some(waiting));
    done!(db, c => inbox::mark_absorbed(c, &iris, row.id.as_str(), NOW.plus_ms(7), "kept"));
    let read = Fate { received_at: NOW.0, absorbed_at: Some(NOW.0 + 7), outcome: Some("kept".to_owned()) };
    assert_eq!(seen!(db, c => hook(c, &iris, ("test", 5), NOW.plus_ms(-5))), Some(read));
    for (tenant, what, since) in [
        (&iris, ("test", 5), NOW.plus_ms(5)),
        (&iris, ("test", 6), NOW),
        (&iris, ("record", 5), NOW),
        (&rose, ("test", 5), NOW),
    ] {
        assert_eq!(seen!(db, c => hook(c, tenant, what, since)), None, "{what:?}");
    }
}
