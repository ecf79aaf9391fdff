//! Processes that are measured or stand by; each ends with its handle.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);

/// A running process.
pub struct Process {
    child: Child,
    name: &'static str,
}

impl Process {
    /// Starts a server that prints its address as its first line.
    pub fn start_and_ask(name: &'static str, command: &mut Command) -> anyhow::Result<(Self, String)> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.with_context(|| format!("{name} cannot be started"))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let started = Self { child, name };
        let url = line.trim().to_owned();
        anyhow::ensure!(url.starts_with("http://"), "{name} did not say where it listens");
        Ok((started, url))
    }

    pub fn start(name: &'static str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self { child: child.with_context(|| format!("{name} cannot be started"))?, name })
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc")?;
        line.split_whitespace().nth(1).context("VmRSS says nothing")?.parse().context("VmRSS is no number")
    }

    /// Open files and sockets.
    pub fn handles(&self) -> anyhow::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 =
            after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        // Linux counts processor time in hundredths of a second.
        Duration::from_millis(ticks * 10)
    }

    /// Asks to stop, as a service manager does, and waits.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("kill")?;
        let deadline = Instant::now() + STOP;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                bail!("{} did not stop", self.name);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Pulls the plug.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {signal:?}"),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The programs that are measured: they stand beside this one.
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    pub fn beside_this_one() -> anyhow::Result<Self> {
        let own = std::env::current_exe()?;
        Ok(Self { folder: own.parent().context("a program without a folder")?.to_owned() })
    }

    pub fn product(&self) -> PathBuf {
        self.folder.join("salonbridge")
    }

    pub fn sandbox(&self) -> PathBuf {
        self.folder.join("salonbridge-sandbox")
    }
}

pub const PARTNER_TOKEN: &str = "sandbox-partner-token";
pub const USER_TOKEN: &str = "sandbox-system-user-token";
pub const APPLICATION: &str = "4242";
pub const JWT_SECRET: &str = "bench-bench-bench-bench-bench-bench-bench";
pub const ENCRYPTION_KEY: &str = "4242424242424242424242424242424242424242424242424242424242424242";

/// Nobody listens there: for measurements in which a neighbour has no part.
pub const NOBODY: &str = "http://127.0.0.1:9";

/// How the product is started for one measurement.
#[derive(Debug, Clone)]
pub struct Setup {
    pub database_url: String,
    /// The repository: the product reads its `tenants/` folder there.
    pub root: PathBuf,
    pub log: PathBuf,
    pub yclients_url: String,
    pub whatsapp_url: String,
    /// Put over every salon's own.
    pub rules: String,
    /// Where there is one, several processes may share the database.
    pub redis_url: Option<String>,
    /// 0 takes a free port.
    pub port: u16,
}

/// A product that answers.
pub struct Product {
    pub process: Process,
    pub address: String,
    pub url: String,
}

impl Product {
    pub async fn start(programs: &Programs, setup: &Setup) -> anyhow::Result<Self> {
        let port = if setup.port == 0 { free_port()? } else { setup.port };
        let address = format!("127.0.0.1:{port}");
        let url = format!("http://{address}");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&setup.log)?;
        let socket = format!("{}/ws/chat", setup.whatsapp_url.replacen("http", "ws", 1));
        let mut command = Command::new(programs.product());
        command.arg("serve").current_dir(&setup.root).stderr(log).env_clear();
        // What an allocator or a profiler is told by the caller stays told.
        command
            .envs(std::env::vars().filter(|(name, _)| ["PATH", "HOME", "RUST_LOG"].contains(&name.as_str())));
        command.envs([
            ("DATABASE_URL", setup.database_url.as_str()),
            ("JWT_SECRET", JWT_SECRET),
            ("ENCRYPTION_KEY", ENCRYPTION_KEY),
            ("YCLIENTS_API_URL", &setup.yclients_url),
            ("YCLIENTS_PARTNER_TOKEN", PARTNER_TOKEN),
            ("YCLIENTS_USER_TOKEN", USER_TOKEN),
            ("YCLIENTS_APPLICATION_ID", APPLICATION),
            ("SALONBRIDGE_PUBLIC_URL", &url),
            ("SALONBRIDGE_LISTEN", &address),
            ("SALONBRIDGE_WHATSAPP_URL", &socket),
            ("SALONBRIDGE_RULES", &setup.rules),
        ]);
        command.envs(setup.redis_url.as_ref().map(|url| ("REDIS_URL", url)));
        let mut process = Process::start("the product", &mut command)?;
        await_live(&mut process, &url, &setup.log).await?;
        Ok(Self { process, address, url })
    }
}

async fn await_live(process: &mut Process, url: &str, log: &Path) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let deadline = Instant::now() + START;
    loop {
        let answer = http.get(format!("{url}/health/live")).send().await;
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if let Some(ended) = process.ended() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            bail!("the product ended with {ended}:\n{}", last_lines(&said, 20));
        }
        if Instant::now() > deadline {
            bail!("the product does not answer at {url}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Starts one of the sandboxes with further arguments.
pub fn sandbox(
    programs: &Programs,
    kind: &'static str,
    arguments: &[String],
) -> anyhow::Result<(Process, String)> {
    let mut command = Command::new(programs.sandbox());
    command.args([kind, "--port", "0"]).args(arguments).env("RUST_LOG", "warn");
    Process::start_and_ask(kind, &mut command)
}

/// Free a moment ago: nobody else takes ports on loopback by chance within milliseconds.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
