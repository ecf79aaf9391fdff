use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(a_sitting_is_found_by_its_hash_and_ends_in_its_own_salon_only, what_is_over_is_dropped);

fn anna() -> ClientKey {
    ClientKey::from_stored("cli_anna".to_owned())
}

async fn a_sitting_is_found_by_its_hash_and_ends_in_its_own_salon_only(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => insert(c, &iris, "hash", (&anna(), "tail"), NOW));
    done!(db, c => touch(c, &rose, "hash", NOW.plus_secs(9)));
    done!(db, c => delete(c, &rose, "hash"));
    done!(db, c => delete_all(c, &rose));
    let row = ClientSittingRow {
        id: "hash".to_owned(),
        tenant: iris.clone(),
        client: anna(),
        phone: "tail".to_owned(),
        created_at: NOW,
        seen_at: NOW,
    };
    assert_eq!(seen!(db, c => find(c, "hash")), Some(row.clone()), "another salon's hand changes nothing");
    done!(db, c => touch(c, &iris, "hash", NOW.plus_secs(9)));
    assert_eq!(seen!(db, c => find(c, "hash")), Some(ClientSittingRow { seen_at: NOW.plus_secs(9), ..row }));
    assert_eq!(seen!(db, c => find(c, "other")), None);
    done!(db, c => delete(c, &iris, "hash"));
    assert_eq!(seen!(db, c => find(c, "hash")), None);
    done!(db, c => insert(c, &iris, "next", (&anna(), "tail"), NOW));
    done!(db, c => delete_all(c, &iris));
    assert_eq!(seen!(db, c => find(c, "next")), None);
}

async fn what_is_over_is_dropped(db: Db) {
    let iris = salon(&db).await;
    for (id, at) in [("old", 0), ("older", -5), ("new", 60)] {
        done!(db, c => insert(c, &iris, id, (&anna(), "tail"), NOW.plus_secs(at)));
    }
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 1)), 1);
    assert!(seen!(db, c => find(c, "older")).is_none() && seen!(db, c => find(c, "old")).is_some());
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 9)), 1);
    assert!(seen!(db, c => find(c, "new")).is_some());
}
