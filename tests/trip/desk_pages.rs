//! What the desk's pages show, to whom, and that nobody looks over a wall.

use salonbridge::domain::message::OutboxState;
use salonbridge::domain::record::Attendance;
use salonbridge::domain::session::SessionState;
use salonbridge::kernel::id::{ClientKey, LoginId, OutboxId, TenantId};
use salonbridge::storage::{outbox, wa_session};

use crate::browser::drive;
use crate::desk_counter::{ANNA, generous};
use crate::desk_kit::{Browser, Desk, NOW, PASSWORD};

/// Every page and form of one company, as the router has them.
fn routes(
    company: &TenantId,
    record: i64,
    message: &OutboxId,
    person: &LoginId,
) -> Vec<(&'static str, String)> {
    let at = |path: &str| format!("/desk/companies/{company}{path}");
    vec![
        ("GET", at("")),
        ("GET", at("/connect")),
        ("GET", at("/records")),
        ("GET", at("/records?show=behind")),
        ("GET", at(&format!("/records/{record}"))),
        ("POST", at(&format!("/records/{record}/settle"))),
        ("GET", at("/messages")),
        ("GET", at("/messages?state=failed")),
        ("POST", at(&format!("/messages/{message}/settle"))),
        ("GET", at("/clients")),
        ("GET", at("/clients?q=DFJ23456")),
        ("GET", at(&format!("/clients/{}", ClientKey::new(NOW)))),
        ("POST", at("/spend")),
        ("POST", at("/spend/confirm")),
        ("GET", at("/unmatched")),
        ("POST", at(&format!("/unmatched/{record}"))),
        ("GET", at("/syncs")),
        ("POST", at("/syncs")),
        ("GET", at("/team")),
        ("POST", at("/team")),
        ("POST", at(&format!("/team/{person}/link"))),
        ("POST", at(&format!("/team/{person}/off"))),
    ]
}

/// Asks for it with a good form, whatever it is.
async fn asked(browser: &Browser<'_>, method: &str, path: &str, message: &OutboxId) -> u16 {
    let client = ClientKey::new(NOW);
    let fields = [
        ("message", message.as_str()),
        ("word", "sent"),
        ("email", "new@x.example"),
        ("role", "receptionist"),
        ("client", client.as_str()),
        ("amount", "100"),
        ("once", "once"),
        ("whose", "nobody"),
    ];
    match method {
        "GET" => browser.get(path).await.status,
        _ => browser.press(path, &fields).await.status,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_companys_pages_are_not_there_whatever_the_role() {
    let table = include_str!("../../src/web/router.rs").matches("\"/desk/companies/").count();
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        let message = desk.visit(&rose, 501, 2, OutboxState::Uncertain).await;
        desk.visit(&iris, 502, 2, OutboxState::Sent).await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let person = LoginId::new(NOW);
        let theirs = routes(&rose, 501, &message, &person);
        let paths: std::collections::BTreeSet<_> =
            theirs.iter().map(|(_, path)| path.split('?').next().unwrap_or_default().to_owned()).collect();
        assert_eq!(paths.len(), table, "every route of a company stands in this table");
        for (method, path) in &theirs {
            for browser in [&maria, &oleg] {
                assert_eq!(asked(browser, method, path, &message).await, 404, "{method} {path}");
            }
            let stranger = desk.browser();
            let page = if *method == "GET" {
                stranger.get(path).await
            } else {
                stranger.send(path, &[("key", "x")]).await
            };
            assert!(page.status == 303 && page.to.starts_with("/desk/sign-in"), "{method} {path}: {page:?}");
        }
        // Nor is what there is in no company, nor another's things under one's own address.
        for (method, path) in routes(&TenantId::new(NOW), 501, &message, &person) {
            assert_eq!(asked(&boss, method, &path, &message).await, 404, "{method} {path}");
        }
        let own = |path: &str| format!("/desk/companies/{iris}{path}");
        for (method, path) in [
            ("GET", own("/records/501")),
            ("GET", own("/records/x")),
            ("POST", own("/records/501/settle")),
            ("POST", own(&format!("/messages/{message}/settle"))),
            ("POST", own(&format!("/team/{person}/off"))),
            ("GET", "/desk/companies/tnt_x".to_owned()),
        ] {
            assert_eq!(asked(&maria, method, &path, &message).await, 404, "{method} {path}");
        }
        let mut conn = desk.app().db.read().await.expect("a connection");
        let row = outbox::find(&mut conn, &rose, &message).await.expect("read").expect("there");
        assert_eq!(row.state, OutboxState::Uncertain, "nobody settled it");
        drop(conn);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salon_sees_names_and_texts_and_the_operator_does_not() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let doubt = desk.visit(&iris, 501, 2, OutboxState::Uncertain).await;
        desk.visit(&iris, 502, -30, OutboxState::Sent).await;
        desk.visit(&iris, 503, 26, OutboxState::Failed).await;
        let key = desk.app().keys.of(&iris).await.expect("a key");
        let mut conn = desk.app().db.begin().await.expect("begins");
        let phone = key.seal_text("wa_session", "phone", "79000000099");
        wa_session::set_linked(&mut conn, &iris, &phone, "hash", "Iris", NOW).await.expect("linked");
        conn.commit().await.expect("commits");

        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let at = |path: &str| format!("/desk/companies/{iris}{path}");
        let plain = |html: String| html.replace('\u{a0}', " ").replace('\u{2011}', "-");
        let seen = async |browser: &Browser<'_>, path: &str| plain(browser.get(&at(path)).await.html);

        let ahead = seen(&oleg, "/records").await;
        assert!(
            ahead.contains("Анна") && ahead.contains("Стрижка · Олег") && ahead.contains("17:00"),
            "{ahead}"
        );
        assert!(
            ahead.contains("/records/501")
                && ahead.contains("/records/503")
                && !ahead.contains("/records/502")
        );
        assert!(seen(&oleg, "/records?show=behind").await.contains("/records/502"));
        assert!(seen(&oleg, "").await.contains("+7 900 000-00-99"));
        // What waits for a person comes first.
        let doubts = seen(&oleg, "/messages").await;
        assert!(
            doubts.contains("+7 900 000-00-01")
                && doubts.contains("Анна, ждём вас")
                && doubts.contains("settle")
        );
        let failed = seen(&oleg, "/messages?state=failed").await;
        assert!(failed.contains("У этого номера нет WhatsApp") && !failed.contains("settle"), "{failed}");
        assert!(
            seen(&oleg, "/records/501").await.contains("Мастер")
                || seen(&oleg, "/records/501").await.contains("Запис")
        );

        for path in ["", "/records", "/messages", "/messages?state=sent", "/records/501"] {
            let html = seen(&boss, path).await;
            for secret in ["Анна", "900 000-00", "ждём вас", "79000000"] {
                assert!(!html.contains(secret), "{secret} on {path}");
            }
        }
        assert!(seen(&boss, "/messages").await.contains("+7…01"));

        // Settled once, at the desk; a second press leads to what stands.
        let settle = at(&format!("/messages/{doubt}/settle"));
        for _ in 0..2 {
            let page = oleg.press(&settle, &[("word", "sent")]).await;
            assert_eq!((page.status, page.to.as_str()), (303, at("/messages?state=uncertain").as_str()));
        }
        assert_eq!(oleg.press(&settle, &[("word", "odd")]).await.status, 400);
        let mut conn = desk.app().db.read().await.expect("a connection");
        let row = outbox::find(&mut conn, &iris, &doubt).await.expect("read").expect("there");
        assert_eq!((row.state, row.reason.as_str()), (OutboxState::Sent, "person_sent"));
        drop(conn);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_any_company_by_page_name_number_and_light() {
    for desk in Desk::both().await {
        for salon in 1..=60 {
            desk.company(1000 + salon, &format!("Салон {salon:02}")).await;
        }
        let iris = desk.company(77, "Студия ИРИС & Ко").await;
        let mut conn = desk.app().db.begin().await.expect("begins");
        for (salon, state) in [(iris.clone(), SessionState::LoggedOut)] {
            wa_session::set_state(&mut conn, &salon, state, "", None, NOW).await.expect("set");
        }
        conn.commit().await.expect("commits");
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let first = boss.get("/desk").await.html;
        assert_eq!(first.matches("row of-company").count(), 50);
        let next = first
            .split("href=\"")
            .find(|rest| rest.contains("after="))
            .and_then(|rest| rest.split('"').next());
        let next = next.expect("a next page").replace("&amp;", "&").replace("&#38;", "&");
        let second = boss.get(&next).await.html;
        assert_eq!(second.matches("row of-company").count(), 11);
        for (query, found) in
            [("ирис", 1), ("77", 1), (iris.as_str(), 1), ("салон 0", 9), ("лилия", 0), ("невский", 50)]
        {
            let html = boss.get(&format!("/desk?q={}", urlencoded(query))).await.html;
            assert_eq!(html.matches("row of-company").count(), found, "{query}");
        }
        let red = boss.get("/desk?show=troubled&q=%D0%B8%D1%80%D0%B8%D1%81").await.html;
        assert!(red.contains("chip stop"), "{red}");
        // The list's light is the page's.
        let page = boss.get(&format!("/desk/companies/{iris}")).await.html;
        assert!(page.contains("light stop"), "{page}");
        desk.stop().await;
    }
}

fn urlencoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_turned_page_by_page_both_ways() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        for n in 0..60 {
            desk.visit(&iris, 600 + n, n / 4, OutboxState::Sent).await;
        }
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let page = oleg.get(&format!("/desk/companies/{iris}/records")).await.html;
        assert_eq!(page.matches("row of-record").count(), 50);
        let next = page
            .split("href=\"")
            .find(|rest| rest.contains("after="))
            .and_then(|rest| rest.split('"').next());
        let next = next.expect("a next page").replace("&amp;", "&").replace("&#38;", "&");
        let rest = oleg.get(&next).await.html;
        assert_eq!(rest.matches("row of-record").count(), 10);
        assert!(rest.contains("/records/659") && !rest.contains("/records/649"), "{rest}");
        let messages = oleg.get(&format!("/desk/companies/{iris}/messages?state=sent")).await.html;
        assert_eq!(messages.matches("row of-message").count(), 30);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_work_at_the_desk_in_a_browser_by_keyboard() {
    let desk = Desk::start(generous()).await;
    let iris = desk.company(101, "Ирис на Садовой").await;
    desk.company(102, "Роза").await;
    desk.visit(&iris, 501, 2, OutboxState::Uncertain).await;
    desk.visit(&iris, 502, 4, OutboxState::Sent).await;
    desk.visit(&iris, 503, 26, OutboxState::Failed).await;
    desk.visit(&iris, 504, -30, OutboxState::Sent).await;
    desk.booked(&iris, (505, -40), ANNA, Attendance::Arrived).await;
    desk.booked(&iris, (506, -26), ANNA, Attendance::Waiting).await;
    desk.doubtful(&iris, 513).await;
    desk.person("operator", "boss@salonbridge.test", None).await;
    let link = format!("{}{}", desk.url, desk.link("owner", "maria@iris.example", Some(&iris)).await);
    let told = [
        ("PRODUCT", desk.url.as_str()),
        ("LINK", link.as_str()),
        ("EMAIL", "maria@iris.example"),
        ("OPERATOR", "boss@salonbridge.test"),
        ("PASSWORD", PASSWORD),
    ];
    drive("desk.mjs", told).await;
    desk.stop().await;
}
