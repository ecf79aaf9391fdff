//! News: what changed, for pages that are open now. Losing some is harmless: a page asks for its state again.

use tokio::sync::broadcast;

use super::ripple::Ripple;
use crate::kernel::id::{ClientKey, SyncId, TenantId};

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
    /// A reading of the journal or the catalogue came further, or ended.
    Sync(SyncId),
}

/// What this process hears.
#[derive(Debug, Clone)]
pub enum Heard {
    Of(TenantId, News),
    /// The books of these clients of a salon were kept; `None`: of some of them.
    Books(TenantId, Option<Vec<ClientKey>>),
    /// Something may have been missed, of anybody.
    Anything,
}

const BACKLOG: usize = 1024;

pub struct Bus {
    here: broadcast::Sender<Heard>,
    /// For the other nodes, where there are any.
    away: broadcast::Sender<Ripple>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { here: broadcast::channel(BACKLOG).0, away: broadcast::channel(BACKLOG).0 }
    }
}

impl Bus {
    /// Tells the pages of every node.
    pub fn tell(&self, tenant: &TenantId, news: News) {
        self.tell_away(Ripple::of(tenant, &news));
        self.tell_here(Heard::Of(tenant.clone(), news));
    }

    /// Tells the pages of these clients; the other nodes are told of the salon alone.
    pub fn tell_books(&self, tenant: &TenantId, clients: Vec<ClientKey>) {
        self.tell_away(Ripple::Books(tenant.clone()));
        self.tell_here(Heard::Books(tenant.clone(), Some(clients)));
    }

    /// Tells the pages of this node alone.
    pub fn tell_here(&self, heard: Heard) {
        // Nobody listening is the usual case: no page is open.
        let _ = self.here.send(heard);
    }

    pub(super) fn tell_away(&self, ripple: Ripple) {
        // Nobody listens in a process that has its database to itself.
        let _ = self.away.send(ripple);
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Heard> {
        self.here.subscribe()
    }

    #[must_use]
    pub fn ripples(&self) -> broadcast::Receiver<Ripple> {
        self.away.subscribe()
    }
}
