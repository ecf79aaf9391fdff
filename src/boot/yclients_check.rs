//! What YClients lets us do: asked of itself, in the order in which one thing stands on another.

use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use crate::domain::dates;
use crate::domain::sync::Scope;
use crate::kernel::clock::{Clock as _, SystemClock};
use crate::kernel::crm_id::SalonId;
use crate::yclients::hook_settings::HookSettings;
use crate::yclients::marketplace::ConnectionStatus;

use crate::yclients::{self, Error, LocalPace, YclientsApi};

const PATIENCE: Duration = Duration::from_secs(10);

/// One thing looked at, in words.
pub struct Check {
    pub is_well: bool,
    pub what: &'static str,
    pub text: String,
}

fn well(what: &'static str, text: impl Into<String>) -> Check {
    Check { is_well: true, what, text: text.into() }
}

fn bad(what: &'static str, text: impl Into<String>) -> Check {
    Check { is_well: false, what, text: text.into() }
}

/// A client with a count of calls of its own: whoever checks is a person, and a handful of calls.
pub fn client(config: &Config) -> Result<YclientsApi, yclients::BadSettings> {
    let settings = yclients::Settings {
        base_url: config.yclients_url.clone(),
        partner_token: config.partner_token.clone(),
        user_token: config.user_token.clone(),
        application_id: config.application_id,
        timeout: PATIENCE,
    };
    YclientsApi::new(settings, Arc::new(LocalPace::default()))
}

/// Our tokens and our application.
pub async fn tokens(config: &Config) -> Vec<Check> {
    const WHAT: &str = "YClients";
    let crm = match client(config) {
        Ok(crm) => crm,
        Err(problem) => return vec![bad(WHAT, problem.to_string())],
    };
    // Salon 1 is nobody's: "not installed" is the answer of a marketplace that knows our token and application.
    match asked(async || crm.connection(SalonId(1)).await).await {
        Ok(_) => vec![
            well(WHAT, "reached; it knows our token and our application"),
            system_user(config, &crm).await,
        ],
        Err(Error::Unauthorised) => vec![bad(WHAT, "it does not accept YCLIENTS_PARTNER_TOKEN")],
        Err(Error::Forbidden(_)) => {
            vec![bad(WHAT, "YCLIENTS_APPLICATION_ID is not an application of this token")]
        }
        Err(error) => vec![bad(WHAT, format!("{error}. Check YCLIENTS_API_URL and the network"))],
    }
}

/// Asks, and once more where it was too much at once: a product that runs at this address calls as well. The second waits its turn.
async fn asked<T>(call: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    match call().await {
        Err(Error::Throttled(_)) => call().await,
        answer => answer,
    }
}

/// Whether what salons let their system user see can be seen.
async fn system_user(config: &Config, crm: &YclientsApi) -> Check {
    const WHAT: &str = "YClients user";
    if config.user_token.is_none() {
        return well(
            WHAT,
            "YCLIENTS_USER_TOKEN is not set: salons can be installed, their records cannot be read",
        );
    }
    match asked(async || crm.count_own_salons().await).await {
        Ok(salons) => well(WHAT, format!("accepted; salons it may look into: {salons}")),
        Err(Error::Unauthorised) => bad(
            WHAT,
            "it does not accept YCLIENTS_USER_TOKEN. A token changes with its user's password: take the one in the application's settings",
        ),
        Err(error) => bad(WHAT, format!("{error}. Try again in a minute")),
    }
}

/// What a salon lets us see and where its hooks go. Changes nothing.
pub async fn salon(config: &Config, salon: SalonId) -> Vec<Check> {
    let Ok(crm) = client(config) else { return Vec::new() };
    let mut checks = vec![installation(asked(async || crm.connection(salon).await).await)];
    if config.user_token.is_none() {
        return checks;
    }
    let today = dates::local(SystemClock.now(), chrono_tz::UTC).date();
    let visits = Scope::Visits { from: today, to: today };
    checks.push(right("profile", asked(async || crm.company(salon).await.map(|_| None)).await));
    checks.push(right(
        "services",
        asked(async || crm.services(salon).await.map(|list| Some(list.len()))).await,
    ));
    checks.push(right("staff", asked(async || crm.staff(salon).await.map(|list| Some(list.len()))).await));
    let schedule = asked(async || crm.schedule(salon, today, today).await.map(|list| Some(list.len())));
    checks.push(right("schedule", schedule.await));
    let records = asked(async || crm.records(salon, &visits, 1, 1).await.map(|_| None));
    checks.push(right("records", records.await));
    checks.push(hooks(config, asked(async || crm.hook_settings(salon).await).await));
    checks
}

fn installation(answer: Result<Option<yclients::marketplace::Connection>, Error>) -> Check {
    const WHAT: &str = "installation";
    match answer.map(|connection| connection.map(|connection| connection.status)) {
        Ok(Some(ConnectionStatus::Active)) => well(WHAT, "active"),
        Ok(Some(ConnectionStatus::Pending)) => {
            bad(WHAT, "not finished: the owner is to link the salon's WhatsApp on the connect page")
        }
        Ok(Some(ConnectionStatus::Freezed)) => {
            bad(WHAT, "paused: the application is not paid for in YClients")
        }
        Ok(Some(ConnectionStatus::Other(word))) => bad(WHAT, format!("in a state we do not know: {word}")),
        Ok(None) => bad(WHAT, "the salon has not connected the application in the marketplace"),
        Err(error) => bad(WHAT, format!("{error}. Try again in a minute")),
    }
}

/// Whether this can be read, and how many there are where that says something.
fn right(what: &'static str, answer: Result<Option<usize>, Error>) -> Check {
    match answer {
        Ok(Some(count)) => well(what, format!("can be read: {count}")),
        Ok(None) => well(what, "can be read"),
        Err(Error::Forbidden(_) | Error::NotFound) => bad(
            what,
            "the application has no right to it: in YClients, the salon's settings, give its user the right, or connect the application anew",
        ),
        Err(Error::Unauthorised) => bad(what, "YClients does not accept YCLIENTS_USER_TOKEN"),
        Err(Error::LicenceExpired) => {
            bad(what, "the salon's YClients licence has expired: nothing can be read until it is paid")
        }
        Err(error) => bad(what, format!("{error}. Try again in a minute")),
    }
}

fn hooks(config: &Config, answer: Result<HookSettings, Error>) -> Check {
    const WHAT: &str = "webhook";
    let ours = format!("{}/webhook/", config.public_url);
    match answer {
        Ok(settings) if !settings.urls.iter().any(|url| url.starts_with(&ours)) => bad(
            WHAT,
            "our address is not in the salon's WebHook settings: `salonbridge webhook guide` says how to set it",
        ),
        Ok(settings) if !settings.tells_of_records() => bad(
            WHAT,
            "our address is there, but sending of records is off: switch it on in the WebHook settings",
        ),
        Ok(_) => well(WHAT, "records are sent to us"),
        Err(error) => Check { what: WHAT, ..right(WHAT, Err(error)) },
    }
}
