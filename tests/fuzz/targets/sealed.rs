//! What a failing disk or a wrong hand may put where a sealed text or a packed body was.

use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::id::TenantId;
use salonbridge::kernel::pack::{pack, unpack};
use salonbridge::kernel::seal::{DataKey, MasterKeys};

use super::{Reader, samples};

pub struct SealedTexts {
    master: MasterKeys,
    tenant: TenantId,
    key: DataKey,
    /// Sealed for this place, in order.
    sealed: Vec<String>,
    plain: Vec<Vec<u8>>,
}

impl Default for SealedTexts {
    fn default() -> Self {
        let master = MasterKeys::parse(&"7".repeat(64)).expect("a key");
        let tenant = TenantId::new(UnixMs(1));
        let (key, sealed_key) = master.new_data_key(&tenant);
        let plain = vec![b"k".to_vec(), vec![0; 300], samples("webhook_record_create")[0].clone()];
        let mut sealed: Vec<String> = plain.iter().map(|plain| key.seal("inbox", "i1", plain)).collect();
        sealed.push(sealed_key);
        Self { master, tenant, key, sealed, plain }
    }
}

impl Reader for SealedTexts {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        let packed = self.plain.iter().map(|plain| pack(plain));
        self.sealed
            .iter()
            .map(|sealed| sealed.as_bytes().to_vec())
            .chain(packed)
            .chain(self.plain.clone())
            .collect()
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(input);
        let opened = self.key.open("inbox", "i1", &text);
        if let Ok(opened) = &opened {
            let whole =
                self.sealed.iter().position(|sealed| *sealed == text).expect("opens what was never sealed");
            assert_eq!(opened, &self.plain[whole]);
            assert!(self.key.open("inbox", "i2", &text).is_err(), "opens in another's place");
        }
        if self.master.open_data_key(&self.tenant, &text).is_ok() {
            assert_eq!(self.sealed.last().expect("the key's"), text.as_ref());
        }
        let unpacked = unpack(input);
        if let Some(plain) = &unpacked {
            assert!(plain.len() <= 256 * input.len(), "{} bytes of {}", plain.len(), input.len());
        }
        let packed = pack(input);
        assert!(
            packed.len() <= input.len() + input.len() / 200 + 32,
            "{} bytes of {}",
            packed.len(),
            input.len()
        );
        assert_eq!(unpack(&packed).as_deref(), Some(input));
        Some(format!("{} {:?}", opened.is_ok(), unpacked.map(|plain| plain.len().ilog2_or_zero())))
    }
}

trait Size {
    fn ilog2_or_zero(&self) -> u32;
}

impl Size for usize {
    fn ilog2_or_zero(&self) -> u32 {
        self.checked_ilog2().unwrap_or(0)
    }
}
