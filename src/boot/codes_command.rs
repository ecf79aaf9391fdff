//! `salonbridge codes generate`: gives every client of a salon who has none a code.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::config::Config;
use super::product::{Product, Whose};
use crate::cli::say;

/// Whose clients, and how to tell.
#[derive(Debug, Args)]
pub struct GenerateCodes {
    #[command(flatten)]
    whose: Whose,
    /// Print the result as one JSON object.
    #[arg(long)]
    json: bool,
}

impl GenerateCodes {
    /// The product makes some at a time, each time in one unit of work: whoever breaks off loses nothing, and may begin again.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (product, path) = (Product::of(config)?, self.whose.path("/codes"));
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} codes") {
            bar.set_style(style);
        }
        let mut made = 0;
        loop {
            let done = product.post(&path, &json!({})).await?;
            let (now, left) =
                (done["made"].as_u64().unwrap_or_default(), done["left"].as_u64().unwrap_or_default());
            made += now;
            bar.set_length(made + left);
            bar.set_position(made);
            if left == 0 || now == 0 {
                bar.finish_and_clear();
                let text = if self.json {
                    json!({"made": made, "left": left}).to_string()
                } else if left == 0 {
                    format!("Codes made: {made}. Every client has one.")
                } else {
                    format!("Codes made: {made}. {left} clients have none still: try again.")
                };
                say(&format!("{text}\n"));
                return Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
        }
    }
}
