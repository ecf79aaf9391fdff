//! Bonuses: what a visit earns however it is told, and what desks spend at once.

use salonbridge::boot::demo_trip;
use salonbridge::domain::bonus::{Entry, Kind};
use salonbridge::kernel::id::ClientKey;
use salonbridge::storage::ledger::{self, NewPosting};
use serde_json::{Value, json};

use crate::kit::Salon;

impl Salon {
    /// Changes a record in the journal; its hooks follow.
    async fn edit(&self, record: &str, change: Value) {
        self.crm("PATCH", &format!("/admin/records/{record}"), change).await;
    }

    async fn until_balance(&self, phone: &str, balance: i64) {
        let mut last = Value::Null;
        self.until(&format!("{phone} has {balance}"), async || {
            last = self.client(phone).await;
            last["balance"] == balance
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_earns_once_however_often_and_in_whatever_order_it_is_told_on_sqlite() {
    a_visit_earns_once(Salon::generous().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_earns_once_however_often_and_in_whatever_order_it_is_told_on_postgres() {
    a_visit_earns_once(Salon::generous_on_postgres().await).await;
}

async fn a_visit_earns_once(salon: Salon) {
    let path = salon.hook_path().await;
    let booked = salon.trip().book().await.expect("booked");
    salon.told(1).await;
    salon.until_kept().await;
    let before = salon.client("+79000000001").await;
    assert_eq!((&before["balance"], &before["records"][0]["status"]), (&json!(0), &json!("pending")));
    let price = before["records"][0]["price"].as_i64().expect("a price");
    assert!(price > 0 && before["records"][0]["minutes"].as_i64() > Some(0), "{before}");

    let earlier = salon.crm("GET", &format!("/admin/records/{booked}"), Value::Null).await;
    salon.edit(&booked, json!({"attendance": "arrived"})).await;
    salon.until_balance("+79000000001", price / 10).await;
    let now = salon.crm("GET", &format!("/admin/records/{booked}"), Value::Null).await;
    let hook = |data: &Value, n: usize| {
        // Another text each time, so that it does not fold into one that waits.
        let mut data = data.clone();
        data["notified"] = json!(n);
        json!({"company_id": demo_trip::SALON, "resource": "record", "resource_id": data["id"], "status": "update", "data": data})
            .to_string()
    };
    for n in 0..4 {
        salon.post(&path, hook(&now, n)).await;
        salon.post(&path, hook(&earlier, n)).await;
    }
    salon.until_kept().await;
    let anna = salon.client("+79000000001").await;
    assert_eq!(anna["balance"], price / 10, "repeated, and what came late is not news");
    assert_eq!(salon.kinds(&anna).await, ["accrue"]);

    salon.edit(&booked, json!({"attendance": "waiting"})).await;
    salon.until_balance("+79000000001", 0).await;
    salon.edit(&booked, json!({"attendance": "arrived"})).await;
    salon.until_balance("+79000000001", price / 10).await;
    salon.edit(&booked, json!({"services": [{"id": 7_700_201, "cost": 1000.5}]})).await;
    salon.until_balance("+79000000001", 10_005).await;
    salon.crm("DELETE", &format!("/admin/records/{booked}"), Value::Null).await;
    salon.until_balance("+79000000001", 0).await;
    let anna = salon.client("+79000000001").await;
    let shown = &anna["records"][0];
    assert_eq!(shown["status"], "cancelled");
    assert!(shown["cancelled_at"].is_i64(), "{shown}");
    assert_eq!(salon.kinds(&anna).await.len(), 5);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_at_once_spend_no_more_than_there_is_on_sqlite() {
    desks_at_once(Salon::generous().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_at_once_spend_no_more_than_there_is_on_postgres() {
    desks_at_once(Salon::generous_on_postgres().await).await;
}

async fn desks_at_once(salon: Salon) {
    salon
        .hear(
            201,
            "create",
            json!({"attendance": 1, "date": demo_trip::visit_time(-1, 12), "datetime": null}),
        )
        .await;
    let anna = salon.client("+79000000001").await;
    assert_eq!(anna["balance"], 22_500, "a tenth of 2250");
    let code = anna["code"].as_str().expect("a code").to_owned();
    let wish = |key: String| json!({"code": code.to_lowercase(), "amount": 10_000, "idempotency_key": key});
    let desks = (0..8).map(|desk| salon.send("/bonuses/spend", wish(format!("desk {desk}"))));
    let answers = futures::future::join_all(desks).await;
    let served: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
    assert_eq!(served.len(), 2, "{answers:?}");
    for (_, refused) in answers.iter().filter(|(status, _)| *status != 200) {
        assert_eq!((&refused["code"], &refused["status"]), (&json!("not_enough_bonuses"), &json!(409)));
        assert_eq!(refused["balance"], 2_500);
    }
    let left = salon.client("+79000000001").await;
    assert_eq!((&left["balance"], &left["spent_bonuses"]), (&json!(2_500), &json!(20_000)));

    // A replay is answered as the first was, whatever happened since.
    let (key, first) =
        answers.iter().enumerate().find(|(_, (_, said))| said["balance"] == 12_500).expect("the first");
    let (status, again) = salon.send("/bonuses/spend", wish(format!("desk {key}"))).await;
    assert_eq!(
        (status, &again["posting_id"], &again["balance"]),
        (200, &first.1["posting_id"], &json!(12_500))
    );
    assert_eq!(again["replayed"], true);
    let mut other = wish(format!("desk {key}"));
    other["amount"] = json!(1);
    let (status, refused) = salon.send("/bonuses/spend", other).await;
    assert_eq!((status, &refused["code"]), (409, &json!("key_was_used")));
    for (body, code) in [
        (json!({"code": "DFJ23456", "amount": 1, "idempotency_key": "x"}), "unknown_code"),
        (json!({"code": code, "amount": 0, "idempotency_key": "x"}), "bad_amount"),
        (json!({"code": code, "amount": -5, "idempotency_key": "x"}), "bad_amount"),
        (json!({"code": code, "amount": 1, "idempotency_key": " "}), "bad_idempotency_key"),
        (json!({"code": code, "amount": 1, "record_id": 999, "idempotency_key": "x"}), "unknown_record"),
        (json!({"code": code, "amount": 1.5, "idempotency_key": "x"}), "bad_body"),
    ] {
        let (status, refused) = salon.send("/bonuses/spend", body.clone()).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(salon.client("+79000000001").await["balance"], 2_500, "a refusal takes nothing");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_on_a_visit_is_bounded_earns_nothing_and_comes_back_on_sqlite() {
    spent_on_a_visit(Salon::generous().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_on_a_visit_is_bounded_earns_nothing_and_comes_back_on_postgres() {
    spent_on_a_visit(Salon::generous_on_postgres().await).await;
}

async fn spent_on_a_visit(salon: Salon) {
    let done = |cost: i64| {
        json!({"attendance": 1, "date": demo_trip::visit_time(-1, 12), "datetime": null,
            "services": [{"id": 7_700_201, "title": "Маникюр", "cost": cost}]})
    };
    salon.hear(211, "create", done(100_000)).await;
    salon
        .hear(212, "create", json!({"services": [{"id": 7_700_201, "title": "Маникюр", "cost": "1000.00"}]}))
        .await;
    let anna = salon.client("+79000000001").await;
    assert_eq!(anna["balance"], 1_000_000);
    let path = format!("/clients/{}/spend", anna["id"].as_str().expect("an id"));
    let wish = |amount: i64, key: &str| json!({"amount": amount, "record_id": 212, "idempotency_key": key});
    let (status, refused) = salon.send(&path, wish(50_001, "a")).await;
    assert_eq!(
        (status, &refused["code"], &refused["most"]),
        (409, &json!("too_much_of_visit"), &json!(50_000))
    );
    assert_eq!(salon.send(&path, wish(40_000, "b")).await.0, 200);
    let (_, refused) = salon.send(&path, wish(10_001, "c")).await;
    assert_eq!(refused["most"], 10_000);
    let moved = |attendance: i64, deleted: bool| {
        let at = chrono::DateTime::from_timestamp_millis(salon.app().now().0 + 5_000)
            .expect("a time")
            .to_rfc3339();
        json!({"attendance": attendance, "deleted": deleted, "last_change_date": at,
            "services": [{"id": 7_700_201, "title": "Маникюр", "cost": "1000.00"}]})
    };
    salon.hear(212, "update", moved(1, false)).await;
    assert_eq!(salon.client("+79000000001").await["balance"], 1_000_000 - 40_000 + 6_000);
    salon.hear(212, "delete", moved(1, true)).await;
    let anna = salon.client("+79000000001").await;
    assert_eq!((&anna["balance"], &anna["spent_bonuses"]), (&json!(1_000_000), &json!(0)));
    let (status, refused) = salon.send(&path, wish(1, "d")).await;
    assert_eq!((status, &refused["code"]), (409, &json!("visit_cancelled")), "it would come straight back");
    let (status, again) = salon.send(&path, wish(40_000, "b")).await;
    assert_eq!((status, &again["replayed"]), (200, &json!(true)), "what was answered stands");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_spent_in_time_is_gone_and_said_in_the_ledger() {
    let rules = "settle_ms = 100\npacing.is_on = false\n[bonus]\npercent = 10\nexpire_days = 30";
    let salon = Salon::active_with([("SALONBRIDGE_RULES", rules.to_owned())]).await;
    salon.hear(231, "create", json!({"attendance": 1})).await;
    let anna = salon.client("+79000000001").await;
    assert_eq!(anna["balance"], 22_500);
    let id = ClientKey::parse(anna["id"].as_str().expect("an id")).expect("ours");
    let old = salon.app().now().plus_ms(-31 * 24 * 3_600_000);
    let mut conn = salon.app().db.begin().await.expect("begins");
    for (key, kind, amount) in [("a", Kind::Accrue, 7_000), ("b", Kind::Spend, 3_000)] {
        let entry = Entry::new(kind, &id, amount).expect("more than nothing");
        let new = NewPosting { key, entry: &entry, record: None, rate: None, balance_after: None };
        ledger::post(&mut conn, &salon.tenant, &new, old).await.expect("posted");
    }
    conn.commit().await.expect("commits");
    assert_eq!(salon.client("+79000000001").await["balance"], 22_500, "4000 of then are gone");
    let path = format!("/clients/{id}/spend");
    let wish = |amount: i64| json!({"amount": amount, "idempotency_key": amount.to_string()});
    let (status, refused) = salon.send(&path, wish(22_501)).await;
    assert_eq!((status, &refused["balance"]), (409, &json!(22_500)));
    let (status, served) = salon.send(&path, wish(22_500)).await;
    assert_eq!((status, &served["balance"]), (200, &json!(0)));
    let anna = salon.client("+79000000001").await;
    let kinds = salon.kinds(&anna).await;
    assert_eq!((kinds.iter().filter(|kind| *kind == "expire").count(), &anna["balance"]), (1, &json!(0)));
    salon.world.stop().await;
}
