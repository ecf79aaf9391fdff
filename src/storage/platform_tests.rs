use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, seen};

both!(the_first_key_stays);

async fn the_first_key_stays(db: Db) {
    assert_eq!(seen!(db, c => find(c)), None);
    assert!(done!(db, c => insert(c, "first", NOW)));
    assert!(!done!(db, c => insert(c, "second", NOW)));
    assert_eq!(seen!(db, c => find(c)).as_deref(), Some("first"));
}
