//! From opening the connect page to the first code on it, for salons that have just pressed Connect in the marketplace.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::page;
use crate::process::{self, APPLICATION, PARTNER_TOKEN, Product, Programs, Setup, USER_TOKEN};
use crate::report::{Latency, percentiles};

const WARM_UP: usize = 3;

pub async fn run(programs: &Programs, mut setup: Setup, salons: usize) -> anyhow::Result<Latency> {
    eprintln!("from page to first code …");
    let port = process::free_port()?;
    let (_whatsapp, whatsapp_url) = process::sandbox(programs, "whatsapp", &[])?;
    let register = format!("http://127.0.0.1:{port}/marketplace/register");
    let arguments = [
        ["--partner-token", PARTNER_TOKEN],
        ["--system-user-token", USER_TOKEN],
        ["--application-id", APPLICATION],
        ["--register-url", &register],
    ];
    let arguments: Vec<String> = arguments.concat().into_iter().map(str::to_owned).collect();
    let (_yclients, yclients_url) = process::sandbox(programs, "yclients", &arguments)?;
    setup.whatsapp_url = whatsapp_url;
    setup.yclients_url.clone_from(&yclients_url);
    setup.port = port;
    let product = Product::start(programs, &setup).await?;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;

    let mut took = Vec::new();
    for place in 0..WARM_UP + salons {
        let token = visit(&http, &yclients_url, place).await?;
        let opened = Instant::now();
        let mut socket = page::open(&http, &product.url, &token).await?;
        socket.code().await?;
        if place >= WARM_UP {
            took.push(opened.elapsed());
        }
        socket.send("cancel").await?;
    }
    product.process.stop()?;
    let latency = percentiles(&mut took)?;
    eprintln!("  p50 {} ms, p99 {} ms", latency.p50_ms, latency.p99_ms);
    Ok(latency)
}

/// A new salon presses Connect; its browser is sent to us, and we send it on to its page. The visit waits for the
/// marketplace's pace where it must, so the clock starts after it.
async fn visit(http: &reqwest::Client, yclients: &str, place: usize) -> anyhow::Result<String> {
    let salon =
        call(http, &format!("{yclients}/admin/salons"), &json!({"title": format!("Salon {place}")})).await?;
    let id = &salon["id"];
    let consent = call(http, &format!("{yclients}/admin/salons/{id}/install"), &json!({})).await?;
    let address = consent["redirect_url"].as_str().context("the marketplace sends the browser nowhere")?;
    let answer = http.get(address).timeout(Duration::from_secs(90)).send().await?;
    let Some(location) = answer.headers().get("location") else {
        bail!("the visit was answered with {}", answer.status());
    };
    let (_, token) = location.to_str()?.split_once("token=").context("no token in the page's address")?;
    Ok(token.split('&').next().unwrap_or(token).to_owned())
}

async fn call(http: &reqwest::Client, url: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = http.post(url).json(body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    anyhow::ensure!(status.is_success(), "{url}: {status} {text}");
    Ok(serde_json::from_str(&text)?)
}
