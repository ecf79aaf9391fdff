//! What stands behind the connect page's socket: the use cases, and the news of them.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Action, Change, ConnectDoor, DoorError, LiveEvent, Refused, Visitor};
use crate::app::bus::News;
use crate::app::page_token::{self, BadToken};
use crate::app::{self, App, activate, connect, sessions};
use crate::domain::connect::ConnectView;
use crate::kernel::id::TenantId;

const BACKLOG: usize = 1024;

pub struct AppDoor {
    app: Arc<App>,
    changes: broadcast::Sender<Change>,
}

impl AppDoor {
    /// Begins to pass the app's news on.
    #[must_use]
    pub fn new(app: Arc<App>) -> Self {
        let (changes, _) = broadcast::channel(BACKLOG);
        let (mut news, out) = (app.bus.subscribe(), changes.clone());
        tokio::spawn(async move {
            loop {
                match news.recv().await {
                    // Nobody listening is the usual case: no page is open.
                    Ok((tenant, news)) => drop(out.send(change(tenant, news))),
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "pages were told of less than happened")
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self { app, changes }
    }
}

fn change(tenant: TenantId, news: News) -> Change {
    let event = match news {
        News::View => return Change::View(tenant),
        News::Qr { raw, number, of, expires_at } => LiveEvent::Qr { raw, number, of, expires_at },
        News::PairingCode { code, expires_at } => LiveEvent::PairingCode { code, expires_at },
        News::Progress(part) => LiveEvent::Progress(part),
        News::Connected { phone, name } => LiveEvent::Connected { phone, name },
        News::Activated { redirect_url } => LiveEvent::Activated { redirect_url },
        News::Failed { code } => LiveEvent::Error { code: code.to_owned() },
    };
    Change::Event(tenant, event)
}

#[async_trait]
impl ConnectDoor for AppDoor {
    async fn admit(&self, token: &str, company_id: Option<&str>) -> Result<Visitor, Refused> {
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
        let timezone = app::zone_of(&self.app, &tenant).await.map_err(|_| Refused::Wrong)?;
        Ok(Visitor { tenant, timezone, may_link: pass.may_link })
    }

    async fn view(&self, tenant: &TenantId) -> Result<ConnectView, DoorError> {
        Ok(connect::view(&self.app, tenant).await?)
    }

    async fn act(&self, tenant: &TenantId, action: Action) -> Result<(), DoorError> {
        let app = &self.app;
        match action {
            Action::RequestQr => connect::request_qr(app, tenant).await?,
            Action::RequestCode(phone) => connect::request_code(app, tenant, &phone).await?,
            Action::Cancel => sessions::cancel(app, tenant).await?,
            Action::ConfirmNumber => activate::confirm_number(app, tenant).await?,
            Action::Relink => connect::relink_number(app, tenant).await?,
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
        let code = match &error {
            app::Error::Rejected(key) => key,
            app::Error::NotFound => "not_found",
            app::Error::Crm(_) => "yclients_failed",
            app::Error::WhatsApp(_) => "whatsapp_failed",
            _ => "our_fault",
        };
        tracing::warn!(%error, code, "a wish from a page failed");
        Self { code }
    }
}
