//! One process of the product, which is killed, stopped and started again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use salonbridge::boot::config::Env;

const PATIENCE: Duration = Duration::from_secs(60);

pub struct Node {
    pub port: u16,
    pub log: PathBuf,
    process: Option<Child>,
}

impl Node {
    pub fn new(port: u16, folder: &Path) -> Self {
        Self { port, log: folder.join(format!("product-{port}.log")), process: None }
    }

    /// Starts it with these places armed and this mistake planted; it answers when this returns.
    pub async fn start(
        &mut self,
        env: &Env,
        folder: &Path,
        places: &str,
        mistake: &str,
    ) -> anyhow::Result<()> {
        let binary = std::env::current_exe()?.with_file_name("salonbridge");
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(binary);
        command.arg("serve").env_clear().envs(env).current_dir(folder);
        command.env("SALONBRIDGE_LISTEN", format!("127.0.0.1:{}", self.port));
        command.env("FAILPOINTS_ARMED", places).env("MISTAKE_PLANTED", mistake);
        command.env("RUST_LOG", "info").env("PATH", std::env::var("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().context("the product: build it with bin/prove")?);
        let http = reqwest::Client::builder().timeout(Duration::from_secs(1)).build()?;
        let live = format!("http://127.0.0.1:{}/health/live", self.port);
        let deadline = Instant::now() + PATIENCE;
        while http.get(&live).send().await.is_err() {
            if self.has_died()? {
                // The place was on the way up: that was the blow.
                return Box::pin(self.start(env, folder, "", mistake)).await;
            }
            if self.is_asleep() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the product does not come up: see {}", self.log.display());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    pub fn has_died(&mut self) -> anyhow::Result<bool> {
        let Some(product) = &mut self.process else { return Ok(true) };
        Ok(product.try_wait()?.is_some())
    }

    /// Pulls the plug; whether there was one to pull.
    pub fn kill(&mut self) -> anyhow::Result<bool> {
        let Some(mut product) = self.process.take() else { return Ok(false) };
        product.kill()?;
        product.wait()?;
        Ok(true)
    }

    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let Some(product) = &self.process else { return Ok(()) };
        Command::new("kill").args([signal, &product.id().to_string()]).stderr(Stdio::null()).status()?;
        Ok(())
    }

    /// Stopped by a signal, its own or ours.
    pub fn is_asleep(&self) -> bool {
        let Some(product) = &self.process else { return false };
        let status = std::fs::read_to_string(format!("/proc/{}/stat", product.id())).unwrap_or_default();
        // pid (name) state …; a name may hold anything but ends with the last bracket.
        status.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    /// Whether it is the one that calls itself so.
    pub fn is_called(&self, name: &str) -> bool {
        std::fs::read_to_string(&self.log).is_ok_and(|log| log.contains(name))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.kill();
    }
}
