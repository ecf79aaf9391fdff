//! The readers, and what each promises for any input at all.

pub mod hook;
pub mod phone;
pub mod sealed;
pub mod session;
pub mod tenant;
pub mod visit;
pub mod wording;

pub trait Reader {
    /// Inputs to begin with, beside the files of the reader's own folder.
    fn beginnings(&self) -> Vec<Vec<u8>>;

    /// Reads, checks every promise, and says where the input led; `None` when it was refused without a reason worth telling.
    fn read(&mut self, input: &[u8]) -> Option<String>;
}

/// The samples whose names begin so.
pub fn samples(beginning: &str) -> Vec<Vec<u8>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/yclients");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the samples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning)))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no sample is named {beginning}…");
    paths.iter().map(|path| std::fs::read(path).expect("a sample")).collect()
}

pub fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
