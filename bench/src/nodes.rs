//! Two processes on one PostgreSQL and one Redis: how they share the sessions, how soon one takes over what the other ran, and
//! what the second adds to, or takes from, the intake of hooks on the same two cores.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::load::{self, Load, Target};
use crate::process::{self, Process, Product, Programs, Setup};
use crate::report::{Nodes, Throughput, round};
use crate::seed::{self, Salon};
use crate::{ingest, page};

const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);
/// Hooks are only kept here: what follows from them would be measured too.
const RULES: &str = "settle_ms = 3600000";

pub async fn run(
    programs: &Programs,
    mut setup: Setup,
    sessions: usize,
    load: Load,
) -> anyhow::Result<Nodes> {
    eprintln!("two nodes, {sessions} sessions …");
    let (_redis, redis_url) = redis(&setup)?;
    let (_whatsapp, whatsapp_url) = process::sandbox(programs, "whatsapp", &[])?;
    setup.redis_url = Some(redis_url);
    setup.rules = RULES.to_owned();
    setup.whatsapp_url.clone_from(&whatsapp_url);
    let salons = seed::salons(&setup.database_url, sessions).await?;
    let bench = Bench { whatsapp_url, http: reqwest::Client::new() };

    let first = Product::start(programs, &setup).await?;
    bench.link(&first, &salons).await?;
    let ingest_one = hooks(&[&first], &salons, load).await?;

    let (logins, began) = (bench.stat("logins").await?, Instant::now());
    let second = Product::start(programs, &setup).await?;
    let held = bench.until_shared(sessions, logins).await?;
    let shared_out = began.elapsed();
    let ingest_two = hooks(&[&first, &second], &salons, load).await?;

    let (logins, began) = (bench.stat("logins").await?, Instant::now());
    first.process.kill()?;
    bench.until_logins(logins + 1).await?;
    let takeover_first = began.elapsed();
    bench.until_logins(logins + held as u64).await?;
    let takeover_all = began.elapsed();
    second.process.stop()?;
    let seconds = |took: Duration| round(took.as_secs_f64(), 100.0);
    Ok(Nodes {
        sessions,
        held_ratio: round(ingest::precise(sessions as u64) / ingest::precise(held as u64), 100.0),
        shared_out_s: seconds(shared_out),
        takeover_first_s: seconds(takeover_first),
        takeover_all_s: seconds(takeover_all),
        ingest_one,
        ingest_two,
    })
}

fn redis(setup: &Setup) -> anyhow::Result<(Process, String)> {
    let port = process::free_port()?;
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
    command.current_dir(setup.log.parent().unwrap_or(&setup.root)).stderr(Stdio::null());
    let process = Process::start("Redis", &mut command)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        anyhow::ensure!(Instant::now() < deadline, "Redis does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((process, format!("redis://127.0.0.1:{port}")))
}

/// Posts to all of the products at once, the connections shared among them.
async fn hooks(products: &[&Product], salons: &[Salon], load: Load) -> anyhow::Result<Throughput> {
    let targets: Vec<Target> = salons
        .iter()
        .map(|salon| Target {
            path: format!("/webhook/yclients/{}", salon.hook_key),
            salon_id: salon.salon_id,
        })
        .collect();
    let each = Load { connections: load.connections / products.len(), ..load };
    let mut running = Vec::new();
    for (place, product) in products.iter().enumerate() {
        let (address, targets) = (product.address.clone(), targets.clone());
        let first = load::FIRST_RECORD + 100_000_000 * (place + products.len()) as u64;
        running.push(tokio::task::spawn_blocking(move || load::run_from(&address, &targets, each, first)));
    }
    let mut all = Throughput { rps: 0.0, p50_ms: 0.0, p99_ms: 0.0 };
    for outcome in running {
        let outcome = outcome.await??;
        all.rps += outcome.rps;
        all.p50_ms = outcome.latency.p50_ms.max(all.p50_ms);
        all.p99_ms = outcome.latency.p99_ms.max(all.p99_ms);
    }
    all.rps = round(all.rps, 1.0);
    eprintln!("  {} node(s): {:.0} hooks/s, p99 {} ms", products.len(), all.rps, all.p99_ms);
    Ok(all)
}

struct Bench {
    whatsapp_url: String,
    http: reqwest::Client,
}

impl Bench {
    async fn link(&self, product: &Product, salons: &[Salon]) -> anyhow::Result<()> {
        let numbers: Vec<String> = (0..salons.len()).map(|n| format!("7964{n:07}")).collect();
        let phones: Vec<Value> =
            numbers.iter().map(|n| json!({"number": n, "name": format!("Salon {n}")})).collect();
        let url = format!("{}/phones", self.whatsapp_url);
        self.http.post(url).json(&phones).send().await?.error_for_status()?;
        futures::stream::iter(salons.iter().zip(&numbers))
            .map(|(salon, number)| page::link(&self.http, &product.url, &self.whatsapp_url, salon, number))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        while self.stat("connections").await? != salons.len() as u64 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Waits until no session moves any more; how many the fuller node then holds.
    async fn until_shared(&self, sessions: usize, before: u64) -> anyhow::Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        // A node's fair share, and the twentieth more that it may keep.
        let most = sessions.div_ceil(2) + sessions.div_ceil(2) / 20 + 1;
        let to_move = (sessions - most) as u64;
        loop {
            let moved = self.stat("logins").await?.saturating_sub(before);
            if moved >= to_move && self.stat("connections").await? == sessions as u64 {
                return Ok(sessions - usize::try_from(moved)?);
            }
            if Instant::now() > deadline {
                bail!("{moved} sessions moved of {to_move}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_logins(&self, wanted: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.stat("logins").await? < wanted {
            if Instant::now() > deadline {
                bail!("{} logins of {wanted}", self.stat("logins").await?);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let url = format!("{}/stats", self.whatsapp_url);
        let stats: Value = self.http.get(url).send().await?.json().await?;
        Ok(stats[name].as_u64().unwrap_or_default())
    }
}
