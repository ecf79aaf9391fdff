use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(
    a_client_is_kept_and_found_by_each_of_their_signs,
    a_number_that_many_share_hides_neither_a_code_nor_a_card,
    a_code_and_a_card_are_one_clients_of_a_salon,
    what_is_learnt_of_a_client_takes_the_place_of_what_was_known,
    names_are_found_by_hashed_beginnings_a_page_at_a_time,
    who_has_no_code_is_listed_and_given_one_once,
    a_card_that_is_gone_is_noted_until_it_is_heard_of_again,
    nobody_sees_the_clients_of_another_salon,
);

fn id(number: i64) -> ClientKey {
    ClientKey::from_stored(format!("cli_{number:026}"))
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn anna() -> ClientRow {
    ClientRow {
        id: id(1),
        card: Some(ClientId(5)),
        signs: HashedSigns {
            code: some("code of anna"),
            email: some("mail of anna"),
            phone: some("phone of anna"),
            phone_tail: some("tail of anna"),
        },
        body: "sealed".to_owned(),
        gone_at: None,
        created_at: NOW,
    }
}

/// Somebody of whom nothing but their own number is known.
fn stranger(number: i64) -> ClientRow {
    ClientRow { id: id(number), card: None, signs: HashedSigns::default(), ..anna() }
}

async fn named(db: &Db, tenant: &TenantId, signs: HashedSigns, card: Option<i64>) -> Vec<ClientKey> {
    let mut ids: Vec<_> = seen!(db, c => list_named(c, tenant, &signs, card.map(ClientId)))
        .into_iter()
        .map(|row| row.id)
        .collect();
    ids.sort();
    ids
}

async fn a_client_is_kept_and_found_by_each_of_their_signs(db: Db) {
    let (iris, anna) = (salon(&db).await, anna());
    assert!(done!(db, c => insert(c, &iris, &anna)));
    assert!(done!(db, c => insert(c, &iris, &stranger(2))));
    assert_eq!(seen!(db, c => find(c, &iris, &anna.id)).as_ref(), Some(&anna));
    let none = HashedSigns::default;
    for (signs, card) in [
        (HashedSigns { code: some("code of anna"), ..none() }, None),
        (HashedSigns { email: some("mail of anna"), ..none() }, None),
        (HashedSigns { phone_tail: some("tail of anna"), ..none() }, None),
        (none(), Some(5)),
        (anna.signs.clone(), Some(5)),
    ] {
        let found = named(&db, &iris, signs.clone(), card).await;
        assert_eq!(found, std::slice::from_ref(&anna.id), "{signs:?}");
    }
    assert_eq!(named(&db, &iris, none(), None).await, [], "who has no signs is not found by their absence");
    let olga = ClientRow {
        signs: HashedSigns { phone_tail: some("tail of anna"), ..none() },
        card: None,
        ..stranger(3)
    };
    assert!(done!(db, c => insert(c, &iris, &olga)));
    let both = HashedSigns { phone_tail: some("tail of anna"), ..none() };
    assert_eq!(named(&db, &iris, both, Some(5)).await, [anna.id, olga.id]);
    assert!(seen!(db, c => find(c, &iris, &id(99))).is_none());
}

async fn a_number_that_many_share_hides_neither_a_code_nor_a_card(db: Db) {
    let iris = salon(&db).await;
    let shared = HashedSigns { email: some("none"), phone_tail: some("zeros"), ..HashedSigns::default() };
    for number in 1..=60 {
        done!(db, c => insert(c, &iris, &ClientRow { signs: shared.clone(), ..stranger(number) }));
    }
    let coded = HashedSigns { code: some("code of anna"), ..HashedSigns::default() };
    done!(db, c => insert(c, &iris, &ClientRow { signs: coded, ..stranger(70) }));
    done!(db, c => insert(c, &iris, &ClientRow { card: Some(ClientId(5)), ..stranger(71) }));
    let asked = HashedSigns { code: some("code of anna"), ..shared };
    let found = named(&db, &iris, asked, Some(5)).await;
    assert!(found.contains(&id(70)) && found.contains(&id(71)), "{found:?}");
    assert_eq!(found.len(), 52, "and no more of the others than a bound");
}

async fn a_code_and_a_card_are_one_clients_of_a_salon(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    assert!(done!(db, c => insert(c, &iris, &anna())));
    let same_code = ClientRow { card: None, ..ClientRow { id: id(2), ..anna() } };
    let same_card = ClientRow { signs: HashedSigns::default(), ..ClientRow { id: id(3), ..anna() } };
    for taken in [&same_code, &same_card, &anna()] {
        assert!(!done!(db, c => insert(c, &iris, taken)));
    }
    assert!(done!(db, c => insert(c, &rose, &same_code)), "another salon's codes are its own");
    assert_eq!(seen!(db, c => count(c, &iris)), (1, 1));
}

async fn what_is_learnt_of_a_client_takes_the_place_of_what_was_known(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => insert(c, &iris, &anna()));
    let moved = ClientRow {
        card: Some(ClientId(6)),
        signs: HashedSigns { phone: some("new"), phone_tail: some("new tail"), ..anna().signs },
        body: "newer".to_owned(),
        ..anna()
    };
    done!(db, c => update(c, &iris, &moved, NOW.plus_ms(5)));
    assert_eq!(seen!(db, c => find(c, &iris, &id(1))), Some(moved));
    assert!(done!(db, c => touch(c, &iris, &id(1), NOW.plus_ms(6))));
    assert!(!done!(db, c => touch(c, &iris, &id(2), NOW)));
    done!(db, c => delete_all(c, &iris));
    assert_eq!(seen!(db, c => count(c, &iris)), (0, 0));
}

async fn names_are_found_by_hashed_beginnings_a_page_at_a_time(db: Db) {
    let iris = salon(&db).await;
    for number in 1..=5 {
        done!(db, c => insert(c, &iris, &stranger(number)));
        let words = [some("h-ann"), some("h-anna")].map(Option::unwrap_or_default);
        done!(db, c => set_words(c, &iris, &id(number), &words));
    }
    let (mut after, mut pages) = (String::new(), Vec::new());
    loop {
        let page = seen!(db, c => list_by_word(c, &iris, "h-ann", &after, 2));
        let Some(last) = page.last() else { break };
        after = last.id.to_string();
        pages.push(page.len());
    }
    assert_eq!(pages, [2, 2, 1]);
    done!(db, c => set_words(c, &iris, &id(1), &["h-olga".to_owned()]));
    assert_eq!(
        seen!(db, c => list_by_word(c, &iris, "h-ann", "", 9)).len(),
        4,
        "her name is another one now"
    );
    assert_eq!(seen!(db, c => list_by_word(c, &iris, "h-olga", "", 9))[0].id, id(1));
    done!(db, c => delete_all(c, &iris));
    assert_eq!(seen!(db, c => list_by_word(c, &iris, "h-olga", "", 9)), []);
    let all: Vec<_> = crate::storage::kit::texts(&db, "SELECT word FROM client_word").await;
    assert_eq!(all, Vec::<String>::new(), "nothing of them is left");
}

async fn who_has_no_code_is_listed_and_given_one_once(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => insert(c, &iris, &anna()));
    for number in 2..=4 {
        done!(db, c => insert(c, &iris, &stranger(number)));
    }
    let codeless = seen!(db, c => list_codeless(c, &iris, "", 2));
    assert_eq!(codeless.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), [id(2), id(3)]);
    assert!(!done!(db, c => set_code(c, &iris, &id(2), ("code of anna", "body"), NOW)), "it is hers");
    assert!(done!(db, c => set_code(c, &iris, &id(2), ("code two", "with code"), NOW)));
    assert!(!done!(db, c => set_code(c, &iris, &id(2), ("code three", "body"), NOW)), "one is enough");
    let row = seen!(db, c => find(c, &iris, &id(2))).expect("there");
    assert_eq!((row.signs.code.as_deref(), row.body.as_str()), (Some("code two"), "with code"));
    assert_eq!(seen!(db, c => list_codeless(c, &iris, id(3).as_str(), 9)).len(), 1);
    assert_eq!(seen!(db, c => count(c, &iris)), (4, 2));
}

async fn a_card_that_is_gone_is_noted_until_it_is_heard_of_again(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => insert(c, &iris, &anna()));
    assert!(!done!(db, c => mark_gone(c, &iris, ClientId(77), NOW)));
    assert!(done!(db, c => mark_gone(c, &iris, ClientId(5), NOW)));
    assert!(!done!(db, c => mark_gone(c, &iris, ClientId(5), NOW.plus_ms(1))), "it is gone already");
    assert_eq!(seen!(db, c => find(c, &iris, &id(1))).and_then(|row| row.gone_at), Some(NOW));
    done!(db, c => update(c, &iris, &anna(), NOW));
    assert_eq!(seen!(db, c => find(c, &iris, &id(1))).and_then(|row| row.gone_at), None);
}

async fn nobody_sees_the_clients_of_another_salon(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => insert(c, &iris, &anna()));
    done!(db, c => set_words(c, &iris, &id(1), &["h-ann".to_owned()]));
    assert!(seen!(db, c => find(c, &rose, &id(1))).is_none());
    assert_eq!(named(&db, &rose, anna().signs, Some(5)).await, []);
    assert_eq!(seen!(db, c => list(c, &rose, "", 9)), []);
    assert_eq!(seen!(db, c => list_by_word(c, &rose, "h-ann", "", 9)), []);
    assert!(!done!(db, c => touch(c, &rose, &id(1), NOW)));
    assert!(!done!(db, c => mark_gone(c, &rose, ClientId(5), NOW)));
    done!(db, c => update(c, &rose, &ClientRow { body: "stolen".to_owned(), ..anna() }, NOW));
    done!(db, c => delete_all(c, &rose));
    assert_eq!(seen!(db, c => list(c, &iris, "", 9)), [anna()]);
    assert_eq!(seen!(db, c => list_by_word(c, &iris, "h-ann", "", 9)).len(), 1);
}
