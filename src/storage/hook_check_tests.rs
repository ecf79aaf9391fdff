use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(what_was_last_seen_stands);

async fn what_was_last_seen_stands(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    assert_eq!(seen!(db, c => find(c, &iris)), None);
    for (step, outcome) in HookCheck::ALL.into_iter().enumerate() {
        let now = NOW.plus_secs(step as i64);
        done!(db, c => set(c, &iris, outcome, now));
        assert_eq!(seen!(db, c => find(c, &iris)), Some((outcome, now)));
    }
    assert_eq!(seen!(db, c => find(c, &rose)), None, "another salon's");
}
