//! Several processes on one database: killed, paused, cut off from Redis and from PostgreSQL. Each session has one owner, each
//! client hears each thing once, and nothing that was acknowledged is lost.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_trip::{self, Page, Report, Trip};
use salonbridge::domain::message::MessageKind;
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::kit::{hook_of, postgres};

const PATIENCE: Duration = Duration::from_secs(60);
/// What the house promises of a takeover.
const TAKEOVER: Duration = Duration::from_secs(10);

/// Nodes behind a balancer that hands each connection to the next one.
struct Cluster {
    around: Around,
    trip: Trip,
    database: String,
    pool: PgPool,
    nodes: HashMap<u16, Child>,
    /// Those that the balancer gives connections to.
    serving: Arc<Mutex<Vec<u16>>>,
    redis: Redis,
    hook: String,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// A Redis of the test's own, for it is killed.
struct Redis {
    port: u16,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port()
}

impl Redis {
    async fn start() -> Self {
        let mut redis =
            Self { port: free_port().await, folder: tempfile::tempdir().expect("a folder"), process: None };
        redis.begin().await;
        redis
    }

    async fn begin(&mut self) {
        let process = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--daemonize",
                "no",
            ])
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.process = Some(process.expect("redis-server: bin/test installs it"));
        let port = self.port;
        until("Redis", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    }

    async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await.expect("killed");
    }
}

async fn until(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Gives each connection to the next node that takes it.
async fn balance(listener: TcpListener, serving: Arc<Mutex<Vec<u16>>>) {
    let mut turn = 0;
    while let Ok((mut from, _)) = listener.accept().await {
        let mut order = serving.lock().expect("no panic").clone();
        turn += 1;
        let first = turn % order.len().max(1);
        order.rotate_left(first);
        tokio::spawn(async move {
            for port in order {
                if let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = copy_bidirectional(&mut from, &mut to).await;
                    return;
                }
            }
        });
    }
}

impl Cluster {
    /// Three nodes; a salon is installed over the balancer, linked, and active.
    async fn active() -> Self {
        let database = postgres().await;
        let redis = Redis::start().await;
        let mut env = Env::from(
            [
                ("SALONBRIDGE_SETTLE_MS", "200"),
                ("SALONBRIDGE_CONFIRM_WAIT_S", "0"),
                ("SALONBRIDGE_GRACE_S", "2"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.insert("DATABASE_URL".to_owned(), database.clone());
        env.insert("REDIS_URL".to_owned(), format!("redis://127.0.0.1:{}", redis.port));
        let folder = tempfile::tempdir().expect("a folder");
        let around =
            World::start(&env, folder.path(), 0).await.expect("the world starts").without_product().await;
        let trip =
            Trip::among(&around.product_url, &around.yclients_url, &around.whatsapp_url).expect("hands");
        let serving = Arc::new(Mutex::new(Vec::new()));
        let listener =
            TcpListener::bind(around.product_url.replace("http://", "")).await.expect("the balancer");
        tokio::spawn(balance(listener, serving.clone()));
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            // Each request is another connection, and so another node.
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        let mut cluster = Self {
            pool: PgPool::connect(&database).await.expect("PostgreSQL"),
            around,
            trip,
            database,
            nodes: HashMap::new(),
            serving,
            redis,
            hook: String::new(),
            http,
            _folder: folder,
        };
        for _ in 0..3 {
            cluster.add().await;
        }
        let page = cluster.trip.install(&mut Report::default()).await.expect("installed");
        cluster.linked(&page).await;
        cluster
    }

    async fn linked(&mut self, page: &Page) {
        self.trip.link(page, &mut Report::default()).await.expect("linked over the balancer");
        let salon = format!("/admin/salons/{}", demo_trip::SALON);
        let installed = self.trip.crm("GET", &salon, &Value::Null).await.expect("the sandbox answers");
        self.hook = installed["install"]["webhook_urls"][0].as_str().expect("an address").to_owned();
    }

    /// One more node, which serves when this returns.
    async fn add(&mut self) -> u16 {
        let port = free_port().await;
        let child = Command::new(env!("CARGO_BIN_EXE_salonbridge"))
            .arg("serve")
            .envs(&self.around.env)
            .env("SALONBRIDGE_LISTEN", format!("127.0.0.1:{port}"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self._folder.path().join(format!("{port}.log"))).expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        self.nodes.insert(port, child);
        let live = format!("http://127.0.0.1:{port}/health/live");
        until("a node", async || self.http.get(&live).send().await.is_ok()).await;
        self.serving.lock().expect("no panic").push(port);
        port
    }

    fn out_of_balance(&self, port: u16) {
        self.serving.lock().expect("no panic").retain(|serving| *serving != port);
    }

    fn signal(&self, port: u16, signal: &str) {
        let pid = self.nodes[&port].id().expect("it runs").to_string();
        let done = std::process::Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(done.success());
    }

    /// The node that runs the salon's session: found by who listens where the database says.
    async fn owner(&self) -> u16 {
        for port in self.nodes.keys() {
            let log =
                std::fs::read_to_string(self._folder.path().join(format!("{port}.log"))).unwrap_or_default();
            let lease =
                sqlx::query("SELECT node FROM session_lease").fetch_one(&self.pool).await.expect("a lease");
            if log.contains(lease.get::<&str, _>("node")) {
                return *port;
            }
        }
        panic!("nobody owns the session");
    }

    async fn epoch(&self) -> i64 {
        let row =
            sqlx::query("SELECT epoch FROM session_lease").fetch_one(&self.pool).await.expect("a lease");
        row.get("epoch")
    }

    /// A booking whose hook is posted until it is taken.
    async fn book(&self, record: i64) {
        let body = hook_of(record, "create", &json!({}), SystemClock.now());
        until("a hook that is taken", async || {
            let answer = self.http.post(&self.hook).body(body.clone()).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Waits until the client has so many messages, and has none twice.
    async fn told(&self, count: usize) {
        until(&format!("{count} messages"), async || {
            self.trip.received().await.is_ok_and(|received| received.len() >= count)
        })
        .await;
        let received = self.trip.received().await.expect("the phone answers");
        let mut ids: Vec<&str> = received.iter().filter_map(|message| message["id"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((received.len(), ids.len()), (count, count), "each once: {received:#?}");
    }

    /// What the database says of the confirmations, by state.
    async fn confirmations(&self) -> HashMap<String, i64> {
        let rows = sqlx::query("SELECT state, count(*) AS n FROM outbox WHERE kind = $1 GROUP BY state")
            .bind(MessageKind::Confirmation.as_str())
            .fetch_all(&self.pool)
            .await
            .expect("counted");
        rows.into_iter().map(|row| (row.get("state"), row.get("n"))).collect()
    }

    async fn stop(mut self) {
        for (_, mut node) in self.nodes.drain() {
            node.kill().await.expect("killed");
        }
        self.around.stop();
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
    assert_eq!(cluster.confirmations().await, HashMap::from([("sent".to_owned(), 3)]));
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
    cluster.out_of_balance(asleep);
    cluster.book(2).await;
    cluster.told(2).await;
    assert!(cluster.epoch().await > before);
    let taken = cluster.epoch().await;
    cluster.signal(asleep, "-CONT");
    cluster.serving.lock().expect("no panic").push(asleep);
    for record in 3..=12 {
        cluster.book(record).await;
    }
    cluster.told(12).await;
    assert_eq!(cluster.epoch().await, taken, "whoever has it keeps it");
    let log = std::fs::read_to_string(cluster._folder.path().join(format!("{asleep}.log"))).expect("a log");
    assert!(log.contains("given up by the others"), "{log}");
    assert_eq!(cluster.confirmations().await, HashMap::from([("sent".to_owned(), 12)]));
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
    assert_eq!(cluster.confirmations().await, HashMap::from([("sent".to_owned(), 11)]));
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
    assert_eq!(cluster.confirmations().await, HashMap::from([("sent".to_owned(), 6)]));
    cluster.stop().await;
}
