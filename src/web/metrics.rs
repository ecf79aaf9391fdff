//! Prometheus, on a listener of its own and never a public one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::app::App;
use crate::storage::{job, tenant, wa_session};

pub fn router(app: Arc<App>, handle: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(render)).with_state((app, handle))
}

async fn render(State((app, handle)): State<(Arc<App>, PrometheusHandle)>) -> String {
    if let Err(error) = gauge(&app).await {
        tracing::warn!(%error, "some figures could not be counted");
    }
    handle.run_upkeep();
    handle.render()
}

/// What is counted when asked for, and not as it happens.
#[expect(clippy::cast_precision_loss, reason = "counts of rows are far below 2^52")]
async fn gauge(app: &App) -> Result<(), crate::app::Error> {
    let mut conn = app.db.read().await?;
    for (state, count) in tenant::count_by_state(&mut conn).await? {
        metrics::gauge!("salonbridge_companies", "state" => state).set(count as f64);
    }
    for (state, count) in wa_session::count(&mut conn).await? {
        metrics::gauge!("salonbridge_sessions", "state" => state).set(count as f64);
    }
    for (kind, state, count, _) in job::count(&mut conn).await? {
        metrics::gauge!("salonbridge_jobs", "kind" => kind, "state" => state).set(count as f64);
    }
    if let Ok(gateway) = app.gateway() {
        metrics::gauge!("salonbridge_sessions_running").set(gateway.running() as f64);
    }
    Ok(())
}
