//! Where a session's keys rest: a sealed store per tenant, implemented above (this floor knows no database).
//!
//! A session's keys are in one hand: whoever runs it holds a [`Lease`], every write names it, and under one that was taken over
//! nothing is written ([`NotHeld`]). Each call is one unit of work: it happens whole or not at all. Keys and groups are given in the clear and never stored so;
//! `n` and `m` are the only numbers stored readable, for the questions the library asks about many rows at once.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::domain::session::Lease;
use crate::kernel::id::TenantId;

/// What a value's plain bytes travel in: wiped when dropped.
pub type Plain = Zeroizing<Vec<u8>>;

/// One value to keep.
#[derive(Clone)]
pub struct Item {
    pub key: String,
    /// What several keys share (a person's devices, a chat); empty for none.
    pub group: String,
    pub n: i64,
    pub m: i64,
    pub value: Plain,
}

/// One value as it was kept. Whoever needs the key of a listed value keeps it inside the value.
pub struct Kept {
    pub n: i64,
    pub m: i64,
    pub value: Plain,
}

/// What becomes of a row under [`Vault::change`].
pub enum Change {
    Leave,
    Put(Item),
}

/// Decides what becomes of a row from its place in the list of keys and what it holds.
pub type Decide<'a> = &'a mut (dyn FnMut(usize, Option<Kept>) -> anyhow::Result<Change> + Send);

/// The session has passed to another process of ours.
#[derive(Debug, thiserror::Error)]
#[error("another node runs this session now")]
pub struct NotHeld;

#[async_trait]
pub trait Vault: Send + Sync {
    /// Takes a session's keys in hand; `None` while another process holds them.
    async fn hold(&self, tenant: &TenantId) -> anyhow::Result<Option<Lease>>;

    /// Gives them out of hand.
    async fn let_go(&self, lease: &Lease) -> anyhow::Result<()>;

    /// Whether this process may count on what it holds; one that slept may have lost it and not know.
    fn stands(&self) -> bool;

    async fn get(&self, tenant: &TenantId, kind: &'static str, key: &str) -> anyhow::Result<Option<Kept>>;

    /// As [`Vault::get`], in the order of `keys`.
    async fn get_many(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        keys: &[String],
    ) -> anyhow::Result<Vec<Option<Kept>>>;

    /// What we said under this id: to which number (digits), and the words.
    async fn said(&self, tenant: &TenantId, message_id: &str) -> anyhow::Result<Option<(String, String)>>;

    /// Every value of a kind, smallest `n` first.
    async fn list(&self, tenant: &TenantId, kind: &'static str) -> anyhow::Result<Vec<Kept>>;

    /// Every value of a group, smallest `n` first.
    async fn group(&self, tenant: &TenantId, kind: &'static str, group: &str) -> anyhow::Result<Vec<Kept>>;

    async fn has_group(&self, tenant: &TenantId, kind: &'static str, group: &str) -> anyhow::Result<bool>;

    async fn max_n(&self, tenant: &TenantId, kind: &'static str) -> anyhow::Result<Option<i64>>;

    /// Writes over what stood under each key; of two items with one key the later stays.
    async fn put(&self, lease: &Lease, kind: &'static str, items: Vec<Item>) -> anyhow::Result<()>;

    /// Reads, decides and writes without anyone in between.
    async fn change(
        &self,
        lease: &Lease,
        kind: &'static str,
        keys: &[String],
        decide: Decide<'_>,
    ) -> anyhow::Result<()>;

    /// Sets `m` of the values that are there; a key that is gone stays gone.
    async fn mark(&self, lease: &Lease, kind: &'static str, keys: &[String], m: i64) -> anyhow::Result<()>;

    /// Removes a value and gives it: of two callers one gets it.
    async fn take(&self, lease: &Lease, kind: &'static str, key: &str) -> anyhow::Result<Option<Kept>>;

    async fn delete(&self, lease: &Lease, kind: &'static str, keys: &[String]) -> anyhow::Result<()>;

    async fn delete_group(&self, lease: &Lease, kind: &'static str, group: &str) -> anyhow::Result<()>;

    async fn delete_kind(&self, lease: &Lease, kind: &'static str) -> anyhow::Result<()>;

    /// Deletes the values whose `n` and `m` both lie below the given ones; tells how many.
    async fn delete_below(&self, lease: &Lease, kind: &'static str, n: i64, m: i64) -> anyhow::Result<u64>;

    /// Destroys everything kept for the tenant.
    async fn wipe(&self, lease: &Lease) -> anyhow::Result<()>;
}
