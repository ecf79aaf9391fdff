//! Two nodes over a Redis that dies and comes back.

use std::process::{Child, Command, Stdio};

use super::*;
use crate::kernel::clock::{Clock as _, SystemClock};

const SMALL: Budget = Budget {
    per_second: 4,
    second_ms: 300,
    per_minute: 20,
    minute_ms: 1_500,
    background_per_second: 2,
    background_per_minute: 12,
};

/// A Redis of this test's own, to be killed.
struct Redis {
    port: u16,
    child: Child,
}

impl Redis {
    fn start(port: Option<u16>) -> Self {
        let free = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            listener.local_addr().expect("an address").port()
        };
        let port = port.unwrap_or_else(free);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server: run the tests by bin/test, which installs it");
        Self { port, child }
    }

    async fn node(&self) -> Arc<LinedPace<Shared>> {
        let url = format!("redis://127.0.0.1:{}", self.port);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match turns(&url, "test", SMALL).await {
                Ok(turns) => return Arc::new(LinedPace::of(Shared::of(turns))),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        }
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes turns until it is dropped, and writes down when.
fn keep_taking(
    node: &Arc<LinedPace<Shared>>,
    urgency: Urgency,
    calls: &Arc<Mutex<Vec<i64>>>,
) -> tokio::task::AbortHandle {
    let (node, calls) = (Arc::clone(node), Arc::clone(calls));
    let taking = tokio::spawn(async move {
        loop {
            node.take(1, urgency).await;
            calls.lock().expect("not poisoned").push(SystemClock.now().0);
        }
    });
    taking.abort_handle()
}

async fn calls_reach(calls: &Arc<Mutex<Vec<i64>>>, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut tick = tokio::time::interval(Duration::from_millis(5));
    while calls.lock().expect("not poisoned").len() < count {
        assert!(Instant::now() < deadline, "{:?}", calls.lock().expect("not poisoned"));
        tick.tick().await;
    }
}

/// The product's windows are a tenth longer than the platform's; so here.
fn assert_within_the_limits(calls: &Arc<Mutex<Vec<i64>>>) {
    let mut times = calls.lock().expect("not poisoned").clone();
    times.sort_unstable();
    for (share, window_ms) in [(SMALL.per_second, 200), (SMALL.per_minute, 1_350)] {
        for (first, last) in times.iter().zip(times.iter().skip(share)) {
            assert!(last - first > window_ms, "{} calls in {} ms: {times:?}", share + 1, last - first);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_forgot_is_told_what_was_taken() {
    let redis = Redis::start(None);
    let (a, b) = (redis.node().await, redis.node().await);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let taking = [keep_taking(&a, Urgency::Urgent, &calls), keep_taking(&b, Urgency::Urgent, &calls)];
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let mut hand = redis::Client::open(url)
        .expect("an address")
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    for flushes in 1..=4 {
        calls_reach(&calls, flushes * 10).await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut hand).await.expect("forgotten");
    }
    calls_reach(&calls, 60).await;
    taking.iter().for_each(tokio::task::AbortHandle::abort);
    assert_within_the_limits(&calls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_node_is_slower_and_none_is_wrong() {
    let mut redis = Redis::start(None);
    let (a, b) = (redis.node().await, redis.node().await);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let taking = [
        keep_taking(&a, Urgency::Urgent, &calls),
        keep_taking(&b, Urgency::Urgent, &calls),
        keep_taking(&b, Urgency::Background, &calls),
    ];
    calls_reach(&calls, 24).await;
    redis.kill();
    let killed = SystemClock.now().0;
    let so_far = calls.lock().expect("not poisoned").len();
    calls_reach(&calls, so_far + 24).await;
    let alone: Vec<i64> = calls.lock().expect("not poisoned")[so_far + 3..].to_vec();
    assert!(alone[0] - killed >= 1_000, "for a minute the others' turns count: {}", alone[0] - killed);

    let redis = Redis::start(Some(redis.port));
    let _answers = redis.node().await;
    let so_far = calls.lock().expect("not poisoned").len();
    calls_reach(&calls, so_far + 30).await;
    taking.iter().for_each(tokio::task::AbortHandle::abort);
    assert_within_the_limits(&calls);
}
