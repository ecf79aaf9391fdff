//! `salonbridge webhook guide` and `webhook test`: where YClients is to post a salon's hooks, and whether they arrive.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::config::Config;
use super::product::{Product, Whose};
use crate::app::upkeep::TEST_RESOURCE;
use crate::cli::say;
use crate::kernel::clock::{Clock as _, SystemClock};
use crate::kernel::secret::hmac_sha256;

/// YClients waits no longer for its 200.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// For whom, and where to.
#[derive(Debug, Args)]
pub struct Guide {
    #[command(flatten)]
    whose: Whose,
    #[arg(long, value_enum, default_value_t = Language::Ru)]
    lang: Language,
    /// Write it into this file instead.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Print addresses and text as one JSON object.
    #[arg(long, conflicts_with = "file")]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    Ru,
    En,
}

impl Guide {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let webhook = Product::of(config)?.get(&self.whose.path("/webhook")).await?;
        let (title, address) = (webhook["title"].as_str().unwrap_or_default(), first_address(&webhook)?);
        let text = match self.lang {
            Language::Ru => guide_ru(title, address),
            Language::En => guide_en(title, address),
        };
        match self.file {
            None if self.json => {
                say(&format!("{}\n", json!({"webhook_urls": webhook["webhook_urls"], "text": text})));
            }
            None => say(&text),
            Some(file) => {
                std::fs::write(&file, text)
                    .with_context(|| format!("{} cannot be written", file.display()))?;
                say(&format!("Written: {}\n", file.display()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn guide_ru(title: &str, address: &str) -> String {
    format!(
        "Вебхук салона «{title}»

Обычно делать ничего не нужно: адрес ставится при подключении, а раз в сутки проверяется и восстанавливается.
Вручную – если у приложения нет права на эти настройки.

Адрес (он секретный, как пароль):
  {address}

1. YClients → филиал → «Настройки» → «Системные настройки» → WebHook.
2. Вставьте адрес в новое поле. Чужие адреса не трогайте; всего их может быть десять.
3. Включите отправку и отметьте «Записи»; отметьте и «Клиенты», чтобы новый номер клиента был виден сразу.
4. Сохраните.
5. Проверьте: salonbridge webhook test, затем создайте запись на тестового клиента в журнале.
"
    )
}

fn guide_en(title: &str, address: &str) -> String {
    format!(
        "The webhook of “{title}”

Usually there is nothing to do: the address is set at the connection, and verified and repaired once a day.
By hand only where the app has no right to these settings.

The address (as secret as a password):
  {address}

1. YClients → the salon → Settings → System settings → WebHook.
2. Paste the address into a new field. Leave other addresses alone; there can be ten.
3. Switch sending on and tick “Records”; tick “Clients” too, so that a client's new number is seen at once.
4. Save.
5. Try it: salonbridge webhook test, then make a record for a test client in the journal.
"
    )
}

fn first_address(webhook: &Value) -> anyhow::Result<&str> {
    webhook["webhook_urls"][0].as_str().context("the product did not say the address")
}

/// Which salon, and how to tell.
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    whose: Whose,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Test {
    /// Posts a hook of a resource that no journal has, the way YClients posts them, and follows it to its end. No client is told
    /// anything. Exit code 0 when it was kept and read.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let product = Product::of(config)?;
        let webhook = product.get(&self.whose.path("/webhook")).await?;
        let number = SystemClock.now().0;
        let body = json!({
            "company_id": webhook["salon_id"], "resource": TEST_RESOURCE, "resource_id": number, "status": "create",
            "data": {"id": number},
        });
        let began = Instant::now();
        let status = post(config, first_address(&webhook)?, &body.to_string()).await;
        let answered = began.elapsed();
        let mut said = json!({"answered_ms": millis(answered), "ok": false});
        match &status {
            Ok(status) => said["status"] = json!(status),
            Err(problem) => said["problem"] = json!(problem),
        }
        if status == Ok(200) {
            let fate = fate(&product, &self.whose.path(&format!("/webhook/tests/{number}")), began).await?;
            let took = fate["absorbed_at"].as_i64().zip(fate["received_at"].as_i64());
            said["ok"] = json!(took.is_some());
            said["outcome"] = fate["outcome"].clone();
            said["read_after_ms"] = json!(took.map(|(absorbed, received)| absorbed - received));
        }
        let is_well = said["ok"] == true;
        say(&format!("{}\n", if self.json { said.to_string() } else { sentence(&said) }));
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The status of the answer; a sentence when there is none.
async fn post(config: &Config, address: &str, body: &str) -> Result<u16, String> {
    let http = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
    let mut request = http.post(address).header("content-type", "application/json").body(body.to_owned());
    if let Some(secret) = &config.webhook_secret {
        let signature = hex::encode(hmac_sha256(secret.expose().as_bytes(), body.as_bytes()));
        request = request.header("x-yclients-signature", signature);
    }
    match request.send().await {
        Ok(answer) => Ok(answer.status().as_u16()),
        Err(error) => {
            let error = anyhow::Error::from(error.without_url());
            Err(format!("{} does not answer ({})", config.public_url, error.root_cause()))
        }
    }
}

/// What became of it; as it is by now when it lasts too long.
async fn fate(product: &Product, path: &str, began: Instant) -> anyhow::Result<Value> {
    loop {
        let fate = product.get(path).await?;
        if !fate["absorbed_at"].is_null() || began.elapsed() > PATIENCE {
            return Ok(fate);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

fn sentence(said: &Value) -> String {
    let answered = &said["answered_ms"];
    match (said["status"].as_u64(), said["problem"].as_str()) {
        (_, Some(problem)) => {
            format!("Not arrived: {problem}. Look at SALONBRIDGE_PUBLIC_URL, DNS, the certificate and the proxy.")
        }
        (Some(200), _) if said["ok"] == true => format!(
            "Arrived: answered 200 after {answered} ms, read {} ms later. Hooks of this salon work.",
            said["read_after_ms"]
        ),
        (Some(200), _) => {
            format!("Kept: answered 200 after {answered} ms, but nobody has read it yet. Look at the salon's health.")
        }
        (Some(404), _) => {
            "Refused with 404: what answers at SALONBRIDGE_PUBLIC_URL is not this product, or the address was just changed."
                .to_owned()
        }
        (Some(401 | 403), _) => {
            "Refused: YCLIENTS_WEBHOOK_SECRET here is not the running product's.".to_owned()
        }
        (Some(503), _) => {
            "Not kept: the product or its database is busy (503). Look at `salonbridge doctor`.".to_owned()
        }
        (status, _) => format!("Not kept: answered {}.", status.unwrap_or_default()),
    }
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
