//! The API's description beside the API itself, and the page to try it on in a real browser.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::browser;
use crate::kit::{OPERATOR, Salon};

fn names(body: &Value) -> BTreeSet<String> {
    body.as_object().expect("an object").keys().cloned().collect()
}

/// Every member that the one has the other has, down to the first of each list.
fn alike(told: &Value, found: &Value, path: &str) {
    assert_eq!(names(told), names(found), "{path}: {found:#}");
    for (name, value) in told.as_object().expect("an object") {
        if let (Some(told), Some(found)) = (value.get(0), found[name].get(0))
            && told.is_object()
        {
            alike(told, found, &format!("{path} {name}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_as_it_is_described() {
    let salon = Salon::generous().await;
    salon.hear(501, "create", json!({})).await;
    salon.hear(502, "create", json!({"client": {"id": 9, "name": "Борис", "phone": ""}})).await;
    salon.until_why(501, "delivered: on_phone").await;
    let run = salon.synced().await;
    let client = salon.client("+79000000001").await;
    let number = 77_i64;
    let test = json!({"company_id": 990_101, "resource": "salonbridge_test", "resource_id": number, "status": "create", "data": {}});
    assert_eq!(salon.post(&salon.hook_path().await, test.to_string()).await, 200);

    let key = salon.api_key().await;
    let (_, document) = salon.asked("GET", "/api/v1/openapi.json", "", "").await;
    let mut compared = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let Some(told) = methods["get"]["responses"]["200"]["content"]["application/json"].get("example")
        else {
            continue;
        };
        // A client's own addresses take a client's own token.
        if !path.contains("{id}") {
            continue;
        }
        let address = [
            ("{id}", salon.tenant.to_string()),
            ("{record_id}", "501".to_owned()),
            ("{client_id}", client["id"].as_str().expect("an id").to_owned()),
            ("{sync_id}", run.id.to_string()),
            ("{number}", number.to_string()),
        ]
        .iter()
        .fold(path.clone(), |path, (name, value)| path.replace(name, value));
        let address = if address.ends_with("/messages") { format!("{address}?state=sent") } else { address };
        let (status, found) = salon.asked("GET", &address, &key, "").await;
        assert_eq!(status, 200, "{address}: {found}");
        alike(told, &found, path);
        compared += 1;
    }
    assert!(compared >= 10, "{compared}");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_tried_in_a_browser() {
    let salon = Salon::active().await;
    let (product, company) = (salon.world.product_url.clone(), salon.tenant.to_string());
    let told = [("PRODUCT", product.as_str()), ("COMPANY", company.as_str()), ("TOKEN", OPERATOR)];
    browser::drive("api.mjs", told).await;
    salon.world.stop().await;
}
