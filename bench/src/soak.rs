//! A week of many salons in an hour: does memory grow, do handles leak, is every booking told?

use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::page;
use crate::process::{self, Product, Programs, Setup};
use crate::report::{Soak, round};
use crate::seed::{self, Salon};
use crate::wire::booking;

const AT_ONCE: usize = 8;
/// Bookings of a salon in a week.
const A_WEEK: u64 = 230;
const CLIENTS: u64 = 2_000;
const FIRST_RECORD: u64 = 600_000_000;
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// What comes first (caches that fill, sessions that are made) is no slope.
const WARM_UP_SHARE: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(300);

/// What the process holds at one moment.
struct Look {
    minutes: f64,
    kib: f64,
    handles: usize,
}

pub async fn run(
    programs: &Programs,
    mut setup: Setup,
    sessions: usize,
    minutes: u64,
) -> anyhow::Result<Soak> {
    eprintln!("soak: {sessions} salons, a week in {minutes} minutes …");
    let (_whatsapp, whatsapp) = process::sandbox(programs, "whatsapp", &[])?;
    setup.whatsapp_url.clone_from(&whatsapp);
    setup.rules = "settle_ms = 0\npacing.is_on = false".to_owned();
    let salons = seed::salons(&setup.database_url, sessions).await?;
    let http = reqwest::Client::new();
    let numbers: Vec<String> = (0..sessions).map(|n| format!("7967{n:07}")).collect();
    let clients = (0..CLIENTS).map(client);
    let phones: Vec<Value> =
        numbers.iter().cloned().chain(clients).map(|n| json!({"number": n, "name": n})).collect();
    http.post(format!("{whatsapp}/phones")).json(&phones).send().await?.error_for_status()?;
    let product = Product::start(programs, &setup).await?;
    futures::stream::iter(salons.iter().zip(&numbers))
        .map(|(salon, number)| page::link(&http, &product.url, &whatsapp, salon, number))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;

    let length = Duration::from_secs(minutes * 60);
    let hooks = A_WEEK * sessions as u64;
    let looks = traffic(&http, &product, &salons, hooks, length).await?;
    let told = until_told(&http, &whatsapp, hooks).await?;
    product.process.stop()?;
    let settled = &looks[looks.len() / WARM_UP_SHARE as usize..];
    let (first, last) = (&settled[0], &settled[settled.len() - 1]);
    let soak = Soak {
        sessions,
        minutes,
        hooks,
        told,
        first_mib: round(first.kib / 1024.0, 10.0),
        last_mib: round(last.kib / 1024.0, 10.0),
        kib_a_minute: round(slope(settled), 10.0),
        first_handles: first.handles,
        last_handles: last.handles,
    };
    eprintln!("  {} → {} MiB, {} → {} handles", soak.first_mib, soak.last_mib, first.handles, last.handles);
    Ok(soak)
}

/// Posts the hooks evenly over the time, and looks at the process now and then.
async fn traffic(
    http: &reqwest::Client,
    product: &Product,
    salons: &[Salon],
    hooks: u64,
    length: Duration,
) -> anyhow::Result<Vec<Look>> {
    let (began, pause) = (Instant::now(), length / u32::try_from(hooks)?);
    let (mut looks, mut next_look) = (Vec::new(), Duration::ZERO);
    let posts = futures::stream::iter(0..hooks).map(|n| async move {
        tokio::time::sleep((pause * u32::try_from(n)?).saturating_sub(began.elapsed())).await;
        post(http, &product.url, &salons[usize::try_from(n)? % salons.len()], n).await
    });
    let mut posts = std::pin::pin!(posts.buffered(64));
    while let Some(posted) = posts.next().await {
        posted?;
        if began.elapsed() >= next_look {
            looks.push(look(product, began)?);
            next_look = began.elapsed() + LOOK_EVERY;
        }
    }
    Ok(looks)
}

async fn post(http: &reqwest::Client, product: &str, salon: &Salon, n: u64) -> anyhow::Result<()> {
    let body = booking(salon.salon_id, FIRST_RECORD + n, &client(n % CLIENTS), 72)?;
    let address = format!("{product}/webhook/yclients/{}", salon.hook_key);
    let answer = http.post(address).header("content-type", "application/json").body(body).send().await?;
    ensure!(answer.status().is_success(), "a hook was answered with {}", answer.status());
    Ok(())
}

fn client(place: u64) -> String {
    format!("7968{place:07}")
}

/// Waits until nothing comes any more; how many messages WhatsApp took.
async fn until_told(http: &reqwest::Client, whatsapp: &str, wanted: u64) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats: Value = http.get(format!("{whatsapp}/stats")).send().await?.json().await?;
        let told = stats["messages"].as_u64().unwrap_or_default();
        if told >= wanted || Instant::now() > deadline {
            return Ok(told);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn look(product: &Product, began: Instant) -> anyhow::Result<Look> {
    Ok(Look {
        minutes: began.elapsed().as_secs_f64() / 60.0,
        kib: product.process.resident_kib()? as f64,
        handles: product.process.handles()?,
    })
}

/// KiB a minute, by least squares.
#[expect(clippy::cast_precision_loss, reason = "a few hundred looks")]
fn slope(looks: &[Look]) -> f64 {
    let count = looks.len().max(1) as f64;
    let mean = |of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|look| look.minutes), mean(|look| look.kib));
    let over: f64 = looks.iter().map(|look| (look.minutes - x) * (look.kib - y)).sum();
    let under: f64 = looks.iter().map(|look| (look.minutes - x).powi(2)).sum();
    if under > 0.0 { over / under } else { 0.0 }
}
