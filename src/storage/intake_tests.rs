use super::*;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::{InboxId, JobId};
use crate::storage::kit::{self, NOW, both, done, salon, seen};
use crate::storage::{inbox, job};

both!(
    hooks_and_the_jobs_they_ring_are_there_when_it_returns,
    a_batch_is_kept_whole_or_not_at_all,
    repeats_fold_and_a_waiting_job_stays_as_it_is,
    a_job_that_runs_is_rung_again,
    batches_at_once_never_wait_in_a_circle,
    a_batch_of_nothing_is_kept_too,
);

fn hook(tenant: &TenantId, record: i64, body: &str) -> NewInbox {
    NewInbox {
        id: InboxId::new(NOW),
        tenant: tenant.clone(),
        source: "hook",
        resource: "record".to_owned(),
        resource_id: record,
        dedup: format!("hash of {body}"),
        body: body.to_owned(),
        received_at: NOW,
    }
}

fn bell(tenant: &TenantId, record: i64, run_at: UnixMs) -> NewJob {
    let subject = format!("{tenant}:record:{record}");
    let (id, tenant, lane) = (JobId::new(NOW), Some(tenant.clone()), subject.clone());
    NewJob { id, tenant, kind: "absorb", subject, lane, run_at, now: NOW }
}

async fn bodies(db: &Db, tenant: &TenantId, record: i64) -> Vec<String> {
    let rows = seen!(db, c => inbox::list_waiting(c, tenant, "record", record, 1000));
    let mut bodies: Vec<_> = rows.into_iter().map(|row| row.body).collect();
    bodies.sort();
    bodies
}

/// State, count and earliest time of all jobs.
async fn jobs(db: &Db) -> Vec<(String, i64, Option<i64>)> {
    let mut counts = seen!(db, c => job::count(c));
    counts.sort();
    counts.into_iter().map(|(_, state, count, at)| (state, count, at)).collect()
}

fn ready(count: i64, at: UnixMs) -> (String, i64, Option<i64>) {
    ("ready".to_owned(), count, Some(at.0))
}

async fn hooks_and_the_jobs_they_ring_are_there_when_it_returns(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let odd = "\"кавычки\" \\ и \u{1F485} {\"a\":[1,null]}\n$1";
    let hooks = vec![hook(&rose, i64::MAX, "hers"), hook(&iris, 1, odd), hook(&iris, 2, "other")];
    let rung = vec![bell(&rose, i64::MAX, NOW), bell(&iris, 1, NOW), bell(&iris, 2, NOW)];
    keep(&db, hooks, rung).await.expect("kept");
    assert_eq!(bodies(&db, &iris, 1).await, [odd]);
    assert_eq!(bodies(&db, &iris, 2).await, ["other"]);
    assert_eq!(bodies(&db, &rose, i64::MAX).await, ["hers"]);
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 2);
    let mut claimed = done!(db, c => kit::claim(c, "absorb", "one", NOW, NOW.plus_secs(60), 9));
    claimed.sort_by(|a, b| a.subject.cmp(&b.subject));
    let told: Vec<_> = claimed.iter().map(|job| (job.subject.clone(), job.tenant_id.as_str())).collect();
    let mut wanted = [(&iris, 1), (&iris, 2), (&rose, i64::MAX)]
        .map(|(tenant, record)| (format!("{tenant}:record:{record}"), tenant.as_str()));
    wanted.sort();
    assert_eq!(told, wanted);
}

async fn a_batch_is_kept_whole_or_not_at_all(db: Db) {
    let iris = salon(&db).await;
    let many = |source: &'static str| {
        let hooks = (0..300).map(|n| NewInbox { source, ..hook(&iris, 1, &format!("{source} {n}")) });
        let mut hooks: Vec<_> = hooks.collect();
        hooks[7].source = "hook";
        (hooks, vec![bell(&iris, 1, NOW)])
    };
    let (hooks, rung) = many("sms");
    let refused = keep(&db, hooks, rung).await;
    assert!(matches!(refused, Err(Error::Driver(_))), "a source we do not know: {refused:?}");
    assert_eq!((bodies(&db, &iris, 1).await.len(), jobs(&db).await.len()), (0, 0));
    let (hooks, rung) = many("hook");
    keep(&db, hooks, rung).await.expect("kept");
    assert_eq!(bodies(&db, &iris, 1).await.len(), 300);
    assert_eq!(jobs(&db).await, [ready(1, NOW)]);
    db.close().await;
    let gone = keep(&db, vec![hook(&iris, 1, "late")], vec![bell(&iris, 1, NOW)]).await;
    assert!(matches!(gone, Err(Error::Unavailable(_))), "{gone:?}");
}

async fn repeats_fold_and_a_waiting_job_stays_as_it_is(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let due = NOW.plus_ms(1000);
    let batch = |later| (vec![hook(&iris, 1, "a"), hook(&iris, 1, "a")], vec![bell(&iris, 1, later); 2]);
    for later in [due, due.plus_ms(5), due.plus_ms(-5)] {
        let (hooks, rung) = batch(later);
        keep(&db, hooks, rung).await.expect("kept");
        assert_eq!(bodies(&db, &iris, 1).await, ["a"]);
        assert_eq!(jobs(&db).await, [ready(1, due)], "the window opens with the first hook");
    }
    let others = vec![hook(&iris, 2, "a"), hook(&rose, 1, "a"), hook(&iris, 1, "b")];
    keep(&db, others, vec![bell(&iris, 2, due), bell(&rose, 1, due)]).await.expect("kept");
    assert_eq!(bodies(&db, &iris, 1).await, ["a", "b"]);
    assert_eq!(bodies(&db, &iris, 2).await, ["a"], "one body of another record is another fact");
    assert_eq!(bodies(&db, &rose, 1).await, ["a"], "or of another salon");
    assert_eq!(jobs(&db).await, [ready(3, due)]);

    let waiting = seen!(db, c => inbox::list_waiting(c, &iris, "record", 1, 9));
    let a = waiting.iter().find(|row| row.body == "a").expect("there").id.clone();
    done!(db, c => inbox::mark_absorbed(c, &iris, &a, NOW, "absorbed"));
    let (hooks, rung) = batch(due);
    keep(&db, hooks, rung).await.expect("kept");
    assert_eq!(bodies(&db, &iris, 1).await, ["a", "b"], "after absorption it is a new fact");
}

async fn a_job_that_runs_is_rung_again(db: Db) {
    let iris = salon(&db).await;
    keep(&db, vec![hook(&iris, 1, "a")], vec![bell(&iris, 1, NOW)]).await.expect("kept");
    let running = done!(db, c => kit::claim(c, "absorb", "one", NOW, NOW.plus_secs(60), 9)).remove(0);
    keep(&db, vec![hook(&iris, 1, "b")], vec![bell(&iris, 1, NOW)]).await.expect("kept");
    assert_eq!(jobs(&db).await.len(), 2, "what came while it ran is not lost");
    assert!(done!(db, c => job::finish(c, &running.id, "one")));
    assert_eq!(jobs(&db).await, [ready(1, NOW)]);
}

async fn batches_at_once_never_wait_in_a_circle(db: Db) {
    let iris = salon(&db).await;
    let batches = (0..8).map(|n| {
        let (db, iris) = (db.clone(), iris.clone());
        let records: Vec<i64> = if n % 2 == 0 { (0..100).collect() } else { (0..100).rev().collect() };
        let hooks = records.iter().map(|record| hook(&iris, *record, "a")).collect();
        let rung = records.iter().map(|record| bell(&iris, *record, NOW)).collect();
        tokio::spawn(async move { keep(&db, hooks, rung).await })
    });
    for kept in futures::future::join_all(batches).await {
        kept.expect("ran").expect("kept");
    }
    assert_eq!(seen!(db, c => inbox::count_waiting(c, &iris)), 100);
    assert_eq!(jobs(&db).await, [ready(100, NOW)]);
}

async fn a_batch_of_nothing_is_kept_too(db: Db) {
    keep(&db, Vec::new(), Vec::new()).await.expect("kept");
    assert!(jobs(&db).await.is_empty());
}
