//! A salon in a world of its own: installed, linked, and ready to be treated badly.

use std::time::{Duration, Instant};

use salonbridge::app::{App, connect};
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip::{self, Page, Report, Trip};
use salonbridge::domain::connect::ConnectStep;
use salonbridge::domain::session::SessionState;
use salonbridge::domain::tenant::TenantState;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::kernel::id::TenantId;
use salonbridge::kernel::secret::random_hex;
use salonbridge::storage::{decision, tenant, wa_session};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The operator's token.
pub const OPERATOR: &str = "the operator of all the salons, thirty-two and more";

/// Longer than anything takes; a test that waits so long has failed.
/// Only what hangs takes so long: a debug build on a machine that does other things is slow.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub struct Salon {
    pub world: World,
    pub tenant: TenantId,
    pub token: String,
    page: Page,
    pub http: reqwest::Client,
    pub folder: TempDir,
}

/// A database of its own in the server that bin/test started.
pub async fn postgres() -> String {
    let server = std::env::var("TEST_DATABASE_URL")
        .expect("TEST_DATABASE_URL is not set: run the tests by bin/test, which starts a PostgreSQL");
    let name = format!("trip_{}", random_hex(6));
    let pool = sqlx::PgPool::connect(&server).await.expect("the server answers");
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&pool).await.expect("made");
    let (base, _) = server.rsplit_once('/').expect("a database in the address");
    format!("{base}/{name}")
}

impl Salon {
    /// Installed and linked, with hooks absorbed almost at once.
    pub async fn active() -> Self {
        Self::active_on(Env::new()).await
    }

    /// The same with these settings.
    pub async fn active_with<const N: usize>(settings: [(&str, String); N]) -> Self {
        Self::active_on(settings.map(|(name, value)| (name.to_owned(), value)).into()).await
    }

    /// The same on a database of its own in PostgreSQL.
    pub async fn active_on_postgres() -> Self {
        Self::active_with([("DATABASE_URL", postgres().await)]).await
    }

    async fn active_on(settings: Env) -> Self {
        let salon = Self::installed_on(settings, json!({}), json!([])).await;
        salon.link().await;
        assert_eq!(salon.state().await, TenantState::Active);
        salon
    }

    /// The same while these routes of YClients fail.
    pub async fn active_under(routes: Value) -> Self {
        let salon = Self::installed_on(Env::new(), json!({}), routes).await;
        salon.link().await;
        salon
    }

    /// Installed, its page opened once and its phone not linked, in a WhatsApp with these faults.
    pub async fn installed(whatsapp_faults: Value) -> Self {
        Self::installed_on(Env::new(), whatsapp_faults, json!([])).await
    }

    async fn installed_on(settings: Env, whatsapp_faults: Value, routes: Value) -> Self {
        let mut env = Env::from(
            [
                ("SALONBRIDGE_RULES", "settle_ms = 300\npacing.is_on = false"),
                ("SALONBRIDGE_GRACE_S", "2"),
                ("SALONBRIDGE_OPERATOR_TOKEN", OPERATOR),
            ]
            .map(|(k, v)| (k.to_owned(), v.to_owned())),
        );
        env.extend(settings);
        // The journal is read when a test says so.
        if let Some(rules) = env.get_mut("SALONBRIDGE_RULES").filter(|rules| !rules.contains("sync.")) {
            rules.insert_str(0, "sync.minutes = 0\n");
        }
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start(&env, folder.path(), 0).await.expect("the world starts");
        let trip = Trip::new(&world).expect("hands");
        trip.crm("POST", "/admin/faults", &json!({ "routes": routes })).await.expect("set");
        trip.wa("POST", "/faults", &whatsapp_faults).await.expect("set");
        let page = trip.install(&mut Report::default()).await.expect("installed");
        let mut conn = world.product.app.db.read().await.expect("a connection");
        let stored =
            tenant::find_by_salon(&mut conn, SalonId(demo_trip::SALON)).await.expect("read").expect("there");
        drop(conn);
        let http = reqwest::Client::new();
        Self { tenant: stored.tenant.id, token: page.token.clone(), page, world, http, folder }
    }

    /// Scans the code on the page, says yes to the number and waits until the salon is active.
    pub async fn link(&self) {
        self.trip().link(&self.page, &mut Report::default()).await.expect("linked");
    }

    pub async fn restarted(self) -> Self {
        Self { world: self.world.restart().await.expect("starts again"), ..self }
    }

    pub fn app(&self) -> &App {
        &self.world.product.app
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.world.product_url)
    }

    pub fn trip(&self) -> Trip {
        Trip::new(&self.world).expect("hands")
    }

    pub async fn crm(&self, method: &str, path: &str, body: Value) -> Value {
        self.trip().crm(method, path, &body).await.expect("the sandbox does it")
    }

    /// The path of the salon's first webhook address, as the marketplace was told it.
    pub async fn hook_path(&self) -> String {
        let salon = self.crm("GET", &format!("/admin/salons/{}", demo_trip::SALON), Value::Null).await;
        let url = salon["install"]["webhook_urls"][0].as_str().expect("an address").to_owned();
        url.strip_prefix(&self.world.product_url).expect("ours").to_owned()
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> u16 {
        self.http.post(self.url(path)).body(body).send().await.expect("an answer").status().as_u16()
    }

    pub async fn get(&self, path: &str) -> u16 {
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        http.get(self.url(path)).send().await.expect("an answer").status().as_u16()
    }

    /// Texts on the client's phone, once there are so many of them.
    pub async fn told(&self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        self.until(&format!("{count} messages"), async || {
            let received = self.trip().received().await.expect("the phone answers");
            texts = received.iter().map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect();
            texts.len() >= count
        })
        .await;
        assert_eq!(texts.len(), count, "{texts:#?}");
        texts
    }

    /// Every decision stored so far, the newest first: verb and reason.
    pub async fn decisions(&self) -> Vec<(String, String)> {
        let mut conn = self.app().db.read().await.expect("a connection");
        let rows = decision::list_recent(&mut conn, &self.tenant, 100).await.expect("read");
        rows.into_iter().map(|row| (row.verb, row.reason)).collect()
    }

    /// Waits until a decision of this kind is stored.
    pub async fn decided(&self, verb: &str, reason: &str) {
        self.until(&format!("{verb}: {reason}"), async || {
            self.decisions().await.iter().any(|(v, r)| v == verb && r == reason)
        })
        .await;
    }

    pub async fn state(&self) -> TenantState {
        let mut conn = self.app().db.read().await.expect("a connection");
        tenant::find(&mut conn, &self.tenant).await.expect("read").expect("there").tenant.state
    }

    /// What the connect page shows.
    pub async fn step(&self) -> ConnectStep {
        connect::view(self.app(), &self.tenant).await.expect("a view").step
    }

    pub async fn until_step(&self, name: &str) -> ConnectStep {
        self.until(&format!("the page says {name}"), async || self.step().await.name() == name).await;
        self.step().await
    }

    pub async fn session(&self) -> SessionState {
        let mut conn = self.app().db.read().await.expect("a connection");
        let row = wa_session::find(&mut conn, &self.tenant).await.expect("read");
        row.map_or(SessionState::Unpaired, |row| row.state)
    }

    pub async fn until_session(&self, state: SessionState) {
        self.until(state.as_str(), async || self.session().await == state).await;
    }

    /// Bad weather over WhatsApp.
    pub async fn whatsapp(&self, faults: Value) {
        self.trip().wa("POST", "/faults", &faults).await.expect("set");
    }

    pub async fn until_state(&self, state: TenantState) {
        self.until(state.as_str(), async || self.state().await == state).await;
    }

    /// Waits until every hook that YClients did not lose was posted, the late ones too.
    pub async fn until_hooks_left(&self) {
        let is_none = async |state: &str| {
            self.crm("GET", &format!("/admin/hooks?state={state}"), Value::Null).await["count"] == 0
        };
        self.until("every hook left", async || is_none("queued").await && is_none("sending").await).await;
    }

    /// Looks again and again, for a bounded time.
    pub async fn until(&self, what: &str, mut there: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !there().await {
            assert!(Instant::now() < deadline, "never came: {what}. Decisions: {:?}", self.decisions().await);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// A record event as YClients posts it, with some fields another.
    pub fn hook(&self, record: i64, status: &str, changes: Value) -> String {
        hook_of(record, status, &changes, self.app().now())
    }
}

/// Looks again and again, for a bounded time.
pub async fn until(what: &str, mut there: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there().await {
        assert!(Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A record's hook of the demo salon, with some fields another.
pub fn hook_of(record: i64, status: &str, changes: &Value, now: UnixMs) -> String {
    let fixture = include_str!("../fixtures/yclients/webhook_record_create.json");
    let mut body: Value = serde_json::from_str(fixture).expect("JSON");
    body["resource_id"] = json!(record);
    body["status"] = json!(status);
    body["data"]["id"] = json!(record);
    body["data"]["date"] = json!(demo_trip::visit_time(3, 15));
    let now = chrono::DateTime::from_timestamp_millis(now.0).expect("now").to_rfc3339();
    body["data"]["create_date"] = json!(now);
    body["data"]["last_change_date"] = json!(now);
    for (key, value) in changes.as_object().expect("fields") {
        body["data"][key] = value.clone();
    }
    body.to_string()
}
