//! Several processes of the product on one PostgreSQL, behind a balancer, with a Redis of their own.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use salonbridge::boot::balancer::Balancer;
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_trip::{self, Page, Report, Trip};
use salonbridge::domain::message::MessageKind;
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sqlx::{PgPool, Row as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::kit::{PATIENCE, hook_of, postgres, until};

/// Nodes behind a balancer that hands each connection to the next one.
pub struct Cluster {
    pub around: Around,
    pub trip: Trip,
    pub database: String,
    pub pool: PgPool,
    pub nodes: HashMap<u16, Child>,
    pub balancer: Balancer,
    pub redis: Redis,
    pub hook: String,
    pub http: reqwest::Client,
    folder: tempfile::TempDir,
}

/// A Redis of the test's own, for it is killed.
pub struct Redis {
    pub port: u16,
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

    pub async fn begin(&mut self) {
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

    pub async fn kill(&mut self) {
        self.process.take().expect("it runs").kill().await.expect("killed");
    }
}

impl Cluster {
    /// Three nodes; a salon is installed over the balancer, linked, and active.
    pub async fn active() -> Self {
        let mut cluster = Self::of(3).await;
        let page = cluster.trip.install(&mut Report::default()).await.expect("installed");
        cluster.linked(&page).await;
        cluster
    }

    /// So many nodes, and nobody installed.
    pub async fn of(nodes: usize) -> Self {
        let database = postgres().await;
        let redis = Redis::start().await;
        let mut env = Env::from(
            [
                ("SALONBRIDGE_RULES", "settle_ms = 200\npacing.is_on = false"),
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
        let balancer = Balancer::default();
        let listener =
            TcpListener::bind(around.product_url.replace("http://", "")).await.expect("the balancer");
        tokio::spawn(balancer.clone().serve(listener));
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
            balancer,
            redis,
            hook: String::new(),
            http,
            folder,
        };
        for _ in 0..nodes {
            cluster.add().await;
        }
        cluster
    }

    pub async fn linked(&mut self, page: &Page) {
        self.trip.link(page, &mut Report::default()).await.expect("linked over the balancer");
        let salon = format!("/admin/salons/{}", demo_trip::SALON);
        let installed = self.trip.crm("GET", &salon, &Value::Null).await.expect("the sandbox answers");
        self.hook = installed["install"]["webhook_urls"][0].as_str().expect("an address").to_owned();
    }

    /// One more node, which serves when this returns.
    pub async fn add(&mut self) -> u16 {
        let port = free_port().await;
        let child = Command::new(env!("CARGO_BIN_EXE_salonbridge"))
            .arg("serve")
            .envs(&self.around.env)
            .env("SALONBRIDGE_LISTEN", format!("127.0.0.1:{port}"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.folder.path().join(format!("{port}.log"))).expect("a log"))
            .kill_on_drop(true)
            .spawn()
            .expect("starts");
        self.nodes.insert(port, child);
        let live = format!("http://127.0.0.1:{port}/health/live");
        until("a node", async || self.http.get(&live).send().await.is_ok()).await;
        self.balancer.add(port);
        port
    }

    /// From now on the balancer knows this node alone.
    pub fn only(&self, port: u16) {
        for other in self.balancer.serving() {
            self.balancer.remove(other);
        }
        self.balancer.add(port);
    }

    pub fn log_of(&self, port: u16) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("{port}.log"))).unwrap_or_default()
    }

    pub fn signal(&self, port: u16, signal: &str) {
        let pid = self.nodes[&port].id().expect("it runs").to_string();
        let done = std::process::Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(done.success());
    }

    /// The node that runs the salon's session: found by who listens where the database says.
    pub async fn owner(&self) -> u16 {
        for port in self.nodes.keys() {
            let lease =
                sqlx::query("SELECT node FROM session_lease").fetch_one(&self.pool).await.expect("a lease");
            if self.log_of(*port).contains(lease.get::<&str, _>("node")) {
                return *port;
            }
        }
        panic!("nobody owns the session");
    }

    pub async fn epoch(&self) -> i64 {
        let row =
            sqlx::query("SELECT epoch FROM session_lease").fetch_one(&self.pool).await.expect("a lease");
        row.get("epoch")
    }

    /// A booking whose hook is posted until it is taken.
    pub async fn book(&self, record: i64) {
        let body = hook_of(record, "create", &json!({}), SystemClock.now());
        until("a hook that is taken", async || {
            let answer = self.http.post(&self.hook).body(body.clone()).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Waits until the client has so many messages and the database knows it, and has none twice. Whoever is killed between the two
    /// leaves one in doubt, rightly.
    pub async fn told(&self, count: usize) {
        until(&format!("{count} messages"), async || {
            self.trip.received().await.is_ok_and(|received| received.len() >= count)
        })
        .await;
        let received = self.trip.received().await.expect("the phone answers");
        let mut ids: Vec<&str> = received.iter().filter_map(|message| message["id"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((received.len(), ids.len()), (count, count), "each once: {received:#?}");
        self.until_sent(count as i64).await;
    }

    /// Until the database says of `count` confirmations that they were sent, and of no other that it exists: a phone may show a
    /// message before its acknowledgement is written down.
    async fn until_sent(&self, count: i64) {
        let wanted = HashMap::from([("sent".to_owned(), count)]);
        let deadline = Instant::now() + PATIENCE;
        while self.confirmations().await != wanted {
            assert!(Instant::now() < deadline, "{:?} instead of {wanted:?}", self.confirmations().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the database says of the confirmations, by state.
    pub async fn confirmations(&self) -> HashMap<String, i64> {
        let rows = sqlx::query("SELECT state, count(*) AS n FROM outbox WHERE kind = $1 GROUP BY state")
            .bind(MessageKind::Confirmation.as_str())
            .fetch_all(&self.pool)
            .await
            .expect("counted");
        rows.into_iter().map(|row| (row.get("state"), row.get("n"))).collect()
    }

    pub async fn stop(mut self) {
        for (_, mut node) in self.nodes.drain() {
            node.kill().await.expect("killed");
        }
        self.around.stop();
    }
}
