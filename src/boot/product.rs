//! The running product, as commands ask it.
//!
//! # Decision
//! A second process may not open SQLite's file beside the product, and on PostgreSQL it would read YClients without the product's
//! count of calls. So commands only ask: over HTTP, at the address the product listens on, with the operator's token, both of
//! which stand in the same settings. What they do any program can do.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::config::Config;

/// The product answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which salon.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// The company's id, as our API calls it: tnt_…
    #[arg(long)]
    company: Option<String>,
    /// The salon's number in YClients.
    #[arg(long)]
    salon: Option<i64>,
}

impl Whose {
    /// A path of the API below this company.
    pub fn path(&self, rest: &str) -> String {
        let id = match (&self.company, self.salon) {
            (Some(company), _) => company.clone(),
            (None, salon) => salon.map(|salon| salon.to_string()).unwrap_or_default(),
        };
        format!("/api/v1/companies/{id}{rest}")
    }
}

/// The running product.
pub struct Product {
    http: reqwest::Client,
    base: String,
    token: String,
}

impl Product {
    pub fn of(config: &Config) -> anyhow::Result<Self> {
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

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
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
