//! `salonbridge bookings sync` and `catalog sync`: asks the running product to read a salon anew, and shows how far it is.
//!
//! # Decision
//! A second process may not open SQLite's file beside the product, and on PostgreSQL it would read YClients without the product's
//! count of calls. So the command only asks: over HTTP, at the address the product listens on, with the operator's token, both of
//! which stand in the same settings. What it does any program can do.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::config::Config;
use crate::cli::say;

/// The product answers at once; what takes its time is asked after again and again.
const PATIENCE: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Which salon, and how to tell.
#[derive(Debug, Args)]
pub struct SyncCommand {
    /// The company's id, as our API calls it: tnt_…
    #[arg(long, required_unless_present = "salon", conflicts_with = "salon")]
    company: Option<String>,
    /// The salon's number in YClients.
    #[arg(long)]
    salon: Option<i64>,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

impl SyncCommand {
    /// Exit code 0 when all was read, 1 when it was not.
    pub async fn run(self, config: &Config, kind: &str) -> anyhow::Result<ExitCode> {
        let product = Product::of(config)?;
        let id = match (&self.company, self.salon) {
            (Some(company), _) => company.clone(),
            (None, Some(salon)) => salon.to_string(),
            (None, None) => bail!("say which: --company or --salon"),
        };
        let log = format!("/api/v1/companies/{id}/syncs");
        let mut run = product.ask(reqwest::Method::POST, &log, Some(json!({ "kind": kind }))).await?;
        let url = run["url"].as_str().context("the product did not say where to look")?.to_owned();
        let mut shown = Shown::new();
        while is_going_on(&run) {
            shown.tell(&run);
            tokio::time::sleep(ASK_EVERY).await;
            run = product.ask(reqwest::Method::GET, &url, None).await?;
        }
        shown.end();
        let text = if self.json { run.to_string() } else { sentence(&run) };
        say(&format!("{text}\n"));
        Ok(if run["state"] == "done" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A run that waits for better weather goes on without us.
fn is_going_on(run: &Value) -> bool {
    run["finished_at"].is_null() && (run["error"].is_null() || run["state"] == "running")
}

fn sentence(run: &Value) -> String {
    let counts = ["created", "updated", "cancelled", "unchanged", "healed", "skipped", "failed"];
    let counts: Vec<_> = counts.iter().map(|name| format!("{name} {}", run[*name])).collect();
    let counts = counts.join(", ");
    match run["error"]["what_to_do"].as_str() {
        None => format!("Done: {counts}."),
        Some(what_to_do) => format!("Not done: {what_to_do}.\nSo far: {counts}."),
    }
}

/// The running product.
struct Product {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Product {
    fn of(config: &Config) -> anyhow::Result<Self> {
        let token = config.operator_token.as_ref().context(
            "SALONBRIDGE_OPERATOR_TOKEN is not set: the running product takes this command only from who has it",
        )?;
        let mut address = config.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // The client will not be made without it; whoever came first has set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, base: format!("http://{address}"), token: token.expose().to_owned() })
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| {
            anyhow::anyhow!(
                "{} does not answer ({}). Is the product running?",
                self.base,
                error.without_url()
            )
        })?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or_default();
        match (status.as_u16(), body["code"].as_str()) {
            (200..=299, _) => Ok(body),
            (404, _) => {
                bail!("there is no such company, or SALONBRIDGE_OPERATOR_TOKEN is not the running product's")
            }
            (409, Some("not_active")) => {
                bail!(
                    "the salon is not active: it is paused, not linked yet, or gone. Nothing is read until it is"
                )
            }
            (status, code) => bail!("the product answered {status} {}", code.unwrap_or_default()),
        }
    }
}

/// A line that moves on a terminal, a line for each step elsewhere. On stderr, so that the result can be piped.
struct Shown {
    bar: Option<ProgressBar>,
    last: String,
}

impl Shown {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last: String::new() }
    }

    fn tell(&mut self, run: &Value) {
        let names = ["created", "updated", "cancelled", "unchanged", "skipped", "failed"];
        let read: i64 = names.iter().filter_map(|name| run[*name].as_i64()).sum();
        let text = format!(
            "{}: {read} read, {} new, {} changed",
            run["state"].as_str().unwrap_or_default(),
            run["created"],
            run["updated"]
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None if text != self.last => {
                use std::io::Write as _;
                let _ = writeln!(std::io::stderr(), "{text}");
                self.last = text;
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
