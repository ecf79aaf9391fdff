use super::*;
use crate::kernel::id::JobId;
use crate::storage::job::{self, NewJob};
use crate::storage::kit::{NOW, both, claim, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::{Db, chat};

both!(
    the_nearest_deadline_stands_first_and_knows_its_client,
    strangers_are_left_out_where_friends_are_asked_for,
    what_is_being_sent_is_listed_the_longest_first,
    what_came_too_late_is_listed_and_counted,
    what_is_put_off_or_noted_is_one_planned_message,
    whoever_was_put_off_stands_in_nobodys_way,
    of_a_move_the_nearer_visit_counts,
    a_salon_without_a_bell_is_found,
);

fn message(name: &str, deadline: UnixMs) -> NewOutbox {
    NewOutbox {
        id: OutboxId::from_stored(name.to_owned()),
        intent: name.to_owned(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(501)),
        recipient: "sealed number".to_owned(),
        peer: name.to_owned(),
        text: "sealed text".to_owned(),
        told: String::new(),
        told_before: String::new(),
        message_id: format!("3EB0{name}"),
        not_before: NOW,
        deadline,
        nearest: deadline,
    }
}

async fn planned(db: &Db, tenant: &TenantId, new: &NewOutbox) -> OutboxId {
    done!(db, c => outbox::plan(c, tenant, new, NOW)).expect("new")
}

fn names(rows: &[WaitingRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

async fn the_nearest_deadline_stands_first_and_knows_its_client(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let late = planned(&db, &iris, &message("late", NOW.plus_secs(30))).await;
    let near = planned(&db, &iris, &message("near", NOW.plus_secs(10))).await;
    planned(&db, &iris, &message("next", NOW.plus_secs(20))).await;
    planned(&db, &rose, &message("hers", NOW.plus_secs(1))).await;
    done!(db, c => chat::mark_tried(c, &iris, "near", NOW.plus_ms(5)));
    done!(db, c => chat::mark_found(c, &iris, "near", NOW.plus_ms(4)));
    done!(db, c => chat::warm(c, &rose, "late"));
    done!(db, c => chat::mark_found(c, &rose, "late", NOW));
    let rows = seen!(db, c => list(c, &iris, NOW, 9));
    assert_eq!(names(&rows), ["near", "next", "late"]);
    assert_eq!((seen!(db, c => count(c, &iris)), seen!(db, c => count(c, &rose))), (3, 1));
    let first = WaitingRow {
        id: near.clone(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(501)),
        reason: String::new(),
        not_before: NOW,
        deadline: NOW.plus_secs(10),
        nearest: NOW.plus_secs(10),
        is_warm: false,
        client_at: Some(NOW.plus_ms(5)),
        found_at: Some(NOW.plus_ms(4)),
    };
    assert_eq!(rows[0], first);
    let of_late = (rows[2].is_warm, rows[2].client_at, rows[2].found_at);
    assert_eq!(of_late, (false, None, None), "another salon's friend");
    assert_eq!(names(&seen!(db, c => list(c, &iris, NOW, 2))), ["near", "next"]);
    assert!(done!(db, c => outbox::begin_sending(c, &iris, &near, NOW)));
    assert!(
        done!(db, c => outbox::settle(c, &iris, &late, crate::domain::message::OutboxState::Failed, "", NOW))
    );
    assert_eq!(names(&seen!(db, c => list(c, &iris, NOW, 9))), ["next"]);
    assert_eq!(seen!(db, c => count(c, &iris)), 1);
}

async fn strangers_are_left_out_where_friends_are_asked_for(db: Db) {
    let iris = salon(&db).await;
    for name in ["stranger", "friend", "cooled"] {
        planned(&db, &iris, &message(name, NOW.plus_secs(30))).await;
    }
    let welcome = NewOutbox { kind: MessageKind::Welcome, ..message("welcome", NOW.plus_secs(5)) };
    planned(&db, &iris, &welcome).await;
    done!(db, c => chat::warm(c, &iris, "friend"));
    done!(db, c => chat::warm(c, &iris, "cooled"));
    done!(db, c => chat::cool(c, &iris, "cooled"));
    assert_eq!(names(&seen!(db, c => list_warm(c, &iris, NOW, 9))), ["welcome", "friend"]);
    assert_eq!(names(&seen!(db, c => list_warm(c, &iris, NOW, 1))), ["welcome"]);
}

async fn what_is_being_sent_is_listed_the_longest_first(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (place, name) in ["one", "two", "three"].into_iter().enumerate() {
        let id = planned(&db, &iris, &message(name, NOW.plus_secs(30))).await;
        let at = NOW.plus_ms(10 - i64::try_from(place).expect("few"));
        assert!(done!(db, c => outbox::begin_sending(c, &iris, &id, at)));
    }
    planned(&db, &iris, &message("waits", NOW.plus_secs(30))).await;
    let since: Vec<_> = seen!(db, c => list_sending(c, &iris, 2)).into_iter().map(|(_, at)| at).collect();
    assert_eq!(since, [NOW.plus_ms(8), NOW.plus_ms(9)]);
    assert!(seen!(db, c => list_sending(c, &rose, 9)).is_empty());
}

async fn what_came_too_late_is_listed_and_counted(db: Db) {
    use crate::domain::message::OutboxState::Expired;
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let stale = planned(&db, &iris, &message("stale", NOW)).await;
    let older = planned(&db, &iris, &message("older", NOW.plus_ms(-1))).await;
    planned(&db, &iris, &message("fresh", NOW.plus_ms(1))).await;
    planned(&db, &rose, &message("hers", NOW)).await;
    let about = [(older.clone(), Some(RecordId(501))), (stale.clone(), Some(RecordId(501)))];
    assert_eq!(seen!(db, c => list_stale(c, &iris, NOW, 9)), about);
    assert_eq!(seen!(db, c => list_stale(c, &iris, NOW, 1)), about[..1]);
    assert_eq!(seen!(db, c => count_stale(c, &iris, NOW.plus_ms(-1))), 0);
    for id in [&stale, &older] {
        done!(db, c => outbox::settle(c, &iris, id, Expired, "too_late", NOW));
    }
    assert_eq!(seen!(db, c => count_stale(c, &iris, NOW.plus_ms(-1))), 2);
    assert_eq!(seen!(db, c => count_stale(c, &iris, NOW)), 0, "after, not at");
    assert_eq!(seen!(db, c => count_stale(c, &rose, NOW.plus_ms(-1))), 0);
}

async fn what_is_put_off_or_noted_is_one_planned_message(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let one = planned(&db, &iris, &message("one", NOW.plus_secs(30))).await;
    let two = planned(&db, &iris, &message("two", NOW.plus_secs(40))).await;
    done!(db, c => put_off(c, &iris, &one, (NOW.plus_secs(9), 3), NOW));
    done!(db, c => put_off(c, &rose, &two, (NOW.plus_secs(9), 3), NOW));
    assert!(done!(db, c => note(c, &iris, &one, "hour_full", NOW)));
    assert!(!done!(db, c => note(c, &iris, &one, "hour_full", NOW)), "known");
    assert!(done!(db, c => note(c, &iris, &one, "new_chats_full", NOW)), "another cause is news");
    assert!(!done!(db, c => note(c, &rose, &two, "hour_full", NOW)), "another salon's");
    let rows = seen!(db, c => list(c, &iris, NOW.plus_secs(9), 9));
    let seen: Vec<_> = rows.iter().map(|row| (row.not_before, row.reason.as_str())).collect();
    assert_eq!(seen, [(NOW.plus_secs(9), "new_chats_full"), (NOW, "")]);
    let tries = [&one, &two].map(|id| (id, if *id == one { 3 } else { 0 }));
    for (id, tries) in tries {
        assert_eq!(seen!(db, c => outbox::find(c, &iris, id)).expect("there").attempts, tries);
    }
    assert!(done!(db, c => outbox::begin_sending(c, &iris, &one, NOW)));
    assert!(!done!(db, c => note(c, &iris, &one, "hour_full", NOW)), "it is on its way");
}

async fn whoever_was_put_off_stands_in_nobodys_way(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (name, deadline) in [("one", 30), ("two", 40), ("free", 50)] {
        planned(&db, &iris, &message(name, NOW.plus_secs(deadline))).await;
    }
    for (name, secs) in [("one", 9), ("two", 6)] {
        let id = OutboxId::from_stored(name.to_owned());
        done!(db, c => put_off(c, &iris, &id, (NOW.plus_secs(secs), 1), NOW));
    }
    assert_eq!(names(&seen!(db, c => list(c, &iris, NOW, 1))), ["free"]);
    assert_eq!(names(&seen!(db, c => list(c, &iris, NOW.plus_secs(6), 9))), ["two", "free"]);
    assert_eq!(seen!(db, c => first_put_off(c, &iris, NOW)), Some(NOW.plus_secs(6)));
    assert_eq!(seen!(db, c => first_put_off(c, &iris, NOW.plus_secs(6))), Some(NOW.plus_secs(9)));
    assert_eq!(seen!(db, c => first_put_off(c, &iris, NOW.plus_secs(9))), None);
    assert_eq!(seen!(db, c => first_deadline(c, &iris)), Some(NOW.plus_secs(30)));
    assert_eq!(seen!(db, c => first_deadline(c, &rose)), None);
    assert_eq!(seen!(db, c => first_put_off(c, &rose, NOW)), None);
}

async fn of_a_move_the_nearer_visit_counts(db: Db) {
    let iris = salon(&db).await;
    planned(&db, &iris, &message("tomorrow", NOW.plus_secs(86_400))).await;
    let away_from_today =
        NewOutbox { nearest: NOW.plus_secs(3600), ..message("next week", NOW.plus_secs(7 * 86_400)) };
    planned(&db, &iris, &away_from_today).await;
    assert_eq!(names(&seen!(db, c => list(c, &iris, NOW, 9))), ["next week", "tomorrow"]);
    assert_eq!(names(&seen!(db, c => list_warm(c, &iris, NOW, 9))), [""; 0]);
}

async fn a_salon_without_a_bell_is_found(db: Db) {
    let (iris, rose, dahlia) = (salon(&db).await, salon(&db).await, salon(&db).await);
    planned(&db, &iris, &message("one", NOW.plus_secs(30))).await;
    let begun = planned(&db, &rose, &message("two", NOW.plus_secs(30))).await;
    assert!(done!(db, c => outbox::begin_sending(c, &rose, &begun, NOW)));
    let silent = async || {
        let mut found = seen!(db, c => list_silent(c, "turn", 9));
        found.sort();
        found
    };
    let mut both = vec![iris.clone(), rose.clone()];
    both.sort();
    assert_eq!(silent().await, both, "nothing to say is no silence: {dahlia}");
    for tenant in [&iris, &rose] {
        let bell = NewJob {
            id: JobId::new(NOW),
            tenant: Some(tenant.clone()),
            kind: "turn",
            subject: tenant.to_string(),
            lane: format!("{tenant}:session"),
            run_at: NOW,
            now: NOW,
        };
        done!(db, c => job::enqueue(c, &bell));
    }
    assert!(silent().await.is_empty(), "rung");
    let claimed = done!(db, c => claim(c, "turn", "token", NOW, NOW.plus_secs(60), 1));
    assert!(silent().await.is_empty(), "at work");
    done!(db, c => job::park(c, &claimed[0].id, "token", "why", NOW));
    assert!(silent().await.is_empty(), "put aside for a person");
    for job in done!(db, c => claim(c, "turn", "again", NOW, NOW.plus_secs(60), 9)) {
        done!(db, c => job::finish(c, &job.id, "again"));
    }
    assert_eq!(silent().await.len(), 1, "its turn is over and something is left");
}
