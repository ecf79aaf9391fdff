//! The marketplace's partner calls: how an installation stands, finishing one, ending one, listing all.
//!
//! They lie beside the REST API, without `/api/v1`, and need the partner token alone.

use serde_json::{Value, json};

use super::api::{Auth, Call, YclientsApi};
use super::envelope::Expect;
use super::error::Error;
use super::wire;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::secret::Secret;

/// Salons on one page of [`YclientsApi::salons`]; the most the CRM gives.
pub const SALONS_PER_PAGE: usize = 1000;

/// How an installation stands in the marketplace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    pub status: ConnectionStatus,
    /// When the owner consented. The wire gives no zone; it is read as Moscow time, which nobody has confirmed.
    pub created_at: Option<UnixMs>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionStatus {
    Pending,
    Active,
    /// The wire's spelling of frozen.
    Freezed,
    /// A word newer than this code.
    Other(String),
}

/// How an activation ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    Activated,
    /// It had been done before. The status should be read again: the message does not say by whom.
    AlreadyInstalled,
}

/// A salon that has our application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledSalon {
    pub id: SalonId,
    pub title: String,
}

impl YclientsApi {
    /// How our application stands in a salon; `None` when it is not installed there.
    pub async fn connection(&self, salon: SalonId) -> Result<Option<Connection>, Error> {
        let path = format!("/marketplace/salon/{salon}/application/{}", self.application_id());
        let call = Call::get("/marketplace/salon/{salon}/application/{app}", path).of(salon);
        match self.send(partner(call)).await {
            Ok(answer) => read_connection(&answer.data),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finishes an installation: the salon becomes active and its hooks go to `webhook_urls`.
    ///
    /// Not idempotent upstream. After [`Error::Unreachable`], [`Error::Upstream`] or [`Error::Malformed`] it may have happened:
    /// read the connection before trying again. [`Error::Forbidden`] means not our application, or that the owner's consent
    /// has lapsed.
    pub async fn activate(
        &self,
        salon: SalonId,
        api_key: &Secret,
        webhook_urls: &[String],
    ) -> Result<Activation, Error> {
        let body = json!({
            "salon_id": salon,
            "application_id": self.application_id(),
            "api_key": api_key.expose(),
            "webhook_urls": webhook_urls,
        });
        let call = Call::post("/marketplace/partner/callback", "/marketplace/partner/callback".to_owned());
        let call = Call { body: Some(body), expect: Expect::Nothing, ..call.of(salon) };
        match self.send(partner(call)).await {
            Ok(_) => Ok(Activation::Activated),
            Err(Error::Forbidden(message)) if is_already_installed(&message) => {
                Ok(Activation::AlreadyInstalled)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes our application off a salon. One that does not have it is no error.
    pub async fn uninstall(&self, salon: SalonId) -> Result<(), Error> {
        let path = format!("/marketplace/salon/{salon}/application/{}/uninstall", self.application_id());
        let call = Call::post("/marketplace/salon/{salon}/application/{app}/uninstall", path).of(salon);
        match self.send(partner(Call { expect: Expect::Nothing, ..call })).await {
            Ok(_) | Err(Error::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A page of the salons that have our application, from page 1. Fewer than [`SALONS_PER_PAGE`] is the last page.
    /// Whether pending and frozen ones are among them is not known.
    pub async fn salons(&self, page: u32) -> Result<Vec<InstalledSalon>, Error> {
        let path = format!("/marketplace/application/{}/salons", self.application_id());
        let mut call = Call::get("/marketplace/application/{app}/salons", path);
        call.query = vec![("page", page.to_string()), ("count", SALONS_PER_PAGE.to_string())];
        let answer = self.send(partner(call)).await?;
        let rows = wire::list(&answer.data).ok_or(Error::Malformed("a list of salons that is no list"))?;
        Ok(rows.into_iter().filter_map(read_salon).collect())
    }
}

fn partner(call: Call) -> Call {
    Call { auth: Auth::Partner, ..call }
}

/// In both brands' words; the wire gives no code for it.
fn is_already_installed(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("уже установил") || message.contains("already installed")
}

fn read_connection(data: &Value) -> Result<Option<Connection>, Error> {
    let unreadable = Error::Malformed("a connection without a status");
    let Some(connection) = data.get("connection_status") else { return Err(unreadable) };
    if wire::is_nothing(connection) {
        return Ok(None);
    }
    let Some(word) = connection.get("status").and_then(wire::text) else { return Err(unreadable) };
    let status = match word.as_str() {
        "uninstalled" => return Ok(None),
        "pending" => ConnectionStatus::Pending,
        "active" => ConnectionStatus::Active,
        "freezed" | "frozen" => ConnectionStatus::Freezed,
        _ => ConnectionStatus::Other(word),
    };
    let created = connection.get("created_at");
    Ok(Some(Connection { status, created_at: created.and_then(moscow) }))
}

fn moscow(value: &Value) -> Option<UnixMs> {
    wire::instant(value).or_else(|| {
        let local = wire::local_time(value)?;
        let instant = local.and_local_timezone(chrono_tz::Europe::Moscow).earliest()?;
        Some(UnixMs(instant.timestamp_millis()))
    })
}

fn read_salon(row: &Value) -> Option<InstalledSalon> {
    let id = row.get("id").and_then(wire::int).filter(|id| *id > 0)?;
    Some(InstalledSalon { id: SalonId(id), title: row.get("title").and_then(wire::text).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yclients::fixtures;

    #[test]
    fn each_status_is_read() {
        let consented = Some(UnixMs(1_772_348_402_000));
        for (name, status) in [
            ("marketplace_status_pending.json", ConnectionStatus::Pending),
            ("marketplace_status_active.json", ConnectionStatus::Active),
            ("marketplace_status_freezed.json", ConnectionStatus::Freezed),
        ] {
            let connection = read_connection(&fixtures::json(name)["data"]).expect(name);
            assert_eq!(connection, Some(Connection { status, created_at: consented }), "{name}");
        }
    }

    #[test]
    fn an_odd_connection_is_nothing_or_unreadable_but_never_active() {
        for (data, expected) in [
            (json!({"connection_status": []}), Some(None)),
            (json!({"connection_status": null}), Some(None)),
            (json!({"connection_status": {"status": "uninstalled"}}), Some(None)),
            (json!({"connection_status": {"created_at": "x"}}), None),
            (json!({}), None),
            (json!([]), None),
            (Value::Null, None),
        ] {
            assert_eq!(read_connection(&data).ok(), expected, "{data}");
        }
        let newer = read_connection(&json!({"connection_status": {"status": "resting", "created_at": "?"}}));
        let other = ConnectionStatus::Other("resting".to_owned());
        assert_eq!(newer.ok().flatten(), Some(Connection { status: other, created_at: None }));
    }

    #[test]
    fn a_page_of_salons_is_read() {
        let page = fixtures::json("marketplace_salons_page.json");
        let salon = read_salon(&page["data"][0]);
        let expected =
            InstalledSalon { id: SalonId(990_101), title: "Студия «Пример»".to_owned() };
        assert_eq!(salon, Some(expected));
    }
}
