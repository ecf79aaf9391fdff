//! The pages that show the phones.

use serde_json::json;

use crate::kit::{ANNA, SALON, Stage};

#[tokio::test]
async fn the_phones_are_listed_and_shown() {
    let stage = Stage::open().await;
    let (status, index) = stage.page("/").await;
    assert_eq!(status, 200);
    assert!(index.contains("Salon Iris") && index.contains("Anna"));
    let letter = json!({ "to": SALON, "text": "Есть время на <завтра>?" });
    stage.post(&format!("/phones/{ANNA}/send"), letter).await;
    stage.messages(SALON, 1).await;
    let (_, chats) = stage.page(&format!("/phone/{SALON}")).await;
    assert!(chats.contains(">Anna<") && chats.contains("badge"));
    let (_, screen) = stage.page(&format!("/phone/{SALON}/screen?chat={ANNA}")).await;
    assert!(screen.contains("Есть время на &#60;завтра&#62;?"), "{screen}");
    assert!(screen.contains("Прочитать"));
    assert_eq!(stage.page("/phone/70000000000").await.0, 404);
}

#[tokio::test]
async fn a_code_may_come_in_the_address() {
    let stage = Stage::open().await;
    let (_, page) = stage.page(&format!("/phone/{SALON}?qr=2@abc,def&scan=1")).await;
    assert!(page.contains("2@abc,def") && page.contains("data-submit"));
}

#[tokio::test]
async fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    let stage = Stage::open().await;
    for path in ["/".to_owned(), format!("/phone/{SALON}"), format!("/phone/{SALON}?chat={ANNA}")] {
        let (_, html) = stage.page(&path).await;
        assert!(html.starts_with("<!doctype html>") && html.contains("lang=\"ru\""));
        for foul in ["<style", "style=", "onclick", "https://", "//cdn"] {
            assert!(!html.contains(foul), "{path} contains {foul}");
        }
    }
    for asset in ["/static/phone.css", "/static/phone.js", "/static/camera.js"] {
        assert_eq!(stage.page(asset).await.0, 200);
    }
}

#[tokio::test]
async fn pages_of_this_machine_may_call_and_others_may_not() {
    let stage = Stage::open().await;
    for (origin, expected) in
        [("http://127.0.0.1:3000", 200), ("http://localhost", 200), ("https://example.com", 403)]
    {
        assert_eq!(stage.status_for_origin("/phones", origin).await, expected, "{origin}");
    }
}
