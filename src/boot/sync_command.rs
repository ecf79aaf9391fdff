//! `salonbridge bookings sync` and `catalog sync`: asks the running product to read a salon anew, and shows how far it is.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::config::Config;
use super::product::{Product, Whose};
use crate::cli::say;

/// What takes its time is asked after again and again.
const ASK_EVERY: Duration = Duration::from_millis(300);

/// Which salon, and how to tell.
#[derive(Debug, Args)]
pub struct SyncCommand {
    #[command(flatten)]
    whose: Whose,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

impl SyncCommand {
    /// Exit code 0 when all was read, 1 when it was not.
    pub async fn run(self, config: &Config, kind: &str) -> anyhow::Result<ExitCode> {
        let product = Product::of(config)?;
        let log = self.whose.path("/syncs");
        let mut run = product.post(&log, &json!({ "kind": kind })).await?;
        let url = run["url"].as_str().context("the product did not say where to look")?.to_owned();
        let mut shown = Shown::new();
        while is_going_on(&run) {
            shown.tell(&run);
            tokio::time::sleep(ASK_EVERY).await;
            run = product.get(&url).await?;
        }
        shown.end();
        let text = if self.json { run.to_string() } else { sentence(&run) };
        say(&format!("{text}\n"));
        Ok(if run["state"] == "done" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A run that waits for better weather goes on without us.
fn is_going_on(run: &Value) -> bool {
    run["finished_at"].is_null() && (run["error"].is_null() || run["state"] == "running")
}

fn sentence(run: &Value) -> String {
    let counts = ["created", "updated", "cancelled", "unchanged", "healed", "skipped", "failed"];
    let counts: Vec<_> = counts.iter().map(|name| format!("{name} {}", run[*name])).collect();
    let counts = counts.join(", ");
    match run["error"]["what_to_do"].as_str() {
        None => format!("Done: {counts}."),
        Some(what_to_do) => format!("Not done: {what_to_do}.\nSo far: {counts}."),
    }
}

/// A line that moves on a terminal, a line for each step elsewhere. On stderr, so that the result can be piped.
struct Shown {
    bar: Option<ProgressBar>,
    last: String,
}

impl Shown {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, last: String::new() }
    }

    fn tell(&mut self, run: &Value) {
        let names = ["created", "updated", "cancelled", "unchanged", "skipped", "failed"];
        let read: i64 = names.iter().filter_map(|name| run[*name].as_i64()).sum();
        let text = format!(
            "{}: {read} read, {} new, {} changed",
            run["state"].as_str().unwrap_or_default(),
            run["created"],
            run["updated"]
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(text);
                bar.tick();
            }
            None if text != self.last => {
                use std::io::Write as _;
                let _ = writeln!(std::io::stderr(), "{text}");
                self.last = text;
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
