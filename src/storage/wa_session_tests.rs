use super::*;
use crate::domain::message::{MessageKind, OutboxState};
use crate::kernel::id::OutboxId;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::{Db, Error};

both!(
    a_session_is_what_was_last_said_of_it,
    a_linked_phone_is_kept_while_it_is_linked,
    a_number_that_serves_another_salon_is_seen,
    what_comes_back_after_a_start_and_in_which_order,
    sessions_are_counted_by_state,
    a_session_is_its_own_salons,
);

async fn get(db: &Db, tenant: &TenantId) -> SessionRow {
    seen!(db, c => find(c, tenant)).expect("there")
}

async fn link(db: &Db, tenant: &TenantId, hash: &str) {
    done!(db, c => set_linked(c, tenant, "sealed number", hash, "Студия", NOW));
}

async fn a_session_is_what_was_last_said_of_it(db: Db) {
    let iris = salon(&db).await;
    assert!(seen!(db, c => find(c, &iris)).is_none());
    for (ms, state) in (1..).zip(SessionState::ALL) {
        let until = (state == SessionState::Banned).then_some(NOW.plus_secs(60));
        done!(db, c => set_state(c, &iris, state, state.as_str(), until, NOW.plus_ms(ms)));
        let row = get(&db, &iris).await;
        assert_eq!((row.state, row.reason.as_str(), row.until), (state, state.as_str(), until));
        assert_eq!((row.changed_at, row.linked_at, row.phone.as_str()), (NOW.plus_ms(ms), None, ""));
    }
}

async fn a_linked_phone_is_kept_while_it_is_linked(db: Db) {
    let iris = salon(&db).await;
    done!(db, c => set_state(c, &iris, SessionState::Banned, "spam", Some(NOW), NOW));
    link(&db, &iris, "hash").await;
    let row = get(&db, &iris).await;
    assert_eq!((row.state, row.reason.as_str(), row.until), (SessionState::Online, "", None));
    assert_eq!((row.phone.as_str(), row.name.as_str()), ("sealed number", "Студия"));
    for state in SessionState::ALL {
        done!(db, c => set_state(c, &iris, state, "", None, NOW.plus_secs(1)));
        let row = get(&db, &iris).await;
        let kept = if state.is_linked() { ("sealed number", Some(NOW)) } else { ("", None) };
        assert_eq!((row.phone.as_str(), row.linked_at), kept, "{state:?}");
        link(&db, &iris, "hash").await;
    }
    let other = salon(&db).await;
    assert_eq!(seen!(db, c => find_other_by_phone(c, "hash", &other)), Some(iris.clone()));
    done!(db, c => forget(c, &iris, "uninstalled", NOW.plus_secs(2)));
    let row = get(&db, &iris).await;
    assert_eq!((row.state, row.reason.as_str()), (SessionState::Unpaired, "uninstalled"));
    assert_eq!((row.phone.as_str(), row.name.as_str(), row.linked_at), ("", "", None));
    assert_eq!(seen!(db, c => find_other_by_phone(c, "hash", &other)), None, "its number is free");
    done!(db, c => forget(c, &other, "x", NOW));
    assert!(seen!(db, c => find(c, &other)).is_none(), "forgetting makes nothing");
}

async fn a_number_that_serves_another_salon_is_seen(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    link(&db, &iris, "hash").await;
    assert_eq!(seen!(db, c => find_other_by_phone(c, "hash", &iris)), None, "its own is no other");
    assert_eq!(seen!(db, c => find_other_by_phone(c, "hash", &rose)), Some(iris.clone()));
    assert_eq!(seen!(db, c => find_other_by_phone(c, "other hash", &rose)), None);
    link(&db, &rose, "hash").await;
    assert_eq!(seen!(db, c => find_other_by_phone(c, "hash", &iris)), Some(rose));
    // Sessions without a number share the same nothing; it is nobody's number.
    let lily = salon(&db).await;
    done!(db, c => set_state(c, &lily, SessionState::Pairing, "", None, NOW));
    assert_eq!(seen!(db, c => find_other_by_phone(c, "", &iris)), None);
}

async fn what_comes_back_after_a_start_and_in_which_order(db: Db) {
    let plan = async |tenant: &TenantId, intent: &str, secs: i64| {
        let new = NewOutbox {
            id: OutboxId::new(NOW),
            intent: intent.to_owned(),
            kind: MessageKind::Change,
            record: None,
            recipient: String::new(),
            peer: "peer".to_owned(),
            text: String::new(),
            told: String::new(),
            told_before: String::new(),
            message_id: intent.to_owned(),
            not_before: NOW,
            deadline: NOW.plus_secs(secs),
            nearest: NOW.plus_secs(secs),
        };
        done!(db, c => outbox::plan(c, tenant, &new, NOW)).expect("new")
    };
    let mut back = Vec::new();
    for state in SessionState::ALL {
        let tenant = salon(&db).await;
        done!(db, c => set_state(c, &tenant, state, "", None, NOW));
        assert_eq!(linked(&db).await.contains(&tenant), state.is_linked(), "{state:?}");
        back.extend(state.is_linked().then_some(tenant));
    }
    back.sort();
    assert_eq!(linked(&db).await, back, "nothing to say: in any one order");
    let [first, .., third, second] = back.as_slice() else { panic!("{back:?}") };
    plan(first, "later", 900).await;
    plan(third, "first", 60).await;
    plan(third, "last", 9000).await;
    let begun = plan(second, "begun", 600).await;
    done!(db, c => outbox::begin_sending(c, second, &begun, NOW));
    let done_with = plan(first, "done with", 1).await;
    done!(db, c => outbox::settle(c, first, &done_with, OutboxState::Expired, "", NOW));
    let urgent = linked(&db).await;
    assert_eq!(urgent[..3], [third.clone(), second.clone(), first.clone()], "the nearest deadline first");
    assert_eq!(urgent.len(), back.len());
}

async fn linked(db: &Db) -> Vec<TenantId> {
    seen!(db, c => list_orphans(c, "restore")).into_iter().map(|(tenant, _)| tenant).collect()
}

async fn sessions_are_counted_by_state(db: Db) {
    assert!(seen!(db, c => count(c)).is_empty());
    let [iris, rose, lily] = [salon(&db).await, salon(&db).await, salon(&db).await];
    link(&db, &iris, "1").await;
    link(&db, &rose, "2").await;
    done!(db, c => set_state(c, &lily, SessionState::Banned, "", None, NOW));
    let mut counts = seen!(db, c => count(c));
    counts.sort();
    assert_eq!(counts, [("banned".to_owned(), 1), ("online".to_owned(), 2)]);
}

async fn a_session_is_its_own_salons(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    link(&db, &rose, "hers").await;
    let before = format!("{:?}", get(&db, &rose).await);
    assert!(seen!(db, c => find(c, &iris)).is_none());
    done!(db, c => set_state(c, &iris, SessionState::Banned, "spam", Some(NOW), NOW.plus_secs(1)));
    link(&db, &iris, "his").await;
    done!(db, c => forget(c, &iris, "gone", NOW.plus_secs(2)));
    assert_eq!(format!("{:?}", get(&db, &rose).await), before);
    let mut conn = db.begin().await.expect("begins");
    let orphan = set_state(&mut conn, &TenantId::new(NOW), SessionState::Online, "", None, NOW).await;
    assert!(matches!(orphan, Err(Error::Driver(_))), "no session without a salon: {orphan:?}");
}
