//! The demo's people: an operator from the start, and the salon's owner as soon as there is a salon. They come in as everybody does:
//! by a link that the product's public route makes, and a form on the page behind it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::demo_trip::SALON;
use super::login::invite;

/// Of this machine and these sandboxes alone.
pub const PASSWORD: &str = "four quiet demo whales";
pub const OPERATOR: &str = "operator@demo.example";
pub const OWNER: &str = "owner@demo.example";

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Lets both in; returns when the owner is in too. A demo that was started before has them already.
pub async fn let_in(base: String, token: String) {
    let operator = json!({"role": "operator", "email": OPERATOR, "name": "Operator"});
    let owner = json!({"role": "owner", "email": OWNER, "name": "Мария", "salon_id": SALON});
    for wish in [operator, owner] {
        while let Err(error) = enter(&base, &token, &wish).await {
            tracing::debug!(%error, "not yet");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn enter(base: &str, token: &str, wish: &Value) -> anyhow::Result<()> {
    let link = invite(base, token, wish).await?["link"].as_str().context("a link")?.to_owned();
    let form = [("password", PASSWORD), ("repeated", PASSWORD)];
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let answer = http.post(&link).header("origin", base).form(&form).send().await?;
    anyhow::ensure!(answer.status().as_u16() == 303, "the link was answered with {}", answer.status());
    Ok(())
}
