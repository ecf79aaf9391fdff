use super::*;
use crate::storage::kit::{NOW, both, done, node as ours, seen};
use crate::storage::{Db, job, kit};

both!(
    a_node_that_moves_is_not_given_up,
    a_node_that_was_given_up_hears_it_at_its_next_beat,
    what_a_gone_node_ran_is_taken_back_at_once,
    a_process_alone_removes_whoever_else_stands_there,
);

async fn other(db: &Db) -> NodeId {
    let id = NodeId::new(NOW);
    done!(db, c => join(c, &id, NOW));
    id
}

async fn a_node_that_moves_is_not_given_up(db: Db) {
    let id = other(&db).await;
    let seen_at = seen!(db, c => list(c)).into_iter().find(|n| n.id == id.as_str()).expect("there").beat;
    assert!(done!(db, c => beat(c, &id, 7)));
    assert!(!done!(db, c => remove_still(c, id.as_str(), seen_at)), "it has moved");
    let row = seen!(db, c => list(c)).into_iter().find(|n| n.id == id.as_str()).expect("still there");
    assert_eq!((row.beat, row.sessions), (seen_at + 1, 7));
}

async fn a_node_that_was_given_up_hears_it_at_its_next_beat(db: Db) {
    let id = other(&db).await;
    assert!(done!(db, c => remove_still(c, id.as_str(), 0)));
    assert!(!done!(db, c => beat(c, &id, 1)));
}

async fn what_a_gone_node_ran_is_taken_back_at_once(db: Db) {
    let id = other(&db).await;
    for (node, subject) in [(&id, "theirs"), (&ours(), "ours")] {
        done!(db, c => job::enqueue(c, &job::tests::job(None, subject, subject, NOW)));
        let want = job::Claim {
            kind: "send",
            node,
            token: subject,
            of_session: false,
            now: NOW,
            lease_until: NOW.plus_secs(60),
            limit: 1,
            share: i64::MAX,
        };
        assert_eq!(done!(db, c => job::claim(c, &want)).len(), 1);
    }
    assert_eq!(done!(db, c => job::reap(c, NOW, NOW)), 0, "both live");
    done!(db, c => leave(c, &id));
    assert_eq!(done!(db, c => job::reap(c, NOW, NOW)), 1);
    let again = done!(db, c => kit::claim(c, "send", "again", NOW, NOW.plus_secs(60), 9));
    assert_eq!(again.iter().map(|job| job.subject.as_str()).collect::<Vec<_>>(), ["theirs"]);
}

async fn a_process_alone_removes_whoever_else_stands_there(db: Db) {
    other(&db).await;
    assert_eq!(done!(db, c => remove_others(c, &ours())), 1);
    assert_eq!(seen!(db, c => list(c)).len(), 1);
}
