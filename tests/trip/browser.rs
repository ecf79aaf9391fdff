//! The trip as people make it: every page of it in Chromium, from the marketplace to the client's phone.

use std::path::Path;
use std::process::Stdio;

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip;
use tokio::process::Command;

/// Runs a script of `tests/browser` to its end. Pictures of every stage are kept for people to look at, in `target/screenshots`.
pub async fn drive<const N: usize>(script: &str, told: [(&str, &str); N]) {
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(script))
        .envs(told)
        .env("SHOTS", shots)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node is needed: bin/test installs it");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Every page in every state, both languages, phone and desktop, light and dark.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_shuts_anybody_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, salonbridge::boot::gallery::router()).into_future());
    drive("axe.mjs", [("BASE_URL", format!("http://{address}").as_str())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_make_the_trip_in_a_browser() {
    let folder = tempfile::tempdir().expect("a folder");
    let env =
        Env::from([("SALONBRIDGE_RULES".to_owned(), "settle_ms = 300\npacing.is_on = false".to_owned())]);
    let world = World::start(&env, folder.path(), 0).await.expect("the world starts");
    let told = [
        ("PRODUCT", world.product_url.as_str()),
        ("YCLIENTS", world.yclients_url.as_str()),
        ("WHATSAPP", world.whatsapp_url.as_str()),
        ("SALON_PHONE", demo_trip::SALON_PHONE),
        ("CLIENT_PHONE", demo_trip::CLIENT_PHONE),
    ];
    drive("trip.mjs", told).await;
    world.stop().await;
}
