//! `salonbridge-prove`: the product in a process of its own, killed and deceived by seed, and what its clients saw, checked.
//! `bin/prove` builds what it needs and starts a private PostgreSQL. docs/proof.md says what is promised and how to replay.

mod base;
mod check;
mod history;
mod node;
mod plan;
mod redis;
mod run;
mod stage;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;

use crate::base::Base;
use crate::check::Verdict;
use crate::history::Run;
use crate::plan::Plan;
use crate::stage::Stage;

/// Runs seeds against the product and checks what its clients saw.
#[derive(Debug, Clone, Parser)]
struct Cli {
    /// So many runs, half of them on each engine.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Runs until the product was killed so often, whatever --seeds says.
    #[arg(long)]
    kills: Option<usize>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// This seed alone: a failure is replayed.
    #[arg(long)]
    seed: Option<u64>,
    /// So many processes of the product, on PostgreSQL and a Redis, behind a balancer.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// sqlite, postgres, or both.
    #[arg(long, default_value = "both")]
    engine: String,
    /// Plants a mistake in the product, which must be found: early-ack, no-dedupe, no-unique-key, resend, no-epoch (of
    /// three nodes), or all in turn.
    #[arg(long, default_value = "")]
    plant: String,
    /// A PostgreSQL server that may make databases.
    #[arg(long, env = "TEST_DATABASE_URL")]
    server: Option<String>,
}

/// Runs that share a world. A world costs an installation at its beginning and a wait for signs at its end.
const RUNS_IN_A_WORLD: u64 = 25;
/// A planted mistake is mostly found at once.
const RUNS_TO_FIND: u64 = 4;
const MISTAKES: [&str; 5] = ["early-ack", "no-dedupe", "no-unique-key", "resend", NO_EPOCH];
/// Takes several nodes to be seen.
const NO_EPOCH: &str = "no-epoch";

/// What came of an engine's runs.
#[derive(Debug, Default)]
struct Sum {
    verdict: Verdict,
    runs: u64,
    kills: usize,
    told: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    // Plain HTTP on loopback, but the client will not be made without it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let clean = if cli.plant == "all" {
        let mut found = true;
        for mistake in MISTAKES {
            say(&format!("planted: {mistake}\n"));
            found &= runtime.block_on(prove(&Cli { plant: mistake.to_owned(), ..cli.clone() }))?;
        }
        found
    } else {
        runtime.block_on(prove(&cli))?
    };
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether all is as it should be: clean, or with a mistake planted, found.
async fn prove(cli: &Cli) -> anyhow::Result<bool> {
    let began = Instant::now();
    let cli = &Cli { nodes: if cli.plant == NO_EPOCH { cli.nodes.max(3) } else { cli.nodes }, ..cli.clone() };
    let engines: Vec<&str> = match cli.engine.as_str() {
        _ if cli.nodes > 1 => vec!["postgres"],
        "both" => vec!["sqlite", "postgres"],
        engine => vec![engine],
    };
    let sums = futures::future::try_join_all(
        engines
            .iter()
            .enumerate()
            .map(|(place, engine)| on_engine(cli, engine, place as u64, engines.len() as u64)),
    )
    .await?;
    let mut all = Sum::default();
    for (engine, sum) in engines.iter().zip(sums) {
        say(&format!(
            "{engine}: {} runs, {} kills, {} messages, {} in doubt\n",
            sum.runs, sum.kills, sum.told, sum.verdict.in_doubt
        ));
        all.verdict.add(sum.verdict);
        all.runs += sum.runs;
        all.kills += sum.kills;
    }
    for (name, found) in all.verdict.findings() {
        say(&format!("{name}: {}\n", found.len()));
        for one in found.iter().take(20) {
            say(&format!("  {one}\n"));
        }
    }
    let clean = all.verdict.is_clean();
    let word = if clean { "nothing lost, nothing doubled" } else { "something is wrong" };
    say(&format!(
        "{} runs, {} kills in {:.0} s: {word}\n",
        all.runs,
        all.kills,
        began.elapsed().as_secs_f64()
    ));
    // A planted mistake that is not found means that the checker is blind.
    Ok(clean == cli.plant.is_empty())
}

async fn on_engine(cli: &Cli, engine: &str, place: u64, engines: u64) -> anyhow::Result<Sum> {
    let mut sum = Sum::default();
    let mut seeds = (cli.from + place..).step_by(usize::try_from(engines)?);
    let wanted = if cli.seed.is_some() { 1 } else { cli.seeds.div_ceil(engines) };
    let planted = !cli.plant.is_empty();
    let in_a_world = if planted { RUNS_TO_FIND } else { RUNS_IN_A_WORLD };
    let enough = |sum: &Sum| match cli.kills {
        _ if planted && !sum.verdict.is_clean() => true,
        Some(kills) => sum.kills >= kills.div_ceil(usize::try_from(engines).unwrap_or(1)),
        None => sum.runs >= wanted,
    };
    while !enough(&sum) {
        let left = if cli.kills.is_some() { in_a_world } else { in_a_world.min(wanted - sum.runs) };
        let seeds: Vec<u64> = match cli.seed {
            Some(seed) => vec![seed],
            None => seeds.by_ref().take(usize::try_from(left)?).collect(),
        };
        world(cli, engine, &seeds, &mut sum).await.with_context(|| format!("{engine}, seeds {seeds:?}"))?;
    }
    Ok(sum)
}

async fn world(cli: &Cli, engine: &str, seeds: &[u64], sum: &mut Sum) -> anyhow::Result<()> {
    let database = match engine {
        "postgres" => {
            let server =
                cli.server.as_deref().context("--server, or TEST_DATABASE_URL: bin/prove starts one")?;
            Some(base::create(server, &format!("prove_{}_{}", std::process::id(), seeds[0])).await?)
        }
        _ => None,
    };
    let mut stage = Stage::open(database.as_deref(), cli.nodes, &cli.plant).await?;
    let base = Base::open(&stage.database).await?;
    let mut runs = Vec::with_capacity(seeds.len());
    for seed in seeds {
        let plan = match cli.nodes {
            1 => Plan::of(*seed, Stage::salon_phone()),
            _ => Plan::of_nodes(*seed, Stage::salon_phone(), cli.plant == NO_EPOCH),
        };
        let done = run::carry_out(&mut stage, &base, &plan).await;
        runs.push(done.with_context(|| format!("seed {seed}"))?);
    }
    run::until_quiet(&mut stage, &base).await?;
    let mut clean = true;
    for mut run in runs {
        run::gather(&stage, &base, &mut run).await?;
        let verdict = check::check(&run, Stage::salon_phone());
        if !verdict.is_clean() && cli.plant.is_empty() {
            show(&stage, &run).await?;
        }
        clean &= verdict.is_clean();
        sum.verdict.add(verdict);
        sum.runs += 1;
        sum.told += run.heard.len();
    }
    sum.kills += stage.kills;
    if !clean && cli.plant.is_empty() {
        say(&format!("{engine}: the product's own words are in {}\n", stage.log()));
        stage.keep()?;
    }
    Ok(())
}

/// All that is known of a run in which something went wrong.
async fn show(stage: &Stage, run: &Run) -> anyhow::Result<()> {
    for (record, versions) in &run.records {
        say(&format!("seed {}, record {record}: {versions:?}\n", run.seed));
        for hook in run::hooks_of(stage, *record).await? {
            say(&format!("    hook {hook}\n"));
        }
        for row in run.rows.iter().filter(|row| row.record == *record) {
            say(&format!("    row {row:?}\n"));
        }
    }
    for heard in &run.heard {
        say(&format!("    heard {heard:?}\n"));
    }
    Ok(())
}

fn say(text: &str) {
    use std::io::Write as _;
    // A closed pipe is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
