//! Databases, keys, a recording sink, and a sandbox with phones.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use salonbridge::app::node::Node;
use salonbridge::app::vault::{DataKeys, DbVault};
use salonbridge::domain::session::{InboundMessage, Lease, PairBy, SessionEvent, SessionState};
use salonbridge::kernel::clock::{Clock as _, SystemClock, UnixMs};
use salonbridge::kernel::id::{NodeId, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::kernel::seal::{DataKey, MasterKeys};
use salonbridge::storage::Db;
use salonbridge::whatsapp::gateway::{Gateway, Outgoing, Sink};
use salonbridge::whatsapp::store::WaStore;
use salonbridge::whatsapp::vault::Vault;
use salonbridge::whatsapp::{LiveGateway, Pace, Settings};
use salonbridge_sandbox::whatsapp::{self as sandbox, Options};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Only what hangs takes so long: a debug build on a machine that does other things is slow.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub const SALON: &str = "79990000001";
pub const ANNA: &str = "79990000002";
pub const OLEG: &str = "79990000003";

pub fn phone(number: &str) -> Phone {
    Phone::parse(&format!("+{number}")).expect("a number")
}

pub fn tenant() -> TenantId {
    static NEXT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1_700_000_000_000);
    TenantId::new(UnixMs(NEXT.fetch_add(1, Ordering::SeqCst)))
}

/// A database of its own: a file, or a database in the cluster that `TEST_DATABASE_URL` names.
pub struct Base {
    pub db: Db,
    pub folder: tempfile::TempDir,
}

pub async fn sqlite() -> Base {
    let folder = tempfile::tempdir().expect("a folder");
    let db = Db::open(&format!("sqlite:{}", folder.path().join("test.db").display())).await.expect("opens");
    Base { db, folder }
}

/// `None` where no PostgreSQL was named.
pub async fn postgres() -> Option<Base> {
    let url = std::env::var("TEST_DATABASE_URL").ok()?;
    let name = format!("wa_{}", salonbridge::kernel::secret::random_hex(6));
    let cluster = sqlx::PgPool::connect(&url).await.expect("PostgreSQL at TEST_DATABASE_URL");
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&cluster).await.expect("a database");
    cluster.close().await;
    let mut own = url::Url::parse(&url).expect("a URL");
    own.set_path(&name);
    let db = Db::open(own.as_str()).await.expect("opens");
    Some(Base { db, folder: tempfile::tempdir().expect("a folder") })
}

/// The row every value of a tenant hangs on.
pub async fn add_tenant(db: &Db, tenant: &TenantId) {
    static SALON_ID: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1);
    const INSERT: &str = "INSERT INTO tenant (id, salon_id, state, title, address, timezone, locale, data_key, api_key, \
         hook_key, hook_key_hash, owner, created_at, updated_at, state_since_at) \
         VALUES ($1, $2, 'active', '', '', 'Europe/Moscow', 'ru', '', '', '', $3, '', 0, 0, 0)";
    let salon = SALON_ID.fetch_add(1, Ordering::SeqCst);
    match db {
        Db::Sqlite { writer, .. } => {
            let insert = sqlx::query(INSERT).bind(tenant.as_str()).bind(salon).bind(tenant.as_str());
            insert.execute(writer).await.expect("a tenant");
        }
        Db::Postgres(pool) => {
            let insert = sqlx::query(INSERT).bind(tenant.as_str()).bind(salon).bind(tenant.as_str());
            insert.execute(pool).await.expect("a tenant");
        }
    }
}

/// Data keys made on demand.
pub struct Keys {
    master: MasterKeys,
    known: Mutex<HashMap<TenantId, (DataKey, String)>>,
    /// While set, no key is given: the store fails as it would with the database gone.
    pub gone: AtomicBool,
}

impl Keys {
    pub fn new() -> Arc<Self> {
        let master = MasterKeys::parse(&"42".repeat(32)).expect("a key");
        Arc::new(Self { master, known: Mutex::default(), gone: AtomicBool::new(false) })
    }
}

#[async_trait]
impl DataKeys for Keys {
    async fn data_key(&self, tenant: &TenantId) -> anyhow::Result<DataKey> {
        anyhow::ensure!(!self.gone.load(Ordering::SeqCst), "the database is gone");
        let mut known = self.known.lock().expect("no panic");
        let key = known.entry(tenant.clone()).or_insert_with(|| self.master.new_data_key(tenant));
        Ok(key.0.clone())
    }
}

/// The keys of a database, in the hand of a node of its own.
pub async fn vault(base: &Base) -> Arc<DbVault> {
    vault_with(base, Keys::new()).await
}

pub async fn vault_with(base: &Base, keys: Arc<Keys>) -> Arc<DbVault> {
    let now = SystemClock.now();
    // Nobody looks for its beat here, and it clears nobody away.
    let node = Arc::new(Node::alone(now));
    let mut conn = base.db.begin().await.expect("a connection");
    salonbridge::storage::node::join(&mut conn, &node.id(), now).await.expect("joined");
    conn.commit().await.expect("committed");
    Arc::new(DbVault::new(base.db.clone(), keys, node))
}

/// A session's keys, held.
pub async fn held(vault: &Arc<DbVault>, tenant: &TenantId) -> WaStore {
    let lease = vault.hold(tenant).await.expect("asked").expect("free");
    WaStore::new(vault.clone(), lease)
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Recorder {
    pub events: Mutex<Vec<(TenantId, SessionEvent)>>,
    pub kept: Mutex<Vec<InboundMessage>>,
    /// While set, nothing is kept.
    pub full: AtomicBool,
    /// While set, keeping takes for ever.
    pub stuck: AtomicBool,
    /// How often something was to be kept.
    pub asked: std::sync::atomic::AtomicU32,
    changed: watch::Sender<u64>,
}

#[async_trait]
impl Sink for Recorder {
    async fn keep(&self, _tenant: &TenantId, message: InboundMessage) -> anyhow::Result<()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.changed.send_modify(|n| *n += 1);
        if self.stuck.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        anyhow::ensure!(!self.full.load(Ordering::SeqCst), "the disk is full");
        self.kept.lock().expect("no panic").push(message);
        self.changed.send_modify(|n| *n += 1);
        Ok(())
    }

    async fn tell(&self, lease: &Lease, event: SessionEvent) {
        self.events.lock().expect("no panic").push((lease.tenant.clone(), event));
        self.changed.send_modify(|n| *n += 1);
    }
}

impl Recorder {
    /// Waits until `look` finds something in what was told to the tenant.
    pub async fn wait<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let found = async {
            loop {
                if let Some(found) = look(self) {
                    return found;
                }
                changed.changed().await.expect("the recorder lives");
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => {
                panic!("{what} did not happen; told so far: {:#?}", self.events.lock().expect("no panic"))
            }
        }
    }

    pub fn of(&self, tenant: &TenantId) -> Vec<SessionEvent> {
        let events = self.events.lock().expect("no panic");
        events.iter().filter(|(of, _)| of == tenant).map(|(_, event)| event.clone()).collect()
    }

    /// Forgets what was told, so that the next wait is for something new.
    pub fn forget(&self) {
        self.events.lock().expect("no panic").clear();
    }

    pub async fn state(&self, tenant: &TenantId, wanted: SessionState) -> (String, Option<UnixMs>) {
        self.wait(&format!("state {wanted:?}"), |recorder| {
            recorder.of(tenant).into_iter().rev().find_map(|event| match event {
                SessionEvent::State { state, reason, until } if state == wanted => Some((reason, until)),
                _ => None,
            })
        })
        .await
    }

    pub async fn qr(&self, tenant: &TenantId) -> String {
        self.wait("a QR code", |recorder| {
            recorder.of(tenant).into_iter().rev().find_map(|event| match event {
                SessionEvent::Qr { code, .. } => Some(code),
                _ => None,
            })
        })
        .await
    }
}

/// A sandbox on its own port.
pub struct Stage {
    pub base: String,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Stage {
    pub async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Quiet unless asked: RUST_LOG=debug shows what the library thinks.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        let phones = vec![format!("{SALON}=Salon Iris"), format!("{ANNA}=Anna"), format!("{OLEG}=Oleg")];
        tokio::spawn(sandbox::serve(listener, Options { phones }, stop.clone()));
        Self { base, http: reqwest::Client::new(), stop }
    }

    pub fn socket(&self) -> String {
        format!("{}/ws/chat", self.base.replacen("http", "ws", 1))
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        assert!(answer.status().is_success(), "GET {path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let answer =
            self.http.post(format!("{}{path}", self.base)).json(&body).send().await.expect("an answer");
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert!(status.is_success(), "POST {path}: {status} {body}");
        body
    }

    /// The messages of a phone, once there are at least `count`.
    pub async fn messages(&self, number: &str, count: usize) -> Vec<Value> {
        let path = format!("/phones/{number}/messages?count={count}&wait_ms={}", PATIENCE.as_millis());
        let messages = self.get(&path).await.as_array().expect("a list").clone();
        assert!(messages.len() >= count, "{number} has only {messages:?}");
        messages
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One process of ours, as far as WhatsApp is concerned: a gateway over a database.
pub struct House {
    pub stage: Stage,
    pub base: Base,
    pub keys: Arc<Keys>,
    pub vault: Arc<DbVault>,
    pub told: Arc<Recorder>,
    pub gateway: Arc<LiveGateway>,
    pub pace: Pace,
}

impl House {
    pub async fn open() -> Self {
        Self::on(sqlite().await, quick()).await
    }

    pub async fn with(pace: Pace) -> Self {
        Self::on(sqlite().await, pace).await
    }

    pub async fn on(base: Base, pace: Pace) -> Self {
        Self::at(Stage::open().await, base, pace, Keys::new()).await
    }

    pub async fn at(stage: Stage, base: Base, pace: Pace, keys: Arc<Keys>) -> Self {
        let vault = vault_with(&base, keys.clone()).await;
        let told = Arc::new(Recorder::default());
        let gateway = gateway(&stage, vault.clone(), told.clone(), pace.clone());
        Self { stage, base, keys, vault, told, gateway, pace }
    }

    /// Ends the process as it should end, and starts another on the same database.
    pub async fn restart(&mut self) {
        self.gateway.shutdown().await;
        self.told = Arc::new(Recorder::default());
        self.gateway = gateway(&self.stage, self.vault.clone(), self.told.clone(), self.pace.clone());
    }

    pub async fn salon(&self) -> TenantId {
        let tenant = tenant();
        add_tenant(&self.base.db, &tenant).await;
        tenant
    }

    /// A salon whose phone is linked and whose session is online.
    pub async fn linked(&self, number: &str) -> TenantId {
        let tenant = self.salon().await;
        self.link(&tenant, number).await;
        tenant
    }

    pub async fn link(&self, tenant: &TenantId, number: &str) {
        self.gateway.pair(tenant, PairBy::Qr).await.expect("pairing begins");
        let qr = self.told.qr(tenant).await;
        self.stage.post(&format!("/phones/{number}/scan"), json!({ "qr": qr })).await;
        self.told.state(tenant, SessionState::Online).await;
    }

    pub async fn send(&self, tenant: &TenantId, id: &str, to: &str, text: &str) {
        let message = Outgoing { message_id: id.to_owned(), to: phone(to), text: text.to_owned() };
        try_send(&self.gateway, tenant, &message).await.expect("handed over");
    }

    pub async fn rows(&self, tenant: &TenantId) -> i64 {
        const COUNT: &str = "SELECT COUNT(*) FROM wa_value WHERE tenant_id = $1";
        match &self.base.db {
            Db::Sqlite { readers, .. } => {
                sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(readers).await.expect("a count")
            }
            Db::Postgres(pool) => {
                sqlx::query_scalar(COUNT).bind(tenant.as_str()).fetch_one(pool).await.expect("a count")
            }
        }
    }
}

/// Sends under whatever lease the session has; one that does not run has none.
pub async fn try_send(
    gateway: &LiveGateway,
    tenant: &TenantId,
    message: &Outgoing,
) -> Result<(), salonbridge::whatsapp::error::Error> {
    let none = || Lease { tenant: tenant.clone(), node: NodeId::new(UnixMs(0)), epoch: 0 };
    gateway.send(&gateway.lease(tenant).unwrap_or_else(none), message).await
}

pub fn gateway(stage: &Stage, vault: Arc<DbVault>, told: Arc<Recorder>, pace: Pace) -> Arc<LiveGateway> {
    let settings = Settings { ws_url: Some(stage.socket()), version: None, pace };
    let vault: Arc<dyn Vault> = vault;
    Arc::new(LiveGateway::new(settings, vault, told, Arc::new(SystemClock)).expect("a gateway"))
}

/// Paces for tests: nothing that is waited for takes longer than it must.
pub fn quick() -> Pace {
    Pace {
        patience: Duration::from_secs(15),
        retry: Duration::from_millis(200),
        retry_max: Duration::from_secs(2),
        redeliver: Duration::from_millis(200),
        look: Duration::from_millis(100),
        send: Duration::from_secs(20),
        goodbye: Duration::from_secs(10),
        outdated: Duration::from_millis(500),
    }
}
