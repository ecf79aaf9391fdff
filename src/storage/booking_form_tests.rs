use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(what_was_said_last_stands_though_the_next_question_is_not_answered);

async fn what_was_said_last_stands_though_the_next_question_is_not_answered(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let row = |url: &str, read_at: i64, failed_at: i64| {
        Some(BookingFormRow { url: url.to_owned(), read_at, failed_at })
    };
    assert_eq!(seen!(db, c => find(c, &iris)), None);
    done!(db, c => mark_failed(c, &iris, NOW));
    assert_eq!(seen!(db, c => find(c, &iris)), row("", 0, NOW.0));
    done!(db, c => set(c, &iris, "https://n1.yclients.com/", NOW.plus_ms(1)));
    assert_eq!(seen!(db, c => find(c, &iris)), row("https://n1.yclients.com/", NOW.0 + 1, 0));
    done!(db, c => mark_failed(c, &iris, NOW.plus_ms(2)));
    assert_eq!(seen!(db, c => find(c, &iris)), row("https://n1.yclients.com/", NOW.0 + 1, NOW.0 + 2));
    assert_eq!(seen!(db, c => find(c, &rose)), None);
    done!(db, c => delete_all(c, &rose));
    assert!(seen!(db, c => find(c, &iris)).is_some());
    done!(db, c => delete_all(c, &iris));
    assert_eq!(seen!(db, c => find(c, &iris)), None);
}
