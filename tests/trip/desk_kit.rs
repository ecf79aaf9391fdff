//! A desk with salons behind it that were put there by hand, a clock that is moved, and people with browsers.

use std::sync::Arc;
use std::sync::Mutex;

use salonbridge::app::App;
use salonbridge::boot::build;
use salonbridge::boot::config::{Config, Env};
use salonbridge::boot::run::{self, Running};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::domain::record::{Client, Field, Master, Record, ServiceLine};
use salonbridge::domain::tenant::{Tenant, TenantState};
use salonbridge::kernel::clock::{ManualClock, UnixMs};
use salonbridge::kernel::crm_id::{RecordId, SalonId, ServiceId, StaffId};
use salonbridge::kernel::id::{OutboxId, TenantId};
use salonbridge::kernel::locale::Locale;
use salonbridge::kernel::phone::Phone;
use salonbridge::kernel::secret::random_hex;
use salonbridge::storage::outbox::{self, NewOutbox};
use salonbridge::storage::record::{self, RecordWrite};
use salonbridge::storage::tenant::{self, SealedKeys};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::kit::{OPERATOR, postgres};

/// Sat, 14 March 2026, 15:00 in Moscow.
pub const NOW: UnixMs = UnixMs(1_773_489_600_000);
pub const PASSWORD: &str = "seven quiet seas ahead";

pub struct Desk {
    pub running: Running,
    /// Where it listens, and where it says that it is.
    pub url: String,
    pub public_url: String,
    pub clock: Arc<ManualClock>,
    _folder: TempDir,
}

impl Desk {
    /// One on each engine.
    pub async fn both() -> [Self; 2] {
        [
            Self::start(Env::new()).await,
            Self::start([("DATABASE_URL".to_owned(), postgres().await)].into()).await,
        ]
    }

    /// With these settings over its own.
    pub async fn start(settings: Env) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let mut env: Env = [
            ("SALONBRIDGE_PUBLIC_URL", url.clone()),
            ("SALONBRIDGE_OPERATOR_TOKEN", OPERATOR.to_owned()),
            ("SALONBRIDGE_GRACE_S", "1".to_owned()),
            ("SALONBRIDGE_WHATSAPP_URL", "ws://127.0.0.1:9/ws/chat".to_owned()),
            ("YCLIENTS_API_URL", "http://127.0.0.1:9".to_owned()),
            ("YCLIENTS_PARTNER_TOKEN", "nobody listens".to_owned()),
            ("YCLIENTS_APPLICATION_ID", "1".to_owned()),
            ("JWT_SECRET", random_hex(32)),
            ("ENCRYPTION_KEY", random_hex(32)),
            ("DATABASE_URL", format!("sqlite:{}", folder.path().join("desk.db").display())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        env.extend(settings);
        let config = Config::from_env(&env).unwrap_or_else(|problems| panic!("{problems:?}"));
        let clock = Arc::new(ManualClock::at(NOW));
        let built = build::build_with(&config, clock.clone()).await.expect("built");
        let running = run::start_built(built, listener, None, config.grace).await.expect("started");
        Self { running, url, public_url: config.public_url, clock, _folder: folder }
    }

    pub fn app(&self) -> &App {
        &self.running.app
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    /// An active company.
    pub async fn company(&self, salon: i64, title: &str) -> TenantId {
        let id = TenantId::new(NOW);
        let (_, data_key) = self.app().keys.master().new_data_key(&id);
        let keys = SealedKeys {
            data_key,
            api_key: String::new(),
            hook_key: String::new(),
            hook_key_hash: id.to_string(),
            owner: String::new(),
        };
        let new = Tenant {
            id: id.clone(),
            salon_id: SalonId(salon),
            state: TenantState::Active,
            title: title.to_owned(),
            address: "Невский проспект, 1".to_owned(),
            timezone: chrono_tz::Europe::Moscow,
            locale: Locale::Ru,
            created_at: NOW,
            state_since_at: NOW,
            activated_at: Some(NOW),
            number_confirmed_at: Some(NOW),
            gone_at: None,
        };
        let mut conn = self.app().db.begin().await.expect("begins");
        assert!(tenant::insert(&mut conn, &new, &keys).await.expect("stored"));
        conn.commit().await.expect("commits");
        id
    }

    /// A record of Anna's so many hours from now, and a message about it in this state.
    pub async fn visit(&self, tenant: &TenantId, record: i64, hours: i64, state: OutboxState) -> OutboxId {
        let app = self.app();
        let key = app.keys.of(tenant).await.expect("a key");
        let (id, starts_at) = (RecordId(record), NOW.plus_secs(hours * 3600));
        let starts = salonbridge::domain::dates::local(starts_at, chrono_tz::Europe::Moscow);
        let client = Client {
            id: None,
            name: "Анна".to_owned(),
            surname: String::new(),
            email: None,
            phone: Phone::parse("+79000000001"),
            silenced: false,
        };
        let known = Record {
            starts: Field::Is(starts),
            services: Field::Is(vec![ServiceLine {
                id: ServiceId(1),
                title: "Стрижка".to_owned(),
                cost: Some(100_000),
            }]),
            master: Field::Is(Master { id: StaffId(1), name: "Олег".to_owned() }),
            client: Field::Is(client),
            ..Record::unknown(id)
        };
        let body = key.seal("record", &id.to_string(), &serde_json::to_vec(&known).expect("JSON"));
        let intent = format!("visit:{record}");
        let new = NewOutbox {
            id: OutboxId::new(NOW),
            recipient: key.seal_text("outbox", "recipient", "79000000001"),
            peer: String::new(),
            text: key.seal_text("outbox", &intent, "Анна, ждём вас"),
            told: String::new(),
            told_before: String::new(),
            message_id: format!("3EB0{record}{tenant}"),
            intent,
            kind: MessageKind::Confirmation,
            record: Some(id),
            not_before: NOW,
            deadline: NOW.plus_secs(90_000),
            nearest: NOW.plus_secs(90_000),
        };
        let mut conn = app.db.begin().await.expect("begins");
        let write = RecordWrite {
            id,
            starts_at: Some(starts_at),
            deleted: false,
            changed_at: NOW,
            body: &body,
            raw: "",
            over: "",
        };
        record::upsert(&mut conn, tenant, write, NOW).await.expect("stored");
        let message = outbox::plan(&mut conn, tenant, &new, NOW).await.expect("stored").expect("new");
        let why = if state == OutboxState::Failed { "not_on_whatsapp" } else { "interrupted" };
        assert!(outbox::settle(&mut conn, tenant, &message, state, why, NOW).await.expect("settled"));
        conn.commit().await.expect("commits");
        message
    }

    /// What the operator's program is answered.
    pub async fn invited(&self, token: &str, wish: Value) -> (u16, Value) {
        let url = format!("{}/api/v1/logins", self.url);
        let http = reqwest::Client::new();
        let answer =
            http.post(url).bearer_auth(token).body(wish.to_string()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// The path of a fresh link.
    pub async fn link(&self, role: &str, email: &str, tenant: Option<&TenantId>) -> String {
        let wish = json!({"role": role, "email": email, "company_id": tenant});
        let (status, said) = self.invited(OPERATOR, wish).await;
        assert_eq!(status, 201, "{said}");
        let link = said["link"].as_str().expect("a link").to_owned();
        link.strip_prefix(&self.public_url).expect("ours").to_owned()
    }

    /// Somebody who has taken up an invitation, and is signed in by it.
    pub async fn person(&self, role: &str, email: &str, tenant: Option<&TenantId>) -> Browser<'_> {
        let (browser, link) = (self.browser(), self.link(role, email, tenant).await);
        let page = browser.send(&link, &[("password", PASSWORD), ("repeated", PASSWORD)]).await;
        assert_eq!((page.status, page.to.as_str()), (303, "/desk"), "{}", page.html);
        browser
    }

    pub fn browser(&self) -> Browser<'_> {
        let policy = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().redirect(policy).build().expect("a client");
        Browser { desk: self, http, cookie: Mutex::default() }
    }
}

/// A browser with at most one cookie.
pub struct Browser<'a> {
    desk: &'a Desk,
    http: reqwest::Client,
    cookie: Mutex<String>,
}

#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub html: String,
    /// Where it leads; empty for nowhere.
    pub to: String,
    pub set_cookie: String,
    pub headers: reqwest::header::HeaderMap,
}

impl Page {
    /// The key that the page's forms carry.
    pub fn key(&self) -> String {
        self.value("key")
    }

    /// The value of the first field of this name.
    pub fn value(&self, name: &str) -> String {
        let from = format!("name=\"{name}\" value=\"");
        let rest = self.html.split_once(&from).map(|(_, rest)| rest).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Browser<'_> {
    pub fn cookie(&self) -> String {
        self.cookie.lock().expect("whole").clone()
    }

    pub fn set_cookie(&self, cookie: &str) {
        cookie.clone_into(&mut self.cookie.lock().expect("whole"));
    }

    pub async fn get(&self, path: &str) -> Page {
        self.ask(self.http.get(format!("{}{path}", self.desk.url))).await
    }

    /// Sends a form as a page of ours would.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send_from(path, fields, &[("origin", &self.desk.public_url)]).await
    }

    /// Sends a form with these headers.
    pub async fn send_from(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let mut request = self.http.post(format!("{}{path}", self.desk.url)).form(fields);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request).await
    }

    /// Sends a form of the account's page, or another one that carries the same key.
    pub async fn press(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let key = self.get("/desk/account").await.key();
        let mut all = vec![("key", key.as_str())];
        all.extend(fields);
        self.send(path, &all).await
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Page {
        self.send("/desk/sign-in", &[("email", email), ("password", password)]).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Page {
        let answer = request.header("cookie", self.cookie()).send().await.expect("an answer");
        let text = |name: &str| {
            answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let (status, to, set_cookie, headers) =
            (answer.status().as_u16(), text("location"), text("set-cookie"), answer.headers().clone());
        if let Some(pair) = set_cookie.split(';').next().filter(|pair| !pair.is_empty()) {
            self.set_cookie(pair);
        }
        Page { status, to, set_cookie, headers, html: answer.text().await.expect("text") }
    }
}
