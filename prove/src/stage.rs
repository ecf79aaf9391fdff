//! The world of one batch of runs: both sandboxes in this process, the product in one of its own that is killed, stopped and
//! started again; one salon, installed and linked.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_trip::{Report, SALON, SALON_PHONE, Trip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);

/// What the product's clients read here: what the checker needs and no more.
const WORDING: &str = "[plain]\ngreeting = \"\"\ngreeting_nameless = \"\"\nconfirmation = \"confirmation;{time}\"\n\
     change = \"change;{time}\"\ncancel = \"cancel;{time}\"\nwelcome = \"welcome {salon}\"\ntrial = \"trial {salon}\"\n";
const RULES: &str = "settle_ms = 150\npacing.is_on = false\n";

pub struct Stage {
    pub around: Around,
    pub trip: Trip,
    pub http: reqwest::Client,
    pub database: String,
    pub kills: usize,
    product: Option<Child>,
    mistake: String,
    folder: tempfile::TempDir,
}

impl Stage {
    /// `database` names an empty PostgreSQL database; without it the product is on SQLite.
    pub async fn open(database: Option<&str>, mistake: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        write_tenants(&folder.path().join("tenants"))?;
        let mut env = Env::from(
            [("SALONBRIDGE_CONFIRM_WAIT_S", "0"), ("SALONBRIDGE_GRACE_S", "2"), ("SALONBRIDGE_RULES", RULES)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        env.extend(database.map(|url| ("DATABASE_URL".to_owned(), url.to_owned())));
        let world = World::start(&env, folder.path(), 0).await?;
        let mut around = world.without_product().await;
        let tenants = folder.path().join("tenants").display().to_string();
        around.env.insert("SALONBRIDGE_TENANTS_DIR".to_owned(), tenants);
        let trip = Trip::among(&around.product_url, &around.yclients_url, &around.whatsapp_url)?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let database = around.env["DATABASE_URL"].clone();
        let mistake = mistake.to_owned();
        let mut stage = Self { around, trip, http, database, kills: 0, product: None, mistake, folder };
        stage.start("").await?;
        let page = stage.trip.install(&mut Report::default()).await.context("the salon is installed")?;
        stage.trip.link(&page, &mut Report::default()).await.context("its phone is linked")?;
        Ok(stage)
    }

    /// Starts the product with these failpoints; it answers when this returns. One that dies at once is started anew without.
    pub async fn start(&mut self, places: &str) -> anyhow::Result<()> {
        let binary = std::env::current_exe()?.with_file_name("salonbridge");
        let log = File::options().create(true).append(true).open(self.folder.path().join("product.log"))?;
        let mut command = Command::new(binary);
        command.arg("serve").env_clear().envs(&self.around.env).current_dir(self.folder.path());
        command.env("FAILPOINTS_ARMED", places).env("MISTAKE_PLANTED", &self.mistake);
        command.env("RUST_LOG", "info").env("PATH", std::env::var("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.product = Some(command.spawn().context("the product: build it with bin/prove")?);
        let live = format!("{}/health/live", self.around.product_url);
        let deadline = Instant::now() + PATIENCE;
        while self.http.get(&live).send().await.is_err() {
            if self.has_died()? {
                // The place was on the way up: that was the blow.
                return Box::pin(self.start("")).await;
            }
            if Instant::now() > deadline {
                bail!("the product does not come up: see {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub fn has_died(&mut self) -> anyhow::Result<bool> {
        let Some(product) = &mut self.product else { return Ok(true) };
        Ok(product.try_wait()?.is_some())
    }

    /// Pulls the plug.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut product) = self.product.take() {
            product.kill()?;
            product.wait()?;
            self.kills += 1;
        }
        Ok(())
    }

    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let Some(product) = &self.product else { return Ok(()) };
        Command::new("kill").args([signal, &product.id().to_string()]).stderr(Stdio::null()).status()?;
        Ok(())
    }

    pub async fn weather(&self, yclients: &Value, whatsapp: &Value) -> anyhow::Result<()> {
        self.trip.crm("POST", "/admin/faults", yclients).await?;
        self.trip.wa("POST", "/faults", whatsapp).await?;
        Ok(())
    }

    pub async fn fair_weather(&self) -> anyhow::Result<()> {
        let receipts = json!({"drop": 0.0, "double": 0.0, "late": 0.0, "reorder": false});
        self.weather(
            &json!({"clear": true}),
            &json!({"receipts": receipts, "garble": 0, "script": [], "nack": null}),
        )
        .await
    }

    pub async fn phone(&self, number: &str) -> anyhow::Result<()> {
        self.trip.wa("POST", "/phones", &json!({"number": number, "name": "Anna"})).await?;
        Ok(())
    }

    pub fn salon_phone() -> &'static str {
        SALON_PHONE
    }

    pub fn records_path() -> String {
        format!("/admin/salons/{SALON}/records")
    }

    pub fn log(&self) -> String {
        self.folder.path().join("product.log").display().to_string()
    }

    /// Keeps the folder, so that one can look at what the product said.
    pub fn keep(mut self) -> anyhow::Result<()> {
        self.kill()?;
        self.folder.disable_cleanup(true);
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.kill();
    }
}

fn write_tenants(folder: &Path) -> anyhow::Result<()> {
    let wording = folder.join("_default/wording");
    std::fs::create_dir_all(&wording)?;
    for language in ["ru", "en"] {
        std::fs::write(wording.join(format!("{language}.toml")), WORDING)?;
    }
    std::fs::write(folder.join("_default/rules.toml"), RULES)?;
    Ok(())
}
