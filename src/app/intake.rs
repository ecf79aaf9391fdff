//! Trip 2, the beginning: a hook is committed, and only then answered.
//!
//! Hooks that arrive together share one unit of work: whatever is waiting when a commit ends goes into the next one. A hook is
//! never acknowledged from memory; when more waits than we may promise to keep, the sender is told so (503).

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::addresses::Addressee;
use super::error::Error;
use super::{App, enqueue};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::SalonId;
use crate::kernel::failpoint::{Mistake, failpoint, planted};
use crate::kernel::id::{InboxId, TenantId};
use crate::kernel::pack::pack;
use crate::kernel::seal::DataKey;
use crate::kernel::secret::{Secret, hmac_sha256, same};
use crate::storage::inbox::NewInbox;
use crate::storage::intake;
use crate::storage::job::NewJob;
use crate::yclients::webhook::{self, Hook};

/// Hooks that may wait for a commit; more are turned away.
const MOST_WAITING: usize = 4096;
/// Rows in one unit of work.
const MOST_IN_BATCH: usize = 256;
/// Of a body's hash so much is kept: no two bodies of one resource that wait together share it.
const DEDUP_BYTES: usize = 16;

/// Hooks waiting for a commit.
#[derive(Default)]
pub struct Batcher {
    waiting: Mutex<Vec<Waiting>>,
    arrived: Notify,
}

struct Waiting {
    row: NewInbox,
    job: NewJob,
    done: oneshot::Sender<bool>,
}

/// What became of a hook.
#[derive(Debug, PartialEq, Eq)]
pub enum Accepted {
    Stored(usize),
    /// Not JSON, or not an event: there is nothing in it to keep.
    NotAHook,
}

/// The hash a webhook address is found by. The key has 256 random bits of its own, so a plain hash tells nothing of it, and
/// looking a hash up in an index tells nothing of how near a wrong key came.
#[must_use]
pub fn hash_hook_key(hook_key: &str) -> String {
    hex::encode(Sha256::digest(hook_key.as_bytes()))
}

/// Whether the body is signed as it must be; true when no secret was agreed.
#[must_use]
pub fn is_signed(app: &App, body: &[u8], signature: Option<&str>) -> bool {
    app.settings.webhook_secret.as_ref().is_none_or(|secret| signs(secret, body, signature))
}

fn signs(secret: &Secret, body: &[u8], signature: Option<&str>) -> bool {
    let expected = hex::encode(hmac_sha256(secret.expose().as_bytes(), body));
    signature.is_some_and(|given| same(expected.as_bytes(), given.trim().to_ascii_lowercase().as_bytes()))
}

/// The one salon that all hooks of a body are about; `None` when they do not say, or are of several.
#[must_use]
pub fn salon_of(body: &[u8]) -> Option<SalonId> {
    let hooks = webhook::parse(body).ok()?;
    let first = hooks.first()?.company_id?;
    hooks.iter().all(|hook| hook.company_id == Some(first)).then_some(first)
}

/// Whether hooks may come to an address that is everybody's: only where a signature says who sent them.
#[must_use]
pub fn takes_signed(app: &App) -> bool {
    app.settings.webhook_secret.is_some()
}

/// Keeps what a salon's address received. Returns after the commit.
pub async fn accept(app: &App, to: &Addressee, body: &[u8]) -> Result<Accepted, Error> {
    let Ok(hooks) = webhook::parse(body) else { return Ok(Accepted::NotAHook) };
    let (id, salon) = (&to.tenant, to.salon);
    if hooks.iter().any(|hook| hook.company_id.is_some_and(|company| company != salon)) {
        return Err(Error::Rejected("foreign_company"));
    }
    let key = app.keys.of(id).await?;
    let settle_ms = app.tenants.rules(salon).settle_ms;
    let now = app.now();
    let mut committed = Vec::with_capacity(hooks.len());
    for hook in &hooks {
        let row = kept(&key, id, hook, now);
        let job = enqueue::absorb_job(id, &hook.resource, hook.resource_id, now.plus_ms(settle_ms), now);
        committed.push(app.intake.push(row, job)?);
    }
    for done in committed {
        if planted(Mistake::EarlyAck) {
            break;
        }
        if !done.await.unwrap_or(false) {
            return Err(Error::Overloaded);
        }
    }
    Ok(Accepted::Stored(hooks.len()))
}

/// A hook as it is kept.
pub(super) fn kept(key: &DataKey, tenant: &TenantId, hook: &Hook<'_>, now: UnixMs) -> NewInbox {
    let id = InboxId::new(now);
    NewInbox {
        body: key.seal("inbox", id.as_str(), &pack(hook.raw.as_bytes())),
        id,
        tenant: tenant.clone(),
        source: "hook",
        resource: hook.resource.to_string(),
        resource_id: hook.resource_id,
        dedup: hex::encode(&hook.dedup_raw()[..DEDUP_BYTES]),
        received_at: now,
    }
}

impl Batcher {
    fn push(&self, row: NewInbox, job: NewJob) -> Result<oneshot::Receiver<bool>, Error> {
        let (done, committed) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            return Err(Error::Overloaded);
        }
        waiting.push(Waiting { row, job, done });
        drop(waiting);
        self.arrived.notify_one();
        Ok(committed)
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let most = waiting.len().min(MOST_IN_BATCH);
        waiting.drain(..most).collect()
    }

    /// Commits what waits, batch after batch, until `closed` and nothing waits. Two of these may run side by side on PostgreSQL.
    pub async fn run(app: &App, closed: &CancellationToken) {
        loop {
            let batch = app.intake.take();
            if batch.is_empty() {
                if closed.run_until_cancelled(app.intake.arrived.notified()).await.is_none() {
                    return;
                }
                continue;
            }
            let (rows, rest): (Vec<_>, Vec<_>) = batch.into_iter().map(|w| (w.row, (w.job, w.done))).unzip();
            let (jobs, waiters): (Vec<_>, Vec<_>) = rest.into_iter().unzip();
            let first_due = jobs.iter().map(|job| job.run_at).min();
            if planted(Mistake::EarlyAck) {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            failpoint!("intake.before_commit");
            let committed = intake::keep(&app.db, rows, jobs).await;
            failpoint!("intake.committed");
            if let Err(error) = &committed {
                tracing::error!(%error, hooks = waiters.len(), "hooks could not be stored; their senders were told so");
            }
            for waiter in waiters {
                // A sender that has gone away is no loss: what it sent is stored.
                let _ = waiter.send(committed.is_ok());
            }
            // What is far off the worker finds by itself.
            if first_due.is_some_and(|due| due.since(app.now()) < enqueue::POLL_MS) {
                app.ring_for(enqueue::ABSORB);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secrets_own_signature_over_this_very_body_is_right() {
        let secret = Secret::new("key");
        let right = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        let body = b"The quick brown fox jumps over the lazy dog";
        assert!(signs(&secret, body, Some(right)));
        assert!(signs(&secret, body, Some(&format!(" {} ", right.to_uppercase()))));
        for wrong in [None, Some(""), Some(&right[1..]), Some("xyzzy")] {
            assert!(!signs(&secret, body, wrong), "{wrong:?}");
        }
        assert!(!signs(&secret, b"another body", Some(right)));
        assert!(!signs(&Secret::new("another key"), body, Some(right)));
    }

    #[test]
    fn addresses_that_were_given_out_are_found_by_the_same_hash_for_ever() {
        assert_eq!(hash_hook_key("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
