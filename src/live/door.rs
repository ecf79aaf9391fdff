//! What stands behind the connect page's socket: the use cases, and the news of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Action, Change, ConnectDoor, DoorError, LiveEvent, Refused, Scene, Visitor};
use crate::app::bus::{Heard, News};
use crate::app::page_token::{self, BadToken};
use crate::app::{self, App, activate, connect, sessions};
use crate::kernel::id::TenantId;
use crate::kernel::locale::Locale;

const BACKLOG: usize = 1024;

pub struct AppDoor {
    app: Arc<App>,
    marketplace_url: String,
    changes: broadcast::Sender<Change>,
}

impl AppDoor {
    /// Begins to pass the app's news on; ends with the app.
    #[must_use]
    pub fn new(app: Arc<App>, marketplace_url: &str) -> Self {
        let (changes, _) = broadcast::channel(BACKLOG);
        let (mut news, out) = (app.bus.subscribe(), changes.clone());
        tokio::spawn(async move {
            loop {
                match news.recv().await {
                    // Nobody listening is the usual case: no page is open.
                    Ok(Heard::Of(tenant, news)) => {
                        if let Some(change) = change(tenant, news) {
                            let _ = out.send(change);
                        }
                    }
                    // The connect page shows nothing of them.
                    Ok(Heard::Books(..)) => {}
                    Ok(Heard::Anything) | Err(RecvError::Lagged(_)) => drop(out.send(Change::Anything)),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self { app, marketplace_url: marketplace_url.to_owned(), changes }
    }
}

/// What a connect page may show of it; the desk hears the rest.
fn change(tenant: TenantId, news: News) -> Option<Change> {
    Some(match news {
        News::View => Change::View(tenant),
        News::Connected { phone, name } => Change::Event(tenant, LiveEvent::Connected { phone, name }),
        News::Activated { redirect_url } => Change::Event(tenant, LiveEvent::Activated { redirect_url }),
        News::Sync(_) => return None,
    })
}

#[async_trait]
impl ConnectDoor for AppDoor {
    fn admit(&self, token: &str, company_id: Option<&str>) -> Result<Visitor, Refused> {
        let pass = page_token::check(&self.app.settings.jwt_secret, token, self.app.now()).map_err(
            |bad| match bad {
                BadToken::Missing => Refused::Missing,
                BadToken::Expired => Refused::Expired,
                BadToken::Wrong => Refused::Wrong,
            },
        )?;
        let tenant = match company_id {
            None => pass.tenant,
            Some(id) => TenantId::parse(id).filter(|id| pass.all.contains(id)).ok_or(Refused::Foreign)?,
        };
        // Pages name their language in the handshake; Russian is for a program that does not.
        let left = u64::try_from(pass.until.since(self.app.now())).unwrap_or(0);
        Ok(Visitor { tenant, locale: Locale::Ru, expires_in: Duration::from_millis(left) })
    }

    fn marketplace_url(&self) -> String {
        self.marketplace_url.clone()
    }

    async fn view(&self, tenant: &TenantId) -> anyhow::Result<Scene> {
        let view = connect::view(&self.app, tenant).await?;
        Ok(Scene { view, timezone: app::zone_of(&self.app, tenant).await? })
    }

    async fn opened(&self, tenant: &TenantId) -> Result<(), DoorError> {
        Ok(connect::page_opened(&self.app, tenant).await?)
    }

    async fn request_qr(&self, tenant: &TenantId) -> Result<(), DoorError> {
        Ok(connect::request_qr(&self.app, tenant).await?)
    }

    async fn request_code(&self, tenant: &TenantId, phone: &str) -> Result<(), DoorError> {
        Ok(connect::request_code(&self.app, tenant, phone).await?)
    }

    async fn cancel(&self, tenant: &TenantId) -> Result<(), DoorError> {
        Ok(sessions::cancel(&self.app, tenant).await?)
    }

    async fn act(&self, tenant: &TenantId, action: Action) -> Result<(), DoorError> {
        let app = &self.app;
        match action {
            Action::ConfirmNumber | Action::UseForBoth => activate::confirm_number(app, tenant).await?,
            Action::Relink => sessions::relink(app, tenant).await?,
            Action::TryAgain => connect::try_again(app, tenant).await?,
            Action::SendTrial => activate::send_trial(app, tenant).await?,
        }
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

impl From<app::Error> for DoorError {
    fn from(error: app::Error) -> Self {
        let told = match &error {
            app::Error::Rejected("bad_phone") => Self::BadPhone,
            app::Error::Rejected(_) | app::Error::NotFound => Self::NotNow,
            app::Error::Crm(_) => Self::Yclients,
            app::Error::WhatsApp(_) => Self::Whatsapp,
            _ => Self::Fault,
        };
        tracing::warn!(%error, ?told, "a wish from a page was not granted");
        told
    }
}
