//! The sample bodies under `tests/fixtures/yclients`, for this floor's tests.

use std::path::PathBuf;

use serde_json::Value;

/// The key every signature in the samples was made with.
pub const PARTNER_TOKEN: &str = "test_partner_token_not_real";

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/yclients")
}

pub fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Names of all samples.
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder of samples");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".json"));
    names.sort_unstable();
    names
}
