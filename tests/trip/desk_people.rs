//! What people of the desk do with their own login, and owners with those of others.

use salonbridge::domain::tenant::TenantState;
use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::id::LoginId;
use salonbridge::storage::{login, tenant};

use crate::desk::is_out;
use crate::desk_kit::{Browser, Desk, NOW, PASSWORD, Page};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_every_other_sitting() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let elsewhere = desk.browser();
        assert_eq!(elsewhere.sign_in("maria@iris.example", PASSWORD).await.status, 303);
        let new = "eight very plain words";
        let change = async |old: &str, new: &str, repeated: &str| {
            maria
                .press("/desk/account/password", &[("old", old), ("new", new), ("repeated", repeated)])
                .await
                .status
        };
        assert_eq!(change("wrong wrong wrong", new, new).await, 422);
        assert_eq!(change(PASSWORD, "short", "short").await, 422);
        assert_eq!(change(PASSWORD, new, "other").await, 422);
        assert_eq!(elsewhere.get("/desk/account").await.status, 200, "nothing was changed");
        assert_eq!(change(PASSWORD, new, new).await, 200);
        assert!(is_out(&elsewhere.get("/desk/account").await));
        assert_eq!(maria.get("/desk/account").await.status, 200);
        assert_eq!(elsewhere.sign_in("maria@iris.example", PASSWORD).await.status, 401);
        assert_eq!(elsewhere.sign_in("maria@iris.example", new).await.status, 303);
        assert!(is_out(&maria.press("/desk/account/sign-out-everywhere", &[]).await));
        assert!(is_out(&maria.get("/desk").await) && is_out(&elsewhere.get("/desk").await));
        desk.stop().await;
    }
}

/// The code that a phone shows.
fn code_of(secret: &str, now: UnixMs) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.replace(' ', "")).expect("base32");
    let phone = totp_rs::Builder::new().with_secret(secret).build().expect("a phone");
    phone.generate(u64::try_from(now.0 / 1000).expect("after 1970")).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_a_phone_are_asked_for_and_each_is_good_once() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let now = || salonbridge::kernel::clock::Clock::now(&*desk.clock);
        let shown = maria.press("/desk/account/codes", &[]).await;
        let secret = shown
            .html
            .split("class=\"secret\">")
            .nth(1)
            .and_then(|rest| rest.split('<').next())
            .expect("a secret");
        let ticket = shown.value("ticket");
        assert!(shown.html.contains("<svg"));
        let wrong =
            maria.press("/desk/account/codes/confirm", &[("ticket", &ticket), ("code", "000000")]).await;
        assert_eq!((wrong.status, wrong.html.contains(secret)), (422, true), "the same secret again");
        let first = code_of(secret, now());
        let page = maria.press("/desk/account/codes/confirm", &[("ticket", &ticket), ("code", &first)]).await;
        assert_eq!(page.status, 200);

        let browser = desk.browser();
        let step = browser.sign_in("maria@iris.example", PASSWORD).await;
        assert_eq!((step.status, step.set_cookie.as_str()), (200, ""), "no cookie for the password alone");
        let ticket = step.value("ticket");
        let given = async |code: &str| {
            browser.send("/desk/sign-in/code", &[("ticket", &ticket), ("code", code)]).await.status
        };
        assert_eq!(given(&first).await, 401, "it proved the secret, and is used");
        desk.clock.advance_ms(30_000);
        let next = code_of(secret, now());
        assert_eq!(given(&next).await, 303);
        assert_eq!(browser.get("/desk/account").await.status, 200);
        assert_eq!(given(&next).await, 401, "looked over a shoulder");
        assert_eq!(
            browser.send("/desk/sign-in/code", &[("ticket", "forged"), ("code", &next)]).await.status,
            401
        );

        // Who has the password alone cannot try code after code, by asking for tickets either.
        for nth in 0..5 {
            let step = desk.browser().sign_in("maria@iris.example", PASSWORD).await;
            let ticket = step.value("ticket");
            let fields = [("ticket", ticket.as_str()), ("code", "000000")];
            let status = desk.browser().send("/desk/sign-in/code", &fields).await.status;
            assert_eq!(status, if nth < 4 { 401 } else { 429 }, "{nth}");
        }
        desk.clock.advance_ms(15 * 60_000);
        assert_eq!(given(&code_of(secret, now())).await, 401, "the ticket is too old");

        // Switched off by the password, and it is as before.
        assert_eq!(
            browser.press("/desk/account/codes/drop", &[("password", "wrong wrong wrong")]).await.status,
            422
        );
        assert_eq!(browser.press("/desk/account/codes/drop", &[("password", PASSWORD)]).await.status, 200);
        assert_eq!(desk.browser().sign_in("maria@iris.example", PASSWORD).await.status, 303);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_salon_goes_its_people_go_too() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let anna = desk.person("owner", "anna@rose.example", Some(&rose)).await;
        let mut conn = desk.app().db.begin().await.expect("begins");
        assert!(
            tenant::set_state(&mut conn, &iris, TenantState::Active, TenantState::Uninstalled, NOW)
                .await
                .expect("set")
        );
        conn.commit().await.expect("commits");
        salonbridge::app::lifecycle::unlink(desk.app(), &iris).await.expect("unlinked");
        assert!(is_out(&maria.get("/desk").await));
        assert_eq!(maria.sign_in("maria@iris.example", PASSWORD).await.status, 401);
        assert_eq!(anna.get(&format!("/desk/companies/{rose}")).await.status, 200);
        let mut conn = desk.app().db.read().await.expect("a connection");
        assert!(login::list(&mut conn, &iris, "", 9).await.expect("read").is_empty());
        drop(conn);
        desk.stop().await;
    }
}

/// Whom the team's page shows, by their ids in its forms.
fn people(page: &Page) -> Vec<LoginId> {
    let ids = page.html.split("/team/").skip(1).filter_map(|rest| rest.split_once("/link"));
    ids.filter_map(|(id, _)| LoginId::parse(id)).collect()
}

async fn team_of(browser: &Browser<'_>, company: &impl std::fmt::Display) -> Vec<LoginId> {
    people(&browser.get(&format!("/desk/companies/{company}/team")).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_lets_receptionists_in_and_switches_them_off() {
    for desk in Desk::both().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let anna = desk.person("owner", "anna@rose.example", Some(&rose)).await;
        let team = format!("/desk/companies/{iris}/team");
        assert_eq!(maria.get("/desk/team").await.to, team);
        let invite = async |browser: &Browser<'_>, email: &str, role: &str| {
            browser.press(&team, &[("email", email), ("name", "Олег"), ("role", role)]).await
        };
        assert_eq!(invite(&maria, "second@iris.example", "owner").await.status, 403);
        assert_eq!(invite(&maria, "boss@iris.example", "operator").await.status, 403);
        assert_eq!(invite(&maria, "nobody", "receptionist").await.status, 422);
        assert_eq!(invite(&maria, "anna@rose.example", "receptionist").await.status, 422);
        assert_eq!(invite(&anna, "oleg@iris.example", "receptionist").await.status, 404, "not her salon");
        let made = invite(&maria, "oleg@iris.example", "receptionist").await;
        assert_eq!(made.status, 201);
        let link =
            made.html.split("value=\"").find(|rest| rest.contains("/desk/invitation/")).expect("a link");
        let link =
            link.split('"').next().expect("its end").strip_prefix(&desk.public_url).expect("ours").to_owned();
        let oleg = desk.browser();
        assert_eq!(oleg.send(&link, &[("password", PASSWORD), ("repeated", PASSWORD)]).await.status, 303);

        // A receptionist works at the desk, and lets nobody in.
        assert_eq!(oleg.get(&format!("/desk/companies/{iris}/records")).await.status, 200);
        assert_eq!(oleg.get(&team).await.status, 403);
        assert_eq!(oleg.get(&format!("/desk/companies/{iris}/connect")).await.status, 403);
        assert_eq!(invite(&oleg, "friend@iris.example", "receptionist").await.status, 403);
        let ids = team_of(&maria, &iris).await;
        let [olegs] = ids.as_slice() else { panic!("{ids:?}") };
        for path in [format!("{team}/{olegs}/link"), format!("{team}/{olegs}/off")] {
            assert_eq!(oleg.press(&path, &[]).await.status, 403);
            assert_eq!(anna.press(&path, &[]).await.status, 404);
            let across = path.replace(iris.as_str(), rose.as_str());
            assert_eq!(anna.press(&across, &[]).await.status, 404, "an id of another salon's person");
        }
        // The operator sees the owner too.
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let all = team_of(&boss, &iris).await;
        let [marias, _] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(
            maria.press(&format!("{team}/{marias}/off"), &[]).await.status,
            403,
            "owners are the operator's"
        );

        assert_eq!(maria.press(&format!("{team}/{olegs}/off"), &[]).await.to, team);
        assert!(is_out(&oleg.get("/desk").await));
        assert_eq!(oleg.sign_in("oleg@iris.example", PASSWORD).await.status, 401);
        let again = maria.press(&format!("{team}/{olegs}/link"), &[]).await;
        assert!(again.status == 200 && again.html.contains("/desk/invitation/"));
        assert_eq!(
            oleg.sign_in("oleg@iris.example", PASSWORD).await.status,
            401,
            "not before the link is used"
        );
        desk.stop().await;
    }
}
