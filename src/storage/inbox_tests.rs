use super::*;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, Error};

both!(
    what_arrived_is_there_as_it_came,
    a_repeat_folds_into_the_one_that_waits,
    the_same_body_after_absorption_is_a_new_fact,
    of_eight_deliveries_at_once_one_is_kept,
    a_source_we_do_not_know_is_refused,
    what_waits_for_one_record_comes_in_the_order_it_came,
    what_is_absorbed_is_absorbed_once,
    old_rows_go_and_waiting_ones_never,
    an_answer_waits_for_a_person_and_not_for_ever,
    a_row_is_its_own_salons,
    what_the_sync_found_is_read_as_a_hook_and_told_from_one,
);

fn row(tenant: &TenantId, record: i64, dedup: &str, at: UnixMs) -> NewInbox {
    NewInbox {
        id: InboxId::new(at),
        tenant: tenant.clone(),
        source: "hook",
        resource: "record".to_owned(),
        resource_id: record,
        dedup: dedup.to_owned(),
        body: format!("sealed {dedup}"),
        received_at: at,
    }
}

async fn put(db: &Db, rows: &[NewInbox]) {
    let mut unit = db.begin().await.expect("begins");
    for row in rows {
        insert(&mut unit, row).await.expect("stored");
    }
    unit.commit().await.expect("commits");
}

async fn bodies(db: &Db, tenant: &TenantId, record: i64) -> Vec<String> {
    let rows = seen!(db, c => list_waiting(c, tenant, "record", record, 100));
    rows.into_iter().map(|row| row.body).collect()
}

async fn absorb(db: &Db, tenant: &TenantId, id: &InboxId, at: UnixMs) {
    done!(db, c => mark_absorbed(c, tenant, id.as_str(), at, "absorbed"));
}

async fn what_arrived_is_there_as_it_came(db: Db) {
    let iris = salon(&db).await;
    let mut odd = row(&iris, i64::MAX, "odd", NOW);
    odd.body = "\"кавычки\" \\ и \u{1F485} {\"a\":[1,null]}\n$1".to_owned();
    odd.resource = "чек, 'новый'".to_owned();
    odd.source = "whatsapp";
    put(&db, std::slice::from_ref(&odd)).await;
    let waiting = seen!(db, c => list_waiting(c, &iris, &odd.resource, i64::MAX, 10));
    let [kept] = waiting.as_slice() else { panic!("{waiting:?}") };
    assert_eq!((kept.id.as_str(), kept.source.as_str()), (odd.id.as_str(), "whatsapp"));
    assert_eq!((&kept.resource, kept.resource_id, &kept.body), (&odd.resource, i64::MAX, &odd.body));
    assert_eq!(kept.received_at, NOW.0);
    assert!(bodies(&db, &iris, i64::MAX).await.is_empty(), "another resource of the same number");
}

async fn a_repeat_folds_into_the_one_that_waits(db: Db) {
    let iris = salon(&db).await;
    put(&db, &[row(&iris, 1, "a", NOW)]).await;
    put(&db, &[row(&iris, 1, "a", NOW.plus_secs(1)), row(&iris, 1, "b", NOW.plus_secs(1))]).await;
    put(&db, &[row(&iris, 1, "c", NOW.plus_secs(2)), row(&iris, 1, "c", NOW.plus_secs(2))]).await;
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed a", "sealed b", "sealed c"], "in one batch too");
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 3);
    let first = &seen!(db, c => list_waiting(c, &iris, "record", 1, 1))[0];
    assert_eq!(first.received_at, NOW.0, "it came when it first came");
}

async fn the_same_body_after_absorption_is_a_new_fact(db: Db) {
    let iris = salon(&db).await;
    let (there, back, again) = (row(&iris, 1, "a", NOW), row(&iris, 1, "b", NOW), row(&iris, 1, "a", NOW));
    put(&db, &[there.clone(), back.clone()]).await;
    absorb(&db, &iris, &there.id, NOW).await;
    put(&db, &[again, row(&iris, 1, "b", NOW)]).await;
    let mut waiting = bodies(&db, &iris, 1).await;
    waiting.sort();
    assert_eq!(waiting, ["sealed a", "sealed b"], "there, back and there again; b still waits and folds");
}

async fn of_eight_deliveries_at_once_one_is_kept(db: Db) {
    let iris = salon(&db).await;
    let deliveries = (0..8).map(|n| {
        let (db, iris) = (db.clone(), iris.clone());
        // Each batch holds rows of its own besides, in the order every writer keeps to.
        let rows = [row(&iris, 1, "a", NOW), row(&iris, 1, &format!("b{n}"), NOW), row(&iris, 1, "c", NOW)];
        tokio::spawn(async move { put(&db, &rows).await })
    });
    for delivered in futures::future::join_all(deliveries).await {
        delivered.expect("stored");
    }
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 8 + 2);
}

async fn a_source_we_do_not_know_is_refused(db: Db) {
    let iris = salon(&db).await;
    let mut conn = db.begin().await.expect("begins");
    let refused = insert(&mut conn, &NewInbox { source: "sms", ..row(&iris, 1, "a", NOW) }).await;
    assert!(matches!(refused, Err(Error::Driver(_))), "{refused:?}");
    drop(conn);
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 0);
}

async fn what_waits_for_one_record_comes_in_the_order_it_came(db: Db) {
    let iris = salon(&db).await;
    let rows = [3, 1, 2].map(|at| row(&iris, 1, &format!("{at}"), NOW.plus_ms(at)));
    put(&db, &rows).await;
    put(&db, &[row(&iris, 2, "of another record", NOW)]).await;
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed 1", "sealed 2", "sealed 3"]);
    let first = seen!(db, c => list_waiting(c, &iris, "record", 1, 2));
    assert_eq!(first.iter().map(|row| row.body.as_str()).collect::<Vec<_>>(), ["sealed 1", "sealed 2"]);
    assert_eq!(bodies(&db, &iris, 2).await, ["sealed of another record"]);
}

async fn what_is_absorbed_is_absorbed_once(db: Db) {
    let iris = salon(&db).await;
    let [a, b] = ["a", "b"].map(|dedup| row(&iris, 1, dedup, NOW));
    put(&db, &[a.clone(), b]).await;
    absorb(&db, &iris, &a.id, NOW).await;
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed b"]);
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 1);
    absorb(&db, &iris, &a.id, NOW.plus_secs(900)).await;
    let dropped = done!(db, c => delete_old(c, NOW.plus_secs(1), 10));
    assert_eq!(dropped, 1, "absorbed when it first was, whoever comes late");
}

async fn old_rows_go_and_waiting_ones_never(db: Db) {
    let iris = salon(&db).await;
    let rows: Vec<_> = (0..4).map(|n| row(&iris, 1, &format!("{n}"), NOW)).collect();
    put(&db, &rows).await;
    for (row, at) in rows.iter().zip([0, 1, 2]) {
        absorb(&db, &iris, &row.id, NOW.plus_ms(at)).await;
    }
    assert_eq!(done!(db, c => delete_old(c, NOW, 10)), 0, "not before their time");
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_ms(2), 1)), 1, "a batch at a time");
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_ms(2), 10)), 1);
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(9), 10)), 1);
    assert_eq!(done!(db, c => delete_old(c, UnixMs(i64::MAX), 10)), 0);
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed 3"]);
}

async fn an_answer_waits_for_a_person_and_not_for_ever(db: Db) {
    let iris = salon(&db).await;
    let answer = |dedup, at| NewInbox { source: "whatsapp", ..row(&iris, 1, dedup, at) };
    put(&db, &[answer("old", NOW), answer("new", NOW.plus_secs(9)), row(&iris, 1, "hook", NOW)]).await;
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 1, "nobody has to absorb an answer");
    assert_eq!(done!(db, c => delete_old(c, NOW, 9)), 0);
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(9), 9)), 1);
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed hook", "sealed new"]);
}

async fn a_row_is_its_own_salons(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let hers = row(&rose, 1, "a", NOW);
    put(&db, &[hers.clone(), row(&iris, 1, "a", NOW)]).await;
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 1, "one body in two salons is two facts");
    assert_eq!(seen!(db, c => count_waiting(c, &rose)), 1);
    absorb(&db, &iris, &hers.id, NOW).await;
    assert_eq!(bodies(&db, &rose, 1).await, ["sealed a"], "not his to absorb");
    let listed = seen!(db, c => list_waiting(c, &iris, "record", 1, 10));
    assert!(listed.iter().all(|row| row.id != hers.id.as_str()));
    done!(db, c => delete_all(c, &iris));
    assert!(bodies(&db, &iris, 1).await.is_empty());
    assert_eq!(bodies(&db, &rose, 1).await, ["sealed a"]);
    absorb(&db, &rose, &hers.id, NOW).await;
    assert!(bodies(&db, &rose, 1).await.is_empty());
}

async fn what_the_sync_found_is_read_as_a_hook_and_told_from_one(db: Db) {
    let iris = salon(&db).await;
    put(&db, &[row(&iris, 1, "hook", NOW)]).await;
    done!(db, c => insert_found(c, &row(&iris, 1, "found", NOW.plus_ms(1))));
    done!(db, c => insert_found(c, &row(&iris, 1, "hook", NOW.plus_ms(2))));
    assert_eq!(bodies(&db, &iris, 1).await, ["sealed hook", "sealed found"], "a repeat folds into the hook");
    assert_eq!(seen!(db, c => count_waiting(c, &iris)), 2, "both are to be absorbed");
    let start = crate::storage::timeline::After { at: UnixMs(0), id: "" };
    let shown = seen!(db, c => crate::storage::timeline::list_hooks(c, &iris, crate::kernel::crm_id::RecordId(1), &start, 9));
    assert_eq!(shown.iter().map(|hook| hook.source.as_str()).collect::<Vec<_>>(), ["hook", "sync"]);
}
