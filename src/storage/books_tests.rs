use super::*;
use crate::kernel::id::JobId;
use crate::storage::Db;
use crate::storage::job::{self, NewJob};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::record::{self, RecordWrite};

both!(
    what_is_written_is_due_until_it_is_taken_and_again_when_it_is_written_anew,
    what_the_books_say_stands_when_the_record_is_written_again,
    a_record_written_while_it_is_taken_stays_due,
    the_last_whole_payload_stays_when_a_part_comes,
    what_a_person_is_to_settle_is_listed_a_page_at_a_time,
    a_clients_records_are_listed_the_latest_visit_first,
    of_many_clients_the_last_visit_is_told,
    a_clients_records_are_turned_from_now_on_or_from_the_latest_back,
    a_salon_whose_records_are_due_and_has_no_bell_is_found,
    nobody_sees_the_books_of_another_salon,
);

fn visit(number: i64) -> RecordWrite<'static> {
    let starts_at = Some(NOW.plus_secs(number));
    RecordWrite {
        id: RecordId(number),
        starts_at,
        deleted: false,
        changed_at: NOW,
        body: "sealed",
        raw: "",
        over: "",
    }
}

async fn write(db: &Db, tenant: &TenantId, numbers: &[i64]) {
    for number in numbers {
        let mut conn = db.begin().await.expect("begins");
        write_in(&mut conn, tenant, visit(*number)).await;
        conn.commit().await.expect("commits");
    }
}

/// Over whatever is there.
async fn write_in(conn: &mut Conn, tenant: &TenantId, write: RecordWrite<'_>) {
    let there = record::find(conn, tenant, write.id).await.expect("read");
    let over = there.map(|row| row.body).unwrap_or_default();
    let written = record::upsert(conn, tenant, RecordWrite { over: &over, ..write }, NOW).await;
    assert!(written.expect("written"));
}

/// Takes what is due and keeps it as it is.
async fn take(db: &Db, tenant: &TenantId, limit: i64) -> Vec<i64> {
    let mut books = db.begin().await.expect("begins");
    let due = take_due(&mut books, tenant, limit).await.expect("taken");
    keep(&mut books, tenant, &due).await.expect("kept");
    books.commit().await.expect("commits");
    due.iter().map(|row| row.id.0).collect()
}

async fn get(db: &Db, tenant: &TenantId, number: i64) -> BookRow {
    seen!(db, c => find(c, tenant, RecordId(number))).expect("there")
}

fn anna() -> ClientKey {
    ClientKey::from_stored("cli_anna".to_owned())
}

async fn what_is_written_is_due_until_it_is_taken_and_again_when_it_is_written_anew(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, &[3, 1, 2]).await;
    assert_eq!(take(&db, &iris, 2).await, [1, 2]);
    assert_eq!(take(&db, &iris, 2).await, [3]);
    assert_eq!(take(&db, &iris, 2).await, [0; 0]);
    write(&db, &iris, &[2]).await;
    assert!(done!(db, c => make_due(c, &iris, RecordId(1))));
    assert!(!done!(db, c => make_due(c, &iris, RecordId(9))));
    assert_eq!(take(&db, &iris, 9).await, [1, 2]);
    let mut dropped = db.begin().await.expect("begins");
    write_in(&mut dropped, &iris, visit(1)).await;
    drop(dropped);
    assert_eq!(take(&db, &iris, 9).await, [0; 0]);
}

async fn what_the_books_say_stands_when_the_record_is_written_again(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, &[1]).await;
    let fresh = get(&db, &iris, 1).await;
    assert_eq!((fresh.status, fresh.client.clone(), fresh.matched.as_str()), (None, None, ""));
    let kept = BookRow {
        status: Some(Status::Completed),
        price: Some(225_000),
        minutes: Some(90),
        client: Some(anna()),
        matched: "phone".to_owned(),
        candidates: vec![anna(), ClientKey::from_stored("cli_olga".to_owned())],
        card: Some(ClientId(5)),
        cancelled_at: Some(NOW),
        ..fresh
    };
    done!(db, c => keep(c, &iris, std::slice::from_ref(&kept)));
    assert_eq!(get(&db, &iris, 1).await, kept);
    write(&db, &iris, &[1]).await;
    assert_eq!(get(&db, &iris, 1).await, kept);
    let cleared = BookRow { client: None, candidates: vec![], card: None, cancelled_at: None, ..kept };
    done!(db, c => keep(c, &iris, std::slice::from_ref(&cleared)));
    assert_eq!(get(&db, &iris, 1).await, cleared);
    assert!(done!(db, c => settle(c, &iris, RecordId(1), Some(&anna()), "person")));
    assert!(!done!(db, c => settle(c, &iris, RecordId(2), Some(&anna()), "person")));
    let settled = get(&db, &iris, 1).await;
    assert_eq!((settled.client, settled.matched.as_str()), (Some(anna()), "person"));
    assert_eq!(take(&db, &iris, 9).await, [1], "its bonuses follow");
    assert_eq!(take(&db, &iris, 9).await, [0; 0]);
    assert!(done!(db, c => settle(c, &iris, RecordId(1), None, "person")));
    let settled = get(&db, &iris, 1).await;
    assert_eq!((settled.client, settled.matched.as_str()), (None, "person"), "somebody says: nobody's");
}

async fn a_record_written_while_it_is_taken_stays_due(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, &[1, 2]).await;
    let mut books = db.begin().await.expect("begins");
    let due = take_due(&mut books, &iris, 9).await.expect("taken");
    assert_eq!(due.len(), 2);
    let writer = tokio::spawn({
        let (db, iris) = (db.clone(), iris.clone());
        async move { write(&db, &iris, &[1]).await }
    });
    until_it_waits(&db).await;
    keep(&mut books, &iris, &due).await.expect("kept");
    assert!(!writer.is_finished());
    books.commit().await.expect("commits");
    writer.await.expect("written");
    assert_eq!(take(&db, &iris, 9).await, [1]);
}

/// Until PostgreSQL says that somebody waits for a lock of another. On SQLite there is nothing to see: who would write waits
/// outside.
async fn until_it_waits(db: &Db) {
    let Db::Postgres(pool) = db else { return };
    let blocked = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
         AND cardinality(pg_blocking_pids(pid)) > 0)";
    while !sqlx::query_scalar::<_, bool>(blocked).fetch_one(pool).await.expect("asked") {
        tokio::task::yield_now().await;
    }
}

async fn the_last_whole_payload_stays_when_a_part_comes(db: Db) {
    let iris = salon(&db).await;
    for (raw, kept) in [("", ""), ("whole", "whole"), ("", "whole"), ("newer", "newer")] {
        let mut conn = db.begin().await.expect("begins");
        write_in(&mut conn, &iris, RecordWrite { raw, ..visit(1) }).await;
        conn.commit().await.expect("commits");
        assert_eq!(get(&db, &iris, 1).await.raw, kept);
    }
}

async fn what_a_person_is_to_settle_is_listed_a_page_at_a_time(db: Db) {
    let iris = salon(&db).await;
    for (number, matched) in
        [(1, "phone"), (2, "ambiguous"), (3, "no_client"), (4, "no_contact"), (5, "ambiguous"), (6, "")]
    {
        write(&db, &iris, &[number]).await;
        let row = BookRow { matched: matched.to_owned(), ..get(&db, &iris, number).await };
        done!(db, c => keep(c, &iris, &[row]));
    }
    write(&db, &iris, &[7]).await;
    let off = BookRow {
        matched: "ambiguous".to_owned(),
        status: Some(Status::Cancelled),
        ..get(&db, &iris, 7).await
    };
    done!(db, c => keep(c, &iris, &[off]));
    let (mut after, mut pages) = (RecordId(i64::MIN), Vec::new());
    loop {
        let page = seen!(db, c => list_unmatched(c, &iris, after, 2));
        let Some(last) = page.last() else { break };
        after = last.id;
        pages.push(page.iter().map(|row| row.id.0).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![2, 4], vec![5]]);
}

async fn a_clients_records_are_listed_the_latest_visit_first(db: Db) {
    let iris = salon(&db).await;
    write(&db, &iris, &[1, 3, 2, 4]).await;
    done!(db, c => record::upsert(c, &iris, RecordWrite { starts_at: None, ..visit(5) }, NOW));
    for number in [1, 2, 3, 5] {
        done!(db, c => settle(c, &iris, RecordId(number), Some(&anna()), "person"));
    }
    let listed = |rows: Vec<BookRow>| rows.into_iter().map(|row| row.id.0).collect::<Vec<_>>();
    assert_eq!(listed(seen!(db, c => list_of_client(c, &iris, &anna(), 9))), [3, 2, 1, 5]);
    assert_eq!(listed(seen!(db, c => list_of_client(c, &iris, &anna(), 2))), [3, 2]);
}

async fn of_many_clients_the_last_visit_is_told(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let olga = ClientKey::from_stored("cli_olga".to_owned());
    write(&db, &iris, &[1, 2, 3, 4, 5]).await;
    write(&db, &rose, &[4]).await;
    for (number, client, status) in [
        (1, &anna(), Status::Completed),
        (2, &anna(), Status::Confirmed),
        (3, &anna(), Status::NoShow),
        (4, &anna(), Status::Cancelled),
        (5, &anna(), Status::Completed),
    ] {
        let row =
            BookRow { client: Some(client.clone()), status: Some(status), ..get(&db, &iris, number).await };
        done!(db, c => keep(c, &iris, &[row]));
    }
    let both = [anna(), olga];
    let seen = seen!(db, c => last_visits(c, &iris, &both, NOW.plus_secs(4)));
    assert_eq!(seen, [(anna(), NOW.plus_secs(2))], "neither what is off nor what is still to come");
    assert_eq!(seen!(db, c => last_visits(c, &rose, &both, NOW.plus_secs(9))), []);
    assert_eq!(seen!(db, c => last_visits(c, &iris, &[], NOW)), []);
}

async fn a_clients_records_are_turned_from_now_on_or_from_the_latest_back(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    write(&db, &iris, &[1, 2, 3, 4, 5]).await;
    write(&db, &rose, &[6]).await;
    for number in [1, 2, 3, 4] {
        done!(db, c => settle(c, &iris, RecordId(number), Some(&anna()), "person"));
    }
    done!(db, c => settle(c, &rose, RecordId(6), Some(&anna()), "person"));
    let off = BookRow { status: Some(Status::Cancelled), ..get(&db, &iris, 3).await };
    done!(db, c => keep(c, &iris, &[off]));
    let turned = async |way, from: i64, record: i64, limit| {
        let beyond = (NOW.plus_secs(from), RecordId(record));
        let rows = seen!(db, c => turn_of_client(c, &iris, &anna(), way, beyond, limit));
        rows.into_iter().map(|row| row.id.0).collect::<Vec<_>>()
    };
    assert_eq!(
        turned(Way::Ahead, 0, i64::MAX, 9).await,
        [1, 2, 4],
        "none that is called off, none of another"
    );
    assert_eq!(turned(Way::Ahead, 0, i64::MAX, 2).await, [1, 2]);
    assert_eq!(turned(Way::Ahead, 2, 2, 9).await, [4]);
    assert_eq!(turned(Way::Behind, 99, 0, 9).await, [4, 3, 2, 1]);
    assert_eq!(turned(Way::Behind, 3, 3, 1).await, [2]);
}

async fn a_salon_whose_records_are_due_and_has_no_bell_is_found(db: Db) {
    let (iris, rose, _quiet) = (salon(&db).await, salon(&db).await, salon(&db).await);
    for tenant in [&iris, &rose] {
        write(&db, tenant, &[1]).await;
    }
    let bell = NewJob {
        id: JobId::new(NOW),
        tenant: Some(rose.clone()),
        kind: "keep",
        subject: rose.to_string(),
        lane: format!("{rose}:books"),
        run_at: NOW,
        now: NOW,
    };
    done!(db, c => job::enqueue(c, &bell));
    assert_eq!(seen!(db, c => list_silent(c, "keep", 9)), std::slice::from_ref(&iris));
    assert_eq!(seen!(db, c => list_silent(c, "another kind", 1)).len(), 1, "no more than was asked for");
    take(&db, &iris, 9).await;
    assert_eq!(seen!(db, c => list_silent(c, "keep", 9)), []);
}

async fn nobody_sees_the_books_of_another_salon(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    write(&db, &iris, &[1]).await;
    assert_eq!(take(&db, &rose, 9).await, [0; 0]);
    assert!(seen!(db, c => find(c, &rose, RecordId(1))).is_none());
    assert!(!done!(db, c => settle(c, &rose, RecordId(1), Some(&anna()), "person")));
    assert!(!done!(db, c => make_due(c, &rose, RecordId(1))));
    let foreign = BookRow { matched: "ambiguous".to_owned(), ..get(&db, &iris, 1).await };
    done!(db, c => keep(c, &rose, &[foreign]));
    assert_eq!(seen!(db, c => list_unmatched(c, &iris, RecordId(0), 9)), []);
    assert_eq!(seen!(db, c => list_unmatched(c, &rose, RecordId(0), 9)), []);
    assert_eq!(seen!(db, c => list_of_client(c, &rose, &anna(), 9)), []);
    assert_eq!(take(&db, &iris, 9).await, [1]);
}
