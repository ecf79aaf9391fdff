//! What linked sessions cost in memory, and how soon all are back after a start.
//!
//! Real sessions on our own store, each with its 812 pre-keys, linked through the connect page against a sandbox in another
//! process. Memory is read after a restart, so that what linking left behind is not counted, and after a rest.

use std::time::{Duration, Instant};

use anyhow::bail;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::process::{self, Product, Programs, Setup};
use crate::report::{PerSession, round};
use crate::seed::Salon;
use crate::{page, seed};

const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(300);

pub struct Measured {
    pub per_session: PerSession,
    pub restore_s: f64,
}

/// Links `few` sessions and measures, then as many as make `many` and measures again.
pub async fn run(
    programs: &Programs,
    mut setup: Setup,
    few: usize,
    many: usize,
    rest: Duration,
) -> anyhow::Result<Measured> {
    eprintln!("sessions: {few}, then {many} …");
    let (_whatsapp, whatsapp_url) = process::sandbox(programs, "whatsapp", &[])?;
    setup.whatsapp_url.clone_from(&whatsapp_url);
    let salons = seed::salons(&setup.database_url, many).await?;
    let bench = Bench { programs, setup, whatsapp_url, rest, http: reqwest::Client::new() };
    bench.link(&salons[..few], 0).await?;
    let (_, first_kib) = bench.restart(few).await?;
    bench.link(&salons[few..], few).await?;
    let (restored, all_kib) = bench.restart(many).await?;
    Ok(Measured {
        per_session: PerSession { few: each(first_kib, few), many: each(all_kib, many) },
        restore_s: round(restored.as_secs_f64(), 100.0),
    })
}

#[expect(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
fn each(kib: u64, sessions: usize) -> f64 {
    round(kib as f64 / sessions as f64, 10.0)
}

struct Bench<'a> {
    programs: &'a Programs,
    setup: Setup,
    whatsapp_url: String,
    rest: Duration,
    http: reqwest::Client,
}

impl Bench<'_> {
    /// Links a phone to each of the salons, `offset` being how many are linked already.
    async fn link(&self, salons: &[Salon], offset: usize) -> anyhow::Result<()> {
        let began = Instant::now();
        let numbers: Vec<String> = (offset..offset + salons.len()).map(|n| format!("7963{n:07}")).collect();
        let phones: Vec<Value> =
            numbers.iter().map(|n| json!({"number": n, "name": format!("Salon {n}")})).collect();
        let url = format!("{}/phones", self.whatsapp_url);
        self.http.post(url).json(&phones).send().await?.error_for_status()?;
        let product = Product::start(self.programs, &self.setup).await?;
        futures::stream::iter(salons.iter().zip(&numbers))
            .map(|(salon, number)| page::link(&self.http, &product.url, &self.whatsapp_url, salon, number))
            .buffer_unordered(AT_ONCE)
            .try_collect::<()>()
            .await?;
        self.await_online(offset + salons.len()).await?;
        eprintln!("  {} linked in {:.1} s", salons.len(), began.elapsed().as_secs_f64());
        product.process.stop()
    }

    /// Starts the product anew: how long until all are logged in, and how much memory it then has.
    async fn restart(&self, sessions: usize) -> anyhow::Result<(Duration, u64)> {
        let logins = self.stat("logins").await?;
        let began = Instant::now();
        let product = Product::start(self.programs, &self.setup).await?;
        while self.stat("logins").await? < logins + sessions as u64 {
            if began.elapsed() > PATIENCE {
                bail!("not all sessions came back");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        let cpu = product.process.cpu();
        tokio::time::sleep(self.rest).await;
        self.await_online(sessions).await?;
        let kib = product.process.resident_kib()?;
        eprintln!(
            "  {sessions} back in {:.1} s ({:.1} s of processor); {} MiB",
            took.as_secs_f64(),
            cpu.as_secs_f64(),
            kib / 1024
        );
        product.process.stop()?;
        Ok((took, kib))
    }

    async fn await_online(&self, sessions: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.stat("connections").await? != sessions as u64 {
            if Instant::now() > deadline {
                bail!("{} of {sessions} sessions are connected", self.stat("connections").await?);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let url = format!("{}/stats", self.whatsapp_url);
        let stats: Value = self.http.get(url).send().await?.json().await?;
        Ok(stats[name].as_u64().unwrap_or_default())
    }
}
