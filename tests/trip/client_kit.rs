//! Clients of a salon with a program: a token or none, and what it is answered.

use std::time::{Duration, Instant};

use reqwest::Method;
use salonbridge::app::{books, faces};
use salonbridge::domain::client::Card;
use salonbridge::domain::message::MessageKind;
use salonbridge::kernel::id::{ClientKey, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::catalog::{self, ServiceRow};
use salonbridge::storage::{booking_form, client, job, outbox};
use serde_json::{Value, json};

use crate::desk_kit::{Desk, NOW};
use crate::kit::PATIENCE;

pub const ANNA: &str = "+79000000001";

/// An answer to a program.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Said {
    pub fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
}

pub async fn asked(method: Method, url: String, token: &str, body: Value) -> Said {
    let mut request = reqwest::Client::new().request(method, url);
    if !token.is_empty() {
        request = request.bearer_auth(token);
    }
    if !body.is_null() {
        request = request.body(body.to_string());
    }
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("text");
    Said { status, headers, body: serde_json::from_str(&text).unwrap_or_default() }
}

impl Desk {
    pub async fn says(&self, method: Method, path: &str, token: &str, body: Value) -> Said {
        asked(method, format!("{}{path}", self.url), token, body).await
    }

    pub async fn ask_code(&self, tenant: &TenantId, phone: &str) -> Said {
        let path = format!("/api/v1/companies/{tenant}/sign-in");
        self.says(Method::POST, &path, "", json!({"phone": phone})).await
    }

    pub async fn give_code(&self, tenant: &TenantId, phone: &str, code: &str) -> Said {
        let path = format!("/api/v1/companies/{tenant}/sign-in/code");
        self.says(Method::POST, &path, "", json!({"phone": phone, "code": code})).await
    }

    /// A client of a salon who has this number, put there by hand.
    pub async fn knows(&self, tenant: &TenantId, name: &str, phone: &str) -> ClientKey {
        let (app, id) = (self.app(), ClientKey::new(NOW));
        let key = app.keys.of(tenant).await.expect("a key");
        let card = Card { name: name.to_owned(), phone: Phone::parse(phone), ..Card::default() };
        let row = faces::row(&key, (id.clone(), None), &card, NOW).expect("a row");
        let mut conn = app.db.begin().await.expect("begins");
        assert!(client::insert(&mut conn, tenant, &row).await.expect("stored"));
        conn.commit().await.expect("commits");
        id
    }

    /// Their card says another number by now.
    pub async fn has_number(&self, tenant: &TenantId, id: &ClientKey, phone: &str) {
        let app = self.app();
        let key = app.keys.of(tenant).await.expect("a key");
        let card = Card { name: "Анна".to_owned(), phone: Phone::parse(phone), ..Card::default() };
        let row = faces::row(&key, (id.clone(), None), &card, NOW).expect("a row");
        let mut conn = app.db.begin().await.expect("begins");
        client::update(&mut conn, tenant, &row, NOW).await.expect("written");
        conn.commit().await.expect("commits");
    }

    /// A service of a salon that was copied from the CRM.
    pub async fn serves(&self, tenant: &TenantId, id: i64, title: &str) {
        let row = ServiceRow {
            service_id: id,
            title: title.to_owned(),
            category_id: None,
            price_min: 100_000,
            price_max: 100_000,
            length_s: Some(3_600),
            active: true,
        };
        let mut conn = self.app().db.begin().await.expect("begins");
        catalog::upsert_services(&mut conn, tenant, &[row], NOW).await.expect("stored");
        conn.commit().await.expect("commits");
    }

    /// Where the CRM says now that the salon's form is.
    pub async fn has_form(&self, tenant: &TenantId, url: &str) {
        let mut conn = self.app().db.begin().await.expect("begins");
        booking_form::set(&mut conn, tenant, url, self.app().now()).await.expect("stored");
        conn.commit().await.expect("commits");
    }

    /// What was put there by hand is kept in the books.
    pub async fn keep(&self, tenant: &TenantId) {
        books::keep(self.app(), tenant).await.expect("kept");
    }

    /// Waits until nothing is asked of a number any more.
    pub async fn until_answered(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let jobs =
                job::count(&mut self.app().db.read().await.expect("a connection")).await.expect("counted");
            if jobs.iter().all(|(kind, ..)| kind != "issue_code") {
                return;
            }
            assert!(Instant::now() < deadline, "never answered: {jobs:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The texts with codes that are on their way, the newest first, and to whom.
    pub async fn codes(&self, tenant: &TenantId) -> Vec<(String, String)> {
        self.until_answered().await;
        let key = self.app().keys.of(tenant).await.expect("a key");
        let mut conn = self.app().db.read().await.expect("a connection");
        let rows = outbox::list_recent(&mut conn, tenant, 100).await.expect("read");
        rows.iter()
            .filter(|row| row.kind == MessageKind::SignInCode)
            .map(|row| {
                let text = key.open_text("outbox", &row.intent, &row.text).expect("opens");
                (digits(&text), key.open_text("outbox", "recipient", &row.recipient).expect("opens"))
            })
            .collect()
    }

    /// Signs somebody in; answers their token.
    pub async fn signed_in(&self, tenant: &TenantId, phone: &str) -> String {
        assert_eq!(self.ask_code(tenant, phone).await.status, 202);
        let (code, _) = self.codes(tenant).await.first().expect("a code").clone();
        let said = self.give_code(tenant, phone, &code).await;
        assert_eq!(said.status, 200, "{said:?}");
        said.body["token"].as_str().expect("a token").to_owned()
    }
}

/// The six digits in a message.
pub fn digits(text: &str) -> String {
    let run = text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() == 6);
    run.unwrap_or_else(|| panic!("no code in {text}")).to_owned()
}

/// Another code than this one.
pub fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}
