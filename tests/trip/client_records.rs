//! What a client sees of themselves, where they book, and that nobody sees another's.

use futures::{SinkExt as _, StreamExt as _};
use reqwest::Method;
use salonbridge::boot::config::Env;
use salonbridge::boot::demo_trip;
use salonbridge::domain::message::OutboxState;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::client_kit::{ANNA, asked, digits, wrong};
use crate::desk_kit::Desk;
use crate::kit::{PATIENCE, Salon};

fn ids(said: &Value) -> Vec<i64> {
    let list = said["bookings"].as_array().expect("a list").iter();
    list.map(|record| record["record_id"].as_i64().expect("a number")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn own_records_are_turned_the_nearest_first_or_the_latest_first() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        for n in 0..6 {
            desk.visit(&iris, 600 + n, 1 + n, OutboxState::Sent).await;
        }
        desk.visit(&iris, 590, -30, OutboxState::Sent).await;
        desk.visit(&rose, 700, 3, OutboxState::Sent).await;
        desk.keep(&iris).await;
        desk.keep(&rose).await;
        desk.knows(&iris, "Ольга", "+79000000002").await;
        let token = desk.signed_in(&iris, ANNA).await;
        let get = async |query: &str| {
            let said = desk.says(Method::GET, &format!("/api/v1/booking{query}"), &token, Value::Null).await;
            assert_eq!(said.status, 200, "{query}: {said:?}");
            said.body
        };
        let first = get("?upcoming_only=true&limit=4").await;
        assert_eq!(ids(&first), [600, 601, 602, 603]);
        let next = first["next"].as_str().expect("a next page");
        let rest = get(&format!("?upcoming_only=true&limit=4&cursor={next}")).await;
        assert_eq!((ids(&rest), &rest["next"]), (vec![604, 605], &Value::Null));
        assert_eq!(ids(&get("").await), [605, 604, 603, 602, 601, 600, 590]);
        let second =
            get(&format!("?limit=5&cursor={}", get("?limit=5").await["next"].as_str().expect("more"))).await;
        assert_eq!(ids(&second), [600, 590]);
        let bad = desk.says(Method::GET, "/api/v1/booking?cursor=x", &token, Value::Null).await;
        assert_eq!(bad.code(), (400, "bad_cursor"));

        let record = &first["bookings"][0];
        assert_eq!(record["source"], "yclients");
        assert_eq!(record["starts_at"], "2026-03-14T16:00:00+03:00");
        assert_eq!(record["timezone"], "Europe/Moscow");
        assert_eq!((&record["status"], &record["price"]), (&json!("pending"), &json!(100_000)));
        assert_eq!(record["services"], json!([{"id": 1, "title": "Стрижка", "price": 100_000}]));
        assert_eq!(record["master"], json!({"id": 1, "name": "Олег"}));
        assert_eq!(record["salon"]["title"], "Ирис");

        // Another salon's client, of the same number, sees her own; and another client of this salon none.
        let hers = desk.signed_in(&rose, ANNA).await;
        let said = desk.says(Method::GET, "/api/v1/booking", &hers, Value::Null).await;
        assert_eq!(ids(&said.body), [700]);
        let olga = desk.signed_in(&iris, "+79000000002").await;
        let said = desk.says(Method::GET, "/api/v1/booking", &olga, Value::Null).await;
        assert_eq!(ids(&said.body), [0_i64; 0]);
        for path in ["/api/v1/booking", "/api/v1/profile"] {
            for token in ["", "x", &token[1..]] {
                assert_eq!(desk.says(Method::GET, path, token, Value::Null).await.status, 401, "{path}");
            }
        }
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_the_salons_own_and_what_is_wrong_is_said_in_words() {
    let salon = Salon::active().await;
    let get = async |path: &str| {
        let url = salon.url(&format!("/api/v1/yclients/widget-url/{path}"));
        asked(Method::GET, url, "", Value::Null).await
    };
    let of = |path: &str| format!("{path}company_id={}", salon.tenant);
    let form = format!("{}/form/n30501/company/990101/personal/menu", salon.world.yclients_url);
    let said = get(&of("7700201?")).await;
    assert_eq!(said.status, 200, "{said:?}");
    let wanted = json!({
        "widget_url": format!("{form}?o=s7700201"), "service_id": 7_700_201, "service_name": "Маникюр с покрытием",
    });
    assert_eq!(said.body, wanted);
    let with = get(&of("7700201?staff_id=1500101&")).await;
    assert_eq!(with.body["widget_url"], json!(format!("{form}?o=m1500101s7700201")));
    let page = reqwest::get(with.body["widget_url"].as_str().expect("an address")).await.expect("an answer");
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("text");
    assert!(
        page.contains("value=\"7700201\" selected") && page.contains("value=\"1500101\" selected"),
        "{page}"
    );

    for (path, code) in [
        // Unknown, switched off, another salon's, no number.
        ("1?", "service_not_linked"),
        ("7700204?", "service_not_linked"),
        ("7700211?", "service_not_linked"),
        ("x?", "service_not_linked"),
        // Unknown, and dismissed.
        ("7700201?staff_id=5&", "master_not_linked"),
        ("7700201?staff_id=1500103&", "master_not_linked"),
    ] {
        let said = get(&of(path)).await;
        assert_eq!(said.code(), (404, code), "{path}");
        assert!(said.body["detail"].as_str().is_some_and(|words| words.len() > 20), "{said:?}");
    }
    assert_eq!(get("7700201").await.code(), (400, "company_id_missing"));
    assert_eq!(get("7700201?company_id=tnt_x").await.status, 404);

    // YClients was asked once; and while it is down what it said serves.
    let asked_of = async || {
        let seen = salon.crm("GET", "/admin/requests?path=/api/v1/company/990101", Value::Null).await;
        let list = seen["requests"].as_array().cloned().unwrap_or_default();
        list.iter().filter(|it| it["query"] == "showBookforms=1").count()
    };
    let before = asked_of().await;
    assert!(before > 0);
    let down = json!({"routes": [{"route": "GET /api/v1/company/*", "kind": "status", "status": 502}]});
    salon.crm("POST", "/admin/faults", down).await;
    for _ in 0..5 {
        assert_eq!(get(&of("7700201?")).await.status, 200);
    }
    assert_eq!(asked_of().await, before);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crm_that_does_not_answer_is_said_to_be_that() {
    let desk = Desk::start(Env::new()).await;
    let iris = desk.company(101, "Ирис").await;
    desk.serves(&iris, 201, "Стрижка").await;
    let path = format!("/api/v1/yclients/widget-url/201?company_id={iris}");
    for language in ["ru", "en"] {
        let said = desk.says(Method::GET, &format!("{path}&lang={language}"), "", Value::Null).await;
        assert_eq!(said.code(), (503, "yclients_unreachable"));
        assert_eq!(said.headers["retry-after"], "1");
        let words = said.body["detail"].as_str().expect("words");
        assert_eq!(words.starts_with("YClients сейчас не"), language == "ru", "{words}");
    }
    // People read it on a page, with a way out.
    let browser = desk.browser();
    let page = browser.get(&format!("/salons/{iris}/book/201")).await;
    assert_eq!(page.status, 503);
    assert!(
        page.html.contains(&format!("/salons/{iris}/book\"")) && page.html.contains("YClients"),
        "{}",
        page.html
    );
    let page = browser.get(&format!("/salons/{iris}/book/202")).await;
    assert_eq!(page.status, 404);
    assert!(page.html.contains("не\u{a0}привязана"), "{}", page.html);

    // What was read before serves for a week, and then no more.
    desk.has_form(&iris, "https://n1.yclients.com/").await;
    let said = desk.says(Method::GET, &path, "", Value::Null).await;
    assert_eq!(said.body["widget_url"], "https://n1.yclients.com/company/101/personal/menu?o=s201");
    desk.clock.advance_ms(7 * 24 * 3_600_000 - 1);
    assert_eq!(desk.says(Method::GET, &path, "", Value::Null).await.status, 200);
    desk.clock.advance_ms(1);
    assert_eq!(desk.says(Method::GET, &path, "", Value::Null).await.code(), (503, "yclients_unreachable"));
    desk.has_form(&iris, "").await;
    assert_eq!(desk.says(Method::GET, &path, "", Value::Null).await.code(), (404, "no_booking_form"));
    desk.has_form(&iris, "https://evil.example/").await;
    assert_eq!(desk.says(Method::GET, &path, "", Value::Null).await.code(), (404, "no_booking_form"));
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_open_is_told_that_its_client_has_a_record_and_no_other_is() {
    let salon = Salon::active().await;
    salon.trip().book().await.expect("booked");
    salon.told(1).await;
    salon.hear(301, "create", json!({"client": {"id": 9, "name": "Ольга", "phone": "+79000000002"}})).await;
    let token = salon.client_token(ANNA).await;

    let (refused, said) = socket(&salon, "x").await;
    drop(refused);
    assert!(said.starts_with("44/client,") && said.contains("not-signed-in"), "{said}");
    let (mut page, said) = socket(&salon, &token).await;
    assert!(said.starts_with("40/client,"), "{said}");

    // Another client's record is none of hers: the next thing she hears is her own.
    salon.hear(302, "create", json!({"client": {"id": 9, "name": "Ольга", "phone": "+79000000002"}})).await;
    let booked = salon
        .crm("POST", &format!("/admin/salons/{}/records", demo_trip::SALON), json!({
            "client": {"name": "Анна", "phone": demo_trip::CLIENT_PHONE}, "staff_id": 1_500_101, "services": [7_700_201],
            "datetime": demo_trip::visit_time(5, 12), "length": 5400, "online": true,
        }))
        .await;
    let told = frame(&mut page).await;
    assert_eq!(told, "42/client,[\"changed\",null]", "what it is nobody says: the page asks");
    let known =
        asked(Method::GET, salon.url("/api/v1/booking?upcoming_only=true"), &token, Value::Null).await;
    assert!(ids(&known.body).contains(&booked["id"].as_i64().expect("a number")), "{known:?}");
    salon.world.stop().await;
}

type Stream = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(salon: &Salon, token: &str) -> (Stream, String) {
    let url = salon.url("/socket.io/?EIO=4&transport=websocket").replace("http://", "ws://");
    let (mut stream, _) = tokio_tungstenite::connect_async(url).await.expect("opens");
    assert!(frame(&mut stream).await.starts_with('0'));
    let greeting = format!("40/client,{}", json!({"token": token, "company_id": salon.tenant}));
    stream.send(Message::text(greeting)).await.expect("sent");
    let said = frame(&mut stream).await;
    (stream, said)
}

/// The next frame that is not a ping.
async fn frame(stream: &mut Stream) -> String {
    loop {
        let next = tokio::time::timeout(PATIENCE, stream.next()).await;
        match next.expect("in time").expect("open").expect("whole") {
            Message::Text(text) if text.as_str() == "2" => {
                stream.send(Message::text("3")).await.expect("sent");
            }
            Message::Text(text) => return text.as_str().to_owned(),
            _ => {}
        }
    }
}

impl Salon {
    /// Signs a client in over the phone of the sandbox; answers their token.
    pub async fn client_token(&self, phone: &str) -> String {
        let company = |path: &str| self.url(&format!("/api/v1/companies/{}{path}", self.tenant));
        let before = self.trip().received().await.expect("the phone answers").len();
        let said = asked(Method::POST, company("/sign-in"), "", json!({"phone": phone})).await;
        assert_eq!(said.status, 202, "{said:?}");
        let code = digits(self.told(before + 1).await.last().expect("a message"));
        let said =
            asked(Method::POST, company("/sign-in/code"), "", json!({"phone": phone, "code": code})).await;
        assert_eq!(said.status, 200, "{said:?}");
        said.body["token"].as_str().expect("a token").to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_on_a_page_sees_their_own_and_forms_of_others_are_refused() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        desk.visit(&iris, 601, 2, OutboxState::Sent).await;
        desk.keep(&iris).await;
        desk.serves(&iris, 201, "Стрижка").await;
        let (anna, at) = (desk.browser(), |path: &str| format!("/salons/{iris}{path}"));
        assert_eq!(anna.get("/salons/101").await.to, at("/book"), "by the salon's number");
        let open = anna.get(&at("/book")).await;
        assert!(
            open.html.contains(&at("/book/201")) && open.html.contains("sign-in?to=book"),
            "{}",
            open.html
        );
        assert!(!open.html.contains("data-book"), "nobody is watched who is not signed in");
        for path in ["/profile", "/bookings"] {
            assert_eq!(anna.get(&at(path)).await.to, at(&format!("/sign-in?to={}", &path[1..])));
        }
        assert_eq!(anna.get(&at("/book/arrived")).await.status, 401);

        let phone = [("phone", ANNA), ("to", "bookings")];
        let foreign = anna.send_from(&at("/sign-in"), &phone, &[("origin", "https://evil.example")]).await;
        assert_eq!(foreign.status, 403);
        assert_eq!(anna.send(&at("/sign-in"), &[("phone", "12")]).await.status, 422);
        let sent = anna.send(&at("/sign-in"), &phone).await;
        assert!(sent.status == 200 && sent.html.contains("one-time-code") && sent.set_cookie.is_empty());
        assert_eq!(anna.send(&at("/sign-in"), &phone).await.status, 429);
        let (code, _) = desk.codes(&iris).await[0].clone();
        for given in ["12", &wrong(&code)] {
            let page = anna.send(&at("/sign-in/code"), &[("phone", ANNA), ("code", given)]).await;
            assert_eq!((page.status, page.html.contains("role=\"alert\"")), (401, true), "{given}");
        }
        let form = [("phone", ANNA), ("code", code.as_str()), ("to", "bookings")];
        let page = anna.send_from(&at("/sign-in/code"), &form, &[("origin", "https://evil.example")]).await;
        assert_eq!(page.status, 403, "nobody is signed in as somebody by a foreign page");
        let page = anna.send(&at("/sign-in/code"), &form).await;
        assert_eq!((page.status, page.to.as_str()), (303, at("/bookings").as_str()), "{}", page.html);

        let list = anna.get(&at("/bookings")).await.html;
        assert!(list.contains("Стрижка") && list.contains("17:00") && list.contains("YClients"), "{list}");
        let own = anna.get(&at("/profile")).await;
        assert!(own.html.contains("Анна") && own.html.contains("data-copy"), "{}", own.html);
        let policy = own.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let open = anna.get(&at("/book")).await.html;
        assert!(open.contains("data-known=\"601\"") && open.contains("Код клиента: "), "{open}");
        assert_eq!(anna.get(&at("/book/arrived?known=601")).await.status, 204);
        let news = anna.get(&at("/book/arrived?known=")).await;
        assert!(
            news.status == 200 && news.html.contains("data-record=\"601\"") && news.html.contains("Олег")
        );

        // With another salon she is a stranger, and nothing of hers is changed by a form without her key.
        assert_eq!(
            anna.get(&format!("/salons/{rose}/profile")).await.to,
            format!("/salons/{rose}/sign-in?to=profile")
        );
        assert_eq!(anna.get(&format!("/salons/{rose}/book/arrived")).await.status, 401);
        assert_eq!(anna.send(&at("/sign-out"), &[("key", "x")]).await.status, 403);
        let key = own.key();
        let foreign =
            anna.send_from(&at("/sign-out"), &[("key", &key)], &[("origin", "https://evil.example")]).await;
        assert_eq!(foreign.status, 403);
        let cookie = anna.cookie();
        assert_eq!(anna.send(&at("/sign-out"), &[("key", &key)]).await.status, 303);
        anna.set_cookie(&cookie);
        assert_eq!(anna.get(&at("/profile")).await.status, 303, "the old cookie is good for nothing");
        for path in ["/salons/tnt_x/book", "/salons/999/book", "/salons/999", "/salons/x"] {
            assert_eq!(anna.get(path).await.status, 404, "{path}");
        }
        desk.stop().await;
    }
}
