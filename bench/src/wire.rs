//! From a hook to the encrypted message on the wire, without the settle window: what the product itself adds.
//!
//! Hooks come one by one to an idle product. The clock starts before the hook is posted and stops when the sandbox takes the
//! stanza off its socket; both clocks are this machine's.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::load;
use crate::process::{self, Product, Programs, Setup};
use crate::report::{Latency, percentiles};
use crate::{page, seed};

const SALON: &str = "79610000000";
/// Clients take turns: most messages go to somebody the salon wrote to before, as in life.
const CLIENTS: u64 = 20;
const WARM_UP: u64 = 20;
const FIRST_RECORD: u64 = 300_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// One company's hooks, on a platform of so many.
pub async fn run(
    programs: &Programs,
    mut setup: Setup,
    hooks: u64,
    companies: usize,
) -> anyhow::Result<Latency> {
    eprintln!("from hook to wire, {companies} companies …");
    let phones: Vec<String> = std::iter::once(SALON.to_owned())
        .chain((0..CLIENTS).map(client))
        .map(|n| format!("--phone={n}"))
        .collect();
    let (_whatsapp, whatsapp_url) = process::sandbox(programs, "whatsapp", &phones)?;
    setup.whatsapp_url.clone_from(&whatsapp_url);
    setup.rules = "settle_ms = 0\npacing.is_on = false".to_owned();
    let salon = seed::salons(&setup.database_url, companies).await?.pop().context("one salon")?;
    let product = Product::start(programs, &setup).await?;
    let http = reqwest::Client::new();
    page::link(&http, &product.url, &whatsapp_url, &salon, SALON).await?;

    let address = format!("{}/webhook/yclients/{}", product.url, salon.hook_key);
    let mut took = Vec::new();
    for place in 0..WARM_UP + hooks {
        let body = booking(salon.salon_id, FIRST_RECORD + place, &client(place % CLIENTS), 72)?;
        let posted = now_us()?;
        let answer = http.post(&address).header("content-type", "application/json").body(body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "a hook was answered with {}", answer.status());
        let seen = first_message(&http, &whatsapp_url, posted).await?;
        if place >= WARM_UP {
            took.push(Duration::from_micros(seen.saturating_sub(posted)));
        }
        // Acks and receipts of this message are written down before the next hook comes.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    product.process.stop()?;
    let latency = percentiles(&mut took)?;
    eprintln!("  p50 {} ms, p99 {} ms", latency.p50_ms, latency.p99_ms);
    Ok(latency)
}

fn client(place: u64) -> String {
    format!("7962{place:07}")
}

/// The hook of a booking made now, for a visit in so many hours.
pub fn booking(salon_id: i64, record: u64, phone: &str, hours: i64) -> anyhow::Result<String> {
    let mut hook: Value = serde_json::from_str(&load::body(salon_id, record))?;
    let now = chrono::Utc::now().with_timezone(&chrono_tz::Europe::Moscow);
    let visit = now + chrono::Duration::hours(hours);
    let data = &mut hook["data"];
    data["date"] = json!(visit.format("%Y-%m-%d %H:%M:%S").to_string());
    data["datetime"] = json!(visit.format("%Y-%m-%dT%H:%M:%S%:z").to_string());
    for name in ["create_date", "last_change_date"] {
        data[name] = json!(now.format("%Y-%m-%dT%H:%M:%S%z").to_string());
    }
    data["client"]["phone"] = json!(format!("+{phone}"));
    data["client"]["id"] = json!(phone.parse::<i64>()?);
    Ok(hook.to_string())
}

/// When the first message stanza after `since` was taken off the wire.
async fn first_message(http: &reqwest::Client, whatsapp: &str, since: u64) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen: Value =
            http.get(format!("{whatsapp}/stats/messages?since={since}")).send().await?.json().await?;
        if let Some(at) = seen[0]["at_us"].as_u64() {
            return Ok(at);
        }
        if Instant::now() > deadline {
            bail!("a hook never became a message");
        }
        // Seldom enough not to be in the way: the instant is the sandbox's, not ours.
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
}

pub fn now_us() -> anyhow::Result<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(u64::try_from(since.as_micros())?)
}
