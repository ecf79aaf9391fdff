//! One door to the CRM: headers, pace, limits, a line in the log and two numbers per call.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::envelope::{self, Answer, Expect};
use super::error::Error;
use super::pace::Pace;
use crate::kernel::clock::{Clock as _, SystemClock};
use crate::kernel::crm_id::SalonId;
use crate::kernel::failpoint::failpoint;
use crate::kernel::secret::Secret;
use crate::kernel::turns::Urgency;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.yclients.v2+json");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The longest answer read. A full page of records is two orders below.
const MAX_BODY: usize = 16 << 20;

/// How long a "slow down" may last, in milliseconds, whatever the header says.
const RETRY_AFTER_MS: std::ops::RangeInclusive<i64> = 1_000..=900_000;

const CONNECT: Duration = Duration::from_secs(5);

/// Where the CRM is and who we are to it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.yclients.ru`; the paths `/api/v1` and `/marketplace` are added here.
    pub base_url: String,
    pub partner_token: Secret,
    /// The application's system user: one token for all salons. Without it only marketplace calls work.
    pub user_token: Option<Secret>,
    pub application_id: i64,
    /// For a whole call, from connecting to the last byte.
    pub timeout: Duration,
}

/// The settings make no client. Names the setting, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    #[error("the YClients address is not an http or https address")]
    BaseUrl,
    #[error("a YClients token holds characters that no header may hold")]
    Token,
    #[error("no TLS client can be built: are the system's certificates installed?")]
    Tls,
}

/// The client. Cheap to clone; all clones share connections and pace.
#[derive(Clone)]
pub struct YclientsApi {
    http: reqwest::Client,
    pace: Arc<dyn Pace>,
    /// Whoever still waits for a turn then waits in vain: a stop would wait along.
    closing: CancellationToken,
    urgency: Urgency,
    base: Arc<str>,
    as_partner: HeaderValue,
    as_user: Option<HeaderValue>,
    application_id: i64,
}

/// Which tokens a call carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Auth {
    Partner,
    User,
}

/// One call. `route` is the path with names for ids: the only address that is logged.
pub(super) struct Call {
    pub method: Method,
    pub route: &'static str,
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub auth: Auth,
    pub salon: Option<SalonId>,
    pub expect: Expect,
}

impl Call {
    pub(super) fn get(route: &'static str, path: String) -> Self {
        Self {
            method: Method::GET,
            route,
            path,
            query: Vec::new(),
            body: None,
            auth: Auth::User,
            salon: None,
            expect: Expect::Data,
        }
    }

    pub(super) fn post(route: &'static str, path: String) -> Self {
        Self { method: Method::POST, ..Self::get(route, path) }
    }

    pub(super) fn of(self, salon: SalonId) -> Self {
        Self { salon: Some(salon), ..self }
    }
}

impl YclientsApi {
    /// Builds the client once. Installs *ring* as the process's TLS provider where none is installed yet.
    pub fn new(settings: Settings, pace: Arc<dyn Pace>) -> Result<Self, BadSettings> {
        let base = settings.base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/api/v1").unwrap_or(base);
        let url = url::Url::parse(base).map_err(|_| BadSettings::BaseUrl)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadSettings::BaseUrl);
        }
        let partner = settings.partner_token.expose();
        let user =
            settings.user_token.as_ref().map(|user| format!("Bearer {partner}, User {}", user.expose()));

        // An error means that another part of the process was first: then its provider serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            // A followed 301 would turn a POST into a GET.
            .redirect(Policy::none())
            .connect_timeout(CONNECT.min(settings.timeout))
            .timeout(settings.timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("salonbridge/", env!("CARGO_PKG_VERSION")));
        if url.scheme() == "http" {
            // No TLS, no certificates: a bare machine without a certificate store can still talk to a local CRM.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            http: builder.build().map_err(|_| BadSettings::Tls)?,
            pace,
            closing: CancellationToken::new(),
            urgency: Urgency::Urgent,
            base: base.into(),
            as_partner: header(&format!("Bearer {partner}"))?,
            as_user: user.as_deref().map(header).transpose()?,
            application_id: settings.application_id,
        })
    }

    /// The same client for calls that nobody waits for.
    #[must_use]
    pub fn in_background(&self) -> Self {
        Self { urgency: Urgency::Background, ..self.clone() }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// No call begins from now on; those that began may end.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// The application's id in the marketplace.
    #[must_use]
    pub fn application_id(&self) -> i64 {
        self.application_id
    }

    /// Waits for a turn, calls, reads the answer, and leaves one line and two numbers behind.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, Error> {
        let turn = self.pace.take(call.salon.map_or(0, |salon| salon.0), self.urgency);
        self.closing.run_until_cancelled(turn).await.ok_or(Error::Closing)?;
        let (route, method, salon) = (call.route, call.method.clone(), call.salon.map_or(0, |id| id.0));
        let started = Instant::now();
        failpoint!("yclients.before_call");
        let (status, answer) = self.exchange(call).await;
        failpoint!("yclients.called");
        let took = started.elapsed();
        if let Err(Error::Throttled(wait)) = &answer {
            // The documents name no header, so without one a pause of our own: all salons share the address.
            self.pace.hold(wait.unwrap_or(10_000)).await;
        }
        let outcome = answer.as_ref().map_or_else(Error::code, |_| "ok");
        metrics::counter!("salonbridge_yclients_requests_total", "route" => route, "outcome" => outcome)
            .increment(1);
        metrics::histogram!("salonbridge_yclients_request_seconds", "route" => route)
            .record(took.as_secs_f64());
        tracing::info!(
            crm.method = %method,
            crm.route = route,
            crm.status = status,
            crm.outcome = outcome,
            salon.id = salon,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "called YClients"
        );
        answer
    }

    /// The status is 0 when there was none.
    async fn exchange(&self, call: Call) -> (u16, Result<Answer, Error>) {
        let auth = match call.auth {
            Auth::Partner => &self.as_partner,
            // Without a system user the CRM itself refuses what needs one.
            Auth::User => self.as_user.as_ref().unwrap_or(&self.as_partner),
        };
        let mut request = self
            .http
            .request(call.method, format!("{}{}", self.base, call.path))
            .header(ACCEPT, MEDIA_TYPE)
            .header(CONTENT_TYPE, JSON)
            .header(AUTHORIZATION, auth);
        if !call.query.is_empty() {
            request = request.query(&call.query);
        }
        if let Some(body) = call.body {
            request = request.body(body.to_string());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return (0, Err(Error::unreachable(error))),
        };
        let status = response.status();
        if status == StatusCode::MOVED_PERMANENTLY
            && call.expect == Expect::Nothing
            && moves_on(&response, &call.path)
        {
            return (301, Ok(Answer { data: Value::Null, meta: Value::Null }));
        }
        let retry_after = retry_after_ms(response.headers());
        let answer = match read(response).await {
            Ok(body) => envelope::open(status.as_u16(), &body, call.expect, retry_after),
            // A refusal stands even when its text broke off.
            Err(_) if !status.is_success() => envelope::open(status.as_u16(), b"", call.expect, retry_after),
            Err(error) => Err(error),
        };
        (status.as_u16(), answer)
    }
}

fn header(text: &str) -> Result<HeaderValue, BadSettings> {
    let mut value = HeaderValue::from_str(text).map_err(|_| BadSettings::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The marketplace sends the owner on with a 301. One that points at the same method is only a move to another host.
fn moves_on(response: &Response, path: &str) -> bool {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !location.contains(path)
}

async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY => {
                return Err(Error::Malformed("a body of more than 16 MiB"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Error::unreachable(error)),
            Err(_) => return Err(Error::Malformed("a body cut short")),
        }
    }
}

/// Seconds or a date. The answer's own `Date` is the "now" of its `Retry-After`, so a wrong clock here does not matter.
fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let ms = match text.parse::<i64>() {
        Ok(seconds) => seconds.saturating_mul(1000),
        Err(_) => {
            let date =
                |text: &str| chrono::DateTime::parse_from_rfc2822(text).ok().map(|d| d.timestamp_millis());
            let now = headers.get(DATE).and_then(|value| value.to_str().ok()).and_then(date);
            date(text)?.saturating_sub(now.unwrap_or_else(|| SystemClock.now().0))
        }
    };
    Some(ms.clamp(*RETRY_AFTER_MS.start(), *RETRY_AFTER_MS.end()))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
