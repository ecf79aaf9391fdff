//! Jobs that lie aside, and hooks that have none.

use super::tests::{LEASE, job, subjects, take};
use super::*;
use crate::kernel::id::InboxId;
use crate::storage::Db;
use crate::storage::inbox::{self, NewInbox};
use crate::storage::kit::{NOW, both, claim, done, salon, seen};

both!(
    a_parked_job_waits_for_a_person_and_frees_its_lane,
    a_parked_job_is_there_once_and_gets_another_try_later,
    hooks_that_wait_without_a_job_are_found,
    a_need_is_found_as_it_stands_and_what_lies_aside_last,
);

async fn a_parked_job_waits_for_a_person_and_frees_its_lane(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => enqueue(c, &job(Some(&iris), "a", "lane", NOW)));
    done!(db, c => enqueue(c, &job(Some(&iris), "b", "lane", NOW.plus_ms(1))));
    let held = take(&db, "one", NOW).await.remove(0);
    assert_eq!((held.tenant_id.as_str(), held.kind.as_str()), (iris.as_str(), "send"));
    assert!(seen!(db, c => list_parked(c, &iris, 10)).is_empty());
    done!(db, c => park(c, &held.id, "one", "cannot succeed", NOW));
    let parked = seen!(db, c => list_parked(c, &iris, 10));
    assert_eq!((subjects(&parked), parked[0].last_error.as_deref()), (vec!["a"], Some("cannot succeed")));
    assert!(seen!(db, c => list_parked(c, &rose, 10)).is_empty());
    assert_eq!(done!(db, c => reap(c, UnixMs(i64::MAX), NOW)), 0, "nobody takes it by itself");
    assert_eq!(subjects(&take(&db, "two", LEASE).await), ["b"]);
    // A new need for the same thing is not kept from running by the one that lies aside.
    done!(db, c => enqueue(c, &job(Some(&iris), "a", "other lane", NOW)));
    assert_eq!(subjects(&take(&db, "three", LEASE).await), ["a"]);
    assert_eq!(seen!(db, c => list_parked(c, &iris, 0)).len(), 0);
}

async fn a_parked_job_is_there_once_and_gets_another_try_later(db: Db) {
    let iris = salon(&db).await;
    for (place, token) in ["one", "two"].into_iter().enumerate() {
        done!(db, c => enqueue(c, &job(Some(&iris), "a", "lane", NOW)));
        let held = take(&db, token, NOW).await.remove(0);
        done!(db, c => park(c, &held.id, token, "no key", NOW.plus_secs(i64::try_from(place).expect("small"))));
    }
    assert_eq!(seen!(db, c => list_parked(c, &iris, 10)).len(), 1, "the same need");
    assert_eq!(done!(db, c => unpark(c, NOW, NOW)), 0, "not yet");
    assert_eq!(done!(db, c => unpark(c, NOW.plus_secs(9), NOW)), 1);
    assert_eq!(subjects(&take(&db, "three", NOW).await), ["a"]);
    let mut conn = db.begin().await.expect("begins");
    let held = claim(&mut conn, "send", "four", NOW, LEASE, 1).await.expect("none");
    assert!(held.is_empty());
    drop(conn);
    // One that is needed again anyway does not wait twice.
    let held = seen!(db, c => list_parked(c, &iris, 10));
    assert!(held.is_empty());
}

async fn hooks_that_wait_without_a_job_are_found(db: Db) {
    let (iris, kind) = (salon(&db).await, "absorb");
    let hook = |id: i64| NewInbox {
        id: InboxId::new(NOW),
        tenant: iris.clone(),
        source: "hook",
        resource: "record".to_owned(),
        resource_id: id,
        dedup: "x".to_owned(),
        body: "sealed".to_owned(),
        received_at: NOW,
    };
    for id in 1..=4 {
        done!(db, c => inbox::insert(c, &hook(id)));
    }
    let at = |id: i64, run_at| NewJob {
        kind,
        ..job(Some(&iris), &format!("{iris}:record:{id}"), &format!("{iris}:record:{id}"), run_at)
    };
    for id in 1..=3 {
        done!(db, c => enqueue(c, &at(id, NOW.plus_secs(id))));
    }
    // One waits, one runs, one is parked, and of one nobody knows.
    let claimed = done!(db, c => claim(c, kind, "one", NOW.plus_secs(2), LEASE, 10));
    assert_eq!(claimed.len(), 2);
    done!(db, c => park(c, &claimed[0].id, "one", "cannot succeed", NOW));
    assert!(seen!(db, c => list_bellless(c, kind, NOW, 10)).is_empty(), "too fresh");
    let lost = seen!(db, c => list_bellless(c, kind, NOW.plus_ms(1), 10));
    assert_eq!(lost, [(iris.clone(), "record".to_owned(), 4)]);
}

async fn a_need_is_found_as_it_stands_and_what_lies_aside_last(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let error_of = async || {
        let found = seen!(db, c => find(c, &iris, "send", "a"));
        found.map(|job| (job.last_error, job.lease_token))
    };
    assert_eq!(error_of().await, None);
    done!(db, c => enqueue(c, &job(Some(&iris), "a", "lane", NOW)));
    assert_eq!(error_of().await, Some((None, None)), "it waits");
    let held = take(&db, "one", NOW).await.remove(0);
    assert_eq!(error_of().await, Some((None, Some("one".to_owned()))), "it runs");
    done!(db, c => park(c, &held.id, "one", "no rights", NOW));
    assert_eq!(error_of().await, Some((Some("no rights".to_owned()), None)), "it lies aside");
    for (tenant, kind, subject) in [(&rose, "send", "a"), (&iris, "absorb", "a"), (&iris, "send", "b")] {
        assert!(seen!(db, c => find(c, tenant, kind, subject)).is_none());
        done!(db, c => drop_parked(c, tenant, kind, subject));
    }
    assert_eq!(seen!(db, c => list_parked(c, &iris, 9)).len(), 1, "neither another salon's nor another need");
    done!(db, c => enqueue(c, &job(Some(&iris), "a", "lane", NOW)));
    assert_eq!(error_of().await, Some((None, None)), "what is under way comes before what lies aside");
    done!(db, c => drop_parked(c, &iris, "send", "a"));
    assert!(seen!(db, c => list_parked(c, &iris, 9)).is_empty());
    assert_eq!(error_of().await, Some((None, None)), "and only what lay aside is dropped");
}
