//! Many salons in one process.

use std::time::{Duration, Instant};

use salonbridge::domain::session::SessionState;
use salonbridge::whatsapp::gateway::Gateway as _;
use serde_json::json;

use super::kit::{House, PATIENCE};

const SALONS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_salons_link_and_come_back_after_a_restart() {
    let mut house = House::open().await;
    let numbers: Vec<String> = (0..SALONS).map(|n| format!("7998{n:07}")).collect();
    let phones: Vec<_> =
        numbers.iter().map(|number| json!({ "number": number, "name": format!("Salon {number}") })).collect();
    house.stage.post("/phones", json!(phones)).await;
    let mut tenants = Vec::new();
    let began = Instant::now();
    for part in numbers.chunks(10) {
        let links = part.iter().map(|number| house.linked(number));
        tenants.extend(futures::future::join_all(links).await);
    }
    let linked = began.elapsed();
    assert_eq!(house.gateway.running(), SALONS);
    house.restart().await;
    let began = Instant::now();
    futures::future::join_all(tenants.iter().map(|tenant| house.gateway.restore(tenant))).await;
    let all_online =
        || tenants.iter().all(|tenant| house.gateway.state(tenant) == Some(SessionState::Online));
    while !all_online() {
        assert!(began.elapsed() < PATIENCE, "not all came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{SALONS} salons linked in {linked:?}, back in {:?}", began.elapsed());
    let began = Instant::now();
    house.gateway.shutdown().await;
    println!("stopped in {:?}", began.elapsed());
    assert_eq!(house.gateway.running(), 0);
}
