//! The trip as people make it: every page of it in Chromium, from the marketplace to the client's phone.

use std::path::Path;
use std::process::Stdio;

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip;
use tokio::process::Command;

/// Pictures of every stage are kept for people to look at, in `target/screenshots`.
#[tokio::test(flavor = "multi_thread")]
async fn people_make_the_trip_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let env = Env::from([("SALONBRIDGE_SETTLE_MS".to_owned(), "300".to_owned())]);
    let world = World::start(&env, folder.path(), 0).await.expect("the world starts");
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    let output = Command::new("node")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/trip.mjs"))
        .env("PRODUCT", &world.product_url)
        .env("YCLIENTS", &world.yclients_url)
        .env("WHATSAPP", &world.whatsapp_url)
        .env("SALON_PHONE", demo_trip::SALON_PHONE)
        .env("CLIENT_PHONE", demo_trip::CLIENT_PHONE)
        .env("SHOTS", shots)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node is needed: bin/test installs it");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    world.stop().await;
}
