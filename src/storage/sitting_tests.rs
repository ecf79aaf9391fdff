use super::*;
use crate::domain::login::Role;
use crate::kernel::id::LoginId;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::login::{self, NewLogin};

both!(
    a_sitting_is_found_by_its_hash_and_shows_signs_of_life,
    a_person_ends_their_own_sittings_and_nobody_elses,
    what_is_over_is_dropped,
);

async fn person(db: &Db, tenant: &str, email: &str) -> LoginId {
    let id = LoginId::new(NOW);
    let role = if tenant.is_empty() { Role::Operator } else { Role::Owner };
    let new = NewLogin { id: &id, tenant, role, email: "sealed", email_hash: email, name: "" };
    assert!(done!(db, c => login::insert(c, &new, NOW)));
    id
}

async fn a_sitting_is_found_by_its_hash_and_shows_signs_of_life(db: Db) {
    let iris = salon(&db).await;
    let anna = person(&db, iris.as_str(), "anna").await;
    done!(db, c => insert(c, "hash", (iris.as_str(), &anna), NOW));
    done!(db, c => touch(c, "", "hash", NOW.plus_secs(9)));
    let row = seen!(db, c => find(c, "hash")).expect("there");
    assert_eq!((row.tenant_id.as_str(), row.login_id.as_str()), (iris.as_str(), anna.as_str()));
    assert_eq!((row.created_at, row.seen_at), (NOW.0, NOW.0), "another's touch is none");
    done!(db, c => touch(c, iris.as_str(), "hash", NOW.plus_secs(9)));
    let row = seen!(db, c => find(c, "hash")).expect("there");
    assert_eq!((row.id.as_str(), row.created_at, row.seen_at), ("hash", NOW.0, NOW.0 + 9000));
    assert!(seen!(db, c => find(c, "other")).is_none());
    done!(db, c => delete(c, "", "hash"));
    assert!(seen!(db, c => find(c, "hash")).is_some());
    done!(db, c => delete(c, iris.as_str(), "hash"));
    assert!(seen!(db, c => find(c, "hash")).is_none());
}

async fn a_person_ends_their_own_sittings_and_nobody_elses(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let (anna, oleg) = (person(&db, iris.as_str(), "anna").await, person(&db, iris.as_str(), "oleg").await);
    let boss = person(&db, "", "boss").await;
    for id in ["a1", "a2", "a3"] {
        done!(db, c => insert(c, id, (iris.as_str(), &anna), NOW));
    }
    done!(db, c => insert(c, "o1", (iris.as_str(), &oleg), NOW));
    done!(db, c => insert(c, "b1", ("", &boss), NOW));
    assert_eq!(done!(db, c => delete_others(c, (rose.as_str(), &anna), "")), 0);
    assert_eq!(done!(db, c => delete_others(c, (iris.as_str(), &anna), "a2")), 2);
    for (id, there) in [("a1", false), ("a2", true), ("a3", false), ("o1", true), ("b1", true)] {
        assert_eq!(seen!(db, c => find(c, id)).is_some(), there, "{id}");
    }
    done!(db, c => delete_all(c, &iris));
    for (id, there) in [("a2", false), ("o1", false), ("b1", true)] {
        assert_eq!(seen!(db, c => find(c, id)).is_some(), there, "{id}");
    }
}

async fn what_is_over_is_dropped(db: Db) {
    let boss = person(&db, "", "boss").await;
    for (id, at) in [("old", 0), ("older", -5), ("new", 60)] {
        done!(db, c => insert(c, id, ("", &boss), NOW.plus_secs(at)));
    }
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 1)), 1);
    assert!(seen!(db, c => find(c, "older")).is_none() && seen!(db, c => find(c, "old")).is_some());
    assert_eq!(done!(db, c => delete_old(c, NOW.plus_secs(1), 9)), 1);
    assert!(seen!(db, c => find(c, "new")).is_some());
}
