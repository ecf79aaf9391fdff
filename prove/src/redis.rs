//! A Redis of the proof's own, for it is killed and flushed.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Redis {
    pub port: u16,
    process: Option<Child>,
}

impl Redis {
    pub async fn start(port: u16) -> anyhow::Result<Self> {
        let mut redis = Self { port, process: None };
        redis.begin().await?;
        Ok(redis)
    }

    pub async fn begin(&mut self) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.process = Some(process.context("redis-server is not installed; bin/test installs it")?);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if Instant::now() > deadline {
                bail!("Redis does not come up");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Forgets everything.
    pub async fn flush(&self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(b"FLUSHALL\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        if &answer != b"+OK\r\n" {
            bail!("Redis did not flush");
        }
        Ok(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // One that is gone already is what is wanted.
        let _ = self.kill();
    }
}
