use super::*;
use crate::storage::kit::{postgres, sqlite};

#[tokio::test]
async fn on_postgres_a_second_process_waits_for_the_first_to_go() {
    let base = postgres().await;
    let first = Claim::take(&base.db, false).await.expect("free");
    let second = tokio::spawn({
        let db = base.db.clone();
        async move { Claim::take(&db, false).await }
    });
    tokio::time::sleep(TRY_EVERY * 3).await;
    assert!(!second.is_finished(), "two would fight over every session");
    first.release().await;
    second.await.expect("no panic").expect("the first is gone").release().await;
}

#[tokio::test]
async fn a_claim_is_held_until_the_stop() {
    for base in [sqlite().await, postgres().await] {
        let stop = CancellationToken::new();
        let claim = Claim::take(&base.db, false).await.expect("free");
        let held = tokio::spawn(claim.hold(base.db.clone(), stop.clone()));
        stop.cancel();
        held.await.expect("no panic").release().await;
        Claim::take(&base.db, false).await.expect("free again").release().await;
    }
}

#[tokio::test]
async fn processes_that_share_a_database_keep_one_out_that_does_not_know_it() {
    let base = postgres().await;
    let (one, two) = (
        Claim::take(&base.db, true).await.expect("free"),
        Claim::take(&base.db, true).await.expect("shared"),
    );
    let alone = tokio::spawn({
        let db = base.db.clone();
        async move { Claim::take(&db, false).await }
    });
    one.release().await;
    tokio::time::sleep(TRY_EVERY * 3).await;
    assert!(!alone.is_finished(), "it would take every session from the other");
    two.release().await;
    alone.await.expect("no panic").expect("now it is alone").release().await;
}
