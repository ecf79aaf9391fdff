//! The journal is read beside the hooks: what one that was lost would have brought is found, once, and said if it is worth saying.

use std::time::{Duration, Instant};

use salonbridge::app::{enqueue, sync};
use salonbridge::boot::demo_trip;
use salonbridge::domain::record::Record;
use salonbridge::domain::sync::{SyncKind, SyncRun, SyncState};
use salonbridge::kernel::crm_id::RecordId;
use salonbridge::storage::{Db, inbox, job, record};
use serde_json::{Value, json};

use crate::kit::{PATIENCE, Salon};

/// A journal of 10,000 is read at YClients' pace.
/// Records of a journal that takes many pages; `bin/bench --only sync` reads ten thousand.
const LONG: i64 = 2_500;
const LONG_AGO_MS: i64 = 10 * 60_000;

impl Salon {
    /// Installed a day ago, so that hooks of an hour ago are overdue.
    pub async fn grown_old(self) -> Self {
        const OLDER: &str = "UPDATE tenant SET activated_at = activated_at - 86400000";
        match &self.app().db {
            Db::Sqlite { writer, .. } => drop(sqlx::query(OLDER).execute(writer).await.expect("aged")),
            Db::Postgres(pool) => drop(sqlx::query(OLDER).execute(pool).await.expect("aged")),
        }
        self
    }

    /// Something that happened in the journal a while ago.
    pub async fn earlier(&self, method: &str, path: &str, body: Value) -> Value {
        self.at(LONG_AGO_MS, method, path, body).await
    }

    async fn at(&self, ago_ms: i64, method: &str, path: &str, body: Value) -> Value {
        self.crm("POST", "/admin/clock", json!({"offset_ms": -ago_ms})).await;
        let answer = self.crm(method, path, body).await;
        self.crm("POST", "/admin/clock", json!({"offset_ms": 0})).await;
        answer
    }

    /// Bookings of before the installation, half an hour apart.
    pub async fn journal_of(&self, count: i64) {
        const AT_ONCE: i64 = 1_250;
        let mut left = count;
        while left > 0 {
            let booking = json!({
                "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "services": [7_700_201],
                "datetime": demo_trip::visit_time(1, 9), "silent": true, "count": left.min(AT_ONCE),
            });
            let path = format!("/admin/salons/{}/records", demo_trip::SALON);
            self.at(2 * 86_400_000, "POST", &path, booking).await;
            left -= AT_ONCE;
        }
    }

    /// Asks for the journal to be read; that run, once it has ended.
    pub async fn synced(&self) -> SyncRun {
        let run = sync::start(self.app(), &self.tenant, SyncKind::Records).await.expect("started");
        self.sync_until(&run, |run| run.finished_at.is_some()).await
    }

    pub async fn sync_until(&self, run: &SyncRun, there: impl Fn(&SyncRun) -> bool) -> SyncRun {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = sync::find(self.app(), &self.tenant, &run.id).await.expect("there");
            if there(&run) {
                return run;
            }
            assert!(Instant::now() < deadline, "{run:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn records(&self) -> i64 {
        let mut conn = self.app().db.read().await.expect("a connection");
        record::count(&mut conn, &self.tenant).await.expect("counted")
    }

    /// Waits until every hook is absorbed and no record is to be looked at.
    pub async fn until_quiet(&self) {
        self.until("quiet", async || {
            let mut conn = self.app().db.read().await.expect("a connection");
            let waiting = inbox::count_waiting(&mut conn, &self.tenant).await.expect("counted");
            let jobs = job::count(&mut conn).await.expect("counted");
            waiting == 0 && jobs.iter().all(|(kind, ..)| kind != enqueue::ABSORB)
        })
        .await;
    }

    /// Queries for pages of the journal so far.
    pub async fn pages_asked(&self) -> Vec<String> {
        let log = self.crm("GET", "/admin/requests?path=/api/v1/records/", Value::Null).await;
        let lines = log["requests"].as_array().cloned().unwrap_or_default();
        lines.iter().map(|line| line["query"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

pub fn records_path() -> String {
    format!("/admin/salons/{}/records", demo_trip::SALON)
}

pub fn booking(days: i64, hour: u32) -> Value {
    json!({
        "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "staff_id": 1_500_101, "services": [7_700_201],
        "datetime": demo_trip::visit_time(days, hour), "silent": true,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_hook_would_have_brought_is_found_and_told_once_on_sqlite() {
    healed(Salon::active().await.grown_old().await, "salon").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_hook_would_have_brought_is_found_and_told_once_on_postgres() {
    healed(Salon::active_on_postgres().await.grown_old().await, "utc").await;
}

/// In whichever zone the CRM reads our question.
async fn healed(salon: Salon, zone: &str) {
    salon.crm("POST", "/admin/config", json!({"changed_zone": zone})).await;
    let record = salon.earlier("POST", &records_path(), booking(3, 15)).await["id"].clone();
    let run = salon.synced().await;
    assert_eq!((run.state, run.counts.created, run.counts.healed), (SyncState::Done, 1, 1), "{run:?}");
    assert!(salon.told(1).await[0].contains("15:00"));
    salon.decided("healed", "found_by_sync").await;

    let run = salon.synced().await;
    assert_eq!((run.counts.created, run.counts.unchanged, run.counts.healed), (0, 1, 0), "{run:?}");
    let path = format!("/admin/records/{record}");
    salon.crm("PATCH", &path, json!({"datetime": demo_trip::visit_time(4, 11), "silent": true})).await;
    let run = salon.synced().await;
    assert_eq!(
        (run.counts.updated, run.counts.healed),
        (1, 0),
        "its hook might still be on its way: {run:?}"
    );
    assert!(salon.told(2).await[1].contains("11:00"));
    // Arrived and paid is no news for the client.
    salon.crm("PATCH", &path, json!({"attendance": "confirmed", "silent": true})).await;
    assert_eq!(salon.synced().await.counts.updated, 1);
    salon.decided("silent", "attendance_only").await;
    salon.crm("DELETE", &format!("{path}?silent=1"), Value::Null).await;
    let run = salon.synced().await;
    assert_eq!((run.counts.cancelled, run.counts.updated), (1, 0), "{run:?}");
    assert!(salon.told(3).await[2].contains("отменена"));
    salon.synced().await;
    salon.until_quiet().await;
    salon.told(3).await;
    let timeline = salon.timeline_of(&record).await;
    let found: Vec<_> = timeline.iter().filter(|entry| entry["source"] == "sync").collect();
    assert_eq!(found.len(), 3, "one of the four needed no word: {timeline:#?}");
    assert!(
        timeline.iter().any(|entry| entry["sentence"].as_str().is_some_and(|said| said.contains("сверка")))
    );
    salon.world.stop().await;
}

impl Salon {
    async fn timeline_of(&self, record: &Value) -> Vec<Value> {
        let path = format!("/api/v1/companies/{}/records/{record}/timeline?lang=ru", self.tenant);
        let asked = self.http.get(self.url(&path)).bearer_auth(crate::kit::OPERATOR);
        let body: Value = asked.send().await.expect("an answer").json().await.expect("JSON");
        body["entries"].as_array().expect("entries").clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_is_learnt_and_not_said() {
    let salon = Salon::active().await.grown_old().await;
    let moved = salon.earlier("POST", &records_path(), booking(3, 15)).await["id"].clone();
    salon.synced().await;
    salon.told(1).await;
    // Moved into the past: whoever waits for it has missed it, or was there.
    salon
        .earlier(
            "PATCH",
            &format!("/admin/records/{moved}"),
            json!({"datetime": demo_trip::visit_time(-1, 9), "silent": true}),
        )
        .await;
    // Made and over; made and deleted again; without a client.
    salon.earlier("POST", &records_path(), booking(-1, 12)).await;
    let gone = salon.earlier("POST", &records_path(), booking(5, 12)).await["id"].clone();
    salon.earlier("DELETE", &format!("/admin/records/{gone}?silent=1"), Value::Null).await;
    let nobody = json!({"services": [7_700_201], "datetime": demo_trip::visit_time(5, 9), "silent": true});
    salon.earlier("POST", &records_path(), nobody).await;
    let run = salon.synced().await;
    let counts = &run.counts;
    assert_eq!((counts.created, counts.updated, counts.cancelled, counts.healed), (2, 1, 1, 4), "{run:?}");
    for reason in ["past_visit", "never_told", "no_client"] {
        salon.decided("silent", reason).await;
    }
    salon.until_quiet().await;
    salon.told(1).await;
    assert_eq!(salon.records().await, 4);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_and_the_sync_at_the_same_time_make_one_message_on_sqlite() {
    at_the_same_time(Salon::active().await.grown_old().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_and_the_sync_at_the_same_time_make_one_message_on_postgres() {
    at_the_same_time(Salon::active_on_postgres().await.grown_old().await).await;
}

async fn at_the_same_time(salon: Salon) {
    salon.crm("POST", "/admin/config", json!({"rate_limit": false})).await;
    for hour in [10, 12, 14, 16, 18] {
        let booked = json!({
            "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "services": [7_700_201],
            "datetime": demo_trip::visit_time(3, hour),
        });
        salon.crm("POST", &records_path(), booked).await;
        let (first, second) = tokio::join!(salon.synced(), salon.synced());
        assert_eq!((first.counts.healed, second.counts.healed), (0, 0), "its hook was no minute late");
        salon.synced().await;
    }
    salon.until_quiet().await;
    salon.told(5).await;
    salon.until_quiet().await;
    salon.told(5).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_ask_at_once_are_answered_with_one_run() {
    let salon = Salon::active().await;
    salon.journal_of(450).await;
    let wish = || sync::start(salon.app(), &salon.tenant, SyncKind::Records);
    let (first, second) = tokio::join!(wish(), wish());
    let (first, second) = (first.expect("started"), second.expect("started"));
    assert_eq!(first.id, second.id);
    let run = salon.sync_until(&first, |run| run.finished_at.is_some()).await;
    assert_eq!((run.counts.created, salon.records().await), (450, 450), "{run:?}");
    assert!(salon.pages_asked().await.len() <= 4, "read once");
    assert_ne!(salon.synced().await.id, run.id, "the next wish is another run");
    salon.told(0).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_journal_is_read_to_the_last_on_sqlite() {
    read_to_the_last(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_journal_is_read_to_the_last_on_postgres() {
    read_to_the_last(Salon::active_on_postgres().await).await;
}

async fn read_to_the_last(salon: Salon) {
    salon.journal_of(LONG).await;
    let run = salon.synced().await;
    assert_eq!((run.state, run.counts.created, run.counts.unchanged), (SyncState::Done, LONG, 0), "{run:?}");
    assert_eq!(salon.records().await, LONG);
    let pages = salon.pages_asked().await.len();
    assert!((13..=16).contains(&pages), "{pages} pages of at most 200");
    assert_eq!(salon.told(0).await.len(), 0, "arranged before we came");
    // What is known is read again, and costs nothing but the reading.
    let again = salon.synced().await;
    assert_eq!((again.counts.created, again.counts.updated), (0, 0), "{again:?}");
    assert_eq!(salon.pages_asked().await.len(), pages + 1, "only what changed since is asked for");
    salon.world.stop().await;
}

/// Whatever became of the hooks, one reading later what we know is the journal.
#[tokio::test(flavor = "multi_thread")]
async fn after_any_loss_and_order_of_hooks_one_sync_ends_in_the_journal_on_sqlite() {
    ends_in_the_journal(Salon::active().await.grown_old().await, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_loss_and_order_of_hooks_one_sync_ends_in_the_journal_on_postgres() {
    ends_in_the_journal(Salon::active_on_postgres().await.grown_old().await, 2).await;
}

async fn ends_in_the_journal(salon: Salon, seed: u64) {
    salon
        .crm(
            "POST",
            "/admin/faults",
            json!({
                "seed": seed,
                "hooks": {"lose": 0.5, "double": 0.3, "reorder": 0.4, "reorder_ms": 500, "late": 0.2, "late_ms": 1500, "partial": 0.3},
                "hook_wire": {"shuffle_services": true, "numbers_as_strings": 0.3},
                "rest_wire": {"shuffle_services": true, "numbers_as_strings": 0.3, "empty_as_array": true},
            }),
        )
        .await;
    let mut dice = seed;
    let mut roll = |most: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % most
    };
    let mut ids: Vec<Value> = Vec::new();
    for step in 0..60 {
        let at = demo_trip::visit_time(1 + roll(20) as i64, 9 + roll(10) as u32);
        let clients = [demo_trip::CLIENT_PHONE, "79000000555", ""];
        let client = json!({"name": "Анна", "phone": clients[roll(3) as usize]});
        if ids.len() < 12 || roll(5) == 0 {
            let new = json!({"client": client, "services": [7_700_201], "datetime": at});
            ids.push(salon.crm("POST", &records_path(), new).await["id"].clone());
            continue;
        }
        let at_which = roll(ids.len() as u64) as usize;
        let path = format!("/admin/records/{}", ids[at_which]);
        match roll(6) {
            0 => {
                ids.swap_remove(at_which);
                salon.crm("DELETE", &path, Value::Null).await;
            }
            1 => drop(salon.crm("PATCH", &path, json!({"client": client})).await),
            2 => drop(salon.crm("PATCH", &path, json!({"services": [7_700_202, 7_700_201]})).await),
            3 => drop(
                salon
                    .crm("PATCH", &path, json!({"attendance": "confirmed", "comment": step.to_string()}))
                    .await,
            ),
            _ => drop(salon.crm("PATCH", &path, json!({"datetime": at, "staff_id": 1_500_102})).await),
        }
        if step == 30 {
            salon.synced().await;
        }
    }
    salon.until_hooks_left().await;
    salon.until_quiet().await;
    salon.crm("POST", "/admin/faults", json!({"clear": true})).await;
    let run = salon.synced().await;
    assert_eq!((run.state, run.counts.failed), (SyncState::Done, 0), "{run:?}");
    salon.until_quiet().await;
    let path = format!("/api/v1/records/{}?count=300&with_deleted=1&start_date=2020-01-01", demo_trip::SALON);
    // The product asks from the same address.
    salon.crm("POST", "/admin/config", json!({"rate_limit": false})).await;
    let journal = salon.journal(&path).await;
    assert!(journal.len() > 12);
    for row in &journal {
        let known = salon.known_record(row["id"].as_i64().expect("a number")).await;
        let expected = (
            row["date"].as_str().map(str::to_owned),
            row["deleted"].as_bool(),
            row["staff"]["id"].as_i64(),
            row["client"]["phone"].as_str().unwrap_or_default().replace(['+', ' '], ""),
            row["services"].as_array().map_or(0, Vec::len),
        );
        let ours = (
            known.starts.value().map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()),
            Some(known.is_deleted()),
            known.master.value().map(|master| master.id.0),
            known.phone().map(|phone| phone.digits().to_owned()).unwrap_or_default(),
            known.services.value().map_or(0, Vec::len),
        );
        assert_eq!(ours, expected, "{row:#}");
    }
    assert_eq!(salon.records().await as usize, journal.len());
    salon.world.stop().await;
}

impl Salon {
    /// The journal as YClients shows it to the application.
    async fn journal(&self, path: &str) -> Vec<Value> {
        let url = format!("{}{path}", self.world.yclients_url);
        let token = "Bearer sandbox-partner-token, User sandbox-system-user-token";
        let asked = self
            .http
            .get(url)
            .header("accept", "application/vnd.yclients.v2+json")
            .header("authorization", token);
        let body: Value = asked
            .header("content-type", "application/json")
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        body["data"].as_array().unwrap_or_else(|| panic!("{body}")).clone()
    }

    async fn known_record(&self, id: i64) -> Record {
        let mut conn = self.app().db.read().await.expect("a connection");
        let row = record::find(&mut conn, &self.tenant, RecordId(id)).await.expect("read");
        let row = row.unwrap_or_else(|| panic!("record {id} is not known"));
        let key = self.app().keys.of(&self.tenant).await.expect("a key");
        serde_json::from_slice(&key.open("record", &id.to_string(), &row.body).expect("ours")).expect("JSON")
    }
}
