use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, seen};

both!(
    guesses_are_counted_until_nothing_is_looked_at,
    a_right_guess_is_no_failure,
    a_quiet_day_begins_the_count_anew,
    of_many_at_once_none_slips_past_the_rest,
);

const LONG_AGO: UnixMs = UnixMs(NOW.0 - 86_400_000);

async fn guessed(db: &Db, id: &str, now: UnixMs) -> Option<i64> {
    done!(db, c => count(c, id, now, LONG_AGO))
}

async fn guesses_are_counted_until_nothing_is_looked_at(db: Db) {
    assert_eq!(seen!(db, c => rests_until(c, "anna")), None);
    for nth in 1..=3 {
        assert_eq!(guessed(&db, "anna", NOW).await, Some(nth));
    }
    let until = NOW.plus_secs(30);
    done!(db, c => rest(c, "anna", until));
    assert_eq!(seen!(db, c => rests_until(c, "anna")), Some(until));
    assert_eq!(guessed(&db, "anna", until.plus_ms(-1)).await, None);
    assert_eq!(guessed(&db, "oleg", NOW).await, Some(1), "another's");
    assert_eq!(guessed(&db, "anna", until).await, Some(4), "what was not looked at was not counted");
}

async fn a_right_guess_is_no_failure(db: Db) {
    done!(db, c => forgive(c, "anna"));
    for _ in 0..3 {
        guessed(&db, "anna", NOW).await;
    }
    done!(db, c => rest(c, "anna", NOW.plus_secs(30)));
    done!(db, c => forgive(c, "anna"));
    assert_eq!(guessed(&db, "anna", NOW).await, Some(3), "the last one is taken back, and its rest with it");
    done!(db, c => clear(c, "anna"));
    assert_eq!(guessed(&db, "anna", NOW).await, Some(1));
}

async fn a_quiet_day_begins_the_count_anew(db: Db) {
    for _ in 0..3 {
        guessed(&db, "anna", NOW).await;
    }
    let next = NOW.plus_secs(86_401);
    assert_eq!(done!(db, c => count(c, "anna", next, next.plus_secs(-86_400))), Some(1));
    guessed(&db, "oleg", NOW).await;
    assert_eq!(done!(db, c => delete_old(c, next, 9)), 1);
    assert_eq!(seen!(db, c => rests_until(c, "oleg")), None);
    assert_eq!(guessed(&db, "anna", next).await, Some(2), "what is recent stays");
}

async fn of_many_at_once_none_slips_past_the_rest(db: Db) {
    let guess = || async {
        let mut conn = db.begin().await.expect("begins");
        let counted = count(&mut conn, "anna", NOW, LONG_AGO).await.expect("counted");
        if counted == Some(5) {
            rest(&mut conn, "anna", NOW.plus_secs(30)).await.expect("rests");
        }
        conn.commit().await.expect("commits");
        counted
    };
    let counted = futures::future::join_all((0..12).map(|_| guess())).await;
    let looked_at = counted.iter().filter(|counted| counted.is_some()).count();
    assert_eq!(looked_at, 5, "{counted:?}");
}
