use std::collections::HashMap;

use super::*;
use crate::storage::Db;
use crate::storage::kit::{NOW, both, claim, done, node, salon, seen};

both!(
    eight_claimers_take_each_job_once,
    a_lane_runs_one_at_a_time_and_in_order,
    nothing_is_claimed_before_it_is_due_nor_more_than_asked_for,
    a_claim_that_was_not_committed_never_happened,
    a_stale_lease_is_taken_again_and_the_late_worker_refused,
    a_renewed_lease_is_not_taken_back,
    a_failure_counts_and_a_wait_does_not,
    a_need_that_waits_is_there_once_and_as_urgent_as_its_most_urgent_ask,
    a_need_that_arises_while_its_job_runs_makes_it_run_again,
    a_retry_that_finds_a_waiting_twin_gives_way_to_it,
    a_reaped_job_that_finds_a_waiting_twin_gives_way_to_it,
    kinds_that_share_a_lane_never_run_side_by_side,
    who_has_much_to_do_waits_for_itself_and_nobody_else_does,
    what_was_waited_for_hurries_only_its_own,
    the_next_due_is_the_earliest_that_waits,
    jobs_are_counted_by_kind_and_state,
    a_salon_that_goes_takes_its_waiting_jobs_along_and_no_other,
);

pub const LEASE: UnixMs = UnixMs(NOW.0 + 60_000);

pub fn job(tenant: Option<&TenantId>, subject: &str, lane: &str, run_at: UnixMs) -> NewJob {
    NewJob {
        id: JobId::new(NOW),
        tenant: tenant.cloned(),
        kind: "send",
        subject: subject.to_owned(),
        lane: lane.to_owned(),
        run_at,
        now: NOW,
    }
}

/// A job with a lane of its own.
async fn need(db: &Db, subject: &str, run_at: UnixMs) {
    done!(db, c => enqueue(c, &job(None, subject, subject, run_at)));
}

pub async fn take(db: &Db, token: &str, now: UnixMs) -> Vec<JobRow> {
    let mut jobs = done!(db, c => claim(c, "send", token, now, now.plus_ms(60_000), 100));
    jobs.sort_by(|a, b| a.subject.cmp(&b.subject));
    jobs
}

pub fn subjects(jobs: &[JobRow]) -> Vec<&str> {
    jobs.iter().map(|job| job.subject.as_str()).collect()
}

async fn counts(db: &Db) -> HashMap<String, i64> {
    seen!(db, c => count(c)).into_iter().map(|(_, state, count, _)| (state, count)).collect()
}

async fn eight_claimers_take_each_job_once(db: Db) {
    const JOBS: usize = 120;
    for n in 0..JOBS {
        done!(db, c => enqueue(c, &job(None, &format!("{n}"), &format!("lane {}", n % 12), NOW)));
    }
    let claimers = (0..8).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let (token, mut ran) = (format!("worker {n}"), Vec::new());
            while seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))).is_some() {
                let claimed = done!(db, c => claim(c, "send", &token, NOW, LEASE, 5));
                for job in &claimed {
                    assert_eq!((job.lease_token.as_deref(), job.attempt), (Some(token.as_str()), 1));
                    assert!(done!(db, c => finish(c, &job.id, &token)), "the lease is ours");
                    ran.push(job.subject.clone());
                }
                tokio::task::yield_now().await;
            }
            ran
        })
    });
    let mut ran: Vec<String> = Vec::new();
    for worker in futures::future::join_all(claimers).await {
        ran.extend(worker.expect("ran"));
    }
    ran.sort();
    let mut wanted: Vec<_> = (0..JOBS).map(|n| format!("{n}")).collect();
    wanted.sort();
    assert_eq!(ran, wanted);
    assert!(counts(&db).await.is_empty());
}

async fn a_lane_runs_one_at_a_time_and_in_order(db: Db) {
    for (subject, lane, at) in [("a3", "a", 3), ("a1", "a", 1), ("b1", "b", 2), ("a2", "a", 2)] {
        done!(db, c => enqueue(c, &job(None, subject, lane, NOW.plus_ms(at - 10))));
    }
    let first = take(&db, "one", NOW).await;
    assert_eq!(subjects(&first), ["a1", "b1"], "the oldest of each lane");
    assert!(take(&db, "two", NOW).await.is_empty(), "both lanes are busy");
    let mut running = (first[0].id.clone(), "one");
    for next in ["a2", "a3"] {
        assert!(done!(db, c => finish(c, &running.0, running.1)));
        let claimed = take(&db, next, NOW).await;
        assert_eq!(subjects(&claimed), [next]);
        assert!(take(&db, "three", NOW).await.is_empty());
        running = (claimed[0].id.clone(), next);
    }
    assert!(done!(db, c => finish(c, &running.0, running.1)));
    assert_eq!(counts(&db).await, HashMap::from([("leased".to_owned(), 1)]), "b's still runs");
}

async fn kinds_that_share_a_lane_never_run_side_by_side(db: Db) {
    const KINDS: [&str; 3] = ["configure", "sync", "check"];
    for kind in KINDS {
        for lane in ["iris", "rose"] {
            done!(db, c => enqueue(c, &NewJob { kind, ..job(None, lane, &format!("{lane}'s"), NOW) }));
        }
    }
    for left in (0..KINDS.len()).rev() {
        // All kinds reach for both lanes at once.
        let claims = KINDS.map(|kind| {
            let db = db.clone();
            tokio::spawn(async move { done!(db, c => claim(c, kind, kind, NOW, LEASE, 9)) })
        });
        let claims = futures::future::join_all(claims).await;
        let mut held: Vec<JobRow> = claims.into_iter().flat_map(|claimed| claimed.expect("ran")).collect();
        // Who lost a lane in the same instant gives up what it took with it, and looks again.
        for kind in KINDS {
            held.extend(done!(db, c => claim(c, kind, kind, NOW, LEASE, 9)));
        }
        let mut lanes: Vec<_> = held.iter().map(|job| job.lane.as_str()).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, ["iris's", "rose's"], "{left} more to come");
        for job in &held {
            assert!(done!(db, c => finish(c, &job.id, &job.kind)));
        }
    }
    assert!(counts(&db).await.is_empty());
}

async fn who_has_much_to_do_waits_for_itself_and_nobody_else_does(db: Db) {
    let (noisy, quiet) = (salon(&db).await, salon(&db).await);
    for n in 0..40 {
        let name = format!("noisy {n}");
        done!(db, c => enqueue(c, &job(Some(&noisy), &name, &name, NOW.plus_ms(n - 100))));
    }
    done!(db, c => enqueue(c, &job(Some(&quiet), "quiet", "quiet", NOW)));
    let node = node();
    let fair = async |token: &'static str, share| {
        let want = Claim {
            kind: "send",
            node: &node,
            token,
            of_session: false,
            now: NOW,
            lease_until: LEASE,
            limit: 4,
            share,
        };
        let mut jobs = done!(db, c => super::claim(c, &want));
        jobs.sort_by(|a, b| a.subject.cmp(&b.subject));
        jobs
    };
    assert_eq!(subjects(&fair("one", 4).await), ["noisy 0", "noisy 1", "noisy 2", "noisy 3"]);
    assert_eq!(subjects(&fair("two", 4).await), ["quiet"], "the noisy one has its share");
    assert!(fair("three", 4).await.is_empty());
    assert!(done!(db, c => finish(c, &job_of(&db, &noisy, "noisy 0").await.id, "one")));
    assert_eq!(fair("four", 4).await.len(), 4, "what it has to do goes on as its own ends");
    for n in 0..9 {
        let name = format!("ours {n}");
        done!(db, c => enqueue(c, &job(None, &name, &name, NOW)));
    }
    assert_eq!(fair("five", 1).await.len(), 4, "the platform's own chores are nobody's share");
    assert_eq!(fair("six", 1).await.len(), 4);
}

async fn job_of(db: &Db, tenant: &TenantId, subject: &str) -> JobRow {
    seen!(db, c => find(c, tenant, "send", subject)).expect("there")
}

async fn nothing_is_claimed_before_it_is_due_nor_more_than_asked_for(db: Db) {
    assert!(take(&db, "one", NOW).await.is_empty());
    need(&db, "later", NOW.plus_ms(1)).await;
    assert!(take(&db, "one", NOW).await.is_empty());
    for subject in ["third", "first", "second"] {
        let at = NOW.plus_ms(if subject == "first" { -3 } else { -2 });
        need(&db, subject, at).await;
    }
    let one = done!(db, c => claim(c, "send", "one", NOW, LEASE, 1));
    assert_eq!(subjects(&one), ["first"], "the longest due first");
    assert_eq!(subjects(&take(&db, "two", NOW).await), ["second", "third"]);
    assert_eq!(subjects(&take(&db, "three", NOW.plus_ms(1)).await), ["later"]);
}

async fn a_claim_that_was_not_committed_never_happened(db: Db) {
    need(&db, "a", NOW).await;
    let mut dying = db.begin().await.expect("begins");
    assert_eq!(claim(&mut dying, "send", "one", NOW, LEASE, 9).await.expect("claimed").len(), 1);
    drop(dying);
    // PostgreSQL hears of the end a moment later; until then the row is passed over, as one that another claims.
    let mut again = Vec::new();
    for _ in 0..1000 {
        again = take(&db, "two", NOW).await;
        if !again.is_empty() {
            break;
        }
    }
    assert_eq!((subjects(&again), again[0].attempt), (vec!["a"], 1));
}

async fn a_stale_lease_is_taken_again_and_the_late_worker_refused(db: Db) {
    need(&db, "a", NOW).await;
    let late = take(&db, "late", NOW).await.remove(0);
    let over = LEASE.plus_ms(1);
    assert_eq!(done!(db, c => reap(c, LEASE, LEASE)), 0, "to its last moment");
    assert_eq!(done!(db, c => reap(c, over, over)), 1);
    assert!(!done!(db, c => renew(c, &late.id, "late", over.plus_secs(60))));
    let taken = take(&db, "second", over).await.remove(0);
    assert_eq!((taken.id.as_str(), taken.attempt), (late.id.as_str(), 2), "the death counts as an attempt");
    assert!(taken.last_error.is_some_and(|why| why.contains("went away")));

    assert!(!done!(db, c => finish(c, &late.id, "late")));
    done!(db, c => retry(c, (&late.id, "late"), over, "late", true, over));
    done!(db, c => park(c, &late.id, "late", "late", over));
    assert!(!done!(db, c => renew(c, &late.id, "late", over)));
    assert_eq!(counts(&db).await, HashMap::from([("leased".to_owned(), 1)]), "as if it had said nothing");
    assert!(done!(db, c => finish(c, &taken.id, "second")), "whoever holds the lease may");
    assert!(!done!(db, c => finish(c, &taken.id, "second")), "once");
    assert!(counts(&db).await.is_empty());
}

async fn a_renewed_lease_is_not_taken_back(db: Db) {
    need(&db, "a", NOW).await;
    let held = take(&db, "one", NOW).await.remove(0);
    assert!(!done!(db, c => renew(c, &held.id, "two", LEASE.plus_secs(60))), "not with another's token");
    assert!(done!(db, c => renew(c, &held.id, "one", LEASE.plus_secs(60))));
    assert_eq!(done!(db, c => reap(c, LEASE.plus_ms(1), LEASE)), 0);
    assert_eq!(done!(db, c => reap(c, LEASE.plus_secs(61), LEASE)), 1);
}

async fn a_failure_counts_and_a_wait_does_not(db: Db) {
    need(&db, "a", NOW).await;
    let later = NOW.plus_secs(10);
    for (counted, attempt) in [(true, 2), (false, 2), (false, 2), (true, 3)] {
        let held = take(&db, "one", later).await.remove(0);
        done!(db, c => retry(c, (&held.id, "one"), later, "no answer", counted, NOW));
        assert!(take(&db, "early", later.plus_ms(-1)).await.is_empty(), "not before its time");
        let again = take(&db, "two", later).await.remove(0);
        assert_eq!((again.attempt, again.last_error.as_deref()), (attempt, Some("no answer")));
        done!(db, c => retry(c, (&again.id, "two"), later, "", false, NOW));
    }
}

async fn a_need_that_waits_is_there_once_and_as_urgent_as_its_most_urgent_ask(db: Db) {
    let at = NOW.plus_secs(10);
    need(&db, "a", at).await;
    need(&db, "a", at.plus_secs(10)).await;
    assert_eq!(counts(&db).await, HashMap::from([("ready".to_owned(), 1)]));
    assert_eq!(
        seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))),
        Some(at),
        "a later ask does not put it off"
    );
    need(&db, "a", NOW).await;
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), Some(NOW), "an earlier one hurries it");
    done!(db, c => enqueue(c, &NewJob { kind: "absorb", ..job(None, "a", "a2", NOW) }));
    assert_eq!(subjects(&take(&db, "one", NOW).await), ["a"]);
    let other = done!(db, c => claim(c, "absorb", "one", NOW, LEASE, 9));
    assert_eq!(subjects(&other), ["a"], "another kind of the same subject is another need");
}

async fn a_need_that_arises_while_its_job_runs_makes_it_run_again(db: Db) {
    need(&db, "a", NOW).await;
    let running = take(&db, "one", NOW).await.remove(0);
    need(&db, "a", NOW).await;
    need(&db, "a", NOW).await;
    assert!(take(&db, "two", NOW).await.is_empty(), "not beside itself");
    assert!(done!(db, c => finish(c, &running.id, "one")));
    let again = take(&db, "two", NOW).await;
    assert_eq!((subjects(&again), again[0].attempt), (vec!["a"], 1));
    assert!(done!(db, c => finish(c, &again[0].id, "two")));
    assert!(take(&db, "three", NOW).await.is_empty(), "and once more is enough");
}

async fn a_retry_that_finds_a_waiting_twin_gives_way_to_it(db: Db) {
    need(&db, "a", NOW).await;
    let running = take(&db, "one", NOW).await.remove(0);
    need(&db, "a", NOW).await;
    done!(db, c => retry(c, (&running.id, "one"), NOW, "no answer", true, NOW));
    assert_eq!(counts(&db).await, HashMap::from([("ready".to_owned(), 1)]));
    let twin = take(&db, "two", NOW).await.remove(0);
    assert_ne!(twin.id, running.id);
}

async fn a_reaped_job_that_finds_a_waiting_twin_gives_way_to_it(db: Db) {
    need(&db, "a", NOW).await;
    let dead = take(&db, "one", NOW).await.remove(0);
    need(&db, "a", NOW).await;
    assert_eq!(done!(db, c => reap(c, UnixMs(i64::MAX), NOW)), 1);
    let left = take(&db, "two", NOW).await;
    assert_eq!((left.len(), left[0].id == dead.id), (1, false));
    assert_eq!(counts(&db).await, HashMap::from([("leased".to_owned(), 1)]));
}

async fn what_was_waited_for_hurries_only_its_own(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    let at = NOW.plus_secs(10);
    done!(db, c => enqueue(c, &job(Some(&iris), "his", "1", at)));
    done!(db, c => enqueue(c, &NewJob { kind: "absorb", ..job(Some(&iris), "his", "2", at) }));
    done!(db, c => enqueue(c, &job(Some(&rose), "hers", "3", at)));
    done!(db, c => hurry_all(c, &iris, "1", NOW));
    done!(db, c => hurry_all(c, &rose, "1", NOW));
    let hurried = take(&db, "one", NOW).await;
    assert_eq!((subjects(&hurried), hurried[0].kind.as_str()), (vec!["his"], "send"));
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), Some(at));
    done!(db, c => hurry_all(c, &rose, "3", at.plus_secs(5)));
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), Some(at), "hurrying never puts off");
    assert!(done!(db, c => claim(c, "absorb", "two", at.plus_ms(-1), LEASE, 9)).is_empty());
}

async fn the_next_due_is_the_earliest_that_waits(db: Db) {
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), None);
    need(&db, "b", NOW.plus_ms(2)).await;
    assert_eq!(seen!(db, c => next_due(c, "send", NOW.plus_ms(1))), None, "beyond the horizon");
    assert_eq!(seen!(db, c => next_due(c, "send", NOW.plus_ms(2))), Some(NOW.plus_ms(2)));
    assert_eq!(seen!(db, c => next_due(c, "absorb", UnixMs(i64::MAX))), None, "another kind's");
    need(&db, "a", NOW).await;
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), Some(NOW));
    take(&db, "one", NOW).await;
    assert_eq!(
        seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))),
        Some(NOW.plus_ms(2)),
        "what runs is not due"
    );
    let held = take(&db, "two", NOW.plus_ms(2)).await.remove(0);
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), None);
    done!(db, c => retry(c, (&held.id, "two"), NOW.plus_secs(7), "", true, NOW));
    assert_eq!(seen!(db, c => next_due(c, "send", UnixMs(i64::MAX))), Some(NOW.plus_secs(7)));
}

async fn jobs_are_counted_by_kind_and_state(db: Db) {
    need(&db, "a", NOW).await;
    need(&db, "b", NOW.plus_ms(1)).await;
    need(&db, "c", NOW.plus_ms(2)).await;
    take(&db, "one", NOW).await;
    done!(db, c => enqueue(c, &NewJob { kind: "absorb", ..job(None, "a", "d", NOW.plus_ms(3)) }));
    let mut counted = seen!(db, c => count(c));
    counted.sort();
    let row =
        |kind: &str, state: &str, count, at| (kind.to_owned(), state.to_owned(), count, Some(NOW.0 + at));
    let wanted = [row("absorb", "ready", 1, 3), row("send", "leased", 1, 0), row("send", "ready", 2, 1)];
    assert_eq!(counted, wanted);
}

async fn a_salon_that_goes_takes_its_waiting_jobs_along_and_no_other(db: Db) {
    let (iris, rose) = (salon(&db).await, salon(&db).await);
    done!(db, c => enqueue(c, &job(Some(&iris), "runs", "1", NOW)));
    let running = take(&db, "one", NOW).await.remove(0);
    done!(db, c => enqueue(c, &job(Some(&iris), "waits", "2", NOW)));
    done!(db, c => enqueue(c, &job(Some(&rose), "hers", "3", NOW)));
    need(&db, "platform", NOW).await;
    done!(db, c => delete_all(c, &iris));
    assert_eq!(subjects(&take(&db, "two", NOW).await), ["hers", "platform"]);
    assert!(done!(db, c => finish(c, &running.id, "one")), "what runs ends by itself");
}
