//! Bodies packed before they are sealed: a sealed text cannot be packed by a database any more, and a hook of three kilobytes that
//! fits into one page is written in half the time.

use lz4_flex::block::{compress_prepend_size, decompress_size_prepended};

#[must_use]
pub fn pack(plain: &[u8]) -> Vec<u8> {
    compress_prepend_size(plain)
}

/// `None` for what [`pack`] did not make.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    decompress_size_prepended(packed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_hook_shrinks_well() {
        let body = include_bytes!("../../tests/fixtures/yclients/webhook_record_create.json");
        assert!(pack(body).len() * 3 < body.len() * 2, "{} of {}", pack(body).len(), body.len());
        assert!(unpack(&pack(body)).as_deref() == Some(&body[..]));
    }

    proptest::proptest! {
        #[test]
        fn what_is_packed_comes_out_whole(plain: Vec<u8>) {
            assert_eq!(unpack(&pack(&plain)), Some(plain));
        }
    }
}
