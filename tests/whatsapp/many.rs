//! Many salons in one process.

use std::time::{Duration, Instant};

use salonbridge::domain::session::SessionState;
use salonbridge::kernel::id::TenantId;
use salonbridge::whatsapp::gateway::Gateway as _;
use serde_json::json;

use super::kit::{House, Keys, Stage, quick, sqlite_in};

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
        assert!(began.elapsed() < Duration::from_secs(60), "not all came back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{SALONS} salons linked in {linked:?}, back in {:?}", began.elapsed());
    let began = Instant::now();
    house.gateway.shutdown().await;
    println!("stopped in {:?}", began.elapsed());
    assert_eq!(house.gateway.running(), 0);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// What a session costs, against a sandbox in another process and in two runs, so that the garbage of linking is not counted:
/// `SANDBOX=http://127.0.0.1:PORT SESSIONS=100,500 FOLDER=/tmp/x`, first to link, then to measure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement; needs a sandbox in a process of its own"]
async fn what_a_session_costs() {
    let var = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let steps: Vec<usize> = var("SESSIONS").split(',').map(|n| n.parse().expect("a number")).collect();
    let folder = std::path::PathBuf::from(var("FOLDER"));
    let known = std::fs::read_to_string(folder.join("keys.json")).ok();
    let keys = Keys::new();
    let tenants: Vec<TenantId> = known.iter().flat_map(|json| keys.take_back(json)).collect();
    let stage = Stage::at(&var("SANDBOX"));
    let house = House::at(stage, sqlite_in(&folder).await, quick(), keys).await;
    if known.is_none() {
        link_all(&house, *steps.last().expect("one")).await;
        house.gateway.shutdown().await;
        std::fs::write(folder.join("keys.json"), house.keys.give_away()).expect("written");
        return;
    }
    println!("none: {} KiB", resident_kib());
    let mut online = 0;
    for step in steps {
        let began = Instant::now();
        for part in tenants[online..step].chunks(64) {
            for restored in futures::future::join_all(part.iter().map(|t| house.gateway.restore(t))).await {
                restored.expect("restored");
            }
        }
        while !tenants[..step].iter().all(|t| house.gateway.state(t) == Some(SessionState::Online)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        online = step;
        let took = began.elapsed();
        tokio::time::sleep(Duration::from_secs(5)).await;
        let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        println!("{step} online after {took:?}: {} KiB, {tasks} tasks", resident_kib());
    }
    house.gateway.shutdown().await;
}

async fn link_all(house: &House, most: usize) {
    let numbers: Vec<String> = (0..most).map(|n| format!("7997{n:07}")).collect();
    let phones: Vec<_> =
        numbers.iter().map(|n| json!({ "number": n, "name": format!("Salon {n}") })).collect();
    house.stage.post("/phones", json!(phones)).await;
    for part in numbers.chunks(20) {
        futures::future::join_all(part.iter().map(|number| house.linked(number))).await;
    }
}
