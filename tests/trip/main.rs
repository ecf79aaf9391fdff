//! The whole trip over real wires, on both engines: install, link, book, move, cancel, as `salonbridge demo --once` walks it.

mod alerts;
mod api_page;
mod bonuses;
mod books;
mod browser;
mod client_door;
mod client_kit;
mod client_pages;
mod client_records;
mod cluster;
mod desk;
mod desk_counter;
mod desk_kit;
mod desk_pages;
mod desk_people;
mod desk_program;
mod desk_syncs;
mod desk_unmatched;
mod doctor;
mod hooks;
mod install;
mod killed;
mod kit;
mod life;
mod linking;
mod lost;
mod nodes;
mod number;
mod pacing;
mod records;
mod settling;
mod sync;
mod sync_locks;
mod sync_weather;
mod unclear;
mod upkeep;
mod weather;
mod why;

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::World;
use salonbridge::boot::demo_trip;
use salonbridge::storage::{Db, sql};

use kit::postgres;

async fn walk(database: Option<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut env = Env::new();
    if let Some(url) = database {
        env.insert("DATABASE_URL".to_owned(), url);
    }
    let world = World::start(&env, folder.path(), 0).await.expect("the world starts");
    let report = demo_trip::walk(&world).await;
    assert!(report.ok, "{}", report.prose());
    let told: Vec<_> = report.messages.iter().map(|m| (m.kind, m.to.as_str())).collect();
    let client = demo_trip::CLIENT_PHONE;
    assert_eq!(told, [("confirmation", client), ("change", client), ("cancel", client)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salon_installs_links_and_its_client_is_told_on_sqlite() {
    walk(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_salon_installs_links_and_its_client_is_told_on_postgres() {
    walk(Some(postgres().await)).await;
}

#[tokio::test]
async fn every_statement_is_taken_by_both_engines() {
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = format!("sqlite:{}", folder.path().join("x.db").display());
    for url in [sqlite, postgres().await] {
        let db = Db::open(&url).await.expect("opens");
        let prepared = sql::prepare_all(&mut db.read().await.expect("a connection")).await;
        assert!(prepared.unwrap_or_else(|(sql, error)| panic!("{sql}: {error}")) > 50);
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_file_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("x.db").display());
    let first = Db::open(&url).await.expect("opens");
    let second = Db::open(&url).await.expect_err("refused").to_string();
    assert!(second.contains("in use by another salonbridge process"), "{second}");
    first.close().await;
    drop(first);
    Db::open(&url).await.expect("free again");
}
