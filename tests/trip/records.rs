//! What the hooks of one record, in whatever shape and order they come, make us tell its client.

use serde_json::{Value, json};

use crate::kit::Salon;

/// A hook with nothing but what is said here, as YClients posts a change of one field.
fn part(record: i64, status: &str, data: Value) -> String {
    json!({"company_id": 990_101, "resource": "record", "resource_id": record, "status": status, "data": data})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_says_no_time_is_not_undone_by_the_creation_before_it() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(101, "create", json!({}))).await;
    salon.post(&path, part(101, "delete", json!([]))).await;
    salon.decided("silent", "never_told").await;
    salon.told(0).await;
    salon.world.stop().await;
}
