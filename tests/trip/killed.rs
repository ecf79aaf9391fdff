//! The product as a process of its own, killed again and again at any moment: in the middle of an installation, of a hook, of a
//! send. Whatever it had acknowledged is done in the end, once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_trip::{self, Report, Trip};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::kernel::clock::{Clock as _, SystemClock};
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::storage::outbox::{self, OutboxRow};
use salonbridge::storage::{Db, inbox, tenant};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::kit::{PATIENCE, hook_of, postgres, until};

const RECORDS: i64 = 20;

/// Starts the product; it listens when this returns.
async fn start(around: &Around) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_salonbridge"))
        .arg("serve")
        .envs(&around.env)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("starts");
    let live = format!("{}/health/live", around.product_url);
    until("a product", async || reqwest::get(&live).await.is_ok()).await;
    child
}

/// Pulls the plug after a while, and starts anew.
async fn kill_after(product: Child, ms: u64, around: &Around) -> Child {
    tokio::time::sleep(Duration::from_millis(ms)).await;
    let mut product = product;
    product.kill().await.expect("killed");
    start(around).await
}

async fn survives(database: Option<String>, seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut env = Env::from(
        [
            ("SALONBRIDGE_RULES", "settle_ms = 200\npacing.is_on = false"),
            ("SALONBRIDGE_CONFIRM_WAIT_S", "0"),
            ("SALONBRIDGE_GRACE_S", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    env.extend(database.map(|url| ("DATABASE_URL".to_owned(), url)));
    let around =
        World::start(&env, folder.path(), 0).await.expect("the world starts").without_product().await;
    let trip = Trip::among(&around.product_url, &around.yclients_url, &around.whatsapp_url).expect("hands");
    let mut dice = seed;
    let mut moment = |most: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % most
    };

    let mut product = start(&around).await;
    // Linked by hand; from the scan on the product is killed until the marketplace calls the salon active.
    let page = trip.install(&mut Report::default()).await.expect("installed");
    drop(trip.scan(&page, &mut Report::default()).await.expect("linked"));
    for _ in 0..6 {
        product = kill_after(product, moment(500), &around).await;
    }
    let salon = format!("/admin/salons/{}", demo_trip::SALON);
    let shown = format!("{}/connect?token={}", around.product_url, page.token);
    until("an active salon", async || {
        let Ok(answer) = reqwest::get(&shown).await else { return false };
        let html = answer.text().await.unwrap_or_default();
        ["active", "already_active"].iter().any(|state| html.contains(&format!("data-state=\"{state}\"")))
    })
    .await;
    let installed = trip.crm("GET", &salon, &Value::Null).await.expect("the sandbox answers");
    let hook = installed["install"]["webhook_urls"][0].as_str().expect("an address").to_owned();

    // Hooks of many records; each is posted until it is taken, as a sender would that cares.
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
    let mut kills = 6;
    for record in 1..=RECORDS {
        let body = hook_of(9_000 + record, "create", &json!({}), SystemClock.now());
        until("a hook that is taken", async || {
            http.post(&hook).body(body.clone()).send().await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        if record % 4 == 0 {
            product = kill_after(product, moment(400), &around).await;
            kills += 1;
        }
    }
    let rows = settled(product, &around).await;

    let told = trip.received().await.expect("the phone answers");
    let mut on_phone: Vec<&str> = told.iter().filter_map(|message| message["id"].as_str()).collect();
    on_phone.sort_unstable();
    let sent: Vec<&str> =
        rows.iter().filter(|row| row.state == OutboxState::Sent).map(|row| row.message_id.as_str()).collect();
    let in_doubt = rows.len() - sent.len();
    assert_eq!(rows.len(), usize::try_from(RECORDS).expect("few"), "an intent for every hook: {rows:#?}");
    assert!(on_phone.windows(2).all(|pair| pair[0] != pair[1]), "twice: {on_phone:?}");
    assert!(
        sent.iter().all(|id| on_phone.contains(id)),
        "said to be sent: {sent:?}, on the phone: {on_phone:?}"
    );
    assert!(on_phone.iter().all(|id| rows.iter().any(|row| row.message_id == *id)), "{on_phone:?}");
    assert!(in_doubt <= kills, "{in_doubt} in doubt of {kills} kills");
    around.stop();
}

/// Waits until nothing is left to do, looking into the database while the product is dead; the clients' messages.
async fn settled(mut product: Child, around: &Around) -> Vec<OutboxRow> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        tokio::time::sleep(Duration::from_secs(4)).await;
        product.kill().await.expect("killed");
        let db = Db::open(&around.env["DATABASE_URL"]).await.expect("opens");
        let mut conn = db.read().await.expect("a connection");
        let stored = tenant::find_by_salon(&mut conn, SalonId(demo_trip::SALON)).await.expect("read");
        let id = stored.expect("there").tenant.id;
        let waiting = inbox::count_waiting(&mut conn, &id).await.expect("counted");
        let mut rows = outbox::list_recent(&mut conn, &id, 1000).await.expect("read");
        drop(conn);
        db.close().await;
        rows.retain(|row| row.kind == MessageKind::Confirmation);
        if waiting == 0 && rows.iter().all(|row| row.state != OutboxState::Planned) {
            return rows;
        }
        assert!(Instant::now() < deadline, "{waiting} hooks wait; {rows:?}");
        product = start(around).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_done_once_whenever_it_is_killed_on_sqlite() {
    survives(None, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_done_once_whenever_it_is_killed_on_postgres() {
    survives(Some(postgres().await), 2).await;
}
