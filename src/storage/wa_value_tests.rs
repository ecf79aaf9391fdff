use super::*;
use crate::kernel::seal::MasterKeys;
use crate::storage::kit::{NOW, both, done, salon, seen, texts};
use crate::storage::{Db, Error};

both!(
    a_value_is_found_under_its_kind_and_key_alone,
    the_last_writing_of_a_key_stands,
    a_batch_with_a_failing_row_writes_none,
    batches_beyond_one_statement_are_written_and_read_whole,
    groups_and_numbers_are_listed_in_order,
    marking_touches_what_is_there_and_makes_none,
    of_eight_takers_one_gets_the_value,
    a_locked_row_makes_the_second_wait_for_the_first,
    a_locked_row_that_was_not_there_leaves_nothing_behind,
    deleting_takes_what_was_named,
    only_what_lies_below_both_numbers_is_deleted,
    a_value_is_its_own_salons_and_sealed,
);

fn value(key: &str, grp: &str, n: i64, m: i64) -> WaValue {
    WaValue { key_hash: key.to_owned(), grp: grp.to_owned(), n, m, value: format!("sealed {key}") }
}

async fn put(db: &Db, tenant: &TenantId, kind: &str, rows: &[WaValue]) {
    done!(db, c => upsert(c, tenant, kind, rows));
}

fn keys(rows: &[WaValueRow]) -> Vec<&str> {
    rows.iter().map(|row| row.key_hash.as_str()).collect()
}

fn names(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

async fn a_value_is_found_under_its_kind_and_key_alone(db: Db) {
    let iris = salon(&db).await;
    assert!(seen!(db, c => find(c, &iris, "session", "a")).is_none());
    put(&db, &iris, "session", &[value("a", "g", i64::MAX, i64::MIN)]).await;
    let row = seen!(db, c => find(c, &iris, "session", "a")).expect("there");
    assert_eq!((row.key_hash.as_str(), row.n, row.m), ("a", i64::MAX, i64::MIN));
    assert_eq!(row.value, "sealed a");
    assert!(seen!(db, c => find(c, &iris, "session", "A")).is_none());
    assert!(seen!(db, c => find(c, &iris, "identity", "a")).is_none());
    let wanted = names(&["nobody's", "a"]);
    assert_eq!(keys(&seen!(db, c => find_many(c, &iris, "session", &wanted))), ["a"]);
    assert!(seen!(db, c => find_many(c, &iris, "identity", &wanted)).is_empty());
    assert!(seen!(db, c => find_many(c, &iris, "session", &[])).is_empty());
}

async fn the_last_writing_of_a_key_stands(db: Db) {
    let iris = salon(&db).await;
    put(&db, &iris, "session", &[value("a", "old", 1, 1), value("b", "old", 1, 1)]).await;
    let newer = WaValue { value: "sealed anew".to_owned(), ..value("a", "new", 2, 3) };
    put(&db, &iris, "session", &[newer]).await;
    put(&db, &iris, "session", &[]).await;
    let row = seen!(db, c => find(c, &iris, "session", "a")).expect("there");
    assert_eq!((row.n, row.m, row.value.as_str()), (2, 3, "sealed anew"));
    assert_eq!(keys(&seen!(db, c => list_group(c, &iris, "session", "old"))), ["b"]);
    assert_eq!(keys(&seen!(db, c => list_group(c, &iris, "session", "new"))), ["a"]);
}

async fn a_batch_with_a_failing_row_writes_none(db: Db) {
    let iris = salon(&db).await;
    put(&db, &iris, "prekey", &[value("kept", "", 1, 0)]).await;
    let mut conn = db.begin().await.expect("begins");
    upsert(&mut conn, &iris, "prekey", &[value("a", "", 1, 0)]).await.expect("written");
    delete(&mut conn, &iris, "prekey", &names(&["kept"])).await.expect("deleted");
    let failing = upsert(&mut conn, &TenantId::new(NOW), "prekey", &[value("b", "", 1, 0)]).await;
    assert!(matches!(failing, Err(Error::Driver(_))), "a row of nobody's: {failing:?}");
    drop(conn);
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "prekey"))), ["kept"]);
}

async fn batches_beyond_one_statement_are_written_and_read_whole(db: Db) {
    let iris = salon(&db).await;
    let many = KEYS_PER_STATEMENT + 1;
    let rows: Vec<_> = (0..many).map(|n| value(&format!("{n:05}"), "", n as i64, 0)).collect();
    put(&db, &iris, "prekey", &rows).await;
    let all: Vec<_> = rows.into_iter().map(|row| row.key_hash).collect();
    assert_eq!(seen!(db, c => count_group(c, &iris, "prekey", "")), many as i64);
    assert_eq!(seen!(db, c => find_many(c, &iris, "prekey", &all)).len(), many);
    done!(db, c => mark(c, &iris, "prekey", &all, 1));
    let last = seen!(db, c => find(c, &iris, "prekey", &all[many - 1])).expect("there");
    assert_eq!((last.n, last.m), (many as i64 - 1, 1));
    done!(db, c => delete(c, &iris, "prekey", &all[1..]));
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "prekey"))), ["00000"]);
}

async fn groups_and_numbers_are_listed_in_order(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => max_n(c, &iris, "prekey")), None);
    let rows = [value("c", "anna", 1, 0), value("a", "anna", 2, 0), value("b", "oleg", 1, 0)];
    put(&db, &iris, "prekey", &rows).await;
    put(&db, &iris, "other", &[value("z", "anna", 99, 0)]).await;
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "prekey"))), ["b", "c", "a"]);
    assert_eq!(keys(&seen!(db, c => list_group(c, &iris, "prekey", "anna"))), ["c", "a"]);
    assert_eq!(seen!(db, c => count_group(c, &iris, "prekey", "anna")), 2);
    assert_eq!(seen!(db, c => count_group(c, &iris, "prekey", "nobody")), 0);
    assert_eq!(seen!(db, c => max_n(c, &iris, "prekey")), Some(2));
}

async fn marking_touches_what_is_there_and_makes_none(db: Db) {
    let iris = salon(&db).await;
    put(&db, &iris, "prekey", &[value("a", "", 1, 0), value("b", "", 2, 0)]).await;
    put(&db, &iris, "other", &[value("a", "", 1, 0)]).await;
    done!(db, c => mark(c, &iris, "prekey", &names(&["a", "nobody's"]), 7));
    done!(db, c => mark(c, &iris, "prekey", &[], 9));
    let marks: Vec<_> =
        seen!(db, c => list(c, &iris, "prekey")).into_iter().map(|row| (row.n, row.m)).collect();
    assert_eq!(marks, [(1, 7), (2, 0)]);
    assert_eq!(seen!(db, c => list(c, &iris, "other"))[0].m, 0);
}

async fn of_eight_takers_one_gets_the_value(db: Db) {
    let iris = salon(&db).await;
    put(&db, &iris, "prekey", &[value("a", "", 1, 0), value("b", "", 2, 0)]).await;
    let takers = (0..8).map(|_| {
        let (db, iris) = (db.clone(), iris.clone());
        tokio::spawn(async move { done!(db, c => take(c, &iris, "prekey", "a")) })
    });
    let taken = futures::future::join_all(takers).await.into_iter().filter_map(|got| got.expect("ran"));
    assert_eq!(taken.map(|row| row.value).collect::<Vec<_>>(), ["sealed a"], "a one-time key is used once");
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "prekey"))), ["b"]);
}

async fn a_locked_row_makes_the_second_wait_for_the_first(db: Db) {
    let iris = salon(&db).await;
    // Eight read, add one and write: without the lock they would read the same number.
    let adders = (0..8).map(|_| {
        let (db, iris) = (db.clone(), iris.clone());
        tokio::spawn(async move {
            let mut conn = db.begin().await.expect("begins");
            let held = lock(&mut conn, &iris, "counter", "a").await.expect("held");
            tokio::task::yield_now().await;
            let next = value("a", "", held.n + 1, 0);
            upsert(&mut conn, &iris, "counter", &[next]).await.expect("written");
            conn.commit().await.expect("commits");
        })
    });
    for added in futures::future::join_all(adders).await {
        added.expect("ran");
    }
    assert_eq!(seen!(db, c => find(c, &iris, "counter", "a")).expect("there").n, 8);
}

async fn a_locked_row_that_was_not_there_leaves_nothing_behind(db: Db) {
    let iris = salon(&db).await;
    put(&db, &iris, "session", &[value("there", "g", 4, 5)]).await;
    let mut conn = db.begin().await.expect("begins");
    let held = lock(&mut conn, &iris, "session", "there").await.expect("held");
    assert_eq!((held.value.as_str(), held.n, held.m), ("sealed there", 4, 5));
    let absent = lock(&mut conn, &iris, "session", "absent").await.expect("held");
    assert_eq!((absent.value.as_str(), absent.n), ("", 0), "told apart by its empty value");
    delete(&mut conn, &iris, "session", &names(&["absent"])).await.expect("deleted");
    conn.commit().await.expect("commits");
    let mut conn = db.begin().await.expect("begins");
    lock(&mut conn, &iris, "session", "given up").await.expect("held");
    drop(conn);
    let left = seen!(db, c => list(c, &iris, "session"));
    assert_eq!((keys(&left), left[0].n, left[0].m), (vec!["there"], 4, 5));
    assert_eq!(seen!(db, c => count_group(c, &iris, "session", "g")), 1, "holding changes nothing");
}

async fn deleting_takes_what_was_named(db: Db) {
    let iris = salon(&db).await;
    let rows =
        [value("a", "anna", 1, 0), value("b", "anna", 2, 0), value("c", "oleg", 3, 0), value("d", "", 4, 0)];
    put(&db, &iris, "session", &rows).await;
    put(&db, &iris, "identity", &rows).await;
    let taken = done!(db, c => take(c, &iris, "session", "d")).expect("there");
    assert_eq!((taken.n, taken.value.as_str()), (4, "sealed d"));
    assert!(done!(db, c => take(c, &iris, "session", "d")).is_none(), "once");
    done!(db, c => delete(c, &iris, "session", &names(&["a", "nobody's"])));
    done!(db, c => delete(c, &iris, "session", &[]));
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "session"))), ["b", "c"]);
    done!(db, c => delete_group(c, &iris, "session", "anna"));
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "session"))), ["c"]);
    done!(db, c => delete_kind(c, &iris, "session"));
    assert!(seen!(db, c => list(c, &iris, "session")).is_empty());
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "identity"))), ["a", "b", "c", "d"]);
    done!(db, c => delete_tenant(c, &iris));
    assert!(seen!(db, c => list(c, &iris, "identity")).is_empty());
}

async fn only_what_lies_below_both_numbers_is_deleted(db: Db) {
    let iris = salon(&db).await;
    let rows =
        [value("old", "", 9, 9), value("n", "", 10, 9), value("m", "", 9, 10), value("new", "", 10, 10)];
    put(&db, &iris, "token", &rows).await;
    put(&db, &iris, "other", &rows).await;
    assert_eq!(done!(db, c => delete_below(c, &iris, "token", 10, 10)), 1);
    assert_eq!(keys(&seen!(db, c => list(c, &iris, "token"))), ["m", "n", "new"]);
    assert_eq!(done!(db, c => delete_below(c, &iris, "token", 10, 10)), 0);
    assert_eq!(seen!(db, c => list(c, &iris, "other")).len(), 4);
}

async fn a_value_is_its_own_salons_and_sealed(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let master = MasterKeys::parse(&"42".repeat(32)).expect("a key");
    let ((hers, _), (his, _)) = (master.new_data_key(&rose), master.new_data_key(&iris));
    let sealed = WaValue { value: hers.seal("wa/session", "a", b"Anna's session"), ..value("a", "g", 5, 5) };
    put(&db, &rose, "session", &[sealed]).await;
    let before = format!("{:?}", seen!(db, c => list(c, &rose, "session")));
    assert!(!texts(&db, "SELECT value FROM wa_value").await.concat().contains("Anna"));

    let a = names(&["a"]);
    assert!(seen!(db, c => find(c, &iris, "session", "a")).is_none());
    assert!(seen!(db, c => find_many(c, &iris, "session", &a)).is_empty());
    assert!(seen!(db, c => list(c, &iris, "session")).is_empty());
    assert!(seen!(db, c => list_group(c, &iris, "session", "g")).is_empty());
    assert_eq!(seen!(db, c => count_group(c, &iris, "session", "g")), 0);
    assert_eq!(seen!(db, c => max_n(c, &iris, "session")), None);
    assert!(done!(db, c => take(c, &iris, "session", "a")).is_none());
    done!(db, c => mark(c, &iris, "session", &a, 77));
    done!(db, c => delete(c, &iris, "session", &a));
    done!(db, c => delete_group(c, &iris, "session", "g"));
    assert_eq!(done!(db, c => delete_below(c, &iris, "session", i64::MAX, i64::MAX)), 0);
    done!(db, c => delete_kind(c, &iris, "session"));
    assert_eq!(
        done!(db, c => lock(c, &iris, "session", "a")).value,
        "",
        "a row of his own, and an empty one"
    );
    put(&db, &iris, "session", &[value("a", "g", 1, 1)]).await;
    done!(db, c => delete_tenant(c, &iris));
    let after = seen!(db, c => list(c, &rose, "session"));
    assert_eq!(format!("{after:?}"), before);
    assert!(his.open("wa/session", "a", &after[0].value).is_err(), "another salon's key opens nothing");
    assert!(hers.open("wa/session", "b", &after[0].value).is_err(), "nor does a value moved to another key");
    assert_eq!(hers.open("wa/session", "a", &after[0].value).expect("opens"), b"Anna's session");
}
