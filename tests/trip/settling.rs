//! A message of which nobody knows whether it left: a person settles it, by a program or by the page of the record's history.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use salonbridge::app::notify;
use salonbridge::boot::demo_trip::{self, CLIENT_PHONE};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::kernel::crm_id::RecordId;
use salonbridge::kernel::id::{OutboxId, TenantId};
use salonbridge::storage::decision::{self, NewDecision};
use salonbridge::storage::outbox::{self, NewOutbox, OutboxRow};
use salonbridge::storage::{record, tenant};
use serde_json::{Value, json};

use crate::browser::drive;
use crate::kit::{OPERATOR, Salon};

/// A booking whose confirmation was being sent when the process died, and left no sign: the record and the message.
struct Doubt {
    record: String,
    message: OutboxId,
}

impl Salon {
    async fn doubt(&self) -> Doubt {
        self.decided("sent", "welcome").await;
        let gateway = self.app().gateway().expect("a gateway").clone();
        gateway.stop(&self.tenant).await;
        let booked = self.trip().book().await.expect("booked");
        self.until_why(booked.as_str(), "held: offline").await;
        let id = RecordId(booked.parse().expect("a number"));
        let now = self.app().now();
        let key = self.app().keys.of(&self.tenant).await.expect("a key");
        let mut conn = self.app().db.begin().await.expect("begins");
        let rows = outbox::list_recent(&mut conn, &self.tenant, 9).await.expect("read");
        let row = rows.into_iter().find(|row| row.record == Some(id)).expect("planned");
        let told = key.open("outbox_told", &row.intent, &row.told).expect("ours");
        let sealed = key.seal("told", &booked, &told);
        record::set_told(&mut conn, &self.tenant, id, &sealed, now).await.expect("noted");
        assert!(outbox::begin_sending(&mut conn, &self.tenant, &row.id, now).await.expect("begun"));
        let doubt = OutboxState::Uncertain;
        assert!(
            outbox::settle(&mut conn, &self.tenant, &row.id, doubt, "interrupted", now)
                .await
                .expect("settled")
        );
        let new =
            NewDecision { record: Some(id), verb: "uncertain", reason: "interrupted", outbox: Some(&row.id) };
        decision::insert(&mut conn, &self.tenant, new, now).await.expect("noted");
        conn.commit().await.expect("commits");
        gateway.restore(&self.tenant).await.expect("wakes");
        Doubt { record: booked, message: row.id }
    }

    async fn settle(&self, key: &str, message: &OutboxId, body: Value) -> (u16, Value) {
        let url = self.company(&format!("/messages/{message}/settle"));
        let answer =
            self.http.post(url).bearer_auth(key).body(body.to_string()).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn row(&self, id: &OutboxId) -> OutboxRow {
        let mut conn = self.app().db.read().await.expect("a connection");
        outbox::find(&mut conn, &self.tenant, id).await.expect("read").expect("there")
    }

    /// The address a person is given.
    async fn page_of(&self, record: &str) -> String {
        self.timeline(record).await["page"].as_str().expect("an address").to_owned()
    }
}

async fn both() -> [Salon; 2] {
    [Salon::active().await, Salon::active_on_postgres().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_saw_it_arrive_says_so_once() {
    for salon in both().await {
        let (doubt, key) = (salon.doubt().await, salon.api_key().await);
        let (_, health) = salon.ask(&key, salon.company("/health")).await;
        assert_eq!(
            (&health["uncertain_messages"], &health["light"]),
            (&json!(1), &json!("yellow")),
            "{health}"
        );
        let problems = health["problems"].as_array().expect("problems");
        assert!(problems.iter().any(|problem| problem["code"] == "uncertain_messages"), "{health}");
        let (_, list) = salon.ask(&key, salon.company("/messages?state=uncertain")).await;
        assert_eq!(list["messages"].as_array().expect("a list").len(), 1);
        assert_eq!(list["messages"][0]["id"], json!(doubt.message));
        assert_eq!(
            (list["messages"][0]["record_id"].to_string(), &list["next"]),
            (doubt.record.clone(), &Value::Null)
        );

        let wrong =
            [json!({"as": "sent", "again": true}), json!({"as": "lost"}), json!({"was": "sent"}), json!([])];
        for body in wrong {
            let (status, answer) = salon.settle(&key, &doubt.message, body).await;
            assert_eq!((status, &answer["code"]), (400, &json!("bad_word")));
        }
        let nobody = OutboxId::new(salon.app().now());
        assert_eq!(salon.settle(&key, &nobody, json!({"as": "sent"})).await.0, 404);
        assert_eq!(salon.settle("wrong", &doubt.message, json!({"as": "sent"})).await.0, 404);
        for before in [false, true] {
            let (status, answer) = salon.settle(OPERATOR, &doubt.message, json!({"as": "sent"})).await;
            assert_eq!((status, &answer["settled_before"]), (200, &json!(before)), "{answer}");
        }
        let (status, answer) = salon.settle(&key, &doubt.message, json!({"as": "not_sent"})).await;
        assert_eq!((status, &answer["code"]), (409, &json!("not_uncertain")));
        let why = salon.why(&doubt.record).await;
        assert_eq!(why.last().expect("an end"), "settled: person_sent");
        assert_eq!(why.iter().filter(|line| line.starts_with("settled")).count(), 1);
        let (_, health) = salon.ask(&key, salon.company("/health")).await;
        assert_eq!(health["uncertain_messages"], json!(0));
        // The client counts as told.
        let path = format!("/admin/records/{}", doubt.record);
        salon.crm("PATCH", &path, json!({"comment": "news of nothing"})).await;
        salon.until_why(doubt.record.as_str(), "silent: already_told").await;
        salon.told(0).await;
        salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_arrive_is_sent_anew_only_when_a_person_wants_it() {
    for salon in both().await {
        let (doubt, key) = (salon.doubt().await, salon.api_key().await);
        for before in [false, true] {
            let (status, answer) = salon.settle(&key, &doubt.message, json!({"as": "not_sent"})).await;
            assert_eq!((status, &answer["settled_before"]), (200, &json!(before)), "{answer}");
        }
        let (status, _) = salon.settle(&key, &doubt.message, json!({"as": "not_sent", "again": true})).await;
        assert_eq!(status, 409, "another word than the first");
        assert_eq!(salon.why(&doubt.record).await.last().expect("an end"), "settled: person_not_sent");
        // The client counts as not told: the next change reaches it as a confirmation, the first message it gets.
        let path = format!("/admin/records/{}", doubt.record);
        salon.crm("PATCH", &path, json!({"comment": "call first"})).await;
        assert!(salon.told(1).await[0].contains("15:00"));
        let why = salon.why(&doubt.record).await;
        assert_eq!(why.iter().filter(|line| *line == "planned: confirmation").count(), 2, "{why:?}");
        salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_comes_after_a_persons_no_is_believed() {
    for salon in both().await {
        let (doubt, key) = (salon.doubt().await, salon.api_key().await);
        let gateway = salon.app().gateway().expect("a gateway").clone();
        gateway.stop(&salon.tenant).await;
        let again = json!({"as": "not_sent", "again": true});
        assert_eq!(salon.settle(&key, &doubt.message, again).await.0, 200);
        let planned = async || {
            let why = salon.why(&doubt.record).await;
            why.iter().filter(|line| *line == "planned: confirmation").count()
        };
        salon.until("planned anew", async || planned().await == 2).await;
        let message_id = salon.row(&doubt.message).await.message_id;
        notify::received(salon.app(), &salon.tenant, &[message_id], false).await.expect("noted");
        salon.until_why(doubt.record.as_str(), "withdrawn: superseded").await;
        let row = salon.row(&doubt.message).await;
        assert_eq!((row.state, row.reason.as_str()), (OutboxState::Sent, "seen_by_receipt"));
        let why = salon.why(&doubt.record).await;
        assert!(why.contains(&"sent: seen_by_receipt".to_owned()), "{why:?}");
        // The client counts as told again.
        gateway.restore(&salon.tenant).await.expect("wakes");
        let path = format!("/admin/records/{}", doubt.record);
        salon.crm("PATCH", &path, json!({"comment": "news of nothing"})).await;
        salon.until_why(doubt.record.as_str(), "silent: already_told").await;
        salon.told(0).await;
        salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_send_anew_is_answered_by_a_message_or_by_a_reason() {
    for salon in both().await {
        let (doubt, key) = (salon.doubt().await, salon.api_key().await);
        for before in [false, true] {
            let again = json!({"as": "not_sent", "again": true});
            let (status, answer) = salon.settle(&key, &doubt.message, again).await;
            assert_eq!((status, &answer["settled_before"]), (200, &json!(before)), "{answer}");
        }
        salon.told(1).await;
        salon.until_why(doubt.record.as_str(), "sent: confirmation").await;
        let old = salon.row(&doubt.message).await;
        assert_eq!((old.state, old.reason.as_str()), (OutboxState::Failed, "person_again"));
        let why = salon.why(&doubt.record).await;
        let from = why.iter().position(|line| line.starts_with("settled")).expect("settled");
        let wanted = ["settled: person_again", "asked: crm_read", "planned: confirmation"];
        assert_eq!(why[from..from + 3], wanted, "{why:?}");
        salon.told(1).await;

        // The visit is gone meanwhile: nothing is said, and the person is told why.
        let second = salon.doubt().await;
        let path = format!("/admin/records/{}?silent=true", second.record);
        salon.crm("DELETE", &path, json!({"silent": true})).await;
        let again = json!({"as": "not_sent", "again": true});
        assert_eq!(salon.settle(&key, &second.message, again).await.0, 200);
        salon.until_why(second.record.as_str(), "silent: never_told").await;
        salon.told(1).await;
        salon.world.stop().await;
    }
}

/// A message in doubt that leaves no note at a record: a trial, or word to a client that the record is another's now.
async fn noteless(salon: &Salon, intent: &str, record: Option<i64>) -> OutboxId {
    let (key, now) = (salon.app().keys.of(&salon.tenant).await.expect("a key"), salon.app().now());
    let new = NewOutbox {
        id: OutboxId::new(now),
        recipient: key.seal_text("outbox", "recipient", CLIENT_PHONE),
        peer: String::new(),
        text: key.seal_text("outbox", intent, "once more"),
        told: String::new(),
        told_before: String::new(),
        message_id: notify::message_id(&key, intent),
        intent: intent.to_owned(),
        kind: if record.is_some() { MessageKind::Cancel } else { MessageKind::Trial },
        record: record.map(RecordId),
        not_before: now,
        deadline: now.plus_secs(3600),
        nearest: now.plus_secs(3600),
    };
    let mut conn = salon.app().db.begin().await.expect("begins");
    let id = outbox::plan(&mut conn, &salon.tenant, &new, now).await.expect("stored").expect("new");
    assert!(outbox::begin_sending(&mut conn, &salon.tenant, &id, now).await.expect("begun"));
    let doubt = OutboxState::Uncertain;
    assert!(outbox::settle(&mut conn, &salon.tenant, &id, doubt, "interrupted", now).await.expect("settled"));
    conn.commit().await.expect("commits");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_record_knows_of_is_said_in_the_same_words_but_not_against_the_journal() {
    for salon in both().await {
        let key = salon.api_key().await;
        let again = json!({"as": "not_sent", "again": true});
        let trial = noteless(&salon, "trial:1", None).await;
        for _ in 0..2 {
            assert_eq!(salon.settle(&key, &trial, again.clone()).await.0, 200);
        }
        assert_eq!(salon.told(1).await, ["once more"]);
        // The visit is this client's again: to say that it is off would be a lie.
        let path = salon.hook_path().await;
        salon.post(&path, salon.hook(501, "create", json!({}))).await;
        salon.told(2).await;
        salon.until_why(501, "sent: confirmation").await;
        let farewell = noteless(&salon, "501:0:farewell", Some(501)).await;
        assert_eq!(salon.settle(&key, &farewell, again.clone()).await.0, 200);
        salon.until_why(501, "silent: has_it_again").await;
        let gone = noteless(&salon, "502:0:farewell", Some(502)).await;
        assert_eq!(salon.settle(&key, &gone, again).await.0, 200);
        salon.told(3).await;
        salon.until_why(502, "sent: cancel").await;
        assert_eq!(salon.why(502).await[..3], ["settled: person_again", "planned: cancel", "sent: cancel"]);
        salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_salon_that_left_the_reasons_remain_and_nothing_that_was_sealed() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(601, "create", json!({}))).await;
    salon.told(1).await;
    salon.crm("POST", &format!("/admin/salons/{}/uninstall", demo_trip::SALON), json!({})).await;
    salon
        .until("keys destroyed", async || {
            let mut conn = salon.app().db.read().await.expect("a connection");
            let stored = tenant::find(&mut conn, &salon.tenant).await.expect("read").expect("there");
            stored.keys.data_key.is_empty()
        })
        .await;
    let (status, body) = salon.ask(OPERATOR, salon.company("/records/601/timeline")).await;
    assert_eq!(status, 200, "{body}");
    let entries = body["entries"].as_array().expect("entries");
    let planned = entries.iter().find(|entry| entry["verb"] == "planned").expect("planned");
    assert_eq!((&planned["message"]["to"], &entries[0]["event"]), (&json!(""), &Value::Null));
    salon.world.stop().await;
}

/// A browser without a window: no redirects followed, cookies by hand.
async fn visit(url: &str, cookie: &str) -> (StatusCode, reqwest::header::HeaderMap, String) {
    let none = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(none).build().expect("a client");
    let answer = http.get(url).header(COOKIE, cookie).send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.text().await.expect("a page"))
}

async fn press(url: &str, cookie: &str, form: &[(&str, &str)]) -> StatusCode {
    let none = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(none).build().expect("a client");
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let form =
        http.post(url).header(COOKIE, cookie).header("content-type", "application/x-www-form-urlencoded");
    form.body(body.finish()).send().await.expect("an answer").status()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_one_page_and_its_buttons_work_from_it_alone() {
    let salon = Salon::active().await;
    let doubt = salon.doubt().await;
    let link = salon.page_of(&doubt.record).await;
    let (status, headers, _) = visit(&link, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let clean = headers[LOCATION].to_str().expect("text").to_owned();
    assert_eq!(
        clean,
        format!("/companies/{}/records/{}/timeline", salon.tenant, doubt.record),
        "no token in it"
    );
    let set = headers[SET_COOKIE].to_str().expect("text");
    assert!(
        set.contains(&format!("Path={clean};")) && set.contains("HttpOnly") && set.contains("SameSite=Lax"),
        "{set}"
    );
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let page = salon.url(&clean);
    let (status, headers, html) = visit(&page, &cookie).await;
    assert_eq!((status, headers["cache-control"].to_str().expect("text")), (StatusCode::OK, "no-store"));
    assert!(html.contains("Дошло ли это сообщение?") && html.contains("Анна"));

    // Without the cookie, with another page's, with a token that is none.
    let other = salon.url(&format!(
        "/companies/{}/records/{}/timeline",
        TenantId::new(salon.app().now()),
        doubt.record
    ));
    let next = salon.url(&format!("/companies/{}/records/1/timeline", salon.tenant));
    let forged = format!("{page}?token=nonsense");
    for (url, cookie) in [(&page, ""), (&other, cookie.as_str()), (&next, cookie.as_str()), (&forged, "")] {
        let (status, _, html) = visit(url, cookie).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{url}");
        assert!(html.contains("Ссылка на") && !html.contains("Анна"));
    }
    assert_eq!(visit(&forged, &cookie).await.0, StatusCode::SEE_OTHER, "an open page stays open");

    let field = |name: &str| {
        let rest = html.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
        rest.split('"').next().expect("a value").to_owned()
    };
    let (key, settle, id) = (field("key"), format!("{page}/settle"), doubt.message.to_string());
    let form = |key, id| [("key", key), ("message", id), ("word", "again"), ("lang", "ru")];
    assert_eq!(press(&settle, &cookie, &form("wrong", &id)).await, StatusCode::FORBIDDEN);
    assert_eq!(press(&settle, "", &form(&key, &id)).await, StatusCode::UNAUTHORIZED);
    let nobody = OutboxId::new(salon.app().now()).to_string();
    assert_eq!(press(&settle, &cookie, &form(&key, &nobody)).await, StatusCode::NOT_FOUND);
    assert_eq!(salon.row(&doubt.message).await.state, OutboxState::Uncertain);
    for _ in 0..2 {
        assert_eq!(press(&settle, &cookie, &form(&key, &id)).await, StatusCode::SEE_OTHER);
    }
    salon.told(1).await;
    let (_, _, html) = visit(&page, &cookie).await;
    assert!(!html.contains("Дошло ли это сообщение?") && html.contains("Решил человек"));

    // The operator's link shows neither name, number nor text.
    let (_, masked) =
        salon.ask(OPERATOR, salon.company(&format!("/records/{}/timeline", doubt.record))).await;
    let (_, headers, _) = visit(masked["page"].as_str().expect("an address"), "").await;
    let cookie = headers[SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let (status, _, html) = visit(&page, &cookie).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("+7…01") && !html.contains("Анна") && !html.contains("<blockquote"));
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_settles_it_in_a_browser() {
    let salon = Salon::active().await;
    let doubt = salon.doubt().await;
    let link = salon.page_of(&doubt.record).await;
    drive("timeline.mjs", [("LINK", link.as_str())]).await;
    salon.told(1).await;
    salon.world.stop().await;
}
