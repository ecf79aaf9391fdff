//! The salon's books: whose a record is, and who may see it.

use salonbridge::app::enqueue;
use salonbridge::boot::demo_trip;
use salonbridge::kernel::crm_id::RecordId;
use salonbridge::storage::{books, inbox, job, record};
use serde_json::{Value, json};

use crate::kit::Salon;

const OLGA: &str = "+79000000002";

impl Salon {
    /// A salon that gives a tenth of the price.
    pub async fn generous() -> Self {
        Self::active_with([("SALONBRIDGE_RULES", rules())]).await
    }

    pub async fn generous_on_postgres() -> Self {
        let url = crate::kit::postgres().await;
        Self::active_with([("SALONBRIDGE_RULES", rules()), ("DATABASE_URL", url)]).await
    }

    /// What an address of the company answers its own programs.
    pub async fn company_says(&self, path: &str) -> Value {
        let (status, body) = self.ask(&self.api_key().await, self.company(path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn clients(&self, query: &str) -> Vec<Value> {
        self.company_says(&format!("/clients{query}")).await["clients"].as_array().expect("a list").clone()
    }

    /// The one client with this number.
    pub async fn client(&self, phone: &str) -> Value {
        let found = self.clients(&format!("?phone={}", phone.replace('+', "%2B"))).await;
        assert_eq!(found.len(), 1, "{found:?}");
        self.company_says(&format!("/clients/{}", found[0]["id"].as_str().expect("an id"))).await
    }

    /// Waits until every hook is absorbed and every record kept.
    pub async fn until_kept(&self) {
        self.until("the books are kept", async || {
            let mut conn = self.app().db.read().await.expect("a connection");
            let waiting = inbox::count_waiting(&mut conn, &self.tenant).await.expect("counted");
            let jobs = job::count(&mut conn).await.expect("counted");
            let busy = [enqueue::ABSORB, enqueue::BOOKS];
            waiting == 0 && jobs.iter().all(|(kind, ..)| !busy.contains(&kind.as_str()))
        })
        .await;
    }

    pub async fn send(&self, path: &str, body: Value) -> (u16, Value) {
        let key = self.api_key().await;
        let answer = self.http.post(self.company(path)).bearer_auth(key).body(body.to_string()).send().await;
        let answer = answer.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    pub async fn kinds(&self, client: &Value) -> Vec<String> {
        let path = format!("/clients/{}/ledger", client["id"].as_str().expect("an id"));
        let said = self.company_says(&path).await;
        let kinds = said["postings"].as_array().expect("a list").iter();
        kinds.rev().map(|posting| posting["kind"].as_str().expect("a kind").to_owned()).collect()
    }

    /// Posts a hook of a record that nothing is to be said of, and waits until it is kept.
    pub async fn hear(&self, record: i64, status: &str, changes: Value) {
        let path = self.hook_path().await;
        assert_eq!(self.post(&path, self.hook(record, status, changes)).await, 200);
        self.until_kept().await;
    }

    pub async fn record(&self, number: i64) -> books::BookRow {
        let mut conn = self.app().db.read().await.expect("a connection");
        books::find(&mut conn, &self.tenant, RecordId(number)).await.expect("read").expect("there")
    }
}

fn rules() -> String {
    "settle_ms = 100\npacing.is_on = false\n[bonus]\npercent = 10\nmost_percent = 50".to_owned()
}

fn card(id: i64, name: &str, phone: &str, email: &str) -> Value {
    json!({"id": id, "name": name, "phone": phone, "email": email})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_finds_its_client_by_code_address_number_and_card() {
    let salon = Salon::generous().await;
    salon.hear(221, "create", json!({"client": card(5, "Анна", "+79000000001", "anna@example.test")})).await;
    salon.hear(222, "create", json!({"client": card(6, "Ольга", OLGA, "")})).await;
    let (anna, olga) = (salon.client("+79000000001").await, salon.client(OLGA).await);
    let id = |client: &Value| client["id"].as_str().expect("an id").to_owned();
    let whose = async |number: i64, changes: Value| {
        salon.hear(number, "create", changes).await;
        let row = salon.record(number).await;
        (row.client.map(|client| client.to_string()).unwrap_or_default(), row.matched)
    };
    let matched = |client: &Value, reason: &str| (id(client), reason.to_owned());
    assert_eq!(salon.record(221).await.matched, "made");
    let code = anna["code"].as_str().expect("a code");
    let commented =
        |comment: String, phone: &str| json!({"comment": comment, "client": card(6, "Ольга", phone, "")});
    let written = format!("  код  клиентa :{} спасибо", code.to_lowercase());
    assert_eq!(whose(223, commented(written, OLGA)).await, matched(&anna, "code_over_contacts"));
    assert_eq!(
        whose(224, commented("Код клиента: DFJ23456".to_owned(), OLGA)).await,
        matched(&olga, "phone")
    );
    let by_email = json!({"client": card(9, "Аня", "+79000000055", " Anna@Example.TEST ")});
    assert_eq!(whose(225, by_email).await, matched(&anna, "email"));
    let bare = json!({"client": card(10, "Анна", "8 (900) 000-00-01", "")});
    assert_eq!(whose(226, bare).await, matched(&anna, "phone"), "the CRM made her card anew");
    let hidden = json!({"client": card(10, "Анна", "", "")});
    assert_eq!(whose(227, hidden).await, matched(&anna, "card"));
    let abroad = json!({"client": card(11, "Anna", "+49 900 000 00 01", "")});
    let (stranger, reason) = whose(228, abroad).await;
    assert!(reason == "made" && stranger != id(&anna), "{stranger} {reason}");
    let unknown = json!({"client": card(12, "Некто", "", "-")});
    assert_eq!(whose(229, unknown).await, (String::new(), "no_contact".to_owned()));
    assert_eq!(whose(230, json!({"client": null})).await, (String::new(), "no_client".to_owned()));

    // Another number on the card she has by now, and what was known of her stays.
    let moved = json!({"client": card(10, "Анна", "+79000000077", "")});
    assert_eq!(whose(231, moved).await, matched(&anna, "card"));
    let seen = salon.client("+79000000077").await;
    assert_eq!((&seen["id"], &seen["email"]), (&anna["id"], &json!("anna@example.test")));
    assert!(salon.clients("?phone=%2B79000000001").await.iter().all(|client| client["id"] != anna["id"]));
    assert_eq!(salon.clients(&format!("?code={code}")).await[0]["id"], anna["id"]);
    assert_eq!(salon.clients(&format!("?q={code}")).await[0]["id"], anna["id"]);
    let by_name = reqwest::Url::parse_with_params("http://x/", [("q", "ОЛЬ")]).expect("an address");
    let found = salon.clients(&format!("?{}", by_name.query().unwrap_or_default())).await;
    assert_eq!((found.len(), &found[0]["id"]), (1, &olga["id"]));
    let (status, refused) = salon.ask(&salon.api_key().await, salon.company("/clients?q=ab")).await;
    assert_eq!((status, &refused["code"]), (400, &json!("search_too_short")));
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_a_person_says_which_and_the_bonuses_follow() {
    let salon = Salon::generous().await;
    salon.hear(241, "create", json!({"client": card(5, "Анна", "+79000000001", "")})).await;
    salon.hear(242, "create", json!({"client": card(6, "Ольга", OLGA, "olga@example.test")})).await;
    let (anna, olga) = (salon.client("+79000000001").await, salon.client(OLGA).await);
    // A number that was Anna's on a card that is Olga's: it finds Anna, and makes no Olga of her.
    salon.hear(245, "create", json!({"client": card(6, "Ольга", "+79000000001", "")})).await;
    assert_eq!(salon.client("+79000000001").await["name"], "Анна");
    // Her own card gets Anna's number; her address still names her.
    salon.hear(243, "create", json!({"client": card(6, "Ольга", "+79000000001", "olga@example.test")})).await;
    let twice = json!({"client": card(7, "Кто-то", "+79000000001", ""), "attendance": 1});
    salon.hear(244, "create", twice).await;
    let listed = salon.company_says("/records/unmatched").await;
    let listed = listed["records"].as_array().expect("a list");
    assert_eq!((listed.len(), &listed[0]["record_id"]), (1, &json!(244)), "{listed:?}");
    assert_eq!(listed[0]["matched"], "ambiguous");
    assert_eq!(listed[0]["candidates"].as_array().map(Vec::len), Some(2));
    assert_eq!(salon.kinds(&anna).await, Vec::<String>::new(), "nobody earns what is nobody's");

    let (status, _) = salon.send("/records/244/client", json!({"client_id": olga["id"]})).await;
    assert_eq!(status, 200);
    salon.until("olga has it", async || salon.kinds(&olga).await == ["accrue"]).await;
    let listed = salon.company_says("/records/unmatched").await;
    assert_eq!(listed["records"], json!([]));
    let at =
        chrono::DateTime::from_timestamp_millis(salon.app().now().0 + 5_000).expect("a time").to_rfc3339();
    let edited = json!({"client": card(7, "Кто-то", "+79000000001", ""), "attendance": 1, "comment": "x", "last_change_date": at});
    salon.hear(244, "update", edited).await;
    let row = salon.record(244).await;
    assert_eq!(
        (row.matched.as_str(), row.client.as_ref().map(|c| json!(c))),
        ("person", Some(olga["id"].clone()))
    );
    for (path, body, status) in [
        ("/records/999/client", json!({"client_id": olga["id"]}), 404),
        ("/records/244/client", json!({"client_id": "cli_00000000000000000000000000"}), 400),
        ("/records/244/client", json!({"client": olga["id"]}), 400),
    ] {
        assert_eq!(salon.send(path, body).await.0, status, "{path}");
    }
    assert_eq!(salon.record(244).await.client.map(|c| json!(c)), Some(olga["id"].clone()));
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_the_crm_teaches_its_client_and_its_end_is_noted() {
    let salon = Salon::generous().await;
    salon.hear(251, "create", json!({"client": card(5, "Анна", "+79000000001", "")})).await;
    let anna = salon.client("+79000000001").await;
    let path = salon.hook_path().await;
    let told = async |status: &str, data: Value| {
        let hook = json!({"company_id": demo_trip::SALON, "resource": "client", "resource_id": 5, "status": status, "data": data});
        assert_eq!(salon.post(&path, hook.to_string()).await, 200);
        salon.until_kept().await;
    };
    told("update", card(5, "Анна Новая", "+79000000077", "anna@example.test")).await;
    let seen = salon.client("+79000000077").await;
    assert_eq!((&seen["id"], &seen["name"]), (&anna["id"], &json!("Анна Новая")));
    told("delete", json!([])).await;
    assert_eq!(salon.client("+79000000077").await["deleted_in_yclients"], true);
    salon.hear(252, "create", json!({"client": card(8, "Анна", "+79000000077", "")})).await;
    let back = salon.client("+79000000077").await;
    assert_eq!((&back["id"], &back["deleted_in_yclients"]), (&anna["id"], &json!(false)));
    assert_eq!(back["yclients_id"], 8);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_before_are_kept_too_and_whoever_has_no_bell_is_rung_for() {
    let salon = Salon::generous().await;
    salon.hear(261, "create", json!({})).await;
    let now = salon.app().now();
    let mut conn = salon.app().db.begin().await.expect("begins");
    let row = record::find(&mut conn, &salon.tenant, RecordId(261)).await.expect("read").expect("there");
    let write = record::RecordWrite {
        id: RecordId(261),
        starts_at: None,
        deleted: false,
        changed_at: now,
        body: &row.body,
        raw: "",
        over: &row.body,
    };
    record::upsert(&mut conn, &salon.tenant, write, now).await.expect("written");
    // One whose body nobody can open keeps no other from the books.
    let damaged = record::RecordWrite {
        id: RecordId(7),
        starts_at: None,
        deleted: false,
        changed_at: now,
        body: "damaged",
        raw: "",
        over: "",
    };
    record::upsert(&mut conn, &salon.tenant, damaged, now).await.expect("written");
    conn.commit().await.expect("commits");
    assert_eq!(salonbridge::app::books::ring_silent(salon.app()).await.expect("rung"), 1);
    salon.until_kept().await;
    assert_eq!(salonbridge::app::books::ring_silent(salon.app()).await.expect("rung"), 0);
    assert_eq!((salon.record(7).await.status, salon.record(261).await.matched.as_str()), (None, "made"));
    let (made, left) = salonbridge::app::codes::generate(salon.app(), &salon.tenant).await.expect("made");
    assert_eq!((made, left), (0, 0), "whoever came with a record has one");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_of_a_company_are_shown_to_nobody_else() {
    let salon = Salon::generous().await;
    salon.hear(271, "create", json!({})).await;
    let anna = salon.client("+79000000001").await;
    assert!(anna["name"].as_str().is_some_and(|name| name.starts_with("Анна")));
    let one = format!("/clients/{}", anna["id"].as_str().expect("an id"));
    for path in ["/clients", one.as_str(), "/records/unmatched"] {
        assert_eq!(salon.ask("a wrong key", salon.company(path)).await.0, 404, "{path}");
    }
    let (_, seen) = salon.ask(crate::kit::OPERATOR, salon.company(&one)).await;
    assert_eq!((&seen["name"], &seen["email"], &seen["phone"]), (&json!(""), &json!(""), &json!("+7…01")));
    let (status, refused) = salon.ask(crate::kit::OPERATOR, salon.company("/clients?q=anna")).await;
    assert_eq!((status, &refused["code"]), (403, &json!("not_allowed")), "nor are names felt for");
    let (status, _) =
        salon.ask(&salon.api_key().await, salon.company("/clients/cli_00000000000000000000000000")).await;
    assert_eq!(status, 404);
    let (status, _) = salon.ask(&salon.api_key().await, salon.company("/clients?code=a&q=b")).await;
    assert_eq!(status, 400);
    salon.world.stop().await;
}
