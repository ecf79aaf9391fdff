//! Installing into several salons, by several people, at once.

use std::collections::BTreeSet;

use reqwest::redirect::Policy;
use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip::{self, Trip};
use salonbridge::kernel::crm_id::SalonId;
use salonbridge::storage::tenant;
use serde_json::json;

use crate::kit::Salon;

const SECOND: i64 = 990_102;

async fn world(folder: &tempfile::TempDir) -> World {
    World::start(&Env::new(), folder.path(), 0).await.expect("the world starts")
}

/// Consent in the marketplace; the address it sends the browser to.
async fn consent(world: &World, with: &[i64]) -> String {
    let path = format!("/admin/salons/{}/install", demo_trip::SALON);
    let trip = Trip::new(world).expect("hands");
    let told = trip.crm("POST", &path, &json!({"with": with})).await.expect("consent");
    told["redirect_url"].as_str().expect("an address").to_owned()
}

fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(Policy::none()).build().expect("a client")
}

async fn read(world: &World, path: &str) -> (u16, String) {
    let answer = browser().get(format!("{}{path}", world.product_url)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a page"))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_salons_each_can_be_linked_from_one_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = world(&folder).await;
    let visit = browser().get(consent(&world, &[SECOND]).await).send().await.expect("an answer");
    let page = visit.headers()["location"].to_str().expect("text").to_owned();
    let (status, choice) = read(&world, &page).await;
    assert_eq!(status, 200);
    let links: BTreeSet<String> = choice
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|link| link.starts_with("/connect?"))
        .map(|link| link.replace("&#38;", "&").replace("&amp;", "&"))
        .collect();
    assert_eq!(links.len(), 2, "{choice}");
    for link in &links {
        let (status, html) = read(&world, link).await;
        assert_eq!(status, 200, "{link}");
        assert!(html.contains("data-company-id"), "a connect page: {html}");
    }
    let mut conn = world.product.app.db.read().await.expect("a connection");
    for salon in [demo_trip::SALON, SECOND] {
        let stored = tenant::find_by_salon(&mut conn, SalonId(salon)).await.expect("read").expect("there");
        assert!(links.iter().any(|link| link.ends_with(stored.tenant.id.as_str())), "{salon}: {links:?}");
    }
    drop(conn);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_visits_at_once_make_one_installation() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = world(&folder).await;
    let visit = consent(&world, &[]).await;
    let (browser, visits) = (browser(), 6);
    let answers = futures::future::join_all((0..visits).map(|_| browser.get(&visit).send())).await;
    for answer in answers {
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 303, "each is sent on");
        let page = answer.headers()["location"].to_str().expect("text").to_owned();
        assert_eq!(read(&world, &page).await.0, 200);
    }
    let mut conn = world.product.app.db.read().await.expect("a connection");
    let by_state = tenant::count_by_state(&mut conn).await.expect("counted");
    assert_eq!(by_state.iter().map(|(_, count)| count).sum::<i64>(), 1, "{by_state:?}");
    drop(conn);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_visit_opens_no_other_salon() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = world(&folder).await;
    let visit = consent(&world, &[]).await;
    assert_eq!(browser().get(&visit).send().await.expect("an answer").status(), 303);
    // A stranger's consent in a salon of their own gives them a signed word about themselves; the salon's number is not in it.
    let (path, query) = visit.split_once('?').expect("a query");
    let forged = query.replace(&demo_trip::SALON.to_string(), &SECOND.to_string());
    let refused = browser().get(format!("{path}?{forged}")).send().await.expect("an answer");
    assert_eq!(refused.status(), 409, "not installed there");
    world.stop().await;
}

/// The language link of an error page asks for the same visit: without its salon it would be another error.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_in_the_other_language_is_of_the_same_visit() {
    let salon = Salon::installed(json!({})).await;
    let url = salon.url("/marketplace/register?salon_id=555777&lang=ru");
    let html = salon.http.get(url).send().await.expect("an answer").text().await.expect("a page");
    assert!(
        html.contains("?salon_id=555777&amp;lang=en") || html.contains("?salon_id=555777&#38;lang=en"),
        "{html}"
    );
    salon.world.stop().await;
}
