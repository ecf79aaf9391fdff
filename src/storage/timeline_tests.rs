use super::*;
use crate::domain::message::{MessageKind, OutboxState};
use crate::kernel::id::{InboxId, OutboxId};
use crate::storage::Db;
use crate::storage::decision::{self, NewDecision};
use crate::storage::inbox::{self, NewInbox};
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};

both!(
    hooks_of_a_record_are_read_whether_they_wait_or_not,
    decisions_are_turned_page_by_page_even_within_a_moment,
    a_records_messages_are_its_own,
);

const ANNAS: RecordId = RecordId(501);
const START: After<'_> = After { at: UnixMs(0), id: "" };

async fn hook(db: &Db, tenant: &TenantId, record: i64, dedup: &str, at: UnixMs) -> InboxId {
    let row = NewInbox {
        id: InboxId::new(at),
        tenant: tenant.clone(),
        source: "hook",
        resource: "record".to_owned(),
        resource_id: record,
        dedup: dedup.to_owned(),
        body: format!("sealed {dedup}"),
        received_at: at,
    };
    done!(db, c => inbox::insert(c, &row));
    row.id
}

async fn hooks_of_a_record_are_read_whether_they_wait_or_not(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let first = hook(&db, &iris, 501, "a", NOW).await;
    hook(&db, &iris, 501, "b", NOW.plus_ms(1)).await;
    hook(&db, &iris, 502, "other", NOW).await;
    hook(&db, &rose, 501, "hers", NOW).await;
    done!(db, c => inbox::mark_absorbed(c, &iris, first.as_str(), NOW.plus_ms(9), "absorbed"));
    let rows = seen!(db, c => list_hooks(c, &iris, ANNAS, &START, 9));
    let said: Vec<_> = rows.iter().map(|r| (r.body.as_str(), r.absorbed_at, r.outcome.as_deref())).collect();
    assert_eq!(said, [("sealed a", Some(NOW.0 + 9), Some("absorbed")), ("sealed b", None, None)]);
    assert_eq!(
        (rows[0].source.as_str(), rows[0].received_at, rows[0].id.as_str()),
        ("hook", NOW.0, first.as_str())
    );
    assert_eq!(seen!(db, c => list_hooks(c, &iris, ANNAS, &START, 1)).len(), 1);
    let rest = seen!(db, c => list_hooks(c, &iris, ANNAS, &After { at: NOW, id: first.as_str() }, 9));
    assert_eq!(rest.len(), 1);
}

async fn decisions_are_turned_page_by_page_even_within_a_moment(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for reason in ["one", "two", "three"] {
        let new = NewDecision { record: Some(ANNAS), verb: "silent", reason, outbox: None };
        done!(db, c => decision::insert(c, &iris, new.clone(), NOW));
        done!(db, c => decision::insert(c, &rose, new, NOW));
    }
    let first = seen!(db, c => list_decisions(c, &iris, ANNAS, &START, 2));
    let last = first.last().expect("two").clone();
    let second = seen!(db, c => list_decisions(c, &iris, ANNAS, &After { at: NOW, id: &last.id }, 2));
    let said: Vec<_> = first.iter().chain(&second).map(|row| row.reason.as_str()).collect();
    assert_eq!(said, ["one", "two", "three"]);
    assert_eq!((last.verb.as_str(), last.outbox_id, last.decided_at), ("silent", None, NOW.0));
    // The end of a moment, whatever the ids: how the pages of several lists are joined.
    let over = seen!(db, c => list_decisions(c, &iris, ANNAS, &After { at: NOW, id: "zzzz" }, 9));
    assert!(over.is_empty());
}

async fn a_records_messages_are_its_own(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (tenant, intent, record) in
        [(&iris, "1", 501), (&iris, "2", 501), (&iris, "3", 502), (&rose, "1", 501)]
    {
        let new = NewOutbox {
            id: OutboxId::new(NOW),
            intent: intent.to_owned(),
            kind: MessageKind::Change,
            record: Some(RecordId(record)),
            recipient: "sealed number".to_owned(),
            peer: "peer".to_owned(),
            text: "sealed text".to_owned(),
            told: String::new(),
            told_before: String::new(),
            message_id: format!("3EB0{intent}"),
            not_before: NOW,
            deadline: NOW.plus_secs(3600),
            nearest: NOW.plus_secs(3600),
        };
        done!(db, c => outbox::plan(c, tenant, &new, NOW));
    }
    let rows = seen!(db, c => list_messages(c, &iris, ANNAS, 9));
    assert_eq!(rows.iter().map(|row| row.intent.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    assert!(rows.iter().all(|row| row.state == OutboxState::Planned));
    assert_eq!(seen!(db, c => list_messages(c, &iris, ANNAS, 1)).len(), 1);
}
