//! What is kept of a WhatsApp session, damaged: the library's stores refuse it, or take it and write it back the same.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use salonbridge::domain::session::Lease;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::id::{NodeId, TenantId};
use salonbridge::whatsapp::store::WaStore;
use salonbridge::whatsapp::vault::{Change, Decide, Item, Kept, Vault};
use whatsapp_rust::traits::{
    AppStateSyncKey, AppSyncStore as _, DeviceInfo, DeviceListRecord, DeviceStore as _, LidPnMappingEntry,
    ProtocolStore as _, SignalStore as _, TcTokenEntry,
};
use whatsapp_rust::wacore::appstate::hash::HashState;
use whatsapp_rust::wacore::store::Device;

use super::Reader;

/// One value, under every key; keeps what is put over it.
#[derive(Default)]
struct OneValue(Mutex<Vec<u8>>);

impl OneValue {
    fn kept(&self) -> Kept {
        Kept { n: 3, m: 0, value: self.0.lock().expect("not poisoned").clone().into() }
    }

    fn write(&self, item: &Item) {
        self.0.lock().expect("not poisoned").clone_from(&item.value);
    }
}

#[async_trait]
impl Vault for OneValue {
    async fn hold(&self, tenant: &TenantId) -> anyhow::Result<Option<Lease>> {
        Ok(Some(lease(tenant)))
    }
    async fn let_go(&self, _: &Lease) -> anyhow::Result<()> {
        Ok(())
    }
    fn stands(&self) -> bool {
        true
    }
    async fn get(&self, _: &TenantId, _: &'static str, _: &str) -> anyhow::Result<Option<Kept>> {
        Ok(Some(self.kept()))
    }
    async fn get_many(
        &self,
        _: &TenantId,
        _: &'static str,
        keys: &[String],
    ) -> anyhow::Result<Vec<Option<Kept>>> {
        Ok(keys.iter().map(|_| Some(self.kept())).collect())
    }
    async fn said(&self, _: &TenantId, _: &str) -> anyhow::Result<Option<(String, String)>> {
        Ok(None)
    }
    async fn list(&self, _: &TenantId, _: &'static str) -> anyhow::Result<Vec<Kept>> {
        Ok(vec![self.kept()])
    }
    async fn group(&self, _: &TenantId, _: &'static str, _: &str) -> anyhow::Result<Vec<Kept>> {
        Ok(vec![self.kept()])
    }
    async fn has_group(&self, _: &TenantId, _: &'static str, _: &str) -> anyhow::Result<bool> {
        Ok(true)
    }
    async fn max_n(&self, _: &TenantId, _: &'static str) -> anyhow::Result<Option<i64>> {
        Ok(Some(3))
    }
    async fn put(&self, _: &Lease, _: &'static str, items: Vec<Item>) -> anyhow::Result<()> {
        items.iter().for_each(|item| self.write(item));
        Ok(())
    }
    async fn change(
        &self,
        _: &Lease,
        _: &'static str,
        keys: &[String],
        decide: Decide<'_>,
    ) -> anyhow::Result<()> {
        for place in 0..keys.len() {
            if let Change::Put(item) = decide(place, Some(self.kept()))? {
                self.write(&item);
            }
        }
        Ok(())
    }
    async fn mark(&self, _: &Lease, _: &'static str, _: &[String], _: i64) -> anyhow::Result<()> {
        Ok(())
    }
    async fn take(&self, _: &Lease, _: &'static str, _: &str) -> anyhow::Result<Option<Kept>> {
        Ok(Some(self.kept()))
    }
    async fn delete(&self, _: &Lease, _: &'static str, _: &[String]) -> anyhow::Result<()> {
        Ok(())
    }
    async fn delete_group(&self, _: &Lease, _: &'static str, _: &str) -> anyhow::Result<()> {
        Ok(())
    }
    async fn delete_kind(&self, _: &Lease, _: &'static str) -> anyhow::Result<()> {
        Ok(())
    }
    async fn delete_below(&self, _: &Lease, _: &'static str, _: i64, _: i64) -> anyhow::Result<u64> {
        Ok(0)
    }
    async fn wipe(&self, _: &Lease) -> anyhow::Result<()> {
        Ok(())
    }
}

fn lease(tenant: &TenantId) -> Lease {
    Lease { tenant: tenant.clone(), node: NodeId::new(UnixMs(1)), epoch: 1 }
}

pub struct Sessions {
    vault: Arc<OneValue>,
    store: WaStore,
    runtime: tokio::runtime::Runtime,
}

impl Default for Sessions {
    fn default() -> Self {
        let vault = Arc::new(OneValue::default());
        let store = WaStore::new(vault.clone(), lease(&TenantId::new(UnixMs(1))));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { vault, store, runtime }
    }
}

impl Sessions {
    fn held(&self) -> Vec<u8> {
        self.vault.0.lock().expect("not poisoned").clone()
    }

    fn hold(&self, value: &[u8]) {
        value.clone_into(&mut self.vault.0.lock().expect("not poisoned"));
    }
}

/// Loads; what could be loaded is saved, loaded and saved again, and both times the same bytes lie there.
macro_rules! settles {
    ($self:ident, $input:ident, $load:expr, $save:expr) => {{
        $self.hold($input);
        match $self.runtime.block_on($load(&$self.store)) {
            Ok(Some(value)) => {
                $self.runtime.block_on($save(&$self.store, value)).expect("saved");
                let first = $self.held();
                let again = $self
                    .runtime
                    .block_on($load(&$self.store))
                    .expect("what we wrote is read")
                    .expect("it is there");
                $self.runtime.block_on($save(&$self.store, again)).expect("saved");
                assert_eq!(
                    String::from_utf8_lossy(&$self.held()),
                    String::from_utf8_lossy(&first),
                    "it changes each time"
                );
                "read".to_owned()
            }
            Ok(None) => "none".to_owned(),
            // Which field it is about, not where it stands.
            Err(error) => format!("{error:?}").chars().filter(|c| !c.is_ascii_digit()).take(90).collect(),
        }
    }};
}

impl Reader for Sessions {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        let store = &self.store;
        let mut inputs = vec![vec![7; 32], vec![7; 33], Vec::new()];
        let mut keep = |saved: bool| {
            assert!(saved, "a beginning");
            inputs.push(self.held());
        };
        self.runtime.block_on(async {
            keep(store.save(&Device::new()).await.is_ok());
            let key = AppStateSyncKey { key_data: vec![1; 32], fingerprint: vec![2; 4], timestamp: 5 };
            keep(store.set_sync_key(b"id", key).await.is_ok());
            keep(
                store.set_version("regular", HashState { version: 3, ..HashState::default() }).await.is_ok(),
            );
            let entry = LidPnMappingEntry {
                lid: "100".to_owned(),
                phone_number: "79000000001".to_owned(),
                created_at: 1,
                updated_at: 2,
                learning_source: "usync".to_owned(),
            };
            keep(store.put_lid_mapping(&entry).await.is_ok());
            let token = TcTokenEntry { token: vec![1, 2], token_timestamp: 9, sender_timestamp: None };
            keep(store.put_tc_token("100@lid", &token).await.is_ok());
            let list = DeviceListRecord {
                user: "79000000001".into(),
                devices: vec![DeviceInfo { device_id: 1, key_index: Some(2), is_hosted: false }],
                timestamp: 1_700_000_000,
                phash: Some("2:abc".to_owned()),
                raw_id: Some(4),
            };
            keep(store.update_device_list(list).await.is_ok());
        });
        inputs
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let device =
            settles!(self, input, async |s: &WaStore| s.load().await, async |s: &WaStore, v: Device| s
                .save(&v)
                .await);
        let key =
            settles!(self, input, async |s: &WaStore| s.get_sync_key(b"id").await, async |s: &WaStore, v| s
                .set_sync_key(b"id", v)
                .await);
        let version = settles!(
            self,
            input,
            async |s: &WaStore| s.get_version("a").await.map(Some),
            async |s: &WaStore, v| s.set_version("a", v).await
        );
        let mapping = settles!(
            self,
            input,
            async |s: &WaStore| s.get_lid_mapping("1").await,
            async |s: &WaStore, v| s.put_lid_mapping(&v).await
        );
        let token =
            settles!(self, input, async |s: &WaStore| s.get_tc_token("1").await, async |s: &WaStore, v| s
                .put_tc_token("1", &v)
                .await);
        let devices =
            settles!(self, input, async |s: &WaStore| s.get_devices("1").await, async |s: &WaStore, v| s
                .update_device_list(v)
                .await);

        // Plain bytes go through as they are; an identity is 32 of them or none.
        self.hold(input);
        let (session, identity, prekey) = self.runtime.block_on(async {
            (
                self.store.get_session("a").await.expect("bytes"),
                self.store.load_identity("a").await,
                self.store.load_prekey(1).await.expect("bytes"),
            )
        });
        assert_eq!(session.as_deref(), Some(input));
        assert_eq!(prekey.as_deref(), Some(input));
        assert_eq!(identity.is_ok(), input.len() == 32, "{} bytes as an identity", input.len());
        Some(format!("{device}{key}{version}{mapping}{token}{devices} {}", identity.is_ok()))
    }
}
