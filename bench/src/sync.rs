//! A journal of ten thousand read to its end: the product's own time, without the pace that YClients asks for.
//!
//! The product runs in this process, between the sandboxes, as the demo does: it measures its own time itself and leaves out what
//! it waits for answers and for turns.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip::{self, Report as Walked, Trip};
use serde_json::{Value, json};

use crate::postgres::Cluster;
use crate::report::{Sync, SyncCost, round};

const OPERATOR: &str = "the operator of a benchmark, long enough";
/// The sandbox makes no more in one call.
const AT_ONCE: i64 = 1_250;
const PATIENCE: Duration = Duration::from_secs(180);

pub async fn run(cluster: &Cluster, work: &Path, records: i64) -> anyhow::Result<Sync> {
    let sqlite = format!("sqlite:{}", work.join("sync.db").display());
    Ok(Sync {
        records,
        sqlite: measure(&sqlite, work, records).await?,
        postgres: measure(&cluster.create("sync")?, work, records).await?,
    })
}

async fn measure(database_url: &str, work: &Path, records: i64) -> anyhow::Result<SyncCost> {
    let env: Env = [
        ("DATABASE_URL", database_url),
        ("SALONBRIDGE_OPERATOR_TOKEN", OPERATOR),
        ("SALONBRIDGE_RULES", "settle_ms = 300\nsync.minutes = 0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let world = World::start(&env, work, 0).await?;
    let measured = read_journal(&world, records).await;
    world.stop().await;
    measured
}

async fn read_journal(world: &World, records: i64) -> anyhow::Result<SyncCost> {
    let (trip, mut walked) = (Trip::new(world)?, Walked::default());
    let page = trip.install(&mut walked).await?;
    // Arranged before the salon became active: nobody is told anything.
    let path = format!("/admin/salons/{}/records", demo_trip::SALON);
    for first in (0..records).step_by(usize::try_from(AT_ONCE)?) {
        let booking = json!({
            "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "services": [7_700_201],
            "datetime": demo_trip::visit_time(1, 9), "silent": true, "count": (records - first).min(AT_ONCE),
        });
        trip.crm("POST", &path, &booking).await?;
    }
    trip.crm("POST", "/admin/config", &json!({"rate_limit": false})).await?;
    trip.link(&page, &mut walked).await?;

    let http = reqwest::Client::new();
    let began = Instant::now();
    let log = format!("{}/api/v1/companies/{}/syncs", world.product_url, demo_trip::SALON);
    let run: Value = http.post(&log).bearer_auth(OPERATOR).send().await?.error_for_status()?.json().await?;
    let url = format!("{}{}", world.product_url, run["url"].as_str().context("where to look")?);
    let run = loop {
        let run: Value =
            http.get(&url).bearer_auth(OPERATOR).send().await?.error_for_status()?.json().await?;
        if !run["finished_at"].is_null() {
            break run;
        }
        ensure!(began.elapsed() < PATIENCE, "the journal is never read: {run}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(run["created"] == records, "{run}");
    let own_ms = run["own_ms"].as_f64().context("its own time")?;
    eprintln!("  {own_ms} ms of our own, {:.1} s in all", began.elapsed().as_secs_f64());
    Ok(SyncCost { own_s: round(own_ms / 1000.0, 100.0), whole_s: round(began.elapsed().as_secs_f64(), 10.0) })
}
