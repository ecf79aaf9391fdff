//! How the operator lets people in from a terminal, and the demo its own.

use std::process::Stdio;

use salonbridge::boot::config::Env;
use salonbridge::boot::demo::{Around, World};
use salonbridge::boot::demo_desk;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::kit::{OPERATOR, PATIENCE, Salon, until};

fn program(around: &Around, arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_salonbridge"));
    program.args(arguments).env_clear().envs(&around.env).current_dir(env!("CARGO_MANIFEST_DIR"));
    program.stdin(Stdio::null()).kill_on_drop(true);
    program
}

/// Exit code, and what it said on either stream.
async fn said(around: &Around, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program(around, arguments).output().await.expect("runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_links_from_a_terminal_while_the_product_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&Env::new(), folder.path(), 0).await.expect("the world starts");
    let mut around = world.without_product().await;
    let add = ["login", "add", "--role", "operator", "--email", "boss@salonbridge.test"];
    let (code, text) = said(&around, &add).await;
    assert!(code == Some(1) && text.contains("is the product running?"), "{text}");

    let _product = program(&around, &["serve"]).stderr(Stdio::null()).spawn().expect("starts");
    let live = format!("{}/health/live", around.product_url);
    until("a product", async || reqwest::get(&live).await.is_ok()).await;
    let (code, text) = said(&around, &add).await;
    assert_eq!(code, Some(0), "{text}");
    let link = text.lines().find(|line| line.starts_with(&around.product_url)).expect("a link");
    assert_eq!(reqwest::get(link).await.expect("an answer").status().as_u16(), 200);
    let (code, text) = said(&around, &[&add[..], &["--json"]].concat()).await;
    let body: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, &body["email"]), (Some(0), &json!("boss@salonbridge.test")));
    assert_eq!(reqwest::get(link).await.expect("an answer").status().as_u16(), 410, "the newer link counts");

    for (arguments, sentence) in [
        (&["--role", "owner", "--email", "maria@iris.example"][..], "needs --company or --salon"),
        (&["--role", "owner", "--email", "maria@iris.example", "--salon", "1"], "there is no such company"),
        (&["--role", "operator", "--email", "nobody"], "that is no e-mail address"),
    ] {
        let (code, text) = said(&around, &[&["login", "add"], arguments].concat()).await;
        assert!(code == Some(1) && text.contains(sentence), "{text}");
    }
    around
        .env
        .insert("SALONBRIDGE_OPERATOR_TOKEN".to_owned(), "another token of thirty-two and more".to_owned());
    let (code, text) = said(&around, &add).await;
    assert!(code == Some(1) && text.contains("has another SALONBRIDGE_OPERATOR_TOKEN"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_lets_in_its_operator_and_the_owner_of_its_salon() {
    let salon = Salon::installed(json!({})).await;
    let let_in = demo_desk::let_in(salon.world.product_url.clone(), OPERATOR.to_owned());
    tokio::time::timeout(PATIENCE, let_in).await.expect("both are in");
    let policy = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().redirect(policy).build().expect("a client");
    let own = format!("/desk/companies/{}", salon.tenant);
    for (email, lands) in [(demo_desk::OPERATOR, 200), (demo_desk::OWNER, 303)] {
        let form = [("email", email), ("password", demo_desk::PASSWORD)];
        let url = salon.url("/desk/sign-in");
        let answer = http.post(url).header("origin", &salon.world.product_url).form(&form).send().await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status().as_u16(), 303, "{email}");
        let cookie = answer.headers()["set-cookie"]
            .to_str()
            .expect("text")
            .split(';')
            .next()
            .expect("a pair")
            .to_owned();
        let desk = http.get(salon.url("/desk")).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(desk.status().as_u16(), lands, "{email}");
        let page = http.get(salon.url(&own)).header("cookie", &cookie).send().await.expect("an answer");
        assert_eq!(page.status().as_u16(), 200, "{email}");
        // Whoever sees the connect page can link a phone: it is the owner's alone.
        let url = salon.url(&format!("{own}/connect"));
        let connect = http.get(url).header("cookie", &cookie).send().await.expect("an answer");
        if email == demo_desk::OWNER {
            let to = connect.headers()["location"].to_str().expect("text");
            assert!(to.starts_with("/connect?token="), "{to}");
            assert_eq!(salon.get(to).await, 200);
        } else {
            assert_eq!(connect.status().as_u16(), 403);
        }
    }
    salon.world.stop().await;
}
