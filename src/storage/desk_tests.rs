use super::*;
use crate::domain::message::MessageKind;
use crate::domain::sync::{HookCheck, SyncKind};
use crate::kernel::id::JobId;
use crate::storage::decision::{self, NewDecision};
use crate::storage::job::{self, NewJob};
use crate::storage::kit::{NOW, both, claim, done, new_tenant, salon, seen};
use crate::storage::outbox::{self, NewOutbox};
use crate::storage::record::{self, RecordWrite};
use crate::storage::{Db, hook_check, pace, sync_run, tenant, wa_session};

both!(
    companies_are_turned_by_name_and_say_how_they_stand,
    records_are_turned_both_ways_with_what_became_of_them,
    messages_are_turned_from_the_newest,
);

async fn planned(db: &Db, tenant: &TenantId, intent: &str, record: i64) -> OutboxId {
    let new = NewOutbox {
        id: OutboxId::new(NOW),
        intent: intent.to_owned(),
        kind: MessageKind::Confirmation,
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
    done!(db, c => outbox::plan(c, tenant, &new, NOW)).expect("new")
}

async fn settled(db: &Db, tenant: &TenantId, id: &OutboxId, state: OutboxState) {
    assert!(done!(db, c => outbox::settle(c, tenant, id, state, "why", NOW)));
}

async fn companies_are_turned_by_name_and_say_how_they_stand(db: Db) {
    let mut ids = Vec::new();
    for (salon, title) in [(1, "Alpha"), (2, "Beta"), (3, "Beta"), (4, "Gamma")] {
        let (mut new, keys) = new_tenant(salon);
        title.clone_into(&mut new.title);
        assert!(done!(db, c => tenant::insert(c, &new, &keys)));
        ids.push(new.id);
    }
    ids[1..3].sort();
    let page = async |after: (&str, &str)| {
        let rows = seen!(db, c => list_companies(c, after, NOW, 2));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let texts = |ids: &[TenantId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(page(("", "")).await, texts(&ids[..2]));
    assert_eq!(page(("Beta", ids[1].as_str())).await, texts(&ids[2..]));
    assert_eq!(page(("Gamma", ids[3].as_str())).await, texts(&[]));

    let gamma = &ids[3];
    let doubt = planned(&db, gamma, "1", 501).await;
    settled(&db, gamma, &doubt, OutboxState::Uncertain).await;
    let late = planned(&db, gamma, "2", 501).await;
    settled(&db, gamma, &late, OutboxState::Expired).await;
    done!(db, c => wa_session::set_linked(c, gamma, "sealed", "hash", "name", NOW));
    done!(db, c => pace::set_number(c, gamma, "hash", NOW));
    done!(db, c => pace::set_lock(c, gamma, NOW.plus_secs(60)));
    let bell = NewJob {
        id: JobId::new(NOW),
        tenant: Some(gamma.clone()),
        kind: "odd",
        subject: "1".to_owned(),
        lane: "1".to_owned(),
        run_at: NOW,
        now: NOW,
    };
    done!(db, c => job::enqueue(c, &bell));
    let job = done!(db, c => claim(c, "odd", "token", NOW, NOW.plus_secs(60), 1)).remove(0);
    done!(db, c => job::park(c, &job.id, "token", "why", NOW));
    let rows = seen!(db, c => list_companies(c, ("Beta", "zzzz"), NOW.plus_ms(-1), 9));
    let row = &rows[0];
    assert_eq!(
        (rows.len(), row.salon_id, row.title.as_str(), row.state.as_str()),
        (1, 4, "Gamma", "pending_whatsapp")
    );
    assert_eq!((row.session.as_str(), row.address.is_empty()), ("online", false));
    assert_eq!((row.waiting_hooks, row.parked, row.uncertain, row.dropped), (0, 1, 1, 1));
    assert_eq!((row.locked_until_at, row.rests_until_at), (Some(NOW.0 + 60_000), None));
    assert_eq!(
        (row.sync_error.as_deref(), row.hook_check.as_deref()),
        (None, None),
        "never read, never looked at"
    );
    for (kind, ends) in
        [(SyncKind::Records, ""), (SyncKind::Records, "licence"), (SyncKind::Catalog, "weather")]
    {
        done!(db, c => sync_run::open(c, gamma, kind, false, NOW));
        let run = seen!(db, c => sync_run::find_open(c, gamma, kind)).expect("open");
        done!(db, c => sync_run::finish(c, gamma, &run.id, ends, NOW));
    }
    done!(db, c => sync_run::open(c, gamma, SyncKind::Records, false, NOW));
    done!(db, c => hook_check::set(c, gamma, HookCheck::Full, NOW));
    let rows = seen!(db, c => list_companies(c, ("Beta", "zzzz"), NOW, 9));
    let said = (rows[0].sync_error.as_deref(), rows[0].hook_check.as_deref());
    assert_eq!(said, (Some("licence"), Some("full")), "of the journal, the last that ended");
    let rows = seen!(db, c => list_companies(c, ("", ""), NOW, 1));
    assert_eq!((rows[0].session.as_str(), rows[0].uncertain, rows[0].parked), ("unpaired", 0, 0));
    let rows = seen!(db, c => list_companies(c, ("Beta", "zzzz"), NOW, 9));
    assert_eq!(rows[0].dropped, 0, "longer ago");
}

async fn records_are_turned_both_ways_with_what_became_of_them(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    for (tenant, id, at) in [(&iris, 1, 10), (&iris, 2, 20), (&iris, 3, 20), (&iris, 4, 30), (&rose, 5, 20)] {
        let write = RecordWrite {
            id: RecordId(id),
            starts_at: Some(NOW.plus_secs(at)),
            deleted: id == 4,
            changed_at: NOW,
            body: "sealed",
            raw: "",
            over: "",
        };
        done!(db, c => record::upsert(c, tenant, write, NOW));
    }
    let timeless = RecordWrite {
        id: RecordId(9),
        starts_at: None,
        deleted: false,
        changed_at: NOW,
        body: "sealed",
        raw: "",
        over: "",
    };
    done!(db, c => record::upsert(c, &iris, timeless, NOW));
    let page = async |way, at, id| {
        let beyond = (NOW.plus_secs(at), RecordId(id));
        let rows = seen!(db, c => list_visits(c, &iris, way, beyond, 2));
        rows.into_iter().map(|row| row.record_id).collect::<Vec<_>>()
    };
    assert_eq!(page(Way::Ahead, 0, 0).await, [1, 2]);
    assert_eq!(page(Way::Ahead, 20, 2).await, [3, 4]);
    assert_eq!(page(Way::Behind, 30, 0).await, [3, 2]);
    assert_eq!(page(Way::Behind, 20, 2).await, [1]);

    let first = planned(&db, &iris, "1", 2).await;
    settled(&db, &iris, &first, OutboxState::Sent).await;
    planned(&db, &iris, "2", 2).await;
    for verb in ["planned", "silent"] {
        let new = NewDecision { record: Some(RecordId(3)), verb, reason: "no_phone", outbox: None };
        done!(db, c => decision::insert(c, &iris, new, NOW));
    }
    let rows = seen!(db, c => list_visits(c, &iris, Way::Ahead, (NOW.plus_secs(20), RecordId(0)), 9));
    let said: Vec<_> =
        rows.iter().map(|row| (row.record_id, row.state.as_deref(), row.verb.as_deref())).collect();
    assert_eq!(said, [(2, Some("planned"), None), (3, None, Some("silent")), (4, None, None)]);
    assert_eq!((rows[0].kind.as_deref(), rows[0].ticks.as_deref()), (Some("confirmation"), Some("none")));
    assert_eq!((rows[0].starts_at, rows[0].body.as_str()), (NOW.0 + 20_000, "sealed"));
    assert_eq!((rows[0].deleted, rows[2].deleted), (false, true));
}

async fn messages_are_turned_from_the_newest(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let mut all = Vec::new();
    for intent in ["1", "2", "3"] {
        all.push(planned(&db, &iris, intent, 501).await);
    }
    planned(&db, &rose, "4", 501).await;
    all.reverse();
    let page = async |state, before: Option<&OutboxId>| {
        let rows = seen!(db, c => list_messages(c, &iris, state, before, 2));
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(page(OutboxState::Planned, None).await, all[..2]);
    assert_eq!(page(OutboxState::Planned, Some(&all[1])).await, all[2..]);
    assert_eq!(page(OutboxState::Sent, None).await, []);
}
