//! The sync in bad weather: a list that shifts, a licence that runs out, a process that dies between two pages; and who may ask.

use std::process::Stdio;
use std::time::{Duration, Instant};

use salonbridge::app::{enqueue, sync};
use salonbridge::boot::demo_trip;
use salonbridge::domain::sync::{SyncKind, SyncState};
use salonbridge::domain::tenant::TenantState;
use salonbridge::storage::job;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::kit::{OPERATOR, PATIENCE, Salon, postgres, until};
use crate::sync::records_path;

const LIST: &str = "GET /api/v1/records/*";

impl Salon {
    async fn list_fault(&self, fault: Value) {
        let mut route = json!({"route": LIST});
        route.as_object_mut().expect("an object").extend(fault.as_object().expect("an object").clone());
        self.crm("POST", "/admin/faults", json!({"clear": true, "routes": [route]})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_shifts_while_it_is_read_loses_no_record() {
    let salon = Salon::active().await;
    salon.journal_of(600).await;
    // The second page is asked for, and answered only when the journal has changed.
    salon.list_fault(json!({"kind": "slow", "delay_ms": 2500, "skip": 1, "count": 1})).await;
    let run = sync::start(salon.app(), &salon.tenant, SyncKind::Records).await.expect("started");
    salon.sync_until(&run, |run| run.counts.created == 200).await;
    let first = 880_000_501;
    for id in first..first + 30 {
        let later = json!({"datetime": demo_trip::visit_time(25, 9), "silent": true});
        salon.crm("PATCH", &format!("/admin/records/{id}"), later).await;
    }
    let run = salon.sync_until(&run, |run| run.finished_at.is_some()).await;
    assert_eq!((run.state, salon.records().await), (SyncState::Done, 600), "{run:?}");
    assert_eq!(run.counts.created, 600, "{run:?}");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_that_runs_out_in_the_middle_ends_the_run_and_says_what_to_do() {
    let salon = Salon::active().await;
    salon.journal_of(450).await;
    salon
        .list_fault(json!({
            "kind": "status", "status": 402, "message": "Необходимо продлить лицензию в филиале с id: 990101", "skip": 1, "count": 1,
        }))
        .await;
    let run = salon.synced().await;
    assert_eq!((run.state, run.error.as_str(), run.counts.created), (SyncState::Failed, "licence", 200));
    assert_eq!(salon.records().await, 200, "what was read stays");
    let shown = salon
        .asked("GET", &format!("/api/v1/companies/{}/syncs/{}", salon.tenant, run.id), OPERATOR, "")
        .await;
    assert!(
        shown.1["error"]["what_to_do"].as_str().is_some_and(|said| said.contains("licence")),
        "{shown:?}"
    );
    let run = salon.synced().await;
    assert_eq!((run.state, run.counts.created, run.counts.unchanged), (SyncState::Done, 250, 200), "{run:?}");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_bad_weather_the_run_goes_on_where_it_stood() {
    let salon = Salon::active().await;
    salon.journal_of(450).await;
    salon.list_fault(json!({"kind": "html", "status": 502, "skip": 1, "count": 1})).await;
    let run = sync::start(salon.app(), &salon.tenant, SyncKind::Records).await.expect("started");
    let broken = salon.sync_until(&run, |run| run.attempts == 1).await;
    assert_eq!(
        (broken.state, broken.error.as_str(), broken.counts.created),
        (SyncState::Waiting, "weather", 200)
    );
    let again = sync::start(salon.app(), &salon.tenant, SyncKind::Records).await.expect("started");
    assert_eq!(again.id, run.id, "the same run, now");
    let run = salon.sync_until(&run, |run| run.finished_at.is_some()).await;
    assert_eq!((run.state, run.counts.created, run.error.as_str()), (SyncState::Done, 450, ""), "{run:?}");
    let first_pages = salon.pages_asked().await.iter().filter(|query| query.contains("page=1&")).count();
    assert_eq!(first_pages, 1);
    salon.world.stop().await;
}

impl Salon {
    pub async fn asked(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, Value) {
        let request = self.http.request(method.parse().expect("a method"), self.url(path)).bearer_auth(token);
        let answer = request.body(body.to_owned()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_asks_for_a_sync_and_sees_its_log() {
    const START: &str = "/api/v1/yclients/sync-bookings";
    let salon = Salon::active().await;
    let (key, company) = (salon.api_key().await, salon.tenant.to_string());
    let own = json!({"company_id": company}).to_string();
    assert_eq!(salon.asked("POST", START, OPERATOR, "").await.0, 400, "of which company?");
    assert_eq!(salon.asked("POST", START, OPERATOR, "{").await.0, 400);
    assert_eq!(salon.asked("POST", START, "nobody's token", &own).await.0, 404);
    assert_eq!(
        salon.asked("POST", START, &key, r#"{"company_id":"tnt_00000000000000000000000000"}"#).await.0,
        404
    );
    let (status, run) = salon.asked("POST", START, &key, &own).await;
    assert_eq!((status, &run["kind"], &run["by_hand"]), (202, &json!("records"), &json!(true)), "{run}");
    let url = run["url"].as_str().expect("where to look").to_owned();
    salon
        .until("the end of the run", async || salon.asked("GET", &url, &key, "").await.1["state"] == "done")
        .await;
    assert_eq!(salon.asked("GET", &url, "nobody's token", "").await.0, 404);
    for _ in 0..2 {
        salon.synced().await;
    }
    let log = format!("/api/v1/companies/{company}/syncs");
    let (_, page) = salon.asked("GET", &format!("{log}?limit=2"), OPERATOR, "").await;
    assert_eq!(page["syncs"].as_array().map(Vec::len), Some(2));
    let next = page["next"].as_str().expect("more");
    let (_, page) = salon.asked("GET", &format!("{log}?limit=2&before={next}"), OPERATOR, "").await;
    assert_eq!((&page["syncs"][0]["sync_id"], &page["next"]), (&run["sync_id"], &Value::Null));
    assert_eq!(salon.asked("POST", &log, &key, r#"{"kind":"moon"}"#).await.0, 400);
    assert_eq!(salon.asked("POST", &log, "nobody's token", r#"{"kind":"moon"}"#).await.0, 404);
    assert_eq!(salon.asked("GET", &format!("{log}?before=x"), &key, "").await.0, 400);

    salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
    salon.until_state(TenantState::Frozen).await;
    assert_eq!(salon.asked("POST", START, &key, &own).await.0, 409, "nothing is read while it is paused");
    salon.world.stop().await;
}

async fn start(around: &salonbridge::boot::demo::Around, failpoints: &str) -> Child {
    let child = Command::new(env!("CARGO_BIN_EXE_salonbridge"))
        .arg("serve")
        .envs(&around.env)
        .env("FAILPOINTS_ARMED", failpoints)
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

/// A command's exit code, and what it said.
async fn commanded(around: &salonbridge::boot::demo::Around, words: &[&str]) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_salonbridge"));
    program.args(words).env_clear().envs(&around.env).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = program.stdin(Stdio::null()).output().await.expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Dies at this place, three times, and is started again; the whole journal is there in the end, and no page was lost or told.
async fn killed(salon: Salon, place: &str) {
    // Each of the processes counts its own calls.
    salon.crm("POST", "/admin/config", json!({"rate_limit": false})).await;
    salon.journal_of(450).await;
    salon.crm("POST", &records_path(), crate::sync::booking(3, 15)).await;
    // Whoever dies while a message leaves is in doubt of it, rightly: none leaves until nobody dies any more.
    salon.whatsapp(json!({"connect": {"reason": 503}, "do": [{"close": demo_trip::SALON_PHONE}]})).await;
    let tenant = salon.tenant.clone();
    let Salon { world, http, folder, .. } = salon;
    let around = world.without_product().await;
    let trip = demo_trip::Trip::among(&around.product_url, &around.yclients_url, &around.whatsapp_url)
        .expect("hands");
    let mut product = start(&around, &format!("{place}=kill@1")).await;
    let log = format!("{}/api/v1/companies/{tenant}/syncs", around.product_url);
    let asked = http.post(&log).bearer_auth(OPERATOR).send().await.expect("an answer");
    assert_eq!(asked.status(), 202);
    for at in 1..=3 {
        let died = tokio::time::timeout(PATIENCE, product.wait()).await;
        assert!(died.is_ok(), "it did not pass {place}");
        product = start(&around, &if at < 3 { format!("{place}=kill@1") } else { String::new() }).await;
    }
    let deadline = Instant::now() + PATIENCE;
    let run = loop {
        let page: Value =
            http.get(&log).bearer_auth(OPERATOR).send().await.expect("an answer").json().await.expect("JSON");
        let runs = page["syncs"].as_array().expect("runs").clone();
        assert_eq!(runs.len(), 1, "one run, however often it was taken up: {runs:#?}");
        if runs[0]["state"] == "done" {
            break runs[0].clone();
        }
        assert!(Instant::now() < deadline, "{run:#}", run = runs[0]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&run["created"], &run["failed"]), (&json!(451), &json!(0)), "{run:#}");
    trip.wa("POST", "/faults", &json!({"connect": null})).await.expect("set");
    until("a message", async || !trip.received().await.expect("the phone answers").is_empty()).await;
    assert_eq!(trip.received().await.expect("the phone answers").len(), 1, "told once");
    let (code, said) = commanded(&around, &["bookings", "sync", "--salon", "990101", "--json"]).await;
    let run: Value = serde_json::from_str(&said).expect("one object");
    assert_eq!((code, &run["state"], &run["created"]), (Some(0), &json!("done"), &json!(0)), "{said}");
    let company = tenant.to_string();
    let (code, said) = commanded(&around, &["catalog", "sync", "--company", &company]).await;
    assert!(code == Some(0) && said.starts_with("Done: created 0"), "{said}");
    let stranger = "tnt_00000000000000000000000000";
    assert_eq!(commanded(&around, &["bookings", "sync", "--company", stranger]).await.0, Some(1));
    product.kill().await.expect("killed");
    assert_eq!(
        commanded(&around, &["bookings", "sync", "--salon", "990101"]).await.0,
        Some(1),
        "nobody is there"
    );
    around.stop();
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_each_page_it_goes_on_where_it_stood_on_sqlite() {
    killed(Salon::active().await.grown_old().await, "sync.written").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_each_commit_it_reads_the_page_again_on_postgres() {
    let salon = Salon::active_with([("DATABASE_URL", postgres().await)]).await.grown_old().await;
    killed(salon, "sync.before_commit").await;
}

const SETTINGS: &str = "/api/v1/hooks_settings/990101";

impl Salon {
    async fn settings(&self) -> Value {
        self.crm("GET", &format!("/admin/salons/{}", demo_trip::SALON), Value::Null).await["hooks_settings"]
            .clone()
    }

    /// As the salon's owner changes them in YClients.
    async fn set_settings(&self, body: Value) {
        let url = format!("{}{SETTINGS}", self.world.yclients_url);
        let token = "Bearer sandbox-partner-token, User sandbox-system-user-token";
        let asked = self
            .http
            .post(url)
            .header("accept", "application/vnd.yclients.v2+json")
            .header("authorization", token);
        let answer = asked.json(&body).send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
    }

    async fn hooks_checked(&self) {
        salonbridge::app::hook_settings::check(self.app(), &self.tenant).await.expect("looked at");
    }

    async fn health(&self) -> Value {
        let path = format!("/api/v1/companies/{}/health", self.tenant);
        self.asked("GET", &path, OPERATOR, "").await.1
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_settings_that_forget_us_are_repaired_and_others_left_alone() {
    let salon = Salon::active().await;
    // The owner's clicks and ours come in one second here.
    salon.crm("POST", "/admin/config", json!({"rate_limit": false})).await;
    let ours = salon.settings().await["urls"][0].as_str().expect("ours").to_owned();
    salon.hooks_checked().await;
    assert_eq!(salon.health().await["webhooks"], "right");
    assert!(salon.writes().await.is_empty(), "what is right is not written");

    let other = "https://other.example.test/hooks";
    let old = format!("{}/webhook/yclients/of-a-key-before", salon.world.product_url);
    salon.set_settings(json!({"urls": [other, old], "active": 0, "good": 1, "record": 0})).await;
    salon.hooks_checked().await;
    let settings = salon.settings().await;
    assert_eq!(settings["urls"], json!([other, ours]), "{settings}");
    assert_eq!(
        (&settings["active"], &settings["record"], &settings["good"], &settings["client"]),
        (&json!(1), &json!(1), &json!(1), &json!(0))
    );
    assert_eq!(salon.health().await["webhooks"], "repaired");

    let many: Vec<_> = (0..10).map(|n| format!("https://other{n}.example.test/hooks")).collect();
    salon.set_settings(json!({"urls": many, "active": 1, "record": 1})).await;
    salon.hooks_checked().await;
    assert_eq!(salon.settings().await["urls"], json!(many), "nobody is pushed out");
    let health = salon.health().await;
    assert_eq!(health["webhooks"], "full");
    assert!(health["problems"].as_array().expect("problems").iter().any(|p| p["code"] == "webhook_settings"));

    let refused = json!({"route": "* /api/v1/hooks_settings/*", "kind": "status", "status": 403});
    salon.crm("POST", "/admin/faults", json!({"routes": [refused]})).await;
    salon.hooks_checked().await;
    assert_eq!(salon.health().await["webhooks"], "forbidden");
    salon.crm("POST", "/admin/faults", json!({"clear": true})).await;

    // A paused salon is left alone.
    salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
    salon.until_state(TenantState::Frozen).await;
    let before = salon.writes().await.len();
    salon.hooks_checked().await;
    assert_eq!(salon.writes().await.len(), before);
    salon.world.stop().await;
}

impl Salon {
    /// What the product wrote to the settings so far.
    async fn writes(&self) -> Vec<Value> {
        let log = self.crm("GET", &format!("/admin/requests?method=POST&path={SETTINGS}"), Value::Null).await;
        log["requests"].as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_copied_by_hand_and_its_run_is_in_the_log() {
    let salon = Salon::active().await;
    let run = sync::start(salon.app(), &salon.tenant, SyncKind::Catalog).await.expect("started");
    let run = salon.sync_until(&run, |run| run.finished_at.is_some()).await;
    assert_eq!(
        (run.state, run.counts.created, run.counts.updated),
        (SyncState::Done, 0, 0),
        "copied when it was installed"
    );
    assert!(run.counts.unchanged > 5, "services, their groups, staff: {run:?}");
    let mut conn = salon.app().db.read().await.expect("a connection");
    let groups =
        salonbridge::storage::catalog_now::list_categories(&mut conn, &salon.tenant).await.expect("read");
    assert_eq!(groups.iter().map(|group| group.title.as_str()).collect::<Vec<_>>(), ["Маникюр"]);
    drop(conn);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_slow_down_waits_for_a_turn_and_goes_on() {
    let salon = Salon::active().await;
    salon.journal_of(250).await;
    salon.list_fault(json!({"kind": "status", "status": 429, "retry_after": 1, "skip": 1, "count": 1})).await;
    let run = salon.synced().await;
    assert_eq!((run.state, run.attempts, run.counts.created), (SyncState::Done, 0, 250), "{run:?}");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salon_is_read_when_it_becomes_active_and_when_it_goes_on_and_then_by_the_timetable() {
    let rules = "settle_ms = 300\npacing.is_on = false\nsync.minutes = 30".to_owned();
    let salon = Salon::active_with([("SALONBRIDGE_RULES", rules)]).await;
    let runs = async || sync::list(salon.app(), &salon.tenant, None, 9).await.expect("read").0;
    let done = async |count: usize| {
        let runs = runs().await;
        runs.iter().filter(|run| run.kind == SyncKind::Records && run.state == SyncState::Done).count()
            == count
    };
    salon.until("a first reading by itself", async || done(1).await).await;
    assert!(!runs().await.iter().any(|run| run.by_hand));
    let subject = format!("{}{}", salon.tenant, enqueue::SYNC_ENDING);
    let mut next = 0;
    salon
        .until("the next turn", async || {
            let mut conn = salon.app().db.read().await.expect("a connection");
            let job =
                job::find(&mut conn, &salon.tenant, enqueue::SYNC_RECORDS, &subject).await.expect("read");
            next = job.filter(|job| job.state == "ready").map_or(0, |job| job.run_at - salon.app().now().0);
            next > 0
        })
        .await;
    assert!((14 * 60_000..=45 * 60_000).contains(&next), "{next}");

    salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
    salon.until_state(TenantState::Frozen).await;
    salon.crm("POST", &records_path(), crate::sync::booking(3, 15)).await;
    salon.crm("POST", &format!("/admin/salons/{}/payment", demo_trip::SALON), json!({})).await;
    salon.until_state(TenantState::Active).await;
    assert!(salon.told(1).await[0].contains("15:00"), "what was booked while it was paused");
    salon.until("a second reading", async || done(2).await).await;
    salon.world.stop().await;
}
