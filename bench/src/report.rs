//! What is measured, as one JSON object and as a table for people.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// A distribution's middle and its bad end, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    #[serde(rename = "p50")]
    pub p50_ms: f64,
    #[serde(rename = "p99")]
    pub p99_ms: f64,
}

/// A receiver of hooks under load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Throughput {
    pub rps: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
}

#[derive(Debug, Default, Serialize)]
pub struct Ingest {
    pub sqlite: Option<Throughput>,
    pub postgres: Option<Throughput>,
    pub express_postgres: Option<Throughput>,
    /// The same with a database connection for every sender.
    pub express_postgres_tuned: Option<Throughput>,
    pub pgbench_rps: Option<f64>,
}

/// Intake by the number of companies.
#[derive(Debug, Default, Serialize)]
pub struct Companies {
    pub sqlite: BTreeMap<usize, Throughput>,
    pub postgres: BTreeMap<usize, Throughput>,
    /// From hook to wire, in milliseconds.
    pub hook_to_wire_ms: BTreeMap<usize, Latency>,
}

/// Two processes on one database.
#[derive(Debug, Serialize)]
pub struct Nodes {
    pub sessions: usize,
    /// Sessions that a node alone holds, for each that the fuller of two holds.
    pub held_ratio: f64,
    /// From the second node's start until the sessions are shared out.
    pub shared_out_s: f64,
    /// From the death of a node until a session of its own is online elsewhere, and until all are.
    pub takeover_first_s: f64,
    pub takeover_all_s: f64,
    pub ingest_one: Throughput,
    pub ingest_two: Throughput,
}

/// A whole journal read by the sync.
#[derive(Debug, Serialize)]
pub struct Sync {
    pub records: i64,
    pub sqlite: SyncCost,
    pub postgres: SyncCost,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct SyncCost {
    /// Without what was waited for YClients.
    pub own_s: f64,
    pub whole_s: f64,
}

/// Many messages that wait for a phone that was away.
#[derive(Debug, Serialize)]
pub struct Backlog {
    pub messages: u64,
    /// Between two messages of the number.
    pub pause_ms: u32,
    pub drained_per_s: f64,
    /// How much of what the pause allows that is.
    pub of_the_pace: f64,
    /// From the hook of somebody who books meanwhile to the wire.
    pub fresh_ms: Latency,
}

/// Finding whose a record is among the clients of one salon.
#[derive(Debug, Serialize)]
pub struct Matching {
    pub clients: usize,
    pub sqlite: Latency,
    pub postgres: Latency,
}

/// A week of many salons in less.
#[derive(Debug, Serialize)]
pub struct Soak {
    pub sessions: usize,
    pub minutes: u64,
    pub hooks: u64,
    /// Messages that WhatsApp took.
    pub told: u64,
    /// After a quarter of the time, and at the end.
    pub first_mib: f64,
    pub last_mib: f64,
    pub kib_a_minute: f64,
    pub first_handles: usize,
    pub last_handles: usize,
}

/// Resident memory of the whole product divided by its sessions.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PerSession {
    #[serde(rename = "100")]
    pub few: f64,
    #[serde(rename = "1000")]
    pub many: f64,
}

/// `None` is what was not asked for.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub ingest: Ingest,
    pub hook_to_wire_ms: Option<Latency>,
    pub first_qr_ms: Option<Latency>,
    pub session_kib: Option<PerSession>,
    pub restore_1000_s: Option<f64>,
    pub companies: Option<Companies>,
    pub nodes: Option<Nodes>,
    pub backlog: Option<Backlog>,
    pub matching: Option<Matching>,
    pub sync: Option<Sync>,
    pub soak: Option<Soak>,
    #[serde(skip)]
    pub sessions: Option<(usize, usize)>,
}

/// Sorts, and picks.
pub fn percentiles(took: &mut [Duration]) -> anyhow::Result<Latency> {
    anyhow::ensure!(!took.is_empty(), "nothing was measured");
    took.sort_unstable();
    let at = |share: usize| ms(took[(took.len() * share / 100).min(took.len() - 1)]);
    Ok(Latency { p50_ms: at(50), p99_ms: at(99) })
}

/// Milliseconds with two places: finer is noise.
pub fn ms(took: Duration) -> f64 {
    round(took.as_secs_f64() * 1000.0, 100.0)
}

pub fn round(value: f64, places: f64) -> f64 {
    (value * places).round() / places
}

impl Report {
    pub fn table(&self) -> String {
        let mut rows = vec![row("", ["", "p50", "p99"])];
        let mut throughput = |name: &str, measured: Option<Throughput>| {
            if let Some(t) = measured {
                rows.push(row(name, [&format!("{:.0}/s", t.rps), &in_ms(t.p50_ms), &in_ms(t.p99_ms)]));
            }
        };
        throughput("hooks, product on SQLite", self.ingest.sqlite);
        throughput("hooks, product on PostgreSQL", self.ingest.postgres);
        throughput("hooks, Express on PostgreSQL", self.ingest.express_postgres);
        throughput("hooks, Express on PostgreSQL, tuned", self.ingest.express_postgres_tuned);
        if let Some(rps) = self.ingest.pgbench_rps {
            rows.push(row("pgbench, one row a commit", [&format!("{rps:.0}/s"), "", ""]));
        }
        for (name, latency) in
            [("hook to wire", self.hook_to_wire_ms), ("page to first QR", self.first_qr_ms)]
        {
            if let Some(latency) = latency {
                rows.push(row(name, ["", &in_ms(latency.p50_ms), &in_ms(latency.p99_ms)]));
            }
        }
        if let (Some(each), Some((few, many))) = (self.session_kib, self.sessions) {
            #[expect(clippy::cast_precision_loss, reason = "at most thousands of sessions")]
            let (few, many) = (few as f64, many as f64);
            let (first, all) = (each.few * few, each.many * many);
            rows.push(row(
                &format!("memory, {few} sessions"),
                [&format!("{:.0} MiB", first / 1024.0), "", ""],
            ));
            rows.push(row(
                &format!("memory, {many} sessions"),
                [&format!("{:.0} MiB", all / 1024.0), "", ""],
            ));
            let more = (all - first) / (many - few);
            rows.push(row("memory, one session more", [&format!("{more:.0} KiB"), "", ""]));
            if let Some(seconds) = self.restore_1000_s {
                rows.push(row(&format!("{many} sessions back"), [&format!("{seconds:.1} s"), "", ""]));
            }
        }
        if let Some(companies) = &self.companies {
            for (engine, measured) in [("SQLite", &companies.sqlite), ("PostgreSQL", &companies.postgres)] {
                for (count, t) in measured {
                    let name = format!("{engine}, {count} companies");
                    rows.push(row(&name, [&format!("{:.0}/s", t.rps), &in_ms(t.p50_ms), &in_ms(t.p99_ms)]));
                }
            }
            for (count, latency) in &companies.hook_to_wire_ms {
                let name = format!("hook to wire, {count} companies");
                rows.push(row(&name, ["", &in_ms(latency.p50_ms), &in_ms(latency.p99_ms)]));
            }
        }
        if let Some(nodes) = &self.nodes {
            let (one, two) = (nodes.ingest_one, nodes.ingest_two);
            rows.push(row(
                "hooks, one node",
                [&format!("{:.0}/s", one.rps), &in_ms(one.p50_ms), &in_ms(one.p99_ms)],
            ));
            rows.push(row(
                "hooks, two nodes",
                [&format!("{:.0}/s", two.rps), &in_ms(two.p50_ms), &in_ms(two.p99_ms)],
            ));
            let seconds = |s: f64| format!("{s:.1} s");
            rows.push(row(
                &format!("{} sessions shared out", nodes.sessions),
                [&seconds(nodes.shared_out_s), "", ""],
            ));
            rows.push(row("sessions held, two of one", [&format!("{:.2}", nodes.held_ratio), "", ""]));
            rows.push(row(
                "takeover, first and all",
                ["", &seconds(nodes.takeover_first_s), &seconds(nodes.takeover_all_s)],
            ));
        }
        if let Some(backlog) = &self.backlog {
            let rate = format!("{:.1}/s", backlog.drained_per_s);
            let share = format!("{:.2} of pace", backlog.of_the_pace);
            rows.push(row(&format!("backlog of {}", backlog.messages), [&rate, &share, ""]));
            let fresh = backlog.fresh_ms;
            rows.push(row("a fresh one meanwhile", ["", &in_ms(fresh.p50_ms), &in_ms(fresh.p99_ms)]));
        }
        if let Some(matching) = &self.matching {
            for (engine, latency) in [("SQLite", matching.sqlite), ("PostgreSQL", matching.postgres)] {
                let name = format!("one of {}, {engine}", matching.clients);
                rows.push(row(&name, ["", &in_ms(latency.p50_ms), &in_ms(latency.p99_ms)]));
            }
        }
        if let Some(sync) = &self.sync {
            for (engine, cost) in [("SQLite", sync.sqlite), ("PostgreSQL", sync.postgres)] {
                let name = format!("{} records synced, {engine}", sync.records);
                rows.push(row(
                    &name,
                    ["", &format!("own {} s", cost.own_s), &format!("all {} s", cost.whole_s)],
                ));
            }
        }
        if let Some(soak) = &self.soak {
            let hooks = format!("{} hooks", soak.hooks);
            rows.push(row(
                &format!("soak, {} min", soak.minutes),
                [&hooks, &format!("{} told", soak.told), ""],
            ));
            let (first, last) = (format!("{} MiB", soak.first_mib), format!("{} MiB", soak.last_mib));
            rows.push(row("  memory", [&first, &last, &format!("{} KiB/min", soak.kib_a_minute)]));
            let (first, last) = (soak.first_handles.to_string(), soak.last_handles.to_string());
            rows.push(row("  handles", [&first, &last, ""]));
        }
        rows.concat() + &self.ratios()
    }

    fn ratios(&self) -> String {
        let Some(express) = self.ingest.express_postgres else { return String::new() };
        let against = |name: &str, ours: Option<Throughput>| {
            ours.map_or(String::new(), |ours| {
                format!(
                    "{name}: {:.1} times Express, p99 {:.2} of its p99\n",
                    ours.rps / express.rps,
                    ours.p99_ms / express.p99_ms
                )
            })
        };
        format!("\n{}{}", against("SQLite", self.ingest.sqlite), against("PostgreSQL", self.ingest.postgres))
    }
}

fn row(name: &str, cells: [&str; 3]) -> String {
    format!("{name:<30}{:>12}{:>12}{:>12}\n", cells[0], cells[1], cells[2])
}

fn in_ms(value: f64) -> String {
    format!("{value:.2} ms")
}
