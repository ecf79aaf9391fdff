//! In-process news: what changed, for pages that are open now. Losing one is harmless: a page asks for its state again.

use tokio::sync::broadcast;

use crate::kernel::id::TenantId;

/// Something happened to a tenant. Carries no secret that its own page may not show.
#[derive(Debug, Clone)]
pub enum News {
    /// What the connect page shows may have changed.
    View,
    Connected {
        phone: String,
        name: String,
    },
    Activated {
        redirect_url: String,
    },
}

const BACKLOG: usize = 1024;

pub struct Bus(broadcast::Sender<(TenantId, News)>);

impl Default for Bus {
    fn default() -> Self {
        Self(broadcast::channel(BACKLOG).0)
    }
}

impl Bus {
    pub fn tell(&self, tenant: &TenantId, news: News) {
        // Nobody listening is the usual case: no page is open.
        let _ = self.0.send((tenant.clone(), news));
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<(TenantId, News)> {
        self.0.subscribe()
    }
}
