//! `salonbridge doctor`: talks to every neighbour and says in plain words what is wrong and what to do.

use std::process::ExitCode;
use std::sync::Arc;

use super::build::has_key;
use super::config::{Config, Env};
use crate::app::tenants::Overrides;
use crate::cli::say;
use crate::kernel::crm_id::SalonId;
use crate::storage::{Db, sql};
use crate::whatsapp::guard;
use crate::yclients::{self, LocalPace, YclientsApi};

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
        whatsapp(&config),
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

fn whatsapp(config: &Config) -> bool {
    match guard::check(config.whatsapp_url.as_deref()) {
        Ok(()) => report(
            true,
            "WhatsApp",
            "this build knows the server's certificate from a forged one, or stays on this machine",
        ),
        Err(problem) => report(false, "WhatsApp", &problem),
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
    match crm.connection(SalonId(1)).await {
        Ok(_) => report(true, "YClients", "reached; it knows our token and our application"),
        Err(yclients::Error::Unauthorised) => {
            report(false, "YClients", "it does not accept YCLIENTS_PARTNER_TOKEN")
        }
        Err(yclients::Error::Forbidden(_)) => {
            report(false, "YClients", "YCLIENTS_APPLICATION_ID is not an application of this token")
        }
        Err(error) => report(false, "YClients", &format!("{error}. Check YCLIENTS_API_URL and the network")),
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
