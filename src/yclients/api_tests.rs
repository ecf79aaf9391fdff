//! The client against a small server that answers as told.

use std::sync::Mutex;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::response::Response as Reply;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::domain::sync::Scope;
use crate::kernel::crm_id::RecordId;
use crate::kernel::fault::{Fault as _, Retry};
use crate::yclients::fixtures;
use crate::yclients::marketplace::{Activation, ConnectionStatus};

const SALON: SalonId = SalonId(990_101);

/// A pace that never waits and writes down what it was asked.
#[derive(Default)]
struct NoPace(Mutex<Vec<(&'static str, i64)>>);

#[async_trait::async_trait]
impl Pace for NoPace {
    async fn take(&self, salon: i64, urgency: Urgency) {
        self.0.lock().expect("not poisoned").push((urgency.as_str(), salon));
    }

    async fn hold(&self, ms: i64) {
        self.0.lock().expect("not poisoned").push(("hold", ms));
    }
}

type Answering = Arc<dyn Fn() -> Reply + Send + Sync>;

struct Crm {
    api: YclientsApi,
    pace: Arc<NoPace>,
    seen: Arc<Mutex<Vec<(String, HeaderMap, String)>>>,
}

impl Crm {
    /// A server whose every answer is `answering`'s, and a client of it.
    async fn answering(answering: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let state: (Answering, _) = (Arc::new(answering), Arc::clone(&seen));
        let router = axum::Router::new().fallback(handle).with_state(state);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (api, pace) = client(&format!("http://{address}/"));
        Self { api, pace, seen }
    }

    async fn saying(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::answering(move || reply(status, &[], Body::from(body.clone()))).await
    }

    fn last(&self) -> (String, HeaderMap, String) {
        self.seen.lock().expect("not poisoned").last().expect("a call").clone()
    }
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap, String)>>>;

async fn handle(State((answering, seen)): State<(Answering, Seen)>, request: Request) -> Reply {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let line = format!("{} {}", head.method, head.uri);
    let body = String::from_utf8_lossy(&body).into_owned();
    seen.lock().expect("not poisoned").push((line, head.headers, body));
    answering()
}

fn reply(status: u16, headers: &[(&'static str, &str)], body: Body) -> Reply {
    let mut reply = Reply::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
    for (name, value) in headers {
        reply.headers_mut().insert(HeaderName::from_static(name), value.parse().expect("a header"));
    }
    reply
}

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.to_owned(),
        partner_token: Secret::new("partner-secret"),
        user_token: Some(Secret::new("user-secret")),
        application_id: 4242,
        timeout: Duration::from_secs(5),
    }
}

fn client(base_url: &str) -> (YclientsApi, Arc<NoPace>) {
    let pace = Arc::new(NoPace::default());
    (YclientsApi::new(settings(base_url), pace.clone()).expect("a client"), pace)
}

/// A pace whose turns are all given.
struct Never;

#[async_trait::async_trait]
impl Pace for Never {
    async fn take(&self, _: i64, _: Urgency) {
        std::future::pending().await
    }
}

#[tokio::test]
async fn who_waits_for_a_turn_when_the_program_stops_does_not_hold_it_up() {
    let crm = YclientsApi::new(settings("http://127.0.0.1:9"), Arc::new(Never)).expect("a client");
    let background = crm.in_background();
    let (answer, ()) = tokio::join!(background.services(SALON), async { crm.close() });
    let refused = answer.expect_err("it never had its turn");
    assert!(matches!(refused, Error::Closing), "{refused}");
    assert_eq!(refused.retry(), Retry::Backoff, "the next start takes it up");
}

#[tokio::test]
async fn marketplace_calls_carry_the_partner_alone_and_rest_calls_both() {
    let crm = Crm::saying(200, fixtures::text("marketplace_status_active.json")).await;
    let connection = crm.api.connection(SALON).await.expect("an answer").expect("installed");
    assert_eq!(connection.status, ConnectionStatus::Active);
    let (line, headers, _) = crm.last();
    assert_eq!(line, "GET /marketplace/salon/990101/application/4242");
    assert_eq!(headers[AUTHORIZATION], "Bearer partner-secret");
    assert_eq!(headers[ACCEPT], "application/vnd.yclients.v2+json");
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    crm.api.in_background().services(SALON).await.expect("an answer");
    assert_eq!(*crm.pace.0.lock().expect("not poisoned"), [("urgent", 990_101), ("background", 990_101)]);

    let crm = Crm::saying(200, fixtures::text("rest_company.json")).await;
    assert_eq!(crm.api.company(SALON).await.expect("a salon").id, SALON);
    let (line, headers, _) = crm.last();
    assert_eq!(line, "GET /api/v1/company/990101/?showBookforms=1");
    assert_eq!(headers[AUTHORIZATION], "Bearer partner-secret, User user-secret");
}

#[tokio::test]
async fn every_rest_reading_asks_the_documented_path() {
    let crm = Crm::saying(200, fixtures::text("rest_services.json")).await;
    assert_eq!(crm.api.services(SALON).await.expect("a list").len(), 2);
    assert_eq!(crm.last().0, "GET /api/v1/company/990101/services");

    let groups = serde_json::json!({"success": true, "data": [{"id": "5", "title": "Nails"}, {"title": "?"}], "meta": []});
    let crm = Crm::saying(200, groups.to_string()).await;
    assert_eq!(crm.api.service_categories(SALON).await.expect("a list").len(), 1);
    assert_eq!(crm.last().0, "GET /api/v1/company/990101/service_categories");

    let crm = Crm::saying(200, fixtures::text("rest_staff.json")).await;
    assert_eq!(crm.api.staff(SALON).await.expect("a list").len(), 2);
    assert_eq!(crm.last().0, "GET /api/v1/company/990101/staff");

    let crm = Crm::saying(200, fixtures::text("rest_staff_schedule.json")).await;
    let day = chrono::NaiveDate::from_ymd_opt(2026, 3, 14).expect("a day");
    assert_eq!(crm.api.schedule(SALON, day, day).await.expect("a list").len(), 1);
    assert_eq!(
        crm.last().0,
        "GET /api/v1/company/990101/staff/schedule?start_date=2026-03-14&end_date=2026-03-14"
    );

    let crm = Crm::saying(200, fixtures::text("rest_records_page.json")).await;
    let since = day.and_hms_opt(9, 30, 0).expect("a time");
    let page = crm.api.records(SALON, &Scope::Changed { after: since }, 2, 200).await.expect("a page");
    assert_eq!((page.rows.len(), page.has_more), (3, false));
    assert_eq!(
        crm.last().0,
        "GET /api/v1/records/990101?page=2&count=200&changed_after=2026-03-14T09%3A30%3A00&with_deleted=1"
    );
    let crm = Crm::saying(200, fixtures::text("rest_records_page.json")).await;
    let page = crm.api.records(SALON, &Scope::Visits { from: day, to: day }, 1, 3).await.expect("a page");
    assert!(page.has_more);
    assert_eq!(
        crm.last().0,
        "GET /api/v1/records/990101?page=1&count=3&start_date=2026-03-14&end_date=2026-03-14&with_deleted=1"
    );

    let crm = Crm::saying(200, fixtures::text("marketplace_salons_page.json")).await;
    assert_eq!(crm.api.salons(1).await.expect("a list").len(), 1);
    assert_eq!(crm.last().0, "GET /marketplace/application/4242/salons?page=1&count=1000");
}

#[tokio::test]
async fn one_record_is_read_missed_or_refused_when_it_is_another() {
    let row = fixtures::json("rest_records_page.json")["data"][0].clone();
    let wrapped = |data: &Value| serde_json::json!({"success": true, "data": data, "meta": []}).to_string();
    for data in [row.clone(), serde_json::json!([row])] {
        let crm = Crm::saying(200, wrapped(&data)).await;
        let record = crm.api.record(SALON, RecordId(880_000_501)).await.expect("an answer");
        assert!(record.is_some_and(|record| record.is_whole()));
        assert_eq!(crm.last().0, "GET /api/v1/record/990101/880000501");
        let other = crm.api.record(SALON, RecordId(7)).await;
        assert!(matches!(other, Err(Error::Malformed(_))), "{other:?}");
    }
    let gone = Crm::saying(404, fixtures::text("error_404.json")).await;
    assert_eq!(gone.api.record(SALON, RecordId(7)).await.expect("an answer"), None);
}

#[tokio::test]
async fn activation_tells_done_from_done_before_from_refused() {
    let key = Secret::new("ab".repeat(32));
    let urls = ["https://app.example.test/webhook/yclients/k".to_owned()];
    for (status, body, expected) in [
        (201, String::new(), Ok(Activation::Activated)),
        (201, "{\"success\":true,\"data\":{\"user_id\":7}}".to_owned(), Ok(Activation::Activated)),
        (
            403,
            fixtures::text("marketplace_callback_already_installed_403.json"),
            Ok(Activation::AlreadyInstalled),
        ),
        (403, fixtures::text("error_403.json"), Err("forbidden")),
        (422, fixtures::text("error_422.json"), Err("rejected")),
        (401, fixtures::text("error_401.json"), Err("unauthorised")),
        (301, String::new(), Ok(Activation::Activated)),
        (302, String::new(), Err("upstream")),
        (502, "<html>".to_owned(), Err("upstream")),
    ] {
        let crm = Crm::saying(status, body).await;
        let outcome = crm.api.activate(SALON, &key, &urls).await.map_err(|error| error.code());
        assert_eq!(outcome, expected, "{status}");
        let (line, _, sent) = crm.last();
        assert_eq!(line, "POST /marketplace/partner/callback");
        let sent: Value = serde_json::from_str(&sent).expect("JSON");
        assert_eq!(sent["salon_id"], 990_101);
        assert_eq!(sent["application_id"], 4242);
        assert_eq!(
            (&sent["api_key"], &sent["webhook_urls"][0]),
            (&key.expose().into(), &urls[0].as_str().into())
        );
    }
    let moved = Crm::answering(|| {
        reply(301, &[("location", "https://other.test/marketplace/partner/callback")], Body::empty())
    });
    let outcome = moved.await.api.activate(SALON, &key, &urls).await;
    assert!(
        matches!(outcome, Err(Error::Upstream(301))),
        "a move to another host is no activation: {outcome:?}"
    );
}

#[tokio::test]
async fn only_the_crms_own_404_means_not_installed() {
    let crm = Crm::saying(404, fixtures::text("marketplace_status_not_installed_404.json")).await;
    assert_eq!(crm.api.connection(SALON).await.expect("an answer"), None);
    assert!(crm.api.uninstall(SALON).await.is_ok());
    let foreign = Crm::saying(404, "<html>nginx</html>").await;
    assert!(matches!(foreign.api.connection(SALON).await, Err(Error::Upstream(404))));
    assert!(foreign.api.uninstall(SALON).await.is_err());
    let done = Crm::saying(200, fixtures::text("marketplace_uninstall_response.json")).await;
    assert!(done.api.uninstall(SALON).await.is_ok());
    assert_eq!(done.last().0, "POST /marketplace/salon/990101/application/4242/uninstall");
}

#[tokio::test]
async fn a_call_to_slow_down_says_for_how_long_and_holds_everybody() {
    for (headers, wait, held) in [
        (vec![], None, 10_000),
        (vec![("retry-after", "7")], Some(7_000), 7_000),
        (vec![("retry-after", "0")], Some(1_000), 1_000),
        (vec![("retry-after", "999999999999999")], Some(900_000), 900_000),
        (vec![("retry-after", "soon")], None, 10_000),
        (
            vec![("retry-after", "Fri, 20 Nov 2026 22:01:00 GMT"), ("date", "Fri, 20 Nov 2026 22:00:00 GMT")],
            Some(60_000),
            60_000,
        ),
    ] {
        let told = headers.clone();
        let crm = Crm::answering(move || reply(429, &told, Body::empty())).await;
        let error = crm.api.company(SALON).await.expect_err("throttled");
        assert!(matches!(error, Error::Throttled(said) if said == wait), "{headers:?}: {error:?}");
        assert_eq!(error.retry(), wait.map_or(Retry::Backoff, Retry::After));
        assert_eq!(crm.pace.0.lock().expect("not poisoned").last(), Some(&("hold", held)));
    }
}

#[tokio::test]
async fn bad_weather_has_names() {
    for (status, body, code) in [
        (200, "<html>maintenance</html>", "malformed"),
        (200, "", "malformed"),
        (200, r#"{"success":true,"data":[{"id":"#, "malformed"),
        (200, r#"{"success":true,"data":null}"#, "malformed"),
        (500, "", "upstream"),
        (503, "<html>", "upstream"),
        (402, r#"{"success":false,"meta":{"message":"x"}}"#, "licence_expired"),
    ] {
        let crm = Crm::saying(status, body).await;
        let error = crm.api.services(SALON).await.expect_err("bad weather");
        assert_eq!(error.code(), code, "{status} {body}");
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}

#[tokio::test]
async fn a_body_cut_short_is_malformed_and_one_without_end_is_cut() {
    let half = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (api, _) = client(&format!("http://{}", half.local_addr().expect("an address")));
    tokio::spawn(async move {
        let (mut socket, _) = half.accept().await.expect("a caller");
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await.expect("a request");
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"success\":").await.expect("sent");
    });
    let outcome = api.services(SALON).await;
    assert!(matches!(outcome, Err(Error::Malformed("a body cut short"))), "{outcome:?}");
    let endless = Crm::answering(|| {
        let chunk = bytes::Bytes::from(vec![b' '; 1 << 20]);
        let forever = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
        reply(200, &[], Body::from_stream(forever))
    });
    let outcome = endless.await.api.services(SALON).await;
    assert!(matches!(outcome, Err(Error::Malformed("a body of more than 16 MiB"))), "{outcome:?}");
}

#[tokio::test]
async fn silence_and_absence_are_unreachable_and_print_no_address() {
    // A bound listener that nobody accepts from: connections open, and nothing is ever said.
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = mute.local_addr().expect("an address");
    let hasty = Settings { timeout: Duration::from_millis(100), ..settings(&format!("http://{address}")) };
    let api = YclientsApi::new(hasty, Arc::new(NoPace::default())).expect("a client");
    let error = api.company(SALON).await.expect_err("silence");
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("showBookforms"), "{error:?}");
    drop(mute);
    let error = api.company(SALON).await.expect_err("nobody there");
    assert_eq!((error.code(), error.retry()), ("unreachable", Retry::Backoff));
}

#[test]
fn settings_that_make_no_client_are_named() {
    let build = |settings| YclientsApi::new(settings, Arc::new(NoPace::default())).err();
    for base_url in ["", "api.yclients.ru", "ftp://api.yclients.ru", "http://"] {
        assert_eq!(build(settings(base_url)), Some(BadSettings::BaseUrl), "{base_url}");
    }
    let broken = Settings { partner_token: Secret::new("two\nlines"), ..settings("http://127.0.0.1") };
    assert_eq!(build(broken), Some(BadSettings::Token));
    let (api, _) = client("http://127.0.0.1:9/api/v1/");
    assert_eq!(&*api.base, "http://127.0.0.1:9", "the REST path may be in the setting");
}
