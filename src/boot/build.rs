//! From a configuration to a product: storage, client, gateway, app, router.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;

use super::config::Config;
use super::ripples;
use crate::alarm::Alarm;
use crate::app::key_changes::KeyChanges;
use crate::app::keyring::Keyring;
use crate::app::node::Node;
use crate::app::session_events::AppSink;
use crate::app::tenants::Overrides;
use crate::app::vault::DbVault;
use crate::app::{App, Parts, Settings};
use crate::cache::channel::Channel;
use crate::kernel::clock::{Clock, SystemClock};
use crate::storage::{Db, tenant};
use crate::web::{self, WebSettings};
use crate::whatsapp::LiveGateway;
use crate::yclients::{self, YclientsApi};

/// A product ready to serve.
pub struct Built {
    pub app: Arc<App>,
    pub router: Router,
    /// To the other nodes, where there may be any.
    pub channel: Option<Channel>,
}

/// Builds everything. Opens the database and brings its tables up to date; talks to nobody else yet.
pub async fn build(config: &Config) -> anyhow::Result<Built> {
    build_with(config, Arc::new(SystemClock)).await
}

/// The same with another clock.
pub async fn build_with(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Built> {
    let db = Db::open(&config.database_url).await?;
    has_key(config, &db).await?;
    let yclients = yclients::Settings {
        base_url: config.yclients_url.clone(),
        partner_token: config.partner_token.clone(),
        user_token: config.user_token.clone(),
        application_id: config.application_id,
        timeout: std::time::Duration::from_secs(20),
    };
    let crm = YclientsApi::new(yclients, super::pace::pace(config).await?)?;
    let mut tenants = Overrides::load(&config.tenants_dir).map_err(|problems| {
        anyhow::anyhow!("the tenants folder has mistakes:\n  {}", problems.join("\n  "))
    })?;
    if let Some(rules) = &config.rules {
        tenants.put_over(rules).map_err(|problem| anyhow::anyhow!("SALONBRIDGE_RULES: {problem}"))?;
    }
    // Several processes share a database when they share a Redis, where YClients' budget is counted.
    let shared = db.is_postgres() && config.redis_url.is_some();
    let node = Arc::new(if shared { Node::shared(clock.now()) } else { Node::alone(clock.now()) });
    let key_changes = Arc::new(KeyChanges::new(db.clone()));
    let keys = Arc::new(Keyring::new(config.master_keys.clone(), db.clone(), key_changes.clone()));
    let alarm = config.alert_url.as_ref().map(|url| Alarm::new(url.expose())).transpose()?;
    let app = Arc::new(App::new(Parts {
        db: db.clone(),
        crm,
        clock: clock.clone(),
        settings: app_settings(config),
        keys: keys.clone(),
        key_changes,
        tenants,
        node: node.clone(),
        alarm,
    }));
    let whatsapp = crate::whatsapp::Settings {
        ws_url: config.whatsapp_url.clone(),
        version: config.whatsapp_version,
        ..crate::whatsapp::Settings::default()
    };
    let sink = Arc::new(AppSink(Arc::downgrade(&app)));
    let gateway = LiveGateway::new(whatsapp, Arc::new(DbVault::new(db, keys, node)), sink, clock)
        .context("WhatsApp cannot be talked to")?;
    app.set_gateway(Arc::new(gateway));
    let router = web::router(app.clone(), web_settings(config));
    let channel = ripples::channel(config, &app).await?;
    Ok(Built { app, router, channel })
}

/// Whether what is stored can be opened: with a wrong key every hook would be refused, and nobody would know why.
pub async fn has_key(config: &Config, db: &Db) -> anyhow::Result<()> {
    let Some((id, key)) = tenant::newest_key(&mut db.read().await?).await? else { return Ok(()) };
    anyhow::ensure!(
        config.master_keys.open_data_key(&id, &key).is_ok(),
        "ENCRYPTION_KEY does not open what is stored: give the key this database was made with, after a comma if there is a newer one"
    );
    Ok(())
}

fn app_settings(config: &Config) -> Settings {
    Settings {
        public_url: config.public_url.clone(),
        application_id: config.application_id,
        partner_token: config.partner_token.clone(),
        webhook_secret: config.webhook_secret.clone(),
        jwt_secret: config.jwt_secret.clone(),
        return_url: config.return_url.clone(),
        confirm_wait_ms: i64::try_from(config.confirm_wait.as_millis()).unwrap_or(60_000),
    }
}

fn web_settings(config: &Config) -> WebSettings {
    WebSettings {
        marketplace_url: config.marketplace_url.clone(),
        frame_ancestors: config.frame_ancestors.clone(),
        operator_token: config.operator_token.clone(),
        home_links: config.home_links.clone(),
    }
}
