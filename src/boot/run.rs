//! Starting, serving and stopping. A stop loses nothing: what is acknowledged is committed, and what runs may end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::build::{self, Built};
use super::config::Config;
use super::listener::{self, Limits};
use super::ripples;
use super::telemetry;
use crate::app::intake::Batcher;
use crate::app::node::{self, Watch};
use crate::app::{App, sessions};
use crate::jobs::worker;
use crate::storage::Db;
use crate::storage::claim::Claim;
use crate::web::metrics as metrics_page;

/// How often SQLite's log is folded into its file.
const FOLD_EVERY: Duration = Duration::from_millis(200);

/// A running product.
pub struct Running {
    pub app: Arc<App>,
    pub address: std::net::SocketAddr,
    claim: JoinHandle<Claim>,
    /// Beats until the very end: what still runs must not pass to others before it has stopped.
    pulse: JoinHandle<()>,
    stop: CancellationToken,
    tasks: TaskTracker,
    grace: Duration,
}

/// Serves until a signal asks to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    #[cfg(feature = "sandbox")]
    arm()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = telemetry::start_metrics();
    let running = start(&config, metrics).await?;
    tracing::info!(address = %running.address, public_url = config.public_url, "serving");
    tokio::select! {
        () = stop_signal() => {}
        () = running.stop.cancelled() => {}
    }
    tracing::info!("stopping: no new work is taken, what runs may end");
    running.stop().await;
    Ok(())
}

/// Sets what a proof wants to go wrong in this process.
#[cfg(feature = "sandbox")]
fn arm() -> anyhow::Result<()> {
    let [places, mistake] =
        ["FAILPOINTS_ARMED", "MISTAKE_PLANTED"].map(|name| std::env::var(name).unwrap_or_default());
    crate::kernel::failpoint::arm(&places, &mistake).map_err(anyhow::Error::msg)
}

/// Starts everything and returns once requests are answered.
pub async fn start(config: &Config, metrics: Option<PrometheusHandle>) -> anyhow::Result<Running> {
    let built = build::build(config).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", config.listen))?;
    let metrics = match (config.metrics_listen, metrics) {
        (Some(address), Some(handle)) => Some((
            TcpListener::bind(address).await.with_context(|| format!("{address} cannot be listened on"))?,
            handle,
        )),
        _ => None,
    };
    start_built(built, listener, metrics, config.grace).await
}

pub async fn start_built(
    built: Built,
    listener: TcpListener,
    metrics: Option<(TcpListener, PrometheusHandle)>,
    grace: Duration,
) -> anyhow::Result<Running> {
    let Built { app, router, channel } = built;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let address = listener.local_addr()?;
    let claim = Claim::take(&app.db, app.node.is_shared()).await?;
    let claim = tokio::spawn(claim.hold(app.db.clone(), stop.clone()));
    app.node.join(&app.db, app.now()).await?;
    node::take_back(&app).await?;
    worker::unpark(&app, app.now()).await?;
    // Hooks are committed for as long as some may still come in.
    let served = CancellationToken::new();
    // Two batches may commit side by side where the database can: one fills the disk's wait of the other.
    for _ in 0..if app.db.is_postgres() { 2 } else { 1 } {
        tasks.spawn(commit_hooks(app.clone(), served.clone()));
    }
    tasks.spawn(worker::run(app.clone(), stop.clone()));
    tasks.spawn(worker::housekeeping(app.clone(), stop.clone()));
    if !app.db.is_postgres() {
        tasks.spawn(fold(app.db.clone(), stop.clone()));
    }
    let serving = listener::serve(listener, router, Limits::default(), stop.clone());
    tasks.spawn(async move {
        let _last_hook_is_in = served.drop_guard();
        serving.await;
    });
    if let Some(channel) = channel {
        tasks.spawn(ripples::speak(app.clone(), channel.clone(), stop.clone()));
        tasks.spawn(ripples::hear(app.clone(), channel, stop.clone()));
    }
    if let Some((listener, handle)) = metrics {
        let page = metrics_page::router(app.clone(), handle);
        tasks.spawn(listener::serve(listener, page, Limits::default(), stop.clone()));
    }
    sessions::restore_all(&app).await?;
    let pulse = tokio::spawn(pulse(app.clone()));
    tasks.spawn(look_after(app.clone(), stop.clone()));
    Ok(Running { app, address, claim, pulse, stop, tasks, grace })
}

async fn commit_hooks(app: Arc<App>, served: CancellationToken) {
    Batcher::run(&app, &served).await;
}

async fn fold(db: Db, stop: CancellationToken) {
    let mut tick = tokio::time::interval(FOLD_EVERY);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        if let Err(error) = db.fold().await {
            tracing::warn!(%error, "the write-ahead log was not folded; it is tried again");
        }
    }
}

/// Shows the other nodes that this one lives.
async fn pulse(app: Arc<App>) {
    if !app.node.is_shared() {
        return;
    }
    let mut watch = Watch::new(app.db.aside());
    let mut tick = tokio::time::interval(node::BEAT);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = node::beat(&app, &mut watch).await {
            tracing::warn!(%error, "this node could not show that it lives");
        }
    }
}

/// Sees to it that what the others leave behind is taken up.
async fn look_after(app: Arc<App>, stop: CancellationToken) {
    while app.node.is_shared() {
        match stop.run_until_cancelled(node::look_after(&app)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(%error, "the sessions were not looked after; it is tried again")
            }
            None => return,
        }
    }
}

impl Running {
    /// Stops listening and claiming, lets running work end within the grace period, then closes sessions and database.
    pub async fn stop(self) {
        self.stop.cancel();
        self.app.crm.close();
        self.tasks.close();
        if tokio::time::timeout(self.grace, self.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end in time; it is taken up again at the next start");
        }
        if let Ok(gateway) = self.app.gateway() {
            gateway.shutdown().await;
        }
        self.pulse.abort();
        if let Err(error) = self.app.node.leave(&self.app.db).await {
            tracing::warn!(%error, "the other nodes take over a little later");
        }
        self.app.db.close().await;
        // Last of all: whoever waits for it may begin at once.
        if let Ok(claim) = self.claim.await {
            claim.release().await;
        }
    }
}

/// Ctrl-C or the service manager's TERM.
pub async fn stop_signal() {
    let interrupt = async {
        // Without a handler for it there is nothing to wait for.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
