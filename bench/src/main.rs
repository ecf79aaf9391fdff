//! `salonbridge-bench`: measures the product from outside, as its neighbours meet it. `bin/bench` builds everything, starts a
//! private PostgreSQL and runs it.
//!
//! Product, sandboxes, Express and load share one machine and one run, so figures mean something as ratios of each other.

mod backlog;
mod ingest;
mod load;
mod matching;
mod nodes;
mod page;
mod postgres;
mod process;
mod qr;
mod report;
mod seed;
mod sessions;
mod soak;
mod sync;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::load::Load;
use crate::postgres::Cluster;
use crate::process::{NOBODY, Programs, Setup};
use crate::report::Report;

/// Measures the product on this machine.
#[derive(Debug, Parser)]
struct Cli {
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// A third of the time and a tenth of the sessions: shows that it works, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only these: sqlite, postgres, express, pgbench, wire, qr, sessions, companies, nodes, backlog, matching, sync; and soak, which
    /// is run only when it is named.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How long a soak lasts.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// The repository.
    #[arg(long)]
    root: PathBuf,
    /// A folder for databases and logs, on a real disk.
    #[arg(long)]
    work: PathBuf,
    /// Folder of PostgreSQL's programs.
    #[arg(long)]
    pg_bin: PathBuf,
    #[arg(long)]
    pg_port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // Plain HTTP on loopback, but the client will not be made without it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let report = measure(&cli).await?;
    let text = if cli.json { format!("{}\n", serde_json::to_string(&report)?) } else { report.table() };
    print(&text);
    Ok(())
}

fn print(text: &str) {
    use std::io::Write as _;
    // A closed pipe is no failure.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

async fn measure(cli: &Cli) -> anyhow::Result<Report> {
    let programs = Programs::beside_this_one()?;
    let cluster = Cluster { bin: cli.pg_bin.clone(), port: cli.pg_port };
    let seconds = |full: u64, quick: u64| Duration::from_secs(if cli.quick { quick } else { full });
    let load = Load { connections: 64, warm_up: seconds(3, 1), measured: seconds(10, 3) };
    let mut report = Report::default();
    let bench =
        ingest::Bench { programs: &programs, cluster: &cluster, root: &cli.root, work: &cli.work, load };
    report.ingest = bench.run(&cli.only).await?;
    let wanted = |name: &str| cli.only.is_empty() || cli.only.iter().any(|only| only == name);
    if wanted("wire") {
        let hooks = if cli.quick { 50 } else { 300 };
        report.hook_to_wire_ms = Some(wire::run(&programs, setup(cli, "wire"), hooks, 1).await?);
    }
    if wanted("qr") {
        let salons = if cli.quick { 10 } else { 40 };
        report.first_qr_ms = Some(qr::run(&programs, setup(cli, "qr"), salons).await?);
    }
    if wanted("sessions") {
        let (few, many) = if cli.quick { (10, 100) } else { (100, 1000) };
        let measured = sessions::run(&programs, setup(cli, "sessions"), few, many, seconds(20, 5)).await?;
        report.session_kib = Some(measured.per_session);
        report.restore_1000_s = Some(measured.restore_s);
        report.sessions = Some((few, many));
    }
    if wanted("companies") {
        let mut companies = bench.companies().await?;
        for count in [1, 100, 5000] {
            let setup = setup(cli, &format!("wire{count}"));
            let latency = wire::run(&programs, setup, if cli.quick { 50 } else { 200 }, count).await?;
            companies.hook_to_wire_ms.insert(count, latency);
        }
        report.companies = Some(companies);
    }
    if wanted("nodes") {
        let setup = Setup { database_url: cluster.create("nodes")?, ..setup(cli, "nodes") };
        let sessions = if cli.quick { 40 } else { 400 };
        report.nodes = Some(nodes::run(&programs, setup, sessions, load).await?);
    }
    if wanted("backlog") {
        let setup = Setup { database_url: cluster.create("backlog")?, ..setup(cli, "backlog") };
        let (count, fresh) = if cli.quick { (1_000, 20) } else { (10_000, 60) };
        report.backlog = Some(backlog::run(&programs, setup, count, fresh).await?);
    }
    if wanted("matching") {
        let (clients, looks) = if cli.quick { (10_000, 400) } else { (100_000, 4_000) };
        report.matching = Some(matching::run(&cluster, &cli.work, clients, looks).await?);
    }
    if wanted("sync") {
        eprintln!("a journal of ten thousand …");
        let records = if cli.quick { 1_000 } else { 10_000 };
        report.sync = Some(sync::run(&cluster, &cli.work, records).await?);
    }
    if cli.only.iter().any(|only| only == "soak") {
        let sessions = if cli.quick { 50 } else { 1_000 };
        report.soak = Some(soak::run(&programs, setup(cli, "soak"), sessions, cli.minutes).await?);
    }
    Ok(report)
}

/// The product on SQLite, in a database of its own.
fn setup(cli: &Cli, name: &str) -> Setup {
    Setup {
        database_url: format!("sqlite:{}", cli.work.join(format!("{name}.db")).display()),
        root: cli.root.clone(),
        log: cli.work.join("product.log"),
        yclients_url: NOBODY.to_owned(),
        whatsapp_url: NOBODY.to_owned(),
        rules: "settle_ms = 2000".to_owned(),
        redis_url: None,
        port: 0,
    }
}
