//! "Why was this sent, or not?": one record's history, as the salon's program, the operator's and nobody else may ask for it.

use std::collections::BTreeSet;

use chrono::Duration;
use salonbridge::app::{notify, turns};
use salonbridge::boot::demo_trip::{self, CLIENT_PHONE};
use salonbridge::domain::message::MessageKind;
use salonbridge::kernel::crm_id::RecordId;
use salonbridge::kernel::id::{OutboxId, TenantId};
use salonbridge::storage::outbox::{self, NewOutbox};
use salonbridge::storage::tenant;
use serde_json::{Value, json};

use crate::kit::{OPERATOR, Salon, postgres};

impl Salon {
    pub async fn api_key(&self) -> String {
        let mut conn = self.app().db.read().await.expect("a connection");
        let stored = tenant::find(&mut conn, &self.tenant).await.expect("read").expect("there");
        drop(conn);
        let key = self.app().keys.of(&self.tenant).await.expect("a key");
        key.open_text("tenant", "api_key", &stored.keys.api_key).expect("ours")
    }

    pub fn company(&self, path: &str) -> String {
        self.url(&format!("/api/v1/companies/{}{path}", self.tenant))
    }

    pub async fn ask(&self, key: &str, url: String) -> (u16, Value) {
        let answer = self.http.get(url).bearer_auth(key).header("accept-language", "ru").send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn timeline(&self, record: impl std::fmt::Display) -> Value {
        let url = self.company(&format!("/records/{record}/timeline?limit=200"));
        let (status, body) = self.ask(&self.api_key().await, url).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// What the timeline of a record says, without the words: `verb: reason`.
    pub async fn why(&self, record: impl std::fmt::Display) -> Vec<String> {
        let url = self.company(&format!("/records/{record}/timeline?limit=200"));
        let (_, body) = self.ask(&self.api_key().await, url).await;
        said(&body)
    }

    pub async fn until_why(&self, record: impl std::fmt::Display + Copy, wanted: &str) {
        let what = format!("{record}: {wanted}");
        self.until(&what, async || self.why(record).await.iter().any(|line| line == wanted)).await;
    }
}

fn said(body: &Value) -> Vec<String> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let entries = body["entries"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| format!("{}: {}", text(entry, "verb"), text(entry, "reason"))).collect()
}

/// Salons whose rules ask for a shift of half an hour.
async fn salons() -> [Salon; 2] {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let own = folder.join(demo_trip::SALON.to_string());
    std::fs::create_dir(&own).expect("made");
    std::fs::write(own.join("rules.toml"), "min_shift_minutes = 30").expect("written");
    let rules = || ("SALONBRIDGE_TENANTS_DIR", folder.display().to_string());
    [
        Salon::active_with([rules()]).await,
        Salon::active_with([rules(), ("DATABASE_URL", postgres().await)]).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_silence_has_its_reason_in_the_records_history() {
    for salon in salons().await {
        let path = salon.hook_path().await;
        let nobody = json!({"client": {"id": 5, "name": "Анна", "phone": ""}});
        let silenced = json!({"client": {"id": 5, "name": "Анна", "phone": CLIENT_PHONE, "sms_not": 1}});
        for (record, status, changes, reason) in [
            (
                301,
                "create",
                json!({"date": "2020-01-01 10:00:00", "datetime": "2020-01-01T10:00:00+03:00"}),
                "past_visit",
            ),
            (302, "create", json!({"client": Value::Null}), "no_client"),
            (303, "create", nobody, "no_phone"),
            (304, "create", silenced, "client_silenced"),
            (305, "create", json!({"create_date": "2020-01-01T10:00:00+0300"}), "before_install"),
            (306, "delete", json!({}), "never_told"),
        ] {
            assert_eq!(salon.post(&path, salon.hook(record, status, changes)).await, 200);
            salon.until_why(record, &format!("silent: {reason}")).await;
            let why = salon.why(record).await;
            assert_eq!(why, ["received: absorbed".to_owned(), format!("silent: {reason}")]);
        }

        // Without the right to ask, what a piece of a record does not say stays unknown.
        let refused = json!({"route": "GET /api/v1/record/*", "kind": "status", "status": 403});
        salon.crm("POST", "/admin/faults", json!({"routes": [refused]})).await;
        let piece = json!({"company_id": demo_trip::SALON, "resource": "record", "resource_id": 307, "status": "update",
            "data": {"id": 307, "comment": "piece"}});
        salon.post(&path, piece.to_string()).await;
        salon.until_why(307, "silent: no_time").await;
        assert_eq!(salon.why(307).await, ["received: absorbed", "asked: crm_forbidden", "silent: no_time"]);
        salon.crm("POST", "/admin/faults", json!({"routes": []})).await;

        // Of what a client knows already.
        salon.post(&path, salon.hook(308, "create", json!({}))).await;
        salon.told(1).await;
        let date = demo_trip::visit_time(3, 15);
        let moved = date.replacen("15:00", "15:10", 1);
        assert_ne!(date, moved);
        for (changes, reason) in [
            (json!({"comment": "news of nothing"}), "already_told"),
            (json!({"attendance": 2, "visit_attendance": 2}), "attendance_only"),
            (json!({"date": moved, "datetime": moved}), "small_shift"),
        ] {
            salon.post(&path, salon.hook(308, "update", changes)).await;
            salon.until_why(308, &format!("silent: {reason}")).await;
        }

        // Two edits in one settle window, and one that is older than both.
        let (first, second) = (json!({"comment": "first"}), json!({"comment": "second"}));
        salon.post(&path, salon.hook(309, "create", first)).await;
        salon.post(&path, salon.hook(309, "update", second)).await;
        salon.told(2).await;
        let hour_ago = chrono::Utc::now() - Duration::hours(1);
        let late = json!({"comment": "late", "last_change_date": hour_ago.to_rfc3339()});
        salon.post(&path, salon.hook(309, "update", late)).await;
        salon.until_why(309, "received: outdated").await;
        let why = salon.why(309).await;
        assert_eq!(why[..3], ["received: merged", "received: absorbed", "planned: confirmation"], "{why:?}");

        salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
        salon.decided("frozen", "marketplace").await;
        salon.post(&path, salon.hook(310, "create", json!({}))).await;
        salon.until_why(310, "silent: salon_frozen").await;
        every_line_is_told_in_words(&salon, &[301, 302, 303, 304, 305, 306, 307, 308, 309, 310]).await;
        salon.world.stop().await;
    }
}

/// In both languages, and different for different reasons.
async fn every_line_is_told_in_words(salon: &Salon, records: &[i64]) {
    let key = salon.api_key().await;
    for language in ["ru", "en"] {
        let mut sentences = BTreeSet::new();
        for record in records {
            let url = salon.company(&format!("/records/{record}/timeline?lang={language}"));
            let (_, body) = salon.ask(&key, url).await;
            for entry in body["entries"].as_array().expect("entries") {
                let sentence = entry["sentence"].as_str().expect("a sentence").to_owned();
                let russian = sentence.chars().any(|c| ('а'..='я').contains(&c));
                assert_eq!(russian, language == "ru", "{sentence}");
                assert!(sentence.ends_with('.'), "{sentence}");
                sentences.insert(sentence);
            }
        }
        assert!(sentences.len() >= 12, "{sentences:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_end_of_a_message_has_its_reason_in_the_records_history() {
    for salon in salons().await {
        let path = salon.hook_path().await;
        salon.decided("sent", "welcome").await;
        let stranger = |comment: &str| json!({"comment": comment, "client": {"id": 6, "name": "Борис", "phone": "+79000000555"}});
        salon.post(&path, salon.hook(401, "create", stranger("first"))).await;
        salon.until_why(401, "failed: not_on_whatsapp").await;
        salon.post(&path, salon.hook(401, "update", stranger("second"))).await;
        salon.until_why(401, "silent: already_failed").await;
        for (record, code, why) in
            [(403, 479, "failed: refused_479"), (402, 463, "returned: reach_out_locked")]
        {
            salon.whatsapp(json!({"nack": {"code": code, "next": 1}})).await;
            salon.post(&path, salon.hook(record, "create", json!({}))).await;
            salon.until_why(record, why).await;
        }

        // What came too late, as after a long time without a connection.
        plan_late(&salon, 404).await;
        turns::take(salon.app(), &salon.tenant).await.expect("no failure");
        // The product's own turn may have come to it between its two looks, for the first deadline and for whose turn it is.
        let why = salon.why(404).await;
        assert_eq!(why.last().map(String::as_str), Some("expired: too_late"), "{why:?}");

        // Waiting, news while it waits, overtaken, withdrawn by the marketplace.
        let gateway = salon.app().gateway().expect("a gateway").clone();
        gateway.stop(&salon.tenant).await;
        salon.post(&path, salon.hook(405, "create", json!({}))).await;
        salon.until_why(405, "held: offline").await;
        salon.post(&path, salon.hook(405, "update", json!({"comment": "again"}))).await;
        salon.until_why(405, "silent: already_planned").await;
        let date = demo_trip::visit_time(5, 11);
        salon.post(&path, salon.hook(405, "update", json!({"date": date, "datetime": date}))).await;
        salon.until_why(405, "withdrawn: superseded").await;
        salon.crm("POST", &format!("/admin/salons/{}/freeze", demo_trip::SALON), json!({})).await;
        salon.until_why(405, "withdrawn: salon_stopped").await;
        let why = salon.why(405).await;
        let decided: Vec<_> = why.iter().filter(|line| !line.starts_with("received")).collect();
        let wanted = [
            "planned: confirmation",
            "held: offline",
            "silent: already_planned",
            "withdrawn: superseded",
            "planned: confirmation",
        ];
        assert_eq!(decided[..5], wanted, "{why:?}");
        assert_eq!(decided.last().map(|line| line.as_str()), Some("withdrawn: salon_stopped"));
        every_line_is_told_in_words(&salon, &[401, 402, 403, 404, 405]).await;
        salon.world.stop().await;
    }
}

/// A message that no job knows of, for a visit that began an hour ago: too late by the clock of
/// any turn, also of one that had begun before it was planned.
async fn plan_late(salon: &Salon, record: i64) {
    let (key, now) = (salon.app().keys.of(&salon.tenant).await.expect("a key"), salon.app().now());
    let new = NewOutbox {
        id: OutboxId::new(now),
        recipient: key.seal_text("outbox", "recipient", CLIENT_PHONE),
        peer: String::new(),
        text: key.seal_text("outbox", "late", "text"),
        told: String::new(),
        told_before: String::new(),
        message_id: notify::message_id(&key, "late"),
        intent: "late".to_owned(),
        kind: MessageKind::Confirmation,
        record: Some(RecordId(record)),
        not_before: now,
        deadline: now.plus_ms(-3_600_000),
        nearest: now.plus_ms(-3_600_000),
    };
    let mut conn = salon.app().db.begin().await.expect("begins");
    outbox::plan(&mut conn, &salon.tenant, &new, now).await.expect("stored").expect("new");
    conn.commit().await.expect("commits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_turned_page_by_page_and_shows_each_only_what_is_theirs() {
    for salon in [Salon::active().await, Salon::active_on_postgres().await] {
        let record = salon.trip().book().await.expect("booked");
        salon.told(1).await;
        salon.until_why(record.as_str(), "delivered: on_phone").await;
        let whole = salon.timeline(&record).await;
        let lines = said(&whole);
        let decided: Vec<_> = lines.iter().filter(|line| !line.starts_with("received")).collect();
        assert_eq!(decided, ["planned: confirmation", "sent: confirmation", "delivered: on_phone"]);
        assert_eq!(whole["record_id"].to_string(), record);
        assert_eq!(whole["next"], Value::Null);
        let first = &whole["entries"][0];
        assert_eq!(
            (&first["kind"], &first["source"], &first["event"]),
            (&json!("hook"), &json!("hook"), &json!("create"))
        );
        let times: Vec<_> =
            whole["entries"].as_array().expect("entries").iter().map(|e| e["at"].as_i64()).collect();
        assert!(times.is_sorted() && times[0].is_some());

        let key = salon.api_key().await;
        let (mut turned, mut after) = (Vec::new(), String::new());
        loop {
            let url = salon.company(&format!("/records/{record}/timeline?limit=1{after}"));
            let (status, page) = salon.ask(&key, url).await;
            assert_eq!((status, page["entries"].as_array().expect("entries").len()), (200, 1));
            turned.extend(said(&page));
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(turned, lines);

        // The salon sees what it wrote, the operator only that it was written.
        let message = |body: &Value| {
            let entries = body["entries"].as_array().expect("entries");
            entries.iter().find(|e| e["verb"] == "planned").map(|e| e["message"].clone()).expect("a message")
        };
        let ours = message(&whole);
        assert_eq!(
            (&ours["to"], &ours["state"], &ours["ticks"]),
            (&json!(format!("+{CLIENT_PHONE}")), &json!("sent"), &json!("delivered"))
        );
        assert!(ours["text"].as_str().is_some_and(|text| text.contains("15:00")), "{ours}");
        let url = salon.company(&format!("/records/{record}/timeline"));
        let (status, masked) = salon.ask(OPERATOR, url.clone()).await;
        let theirs = message(&masked);
        assert_eq!((status, &theirs["to"], &theirs["text"]), (200, &json!("+7…01"), &Value::Null));
        assert!(!masked.to_string().contains(CLIENT_PHONE));

        // Nobody else, and nothing else.
        let other = TenantId::new(salon.app().now());
        let foreign = salon.url(&format!("/api/v1/companies/{other}/records/{record}/timeline"));
        for (key, url) in [
            ("", url.clone()),
            ("wrong", url.clone()),
            (key.as_str(), foreign.clone()),
            (OPERATOR, foreign),
            (key.as_str(), salon.company("/records/999999/timeline")),
            (key.as_str(), salon.company("/records/x/timeline")),
            ("wrong", salon.company("/messages?state=uncertain")),
            (key.as_str(), salon.url(&format!("/api/v1/companies/{other}/messages?state=uncertain"))),
        ] {
            let (status, body) = salon.ask(key, url.clone()).await;
            assert_eq!((status, &body["code"]), (404, &json!("not_found")), "{url}");
        }
        for wrong in ["/messages", "/messages?state=odd", "/messages?state=sent&after=x"] {
            assert_eq!(salon.ask(&key, salon.company(wrong)).await.0, 400, "{wrong}");
        }
        assert_eq!(salon.ask(&key, format!("{url}?after=x")).await.0, 400);
        salon.world.stop().await;
    }
}
