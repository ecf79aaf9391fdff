//! Durable intake: how many hooks a second are committed and answered, against Express and against the database alone.
//!
//! The product does its whole work: it finds the salon, deduplicates, seals the body, rings the job and commits before it
//! answers. What comes after (reading the hooks, telling clients) is put off beyond the end by a long settle window. At the
//! end the product is killed, and every hook it has acknowledged must be in its database.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::load::{self, Load, Outcome, Target};
use crate::postgres::Cluster;
use crate::process::{NOBODY, Process, Product, Programs, Setup};
use crate::report::{Companies, Ingest, Throughput, round};
use crate::seed;

/// Longer than any measurement.
const RULES: &str = "settle_ms = 3600000";
/// Connections pg holds when nobody tells it otherwise: the server as it is usually written.
const PG_DEFAULT: usize = 10;
/// Connections are spread over so many salons.
const SALONS: usize = 16;
const COMPANIES: [usize; 3] = [1, 100, 5000];

pub struct Bench<'a> {
    pub programs: &'a Programs,
    pub cluster: &'a Cluster,
    pub root: &'a Path,
    pub work: &'a Path,
    pub load: Load,
}

impl Bench<'_> {
    pub async fn run(&self, what: &[String]) -> anyhow::Result<Ingest> {
        let wanted = |name: &str| what.is_empty() || what.iter().any(|w| w == name);
        let mut ingest = Ingest::default();
        if wanted("sqlite") {
            let url = format!("sqlite:{}", self.work.join("ingest.db").display());
            ingest.sqlite = Some(self.product("SQLite", &url, SALONS).await?);
        }
        if wanted("postgres") {
            let url = self.cluster.create("ingest")?;
            ingest.postgres = Some(self.product("PostgreSQL", &url, SALONS).await?);
            self.cluster.checkpoint()?;
        }
        if wanted("express") {
            ingest.express_postgres = Some(self.express("express", PG_DEFAULT).await?);
            self.cluster.checkpoint()?;
            ingest.express_postgres_tuned = Some(self.express("express_tuned", self.load.connections).await?);
            self.cluster.checkpoint()?;
        }
        if wanted("pgbench") {
            eprintln!("pgbench …");
            let rps = self.cluster.pgbench(self.work, self.load.connections, self.load.measured)?;
            ingest.pgbench_rps = Some(round(rps, 1.0));
        }
        Ok(ingest)
    }

    /// What a hook costs with one company, and with as many as a platform has.
    pub async fn companies(&self) -> anyhow::Result<Companies> {
        let mut measured = Companies::default();
        for count in COMPANIES {
            let url = format!("sqlite:{}", self.work.join(format!("companies{count}.db")).display());
            measured.sqlite.insert(count, self.product("SQLite", &url, count).await?);
            let url = self.cluster.create(&format!("companies{count}"))?;
            measured.postgres.insert(count, self.product("PostgreSQL", &url, count).await?);
            self.cluster.checkpoint()?;
        }
        Ok(measured)
    }

    async fn product(&self, name: &str, database_url: &str, salons: usize) -> anyhow::Result<Throughput> {
        eprintln!("the product's intake on {name}, {salons} companies …");
        let salons = seed::salons(database_url, salons).await?;
        let setup = Setup {
            database_url: database_url.to_owned(),
            root: self.root.to_owned(),
            log: self.work.join("product.log"),
            yclients_url: NOBODY.to_owned(),
            whatsapp_url: NOBODY.to_owned(),
            rules: RULES.to_owned(),
            redis_url: None,
            port: 0,
        };
        let product = Product::start(self.programs, &setup).await?;
        let targets: Vec<Target> = salons
            .iter()
            .map(|salon| Target {
                path: format!("/webhook/yclients/{}", salon.hook_key),
                salon_id: salon.salon_id,
            })
            .collect();
        let outcome = self.load(&product.address, targets, &product.process).await?;
        product.process.kill()?;
        let kept = seed::count_hooks(database_url, &salons).await?;
        ensure!(kept >= outcome.acknowledged, "{kept} hooks kept of {} acknowledged", outcome.acknowledged);
        Ok(throughput(&outcome))
    }

    async fn express(&self, database: &str, pool: usize) -> anyhow::Result<Throughput> {
        eprintln!("Express on PostgreSQL, {pool} connections …");
        let database_url = self.cluster.create(database)?;
        let mut command = Command::new("node");
        command.arg("server.js").current_dir(self.root.join("bench/express"));
        command.env("DATABASE_URL", database_url).env("NODE_ENV", "production").env("POOL", pool.to_string());
        let (process, url) = Process::start_and_ask("Express", &mut command)?;
        let address = url.strip_prefix("http://").context("an address")?.to_owned();
        let target = Target { path: "/webhook/yclients/990101".to_owned(), salon_id: 990_101 };
        let outcome = self.load(&address, vec![target], &process).await?;
        process.kill()?;
        let kept = self.cluster.count(database, "webhook_events")?;
        ensure!(kept >= outcome.acknowledged, "{kept} hooks kept of {} acknowledged", outcome.acknowledged);
        Ok(throughput(&outcome))
    }

    async fn load(&self, address: &str, targets: Vec<Target>, process: &Process) -> anyhow::Result<Outcome> {
        let (address, load) = (address.to_owned(), self.load);
        let (cpu, began) = (process.cpu(), Instant::now());
        let outcome = tokio::task::spawn_blocking(move || load::run(&address, &targets, load)).await??;
        let each = (process.cpu() - cpu).as_secs_f64() * 1e6 / precise(outcome.acknowledged);
        eprintln!(
            "  {:.0}/s, p50 {} ms, p99 {} ms; {} acknowledged in {:.1} s, {each:.0} µs of processor each",
            outcome.rps,
            outcome.latency.p50_ms,
            outcome.latency.p99_ms,
            outcome.acknowledged,
            began.elapsed().as_secs_f64()
        );
        // The disk catches up before the next one is measured.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(outcome)
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 hooks")]
pub fn precise(count: u64) -> f64 {
    count.max(1) as f64
}

fn throughput(outcome: &Outcome) -> Throughput {
    Throughput {
        rps: round(outcome.rps, 1.0),
        p50_ms: outcome.latency.p50_ms,
        p99_ms: outcome.latency.p99_ms,
    }
}
