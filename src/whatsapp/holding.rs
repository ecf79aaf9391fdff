//! The lease under which an owner runs its session.

use super::error::Error;
use super::owner::Owner;
use crate::domain::session::{Lease, SessionState};

impl Owner {
    /// Takes the session's keys in hand.
    pub(super) async fn hold(&mut self) -> Result<Lease, Error> {
        if let Some(lease) = &self.lease {
            return Ok(lease.clone());
        }
        let lease = self.context.vault.hold(&self.tenant).await.map_err(Error::Vault)?;
        let lease = lease.ok_or(Error::Elsewhere)?;
        self.status.set_lease(Some(lease.clone()));
        self.lease = Some(lease.clone());
        Ok(lease)
    }

    pub(super) async fn let_go(&mut self) {
        // A process that ends frees all it holds at once.
        self.status.set_lease(None);
        let Some(lease) = self.lease.take().filter(|_| !self.context.registry.is_closing()) else { return };
        if let Err(error) = self.context.vault.let_go(&lease).await {
            tracing::warn!(tenant.id = %self.tenant, %error, "a session was not given back; it is tried again");
            self.context.registry.keep(lease);
        }
    }

    /// Another node has the session, or may take it any moment: what is known of it here is worth nothing.
    pub(super) fn lose(&mut self) {
        self.lease = None;
        self.status.set_lease(None);
        self.status.set(SessionState::Unpaired);
    }
}
