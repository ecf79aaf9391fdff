//! `salonbridge doctor`: talks to every neighbour and says in plain words what is wrong and what to do.

use std::process::ExitCode;
use std::time::Duration;

use super::build::has_key;
use super::config::{Config, Env};
use super::yclients_check;
use crate::app::tenants::Overrides;
use crate::cli::say;
use crate::storage::{Db, sql};
use crate::whatsapp::{guard, reach};

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
    let checks = yclients_check::tokens(config).await;
    checks.iter().all(|check| report(check.is_well, check.what, &check.text))
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
