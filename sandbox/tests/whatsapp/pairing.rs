//! Linking a companion to an account.

use serde_json::json;

use crate::kit::{SALON, Stage};

#[tokio::test]
async fn a_scanned_code_links_a_companion() {
    let stage = Stage::open().await;
    let companion = stage.linked(SALON).await;
    let card = stage.get(&format!("/phones/+{SALON}")).await;
    assert_eq!(card["companions"], json!([1]));
    assert_eq!(stage.stats("pairings").await, 1);
    companion.stop().await;
}
