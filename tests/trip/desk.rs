//! The desk's door: how people come in, stay in, and are kept out.

use salonbridge::boot::config::Env;
use serde_json::json;

use crate::desk_kit::{Desk, NOW, PASSWORD, Page};
use crate::kit::OPERATOR;

const HOUR_MS: i64 = 3_600_000;

pub fn is_out(page: &Page) -> bool {
    page.status == 303 && page.to.starts_with("/desk/sign-in")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_good_once_and_for_two_days() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let link = desk.link("owner", "Maria@Iris.example", Some(&iris)).await;
        let maria = desk.browser();
        let page = maria.get(&link).await;
        assert!(page.status == 200 && page.html.contains("maria@iris.example"), "{page:?}");
        for (password, repeated) in [
            ("short", "short"),
            ("password12345", "password12345"),
            (PASSWORD, "another"),
            ("maria@iris.example", "maria@iris.example"),
        ] {
            let page = maria.send(&link, &[("password", password), ("repeated", repeated)]).await;
            assert_eq!((page.status, page.set_cookie.as_str()), (422, ""), "{password}");
        }
        let page = maria.send(&link, &[("password", PASSWORD), ("repeated", PASSWORD)]).await;
        assert_eq!((page.status, page.to.as_str()), (303, "/desk"));
        assert_eq!(maria.get("/desk").await.to, format!("/desk/companies/{iris}"));
        assert_eq!(maria.get(&format!("/desk/companies/{iris}")).await.status, 200);
        // Used.
        assert_eq!(desk.browser().get(&link).await.status, 410);
        let again = desk.browser();
        assert_eq!(again.send(&link, &[("password", PASSWORD), ("repeated", PASSWORD)]).await.status, 410);

        // The same wish makes a new link, which ends what the old password opened; one too old opens nothing.
        let late = desk.link("owner", "maria@iris.example", Some(&iris)).await;
        desk.clock.advance_ms(48 * HOUR_MS);
        assert_eq!(again.get(&late).await.status, 410);
        assert_eq!(again.send(&late, &[("password", PASSWORD), ("repeated", PASSWORD)]).await.status, 410);
        assert_eq!(maria.sign_in("maria@iris.example", PASSWORD).await.status, 303);
        let reset = desk.link("owner", "maria@iris.example", Some(&iris)).await;
        let other = "another four plain words";
        assert_eq!(again.send(&reset, &[("password", other), ("repeated", other)]).await.status, 303);
        assert!(is_out(&maria.get("/desk").await), "the old sitting is over");
        assert_eq!(maria.sign_in("maria@iris.example", PASSWORD).await.status, 401);
        assert_eq!(maria.get("/desk/invitation/0123").await.status, 410);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operators_program_invites() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let wish = |role: &str, email: &str| json!({"role": role, "email": email});
        for (token, wish, status, code) in [
            ("", wish("operator", "a@b.example"), 401, "unauthorised"),
            ("wrong", wish("operator", "a@b.example"), 401, "unauthorised"),
            (OPERATOR, wish("operator", "nobody"), 400, "bad_email"),
            (OPERATOR, wish("king", "a@b.example"), 400, "bad_role"),
            (OPERATOR, wish("owner", "a@b.example"), 400, "bad_role"),
            (
                OPERATOR,
                json!({"role": "operator", "email": "a@b.example", "company_id": iris}),
                400,
                "bad_role",
            ),
            (
                OPERATOR,
                json!({"role": "owner", "email": "a@b.example", "company_id": "tnt_x"}),
                404,
                "not_found",
            ),
            (OPERATOR, json!({"role": "owner", "email": "a@b.example", "salon_id": 999}), 404, "not_found"),
            (OPERATOR, json!({"role": "owner"}), 400, "bad_body"),
            (OPERATOR, json!([]), 400, "bad_body"),
        ] {
            let (got, said) = desk.invited(token, wish.clone()).await;
            assert_eq!((got, &said["code"]), (status, &json!(code)), "{wish}");
        }
        let (status, said) =
            desk.invited(OPERATOR, json!({"role": "owner", "email": "a@b.example", "salon_id": 101})).await;
        assert_eq!((status, &said["link_until"]), (201, &json!(NOW.0 + 48 * HOUR_MS)));
        let (status, said) = desk.invited(OPERATOR, wish("operator", "A@b.example")).await;
        assert_eq!((status, &said["code"]), (409, &json!("email_taken")));
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_a_cookie_that_is_kept_close_and_out_again() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let first = maria.cookie();
        let page = maria.press("/desk/sign-out", &[]).await;
        assert!(is_out(&page) && page.set_cookie.contains("Max-Age=0"), "{page:?}");
        maria.set_cookie(&first);
        let wanted = maria.get(&format!("/desk/companies/{iris}/records?show=behind")).await;
        assert!(is_out(&wanted), "the old cookie opens nothing: {wanted:?}");

        // Back to where they wanted to go.
        let form = maria.get(&wanted.to).await;
        let to = form.value("to");
        assert_eq!(to, format!("/desk/companies/{iris}/records?show=behind"));
        let fields = |to| [("email", " MARIA@iris.example "), ("password", PASSWORD), ("to", to)];
        let page = maria.send("/desk/sign-in", &fields(&to)).await;
        assert_eq!((page.status, &page.to), (303, &to));
        let parts: Vec<_> = page.set_cookie.split("; ").skip(1).collect();
        assert_eq!(parts, ["Path=/", "Max-Age=1209600", "HttpOnly", "SameSite=Lax"]);
        assert!(page.set_cookie.starts_with("salonbridge_desk="), "{}", page.set_cookie);
        for elsewhere in
            ["https://evil.example/", "//evil.example/desk", "/desk\\evil", "/deskevil", "javascript:1"]
        {
            assert_eq!(maria.send("/desk/sign-in", &fields(elsewhere)).await.to, "/desk", "{elsewhere}");
        }
        let page = maria.get("/desk/account").await;
        let policy = page.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("frame-ancestors 'none'") && page.headers["x-frame-options"] == "DENY");
        assert_eq!(page.headers["cache-control"], "no-store");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_the_cookie_is_this_hosts_alone() {
    let public = ("SALONBRIDGE_PUBLIC_URL".to_owned(), "https://salonbridge.test".to_owned());
    let desk = Desk::start(Env::from([public])).await;
    let boss = desk.person("operator", "boss@salonbridge.test", None).await;
    let page = boss.sign_in("boss@salonbridge.test", PASSWORD).await;
    let parts: Vec<_> = page.set_cookie.split("; ").skip(1).collect();
    assert_eq!(parts, ["Path=/", "Max-Age=1209600", "HttpOnly", "SameSite=Lax", "Secure"]);
    assert!(page.set_cookie.starts_with("__Host-salonbridge="), "{}", page.set_cookie);
    assert_eq!(boss.get("/desk").await.status, 200);
    // The name it was called by is no proof of where a form comes from.
    let here = [("origin", desk.url.as_str())];
    let fields = [("email", "boss@salonbridge.test"), ("password", PASSWORD)];
    assert_eq!(boss.send_from("/desk/sign-in", &fields, &here).await.status, 403);
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_waits_longer_and_longer_and_cannot_tell_who_is_there() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let guess = async |email: &str, password: &str| {
            let page = desk.browser().sign_in(email, password).await;
            (page.status, page.html.replace(email, "").split("foot").next().unwrap_or_default().to_owned())
        };
        for nth in 1..=7 {
            let known = guess("maria@iris.example", "wrong wrong wrong").await;
            let unknown = guess("nobody@iris.example", "wrong wrong wrong").await;
            assert_eq!(known, unknown, "{nth}");
            assert_eq!(known.0, if nth <= 5 { 401 } else { 429 }, "{nth}");
        }
        // Right or wrong is not looked at any more; who is in stays in.
        assert_eq!(guess("maria@iris.example", PASSWORD).await.0, 429);
        assert_eq!(maria.get("/desk/account").await.status, 200);
        desk.clock.advance_ms(30_000);
        assert_eq!(guess("maria@iris.example", "wrong wrong wrong").await.0, 401);
        desk.clock.advance_ms(59_000);
        assert_eq!(guess("maria@iris.example", PASSWORD).await.0, 429, "the second rest is longer");
        desk.clock.advance_ms(1_000);
        assert_eq!(guess("maria@iris.example", PASSWORD).await.0, 303);
        // And all is forgotten.
        assert_eq!(guess("maria@iris.example", "wrong wrong wrong").await.0, 401);
        assert_eq!(guess("maria@iris.example", PASSWORD).await.0, 303);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_tries_many_logins_is_stopped_and_others_are_not() {
    for desk in Desk::both().await {
        let browser = desk.browser();
        let fields = |email| [("email", email), ("password", "wrong wrong wrong")];
        let from = |address| [("origin", desk.public_url.as_str()), ("x-forwarded-for", address)];
        let emails: Vec<_> = (0..21).map(|n| format!("n{n}@iris.example")).collect();
        for email in &emails[..20] {
            assert_eq!(
                browser.send_from("/desk/sign-in", &fields(email), &from("203.0.113.9")).await.status,
                401
            );
        }
        let last = fields(&emails[20]);
        assert_eq!(browser.send_from("/desk/sign-in", &last, &from("203.0.113.9")).await.status, 429);
        assert_eq!(
            browser.send_from("/desk/sign-in", &last, &from("203.0.113.9, 198.51.100.7")).await.status,
            401
        );
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_taken_only_from_a_page_of_ones_own() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let (key, foreign) = (maria.get("/desk/account").await.key(), oleg.get("/desk/account").await.key());
        assert!(key.len() == 64 && key != foreign);
        let ours = desk.public_url.as_str();
        for (key, headers) in [
            ("", vec![("origin", ours)]),
            (foreign.as_str(), vec![("origin", ours)]),
            (key.as_str(), vec![("origin", "https://evil.example")]),
            (key.as_str(), vec![("origin", "null"), ("sec-fetch-site", "cross-site")]),
            (key.as_str(), vec![]),
        ] {
            let page = maria.send_from("/desk/sign-out", &[("key", key)], &headers).await;
            assert_eq!((page.status, page.set_cookie.as_str()), (403, ""), "{headers:?}");
        }
        for path in ["/desk/sign-in", &desk.link("operator", "x@y.example", None).await] {
            let fields = [("email", "maria@iris.example"), ("password", PASSWORD), ("repeated", PASSWORD)];
            let page = desk.browser().send_from(path, &fields, &[("origin", "https://evil.example")]).await;
            assert_eq!((page.status, page.set_cookie.as_str()), (403, ""), "{path}");
        }
        assert_eq!(maria.get("/desk/account").await.status, 200, "still in");
        let told = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        assert!(is_out(&maria.send_from("/desk/sign-out", &[("key", &key)], &told).await));
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sitting_ends_after_half_a_quiet_day_and_at_the_latest_after_two_weeks() {
    for desk in Desk::both().await {
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        for _ in 0..2 {
            desk.clock.advance_ms(12 * HOUR_MS - 1);
            assert_eq!(boss.get("/desk").await.status, 200);
        }
        desk.clock.advance_ms(12 * HOUR_MS);
        assert!(is_out(&boss.get("/desk").await));
        assert_eq!(boss.sign_in("boss@salonbridge.test", PASSWORD).await.status, 303);
        for _ in 0..(14 * 24 / 8 - 1) {
            desk.clock.advance_ms(8 * HOUR_MS);
            assert_eq!(boss.get("/desk").await.status, 200);
        }
        desk.clock.advance_ms(8 * HOUR_MS);
        assert!(is_out(&boss.get("/desk").await));
        desk.stop().await;
    }
}
