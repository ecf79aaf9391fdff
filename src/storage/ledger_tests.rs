use super::*;
use crate::storage::Db;
use crate::storage::client::{self, ClientRow, HashedSigns};
use crate::storage::kit::{NOW, both, done, salon, seen, texts};

both!(
    a_posting_is_made_once_and_its_lines_sum_to_zero,
    a_balance_is_the_sum_of_an_account_and_what_was_spent_is_told,
    what_was_posted_for_a_record_is_told_for_each_client,
    a_ledger_is_read_a_page_at_a_time_the_newest_first,
    of_an_account_what_was_given_before_a_day_is_told,
    of_two_who_spend_at_once_the_second_sums_what_the_first_left,
    nobody_sees_the_ledger_of_another_salon,
);

const RECORD: RecordId = RecordId(880_501);

fn anna() -> ClientKey {
    ClientKey::from_stored("cli_anna".to_owned())
}

fn olga() -> ClientKey {
    ClientKey::from_stored("cli_olga".to_owned())
}

fn entry(kind: Kind, client: &ClientKey, amount: i64) -> Entry {
    Entry::new(kind, client, amount).expect("more than nothing")
}

fn new<'a>(key: &'a str, entry: &'a Entry) -> NewPosting<'a> {
    NewPosting { key, entry, record: Some(RECORD), rate: None, balance_after: None }
}

async fn make(db: &Db, tenant: &TenantId, key: &str, entry: &Entry, at: UnixMs) -> Option<PostingId> {
    done!(db, c => post(c, tenant, &new(key, entry), at))
}

async fn a_posting_is_made_once_and_its_lines_sum_to_zero(db: Db) {
    let (iris, given) = (salon(&db).await, entry(Kind::Accrue, &anna(), 11_250));
    let posting = NewPosting { rate: Some(500), balance_after: Some(7), ..new("record:1:0", &given) };
    let id = done!(db, c => post(c, &iris, &posting, NOW)).expect("new");
    assert_eq!(make(&db, &iris, "record:1:0", &entry(Kind::Accrue, &anna(), 1), NOW).await, None);
    let row = seen!(db, c => find(c, &iris, "record:1:0")).expect("there");
    let expected = PostingRow {
        id,
        kind: Kind::Accrue,
        client: anna(),
        record: Some(RECORD),
        rate: Some(500),
        balance_after: Some(7),
        posted_at: NOW,
        change: 11_250,
    };
    assert_eq!(row, expected);
    assert!(seen!(db, c => find(c, &iris, "record:1:1")).is_none());
    let sides =
        texts(&db, "SELECT account || ' ' || CAST(amount AS TEXT) FROM ledger_line ORDER BY account").await;
    assert_eq!(sides, ["client:cli_anna 11250", "programme -11250"]);
}

async fn a_balance_is_the_sum_of_an_account_and_what_was_spent_is_told(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => balance(c, &iris, &anna())), 0);
    for (place, (kind, amount)) in [
        (Kind::Accrue, 500),
        (Kind::Spend, 300),
        (Kind::Refund, 100),
        (Kind::Reverse, 450),
        (Kind::Expire, 50),
    ]
    .into_iter()
    .enumerate()
    {
        make(&db, &iris, &format!("k{place}"), &entry(kind, &anna(), amount), NOW).await;
    }
    make(&db, &iris, "olga", &entry(Kind::Accrue, &olga(), 9), NOW).await;
    assert_eq!(seen!(db, c => balance(c, &iris, &anna())), 500 - 300 + 100 - 450 - 50);
    assert_eq!(seen!(db, c => spent(c, &iris, &anna())), 200);
    let sum = texts(&db, "SELECT CAST(SUM(amount) AS TEXT) FROM ledger_line").await;
    assert_eq!(sum, ["0"]);
}

async fn what_was_posted_for_a_record_is_told_for_each_client(db: Db) {
    let iris = salon(&db).await;
    let both = [RECORD, RecordId(2)];
    assert_eq!(seen!(db, c => posted_for(c, &iris, &both)), HashMap::new());
    let given = entry(Kind::Accrue, &anna(), 500);
    done!(db, c => post(c, &iris, &NewPosting { rate: Some(500), ..new("a", &given) }, NOW));
    make(&db, &iris, "b", &entry(Kind::Spend, &anna(), 200), NOW.plus_ms(1)).await;
    make(&db, &iris, "c", &entry(Kind::Reverse, &anna(), 500), NOW.plus_ms(2)).await;
    let given = entry(Kind::Accrue, &olga(), 300);
    done!(db, c => post(c, &iris, &NewPosting { rate: Some(300), ..new("d", &given) }, NOW.plus_ms(3)));
    let elsewhere = entry(Kind::Accrue, &olga(), 7);
    done!(db, c => post(c, &iris, &NewPosting { record: Some(RecordId(2)), ..new("e", &elsewhere) }, NOW));
    let mut posted = seen!(db, c => posted_for(c, &iris, &both));
    let other = posted.remove(&RecordId(2)).expect("there");
    assert_eq!((other.standings[0].accrued, other.count), (7, 1));
    let Posted { mut standings, count } = posted.remove(&RECORD).expect("there");
    standings.sort_by(|a, b| a.client.cmp(&b.client));
    let expected = [
        Standing { client: anna(), accrued: 0, spent: 200, rate: Some(500) },
        Standing { client: olga(), accrued: 300, spent: 0, rate: Some(300) },
    ];
    assert_eq!((standings.as_slice(), count), (expected.as_slice(), 4));
}

async fn a_ledger_is_read_a_page_at_a_time_the_newest_first(db: Db) {
    let iris = salon(&db).await;
    for number in 1..=5 {
        make(&db, &iris, &number.to_string(), &entry(Kind::Accrue, &anna(), number), NOW.plus_ms(number))
            .await;
    }
    make(&db, &iris, "olga", &entry(Kind::Accrue, &olga(), 9), NOW).await;
    let (mut before, mut pages) = ("zzzz".to_owned(), Vec::new());
    loop {
        let page = seen!(db, c => list(c, &iris, &anna(), &before, 2));
        let Some(last) = page.last() else { break };
        before = last.id.to_string();
        pages.push(page.iter().map(|row| row.change).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![5, 4], vec![3, 2], vec![1]]);
}

async fn of_an_account_what_was_given_before_a_day_is_told(db: Db) {
    let iris = salon(&db).await;
    for (key, kind, amount, at) in
        [("a", Kind::Accrue, 100, 0), ("b", Kind::Accrue, 70, 10), ("c", Kind::Spend, 30, 20)]
    {
        make(&db, &iris, key, &entry(kind, &anna(), amount), NOW.plus_ms(at)).await;
    }
    assert_eq!(seen!(db, c => ages(c, &iris, &anna(), NOW.plus_ms(5))), (100, 30, 140));
    assert_eq!(seen!(db, c => ages(c, &iris, &anna(), NOW)), (0, 30, 140));
    assert_eq!(seen!(db, c => ages(c, &iris, &olga(), NOW)), (0, 0, 0));
}

/// As `app::bonuses` does it: the client's row first, then the sum.
async fn try_to_spend(db: Db, tenant: TenantId, key: String, amount: i64) -> bool {
    let mut conn = db.begin().await.expect("begins");
    assert!(client::touch(&mut conn, &tenant, &anna(), NOW).await.expect("hers"));
    if balance(&mut conn, &tenant, &anna()).await.expect("summed") < amount {
        return false;
    }
    tokio::task::yield_now().await;
    let spend = entry(Kind::Spend, &anna(), amount);
    post(&mut conn, &tenant, &new(&key, &spend), NOW).await.expect("posted");
    conn.commit().await.expect("commits");
    true
}

async fn of_two_who_spend_at_once_the_second_sums_what_the_first_left(db: Db) {
    let iris = salon(&db).await;
    let row = ClientRow {
        id: anna(),
        card: None,
        signs: HashedSigns::default(),
        body: "sealed".to_owned(),
        gone_at: None,
        created_at: NOW,
    };
    assert!(done!(db, c => client::insert(c, &iris, &row)));
    make(&db, &iris, "given", &entry(Kind::Accrue, &anna(), 1_000), NOW).await;
    let desks: Vec<_> = (0..12)
        .map(|desk| tokio::spawn(try_to_spend(db.clone(), iris.clone(), format!("desk {desk}"), 300)))
        .collect();
    let mut served = 0;
    for desk in desks {
        served += usize::from(desk.await.expect("a desk"));
    }
    assert_eq!((served, seen!(db, c => balance(c, &iris, &anna()))), (3, 100));
}

async fn nobody_sees_the_ledger_of_another_salon(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    make(&db, &iris, "k", &entry(Kind::Accrue, &anna(), 500), NOW).await;
    assert!(make(&db, &rose, "k", &entry(Kind::Spend, &anna(), 5), NOW).await.is_some(), "keys of its own");
    assert_eq!(seen!(db, c => balance(c, &rose, &anna())), -5);
    assert_eq!(seen!(db, c => posted_for(c, &rose, &[RECORD]))[&RECORD].count, 1);
    assert_eq!(seen!(db, c => posted_for(c, &rose, &[])), HashMap::new());
    assert_eq!(seen!(db, c => spent(c, &iris, &anna())), 0);
    done!(db, c => delete_all(c, &rose));
    assert_eq!(seen!(db, c => list(c, &rose, &anna(), "zzzz", 9)), []);
    assert_eq!(seen!(db, c => balance(c, &rose, &anna())), 0);
    assert_eq!(seen!(db, c => balance(c, &iris, &anna())), 500);
}
