//! `doctor` and `ping` as an operator runs them: the real program between the two sandboxes.

use std::process::Stdio;

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use tokio::process::{Child, Command};

use crate::kit::postgres;
use crate::kit::until;

fn program(around: &Around, command: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_salonbridge"));
    program.arg(command).env_clear().envs(&around.env).current_dir(env!("CARGO_MANIFEST_DIR"));
    program.stdin(Stdio::null()).kill_on_drop(true);
    program
}

/// Exit code and what it said.
async fn said(around: &Around, command: &str) -> (Option<i32>, String) {
    let output = program(around, command).output().await.expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn serving(around: &Around) -> Child {
    let product = program(around, "serve").stderr(Stdio::null()).spawn().expect("starts");
    let live = format!("{}/health/live", around.product_url);
    until("a product", async || reqwest::get(&live).await.is_ok()).await;
    product
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_wrong_and_a_ping_knows_who_lives() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&Env::new(), folder.path(), 0).await.expect("the world starts");
    let mut around = world.without_product().await;

    let (code, before) = said(&around, "doctor").await;
    assert_eq!(code, Some(0), "{before}");
    for line in [
        "ok   WhatsApp: the server at",
        "ok   YClients: reached",
        "ok   database: SQLite answers",
        "does not answer",
    ] {
        assert!(before.contains(line), "{line} is not in:\n{before}");
    }
    assert!(before.contains("ok   YClients user: accepted; salons it may look into: "), "{before}");
    assert_eq!(said(&around, "ping").await.0, Some(1), "nobody lives there");

    let mut product = serving(&around).await;
    assert_eq!(said(&around, "ping").await.0, Some(0));
    let (code, running) = said(&around, "doctor").await;
    assert_eq!(code, Some(0), "{running}");
    assert!(running.contains("leads to a running product"), "{running}");
    assert!(running.contains("database: it is open in a running product"), "{running}");
    product.kill().await.expect("killed");

    around.env.insert("YCLIENTS_USER_TOKEN".to_owned(), "of yesterday".to_owned());
    let (code, locked_out) = said(&around, "doctor").await;
    assert_eq!(code, Some(1), "{locked_out}");
    assert!(
        locked_out.contains("BAD  YClients user: it does not accept YCLIENTS_USER_TOKEN"),
        "{locked_out}"
    );

    around.env.insert("SALONBRIDGE_WHATSAPP_URL".to_owned(), "ws://127.0.0.1:9/ws/chat".to_owned());
    around.env.insert("YCLIENTS_PARTNER_TOKEN".to_owned(), "not the token".to_owned());
    let (code, ill) = said(&around, "doctor").await;
    assert_eq!(code, Some(1), "{ill}");
    for line in [
        "BAD  WhatsApp: WhatsApp cannot be reached",
        "BAD  YClients: it does not accept YCLIENTS_PARTNER_TOKEN",
    ] {
        assert!(ill.contains(line), "{line} is not in:\n{ill}");
    }
}

/// A managed PostgreSQL and a managed Redis speak TLS, and whoever pretends to be one has no certificate for its name.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_and_redis_are_reached_by_tls_and_no_stranger_is_believed() {
    let test =
        |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests by bin/test"));
    let authority = test("TEST_TLS_AUTHORITY");
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&Env::new(), folder.path(), 0).await.expect("the world starts");
    let mut around = world.without_product().await;
    let database = postgres().await;
    let redis = test("TEST_REDIS_TLS_URL");
    let known = format!("{database}?sslmode=verify-full&sslrootcert={authority}");
    let mut put = |name: &str, value: String| around.env.insert(name.to_owned(), value);
    put("DATABASE_URL", known);
    put("REDIS_URL", redis);
    put("SSL_CERT_FILE", authority);

    let (code, healthy) = said(&around, "doctor").await;
    assert_eq!(code, Some(0), "{healthy}");
    assert!(healthy.contains("ok   database: answers"), "{healthy}");
    assert!(healthy.contains("ok   Redis: answers"), "{healthy}");
    let mut product = serving(&around).await;
    product.kill().await.expect("killed");

    around.env.remove("SSL_CERT_FILE");
    around.env.insert("DATABASE_URL".to_owned(), format!("{database}?sslmode=verify-full"));
    let (code, deceived) = said(&around, "doctor").await;
    assert_eq!(code, Some(1), "{deceived}");
    assert!(deceived.contains("BAD  database:") && deceived.contains("BAD  Redis:"), "{deceived}");
}
