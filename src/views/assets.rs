//! The static files, embedded, and their addresses. One hash covers them all, so that a stylesheet or a script may name its
//! neighbour by a relative path and still be cached for ever.

use std::fmt::Write as _;
use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// One embedded file.
#[derive(Debug)]
pub struct Asset {
    /// Its path under `static/`.
    pub name: &'static str,
    pub media_type: &'static str,
    pub bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal => $media:expr),* $(,)?) => {
        /// Every file we serve. A file in `static/` that is not here is caught by a test.
        pub const ASSETS: &[Asset] = &[$(Asset {
            name: $name,
            media_type: $media,
            bytes: include_bytes!(concat!("../../static/", $name)),
        }),*];
    };
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

assets! {
    "css/reset.css" => CSS,
    "css/tokens.css" => CSS,
    "css/app.css" => CSS,
    "css/client.css" => CSS,
    "css/connect.css" => CSS,
    "css/desk.css" => CSS,
    "css/timeline.css" => CSS,
    "js/socket.js" => JS,
    "js/client.js" => JS,
    "js/connect.js" => JS,
    "js/syncs.js" => JS,
    "icon.svg" => "image/svg+xml",
}

static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for asset in ASSETS {
        hasher.update(asset.name.as_bytes());
        hasher.update(asset.bytes);
    }
    hasher.finalize().iter().take(6).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
});

/// The hash in today's addresses.
#[must_use]
pub fn hash() -> &'static str {
    &HASH
}

#[must_use]
pub fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// Where a page finds an asset.
#[must_use]
pub fn asset_url(name: &str) -> String {
    debug_assert!(find(name).is_some(), "no asset {name}");
    format!("/static/{}/{name}", hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_table() {
        for folder in ["", "css", "js"] {
            let path = format!("{}/static/{folder}", env!("CARGO_MANIFEST_DIR"));
            for entry in std::fs::read_dir(path).expect("static is there") {
                let entry = entry.expect("readable");
                if entry.file_type().expect("known").is_file() {
                    let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                    assert!(find(name.trim_start_matches('/')).is_some(), "{name} is not in the table");
                }
            }
        }
    }

    #[test]
    fn an_address_carries_the_hash() {
        let url = asset_url("css/app.css");
        assert!(url.starts_with("/static/") && url.ends_with("/css/app.css"));
        assert_eq!(hash().len(), 12);
    }
}
