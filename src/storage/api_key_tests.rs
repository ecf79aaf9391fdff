use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, new_tenant, seen};
use crate::storage::tenant::{self, SealedKeys};

both!(a_key_is_found_by_its_hash_until_the_salon_has_another);

async fn a_key_is_found_by_its_hash_until_the_salon_has_another(db: Db) {
    let mut ids = Vec::new();
    for (salon, api_key) in [(1, "first"), (2, "second"), (3, "")] {
        let (new, keys) = new_tenant(salon);
        let keys = SealedKeys { api_key: api_key.to_owned(), ..keys };
        assert!(done!(db, c => tenant::insert(c, &new, &keys)));
        ids.push((new.id, keys));
    }
    let mut known: Vec<_> = ids[..2].iter().map(|(id, keys)| (id.clone(), keys.api_key.clone())).collect();
    known.sort();
    assert_eq!(seen!(db, c => list_unhashed(c, "", 9)), known);
    assert_eq!(seen!(db, c => list_unhashed(c, known[0].0.as_str(), 1)), known[1..]);
    let (iris, keys) = &ids[0];
    done!(db, c => set_hash(c, iris, "hash", "another key by now"));
    assert_eq!(seen!(db, c => find(c, "hash")), None);
    done!(db, c => set_hash(c, iris, "hash", "first"));
    assert_eq!(seen!(db, c => find(c, "hash")).as_ref(), Some(iris));
    assert_eq!((seen!(db, c => find(c, "")), seen!(db, c => list_unhashed(c, "", 9)).len()), (None, 1));
    done!(db, c => tenant::set_keys(c, iris, keys, NOW));
    assert_eq!((seen!(db, c => find(c, "hash")), seen!(db, c => list_unhashed(c, "", 9)).len()), (None, 2));
}
