//! What one node lets the others know: that something changed, never what. They read it for themselves, so that nothing secret
//! leaves the database, and a ripple that is lost costs a moment and no more.

use serde::{Deserialize, Serialize};

use super::bus::{Heard, News};
use super::error::Error;
use super::{App, activate, enqueue, tenants_of};
use crate::kernel::id::{SyncId, TenantId};
use crate::kernel::phone::Phone;
use crate::storage::wa_session;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ripple {
    View(TenantId),
    Connected(TenantId),
    Activated(TenantId),
    Sync(TenantId, SyncId),
    Books(TenantId),
    /// A session's node has something to do.
    Ring,
}

impl Ripple {
    pub(super) fn of(tenant: &TenantId, news: &News) -> Self {
        match news {
            News::View => Self::View(tenant.clone()),
            News::Connected { .. } => Self::Connected(tenant.clone()),
            News::Activated { .. } => Self::Activated(tenant.clone()),
            News::Sync(run) => Self::Sync(tenant.clone(), run.clone()),
        }
    }
}

/// Takes what another node let us know.
pub async fn hear(app: &App, ripple: Ripple) -> Result<(), Error> {
    let (id, news) = match ripple {
        Ripple::Ring => {
            for kind in [enqueue::SEND, enqueue::ASK, enqueue::RESTORE, enqueue::UNLINK] {
                app.bells.ring(kind);
            }
            return Ok(());
        }
        Ripple::Books(id) => {
            app.bus.tell_here(Heard::Books(id, None));
            return Ok(());
        }
        Ripple::View(id) => (id, News::View),
        Ripple::Sync(id, run) => (id, News::Sync(run)),
        Ripple::Connected(id) => {
            let Some(session) = wa_session::find(&mut app.db.read().await?, &id).await? else {
                return Ok(());
            };
            let digits = app.keys.of(&id).await?.open_text("wa_session", "phone", &session.phone)?;
            let phone = Phone::parse(&format!("+{digits}")).map(|phone| phone.international());
            (id, News::Connected { phone: phone.unwrap_or_default(), name: session.name })
        }
        Ripple::Activated(id) => {
            let known = tenants_of(app, &id).await?.tenant;
            let redirect_url = activate::return_url(app, &known);
            (id, News::Activated { redirect_url })
        }
    };
    app.bus.tell_here(Heard::Of(id, news));
    Ok(())
}
