//! The sync at the desk: its log, its button, its progress while a page is open, and what the list of companies learns of it.

use salonbridge::app::sync;
use salonbridge::boot::config::Env;
use salonbridge::domain::sync::{HookCheck, SyncKind};
use salonbridge::domain::tenant::TenantState;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::storage::{hook_check, sync_run, tenant, wa_session};
use serde_json::Value;

use crate::browser::drive;
use crate::desk_kit::{Desk, NOW};
use crate::kit::{OPERATOR, Salon};

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_is_read_at_the_press_of_a_button_by_who_may_and_one_at_a_time() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let path = format!("/desk/companies/{iris}/syncs");
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let refused = oleg.press(&path, &[]).await;
        assert_eq!(refused.status, 403);
        assert_eq!(sync::list(desk.app(), &iris, None, 9).await.expect("read").0, []);
        for browser in [&maria, &boss, &maria] {
            let page = browser.press(&path, &[]).await;
            assert_eq!((page.status, page.to.as_str()), (303, path.as_str()));
        }
        let runs = sync::list(desk.app(), &iris, None, 9).await.expect("read").0;
        let by_hand = runs.iter().filter(|run| run.kind == SyncKind::Records && run.by_hand).count();
        assert_eq!(by_hand, 1, "{runs:?}");
        let page = maria.get(&path).await;
        let run = runs.iter().find(|run| run.by_hand).expect("one");
        assert!(page.html.contains(&format!("data-run=\"{}\"", run.id)) && page.html.contains("вручную"));
        assert!(page.html.contains("Сверить сейчас"));
        let page = oleg.get(&path).await;
        assert!(
            page.html.contains(&format!("data-run=\"{}\"", run.id)) && !page.html.contains("Сверить сейчас")
        );
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_what_was_skipped_healed_and_broken_off_page_by_page() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let mut conn = desk.app().db.begin().await.expect("begins");
        let kind = SyncKind::Records;
        for at in 0..25 {
            let now = UnixMs(NOW.0 - 1_000_000 + at);
            sync_run::open(&mut conn, &iris, kind, false, now).await.expect("opened");
            let run = sync_run::find_open(&mut conn, &iris, kind).await.expect("read").expect("open");
            assert!(sync_run::begin(&mut conn, &iris, &run, "null", now).await.expect("begun"));
            let run = sync_run::find(&mut conn, &iris, &run.id).await.expect("read").expect("there");
            let mut counts = run.counts.clone();
            (counts.created, counts.unchanged, counts.healed) = (3, 1204, 2);
            counts.skipped.insert("older".to_owned(), 4);
            assert!(sync_run::move_on(&mut conn, &iris, &run, ("", &counts, 5), now).await.expect("moved"));
            let error = if at == 24 { "licence" } else { "" };
            assert!(sync_run::finish(&mut conn, &iris, &run.id, error, now).await.expect("finished"));
        }
        conn.commit().await.expect("commits");
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let page = maria.get(&format!("/desk/companies/{iris}/syncs")).await;
        let text = page.html.replace('\u{a0}', " ");
        assert_eq!(text.matches("row of-sync").count(), 20);
        for said in [
            "новых: 3",
            "без изменений: 1204",
            "О 2 изменениях YClients не сообщил",
            "4 уже известны новее",
            "Закончилась лицензия YClients",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        let next = text
            .split("href=\"")
            .find(|rest| rest.contains("before="))
            .and_then(|rest| rest.split('"').next());
        let rest =
            maria.get(&next.expect("a next page").replace("&amp;", "&").replace("&#38;", "&")).await.html;
        assert_eq!(rest.matches("row of-sync").count(), 5);
        assert!(!rest.contains("data-follow"), "what is over does not move");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_companies_learns_of_a_journal_that_cannot_be_read_and_of_hooks_that_do_not_come() {
    for desk in Desk::both().await {
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        for (salon, error, hooks, tone) in [
            (101, "", Some(HookCheck::Right), "good"),
            (102, "licence", None, "warn"),
            (103, "", Some(HookCheck::Full), "warn"),
            (104, "not_active", Some(HookCheck::Repaired), "good"),
        ] {
            let company = desk.company(salon, &format!("Салон {salon}")).await;
            let mut conn = desk.app().db.begin().await.expect("begins");
            wa_session::set_linked(&mut conn, &company, "", &salon.to_string(), "", NOW)
                .await
                .expect("linked");
            sync_run::open(&mut conn, &company, SyncKind::Records, false, NOW).await.expect("opened");
            let run = sync_run::find_open(&mut conn, &company, SyncKind::Records).await.expect("read");
            let id = run.expect("open").id;
            assert!(sync_run::finish(&mut conn, &company, &id, error, NOW).await.expect("finished"));
            if let Some(outcome) = hooks {
                hook_check::set(&mut conn, &company, outcome, NOW).await.expect("noted");
            }
            conn.commit().await.expect("commits");
            let list = boss.get(&format!("/desk?q={salon}")).await.html;
            assert!(list.contains(&format!("chip {tone}")), "{salon}: {list}");
            // As its own page says.
            let page = boss.get(&format!("/desk/companies/{company}")).await.html;
            assert!(page.contains(&format!("light {tone}")), "{salon}: {page}");
        }
        desk.stop().await;
    }
}

impl Salon {
    /// Asks at the address of the founding document.
    async fn sync_bookings(&self, token: &str, body: &'static str) -> (u16, Value) {
        let url = self.url("/api/v1/yclients/sync-bookings");
        let answer = self.http.post(url).bearer_auth(token).body(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_alone_says_whose_journal_is_meant_on_sqlite() {
    key_alone(Salon::active().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_alone_says_whose_journal_is_meant_on_postgres() {
    key_alone(Salon::active_on_postgres().await).await;
}

async fn key_alone(salon: Salon) {
    let key = salon.api_key().await;
    for body in ["", "{}"] {
        let (status, said) = salon.sync_bookings(&key, body).await;
        assert_eq!(status, 202, "{said}");
        let url = said["url"].as_str().expect("an address");
        assert!(url.starts_with(&format!("/api/v1/companies/{}/syncs/", salon.tenant)), "{url}");
    }
    for token in ["nobody's key", OPERATOR, ""] {
        let (status, said) = salon.sync_bookings(token, "").await;
        assert_eq!((status, said["code"].as_str()), (400, Some("no_company")), "{token}");
    }
    assert_eq!(salon.sync_bookings(&key, r#"{"company_id":"tnt_00000000000000000000000000"}"#).await.0, 404);
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_page_open_or_holds_the_key_hears_how_far_a_run_is() {
    let salon = Salon::active().await;
    salon.journal_of(450).await;
    let base = salon.world.product_url.clone();
    let http =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let wish =
        serde_json::json!({"role": "owner", "email": "maria@iris.example", "company_id": salon.tenant});
    let made =
        http.post(salon.url("/api/v1/logins")).bearer_auth(OPERATOR).body(wish.to_string()).send().await;
    let made: Value = made.expect("an answer").json().await.expect("JSON");
    let form = [("password", crate::desk_kit::PASSWORD), ("repeated", crate::desk_kit::PASSWORD)];
    let link = made["link"].as_str().expect("a link");
    let answer = http.post(link).header("origin", &base).form(&form).send().await.expect("an answer");
    let cookie =
        answer.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("a pair").to_owned();
    let key = salon.api_key().await;
    let told = [
        ("BASE_URL", base.as_str()),
        ("COOKIE", cookie.as_str()),
        ("COMPANY", salon.tenant.as_str()),
        ("KEY", key.as_str()),
    ];
    drive("../socketio/desk.mjs", told).await;
    salon.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salon_that_is_not_active_is_told_so() {
    let desk = Desk::start(Env::new()).await;
    let iris = desk.company(101, "Ирис").await;
    let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
    let mut conn = desk.app().db.begin().await.expect("begins");
    let moved = tenant::set_state(&mut conn, &iris, TenantState::Active, TenantState::Frozen, NOW).await;
    assert!(moved.expect("moved"));
    conn.commit().await.expect("commits");
    let page = maria.press(&format!("/desk/companies/{iris}/syncs"), &[]).await;
    assert!(page.status == 409 && page.html.contains("Сверка"), "{page:?}");
    desk.stop().await;
}
