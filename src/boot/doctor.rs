//! `salonbridge doctor`: talks to every neighbour and says in plain words what is wrong and what to do.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::build::has_key;
use super::config::{Config, Env};
use crate::app::tenants::Overrides;
use crate::cli::say;
use crate::kernel::crm_id::SalonId;
use crate::storage::{Db, sql};
use crate::whatsapp::{guard, reach};
use crate::yclients::{self, LocalPace, YclientsApi};

/// A product that lives says so at once.
const LIVE_PATIENCE: Duration = Duration::from_secs(4);

/// Looks at everything; exit code 0 when nothing is wrong.
pub async fn run(env: &Env) -> anyhow::Result<ExitCode> {
    let config = match Config::from_env(env) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                report(false, "configuration", problem);
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    report(true, "configuration", "every setting can be read");
    for warning in &config.warnings {
        report(true, "note", warning);
    }
    let checks = [
        tenants(&config),
        whatsapp(&config).await,
        public_url(&config).await,
        database(&config).await,
        yclients(&config).await,
        redis(&config).await,
    ];
    Ok(if checks.iter().all(|ok| *ok) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(ok: bool, what: &str, text: &str) -> bool {
    say(&format!("{} {what}: {text}\n", if ok { "ok  " } else { "BAD " }));
    ok
}

fn tenants(config: &Config) -> bool {
    match Overrides::load(&config.tenants_dir) {
        Ok(_) => report(true, "rules and texts", "all files can be read"),
        Err(problems) => problems.iter().fold(true, |_, problem| report(false, "rules and texts", problem)),
    }
}

async fn whatsapp(config: &Config) -> bool {
    if let Err(problem) = guard::check(config.whatsapp_url.as_deref()) {
        return report(false, "WhatsApp", &problem);
    }
    match reach::look(config.whatsapp_url.as_deref()).await {
        Ok(said) => report(true, "WhatsApp", &said),
        Err(problem) => report(
            false,
            "WhatsApp",
            &format!(
                "{problem:#}. Linked phones stay linked, messages wait: look at the network, the firewall and DNS"
            ),
        ),
    }
}

/// Whether the world reaches us there. Before the first start it cannot, and that is no fault.
async fn public_url(config: &Config) -> bool {
    match ask_live(&config.public_url).await {
        Ok(()) => {
            report(true, "public address", &format!("{} leads to a running product", config.public_url))
        }
        Err(problem) => report(
            true,
            "public address",
            &format!(
                "{problem}. While the product runs it must answer there: look at DNS, the certificate and the proxy"
            ),
        ),
    }
}

/// Asks a product at this address whether it lives.
pub async fn ask_live(base: &str) -> Result<(), String> {
    let url = format!("{base}/health/live");
    // The client will not be made without it; whoever came first has set it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let asked = async {
        let http = reqwest::Client::builder().timeout(LIVE_PATIENCE).build()?;
        http.get(&url).send().await?.error_for_status()?.text().await
    };
    match asked.await {
        Ok(said) if said == "ok" => Ok(()),
        Ok(_) => Err(format!("{url} answers, but it is not this product")),
        Err(error) => {
            // The address is said already; what lies at the bottom is what a person can act on.
            let error = anyhow::Error::from(error.without_url());
            Err(format!("{url} does not answer ({})", error.root_cause()))
        }
    }
}

async fn database(config: &Config) -> bool {
    let looked = async {
        let db = Db::connect(&config.database_url).await?;
        let pending = db.pending_migrations().await?;
        if pending > 0 {
            db.close().await;
            return Ok(format!(
                "answers; {pending} changes of its tables are made at the next start, or by: salonbridge migrate"
            ));
        }
        let mut conn = db.read().await?;
        let prepared = sql::prepare_all(&mut conn).await.map_err(|(_, error)| error)?;
        drop(conn);
        has_key(config, &db).await?;
        let engine = if db.is_postgres() { "PostgreSQL" } else { "SQLite" };
        db.close().await;
        anyhow::Ok(format!("{engine} answers, its tables fit all {prepared} statements"))
    };
    match looked.await {
        Ok(text) => report(true, "database", &text),
        Err(error) if matches!(error.downcast_ref(), Some(crate::storage::Error::InUse(_))) => {
            report(true, "database", "it is open in a running product")
        }
        Err(error) => report(false, "database", &format!("{error}. Check DATABASE_URL")),
    }
}

async fn yclients(config: &Config) -> bool {
    let settings = yclients::Settings {
        base_url: config.yclients_url.clone(),
        partner_token: config.partner_token.clone(),
        user_token: config.user_token.clone(),
        application_id: config.application_id,
        timeout: std::time::Duration::from_secs(10),
    };
    let crm = match YclientsApi::new(settings, Arc::new(LocalPace::default())) {
        Ok(crm) => crm,
        Err(problem) => return report(false, "YClients", &problem.to_string()),
    };
    // Salon 1 is nobody's: "not installed" is the answer of a marketplace that knows our token and application.
    match asked(async || crm.connection(SalonId(1)).await).await {
        Ok(_) => {
            report(true, "YClients", "reached; it knows our token and our application")
                && system_user(config, &crm).await
        }
        Err(yclients::Error::Unauthorised) => {
            report(false, "YClients", "it does not accept YCLIENTS_PARTNER_TOKEN")
        }
        Err(yclients::Error::Forbidden(_)) => {
            report(false, "YClients", "YCLIENTS_APPLICATION_ID is not an application of this token")
        }
        Err(error) => report(false, "YClients", &format!("{error}. Check YCLIENTS_API_URL and the network")),
    }
}

/// Asks, and once more where it was too much at once: a product that runs at this address calls as well. The second waits its turn.
async fn asked<T>(call: impl AsyncFn() -> Result<T, yclients::Error>) -> Result<T, yclients::Error> {
    match call().await {
        Err(yclients::Error::Throttled(_)) => call().await,
        answer => answer,
    }
}

/// Whether what salons let their system user see can be seen.
async fn system_user(config: &Config, crm: &YclientsApi) -> bool {
    const WHAT: &str = "YClients user";
    if config.user_token.is_none() {
        return report(
            true,
            WHAT,
            "YCLIENTS_USER_TOKEN is not set: salons can be installed, their records cannot be read",
        );
    }
    match asked(async || crm.count_own_salons().await).await {
        Ok(salons) => report(true, WHAT, &format!("accepted; salons it may look into: {salons}")),
        Err(yclients::Error::Unauthorised) => report(
            false,
            WHAT,
            "it does not accept YCLIENTS_USER_TOKEN. A token changes with its user's password: take the one in the application's settings",
        ),
        Err(error) => report(false, WHAT, &format!("{error}. Try again in a minute")),
    }
}

async fn redis(config: &Config) -> bool {
    let Some(url) = &config.redis_url else {
        return report(true, "Redis", "not configured; one process does without it");
    };
    match crate::cache::ping(url.expose()).await {
        Ok(()) => report(true, "Redis", "answers"),
        Err(error) => report(false, "Redis", &format!("{error}. Check REDIS_URL")),
    }
}
