use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(a_fact_is_kept_once_for_each_salon, what_was_told_says_when_and_keeps_its_first_time);

fn alert<'a>(id: &'a AlertId, tenant: &'a str) -> NewAlert<'a> {
    NewAlert { id, tenant, kind: AlertKind::Frozen, fact: "frozen:1", detail: "why" }
}

async fn a_fact_is_kept_once_for_each_salon(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let ids = [AlertId::new(NOW), AlertId::new(NOW), AlertId::new(NOW)];
    assert!(done!(db, c => insert(c, &alert(&ids[0], iris.as_str()), NOW)));
    assert!(!done!(db, c => insert(c, &alert(&ids[1], iris.as_str()), NOW)));
    assert!(done!(db, c => insert(c, &alert(&ids[2], rose.as_str()), NOW)));
    assert!(seen!(db, c => find(c, iris.as_str(), &ids[1])).is_none());
    assert!(seen!(db, c => find(c, iris.as_str(), &ids[2])).is_none(), "another salon's");
    let row = seen!(db, c => find(c, iris.as_str(), &ids[0])).expect("kept");
    assert_eq!((row.kind.as_str(), row.detail.as_str(), row.told_at), ("frozen", "why", None));
}

async fn what_was_told_says_when_and_keeps_its_first_time(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let id = AlertId::new(NOW);
    done!(db, c => insert(c, &alert(&id, iris.as_str()), NOW));
    done!(db, c => mark_told(c, rose.as_str(), &id, NOW));
    assert_eq!(seen!(db, c => find(c, iris.as_str(), &id)).expect("kept").told_at, None);
    done!(db, c => mark_told(c, iris.as_str(), &id, NOW.plus_secs(5)));
    done!(db, c => mark_told(c, iris.as_str(), &id, NOW.plus_secs(9)));
    assert_eq!(seen!(db, c => find(c, iris.as_str(), &id)).expect("kept").told_at, Some(NOW.plus_secs(5).0));
}
