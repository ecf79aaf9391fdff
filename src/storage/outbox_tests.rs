use super::*;
use crate::kernel::fault::{Fault as _, Retry};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::{Db, Error};

both!(
    a_planned_message_is_found_by_each_of_its_names,
    one_intent_is_one_row_however_often_it_is_planned,
    eight_who_plan_one_intent_at_once_make_one_message,
    a_withdrawn_intent_is_taken_up_again_with_the_same_whatsapp_id,
    of_eight_who_begin_one_attempt_one_does,
    what_was_settled_stays_settled,
    an_attempt_that_came_to_nothing_may_be_begun_again,
    a_row_found_sending_is_settled_and_never_begun_again,
    withdrawing_spares_what_stands_and_what_has_begun,
    what_leaves_no_note_at_the_record_stands_beside_what_does,
    what_is_held_begins_after_and_what_was_withdrawn_never,
    all_that_is_planned_is_withdrawn_at_once,
    a_refusal_fails_only_what_nobody_has_seen,
    ticks_never_go_back_in_whatever_order_receipts_come,
    a_receipt_that_read_an_older_row_still_counts,
    a_sign_of_life_settles_what_nobody_could_say_and_nothing_else,
    lists_counts_and_the_last_sending,
    a_message_is_its_own_salons,
);

const ANNAS: RecordId = RecordId(501);
const OLEGS: RecordId = RecordId(502);

fn new(intent: &str, record: RecordId) -> NewOutbox {
    NewOutbox {
        id: OutboxId::new(NOW),
        intent: intent.to_owned(),
        kind: MessageKind::Confirmation,
        record: Some(record),
        recipient: "sealed number".to_owned(),
        peer: "peer".to_owned(),
        text: "sealed text".to_owned(),
        told: "sealed told".to_owned(),
        told_before: "sealed before".to_owned(),
        message_id: format!("3EB0{intent}"),
        not_before: NOW,
        deadline: NOW.plus_secs(3600),
        nearest: NOW.plus_secs(3600),
    }
}

async fn planned(db: &Db, tenant: &TenantId, intent: &str) -> OutboxId {
    done!(db, c => plan(c, tenant, &new(intent, ANNAS), NOW)).expect("new")
}

async fn sent(db: &Db, tenant: &TenantId, intent: &str, at: UnixMs) -> OutboxId {
    let id = planned(db, tenant, intent).await;
    assert!(done!(db, c => begin_sending(c, tenant, &id, at)));
    assert!(done!(db, c => settle(c, tenant, &id, OutboxState::Sent, "", at)));
    id
}

async fn get(db: &Db, tenant: &TenantId, id: &OutboxId) -> OutboxRow {
    seen!(db, c => find(c, tenant, id)).expect("there")
}

async fn state(db: &Db, tenant: &TenantId, id: &OutboxId) -> OutboxState {
    get(db, tenant, id).await.state
}

async fn a_planned_message_is_found_by_each_of_its_names(db: Db) {
    let iris = salon(&db).await;
    let wanted = new("501:1:confirmation", ANNAS);
    assert!(seen!(db, c => find(c, &iris, &wanted.id)).is_none());
    assert_eq!(done!(db, c => plan(c, &iris, &wanted, NOW)), Some(wanted.id.clone()));
    let row = get(&db, &iris, &wanted.id).await;
    let by_intent = seen!(db, c => find_intent(c, &iris, &wanted.intent)).expect("there");
    let by_message = seen!(db, c => find_message(c, &iris, &wanted.message_id)).expect("there");
    assert_eq!((&by_intent.id, &by_message.id), (&wanted.id, &wanted.id));
    assert_eq!((row.kind, row.record, row.state), (wanted.kind, wanted.record, OutboxState::Planned));
    assert_eq!((row.ticks, row.attempts, row.reason.as_str()), (Ticks::None, 0, ""));
    assert_eq!((row.recipient, row.text, row.told), (wanted.recipient, wanted.text, wanted.told));
    assert_eq!((row.told_before, row.message_id), (wanted.told_before, wanted.message_id));
    assert_eq!((row.not_before, row.deadline), (wanted.not_before, wanted.deadline));
    assert_eq!((row.created_at, row.updated_at), (NOW, NOW));
    assert_eq!((row.sent_at, row.delivered_at, row.read_at), (None, None, None));
    assert!(seen!(db, c => find_intent(c, &iris, "501:2:confirmation")).is_none());
    assert!(seen!(db, c => find_message(c, &iris, "3EB0")).is_none());
}

async fn one_intent_is_one_row_however_often_it_is_planned(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "a").await;
    for state in OutboxState::ALL.into_iter().filter(|state| *state != OutboxState::Cancelled) {
        let id = planned(&db, &iris, &format!("{state:?}")).await;
        done!(db, c => begin_sending(c, &iris, &id, NOW));
        if state != OutboxState::Sending {
            assert!(done!(db, c => settle(c, &iris, &id, state, "", NOW)));
        }
        let again = NewOutbox { text: "other".to_owned(), ..new(&format!("{state:?}"), ANNAS) };
        assert_eq!(done!(db, c => plan(c, &iris, &again, NOW.plus_secs(1))), None, "{state:?}");
        let row = get(&db, &iris, &id).await;
        assert_eq!((row.state, row.text.as_str(), row.updated_at), (state, "sealed text", NOW), "{state:?}");
    }
    assert_eq!(state(&db, &iris, &id).await, OutboxState::Planned);
    let mut conn = db.begin().await.expect("begins");
    let stolen = NewOutbox { message_id: "3EB0a".to_owned(), ..new("b", ANNAS) };
    let refused = plan(&mut conn, &iris, &stolen, NOW).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "one WhatsApp id is one message: {refused:?}");
}

async fn eight_who_plan_one_intent_at_once_make_one_message(db: Db) {
    let iris = salon(&db).await;
    let plans = (0..8).map(|_| {
        let (db, iris) = (db.clone(), iris.clone());
        tokio::spawn(async move {
            let mut conn = db.begin().await.expect("begins");
            match plan(&mut conn, &iris, &new("a", ANNAS), NOW).await {
                Ok(planned) => {
                    conn.commit().await.expect("commits");
                    planned
                }
                // PostgreSQL may meet the other unique key first; then the whole unit of work is tried again.
                Err(error) => {
                    assert!(error.is_lost_race() && error.retry() == Retry::Backoff, "{error:?}");
                    None
                }
            }
        })
    });
    let made = futures::future::join_all(plans).await.into_iter().filter_map(|made| made.expect("ran"));
    assert_eq!(made.count(), 1);
    assert_eq!(seen!(db, c => count(c, &iris)), [("planned".to_owned(), 1)]);
}

async fn a_withdrawn_intent_is_taken_up_again_with_the_same_whatsapp_id(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "a").await;
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "", NOW)), std::slice::from_ref(&id));
    let withdrawn = get(&db, &iris, &id).await;
    assert_eq!((withdrawn.state, withdrawn.reason.as_str()), (OutboxState::Cancelled, "superseded"));
    assert!(!done!(db, c => begin_sending(c, &iris, &id, NOW)), "withdrawn is withdrawn");
    let later = NOW.plus_secs(9);
    assert_eq!(done!(db, c => plan(c, &iris, &new("a", ANNAS), later)), Some(id.clone()), "the same row");
    let row = get(&db, &iris, &id).await;
    assert_eq!((row.state, row.reason.as_str(), row.updated_at), (OutboxState::Planned, "", later));
    assert_eq!((row.message_id.as_str(), row.created_at), ("3EB0a", NOW));
    assert!(done!(db, c => begin_sending(c, &iris, &id, later)));
}

async fn of_eight_who_begin_one_attempt_one_does(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "a").await;
    let attempts = (0..8).map(|_| {
        let (db, iris, id) = (db.clone(), iris.clone(), id.clone());
        tokio::spawn(async move { done!(db, c => begin_sending(c, &iris, &id, NOW)) })
    });
    let begun =
        futures::future::join_all(attempts).await.into_iter().filter(|begun| *begun.as_ref().expect("ran"));
    assert_eq!(begun.count(), 1, "a late worker must not send it a second time");
    let row = get(&db, &iris, &id).await;
    assert_eq!((row.state, row.attempts), (OutboxState::Sending, 1));
}

async fn what_was_settled_stays_settled(db: Db) {
    use OutboxState::{Cancelled, Expired, Failed, Planned, Sending, Sent, Uncertain};
    let iris = salon(&db).await;
    for end in [Sent, Failed, Cancelled, Expired, Uncertain] {
        let id = planned(&db, &iris, end.as_str()).await;
        assert!(done!(db, c => begin_sending(c, &iris, &id, NOW)));
        assert!(done!(db, c => settle(c, &iris, &id, end, "why", NOW)));
        let before = format!("{:?}", get(&db, &iris, &id).await);
        for late in [Planned, Sending, Sent, Failed, Expired, Uncertain] {
            let later = NOW.plus_secs(1);
            assert!(!done!(db, c => settle(c, &iris, &id, late, "late", later)), "{end:?} to {late:?}");
        }
        assert!(!done!(db, c => begin_sending(c, &iris, &id, NOW.plus_secs(1))), "{end:?}");
        assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "", NOW.plus_secs(1))), [], "{end:?}");
        assert_eq!(format!("{:?}", get(&db, &iris, &id).await), before, "{end:?}");
        assert_eq!(get(&db, &iris, &id).await.sent_at, (end == Sent).then_some(NOW));
    }
}

async fn an_attempt_that_came_to_nothing_may_be_begun_again(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "a").await;
    assert!(done!(db, c => begin_sending(c, &iris, &id, NOW)));
    assert!(done!(db, c => settle(c, &iris, &id, OutboxState::Planned, "whatsapp_failed", NOW)));
    let row = get(&db, &iris, &id).await;
    assert_eq!((row.state, row.reason.as_str()), (OutboxState::Planned, "whatsapp_failed"));
    assert!(done!(db, c => begin_sending(c, &iris, &id, NOW.plus_secs(5))));
    assert!(done!(db, c => settle(c, &iris, &id, OutboxState::Sent, "", NOW.plus_secs(6))));
    let row = get(&db, &iris, &id).await;
    assert_eq!((row.attempts, row.sent_at), (2, Some(NOW.plus_secs(6))));
    assert_eq!(row.message_id, "3EB0a", "both attempts under one id");
}

async fn a_row_found_sending_is_settled_and_never_begun_again(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "a").await;
    // A process that dies before the commit leaves nothing behind.
    let mut dying = db.begin().await.expect("begins");
    assert!(begin_sending(&mut dying, &iris, &id, NOW).await.expect("begun"));
    drop(dying);
    assert_eq!(state(&db, &iris, &id).await, OutboxState::Planned);
    // One that dies after it leaves the row `sending`, with the moment it began.
    assert!(done!(db, c => begin_sending(c, &iris, &id, NOW.plus_secs(1))));
    let found = get(&db, &iris, &id).await;
    assert_eq!((found.state, found.updated_at), (OutboxState::Sending, NOW.plus_secs(1)));
    assert!(!done!(db, c => begin_sending(c, &iris, &id, NOW.plus_secs(2))), "nobody knows whether it left");
    assert_eq!(done!(db, c => plan(c, &iris, &new("a", ANNAS), NOW)), None);
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "", NOW)), []);
    assert_eq!(done!(db, c => withdraw_all(c, &iris, "salon_frozen", NOW)), []);
    assert!(done!(db, c => raise_ticks(c, &iris, &found, Ticks::Server, NOW)), "a sign may still come");
    assert!(done!(db, c => settle(c, &iris, &id, OutboxState::Uncertain, "interrupted", NOW.plus_secs(30))));
    assert_eq!(state(&db, &iris, &id).await, OutboxState::Uncertain);
}

async fn withdrawing_spares_what_stands_and_what_has_begun(db: Db) {
    let iris = salon(&db).await;
    let [old, stands, begun] =
        [planned(&db, &iris, "old").await, planned(&db, &iris, "new").await, planned(&db, &iris, "on").await];
    let other = done!(db, c => plan(c, &iris, &new("other", OLEGS), NOW)).expect("new");
    assert!(done!(db, c => begin_sending(c, &iris, &begun, NOW)));
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "new", NOW)), std::slice::from_ref(&old));
    assert_eq!(state(&db, &iris, &old).await, OutboxState::Cancelled);
    assert_eq!(state(&db, &iris, &stands).await, OutboxState::Planned);
    assert_eq!(state(&db, &iris, &begun).await, OutboxState::Sending);
    assert_eq!(state(&db, &iris, &other).await, OutboxState::Planned);
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "new", NOW)), [], "once");
}

async fn what_leaves_no_note_at_the_record_stands_beside_what_does(db: Db) {
    let iris = salon(&db).await;
    let farewell = NewOutbox { told: String::new(), ..new("off", ANNAS) };
    let farewell = done!(db, c => plan(c, &iris, &farewell, NOW)).expect("new");
    let old = planned(&db, &iris, "old").await;
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "off", NOW)), [], "it withdraws nothing");
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "new", NOW)), [old], "and is not withdrawn");
    let pending = Pending { id: farewell.clone(), recipient: "sealed number".to_owned() };
    assert_eq!(done!(db, c => hold(c, &iris, ANNAS)), [pending]);
    assert_eq!(done!(db, c => hold(c, &iris, OLEGS)), []);
    assert_eq!(get(&db, &iris, &farewell).await.updated_at, NOW, "holding changes nothing");
    assert!(done!(db, c => begin_sending(c, &iris, &farewell, NOW)));
    assert_eq!(done!(db, c => hold(c, &iris, ANNAS)), [], "it has begun");
}

async fn what_is_held_begins_after_and_what_was_withdrawn_never(db: Db) {
    let iris = salon(&db).await;
    let id = planned(&db, &iris, "old").await;
    let mut unit = db.begin().await.expect("begins");
    hold(&mut unit, &iris, ANNAS).await.expect("held");
    let (other, tenant, row) = (db.clone(), iris.clone(), id.clone());
    let begun = tokio::spawn(async move { done!(other, c => begin_sending(c, &tenant, &row, NOW)) });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!begun.is_finished());
    withdraw(&mut unit, &iris, ANNAS, "", NOW).await.expect("withdrawn");
    unit.commit().await.expect("commits");
    assert!(!begun.await.expect("no panic"));
    assert_eq!(state(&db, &iris, &id).await, OutboxState::Cancelled);
}

async fn all_that_is_planned_is_withdrawn_at_once(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let [one, two] = [planned(&db, &iris, "1").await, planned(&db, &iris, "2").await];
    let done = sent(&db, &iris, "3", NOW).await;
    let hers = planned(&db, &rose, "1").await;
    let withdrawn = done!(db, c => withdraw_all(c, &iris, "salon_stopped", NOW));
    assert_eq!(withdrawn, [(one.clone(), Some(ANNAS)), (two.clone(), Some(ANNAS))]);
    for id in [&one, &two] {
        let row = get(&db, &iris, id).await;
        assert_eq!((row.state, row.reason.as_str()), (OutboxState::Cancelled, "salon_stopped"));
    }
    assert_eq!(state(&db, &iris, &done).await, OutboxState::Sent);
    assert_eq!(state(&db, &rose, &hers).await, OutboxState::Planned);
}

async fn a_refusal_fails_only_what_nobody_has_seen(db: Db) {
    let iris = salon(&db).await;
    let refuse = |message: &'static str| {
        let (db, iris) = (db.clone(), iris.clone());
        async move { done!(db, c => mark_refused(c, &iris, message, "refused_463", NOW)) }
    };
    let waiting = planned(&db, &iris, "planned").await;
    assert!(!refuse("3EB0planned").await, "it was never handed over");
    assert_eq!(state(&db, &iris, &waiting).await, OutboxState::Planned);

    let begun = planned(&db, &iris, "sending").await;
    assert!(done!(db, c => begin_sending(c, &iris, &begun, NOW)));
    assert!(refuse("3EB0sending").await, "the refusal may come before our own note that it was handed over");
    assert!(!done!(db, c => settle(c, &iris, &begun, OutboxState::Sent, "", NOW)));
    assert!(!refuse("3EB0sending").await, "twice");
    let row = get(&db, &iris, &begun).await;
    assert_eq!((row.state, row.reason.as_str(), row.sent_at), (OutboxState::Failed, "refused_463", None));

    let gone = sent(&db, &iris, "sent", NOW).await;
    assert!(refuse("3EB0sent").await);
    assert_eq!(state(&db, &iris, &gone).await, OutboxState::Failed);

    let arrived = sent(&db, &iris, "seen", NOW).await;
    let row = get(&db, &iris, &arrived).await;
    assert!(done!(db, c => raise_ticks(c, &iris, &row, Ticks::Delivered, NOW)));
    assert!(!refuse("3EB0seen").await, "what a phone has shown was not refused");
    assert_eq!(state(&db, &iris, &arrived).await, OutboxState::Sent);
}

async fn ticks_never_go_back_in_whatever_order_receipts_come(db: Db) {
    use Ticks::{Delivered, Read, Server};
    let iris = salon(&db).await;
    let orders = [[Server, Delivered, Read], [Read, Delivered, Server], [Delivered, Server, Read], [Read; 3]];
    for (place, order) in orders.into_iter().enumerate() {
        let id = sent(&db, &iris, &format!("{place}"), NOW).await;
        for (at, receipt) in (1..).zip(order) {
            let row = get(&db, &iris, &id).await;
            let rose = done!(db, c => raise_ticks(c, &iris, &row, receipt, NOW.plus_secs(at)));
            assert_eq!(rose, receipt > row.ticks, "{receipt:?} in {order:?}");
            assert_eq!(get(&db, &iris, &id).await.ticks, row.ticks.max(receipt));
        }
        let row = get(&db, &iris, &id).await;
        let first = |wanted: &[Ticks]| {
            (1..).zip(order).find(|(_, tick)| wanted.contains(tick)).map(|(at, _)| NOW.plus_secs(at))
        };
        assert_eq!((row.ticks, row.state), (Read, OutboxState::Sent));
        assert_eq!(row.read_at, first(&[Read]));
        assert_eq!(row.delivered_at, first(&[Delivered, Read]), "what was read had arrived");
    }
}

async fn a_receipt_that_read_an_older_row_still_counts(db: Db) {
    let iris = salon(&db).await;
    let id = sent(&db, &iris, "a", NOW).await;
    let stale = get(&db, &iris, &id).await;
    assert!(done!(db, c => raise_ticks(c, &iris, &stale, Ticks::Delivered, NOW)));
    assert!(done!(db, c => raise_ticks(c, &iris, &stale, Ticks::Read, NOW)), "read after all");
    assert!(!done!(db, c => raise_ticks(c, &iris, &stale, Ticks::Server, NOW)), "and not back again");
    assert!(!done!(db, c => raise_ticks(c, &iris, &stale, Ticks::None, NOW)));
    assert_eq!(get(&db, &iris, &id).await.ticks, Ticks::Read);
}

async fn a_sign_of_life_settles_what_nobody_could_say_and_nothing_else(db: Db) {
    let iris = salon(&db).await;
    let at = NOW.plus_secs(5);
    for end in OutboxState::ALL {
        let id = planned(&db, &iris, end.as_str()).await;
        assert!(done!(db, c => begin_sending(c, &iris, &id, NOW)));
        if end != OutboxState::Sending {
            assert!(done!(db, c => settle(c, &iris, &id, end, "", NOW)));
        }
        let before = get(&db, &iris, &id).await;
        assert!(done!(db, c => raise_ticks(c, &iris, &before, Ticks::Delivered, at)));
        let row = get(&db, &iris, &id).await;
        let unsaid = end == OutboxState::Uncertain;
        assert_eq!(row.state, if unsaid { OutboxState::Sent } else { end });
        assert_eq!(row.sent_at, if unsaid { Some(at) } else { before.sent_at }, "{end:?}");
        assert_eq!(row.delivered_at, Some(at));
    }
}

async fn lists_counts_and_the_last_sending(db: Db) {
    let iris = salon(&db).await;
    assert_eq!(seen!(db, c => last_sent(c, &iris)), None);
    for (ms, intent) in [(1, "one"), (3, "three"), (2, "two")] {
        done!(db, c => plan(c, &iris, &new(intent, ANNAS), NOW.plus_ms(ms)));
    }
    let recent = seen!(db, c => list_recent(c, &iris, 2));
    assert_eq!(recent.iter().map(|row| row.intent.as_str()).collect::<Vec<_>>(), ["three", "two"]);
    sent(&db, &iris, "four", NOW.plus_secs(8)).await;
    sent(&db, &iris, "five", NOW.plus_secs(4)).await;
    assert_eq!(seen!(db, c => last_sent(c, &iris)), Some(NOW.plus_secs(8)));
    let mut counts = seen!(db, c => count(c, &iris));
    counts.sort();
    assert_eq!(counts, [("planned".to_owned(), 3), ("sent".to_owned(), 2)]);
    done!(db, c => delete_all(c, &iris));
    assert!(seen!(db, c => list_recent(c, &iris, 10)).is_empty());
}

async fn a_message_is_its_own_salons(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let hers = planned(&db, &rose, "a").await;
    let before = get(&db, &rose, &hers).await;
    assert!(seen!(db, c => find(c, &iris, &hers)).is_none());
    assert!(seen!(db, c => find_intent(c, &iris, "a")).is_none());
    assert!(seen!(db, c => find_message(c, &iris, "3EB0a")).is_none());
    assert!(seen!(db, c => list_recent(c, &iris, 10)).is_empty());
    assert!(seen!(db, c => count(c, &iris)).is_empty());
    assert_eq!(done!(db, c => withdraw(c, &iris, ANNAS, "", NOW)), []);
    assert_eq!(done!(db, c => withdraw_all(c, &iris, "x", NOW)), []);
    assert!(!done!(db, c => begin_sending(c, &iris, &hers, NOW)));
    assert!(!done!(db, c => settle(c, &iris, &hers, OutboxState::Sent, "", NOW)));
    assert!(!done!(db, c => raise_ticks(c, &iris, &before, Ticks::Read, NOW)));
    done!(db, c => delete_all(c, &iris));
    assert_eq!(format!("{:?}", get(&db, &rose, &hers).await), format!("{before:?}"));
    assert!(done!(db, c => begin_sending(c, &rose, &hers, NOW)), "her own hand may");
    assert!(!done!(db, c => mark_refused(c, &iris, "3EB0a", "x", NOW)));
    assert!(done!(db, c => mark_refused(c, &rose, "3EB0a", "x", NOW)));
    sent(&db, &rose, "b", NOW).await;
    assert_eq!(seen!(db, c => last_sent(c, &iris)), None);
    let his = done!(db, c => plan(c, &iris, &new("a", ANNAS), NOW));
    assert!(his.is_some_and(|his| his != hers), "the same intent in two salons is two messages");
}
