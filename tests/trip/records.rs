//! What the hooks of one record, in whatever shape and order they come, make us tell its client.

use salonbridge::app::{enqueue, replan};
use salonbridge::boot::demo_trip;
use salonbridge::domain::tenant::TenantState;
use salonbridge::kernel::crm_id::RecordId;
use salonbridge::kernel::id::InboxId;
use salonbridge::kernel::pack::pack;
use salonbridge::storage::inbox::{self, NewInbox};
use salonbridge::storage::{job, outbox, record, tenant};
use serde_json::{Value, json};

use crate::kit::Salon;

/// A hook with nothing but what is said here, as YClients posts a change of one field.
fn part(record: i64, status: &str, data: Value) -> String {
    json!({"company_id": 990_101, "resource": "record", "resource_id": record, "status": status, "data": data})
        .to_string()
}

/// Hooks overtake each other by more than a settle window too.
#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_comes_long_after_the_deletion_does_not_undo_it() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.post(&path, part(102, "update", json!({"id": 102, "deleted": true}))).await;
    salon.decided("silent", "never_told").await;
    salon.post(&path, salon.hook(102, "create", json!({}))).await;
    // The journal knows no such record.
    salon.decided("asked", "crm_gone").await;
    salon.told(0).await;
    salon.world.stop().await;
}

/// The journal's times have a resolution of a second, and its hooks come in any order.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_hooks_of_one_second_the_journal_says_which_is_so() {
    let salon = Salon::active().await;
    let id = salon.trip().book().await.expect("booked").parse::<i64>().expect("a number");
    salon.told(1).await;
    let moved = |hour| json!({"datetime": demo_trip::visit_time(5, hour), "silent": true});
    let changed = salon.crm("PATCH", &format!("/admin/records/{id}"), moved(18)).await;
    let (path, second) = (salon.hook_path().await, &changed["last_change_date"]);
    let said = |hour| {
        let at = demo_trip::visit_time(5, hour);
        salon.hook(id, "update", json!({"date": at, "datetime": null, "last_change_date": second}))
    };
    // The last of the edits comes first, and one that it had overtaken after it.
    salon.post(&path, said(18)).await;
    assert!(salon.told(2).await[1].contains("18:00"));
    salon.post(&path, said(17)).await;
    salon.decided("asked", "crm_read").await;
    salon.told(2).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_says_no_time_is_not_undone_by_the_creation_before_it() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(101, "create", json!({}))).await;
    salon.post(&path, part(101, "delete", json!([]))).await;
    salon.decided("silent", "never_told").await;
    salon.told(0).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_was_told_while_the_record_was_read_counts_on_sqlite() {
    told_while_reading(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_was_told_while_the_record_was_read_counts_on_postgres() {
    told_while_reading(Salon::active_on_postgres().await).await;
}

async fn told_while_reading(salon: Salon) {
    let booked = salon.trip().book().await.expect("booked");
    let id = RecordId(booked.parse().expect("a number"));
    salon.told(1).await;
    let (path, slow) = (salon.hook_path().await, "GET /api/v1/record/*");
    let faults = json!({"routes": [{"route": slow, "kind": "slow", "delay_ms": 1500, "count": 1}]});
    salon.crm("POST", "/admin/faults", faults).await;
    let other_master = json!({"staff_id": 1_500_102, "silent": true});
    salon.crm("PATCH", &format!("/admin/records/{id}"), other_master).await;
    salon.post(&path, part(id.0, "update", json!({"id": id.0, "staff_id": 1_500_102}))).await;
    salon
        .until("the record is being read", async || {
            salon.crm("GET", "/admin/faults", Value::Null).await["routes"][0]["hits"] == 1
        })
        .await;

    // As when a message of this very content goes out meanwhile.
    let key = salon.app().keys.of(&salon.tenant).await.expect("a key");
    let mut conn = salon.app().db.begin().await.expect("begins");
    let row = record::find(&mut conn, &salon.tenant, id).await.expect("read").expect("there");
    let told = key.open("told", &booked, &row.told).expect("ours");
    let mut told: Value = serde_json::from_slice(&told).expect("JSON");
    told["master"] = json!("Ольга Образцова");
    told["master_id"] = json!(1_500_102);
    let sealed = key.seal("told", &booked, told.to_string().as_bytes());
    record::set_told(&mut conn, &salon.tenant, id, &sealed, salon.app().now()).await.expect("noted");
    conn.commit().await.expect("commits");

    salon.decided("silent", "already_told").await;
    salon.told(1).await;
    salon.world.stop().await;
}

async fn set_state(salon: &Salon, from: TenantState, to: TenantState) {
    let now = salon.app().now();
    let mut conn = salon.app().db.begin().await.expect("begins");
    assert!(tenant::set_state(&mut conn, &salon.tenant, from, to, now).await.expect("set"));
    if to == TenantState::Frozen {
        outbox::withdraw_all(&mut conn, &salon.tenant, "salon_stopped", now).await.expect("withdrawn");
    } else {
        replan::replan_upcoming(&mut conn, &salon.tenant, now).await.expect("rung");
    }
    conn.commit().await.expect("commits");
    salon.app().ring();
}

/// Whether no record is to be looked at any more.
async fn idle(salon: &Salon) -> bool {
    let mut conn = salon.app().db.read().await.expect("a connection");
    let jobs = job::count(&mut conn).await.expect("counted");
    jobs.iter().all(|(kind, ..)| kind != enqueue::ABSORB)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thawed_salon_says_what_it_kept_to_itself() {
    let salon = Salon::active().await;
    salon.decided("sent", "welcome").await;
    let gateway = salon.app().gateway().expect("a gateway").clone();
    gateway.stop(&salon.tenant).await;
    salon.trip().book().await.expect("booked");
    salon.decided("planned", "confirmation").await;
    set_state(&salon, TenantState::Active, TenantState::Frozen).await;
    gateway.restore(&salon.tenant).await.expect("wakes");
    let mut second = String::new();
    for hour in [11, 18] {
        let booking = json!({
            "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "staff_id": 1_500_101, "services": [7_700_201],
            "datetime": demo_trip::visit_time(4, hour), "length": 5400,
        });
        let path = format!("/admin/salons/{}/records", demo_trip::SALON);
        second = salon.crm("POST", &path, booking).await["id"].to_string();
    }
    salon.crm("DELETE", &format!("/admin/records/{}", second.trim_matches('"')), Value::Null).await;
    salon
        .until("hooks while frozen", async || {
            salon.decisions().await.iter().filter(|(_, reason)| reason == "salon_frozen").count() >= 2
                && idle(&salon).await
        })
        .await;
    let silent = async || salon.decisions().await.into_iter().filter(|(verb, _)| verb == "silent").count();
    let before = silent().await;
    set_state(&salon, TenantState::Frozen, TenantState::Active).await;
    salon.told(2).await;
    set_state(&salon, TenantState::Active, TenantState::Frozen).await;
    set_state(&salon, TenantState::Frozen, TenantState::Active).await;
    salon.until("all is looked at", async || idle(&salon).await).await;
    salon.told(2).await;
    assert_eq!(silent().await, before, "a look without news is no decision");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_hooks_is_absorbed_to_the_last() {
    let salon = Salon::active().await;
    let key = salon.app().keys.of(&salon.tenant).await.expect("a key");
    let now = salon.app().now();
    let mut conn = salon.app().db.begin().await.expect("begins");
    for number in 0..450 {
        let id = InboxId::new(now);
        let (resource, record) = if number < 225 { ("record", 121) } else { ("client", 5) };
        let hook = salon.hook(record, "update", json!({"comment": number}));
        let row = NewInbox {
            body: key.seal("inbox", id.as_str(), &pack(hook.as_bytes())),
            id,
            tenant: salon.tenant.clone(),
            source: "hook",
            resource: resource.to_owned(),
            resource_id: record,
            dedup: number.to_string(),
            received_at: now,
        };
        inbox::insert(&mut conn, &row).await.expect("kept");
    }
    for (resource, id) in [("record", 121), ("client", 5)] {
        let job = enqueue::absorb_job(&salon.tenant, resource, id, now, now);
        job::enqueue(&mut conn, &job).await.expect("rung");
    }
    conn.commit().await.expect("commits");
    salon.app().ring();
    salon
        .until("nothing waits", async || {
            let mut conn = salon.app().db.read().await.expect("a connection");
            inbox::count_waiting(&mut conn, &salon.tenant).await.expect("counted") == 0
        })
        .await;
    salon.told(1).await;
    salon.world.stop().await;
}

const OLGA: &str = "79000000002";

fn olga(id: i64) -> Value {
    json!({"client": {"id": id, "name": "Ольга", "phone": format!("+{OLGA}")}})
}

/// Texts on Olga's phone, once there are so many of them.
async fn told_olga(salon: &Salon, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    salon
        .until(&format!("{count} messages to Olga"), async || {
            let path = format!("/phones/{OLGA}/messages");
            let all = salon.trip().wa("GET", &path, &Value::Null).await.expect("her phone answers");
            let list = all.as_array().or_else(|| all["messages"].as_array()).cloned().unwrap_or_default();
            let received = list.iter().filter(|m| m["direction"] == "in");
            texts = received.map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect();
            texts.len() >= count
        })
        .await;
    assert_eq!(texts.len(), count, "{texts:#?}");
    texts
}

async fn with_olgas_phone() -> (Salon, String) {
    let salon = Salon::active().await;
    let phone = json!({"number": OLGA, "name": "Ольга"});
    salon.trip().wa("POST", "/phones", &phone).await.expect("a phone");
    let path = salon.hook_path().await;
    (salon, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_record_gets_another_client_both_hear_of_it_each_by_name() {
    let (salon, path) = with_olgas_phone().await;
    salon.post(&path, salon.hook(131, "create", json!({}))).await;
    salon.told(1).await;
    salon.post(&path, salon.hook(131, "update", olga(6))).await;
    let off = salon.told(2).await.remove(1);
    assert!(off.starts_with("Анна") && off.contains("отменена"), "{off}");
    assert!(told_olga(&salon, 1).await[0].starts_with("Ольга"));

    let mut other = olga(6);
    other["comment"] = json!("ещё раз");
    salon.post(&path, salon.hook(131, "update", other)).await;
    salon.decided("silent", "already_told").await;
    salon.post(&path, salon.hook(131, "delete", olga(6))).await;
    let off = told_olga(&salon, 2).await.remove(1);
    assert!(off.starts_with("Ольга") && off.contains("отменена"), "{off}");
    salon.told(2).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_who_gets_the_record_back_is_told_what_is_true() {
    let (salon, path) = with_olgas_phone().await;
    salon.post(&path, salon.hook(132, "create", json!({}))).await;
    salon.told(1).await;
    // There and back before anything could leave.
    let gateway = salon.app().gateway().expect("a gateway").clone();
    gateway.stop(&salon.tenant).await;
    salon.post(&path, salon.hook(132, "update", olga(6))).await;
    salon.decided("planned", "cancel").await;
    salon.post(&path, salon.hook(132, "update", json!({"comment": "назад"}))).await;
    salon.decided("silent", "already_told").await;
    gateway.restore(&salon.tenant).await.expect("wakes");
    // To one who has no WhatsApp, and back when Anna has been told that it is off.
    let nobody = json!({"client": {"id": 7, "name": "Вера", "phone": "+79000000555"}});
    salon.post(&path, salon.hook(132, "update", nobody)).await;
    salon.told(2).await;
    salon.decided("failed", "not_on_whatsapp").await;
    salon.post(&path, salon.hook(132, "update", json!({"comment": "и снова назад"}))).await;
    let texts = salon.told(3).await;
    assert!(texts[1].contains("отменена") && texts[2].contains("Вы записаны"), "{texts:#?}");
    told_olga(&salon, 0).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_number_is_confirmed_and_the_wrong_one_left_alone() {
    let (salon, path) = with_olgas_phone().await;
    let wrong = json!({"client": {"id": 6, "name": "Ольга", "phone": "+79000000001"}});
    salon.post(&path, salon.hook(133, "create", wrong)).await;
    salon.told(1).await;
    salon.post(&path, salon.hook(133, "update", olga(6))).await;
    assert!(told_olga(&salon, 1).await[0].contains("Вы записаны"));
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_a_part_of_a_record_is_told_the_journal_is_asked_whom_to_tell() {
    let (salon, path) = with_olgas_phone().await;
    let id: i64 = salon.trip().book().await.expect("booked").parse().expect("a number");
    salon.told(1).await;
    let fails = json!({"route": "GET /api/v1/record/*", "kind": "html", "status": 502, "count": 1});
    salon.crm("POST", "/admin/faults", json!({"routes": [fails]})).await;
    let time = demo_trip::visit_time(5, 12);
    let change = json!({"datetime": time, "client": {"name": "Ольга", "phone": OLGA}, "silent": true});
    salon.crm("PATCH", &format!("/admin/records/{id}"), change).await;
    salon.post(&path, part(id, "update", json!({"id": id, "date": time}))).await;
    assert!(told_olga(&salon, 1).await[0].contains("12:00"));
    let off = salon.told(2).await.remove(1);
    assert!(off.starts_with("Анна") && off.contains("15:00") && off.contains("отменена"), "{off}");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_says_and_we_cannot_read_is_read_from_the_journal() {
    let (salon, path) = with_olgas_phone().await;
    let id: i64 = salon.trip().book().await.expect("booked").parse().expect("a number");
    salon.told(1).await;
    let silently = async |change: Value| {
        salon.crm("PATCH", &format!("/admin/records/{id}"), change).await;
    };
    silently(json!({"datetime": demo_trip::visit_time(5, 12), "silent": true})).await;
    salon.post(&path, part(id, "update", json!({"id": id, "date": "завтра в полдень"}))).await;
    assert!(salon.told(2).await[1].contains("12:00"));
    silently(json!({"client": {"name": "Ольга", "phone": OLGA}, "silent": true})).await;
    salon.post(&path, part(id, "update", json!({"id": id, "client": {"id": 6, "name": "Ольга"}}))).await;
    assert!(told_olga(&salon, 1).await[0].starts_with("Ольга"));
    salon.told(3).await;
    salon.world.stop().await;
}
