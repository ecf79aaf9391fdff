//! The pages a person walks: consent, the journal, the application's card.

use reqwest::Method;
use serde_json::Value;

use crate::kit::{MANICURE, Receiver, SALON, Sandbox, until};

async fn page(sandbox: &Sandbox, path: &str) -> String {
    let answer = sandbox.bare(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn consent_in_the_browser_leads_to_the_application() {
    let sandbox = Sandbox::with(|s| s.register_url = Some("http://127.0.0.1:1/register".into())).await;
    assert!(page(&sandbox, "/appstore/4242").await.contains("Подключить"));
    let form = [("salon_ids", "990101"), ("salon_ids", "990102")];
    let answer = sandbox.bare(Method::POST, "/appstore/4242/install").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert!(
        answer.headers()["location"].to_str().unwrap().starts_with("http://127.0.0.1:1/register?salon_ids")
    );
    assert!(page(&sandbox, "/appstore/4242/salon/990102").await.contains("ждёт приложения"));
    let nobody =
        sandbox.bare(Method::POST, "/appstore/4242/install").form(&[("x", "y")]).send().await.unwrap();
    assert!(nobody.headers()["location"].to_str().unwrap().contains("error="));
}

#[tokio::test]
async fn the_journal_is_kept_by_forms_and_shows_each_hook() {
    let receiver = Receiver::start().await;
    let sandbox = Sandbox::with(|s| s.callback_url = Some(receiver.url("/life"))).await;
    sandbox.install(SALON, &receiver).await;
    let post = async |path: &str, form: &[(&str, &str)]| {
        let answer = sandbox.bare(Method::POST, path).form(form).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{path}");
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let service = MANICURE.to_string();
    let form = [
        ("name", "Анна"),
        ("phone", "+7 900 000-00-01"),
        ("staff_id", "1500101"),
        ("services", service.as_str()),
        ("datetime", "2030-03-14T15:00"),
        ("comment", "<script>"),
    ];
    assert_eq!(post("/timetable/990101/records", &form).await, "/timetable/990101?date=2030-03-14");
    let board = page(&sandbox, "/timetable/990101/board?date=2030-03-14").await;
    assert!(board.contains("15:00–16:30") && board.contains("Анна Примерова") && !board.contains("<script>"));
    let act = async |action: &str, form: &[(&str, &str)]| {
        post(&format!("/timetable/990101/records/880000501/{action}"), form).await
    };
    for action in ["confirm", "arrive", "no-show", "wait", "pay"] {
        act(action, &[]).await;
    }
    let moved = act("move", &[("datetime", "2030-03-15T11:30"), ("staff_id", "1500102")]).await;
    assert_eq!(moved, "/timetable/990101?date=2030-03-15");
    act("delete", &[]).await;
    assert!(act("delete", &[]).await.contains("error="), "it is gone already");
    let got = receiver.records(8).await;
    let attendance: Vec<_> = got.iter().map(|b| b["data"]["attendance"].as_i64().unwrap()).collect();
    assert_eq!(attendance, [0, 2, 1, -1, 0, 0, 0, 0]);
    let lines = until(async || {
        let lines = page(&sandbox, "/timetable/990101/hooks").await;
        (!lines.contains("chip wait")).then_some(lines)
    })
    .await;
    assert!(lines.contains("запись 880000501 · удаление") && lines.contains("200 · "));
    assert!(page(&sandbox, "/timetable/990101?date=2030-03-15").await.contains("удалена"));
}

#[tokio::test]
async fn hooks_are_lost_until_somebody_wants_them_back() {
    let (sandbox, receiver) = Sandbox::connected(|_| {}).await;
    let lose = async |on: &str| {
        let path = "/timetable/990101/hooks/lose";
        let answer = sandbox.bare(Method::POST, path).form(&[("on", on)]).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        page(&sandbox, "/timetable/990101").await
    };
    assert!(lose("1").await.contains("Больше не терять"));
    sandbox.record(serde_json::json!({"datetime": "2030-03-14 10:00"})).await;
    assert!(page(&sandbox, "/timetable/990101/hooks").await.contains("потеряно"));
    assert!(lose("0").await.contains("Терять уведомления по дороге"));
    sandbox.record(serde_json::json!({"datetime": "2030-03-14 14:00"})).await;
    let got = receiver.records(1).await;
    assert!(got[0]["data"]["date"].as_str().unwrap().contains("14:00"), "the first never came: {got:?}");
}

#[tokio::test]
async fn the_card_freezes_takes_money_and_disconnects() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    let card = "/appstore/4242/salon/990101";
    for (action, shown) in [("freeze", "заморожено"), ("pay", "подключено"), ("uninstall", "не подключено")]
    {
        let answer = sandbox.bare(Method::POST, &format!("{card}/{action}")).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        assert!(page(&sandbox, card).await.contains(shown), "{action}");
    }
}

#[tokio::test]
async fn pages_use_nothing_inline_and_nothing_foreign() {
    let (sandbox, _receiver) = Sandbox::connected(|_| {}).await;
    sandbox.record(serde_json::json!({"datetime": "2030-03-14 10:00"})).await;
    for path in ["/appstore/4242", "/appstore/4242/salon/990101", "/timetable/990101?date=2030-03-14"] {
        let html = page(&sandbox, path).await;
        assert!(!html.contains("style=") && !html.contains("<style") && !html.contains("onclick"), "{path}");
        assert!(html.matches("<script").count() == html.matches("<script src=\"/assets/").count(), "{path}");
        assert!(html.contains("lang=\"ru\"") && html.contains("<title>"), "{path}");
        assert!(html.len() < 60_000, "{path}");
    }
    for path in ["/assets/yclients/page.css", "/assets/yclients/page.js", "/assets/yclients/icon.svg"] {
        assert_eq!(sandbox.bare(Method::GET, path).send().await.unwrap().status(), 200);
    }
    for path in ["/timetable/1", "/appstore/1", "/nowhere", "/timetable/abc/hooks"] {
        assert_eq!(sandbox.bare(Method::GET, path).send().await.unwrap().status(), 404, "{path}");
    }
    let salons = sandbox.admin(Method::GET, "/salons", Value::Null).await;
    assert_eq!(salons["salons"].as_array().unwrap().len(), 2);
}
