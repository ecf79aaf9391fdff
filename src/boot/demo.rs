//! `salonbridge demo`: the whole product offline. YClients and WhatsApp are imitated on this machine, on their true wires; the
//! product is the one that `serve` runs, and does not know.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use salonbridge_sandbox::{whatsapp, yclients};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::config::{Config, Env};
use super::run::{self, Running};
use super::{demo_desk, demo_trip};
use crate::cli::say;
use crate::kernel::locale::Locale;
use crate::kernel::secret::random_hex;
use crate::views::home::HomeLink;

const PARTNER_TOKEN: &str = "sandbox-partner-token";
const USER_TOKEN: &str = "sandbox-system-user-token";
const APPLICATION: i64 = 4242;

/// Show the whole product offline.
#[derive(Debug, Args)]
pub struct Demo {
    /// Walk the trip once, unattended, and end: install, link, book, move, cancel.
    #[arg(long)]
    once: bool,
    /// With --once: print one JSON object.
    #[arg(long)]
    json: bool,
    /// Port of the product; the sandboxes take the next two. 0 takes any free ones.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where the demo keeps its database; a new folder that is removed at the end when not given.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The running demo.
pub struct World {
    pub product: Running,
    pub product_url: String,
    pub yclients_url: String,
    pub whatsapp_url: String,
    config: Config,
    env: Env,
    stop: CancellationToken,
}

/// The sandboxes alone, and the settings of a product that lives among them.
pub struct Around {
    pub product_url: String,
    pub yclients_url: String,
    pub whatsapp_url: String,
    pub env: Env,
    stop: CancellationToken,
}

impl Around {
    pub fn stop(self) {
        self.stop.cancel();
    }
}

impl Demo {
    pub async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let own = std::env::temp_dir().join(format!("salonbridge-demo-{}", random_hex(6)));
        let folder = self.data.clone().unwrap_or_else(|| own.clone());
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let port = if self.once { 0 } else { self.port };
        let world = World::start(env, &folder, port).await?;
        let code = if self.once { self.walk(&world).await } else { world.show().await };
        world.stop().await;
        if self.data.is_none() {
            let _ = std::fs::remove_dir_all(&own);
        }
        code
    }

    async fn walk(&self, world: &World) -> anyhow::Result<ExitCode> {
        let report = demo_trip::walk(world).await;
        if self.json {
            say(&format!("{}\n", serde_json::to_string(&report)?));
        } else {
            say(&report.prose());
        }
        Ok(if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl World {
    /// Starts the sandboxes and the product, all on loopback.
    pub async fn start(env: &Env, folder: &std::path::Path, port: u16) -> anyhow::Result<Self> {
        let bind = |offset: u16| async move {
            let wanted = if port == 0 { 0 } else { port + offset };
            TcpListener::bind(("127.0.0.1", wanted)).await.with_context(|| {
                format!("port {wanted} is taken: stop what uses it, or choose another with --port")
            })
        };
        let (product, crm, wa) = (bind(0).await?, bind(1).await?, bind(2).await?);
        let url = |listener: &TcpListener| anyhow::Ok(format!("http://{}", listener.local_addr()?));
        let (product_url, yclients_url, whatsapp_url) = (url(&product)?, url(&crm)?, url(&wa)?);
        let stop = CancellationToken::new();
        tokio::spawn(whatsapp::serve(wa, whatsapp_options(), stop.clone()));
        tokio::spawn(yclients::serve(crm, yclients_options(&product_url), stop.clone()));

        let env = demo_env(env, folder, &product_url, &yclients_url, &whatsapp_url);
        let mut config =
            Config::from_env(&env).map_err(|problems| anyhow::anyhow!("{}", problems.join("\n")))?;
        config.home_links = home_links(&product_url, &yclients_url, &whatsapp_url);
        let built = super::build::build(&config).await?;
        let running = run::start_built(built, product, None, config.grace).await?;
        Ok(Self { product: running, product_url, yclients_url, whatsapp_url, config, env, stop })
    }

    /// Until somebody stops it.
    async fn show(&self) -> anyhow::Result<ExitCode> {
        let token = self.config.operator_token.as_ref().context("the demo has an operator")?;
        let people = demo_desk::let_in(self.product_url.clone(), token.expose().to_owned());
        let people = tokio::spawn(people);
        say(&format!("\nSalonbridge is running. Open  {}\n\nStop with Ctrl-C.\n\n", self.product_url));
        run::stop_signal().await;
        people.abort();
        Ok(ExitCode::SUCCESS)
    }

    /// Stops the product and starts it again on the same database and address; the world around it goes on.
    pub async fn restart(self) -> anyhow::Result<Self> {
        let address = self.product.address;
        self.product.stop().await;
        let built = super::build::build(&self.config).await?;
        let listener = TcpListener::bind(address).await?;
        let product = run::start_built(built, listener, None, self.config.grace).await?;
        Ok(Self { product, ..self })
    }

    /// Stops the product; the world goes on without it, for one that is started otherwise at the same address.
    pub async fn without_product(self) -> Around {
        let Self { product, product_url, yclients_url, whatsapp_url, mut env, stop, .. } = self;
        product.stop().await;
        env.insert("SALONBRIDGE_LISTEN".to_owned(), product_url.replace("http://", ""));
        Around { product_url, yclients_url, whatsapp_url, env, stop }
    }

    pub async fn stop(self) {
        self.product.stop().await;
        self.stop.cancel();
    }
}

/// The product's own settings, as an operator would set them. DATABASE_URL, REDIS_URL and the log's wishes are the caller's.
fn demo_env(env: &Env, folder: &std::path::Path, product: &str, crm: &str, wa: &str) -> Env {
    let mut ours: Env = env
        .iter()
        .filter(|(name, _)| {
            [
                "DATABASE_URL",
                "REDIS_URL",
                "SALONBRIDGE_RULES",
                "SALONBRIDGE_CONFIRM_WAIT_S",
                "SALONBRIDGE_GRACE_S",
                "SALONBRIDGE_ALERT_URL",
                "SALONBRIDGE_OPERATOR_TOKEN",
                "SALONBRIDGE_TENANTS_DIR",
                "YCLIENTS_WEBHOOK_SECRET",
            ]
            .contains(&name.as_str())
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let socket = format!("{}/ws/chat", wa.replace("http://", "ws://"));
    for (name, value) in [
        ("SALONBRIDGE_PUBLIC_URL", product.to_owned()),
        ("YCLIENTS_API_URL", crm.to_owned()),
        ("YCLIENTS_PARTNER_TOKEN", PARTNER_TOKEN.to_owned()),
        ("YCLIENTS_USER_TOKEN", USER_TOKEN.to_owned()),
        ("YCLIENTS_APPLICATION_ID", APPLICATION.to_string()),
        ("JWT_SECRET", random_hex(32)),
        ("ENCRYPTION_KEY", demo_key(folder)),
        ("SALONBRIDGE_WHATSAPP_URL", socket),
        ("SALONBRIDGE_RETURN_URL", format!("{crm}/timetable/{{salon}}")),
        ("SALONBRIDGE_MARKETPLACE_URL", crm.to_owned()),
        ("SALONBRIDGE_FRAME_ANCESTORS", crm.to_owned()),
    ] {
        ours.insert(name.to_owned(), value);
    }
    ours.entry("SALONBRIDGE_OPERATOR_TOKEN".to_owned()).or_insert_with(|| random_hex(32));
    ours.entry("DATABASE_URL".to_owned())
        .or_insert_with(|| format!("sqlite:{}", folder.join("salonbridge.db").display()));
    // Whoever looks on does not wait as long as a real number has to.
    let rules = "settle_ms = 1000\npacing.pause_ms = [500, 1500]\npacing.client_pause_ms = 1000\n\
                 bonus.percent = 5\nbonus.most_percent = 50";
    ours.entry("SALONBRIDGE_RULES".to_owned()).or_insert_with(|| rules.to_owned());
    ours
}

/// A key that stays with the demo's folder: a demo that is started again must be able to read its database.
fn demo_key(folder: &std::path::Path) -> String {
    let path = folder.join("demo.key");
    if let Ok(key) = std::fs::read_to_string(&path) {
        return key.trim().to_owned();
    }
    let key = random_hex(32);
    if let Err(error) = std::fs::write(&path, &key) {
        tracing::warn!(%error, "the demo's key could not be kept; the next start begins anew");
    }
    key
}

fn whatsapp_options() -> whatsapp::Options {
    let phone = |number: &str, name: &str| format!("{number}={name}");
    whatsapp::Options {
        phones: vec![
            phone(demo_trip::SALON_PHONE, "Студия «Пример»"),
            phone(demo_trip::CLIENT_PHONE, "Анна"),
        ],
    }
}

fn yclients_options(product_url: &str) -> yclients::Options {
    Box::new(yclients::Settings {
        partner_token: PARTNER_TOKEN.to_owned(),
        system_user_token: USER_TOKEN.to_owned(),
        application_id: APPLICATION,
        application_title: "Salonbridge".to_owned(),
        register_url: Some(format!("{product_url}/marketplace/register")),
        callback_url: Some(format!("{product_url}/marketplace/webhook")),
        hook_delay_ms: 100,
        ..yclients::Settings::default()
    })
}

fn home_links(product: &str, crm: &str, wa: &str) -> Vec<(Locale, HomeLink)> {
    let addresses = [
        format!("{crm}/"),
        format!("{wa}/phone/{}", demo_trip::SALON_PHONE),
        format!("{crm}/timetable/{}", demo_trip::SALON),
        format!("{wa}/phone/{}", demo_trip::CLIENT_PHONE),
        format!("{product}/desk"),
        format!("{product}/salons/{}", demo_trip::SALON),
    ];
    let (owner, operator, password) = (demo_desk::OWNER, demo_desk::OPERATOR, demo_desk::PASSWORD);
    let desk_ru =
        format!("Владелец, когда салон подключён: {owner}. Оператор: {operator}. Пароль: {password}");
    let desk_en = format!(
        "The owner, once the salon is connected: {owner}. The operator: {operator}. Password: {password}"
    );
    let texts = [
        (
            Locale::Ru,
            [
                ("1. Маркетплейс", "Установите приложение в салон: откроется страница подключения с кодом"),
                (
                    "2. Телефон салона",
                    "Нажмите «Сканировать» и снимите с экрана код страницы подключения, или вставьте его снимок",
                ),
                (
                    "3. Журнал салона",
                    "Создайте запись, перенесите её, удалите; отметьте, что клиент пришёл и заплатил: ему начислятся бонусы. Уведомления можно терять по дороге: изменение найдёт сверка, которую запускают в кабинете",
                ),
                ("4. Телефон клиента", "Сюда приходят сообщения; на них можно ответить"),
                ("5. Кабинет", &desk_ru),
                (
                    "6. Страница клиента",
                    "Когда салон подключён: запись через форму салона; вход по номеру +7 900 000-00-01 после первой записи, код придёт на телефон клиента",
                ),
            ],
        ),
        (
            Locale::En,
            [
                ("1. Marketplace", "Install the app into the salon: the connect page opens with a code"),
                (
                    "2. The salon's phone",
                    "Press Scan and take the connect page's code from the screen, or paste a screenshot",
                ),
                (
                    "3. The salon's journal",
                    "Create a booking, move it, delete it; mark that the client came and paid: bonuses are given. Hooks can be lost on their way: the sync, started at the desk, finds what they would have told",
                ),
                ("4. The client's phone", "Messages arrive here, and can be answered"),
                ("5. The desk", &desk_en),
                (
                    "6. The client's page",
                    "Once the salon is connected: book by the salon's form; after the first booking sign in with +7 900 000-00-01, the code comes to the client's phone",
                ),
            ],
        ),
    ];
    let link = |(title, note): (&str, &str), url: &String| HomeLink {
        title: title.to_owned(),
        note: note.to_owned(),
        url: url.clone(),
    };
    texts
        .into_iter()
        .flat_map(|(locale, texts)| {
            let links: Vec<_> =
                texts.into_iter().zip(&addresses).map(|(text, url)| (locale, link(text, url))).collect();
            links
        })
        .collect()
}
