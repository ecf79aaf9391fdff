//! The client: one place that sends, with our tokens, their headers, a timeout, a bounded answer and a paced budget.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use serde_json::Value;

use super::envelope;
use super::error::Error;
use super::pace::Pace;
use crate::kernel::secret::Secret;

const MOST_BYTES: usize = 16 << 20;

/// Who we are to YClients, and where it is.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.yclients.ru`; REST lies under `/api/v1`, the marketplace under `/marketplace`.
    pub base_url: String,
    pub partner_token: Secret,
    /// The application's system user; most of REST needs it.
    pub user_token: Option<Secret>,
    pub application_id: i64,
    pub timeout: Duration,
}

#[derive(Clone)]
pub struct YclientsApi {
    http: reqwest::Client,
    settings: Arc<Settings>,
    pace: Arc<Pace>,
}

/// What the two token forms are called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Partner,
    User,
}

impl YclientsApi {
    pub fn new(settings: Settings) -> Result<Self, Error> {
        // One provider for the process; a second attempt to set it is refused, which is what we want.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(settings.timeout)
            // A followed 301 turns a POST into a GET.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("salonbridge/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| Error::Unreachable(e.to_string()))?;
        Ok(Self { http, settings: Arc::new(settings), pace: Arc::default() })
    }

    pub(super) fn application_id(&self) -> i64 {
        self.settings.application_id
    }

    /// A request to `/api/v1{path}`.
    pub(super) fn rest(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.settings.base_url))
    }

    /// A request to `/marketplace{path}`; there is no `/api/v1` in these.
    pub(super) fn marketplace(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/marketplace{path}", self.settings.base_url))
    }

    /// Sends and unwraps. `route` names the call in logs and metrics, without ids.
    pub(super) async fn send(
        &self,
        route: &'static str,
        who: As,
        request: RequestBuilder,
    ) -> Result<Value, Error> {
        let (status, retry_after, body) = self.exchange(route, who, request).await?;
        envelope::open(status.as_u16(), retry_after, &body)
    }

    /// Sends and hands back status and body as they are, for calls whose success has other codes.
    pub(super) async fn exchange(
        &self,
        route: &'static str,
        who: As,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Option<i64>, Vec<u8>), Error> {
        self.pace.take().await;
        let began = Instant::now();
        let answer = self.exchange_now(who, request).await;
        let outcome = answer
            .as_ref()
            .map_or("unreachable", |(status, ..)| if status.is_success() { "ok" } else { "refused" });
        metrics::counter!("salonbridge_yclients_requests_total", "route" => route, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("salonbridge_yclients_seconds", "route" => route)
            .record(began.elapsed().as_secs_f64());
        tracing::debug!(route, outcome, duration_ms = began.elapsed().as_millis(), "asked YClients");
        answer
    }

    async fn exchange_now(
        &self,
        who: As,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Option<i64>, Vec<u8>), Error> {
        let partner = self.settings.partner_token.expose();
        let authorization = match (who, &self.settings.user_token) {
            (As::User, Some(user)) => format!("Bearer {partner}, User {}", user.expose()),
            _ => format!("Bearer {partner}"),
        };
        let request = request
            .header("Accept", "application/vnd.yclients.v2+json")
            .header("Content-Type", "application/json")
            .header("Authorization", authorization);
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.trim().parse::<i64>().ok());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Error::Malformed(format!("more than {MOST_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, retry_after.map(|s| s.saturating_mul(1000)), body))
    }
}

/// The cause without the address: query strings may hold personal data.
fn unreachable(error: reqwest::Error) -> Error {
    let kind = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "no connection"
    } else {
        "broken off"
    };
    Error::Unreachable(kind.to_owned())
}
