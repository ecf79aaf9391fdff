use super::*;
use crate::storage::kit::{postgres, sqlite};

#[tokio::test]
async fn on_postgres_a_second_process_waits_for_the_first_to_go() {
    let base = postgres().await;
    let first = Claim::take(&base.db).await.expect("free");
    let second = tokio::spawn({
        let db = base.db.clone();
        async move { Claim::take(&db).await }
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
        let claim = Claim::take(&base.db).await.expect("free");
        let held = tokio::spawn(claim.hold(base.db.clone(), stop.clone()));
        stop.cancel();
        held.await.expect("no panic").release().await;
        Claim::take(&base.db).await.expect("free again").release().await;
    }
}
