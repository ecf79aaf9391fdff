//! `salonbridge bookings check`: a salon's sync at a glance, and what to do.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::config::Config;
use super::product::{Product, Whose};
use crate::cli::say;

/// Which salon, and how to tell.
#[derive(Debug, Args)]
pub struct CheckBookings {
    #[command(flatten)]
    whose: Whose,
    /// Print the answer as one JSON object.
    #[arg(long)]
    json: bool,
}

impl CheckBookings {
    /// Exit code 0 when there is nothing to do.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let check = Product::of(config)?.get(&self.whose.path("/bookings/check")).await?;
        say(&if self.json { format!("{check}\n") } else { page(&check) });
        let is_well = check["advice"].as_array().is_some_and(Vec::is_empty);
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn page(check: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut text = String::new();
    let _ =
        writeln!(text, "{}, salon {}: {}", word(&check["title"]), check["salon_id"], word(&check["state"]));
    let sync = match check["sync_minutes"].as_i64() {
        Some(0) | None => "only by hand".to_owned(),
        Some(minutes) => format!("every {minutes} minutes"),
    };
    let _ = writeln!(text, "Sync: {sync}; the last: {}", last_sync(&check["last_sync"]));
    let _ = writeln!(text, "Hooks in YClients' settings: {}", word(&check["webhooks"]));
    let records = check["records"].as_object().into_iter().flatten();
    let records: Vec<_> = records.map(|(status, count)| format!("{status} {count}")).collect();
    let _ = writeln!(text, "Records: {}; nobody's {}", records.join(", "), check["unmatched_records"]);
    let _ = writeln!(text, "Clients: {}, with a code {}", check["clients"], check["clients_with_code"]);
    for record in check["newest_records"].as_array().into_iter().flatten() {
        let (status, matched) = (word(&record["status"]), word(&record["matched"]));
        let _ = writeln!(
            text,
            "  record {} at {}: {status}, {matched}",
            record["record_id"],
            instant(&record["starts_at"])
        );
    }
    match check["advice"].as_array() {
        Some(advice) if !advice.is_empty() => {
            let _ = writeln!(text, "To do:");
            for line in advice {
                let _ = writeln!(text, "  - {}", word(line));
            }
        }
        _ => text.push_str("Nothing to do.\n"),
    }
    text
}

fn last_sync(last: &Value) -> String {
    match (last["state"].as_str(), last["finished_at"].is_null()) {
        (None, _) => "none so far".to_owned(),
        (Some(state), true) => format!("{state}, asked for at {}", instant(&last["asked_at"])),
        (Some(state), false) => format!("{state} at {}", instant(&last["finished_at"])),
    }
}

/// Unix milliseconds as UTC.
fn instant(value: &Value) -> String {
    let moment = value.as_i64().and_then(chrono::DateTime::from_timestamp_millis);
    moment.map_or_else(|| "-".to_owned(), |moment| moment.format("%Y-%m-%d %H:%M UTC").to_string())
}
