//! A salon whose phone was away: thousands of messages wait when it is back. They go at the number's pace, the nearest visit first;
//! whoever books now waits for a pause or two, and not for all of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use salonbridge::storage::{Db, waiting};
use serde_json::Value;

use crate::process::{self, Product, Programs, Setup};
use crate::report::{Backlog, percentiles, round};
use crate::wire::{booking, now_us};
use crate::{page, seed};

const SALON: &str = "79650000000";
const CLIENTS: u64 = 20;
const FRESH: u64 = 20;
const FIRST_RECORD: u64 = 500_000_000;
/// Much quicker than a real number may write, so that the measurement is about the product.
const PAUSE_MS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(180);

/// `setup` is on a PostgreSQL, which can be looked into while the product runs.
pub async fn run(programs: &Programs, mut setup: Setup, count: u64, fresh: u64) -> anyhow::Result<Backlog> {
    eprintln!("a backlog of {count} messages …");
    let phones: Vec<String> = std::iter::once(SALON.to_owned())
        .chain((0..CLIENTS + FRESH).map(client))
        .map(|n| format!("--phone={n}"))
        .collect();
    let (_whatsapp, whatsapp) = process::sandbox(programs, "whatsapp", &phones)?;
    setup.whatsapp_url.clone_from(&whatsapp);
    setup.rules = format!(
        "settle_ms = 0\n[pacing]\npause_ms = [{PAUSE_MS}, {PAUSE_MS}]\nclient_pause_ms = 0\nper_hour = 100000\n\
         burst = 100000\nnew_chats = [1000]\n"
    );
    let salon = seed::salons(&setup.database_url, 1).await?.pop().context("one salon")?;
    let product = Product::start(programs, &setup).await?;
    let http = reqwest::Client::new();
    let address = format!("{}/webhook/yclients/{}", product.url, salon.hook_key);
    let post = async |record: u64, phone: String, hours: i64| {
        let body = booking(salon.salon_id, FIRST_RECORD + record, &phone, hours)?;
        let answer = http.post(&address).header("content-type", "application/json").body(body).send().await?;
        anyhow::ensure!(answer.status().is_success(), "a hook was answered with {}", answer.status());
        anyhow::Ok(())
    };
    futures::stream::iter(
        (0..count).map(|n| post(n, client(n % CLIENTS), 72 + i64::try_from(n % 96).unwrap_or(0))),
    )
    .buffer_unordered(32)
    .try_collect::<()>()
    .await?;
    let db = Db::connect(&setup.database_url).await?;
    let left =
        async || anyhow::Ok(u64::try_from(waiting::count(&mut db.read().await?, &salon.tenant).await?)?);
    let deadline = Instant::now() + PATIENCE;
    while left().await? < count {
        anyhow::ensure!(Instant::now() < deadline, "{} of {count} messages were planned", left().await?);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    page::link(&http, &product.url, &whatsapp, &salon, SALON).await?;
    while left().await? == count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (began, at_first) = (Instant::now(), left().await?);
    let mut took = Vec::new();
    for n in 0..fresh {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (to, posted) = (client(CLIENTS + n % FRESH), now_us()?);
        post(count + n, to.clone(), 3).await?;
        let seen = first_to(&http, &whatsapp, &to, posted).await?;
        took.push(Duration::from_micros(seen.saturating_sub(posted)));
    }
    let drained = at_first + fresh - left().await?;
    let per_second = precise(drained) / began.elapsed().as_secs_f64();
    product.process.stop()?;
    db.close().await;
    let measured = Backlog {
        messages: count,
        pause_ms: PAUSE_MS,
        drained_per_s: round(per_second, 10.0),
        of_the_pace: round(per_second * f64::from(PAUSE_MS) / 1000.0, 100.0),
        fresh_ms: percentiles(&mut took)?,
    };
    eprintln!("  {} a second; a fresh one p50 {} ms", measured.drained_per_s, measured.fresh_ms.p50_ms);
    Ok(measured)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn precise(count: u64) -> f64 {
    count as f64
}

fn client(place: u64) -> String {
    format!("7965{:07}", place + 1)
}

/// When the first message to this number after `since` was taken off the wire.
async fn first_to(http: &reqwest::Client, whatsapp: &str, number: &str, since: u64) -> anyhow::Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen: Vec<Value> =
            http.get(format!("{whatsapp}/stats/messages?since={since}")).send().await?.json().await?;
        let ours = seen.iter().find(|message| message["to"].as_str().is_some_and(|to| to.contains(number)));
        if let Some(at) = ours.and_then(|message| message["at_us"].as_u64()) {
            return Ok(at);
        }
        if Instant::now() > deadline {
            bail!("a fresh booking never became a message");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
