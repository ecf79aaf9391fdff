use super::*;
use crate::storage::kit::{NOW, both, done, node as ours, salon, seen};
use crate::storage::{Db, job, node};

both!(
    of_two_nodes_one_gets_the_session,
    a_session_given_back_is_free_and_its_old_lease_worth_nothing,
    a_session_of_a_gone_node_is_free_and_its_old_lease_worth_nothing,
    a_node_that_was_given_up_takes_nothing,
    jobs_of_a_session_are_left_to_the_node_that_runs_it,
);

async fn other(db: &Db) -> NodeId {
    let id = NodeId::new(NOW);
    done!(db, c => node::join(c, &id, NOW));
    id
}

async fn of_two_nodes_one_gets_the_session(db: Db) {
    let (iris, other) = (salon(&db).await, other(&db).await);
    let lease = done!(db, c => take(c, &iris, &ours())).expect("free");
    assert!(done!(db, c => take(c, &iris, &other)).is_none());
    assert!(seen!(db, c => is_elsewhere(c, &iris, &other)));
    assert!(!seen!(db, c => is_elsewhere(c, &iris, &ours())));
    assert!(done!(db, c => guard(c, &lease)));
    let again = done!(db, c => take(c, &iris, &ours())).expect("its own");
    assert!(again.epoch > lease.epoch);
    assert!(!done!(db, c => guard(c, &lease)), "the former run may do nothing more");
}

async fn a_session_given_back_is_free_and_its_old_lease_worth_nothing(db: Db) {
    let (iris, other) = (salon(&db).await, other(&db).await);
    let lease = done!(db, c => take(c, &iris, &ours())).expect("free");
    done!(db, c => give_back(c, &lease));
    assert!(!done!(db, c => guard(c, &lease)));
    let theirs = done!(db, c => take(c, &iris, &other)).expect("free again");
    done!(db, c => give_back(c, &lease));
    assert!(done!(db, c => guard(c, &theirs)), "an old lease gives nothing back");
}

async fn a_session_of_a_gone_node_is_free_and_its_old_lease_worth_nothing(db: Db) {
    let (iris, other) = (salon(&db).await, other(&db).await);
    let theirs = done!(db, c => take(c, &iris, &other)).expect("free");
    assert!(done!(db, c => node::remove_still(c, other.as_str(), 0)));
    assert!(done!(db, c => guard(c, &theirs)), "until somebody takes it over nothing can go wrong");
    assert!(!seen!(db, c => is_elsewhere(c, &iris, &ours())));
    let lease = done!(db, c => take(c, &iris, &ours())).expect("free");
    assert!(lease.epoch > theirs.epoch);
    assert!(!done!(db, c => guard(c, &theirs)));
}

async fn a_node_that_was_given_up_takes_nothing(db: Db) {
    let (iris, other) = (salon(&db).await, other(&db).await);
    done!(db, c => node::leave(c, &other));
    assert!(done!(db, c => take(c, &iris, &other)).is_none());
}

async fn jobs_of_a_session_are_left_to_the_node_that_runs_it(db: Db) {
    let (iris, other) = (salon(&db).await, other(&db).await);
    done!(db, c => job::enqueue(c, &job::tests::job(Some(&iris), "out_1", "lane", NOW)));
    let want = |node, of_session| job::Claim {
        kind: "send",
        node,
        token: "one",
        of_session,
        now: NOW,
        lease_until: NOW.plus_secs(60),
        limit: 9,
        share: i64::MAX,
    };
    let us = ours();
    done!(db, c => take(c, &iris, &other)).expect("free");
    assert!(done!(db, c => job::claim(c, &want(&us, true))).is_empty());
    assert_eq!(done!(db, c => job::claim(c, &want(&other, true))).len(), 1);
}
