use super::*;
use crate::domain::message::{MessageKind, Ticks};
use crate::kernel::crm_id::RecordId;
use crate::storage::kit::{NOW, both, done, salon, seen};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::{Db, Error};

both!(
    a_list_is_turned_page_by_page,
    a_persons_word_settles_only_what_is_in_doubt,
    of_two_words_at_once_one_counts,
    a_sign_of_life_outranks_a_person_and_no_other_failure,
    a_doubt_is_its_own_salons,
);

async fn planned(db: &Db, tenant: &TenantId, intent: &str) -> OutboxId {
    let new = NewOutbox {
        id: OutboxId::new(NOW),
        intent: intent.to_owned(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(501)),
        recipient: "sealed number".to_owned(),
        peer: "peer".to_owned(),
        text: "sealed text".to_owned(),
        told: "sealed told".to_owned(),
        told_before: String::new(),
        message_id: format!("3EB0{intent}"),
        not_before: NOW,
        deadline: NOW.plus_secs(3600),
        nearest: NOW.plus_secs(3600),
    };
    done!(db, c => outbox::plan(c, tenant, &new, NOW)).expect("new")
}

async fn doubted(db: &Db, tenant: &TenantId, intent: &str) -> OutboxId {
    let id = planned(db, tenant, intent).await;
    assert!(done!(db, c => outbox::begin_sending(c, tenant, &id, NOW)));
    assert!(done!(db, c => outbox::settle(c, tenant, &id, OutboxState::Uncertain, "interrupted", NOW)));
    id
}

async fn a_list_is_turned_page_by_page(db: Db) {
    let iris = salon(&db).await;
    let mut all = Vec::new();
    for intent in ["1", "2", "3"] {
        all.push(doubted(&db, &iris, intent).await);
    }
    planned(&db, &iris, "4").await;
    let page = async |after: &str, limit| {
        let rows = seen!(db, c => list(c, &iris, OutboxState::Uncertain, after, limit));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(page("", 2).await, all[..2]);
    assert_eq!(page(all[1].as_str(), 2).await, all[2..]);
    assert_eq!(page(all[2].as_str(), 2).await, []);
    assert_eq!(seen!(db, c => list(c, &iris, OutboxState::Planned, "", 9)).len(), 1);
    assert_eq!(seen!(db, c => count(c, &iris)), 3);
}

async fn a_persons_word_settles_only_what_is_in_doubt(db: Db) {
    let iris = salon(&db).await;
    let (left, lost) = (doubted(&db, &iris, "1").await, doubted(&db, &iris, "2").await);
    let waiting = planned(&db, &iris, "3").await;
    let later = NOW.plus_secs(60);
    assert!(done!(db, c => settle(c, &iris, &left, OutboxState::Sent, "person_sent", later)));
    assert!(done!(db, c => settle(c, &iris, &lost, OutboxState::Failed, "person_not_sent", later)));
    assert!(!done!(db, c => settle(c, &iris, &left, OutboxState::Failed, "person_not_sent", later)), "said");
    assert!(!done!(db, c => settle(c, &iris, &waiting, OutboxState::Sent, "person_sent", later)), "no doubt");
    let row = async |id| seen!(db, c => outbox::find(c, &iris, id)).expect("there");
    let (left, lost, waiting) = (row(&left).await, row(&lost).await, row(&waiting).await);
    assert_eq!(
        (left.state, left.reason.as_str(), left.sent_at),
        (OutboxState::Sent, "person_sent", Some(later))
    );
    assert_eq!(
        (lost.state, lost.reason.as_str(), lost.sent_at),
        (OutboxState::Failed, "person_not_sent", None)
    );
    assert_eq!((waiting.state, waiting.reason.as_str()), (OutboxState::Planned, ""));
    assert_eq!(seen!(db, c => count(c, &iris)), 0);
}

async fn of_two_words_at_once_one_counts(db: Db) {
    let iris = salon(&db).await;
    let id = doubted(&db, &iris, "1").await;
    let say = async |state| done!(db, c => settle(c, &iris, &id, state, "said", NOW));
    let (yes, no) = tokio::join!(say(OutboxState::Sent), say(OutboxState::Failed));
    assert!(yes != no, "{yes} {no}");
}

async fn a_sign_of_life_outranks_a_person_and_no_other_failure(db: Db) {
    let iris = salon(&db).await;
    for (reason, state, why) in [
        ("person_not_sent", OutboxState::Sent, "seen_by_receipt"),
        ("person_again", OutboxState::Sent, "seen_by_receipt"),
        ("refused", OutboxState::Failed, "refused"),
    ] {
        let id = doubted(&db, &iris, reason).await;
        assert!(done!(db, c => settle(c, &iris, &id, OutboxState::Failed, reason, NOW)));
        let row = seen!(db, c => outbox::find(c, &iris, &id)).expect("there");
        assert!(done!(db, c => outbox::raise_ticks(c, &iris, &row, Ticks::Delivered, NOW.plus_ms(1))));
        let row = seen!(db, c => outbox::find(c, &iris, &id)).expect("there");
        assert_eq!((row.state, row.reason.as_str(), row.ticks), (state, why, Ticks::Delivered));
        assert_eq!(row.sent_at.is_some(), state == OutboxState::Sent);
    }
}

async fn a_doubt_is_its_own_salons(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let hers = doubted(&db, &rose, "1").await;
    assert!(seen!(db, c => list(c, &iris, OutboxState::Uncertain, "", 9)).is_empty());
    assert_eq!(seen!(db, c => count(c, &iris)), 0);
    assert!(!done!(db, c => settle(c, &iris, &hers, OutboxState::Sent, "person_sent", NOW)));
    assert_eq!(seen!(db, c => count(c, &rose)), 1);
    let mut conn = db.begin().await.expect("begins");
    let odd = list(&mut conn, &TenantId::new(NOW), OutboxState::Uncertain, "", 9).await;
    assert!(matches!(odd, Ok::<_, Error>(rows) if rows.is_empty()));
}
