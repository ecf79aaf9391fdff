//! Several processes on one database: killed, paused, cut off from Redis and from PostgreSQL. Each session has one owner, each
//! client hears each thing once, and nothing that was acknowledged is lost.

use std::time::{Duration, Instant};

use salonbridge::boot::demo_trip::{Report, SALON_PHONE, Socket};
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};

use crate::cluster::Cluster;
use crate::kit::{hook_of, until};

/// What the house promises of a takeover.
const TAKEOVER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_one_node_links_a_session_that_another_runs() {
    let mut cluster = Cluster::of(2).await;
    let nodes: Vec<u16> = cluster.nodes.keys().copied().collect();
    let (runs, shows) = (nodes[0], nodes[1]);
    // The page is opened on one node, which begins to link at once.
    cluster.only(runs);
    let page = cluster.trip.install(&mut Report::default()).await.expect("installed");
    until("a session that is being linked", async || cluster.epoch().await > 0).await;
    cluster.only(shows);

    // Its socket comes out at the other: the code is there, a code by number is to be had, and a cancel is heard.
    let mut socket = Socket::open(&cluster.around.product_url, &page.token).await.expect("a socket");
    shown(&mut socket, "qr").await;
    socket.send_with("request-code", &json!({"phone": format!("+{SALON_PHONE}")})).await.expect("sent");
    while shown(&mut socket, "code").await["code"].as_str().is_none_or(str::is_empty) {}
    socket.send("cancel").await.expect("sent");
    shown(&mut socket, "preparing").await;
    socket.send("request-qr").await.expect("sent");
    shown(&mut socket, "qr").await;
    drop(socket);
    // Linked, confirmed and activated over the other node, whoever runs it.
    cluster.linked(&page).await;
    cluster.book(1).await;
    cluster.told(1).await;

    // "Link another phone": the node that runs the session unlinks it, and the page sees the next code.
    let owner = cluster.owner().await;
    let other = if owner == runs { shows } else { runs };
    cluster.only(other);
    let mut socket = Socket::open(&cluster.around.product_url, &page.token).await.expect("a socket");
    shown(&mut socket, "active").await;
    socket.send("relink").await.expect("sent");
    shown(&mut socket, "qr").await;
    let devices = format!("/phones/{SALON_PHONE}/devices");
    let devices = cluster.trip.wa("GET", &devices, &Value::Null).await.expect("the sandbox answers");
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "the phone alone, really unlinked: {devices}");
    cluster.stop().await;
}

/// Reads states off a page's socket until it shows this step.
async fn shown(socket: &mut Socket, step: &str) -> Value {
    loop {
        let state =
            socket.next("state").await.unwrap_or_else(|error| panic!("{step} was never shown: {error:#}"));
        if state["state"] == step {
            return state;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_replaced_within_ten_seconds_and_a_stopped_one_at_once() {
    let mut cluster = Cluster::active().await;
    cluster.book(1).await;
    cluster.told(1).await;

    let owner = cluster.owner().await;
    let began = Instant::now();
    cluster.nodes.remove(&owner).expect("it runs").kill().await.expect("killed");
    cluster.book(2).await;
    cluster.told(2).await;
    let takeover = began.elapsed();
    assert!(takeover < TAKEOVER, "{takeover:?}");

    let owner = cluster.owner().await;
    let began = Instant::now();
    cluster.signal(owner, "-TERM");
    cluster.book(3).await;
    cluster.told(3).await;
    println!("takeover after kill -9: {takeover:?}, after a graceful stop: {:?}", began.elapsed());
    assert!(began.elapsed() < takeover, "nobody has to find out that it went");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_through_its_end_can_do_nothing_when_it_wakes() {
    let cluster = Cluster::active().await;
    cluster.book(1).await;
    cluster.told(1).await;
    let (asleep, before) = (cluster.owner().await, cluster.epoch().await);
    cluster.signal(asleep, "-STOP");
    // A balancer with a health check would see it.
    cluster.balancer.remove(asleep);
    cluster.book(2).await;
    cluster.told(2).await;
    assert!(cluster.epoch().await > before);
    let taken = cluster.epoch().await;
    cluster.signal(asleep, "-CONT");
    cluster.balancer.add(asleep);
    for record in 3..=12 {
        cluster.book(record).await;
    }
    cluster.told(12).await;
    assert_eq!(cluster.epoch().await, taken, "whoever has it keeps it");
    let log = cluster.log_of(asleep);
    assert!(log.contains("given up by the others"), "{log}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_it_is_slower_and_never_wrong() {
    let mut cluster = Cluster::active().await;
    cluster.redis.kill().await;
    for record in 1..=5 {
        cluster.book(record).await;
    }
    cluster.told(5).await;
    cluster.redis.begin().await;
    for record in 6..=10 {
        cluster.book(record).await;
    }
    cluster.told(10).await;
    // Flushed in the middle of a run: nothing in it is the only copy of anything.
    let mut redis = redis::Client::open(format!("redis://127.0.0.1:{}", cluster.redis.port))
        .expect("an address")
        .get_multiplexed_async_connection()
        .await
        .expect("Redis");
    redis::cmd("FLUSHALL").query_async::<()>(&mut redis).await.expect("flushed");
    cluster.book(11).await;
    cluster.told(11).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgresql_gone_for_a_while_hooks_are_refused_and_then_taken() {
    let cluster = Cluster::active().await;
    cluster.book(1).await;
    cluster.told(1).await;
    let (server, name) = cluster.database.rsplit_once('/').expect("a database in the address");
    let admin = PgPool::connect(&format!("{server}/postgres")).await.expect("PostgreSQL");
    let run = async |sql: String| sqlx::query(AssertSqlSafe(sql)).execute(&admin).await.expect("done");
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    let body = hook_of(2, "create", &json!({}), SystemClock.now());
    for _ in 0..6 {
        let answer = cluster.http.post(&cluster.hook).body(body.clone()).send().await;
        let status = answer.map(|answer| answer.status().as_u16()).unwrap_or(503);
        assert_eq!(status, 503, "never a false 200");
    }
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    for record in 2..=6 {
        cluster.book(record).await;
    }
    cluster.told(6).await;
    cluster.stop().await;
}
