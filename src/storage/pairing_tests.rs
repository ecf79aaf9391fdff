use super::*;
use crate::storage::kit::{NOW, both, done, node as ours, salon, seen};
use crate::storage::{Db, node};

both!(
    what_is_shown_says_whether_its_writer_lives,
    a_wish_is_heard_once_and_a_newer_one_stays,
    what_is_shown_is_one_salons_own,
);

async fn what_is_shown_says_whether_its_writer_lives(db: Db) {
    let iris = salon(&db).await;
    let other = NodeId::new(NOW);
    done!(db, c => node::join(c, &other, NOW));
    done!(db, c => show(c, &iris, &other, "sealed", NOW));
    assert_eq!(seen!(db, c => find(c, &iris)), Some(("sealed".to_owned(), true)));
    done!(db, c => node::leave(c, &other));
    assert_eq!(seen!(db, c => find(c, &iris)), Some(("sealed".to_owned(), false)));
    done!(db, c => show(c, &iris, &ours(), "newer", NOW));
    assert_eq!(seen!(db, c => find(c, &iris)), Some(("newer".to_owned(), true)));
    done!(db, c => clear(c, &iris, NOW));
    assert_eq!(seen!(db, c => find(c, &iris)), None);
}

async fn a_wish_is_heard_once_and_a_newer_one_stays(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => asked(c, &iris)), None);
    done!(db, c => ask(c, &iris, "first", NOW));
    let heard = seen!(db, c => asked(c, &iris)).expect("a wish");
    done!(db, c => ask(c, &iris, "second", NOW));
    done!(db, c => take_asked(c, &iris, &heard));
    assert_eq!(seen!(db, c => asked(c, &iris)).as_deref(), Some("second"));
    done!(db, c => take_asked(c, &iris, "second"));
    assert_eq!(seen!(db, c => asked(c, &iris)), None);
}

async fn what_is_shown_is_one_salons_own(db: Db) {
    let (iris, violet) = (salon(&db).await, salon(&db).await);
    done!(db, c => show(c, &iris, &ours(), "sealed", NOW));
    done!(db, c => ask(c, &iris, "wish", NOW));
    assert_eq!(seen!(db, c => find(c, &violet)), None);
    assert_eq!(seen!(db, c => asked(c, &violet)), None);
    done!(db, c => clear(c, &violet, NOW));
    done!(db, c => forget(c, &violet));
    assert!(seen!(db, c => find(c, &iris)).is_some());
    done!(db, c => forget(c, &iris));
    assert_eq!(seen!(db, c => find(c, &iris)), None);
    assert_eq!(seen!(db, c => asked(c, &iris)), None);
}
