//! Bodies packed before they are sealed: a sealed text cannot be packed by a database any more, and a hook of three kilobytes
//! that fits into a third of a page costs a third of the writing.
//!
//! A hook is mostly the names of its fields, and each name stands there once: LZ4 alone finds little to repeat. So it is given
//! the words of a hook beforehand (`pack_words.json`, spread out and on one line, for it may come either way).
//!
//! # Format
//! One byte that says which words, the length of the plain body (four bytes, low first), then an LZ4 block. Whoever changes the
//! words gives them a new number and keeps the old ones for as long as packed bodies are kept.

use std::sync::LazyLock;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// Which words were given beforehand.
const WORDS: u8 = 1;
/// A byte of LZ4 says no more than so many plain ones.
const MOST_GROWTH: usize = 255;

static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let spread = include_str!("pack_words.json");
    let on_one_line: String =
        spread.lines().map(|line| line.trim_start().replacen("\": ", "\":", 1)).collect();
    [spread.as_bytes(), on_one_line.as_bytes()].concat()
});

#[must_use]
pub fn pack(plain: &[u8]) -> Vec<u8> {
    let mut packed = compress_prepend_size_with_dict(plain, &DICTIONARY);
    packed.insert(0, WORDS);
    packed
}

/// `None` for what [`pack`] did not make.
#[must_use]
pub fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    let block = packed.strip_prefix(&[WORDS])?;
    let claimed = usize::try_from(u32::from_le_bytes(*block.first_chunk()?)).ok()?;
    // Room for what is claimed is made before a byte is read: a damaged length must not ask for four gigabytes.
    if claimed > block.len() * MOST_GROWTH {
        return None;
    }
    decompress_size_prepended_with_dict(block, &DICTIONARY).ok().filter(|plain| plain.len() == claimed)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    const HOOK: &str = include_str!("../../tests/fixtures/yclients/webhook_record_update_reschedule.json");

    #[test]
    fn a_real_hook_shrinks_well_spread_out_or_on_one_line() {
        let value: serde_json::Value = serde_json::from_str(HOOK).expect("JSON");
        for body in [HOOK.to_owned(), value.to_string()] {
            let packed = pack(body.as_bytes());
            assert!(packed.len() * 2 < body.len(), "{} of {}", packed.len(), body.len());
            assert!(unpack(&packed).as_deref() == Some(body.as_bytes()));
        }
    }

    #[test]
    fn the_words_stay_what_they_were_for_they_are_needed_to_unpack() {
        let words = hex::encode(Sha256::digest(&*DICTIONARY));
        assert_eq!((WORDS, &words[..16]), (1, "13eed238ea5a1a9a"), "new words need a new number");
    }

    #[test]
    fn what_was_packed_otherwise_is_not_unpacked() {
        assert_eq!(unpack(&[]), None);
        assert_eq!(unpack(&lz4_flex::block::compress_prepend_size(b"plain")), None);
    }

    #[test]
    fn a_damaged_length_is_not_believed() {
        let packed = pack(HOOK.as_bytes());
        for damaged in [u32::MAX, 1 << 20, HOOK.len() as u32 + 1, HOOK.len() as u32 - 1, 0] {
            let mut damaged_body = packed.clone();
            damaged_body[1..5].copy_from_slice(&damaged.to_le_bytes());
            assert_eq!(unpack(&damaged_body), None, "{damaged}");
        }
        let zeros = vec![0; 1 << 20];
        assert!(unpack(&pack(&zeros)) == Some(zeros), "what packs best of all");
    }

    proptest::proptest! {
        #[test]
        fn what_is_packed_comes_out_whole(plain: Vec<u8>) {
            assert_eq!(unpack(&pack(&plain)), Some(plain));
        }
    }
}
