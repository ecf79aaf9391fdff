//! What YClients may post, good and bad, and what becomes of it.

use salonbridge::boot::demo_trip;
use salonbridge::kernel::id::InboxId;
use salonbridge::kernel::secret::hmac_sha256;
use salonbridge::storage::Db;
use salonbridge::storage::inbox::{self, NewInbox};
use serde_json::{Value, json};

use crate::kit::Salon;

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_hook_gets_its_own_answer_and_each_good_one_is_kept() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    let good = salon.hook(1, "create", json!({}));
    assert_eq!(salon.post("/webhook/yclients/0123456789abcdef", good.clone()).await, 404, "nobody's address");
    let foreign = good.replace("990101", "990102");
    assert_eq!(salon.post(&path, foreign).await, 403, "another salon's event");
    assert_eq!(salon.post(&path, "{\"resource\":").await, 400, "half a body");
    assert_eq!(salon.post(&path, "<html>").await, 400, "no JSON");
    assert_eq!(salon.post(&path, vec![b' '; (1 << 20) + 1]).await, 413, "huge");
    let unknown = json!({"company_id": 990_101, "resource": "moon_phase", "resource_id": 5, "status": "update", "data": []});
    assert_eq!(salon.post(&path, unknown.to_string()).await, 200, "kept, though not understood");
    let pair = format!("[{}, {}]", salon.hook(11, "create", json!({})), unknown);
    assert_eq!(salon.post(&path, pair).await, 200, "several at once");
    assert_eq!(salon.told(1).await.len(), 1, "the record in the array is told");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_hooks_of_one_edit_make_one_message_on_sqlite() {
    repeated_and_shuffled(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_shuffled_hooks_of_one_edit_make_one_message_on_postgres() {
    repeated_and_shuffled(Salon::active_on_postgres().await).await;
}

async fn repeated_and_shuffled(salon: Salon) {
    salon
        .crm("POST", "/admin/faults", json!({"hooks": {"copies_min": 3, "copies_max": 4}, "hook_wire": {"shuffle_services": true, "numbers_as_strings": true, "wrong_offset": true}}))
        .await;
    let record = salon.trip().book().await.expect("booked");
    let told = salon.told(1).await;
    assert!(told[0].contains("15:00"), "salon time, whatever the offset says: {told:?}");
    let path = format!("/admin/records/{record}");
    salon
        .crm(
            "PATCH",
            &path,
            json!({"datetime": demo_trip::visit_time(4, 11), "services": [7_700_201, 7_700_202]}),
        )
        .await;
    assert!(salon.told(2).await[1].contains("Услуги:"), "one change, both services");
    salon.crm("PATCH", &path, json!({"attendance": "confirmed"})).await;
    salon.decided("silent", "attendance_only").await;
    salon.told(2).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_hooks_are_merged_and_read_again_where_they_do_not_suffice() {
    let salon = Salon::active().await;
    salon.crm("POST", "/admin/faults", json!({"hooks": {"partial": true}})).await;
    let record = salon.trip().book().await.expect("booked");
    assert!(salon.told(1).await[0].contains("Маникюр с покрытием"));
    let path = format!("/admin/records/{record}");
    salon.crm("PATCH", &path, json!({"comment": "окно открыто"})).await;
    salon.decided("silent", "already_told").await;
    salon.crm("PATCH", &path, json!({"staff_id": 1_500_102})).await;
    assert!(salon.told(2).await[1].contains("Ольга Образцова"), "a name that only a read knows");
    salon.world.stop().await;
}

/// A part of a record says no time. One that was on its way for long would take back what came since, and silently: the client
/// knows that state already.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_comes_late_takes_nothing_back() {
    let rules = "settle_ms = 1500\npacing.is_on = false".to_owned();
    let salon = Salon::active_with([("SALONBRIDGE_RULES", rules)]).await;
    let path = salon.hook_path().await;
    let record: i64 = salon.trip().book().await.expect("booked").parse().expect("a number");
    salon.told(1).await;
    let known = salon.crm("GET", &format!("/admin/records/{record}"), Value::Null).await;
    salon
        .crm("PATCH", &format!("/admin/records/{record}"), json!({"datetime": demo_trip::visit_time(5, 11)}))
        .await;
    salon
        .until("the move was heard", async || {
            let log = salon.crm("GET", &format!("/admin/hooks?resource_id={record}"), Value::Null).await;
            let hooks = log["hooks"].as_array().cloned().unwrap_or_default();
            hooks.iter().any(|hook| hook["event"] == "update" && hook["status"] == 200)
        })
        .await;
    let mut late: Value = serde_json::from_str(&salon.hook(record, "update", json!({}))).expect("JSON");
    late["data"] = json!({"id": record, "date": known["date"], "datetime": known["datetime"]});
    assert_eq!(salon.post(&path, late.to_string()).await, 200);
    assert!(salon.told(2).await[1].contains("11:00"), "the journal was asked which of the two is so");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_within_the_settle_window_says_nothing() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.post(&path, salon.hook(21, "create", json!({}))).await;
    salon.told(1).await;
    salon.post(&path, salon.hook(21, "update", json!({"date": demo_trip::visit_time(5, 9)}))).await;
    salon.post(&path, salon.hook(21, "update", json!({"comment": "back"}))).await;
    salon.decided("silent", "already_told").await;
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_stored_with_its_reason() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    for (record, changes, reason) in [
        (31, json!({"client": null}), "no_client"),
        (32, json!({"client": {"id": 5, "name": "Анна", "phone": ""}}), "no_phone"),
        (33, json!({"date": demo_trip::visit_time(-1, 9)}), "past_visit"),
        (34, json!({"create_date": "2020-01-01T10:00:00+0300"}), "before_install"),
        (35, json!({"deleted": true}), "never_told"),
    ] {
        assert_eq!(salon.post(&path, salon.hook(record, "update", changes)).await, 200);
        salon.decided("silent", reason).await;
    }
    salon.told(0).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_whatsapp_is_said_to_have_none_and_a_refusal_is_seen() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    let stranger = json!({"client": {"id": 6, "name": "Борис", "phone": "+79000000555"}});
    salon.post(&path, salon.hook(41, "create", stranger)).await;
    salon.decided("failed", "not_on_whatsapp").await;
    salon.trip().wa("POST", "/faults", &json!({"nack": {"code": 479, "next": 1}})).await.expect("set");
    salon.post(&path, salon.hook(42, "create", json!({}))).await;
    salon.decided("failed", "refused_479").await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_yclients_fails_nothing_is_lost() {
    let salon = Salon::active().await;
    salon
        .crm(
            "POST",
            "/admin/faults",
            json!({
                "hooks": {"partial": true},
                "routes": [
                    {"route": "GET /api/v1/record/*", "kind": "html", "status": 502, "count": 1},
                    {"route": "GET /api/v1/record/*", "kind": "half", "count": 1},
                ],
            }),
        )
        .await;
    salon.trip().book().await.expect("booked");
    assert!(salon.told(1).await[0].contains("15:00"));
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_and_bound_to_what_it_quotes() {
    let salon = Salon::active().await;
    salon.trip().book().await.expect("booked");
    salon.told(1).await;
    let received = salon.trip().received().await.expect("the phone answers");
    let reply =
        json!({"to": demo_trip::SALON_PHONE, "text": "буду", "quoted": received[0]["id"], "by": "lid"});
    let path = format!("/phones/{}/send", demo_trip::CLIENT_PHONE);
    let sent: Value = salon.trip().wa("POST", &path, &reply).await.expect("sent");
    assert!(sent["id"].is_string());
    salon.decided("answered", "by_quote").await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_a_hook_is_never_falsely_acknowledged() {
    for salon in [Salon::active().await, Salon::active_on_postgres().await] {
        let path = salon.hook_path().await;
        assert_eq!(salon.post(&path, salon.hook(81, "create", json!({}))).await, 200);
        salon.app().db.close().await;
        assert_eq!(
            salon.post(&path, salon.hook(82, "create", json!({}))).await,
            503,
            "say so, and keep nothing"
        );
        assert_eq!(salon.get("/health/ready").await, 503);
        assert_eq!(salon.get("/health/live").await, 200);
        salon.world.stop().await;
    }
}

/// Says something to SQLite's one writer, or has PostgreSQL's operator say it and end every connection.
async fn tell_database(salon: &Salon, pragma: &'static str, setting: &str) {
    match &salon.app().db {
        Db::Sqlite { writer, .. } => {
            // A connection that a failure left behind is replaced first: what is told is told to the new one.
            drop(salon.app().db.begin().await.expect("begins"));
            sqlx::query(pragma).execute(writer).await.expect("set");
        }
        Db::Postgres(pool) => {
            let name: String =
                sqlx::query_scalar("SELECT current_database()").fetch_one(pool).await.expect("a name");
            let server = std::env::var("TEST_DATABASE_URL").expect("the kit took it");
            let operator = sqlx::PgPool::connect(&server).await.expect("the server answers");
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'";
            for statement in [&format!("ALTER DATABASE {{name}} {setting}"), end] {
                let statement = sqlx::AssertSqlSafe(statement.replace("{name}", &name));
                sqlx::query(statement).execute(&operator).await.expect("done");
            }
        }
    }
}

/// Each hook has one answer, and the answer is true: a 200 is kept, a 503 is not and may be posted again.
async fn room_is_made(salon: Salon) {
    let path = salon.hook_path().await;
    let hooks: Vec<_> = (91..95).map(|record| salon.hook(record, "create", json!({}))).collect();
    let mut refused = Vec::new();
    for hook in &hooks {
        tell_database(&salon, "PRAGMA max_page_count = 1", "SET default_transaction_read_only = on").await;
        match salon.post(&path, hook.clone()).await {
            503 => refused.push(hook),
            // Something else met the lack of room first, and SQLite's replaced connection knows of none.
            answer => assert_eq!(answer, 200),
        }
    }
    assert!(!refused.is_empty(), "not one hook met a full database");
    tell_database(&salon, "PRAGMA max_page_count = 1000000", "RESET default_transaction_read_only").await;
    for hook in refused {
        assert_eq!(salon.post(&path, hook.clone()).await, 200, "there is room again");
    }
    salon.told(hooks.len()).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sqlite_refuses_hooks_and_takes_them_when_room_is_made() {
    room_is_made(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_only_reads_refuses_hooks_and_takes_them_when_it_writes_again() {
    room_is_made(Salon::active_on_postgres().await).await;
}

/// The lock falls into the sending of the welcome, whose job's end cannot be written: it must not hold up what comes after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_locked_sqlite_refuses_hooks_and_takes_them_when_it_is_free() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    let hook = salon.hook(96, "create", json!({}));
    let Db::Sqlite { writer, .. } = &salon.app().db else { panic!("not SQLite") };
    sqlx::query("PRAGMA busy_timeout = 50").execute(writer).await.expect("set");
    let file = salon.folder.path().join("salonbridge.db");
    let stranger =
        sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display())).await.expect("a backup tool, say");
    let held = stranger.begin_with("BEGIN IMMEDIATE").await.expect("held");
    assert_eq!(salon.post(&path, hook.clone()).await, 503);
    assert_eq!(salon.post(&path, hook.clone()).await, 503);
    held.rollback().await.expect("let go");
    assert_eq!(salon.post(&path, hook.clone()).await, 200, "the same hook, now kept");
    assert_eq!(salon.post(&path, hook).await, 200, "and its repeat");
    salon.told(1).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_no_table_can_hold_drags_no_other_down() {
    for salon in [Salon::active_on_postgres().await, Salon::active().await] {
        let path = salon.hook_path().await;
        for resource in ["rec\\u0000ord".to_owned(), "record:97:1".to_owned(), "r".repeat(10_000)] {
            let body = format!(
                r#"{{"company_id":990101,"resource":"{resource}","resource_id":97,"status":"create"}}"#
            );
            let good = salon.hook(97, "create", json!({}));
            let both = futures::join!(salon.post(&path, body), salon.post(&path, good));
            assert_eq!(both, (400, 200), "{resource:.20}");
        }
        salon.told(1).await;
        salon.world.stop().await;
    }
}

/// One address for all salons, told apart by what the body says: only for those who sign.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_by_a_key_that_is_no_more_stops_nothing() {
    for salon in [Salon::active().await, Salon::active_on_postgres().await] {
        let (app, tenant) = (salon.app(), &salon.tenant);
        let (other_key, _) = app.keys.master().new_data_key(tenant);
        for (resource, number) in [("record", 67), ("client", 6)] {
            let id = InboxId::new(app.now());
            let row = NewInbox {
                body: other_key.seal("inbox", id.as_str(), b"anything"),
                id,
                tenant: tenant.clone(),
                source: "hook",
                resource: resource.to_owned(),
                resource_id: number,
                dedup: "of another installation".to_owned(),
                received_at: app.now(),
            };
            let mut conn = app.db.begin().await.expect("begins");
            inbox::insert(&mut conn, &row).await.expect("stored");
            conn.commit().await.expect("commits");
        }
        let path = salon.hook_path().await;
        let card = json!({"company_id": 990_101, "resource": "client", "resource_id": 6, "status": "update", "data": {"id": 6}});
        assert_eq!(salon.post(&path, card.to_string()).await, 200);
        salon.post(&path, salon.hook(67, "create", json!({}))).await;
        assert!(salon.told(1).await[0].contains("15:00"));
        salon.until_kept().await;
        salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_all_salons_takes_what_is_signed_and_of_a_salon_that_is_here() {
    const ADDRESS: &str = "/api/v1/yclients/webhook";
    let secret = "a secret that both sides know, and nobody else";
    let sign = |body: &str| hex::encode(hmac_sha256(secret.as_bytes(), body.as_bytes()));
    let open = Salon::active().await;
    assert_eq!(open.post(ADDRESS, open.hook(51, "create", json!({}))).await, 404, "no secret was agreed");
    open.world.stop().await;

    let salon = Salon::active_with([("YCLIENTS_WEBHOOK_SECRET", secret.to_owned())]).await;
    let post = async |body: String, signature: String| {
        let asked = salon.http.post(salon.url(ADDRESS)).header("x-yclients-signature", signature).body(body);
        asked.send().await.expect("an answer").status().as_u16()
    };
    let hook = salon.hook(52, "create", json!({}));
    assert_eq!(salon.post(ADDRESS, hook.clone()).await, 401, "unsigned");
    assert_eq!(post(hook.clone(), sign("another body")).await, 401);
    let foreign = hook.replace(&demo_trip::SALON.to_string(), "424242");
    assert_eq!(post(foreign.clone(), sign(&foreign)).await, 404, "no salon of ours");
    assert_eq!(post("[]".to_owned(), sign("[]")).await, 400);
    assert_eq!(post(hook.clone(), sign(&hook)).await, 200);
    salon.told(1).await;
    // The salon's own address asks for the signature as well; the sandbox's hooks have none.
    assert_eq!(salon.post(&salon.hook_path().await, hook).await, 401);
    salon.world.stop().await;
}
