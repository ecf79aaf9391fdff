use super::*;
use crate::domain::alert::AlertKind;
use crate::domain::message::{MessageKind, OutboxState};
use crate::kernel::crm_id::RecordId;
use crate::storage::Db;
use crate::storage::alert::{self, NewAlert};
use crate::storage::catalog::{self, DayRow};
use crate::storage::decision::{self, NewDecision};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};

both!(
    what_is_old_goes_and_what_waits_or_is_young_stays,
    no_more_goes_at_once_than_was_asked,
    past_days_of_one_salon_go,
);

const OLD: UnixMs = UnixMs(NOW.0 - 1_000_000);

async fn message(db: &Db, tenant: &TenantId, made: UnixMs, settled: Option<UnixMs>) -> OutboxId {
    let id = OutboxId::new(made);
    let new = NewOutbox {
        id: id.clone(),
        intent: id.to_string(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(501)),
        recipient: "sealed number".to_owned(),
        peer: "peer".to_owned(),
        text: "sealed text".to_owned(),
        told: String::new(),
        told_before: String::new(),
        message_id: format!("3EB0{id}"),
        not_before: made,
        deadline: made,
        nearest: made,
    };
    done!(db, c => outbox::plan(c, tenant, &new, made)).expect("new");
    if let Some(at) = settled {
        assert!(done!(db, c => outbox::settle(c, tenant, &id, OutboxState::Failed, "", at)));
    }
    id
}

async fn decide(db: &Db, tenant: &TenantId, at: UnixMs) {
    let new = NewDecision { record: Some(RecordId(501)), verb: "sent", reason: "change", outbox: None };
    done!(db, c => decision::insert(c, tenant, new, at));
}

async fn what_is_old_goes_and_what_waits_or_is_young_stays(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let gone = [message(&db, &iris, OLD, Some(OLD)).await, message(&db, &rose, OLD, Some(OLD)).await];
    let settled_late = message(&db, &iris, OLD, Some(NOW)).await;
    let waits = message(&db, &iris, OLD, None).await;
    let young = message(&db, &iris, NOW.plus_ms(1), Some(NOW.plus_ms(1))).await;
    let being_sent = message(&db, &iris, OLD, None).await;
    assert!(done!(db, c => outbox::begin_sending(c, &iris, &being_sent, OLD)));
    decide(&db, &iris, OLD).await;
    decide(&db, &iris, NOW.plus_ms(1)).await;
    let alerts = [AlertId::new(OLD), AlertId::new(NOW.plus_ms(1))];
    for (id, fact) in alerts.iter().zip(["old", "young"]) {
        let new = NewAlert { id, tenant: iris.as_str(), kind: AlertKind::Frozen, fact, detail: "" };
        assert!(done!(db, c => alert::insert(c, &new, NOW)));
    }
    assert_eq!(done!(db, c => delete_old(c, NOW, 100)), 4, "two messages, a decision, an alert");
    for (tenant, id) in [(&iris, &gone[0]), (&rose, &gone[1])] {
        assert!(seen!(db, c => outbox::find(c, tenant, id)).is_none());
    }
    for id in [&settled_late, &waits, &young, &being_sent] {
        assert!(seen!(db, c => outbox::find(c, &iris, id)).is_some());
    }
    assert_eq!(seen!(db, c => decision::list_recent(c, &iris, 9)).len(), 1);
    assert!(seen!(db, c => alert::find(c, iris.as_str(), &alerts[0])).is_none());
    assert!(seen!(db, c => alert::find(c, iris.as_str(), &alerts[1])).is_some());
}

async fn no_more_goes_at_once_than_was_asked(db: Db) {
    let iris = salon(&db).await;
    for _ in 0..5 {
        message(&db, &iris, OLD, Some(OLD)).await;
    }
    let mut batches = Vec::new();
    for _ in 0..3 {
        batches.push(done!(db, c => delete_old(c, NOW, 2)));
    }
    assert_eq!(batches, [2, 2, 1]);
}

async fn past_days_of_one_salon_go(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let day = |day: &str| DayRow { staff_id: 1, day: day.to_owned(), slots: "[]".to_owned() };
    for tenant in [&iris, &rose] {
        done!(db, c => catalog::upsert_days(c, tenant, &[day("2026-02-01"), day("2026-02-02"), day("2026-02-03")], NOW));
    }
    assert_eq!(done!(db, c => delete_days(c, &iris, "2026-02-03")), 2);
    assert_eq!(done!(db, c => delete_days(c, &iris, "2026-02-03")), 0);
    assert_eq!(done!(db, c => delete_days(c, &rose, "2026-03-01")), 3, "hers were all there");
}
