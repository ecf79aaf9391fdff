//! The private PostgreSQL cluster that `bin/bench` has started: fresh databases in it, and its own benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::load;

/// A cluster on loopback that trusts its caller.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub bin: PathBuf,
    pub port: u16,
}

const USER: &str = "salonbridge";

const TABLE: &str = "CREATE TABLE event (id BIGSERIAL PRIMARY KEY, company_id TEXT NOT NULL, resource TEXT NOT NULL, \
     resource_id BIGINT NOT NULL, payload TEXT NOT NULL, received_at TIMESTAMPTZ NOT NULL DEFAULT now())";
/// One hook's row, one commit.
const SCRIPT: &str = "\\set id random(100000000, 999999999)\n\
     INSERT INTO event (company_id, resource, resource_id, payload) VALUES ('990101', 'record', :id, :body);\n";

impl Cluster {
    /// A fresh database's URL.
    pub fn create(&self, name: &str) -> anyhow::Result<String> {
        self.run(self.tool("createdb").arg(name))?;
        Ok(format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port))
    }

    pub fn count(&self, database: &str, table: &str) -> anyhow::Result<u64> {
        let count = format!("SELECT COUNT(*) FROM {table}");
        let said = self.run(self.tool("psql").args(["-qtA", "-c", &count, database]))?;
        Ok(said.trim().parse()?)
    }

    /// What was written so far lies on the disk and is out of the way of the next measurement.
    pub fn checkpoint(&self) -> anyhow::Result<()> {
        self.run(self.tool("psql").args(["-qtA", "-c", "CHECKPOINT", "postgres"])).map(drop)
    }

    /// The database's own rate of single-row inserts, with as many clients as the other loads have.
    pub fn pgbench(&self, work: &Path, clients: usize, lasts: Duration) -> anyhow::Result<f64> {
        let name = "pgbench_alone";
        self.create(name)?;
        self.run(self.tool("psql").args(["-q", "-c", TABLE, name]))?;
        let script = work.join("insert.sql");
        std::fs::write(&script, SCRIPT)?;
        let body = format!("body={}", load::body(990_101, 880_000_501));
        let mut pgbench = self.tool("pgbench");
        pgbench.args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string()]);
        pgbench.args(["-T", &lasts.as_secs().to_string(), "-D", &body, "-f"]).arg(&script).arg(name);
        let said = self.run(&mut pgbench)?;
        let line = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = line.and_then(|line| line.split_whitespace().next()).context("pgbench told no rate")?;
        Ok(tps.parse()?)
    }

    fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string()).env("PGUSER", USER);
        command
    }

    fn run(&self, command: &mut Command) -> anyhow::Result<String> {
        let done = command.output().with_context(|| format!("{command:?}"))?;
        ensure!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}
