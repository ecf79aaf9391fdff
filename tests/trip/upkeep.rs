//! The commands of whoever keeps a salon running: the real program beside a real product between the two sandboxes.

use std::process::Stdio;

use salonbridge::boot::demo::Around;
use salonbridge::boot::demo_trip;
use salonbridge::storage::client;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::kit::until;
use crate::kit::{OPERATOR, Salon};

const SALON: &str = "990101";
const STRANGER: &str = "tnt_00000000000000000000000000";

fn program(around: &Around, words: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_salonbridge"));
    program.args(words).env_clear().envs(&around.env).current_dir(env!("CARGO_MANIFEST_DIR"));
    program.stdin(Stdio::null()).kill_on_drop(true);
    program
}

/// Exit code, and what it said on either stream.
async fn said(around: &Around, words: &[&str]) -> (Option<i32>, String) {
    let output = program(around, words).output().await.expect("runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// The same with `--json`, whose result alone stands on the one stream.
async fn told(around: &Around, words: &[&str]) -> (Option<i32>, Value) {
    let output = program(around, &[words, &["--json"]].concat()).output().await.expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{words:?}: {text}"));
    (output.status.code(), body)
}

async fn serving(around: &Around) -> Child {
    let product = program(around, &["serve"]).stderr(Stdio::null()).spawn().expect("starts");
    let live = format!("{}/health/live", around.product_url);
    until("a product", async || reqwest::get(&live).await.is_ok()).await;
    product
}

impl Salon {
    /// As from a time before codes.
    async fn take_code(&self, id: &str) {
        let mut conn = self.app().db.begin().await.expect("begins");
        let id = salonbridge::kernel::id::ClientKey::from_stored(id.to_owned());
        let mut row = client::find(&mut conn, &self.tenant, &id).await.expect("read").expect("there");
        row.signs.code = None;
        client::update(&mut conn, &self.tenant, &row, self.app().now()).await.expect("written");
        conn.commit().await.expect("commits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_keeps_a_salon_running_has_a_command_for_it() {
    for salon in [Salon::generous().await, Salon::generous_on_postgres().await] {
        for (record, phone) in [(301, "+79000000301"), (302, "+79000000302")] {
            salon
                .hear(record, "create", json!({"client": {"id": record, "name": "Анна", "phone": phone}}))
                .await;
        }
        let anna = salon.client("+79000000301").await;
        salon.take_code(anna["id"].as_str().expect("an id")).await;
        salon.hear(303, "create", json!({"client": {"id": 303, "name": "Борис", "phone": ""}})).await;
        salon
            .until("the hook settings are looked at", async || {
                salon.company_says("/webhook").await["webhooks"] != "unchecked"
            })
            .await;

        // Each process counts its own calls.
        salon.crm("POST", "/admin/config", json!({"rate_limit": false})).await;
        let company = salon.tenant.to_string();
        let Salon { world, folder, .. } = salon;
        let mut around = world.without_product().await;
        assert_eq!(
            said(&around, &["bookings", "check", "--salon", SALON]).await.0,
            Some(1),
            "nobody is there"
        );
        let _product = serving(&around).await;

        check_of_bookings(&around, &company).await;
        codes(&around, &company).await;
        webhook(&around, &folder).await;
        yclients(&mut around).await;
        around.stop();
    }
}

async fn check_of_bookings(around: &Around, company: &str) {
    let (code, check) = told(around, &["bookings", "check", "--company", company]).await;
    assert_eq!(code, Some(1), "there is something to do: {check:#}");
    assert_eq!((&check["salon_id"], &check["state"]), (&json!(990_101), &json!("active")));
    assert_eq!((&check["clients"], &check["clients_with_code"]), (&json!(2), &json!(1)), "{check:#}");
    assert_eq!((&check["records"]["pending"], &check["unmatched_records"]), (&json!(3), &json!(1)));
    let numbers: Vec<_> = check["newest_records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|r| r["record_id"].as_i64())
        .collect();
    assert_eq!(numbers, [Some(303), Some(302), Some(301)]);
    let (_, text) = said(around, &["bookings", "check", "--salon", SALON]).await;
    for line in
        ["salon 990101: active", "pending 3", "with a code 1", "codes generate", "records are nobody's"]
    {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    let (code, text) = said(around, &["bookings", "check", "--company", STRANGER]).await;
    assert!(code == Some(1) && text.contains("there is no such company"), "{text}");
    let (code, text) = said(around, &["bookings", "check"]).await;
    assert!(code == Some(2) && text.contains("--salon"), "{text}");
}

async fn codes(around: &Around, company: &str) {
    let generate = ["codes", "generate", "--company", company];
    let (code, made) = told(around, &generate).await;
    assert_eq!((code, made), (Some(0), json!({"made": 1, "left": 0})));
    let (code, text) = said(around, &generate).await;
    assert!(code == Some(0) && text.starts_with("Codes made: 0. Every client has one."), "{text}");
    let (_, check) = told(around, &["bookings", "check", "--company", company]).await;
    assert_eq!(check["clients_with_code"], json!(2));
}

async fn webhook(around: &Around, folder: &tempfile::TempDir) {
    let (code, done) = told(around, &["webhook", "test", "--salon", SALON]).await;
    assert_eq!((code, &done["status"], &done["outcome"]), (Some(0), &json!(200), &json!("kept")), "{done:#}");
    let (code, text) = said(around, &["webhook", "test", "--salon", SALON]).await;
    assert!(code == Some(0) && text.starts_with("Arrived: answered 200"), "{text}");

    let (code, ru) = said(around, &["webhook", "guide", "--salon", SALON]).await;
    let address = format!("{}/webhook/yclients/", around.product_url);
    assert!(code == Some(0) && ru.contains(&address) && ru.contains("Настройки"), "{ru}");
    let (code, guide) = told(around, &["webhook", "guide", "--salon", SALON, "--lang", "en"]).await;
    assert_eq!((code, guide["webhook_urls"].as_array().map(Vec::len)), (Some(0), Some(2)), "{guide}");
    let file = folder.path().join("guide.txt");
    let words =
        ["webhook", "guide", "--salon", SALON, "--lang", "en", "--file", file.to_str().expect("a path")];
    assert_eq!(said(around, &words).await.0, Some(0));
    let en = std::fs::read_to_string(&file).expect("written");
    assert!(en.contains(&address) && en.contains("Settings"), "{en}");
    let nowhere = ["webhook", "guide", "--salon", SALON, "--file", "/nowhere/guide.txt"];
    let (code, text) = said(around, &nowhere).await;
    assert!(code == Some(1) && text.contains("cannot be written"), "{text}");
}

async fn yclients(around: &mut Around) {
    let (code, check) = told(around, &["yclients", "check", "--salon", SALON]).await;
    assert_eq!((code, &check["ok"]), (Some(0), &json!(true)), "{check:#}");
    let looked: Vec<_> =
        check["checks"].as_array().expect("checks").iter().filter_map(|c| c["what"].as_str()).collect();
    let wanted = [
        "YClients",
        "YClients user",
        "installation",
        "profile",
        "services",
        "staff",
        "schedule",
        "records",
        "webhook",
    ];
    assert_eq!(looked, wanted);
    let (code, text) = said(around, &["yclients", "check", "--salon", "7"]).await;
    assert!(code == Some(1) && text.contains("has not connected the application"), "{text}");

    let token = async |words: &[&str], typed_in: &str| {
        let mut program = program(around, &[&["yclients", "user-token"], words].concat());
        let mut child = program
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut typed = child.stdin.take().expect("a pipe");
        typed.write_all(typed_in.as_bytes()).await.expect("typed");
        drop(typed);
        let output = child.wait_with_output().await.expect("ends");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, printed, told) = token(&[], "79000000099\nsandbox-password\n").await;
    assert_eq!((code, printed.as_str()), (Some(0), "YCLIENTS_USER_TOKEN=sandbox-owner-token\n"), "{told}");
    assert!(!told.contains("sandbox-password"), "{told}");
    let (code, printed, _) = token(&["--login", "79000000099", "--json"], "sandbox-password\n").await;
    assert_eq!((code, printed.as_str()), (Some(0), "{\"user_token\":\"sandbox-owner-token\"}\n"));
    let (code, printed, told) = token(&[], "79000000099\na guess\n").await;
    assert_eq!((code, printed.as_str()), (Some(1), ""), "{told}");
    assert!(told.contains("does not accept this login and password") && !told.contains("a guess"), "{told}");

    around.env.insert("YCLIENTS_USER_TOKEN".to_owned(), "of yesterday".to_owned());
    let (code, text) = said(around, &["yclients", "check", "--salon", SALON]).await;
    assert!(code == Some(1) && text.contains("does not accept YCLIENTS_USER_TOKEN"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salons_upkeep_is_shown_to_nobody_else() {
    let salon = Salon::active().await;
    let key = salon.api_key().await;
    for (method, path) in
        [("GET", "/bookings/check"), ("GET", "/webhook"), ("GET", "/webhook/tests/1"), ("POST", "/codes")]
    {
        let own = format!("/api/v1/companies/{}{path}", salon.tenant);
        let foreign = format!("/api/v1/companies/{STRANGER}{path}");
        assert_eq!(salon.asked(method, &own, "nobody's key", "").await.0, 404, "{path}");
        assert_eq!(salon.asked(method, &foreign, &key, "").await.0, 404, "{path}");
        let wanted = if path.ends_with("/1") { 404 } else { 200 };
        for token in [key.as_str(), OPERATOR] {
            assert_eq!(salon.asked(method, &own, token, "").await.0, wanted, "{path}");
        }
    }
    salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
    salon
        .until("the check says that it is paused", async || {
            let advice = salon.company_says("/bookings/check").await["advice"].to_string();
            advice.contains("frozen: nothing is read")
        })
        .await;
    salon.world.stop().await;
}
