//! Logs and metrics. The WhatsApp library logs numbers and key fingerprints at error level; it is kept quiet here.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use super::config::Env;

/// The WhatsApp library logs numbers, key fingerprints and whole stanzas, under targets of many names: only what is named here
/// is let through at all.
const HEARD: &str = "off,sqlx=warn,hyper=warn,tower_http=warn,salonbridge_sandbox=warn";

/// Starts logging to standard error. A second call changes nothing.
pub fn start_logs(env: &Env) {
    let wish = env.get("SALONBRIDGE_LOG").map_or("info", String::as_str);
    let filter = EnvFilter::try_new(format!("{HEARD},{}", ours(wish)))
        .unwrap_or_else(|_| EnvFilter::new(format!("{HEARD},salonbridge=info")));
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if env.get("SALONBRIDGE_LOG_FORMAT").is_some_and(|f| f == "json") {
        base.json().flatten_event(true).try_init()
    } else {
        base.with_target(false).compact().try_init()
    };
}

/// A bare level is meant for us: as a level for everybody it would let through what the libraries say of people. Other targets
/// must be asked for by name.
fn ours(wish: &str) -> String {
    let part = |part: &str| match part.trim() {
        named if named.contains('=') => named.to_owned(),
        level => format!("salonbridge={level}"),
    };
    wish.split(',').filter(|part| !part.trim().is_empty()).map(part).collect::<Vec<_>>().join(",")
}

/// Starts counting. `None` when this process counts already.
#[must_use]
pub fn start_metrics() -> Option<PrometheusHandle> {
    let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    PrometheusBuilder::new().set_buckets(&seconds).ok()?.install_recorder().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_ours_wherever_it_stands() {
        assert_eq!(ours("debug"), "salonbridge=debug");
        assert_eq!(ours("info, sqlx=debug,"), "salonbridge=info,sqlx=debug");
    }
}
