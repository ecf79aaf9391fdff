//! The marketplace: is the app installed in a salon, and the calls that finish or end an installation.

use chrono::NaiveDateTime;
use reqwest::Method;
use serde_json::{Value, json};

use super::api::{As, YclientsApi};
use super::envelope;
use super::error::Error;
use crate::domain::dates;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;

/// `freezed` is the wire's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionStatus {
    Pending,
    Active,
    Freezed,
}

impl ConnectionStatus {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Freezed => "freezed",
        }
    }
}

/// An installation as the marketplace sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub status: ConnectionStatus,
    pub created_at: Option<UnixMs>,
}

/// How an activation ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activated {
    Now,
    Already,
}

impl YclientsApi {
    /// `GET /marketplace/salon/{salon}/application/{app}`; `None` when the app is not installed there (404).
    pub async fn status(&self, salon: SalonId) -> Result<Option<Connection>, Error> {
        let path = format!("/salon/{salon}/application/{}", self.application_id());
        match self.send("marketplace_status", As::Partner, self.marketplace(Method::GET, &path)).await {
            Ok(data) => connection(&data).map(Some),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /marketplace/partner/callback`: 201 done, 301 done (the redirect form), 403 perhaps already installed.
    /// Not idempotent there: on any doubt read the status again.
    pub async fn activate(
        &self,
        salon: SalonId,
        api_key: &str,
        webhook_urls: &[String],
    ) -> Result<Activated, Error> {
        let body = json!({
            "salon_id": salon.0, "application_id": self.application_id(), "api_key": api_key, "webhook_urls": webhook_urls,
        });
        let request = self.marketplace(Method::POST, "/partner/callback").json(&body);
        let (status, retry_after, body) = self.exchange("marketplace_callback", As::Partner, request).await?;
        if status.as_u16() == 301 {
            return Ok(Activated::Now);
        }
        match envelope::open(status.as_u16(), retry_after, &body) {
            Ok(_) => Ok(Activated::Now),
            Err(Error::Forbidden(said)) if is_already_installed(&said) => Ok(Activated::Already),
            Err(error) => Err(error),
        }
    }

    /// `POST /marketplace/salon/{salon}/application/{app}/uninstall`
    pub async fn uninstall(&self, salon: SalonId) -> Result<(), Error> {
        let path = format!("/salon/{salon}/application/{}/uninstall", self.application_id());
        self.send("marketplace_uninstall", As::Partner, self.marketplace(Method::POST, &path)).await.map(drop)
    }
}

fn is_already_installed(said: &str) -> bool {
    said.contains("уже установил") || said.contains("already installed")
}

fn connection(data: &Value) -> Result<Connection, Error> {
    let found = data.get("connection_status").unwrap_or(&Value::Null);
    let status = match found.get("status").and_then(Value::as_str) {
        Some("pending") => ConnectionStatus::Pending,
        Some("active") => ConnectionStatus::Active,
        Some("freezed" | "frozen") => ConnectionStatus::Freezed,
        _ => return Err(Error::Malformed("a status without a known word".to_owned())),
    };
    // Without a zone on the wire; Moscow's is assumed.
    let created_at = found
        .get("created_at")
        .and_then(Value::as_str)
        .and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok())
        .map(|local| dates::instant(local, chrono_tz::Europe::Moscow));
    Ok(Connection { status, created_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_from_the_samples() {
        for (sample, status) in [
            (
                include_str!("../../tests/fixtures/yclients/marketplace_status_pending.json"),
                ConnectionStatus::Pending,
            ),
            (
                include_str!("../../tests/fixtures/yclients/marketplace_status_active.json"),
                ConnectionStatus::Active,
            ),
            (
                include_str!("../../tests/fixtures/yclients/marketplace_status_freezed.json"),
                ConnectionStatus::Freezed,
            ),
        ] {
            let data = envelope::open(200, None, sample.as_bytes()).expect("an answer");
            let connection = connection(&data).expect("a connection");
            assert_eq!(connection.status, status);
            assert_eq!(connection.created_at, Some(UnixMs(1_772_348_402_000)));
        }
    }

    #[test]
    fn already_installed_is_told_from_other_refusals() {
        let sample =
            include_str!("../../tests/fixtures/yclients/marketplace_callback_already_installed_403.json");
        let Err(Error::Forbidden(said)) = envelope::open(403, None, sample.as_bytes()) else {
            panic!("forbidden")
        };
        assert!(is_already_installed(&said) && !is_already_installed("Нет прав"));
    }
}
