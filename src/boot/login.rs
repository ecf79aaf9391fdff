//! `salonbridge login add`: asks the product that runs here for a link, as an operator's program would. It opens no database:
//! SQLite belongs to the running process.

use clap::Args;
use serde_json::{Value, json};

use super::config::Config;

/// Let a person in: prints a link with which they set their password, good once and for two days.
#[derive(Debug, Args)]
pub struct Add {
    /// What they are: operator (sees all companies), owner or receptionist (of one).
    #[arg(long, value_parser = ["operator", "owner", "receptionist"])]
    pub role: String,
    /// The address they sign in with. No e-mail is sent.
    #[arg(long)]
    pub email: String,
    /// What they are called on pages.
    #[arg(long, default_value = "")]
    pub name: String,
    /// The company of an owner or a receptionist: our id (tnt_…).
    #[arg(long, conflicts_with = "salon")]
    pub company: Option<String>,
    /// The same by the salon's number with YClients.
    #[arg(long)]
    pub salon: Option<i64>,
    /// Print the whole answer as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Add {
    /// What to print.
    pub async fn run(&self, config: &Config) -> anyhow::Result<String> {
        let Some(token) = &config.operator_token else {
            anyhow::bail!(
                "SALONBRIDGE_OPERATOR_TOKEN is not set: the running product lets only the operator invite"
            );
        };
        let base = format!("http://127.0.0.1:{}", config.listen.port());
        let said = invite(&base, token.expose(), &self.wish()).await?;
        if self.json {
            return Ok(format!("{said}\n"));
        }
        let link = said["link"].as_str().unwrap_or_default();
        Ok(format!("Give this link to {}. It is good once, for two days:\n{link}\n", self.email))
    }

    fn wish(&self) -> Value {
        json!({
            "role": self.role, "email": self.email, "name": self.name, "company_id": self.company, "salon_id": self.salon,
        })
    }
}

/// Asks a running product; its refusal as a sentence.
pub async fn invite(base: &str, token: &str, wish: &Value) -> anyhow::Result<Value> {
    // The client will not be made without it; whoever came first has set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{base}/api/v1/logins");
    let asked = reqwest::Client::new().post(&url).bearer_auth(token).body(wish.to_string()).send().await;
    let answer = asked.map_err(|error| {
        anyhow::anyhow!("{url} does not answer ({}): is the product running?", error.without_url())
    })?;
    let status = answer.status().as_u16();
    let said: Value = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
    let problem = match (status, said["code"].as_str().unwrap_or_default()) {
        (201, _) => return Ok(said),
        (401, _) => "the running product has another SALONBRIDGE_OPERATOR_TOKEN",
        (404, _) => "there is no such company",
        (_, "bad_email") => "that is no e-mail address",
        (_, "bad_role") => "an owner or a receptionist needs --company or --salon, an operator neither",
        (_, "email_taken") => "this address has a login already, with another role or in another company",
        (_, "not_installed") => "that company has gone",
        (_, code) => anyhow::bail!("the product refused: {status} {code}"),
    };
    anyhow::bail!("{problem}")
}
