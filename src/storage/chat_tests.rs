use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(
    a_stranger_begins_a_chat_with_every_try_and_a_friend_with_none,
    only_what_is_news_is_called_news,
    of_many_begun_chats_the_newest_count,
    a_number_is_found_where_it_was_tried,
    a_new_number_knows_nobody_and_leaves_the_others_theirs,
);

async fn begun(db: &Db, tenant: &TenantId, most: i64) -> Vec<UnixMs> {
    seen!(db, c => list_begun(c, tenant, NOW.plus_ms(-1), most))
}

async fn a_stranger_begins_a_chat_with_every_try_and_a_friend_with_none(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => mark_tried(c, &iris, "anna", NOW));
    done!(db, c => mark_tried(c, &iris, "anna", NOW.plus_ms(5)));
    assert_eq!(begun(&db, &iris, 9).await, [NOW.plus_ms(5)], "one chat, as often as it is tried");
    done!(db, c => warm(c, &iris, "anna"));
    done!(db, c => mark_tried(c, &iris, "anna", NOW.plus_ms(9)));
    done!(db, c => warm(c, &iris, "boris"));
    done!(db, c => mark_tried(c, &iris, "boris", NOW.plus_ms(9)));
    assert_eq!(begun(&db, &iris, 9).await, [NOW.plus_ms(5)]);
    done!(db, c => cool(c, &iris, "boris"));
    done!(db, c => mark_tried(c, &iris, "boris", NOW.plus_ms(11)));
    assert_eq!(begun(&db, &iris, 9).await, [NOW.plus_ms(5), NOW.plus_ms(11)], "a stranger again");
    assert!(seen!(db, c => list_begun(c, &iris, NOW.plus_ms(11), 9)).is_empty(), "after, not at");
}

async fn only_what_is_news_is_called_news(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    assert!(done!(db, c => warm(c, &iris, "anna")), "never seen");
    assert!(!done!(db, c => warm(c, &iris, "anna")));
    assert!(done!(db, c => warm(c, &rose, "anna")), "another salon's");
    done!(db, c => cool(c, &iris, "anna"));
    assert!(done!(db, c => warm(c, &iris, "anna")));
    assert!(!done!(db, c => warm(c, &rose, "anna")), "hers was never cooled");
}

async fn of_many_begun_chats_the_newest_count(db: Db) {
    let iris = salon(&db).await;
    for n in 0..5 {
        done!(db, c => mark_tried(c, &iris, &format!("client {n}"), NOW.plus_ms(n)));
    }
    assert_eq!(begun(&db, &iris, 2).await, [NOW.plus_ms(3), NOW.plus_ms(4)]);
}

async fn a_number_is_found_where_it_was_tried(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for tenant in [&iris, &rose] {
        done!(db, c => mark_tried(c, tenant, "anna", NOW));
    }
    done!(db, c => mark_found(c, &iris, "anna", NOW));
    done!(db, c => mark_found(c, &iris, "anna", NOW.plus_ms(7)));
    done!(db, c => mark_found(c, &iris, "nobody", NOW));
    done!(db, c => mark_tried(c, &iris, "anna", NOW.plus_ms(9)));
    const FOUND: &str = "SELECT peer, found_at FROM chat WHERE tenant_id = $1";
    let found = async |tenant: &TenantId| -> Vec<(String, Option<i64>)> {
        let mut conn = db.read().await.expect("a connection");
        on!(&mut conn, c => sqlx::query_as(FOUND).bind(tenant.as_str()).fetch_all(c).await.expect("read"))
    };
    assert_eq!(found(&iris).await, [("anna".to_owned(), Some(NOW.0 + 7))]);
    assert_eq!(found(&rose).await, [("anna".to_owned(), None)], "another salon's");
}

async fn a_new_number_knows_nobody_and_leaves_the_others_theirs(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for tenant in [&iris, &rose] {
        done!(db, c => mark_tried(c, tenant, "anna", NOW));
    }
    done!(db, c => delete_all(c, &iris));
    assert!(begun(&db, &iris, 9).await.is_empty());
    assert_eq!(begun(&db, &rose, 9).await, [NOW]);
}
