use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(
    what_is_asked_is_answered_once,
    tries_are_counted_until_nothing_is_looked_at,
    a_code_that_was_used_is_good_for_nothing,
    of_many_tries_at_once_no_more_are_looked_at,
    what_is_over_is_dropped,
);

const UNTIL: UnixMs = UnixMs(NOW.0 + 300_000);

fn anna() -> ClientKey {
    ClientKey::from_stored("cli_anna".to_owned())
}

async fn asked(db: &Db, tenant: &TenantId, now: UnixMs) {
    done!(db, c => ask(c, tenant, "phone", "sealed", (now, now.plus_ms(300_000))));
}

async fn what_is_asked_is_answered_once(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    asked(&db, &iris, NOW).await;
    let row = SignInRow { body: "sealed".to_owned(), code: None, client: None, asked_at: NOW, until: UNTIL };
    assert_eq!(seen!(db, c => find(c, &iris, "phone")), Some(row.clone()));
    assert_eq!(
        (seen!(db, c => find(c, &rose, "phone")), seen!(db, c => find(c, &iris, "other"))),
        (None, None)
    );
    assert!(!done!(db, c => answer(c, &rose, "phone", NOW, Some(("hash", &anna())))));
    assert!(
        !done!(db, c => answer(c, &iris, "phone", NOW.plus_ms(1), Some(("hash", &anna())))),
        "not what is asked"
    );
    assert!(done!(db, c => answer(c, &iris, "phone", NOW, Some(("hash", &anna())))));
    assert!(!done!(db, c => answer(c, &iris, "phone", NOW, None)), "answered");
    let answered = SignInRow { code: Some("hash".to_owned()), client: Some(anna()), ..row };
    assert_eq!(seen!(db, c => find(c, &iris, "phone")), Some(answered));
    let later = NOW.plus_secs(60);
    asked(&db, &iris, later).await;
    let row = seen!(db, c => find(c, &iris, "phone")).expect("there");
    assert_eq!((row.code, row.client, row.asked_at), (None, None, later), "another code takes its place");
    assert!(done!(db, c => answer(c, &iris, "phone", later, None)), "nobody's");
    let row = seen!(db, c => find(c, &iris, "phone")).expect("there");
    assert_eq!((row.code.as_deref(), row.client), (Some(""), None));
}

async fn tries_are_counted_until_nothing_is_looked_at(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    asked(&db, &iris, NOW).await;
    assert!(done!(db, c => count_try(c, &rose, "phone", 2, NOW)).is_none());
    assert!(done!(db, c => count_try(c, &iris, "phone", 2, UNTIL)).is_none(), "too late");
    for _ in 0..2 {
        assert!(done!(db, c => count_try(c, &iris, "phone", 2, UNTIL.plus_ms(-1))).is_some());
    }
    assert!(done!(db, c => count_try(c, &iris, "phone", 2, NOW)).is_none());
    asked(&db, &iris, NOW.plus_secs(60)).await;
    assert!(
        done!(db, c => count_try(c, &iris, "phone", 2, NOW)).is_some(),
        "counted anew with the next code"
    );
}

async fn a_code_that_was_used_is_good_for_nothing(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for tenant in [&iris, &rose] {
        asked(&db, tenant, NOW).await;
        assert!(done!(db, c => answer(c, tenant, "phone", NOW, Some(("hash", &anna())))));
    }
    done!(db, c => use_up(c, &iris, "phone", NOW.plus_secs(1)));
    assert!(done!(db, c => count_try(c, &iris, "phone", 5, NOW.plus_secs(1))).is_none());
    let row = seen!(db, c => find(c, &iris, "phone")).expect("there");
    assert_eq!((row.code.as_deref(), row.until), (Some(""), NOW.plus_secs(1)));
    let hers = done!(db, c => count_try(c, &rose, "phone", 5, NOW.plus_secs(1))).expect("another salon's");
    assert_eq!((hers.code.as_deref(), hers.client), (Some("hash"), Some(anna())));
}

async fn of_many_tries_at_once_no_more_are_looked_at(db: Db) {
    let iris = salon(&db).await;
    asked(&db, &iris, NOW).await;
    let one = || async {
        let mut conn = db.begin().await.expect("begins");
        let looked = count_try(&mut conn, &iris, "phone", 5, NOW).await.expect("counted").is_some();
        conn.commit().await.expect("commits");
        looked
    };
    let looked = futures::future::join_all((0..12).map(|_| one())).await;
    assert_eq!(looked.iter().filter(|looked| **looked).count(), 5);
}

async fn what_is_over_is_dropped(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    asked(&db, &iris, NOW).await;
    asked(&db, &rose, NOW.plus_secs(60)).await;
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 9)), 1);
    assert!(seen!(db, c => find(c, &iris, "phone")).is_none());
    asked(&db, &iris, NOW).await;
    done!(db, c => delete_all(c, &rose));
    assert!(
        seen!(db, c => find(c, &rose, "phone")).is_none()
            && seen!(db, c => find(c, &iris, "phone")).is_some()
    );
}
