use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, done, salon, seen};

both!(what_waits_says_once_what_for, codes_that_wait_for_one_client_are_withdrawn);

async fn planned(db: &Db, tenant: &TenantId, intent: &str, record: Option<i64>) -> OutboxId {
    let new = new(intent, record);
    done!(db, c => plan(c, tenant, &new, NOW)).expect("new")
}

fn new(intent: &str, record: Option<i64>) -> NewOutbox {
    NewOutbox {
        id: OutboxId::new(NOW),
        intent: intent.to_owned(),
        kind: MessageKind::Confirmation,
        record: record.map(RecordId),
        recipient: "sealed number".to_owned(),
        peer: "peer".to_owned(),
        text: "sealed text".to_owned(),
        told: String::new(),
        told_before: String::new(),
        message_id: format!("3EB0{intent}"),
        not_before: NOW,
        deadline: NOW.plus_secs(3600),
        nearest: NOW.plus_secs(3600),
    }
}

async fn codes_that_wait_for_one_client_are_withdrawn(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let code = async |tenant: &TenantId, intent: &str, peer: &str| {
        let code = NewOutbox { kind: MessageKind::SignInCode, peer: peer.to_owned(), ..new(intent, None) };
        done!(db, c => plan(c, tenant, &code, NOW)).expect("new")
    };
    let (first, second) = (code(&iris, "1", "anna").await, code(&iris, "2", "anna").await);
    let begun = code(&iris, "3", "anna").await;
    assert!(done!(db, c => begin_sending(c, &iris, &begun, NOW)));
    let others = [(&iris, code(&iris, "4", "oleg").await), (&rose, code(&rose, "1", "anna").await)];
    let confirmation = NewOutbox { peer: "anna".to_owned(), ..new("5", Some(501)) };
    let confirmation = done!(db, c => plan(c, &iris, &confirmation, NOW)).expect("new");
    let mut withdrawn = done!(db, c => withdraw_codes(c, &iris, "anna", NOW));
    withdrawn.sort();
    assert_eq!(withdrawn, [first, second]);
    for (tenant, id) in others.iter().chain([&(&iris, confirmation)]) {
        assert_eq!(seen!(db, c => find(c, tenant, id)).expect("there").state, OutboxState::Planned, "{id}");
    }
}

async fn what_waits_says_once_what_for(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let welcome = planned(&db, &iris, "welcome", None).await;
    let one = planned(&db, &iris, "1", Some(501)).await;
    let begun = planned(&db, &iris, "2", Some(501)).await;
    let hers = planned(&db, &rose, "1", Some(501)).await;
    assert!(done!(db, c => begin_sending(c, &iris, &begun, NOW)));
    let news = done!(db, c => note_waiting(c, &iris, "offline", NOW.plus_ms(5)));
    assert_eq!(news, [(welcome.clone(), None), (one.clone(), Some(RecordId(501)))]);
    let row = seen!(db, c => find(c, &iris, &one)).expect("there");
    assert_eq!((row.state, row.reason.as_str()), (OutboxState::Planned, "offline"));
    assert_eq!(done!(db, c => note_waiting(c, &iris, "offline", NOW)), [], "said before");
    let late = planned(&db, &iris, "3", Some(502)).await;
    assert_eq!(done!(db, c => note_waiting(c, &iris, "offline", NOW)), [(late, Some(RecordId(502)))]);
    assert_eq!(done!(db, c => note_waiting(c, &iris, "not_linked", NOW)).len(), 3, "another cause is news");
    for (tenant, id) in [(&iris, &begun), (&rose, &hers)] {
        assert_eq!(seen!(db, c => find(c, tenant, id)).expect("there").reason, "");
    }
}
