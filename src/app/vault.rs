//! The WhatsApp floor's [`Vault`] over our database: each value sealed under its salon's data key, each lookup key a keyed hash.
//!
//! # Decision
//! The library's stores know a tenant and plain keys, storage knows rows; this stands between them because the two floors
//! never meet. Every write begins by looking at the lease it is made under: nobody else can take the session over before it is
//! committed, and after that it is refused.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use zeroize::Zeroizing;

use super::node::Node;
use crate::domain::session::Lease;
use crate::kernel::failpoint::{Mistake, failpoint, planted};
use crate::kernel::id::TenantId;
use crate::kernel::seal::DataKey;
use crate::storage::wa_value::{self, WaValue, WaValueRow};
use crate::storage::{Conn, Db, outbox, session_lease};
use crate::whatsapp::store::SESSION;
use crate::whatsapp::vault::{Change, Decide, Item, Kept, NotHeld, Vault};

/// Where a salon's data key comes from.
#[async_trait]
pub trait DataKeys: Send + Sync {
    async fn data_key(&self, tenant: &TenantId) -> anyhow::Result<DataKey>;
}

/// Keys and sessions of every salon's WhatsApp device, in our database.
pub struct DbVault {
    db: Db,
    keys: Arc<dyn DataKeys>,
    node: Arc<Node>,
}

impl DbVault {
    #[must_use]
    pub fn new(db: Db, keys: Arc<dyn DataKeys>, node: Arc<Node>) -> Self {
        Self { db, keys, node }
    }

    /// The data key under which a tenant's rows of one kind are sealed and found.
    async fn place(&self, tenant: &TenantId, kind: &'static str) -> anyhow::Result<Place> {
        let key = self.keys.data_key(tenant).await.context("no data key")?;
        Ok(Place { key, kind })
    }

    /// A unit of work that may write, for as long as nobody takes the session over.
    async fn write(&self, lease: &Lease) -> anyhow::Result<Conn> {
        let mut conn = self.db.begin().await?;
        if !session_lease::guard(&mut conn, lease).await? && !planted(Mistake::NoEpoch) {
            return Err(NotHeld.into());
        }
        Ok(conn)
    }
}

/// One kind of one tenant: seals, opens and hashes.
struct Place {
    key: DataKey,
    kind: &'static str,
}

impl Place {
    /// The record a value is bound to: moved under another kind or key it does not open.
    fn hash(&self, key: &str) -> String {
        self.key.hash(&format!("wa/{}", self.kind), key)
    }

    fn hashes(&self, keys: &[String]) -> Vec<String> {
        keys.iter().map(|key| self.hash(key)).collect()
    }

    fn group(&self, group: &str) -> String {
        if group.is_empty() {
            String::new()
        } else {
            self.key.hash(&format!("wa/{}/group", self.kind), group)
        }
    }

    fn seal(&self, item: &Item) -> WaValue {
        let key_hash = self.hash(&item.key);
        let value = self.key.seal(&format!("wa/{}", self.kind), &key_hash, &item.value);
        WaValue { key_hash, grp: self.group(&item.group), n: item.n, m: item.m, value }
    }

    fn open(&self, row: &WaValueRow) -> anyhow::Result<Kept> {
        let value = self
            .key
            .open(&format!("wa/{}", self.kind), &row.key_hash, &row.value)
            .with_context(|| format!("a stored {} does not open", self.kind))?;
        Ok(Kept { n: row.n, m: row.m, value: Zeroizing::new(value) })
    }

    fn open_all(&self, rows: &[WaValueRow]) -> anyhow::Result<Vec<Kept>> {
        rows.iter().map(|row| self.open(row)).collect()
    }
}

#[async_trait]
impl Vault for DbVault {
    async fn hold(&self, tenant: &TenantId) -> anyhow::Result<Option<Lease>> {
        let mut conn = self.db.begin().await?;
        let lease = session_lease::take(&mut conn, tenant, &self.node.id()).await?;
        conn.commit().await?;
        Ok(lease)
    }

    async fn let_go(&self, lease: &Lease) -> anyhow::Result<()> {
        let mut conn = self.db.begin().await?;
        session_lease::give_back(&mut conn, lease).await?;
        Ok(conn.commit().await?)
    }

    fn stands(&self) -> bool {
        self.node.stands() || planted(Mistake::NoEpoch)
    }

    async fn get(&self, tenant: &TenantId, kind: &'static str, key: &str) -> anyhow::Result<Option<Kept>> {
        let place = self.place(tenant, kind).await?;
        let mut conn = self.db.read().await?;
        let row = wa_value::find(&mut conn, tenant, kind, &place.hash(key)).await?;
        drop(conn);
        row.map(|row| place.open(&row)).transpose()
    }

    async fn get_many(
        &self,
        tenant: &TenantId,
        kind: &'static str,
        keys: &[String],
    ) -> anyhow::Result<Vec<Option<Kept>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let place = self.place(tenant, kind).await?;
        let hashes = place.hashes(keys);
        let mut conn = self.db.read().await?;
        let rows = wa_value::find_many(&mut conn, tenant, kind, &hashes).await?;
        drop(conn);
        let mut found: HashMap<&str, &WaValueRow> = HashMap::with_capacity(rows.len());
        found.extend(rows.iter().map(|row| (row.key_hash.as_str(), row)));
        hashes.iter().map(|hash| found.get(hash.as_str()).map(|row| place.open(row)).transpose()).collect()
    }

    async fn said(&self, tenant: &TenantId, message_id: &str) -> anyhow::Result<Option<(String, String)>> {
        let key = self.keys.data_key(tenant).await.context("no data key")?;
        let row = outbox::find_message(&mut self.db.read().await?, tenant, message_id).await?;
        let Some(row) = row else { return Ok(None) };
        let number = key.open_text("outbox", "recipient", &row.recipient)?;
        Ok(Some((number, key.open_text("outbox", &row.intent, &row.text)?)))
    }

    async fn list(&self, tenant: &TenantId, kind: &'static str) -> anyhow::Result<Vec<Kept>> {
        let place = self.place(tenant, kind).await?;
        let mut conn = self.db.read().await?;
        let rows = wa_value::list(&mut conn, tenant, kind).await?;
        drop(conn);
        place.open_all(&rows)
    }

    async fn group(&self, tenant: &TenantId, kind: &'static str, group: &str) -> anyhow::Result<Vec<Kept>> {
        let place = self.place(tenant, kind).await?;
        let mut conn = self.db.read().await?;
        let rows = wa_value::list_group(&mut conn, tenant, kind, &place.group(group)).await?;
        drop(conn);
        place.open_all(&rows)
    }

    async fn has_group(&self, tenant: &TenantId, kind: &'static str, group: &str) -> anyhow::Result<bool> {
        let place = self.place(tenant, kind).await?;
        let mut conn = self.db.read().await?;
        Ok(wa_value::count_group(&mut conn, tenant, kind, &place.group(group)).await? > 0)
    }

    async fn max_n(&self, tenant: &TenantId, kind: &'static str) -> anyhow::Result<Option<i64>> {
        let mut conn = self.db.read().await?;
        Ok(wa_value::max_n(&mut conn, tenant, kind).await?)
    }

    async fn put(&self, lease: &Lease, kind: &'static str, items: Vec<Item>) -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        let place = self.place(&lease.tenant, kind).await?;
        let rows = last_of_each(items.iter().map(|item| place.seal(item)).collect());
        if kind == SESSION {
            failpoint!("vault.before_session");
        }
        let mut conn = self.write(lease).await?;
        wa_value::upsert(&mut conn, &lease.tenant, kind, &rows).await?;
        failpoint!("vault.before_commit");
        conn.commit().await?;
        failpoint!("vault.committed");
        Ok(())
    }

    async fn change(
        &self,
        lease: &Lease,
        kind: &'static str,
        keys: &[String],
        decide: Decide<'_>,
    ) -> anyhow::Result<()> {
        let tenant = &lease.tenant;
        let place = self.place(tenant, kind).await?;
        let mut order: Vec<(String, usize)> = place.hashes(keys).into_iter().zip(0..).collect();
        // One order for everyone: two units of work that want the same rows wait, and never for each other.
        order.sort_unstable();
        let mut conn = self.write(lease).await?;
        for (hash, index) in order {
            let row = wa_value::lock(&mut conn, tenant, kind, &hash).await?;
            let absent = row.value.is_empty();
            let held = if absent { None } else { Some(place.open(&row)?) };
            match decide(index, held)? {
                Change::Put(item) => {
                    let row = place.seal(&item);
                    debug_assert_eq!(row.key_hash, hash, "a change writes the row it holds");
                    wa_value::upsert(&mut conn, tenant, kind, &[row]).await?;
                }
                Change::Leave if absent => wa_value::delete(&mut conn, tenant, kind, &[hash]).await?,
                Change::Leave => {}
            }
        }
        Ok(conn.commit().await?)
    }

    async fn mark(&self, lease: &Lease, kind: &'static str, keys: &[String], m: i64) -> anyhow::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let place = self.place(&lease.tenant, kind).await?;
        let mut conn = self.write(lease).await?;
        wa_value::mark(&mut conn, &lease.tenant, kind, &place.hashes(keys), m).await?;
        Ok(conn.commit().await?)
    }

    async fn take(&self, lease: &Lease, kind: &'static str, key: &str) -> anyhow::Result<Option<Kept>> {
        let place = self.place(&lease.tenant, kind).await?;
        let mut conn = self.write(lease).await?;
        let row = wa_value::take(&mut conn, &lease.tenant, kind, &place.hash(key)).await?;
        conn.commit().await?;
        row.map(|row| place.open(&row)).transpose()
    }

    async fn delete(&self, lease: &Lease, kind: &'static str, keys: &[String]) -> anyhow::Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let place = self.place(&lease.tenant, kind).await?;
        let mut conn = self.write(lease).await?;
        wa_value::delete(&mut conn, &lease.tenant, kind, &place.hashes(keys)).await?;
        Ok(conn.commit().await?)
    }

    async fn delete_group(&self, lease: &Lease, kind: &'static str, group: &str) -> anyhow::Result<()> {
        let place = self.place(&lease.tenant, kind).await?;
        let mut conn = self.write(lease).await?;
        wa_value::delete_group(&mut conn, &lease.tenant, kind, &place.group(group)).await?;
        Ok(conn.commit().await?)
    }

    async fn delete_kind(&self, lease: &Lease, kind: &'static str) -> anyhow::Result<()> {
        let mut conn = self.write(lease).await?;
        wa_value::delete_kind(&mut conn, &lease.tenant, kind).await?;
        Ok(conn.commit().await?)
    }

    async fn delete_below(&self, lease: &Lease, kind: &'static str, n: i64, m: i64) -> anyhow::Result<u64> {
        let mut conn = self.write(lease).await?;
        let deleted = wa_value::delete_below(&mut conn, &lease.tenant, kind, n, m).await?;
        conn.commit().await?;
        Ok(deleted)
    }

    async fn wipe(&self, lease: &Lease) -> anyhow::Result<()> {
        let mut conn = self.write(lease).await?;
        wa_value::delete_tenant(&mut conn, &lease.tenant).await?;
        Ok(conn.commit().await?)
    }
}

/// One statement may not write a row twice; of several writes of one key the last is the one that counts.
fn last_of_each(rows: Vec<WaValue>) -> Vec<WaValue> {
    let mut last: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    for (place, row) in rows.iter().enumerate() {
        last.insert(row.key_hash.clone(), place);
    }
    if last.len() == rows.len() {
        return rows;
    }
    rows.into_iter()
        .enumerate()
        .filter(|(place, row)| last.get(&row.key_hash) == Some(place))
        .map(|(_, row)| row)
        .collect()
}
