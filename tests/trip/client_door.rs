//! A client's way in: the code on the phone, and everything that is no way in.

use reqwest::Method;
use salonbridge::domain::client_door::{CODE_MS, IDLE_MS, MOST_TRIES, PER_PHONE, PER_PHONE_AND_DAY};
use salonbridge::domain::message::{MessageKind, OutboxState};
use salonbridge::domain::tenant::TenantState;
use salonbridge::storage::{outbox, tenant};
use serde_json::{Value, json};

use crate::client_kit::{ANNA, asked, digits, wrong};
use crate::desk_kit::{Desk, NOW};
use crate::kit::Salon;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_in_with_the_code_on_their_phone_on_sqlite() {
    on_the_phone(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_in_with_the_code_on_their_phone_on_postgres() {
    on_the_phone(Salon::active_on_postgres().await).await;
}

async fn on_the_phone(salon: Salon) {
    salon.trip().book().await.expect("booked");
    salon.told(1).await;
    salon.until_kept().await;
    let at = |path: &str| salon.url(path);
    let company = |path: &str| at(&format!("/api/v1/companies/{}{path}", salon.tenant));
    let known = asked(Method::POST, company("/sign-in"), "", json!({"phone": "8 (900) 000-00-01"})).await;
    let stranger = asked(Method::POST, company("/sign-in"), "", json!({"phone": "+79000000044"})).await;
    assert_eq!((known.status, &known.body), (202, &stranger.body));
    assert_eq!(stranger.status, 202);
    let texts = salon.told(2).await;
    assert!(texts[1].contains("Код для входа") && texts[1].contains("Студия «Пример»"), "{}", texts[1]);
    let code = digits(&texts[1]);

    let give = async |code: &str| {
        asked(Method::POST, company("/sign-in/code"), "", json!({"phone": ANNA, "code": code})).await
    };
    assert_eq!(give(&wrong(&code)).await.code(), (401, "wrong_code"));
    let entered = give(&code).await;
    assert_eq!(entered.status, 200, "{entered:?}");
    let cookie = entered.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let token = entered.body["token"].as_str().expect("a token").to_owned();
    assert!(cookie.contains(&token) && entered.body["expires_at"].is_i64());
    assert_eq!(give(&code).await.code(), (410, "code_is_over"), "a code is good once");

    let me = asked(Method::GET, at("/api/v1/profile"), &token, Value::Null).await;
    assert_eq!(
        (me.status, &me.body["name"], &me.body["phone"]),
        (200, &json!("Анна Примерова"), &json!(ANNA))
    );
    assert_eq!(me.body["unique_code"], salon.client(ANNA).await["code"]);
    assert_eq!((&me.body["balance"], &me.body["spent_bonuses"]), (&json!(0), &json!(0)));
    assert_eq!(me.body["salon"]["id"], json!(salon.tenant));

    // Of all that was asked one message left, and the desk reads no code.
    let mut conn = salon.app().db.read().await.expect("a connection");
    let rows = outbox::list_recent(&mut conn, &salon.tenant, 100).await.expect("read");
    drop(conn);
    assert_eq!(rows.iter().filter(|row| row.kind == MessageKind::SignInCode).count(), 1);
    let seen = salon.company_says("/messages?state=sent").await.to_string();
    assert!(seen.contains("sign_in_code") && seen.contains("••••••") && !seen.contains(&code), "{seen}");

    let out = asked(Method::POST, at("/api/v1/sign-out"), &token, Value::Null).await;
    assert_eq!(out.status, 204);
    let gone = asked(Method::GET, at("/api/v1/profile"), &token, Value::Null).await;
    assert_eq!(gone.code(), (401, "not_signed_in"));
    assert_eq!(gone.headers["www-authenticate"], "Bearer");
    assert_eq!(gone.headers["content-type"], "application/problem+json");
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_tried_five_times_and_holds_five_minutes() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        desk.knows(&iris, "Анна", ANNA).await;
        assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
        let (code, to) = desk.codes(&iris).await[0].clone();
        assert_eq!(to, "79000000001");
        for _ in 0..MOST_TRIES {
            assert_eq!(desk.give_code(&iris, ANNA, &wrong(&code)).await.code(), (401, "wrong_code"));
        }
        assert_eq!(
            desk.give_code(&iris, ANNA, &code).await.code(),
            (410, "code_is_over"),
            "it was tried enough"
        );

        desk.clock.advance_ms(PER_PHONE.gap_ms);
        assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
        let (second, _) = desk.codes(&iris).await[0].clone();
        desk.clock.advance_ms(CODE_MS);
        assert_eq!(
            desk.give_code(&iris, ANNA, &second).await.code(),
            (410, "code_is_over"),
            "it is too late"
        );
        assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
        let (third, _) = desk.codes(&iris).await[0].clone();
        desk.clock.advance_ms(CODE_MS - 1);
        assert_eq!(desk.give_code(&iris, ANNA, &third).await.status, 200, "until the last moment");

        // A stranger's number is tried and refused like any other.
        assert_eq!(desk.ask_code(&iris, "+79000000044").await.status, 202);
        desk.until_answered().await;
        for _ in 0..MOST_TRIES {
            let said = desk.give_code(&iris, "+79000000044", "000000").await;
            assert_eq!(said.code(), (401, "wrong_code"));
        }
        assert_eq!(desk.give_code(&iris, "+79000000044", "000000").await.code(), (410, "code_is_over"));
        assert_eq!(desk.codes(&iris).await.len(), 3, "no code went to a stranger");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_asked_for_once_a_minute_and_five_times_an_hour_known_or_not() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        desk.knows(&iris, "Анна", ANNA).await;
        for phone in [ANNA, "+79000000044"] {
            for n in 1..=PER_PHONE.most {
                assert_eq!(desk.ask_code(&iris, phone).await.status, 202, "{phone}");
                let soon = desk.ask_code(&iris, phone).await;
                assert_eq!(soon.code(), (429, "too_often"), "{phone}");
                let wait = if n < PER_PHONE.most { 60 } else { 3600 - (n - 1) * 60 };
                assert_eq!(soon.headers["retry-after"], wait.to_string(), "{phone} {n}");
                desk.clock.advance_ms(PER_PHONE.gap_ms);
            }
            let full = desk.ask_code(&iris, phone).await;
            assert_eq!(full.code(), (429, "too_often"), "{phone}");
            assert_eq!(full.body["retry_after_s"], json!(3600 - 5 * 60));
            assert_eq!(desk.ask_code(&rose, phone).await.status, 202, "another salon's is another's");
            desk.clock.advance_ms(PER_PHONE.window_ms);
            assert_eq!(desk.ask_code(&iris, phone).await.status, 202, "{phone}");
        }
        assert!(desk.codes(&rose).await.is_empty(), "Anna is no client of theirs");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_with_many_numbers_is_stopped() {
    let desk = Desk::start(salonbridge::boot::config::Env::new()).await;
    let iris = desk.company(101, "Ирис").await;
    let mut asked = 0;
    while desk.ask_code(&iris, &format!("+790000010{asked:02}")).await.status == 202 {
        asked += 1;
        assert!(asked < 99, "never stopped");
    }
    assert_eq!(asked, 30, "of one address");
    desk.knows(&iris, "Анна", ANNA).await;
    let mut tried = 0;
    while desk.give_code(&iris, ANNA, "123456").await.status != 429 {
        tried += 1;
        assert!(tried < 99, "never stopped");
    }
    assert_eq!(tried, 60, "of one address");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_no_code_and_no_salon_is_refused() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        desk.knows(&iris, "Анна", ANNA).await;
        for phone in ["", "12", "Анна", "+7900000000100000"] {
            assert_eq!(desk.ask_code(&iris, phone).await.code(), (400, "bad_phone"), "{phone}");
        }
        for code in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(desk.give_code(&iris, ANNA, code).await.code(), (400, "bad_code"), "{code}");
        }
        assert_eq!(
            desk.give_code(&iris, ANNA, "123456").await.code(),
            (410, "code_is_over"),
            "never asked for"
        );
        let path = format!("/api/v1/companies/{iris}/sign-in");
        for body in [json!({}), json!({"phone": ANNA, "lang": "ru"}), json!([])] {
            let said = desk.says(Method::POST, &path, "", body).await;
            assert_eq!(said.code(), (400, "bad_body"));
        }
        assert_eq!(
            desk.says(Method::POST, "/api/v1/companies/tnt_x/sign-in", "", json!({"phone": ANNA}))
                .await
                .status,
            404
        );
        assert_eq!(
            desk.says(Method::POST, "/api/v1/sign-out", "", Value::Null).await.code(),
            (401, "not_signed_in")
        );

        // A foreign number with the same last digits is somebody else's.
        assert_eq!(desk.ask_code(&iris, "+19000000001").await.status, 202);
        assert!(desk.codes(&iris).await.is_empty());
        // A code of one salon opens no other.
        desk.clock.advance_ms(PER_PHONE.gap_ms);
        desk.knows(&rose, "Анна", ANNA).await;
        assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
        assert_eq!(desk.ask_code(&rose, ANNA).await.status, 202);
        let ((hers, _), (other, _)) =
            (desk.codes(&iris).await[0].clone(), desk.codes(&rose).await[0].clone());
        if hers != other {
            assert_eq!(desk.give_code(&rose, ANNA, &hers).await.code(), (401, "wrong_code"));
        }
        assert_eq!(desk.give_code(&iris, ANNA, &hers).await.status, 200);

        let mut conn = desk.app().db.begin().await.expect("begins");
        tenant::set_state(&mut conn, &rose, TenantState::Active, TenantState::Frozen, NOW)
            .await
            .expect("set");
        conn.commit().await.expect("commits");
        assert_eq!(desk.ask_code(&rose, "+79000000003").await.code(), (409, "not_active"));
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sitting_ends_when_nobody_comes_and_a_clients_token_is_no_desks() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        desk.knows(&iris, "Анна", ANNA).await;
        let token = desk.signed_in(&iris, ANNA).await;
        let me = async || desk.says(Method::GET, "/api/v1/profile", &token, Value::Null).await.status;
        desk.clock.advance_ms(IDLE_MS - 1);
        assert_eq!(me().await, 200);
        desk.clock.advance_ms(IDLE_MS - 1);
        assert_eq!(me().await, 200, "counted from the last sign of life");
        for path in ["/clients", "/messages", "/health"] {
            let company = format!("/api/v1/companies/{iris}{path}");
            assert_eq!(desk.says(Method::GET, &company, &token, Value::Null).await.status, 404, "{path}");
        }
        desk.clock.advance_ms(IDLE_MS);
        assert_eq!(me().await, 401);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_another_number_by_now_signs_in_anew() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let anna = desk.knows(&iris, "Анна", ANNA).await;
        let token = desk.signed_in(&iris, ANNA).await;
        let me = async || desk.says(Method::GET, "/api/v1/profile", &token, Value::Null).await.status;
        assert_eq!(me().await, 200);
        desk.has_number(&iris, &anna, "+79000000077").await;
        assert_eq!(me().await, 401, "the code went to a number that is somebody else's");
        desk.has_number(&iris, &anna, ANNA).await;
        assert_eq!(me().await, 200);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_codes_that_wait_only_the_later_goes_out() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        desk.knows(&iris, "Анна", ANNA).await;
        for _ in 0..2 {
            assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
            desk.until_answered().await;
            desk.clock.advance_ms(PER_PHONE.gap_ms);
        }
        let mut conn = desk.app().db.read().await.expect("a connection");
        let rows = outbox::list_recent(&mut conn, &iris, 9).await.expect("read");
        drop(conn);
        let states: Vec<_> = rows.iter().map(|row| (row.state, row.reason.as_str())).collect();
        assert_eq!(states[1], (OutboxState::Cancelled, "superseded"), "{states:?}");
        assert_eq!(states[0].0, OutboxState::Planned, "{states:?}");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_written_to_ten_times_a_day_and_no_more() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        desk.knows(&iris, "Анна", ANNA).await;
        for n in 0..PER_PHONE_AND_DAY.most {
            assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202, "{n}");
            desk.clock.advance_ms(PER_PHONE.window_ms);
        }
        let full = desk.ask_code(&iris, ANNA).await;
        assert_eq!(full.code(), (429, "too_often"));
        assert_eq!(full.headers["retry-after"], (14 * 3600).to_string());
        desk.clock.advance_ms(14 * PER_PHONE.window_ms);
        assert_eq!(desk.ask_code(&iris, ANNA).await.status, 202);
        desk.stop().await;
    }
}
