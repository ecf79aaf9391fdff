//! What a desk does for the clients before it: finds them, and spends their bonuses. And who may.

use salonbridge::app::books;
use salonbridge::boot::config::Env;
use salonbridge::domain::record::{Attendance, Client, Field, Record, ServiceLine};
use salonbridge::kernel::clock::UnixMs;
use salonbridge::kernel::crm_id::{ClientId, RecordId, ServiceId};
use salonbridge::kernel::id::{ClientKey, TenantId};
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::record::{self, RecordWrite};
use salonbridge::storage::{books as stored, client, ledger};

use crate::desk_kit::{Browser, Desk, NOW, Page};
use crate::kit::postgres;

/// Who comes: card, name, phone and e-mail.
pub type Person<'a> = (i64, &'a str, &'a str, &'a str);

pub const ANNA: Person<'static> = (5, "Анна", "+79000000001", "");
pub const OLGA: Person<'static> = (6, "Ольга", "+79000000002", "olga@example.test");

/// A tenth of the price, and half of a price may be paid with it.
pub fn generous() -> Env {
    let rules = "[bonus]\npercent = 10\nmost_percent = 50".to_owned();
    [("SALONBRIDGE_RULES".to_owned(), rules)].into()
}

impl Desk {
    /// One on each engine whose salons give bonuses.
    pub async fn both_generous() -> [Self; 2] {
        let mut shared = generous();
        shared.insert("DATABASE_URL".to_owned(), postgres().await);
        [Self::start(generous()).await, Self::start(shared).await]
    }

    /// A record at 1000 for somebody, so many hours from now, kept in the books.
    pub async fn booked(
        &self,
        company: &TenantId,
        (record, hours): (i64, i64),
        (card, name, phone, email): Person<'_>,
        attendance: Attendance,
    ) {
        let starts_at = NOW.plus_secs(hours * 3600);
        let person = Client {
            id: Some(ClientId(card)),
            name: name.to_owned(),
            surname: String::new(),
            email: Some(email.to_owned()),
            phone: Phone::parse(phone),
            silenced: false,
        };
        let service =
            ServiceLine { id: ServiceId(1), title: "Стрижка".to_owned(), cost: Some(100_000) };
        let known = Record {
            starts: Field::Is(salonbridge::domain::dates::local(starts_at, chrono_tz::Europe::Moscow)),
            services: Field::Is(vec![service]),
            client: Field::Is(person),
            attendance: Field::Is(attendance),
            deleted: Field::Is(false),
            ..Record::unknown(RecordId(record))
        };
        self.written(company, &known, starts_at).await;
    }

    /// The same record, deleted in the journal.
    pub async fn called_off(&self, company: &TenantId, record: i64) {
        let row = self.record(company, record).await;
        let key = self.app().keys.of(company).await.expect("a key");
        let body = key.open("record", &record.to_string(), &row.body).expect("opens");
        let known: Record = serde_json::from_slice(&body).expect("JSON");
        let gone = Record { deleted: Field::Is(true), ..known };
        self.written(company, &gone, row.starts_at.expect("a time")).await;
    }

    async fn written(&self, company: &TenantId, known: &Record, starts_at: UnixMs) {
        let app = self.app();
        let key = app.keys.of(company).await.expect("a key");
        let body = key.seal("record", &known.id.to_string(), &serde_json::to_vec(known).expect("JSON"));
        let mut conn = app.db.begin().await.expect("begins");
        let there = stored::find(&mut conn, company, known.id).await.expect("read");
        let over = there.map(|row| row.body).unwrap_or_default();
        let deleted = known.is_deleted();
        let (id, starts_at) = (known.id, Some(starts_at));
        let write =
            RecordWrite { id, starts_at, deleted, changed_at: NOW, body: &body, raw: "", over: &over };
        assert!(record::upsert(&mut conn, company, write, NOW).await.expect("written"));
        conn.commit().await.expect("commits");
        books::keep(app, company).await.expect("kept");
    }

    pub async fn record(&self, company: &TenantId, record: i64) -> stored::BookRow {
        let mut conn = self.app().db.read().await.expect("a connection");
        stored::find(&mut conn, company, RecordId(record)).await.expect("read").expect("there")
    }

    /// Whose a record is.
    pub async fn whose(&self, company: &TenantId, record: i64) -> ClientKey {
        self.record(company, record).await.client.expect("somebody's")
    }

    pub async fn balance(&self, company: &TenantId, client: &ClientKey) -> i64 {
        let mut conn = self.app().db.read().await.expect("a connection");
        ledger::balance(&mut conn, company, client).await.expect("summed")
    }

    pub async fn clients(&self, company: &TenantId) -> i64 {
        let mut conn = self.app().db.read().await.expect("a connection");
        client::count(&mut conn, company).await.expect("counted").0
    }

    /// A record that may be Anna's or Olga's: both have her number.
    pub async fn doubtful(&self, company: &TenantId, record: i64) {
        self.booked(company, (record - 2, -60), ANNA, Attendance::Waiting).await;
        self.booked(company, (record - 1, -60), OLGA, Attendance::Waiting).await;
        let moved = (OLGA.0, OLGA.1, ANNA.2, OLGA.3);
        self.booked(company, (record - 1, -60), moved, Attendance::Waiting).await;
        self.booked(company, (record, -30), (7, "Кто-то", ANNA.2, ""), Attendance::Arrived).await;
        assert_eq!(self.record(company, record).await.matched, "ambiguous");
    }
}

pub fn plain(page: &Page) -> String {
    page.html.replace('\u{a0}', " ").replace('\u{2011}', "-")
}

/// The address of the first client in a list.
fn found(page: &Page) -> String {
    let row = page.html.split("row of-client\" href=\"").nth(1).unwrap_or_default();
    row.split('"').next().unwrap_or_default().to_owned()
}

pub fn code_of(page: &Page) -> String {
    let text = plain(page);
    let after = text.split("Код клиента</dt><dd>").nth(1).expect("a code");
    after.split('<').next().expect("a code").to_owned()
}

/// Fills in the page that asks whether it is meant, and gives what it would send.
fn meant(page: &Page) -> Vec<(&'static str, String)> {
    assert_eq!(page.status, 200, "{}", page.html);
    ["key", "once", "client", "amount", "record"].map(|name| (name, page.value(name))).into()
}

async fn send(browser: &Browser<'_>, path: &str, fields: &[(&'static str, String)]) -> Page {
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.send(path, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_found_by_code_number_and_name_and_by_nobody_elses_desk() {
    for desk in Desk::both_generous().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        desk.booked(&iris, (501, -30), ANNA, Attendance::Arrived).await;
        desk.booked(&iris, (502, 26), ANNA, Attendance::Waiting).await;
        desk.booked(&iris, (503, 26), OLGA, Attendance::Waiting).await;
        desk.booked(&rose, (504, -30), (9, "Роза", "+79000000009", ""), Attendance::Arrived).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let path = format!("/desk/companies/{iris}/clients");
        let all = oleg.get(&path).await;
        assert_eq!(all.html.matches("row of-client").count(), 2);
        let text = plain(&all);
        assert!(
            text.contains("Визит: пт, 13 марта, 09:00") && text.contains("Визитов ещё не было"),
            "{text}"
        );
        assert!(text.contains("Бонусы: 100") && !text.contains("Бонусы: 1 000"), "{text}");

        let anna = desk.whose(&iris, 501).await;
        let page = oleg.get(&format!("{path}/{anna}")).await;
        let code = code_of(&page);
        let text = plain(&page);
        for said in
            ["Анна", "+7 900 000-00-01", "Начислено за визит", "+100", "Состоялась", "Ожидается", "10 %"]
        {
            assert!(text.contains(said), "{said}: {text}");
        }
        for (typed, hits) in [
            (code.as_str(), 1),
            (code.to_lowercase().as_str(), 1),
            ("+7 900 000-00-01", 1),
            ("9000000001", 1),
            ("анн", 1),
            ("ОЛЬГ", 1),
            ("нна", 0),
            ("роза", 0),
            ("+79000000009", 0),
            ("DFJ23456", 0),
        ] {
            let query: String = url::form_urlencoded::byte_serialize(typed.as_bytes()).collect();
            let page = oleg.get(&format!("{path}?q={query}")).await;
            assert_eq!((page.status, page.html.matches("row of-client").count()), (200, hits), "{typed}");
            assert!(page.html.contains(&format!("value=\"{typed}\"")), "it stays in the field: {typed}");
        }
        let short = oleg.get(&format!("{path}?q=%D0%B0%D0%BD")).await;
        assert!(plain(&short).contains("три первые буквы"), "{}", short.html);

        // Another company's client is not there, whoever asks under their own address.
        let stranger = desk.whose(&rose, 504).await;
        assert_eq!(oleg.get(&format!("{path}/{stranger}")).await.status, 404);
        assert_eq!(oleg.get(&format!("{path}/cli_x")).await.status, 404);

        // The operator sees what is needed to help, and feels for no names.
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        for address in [path.clone(), format!("{path}/{anna}"), format!("/desk/companies/{iris}/unmatched")] {
            let page = boss.get(&address).await;
            let text = plain(&page);
            assert_eq!(page.status, 200);
            for secret in ["Анна", "Ольга", "900 000", "79000000", "olga@", "/spend\"", "name=\"whose\""]
            {
                assert!(!text.contains(secret), "{secret} on {address}");
            }
        }
        assert!(plain(&boss.get(&path).await).contains("+7…01"));
        let named = boss.get(&format!("{path}?q=%D0%B0%D0%BD%D0%BD")).await;
        assert!(named.status == 200 && !named.html.contains("row of-client"), "{}", named.html);
        assert_eq!(found(&boss.get(&format!("{path}?q={code}")).await), format!("{path}/{anna}"));
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_turned_a_page_at_a_time() {
    for desk in Desk::both_generous().await {
        let iris = desk.company(101, "Ирис").await;
        for number in 0..32 {
            let phone = format!("+790000010{number:02}");
            desk.booked(&iris, (600 + number, 1), (100 + number, "Анна", &phone, ""), Attendance::Waiting)
                .await;
        }
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        for query in ["", "?q=%D0%B0%D0%BD%D0%BD%D0%B0"] {
            let first = oleg.get(&format!("/desk/companies/{iris}/clients{query}")).await.html;
            assert_eq!(first.matches("row of-client").count(), 30);
            let next = first
                .split("href=\"")
                .find(|rest| rest.contains("after="))
                .and_then(|rest| rest.split('"').next());
            let next = next.expect("a next page").replace("&amp;", "&").replace("&#38;", "&");
            let second = oleg.get(&next).await.html;
            assert_eq!(second.matches("row of-client").count(), 2, "{query}");
        }
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bonuses_are_spent_once_however_often_the_page_is_sent() {
    for desk in Desk::both_generous().await {
        let (iris, rose) = (desk.company(101, "Ирис").await, desk.company(102, "Роза").await);
        desk.booked(&iris, (501, -30), ANNA, Attendance::Arrived).await;
        desk.booked(&iris, (502, 26), ANNA, Attendance::Waiting).await;
        desk.booked(&rose, (503, -30), ANNA, Attendance::Arrived).await;
        let anna = desk.whose(&iris, 501).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let company = format!("/desk/companies/{iris}");
        let (ask, confirm) = (format!("{company}/spend"), format!("{company}/spend/confirm"));
        let page = format!("{company}/clients/{anna}");
        let code = code_of(&oleg.get(&page).await);

        // By code: it is said whose and what will be left, and nothing is spent yet.
        let asked = oleg.press(&ask, &[("code", code.to_lowercase().as_str()), ("amount", "30,50")]).await;
        let text = plain(&asked);
        for said in ["Анна", "+7 900 000-00-01", code.as_str(), "30,50", "69,50"] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert_eq!(desk.balance(&iris, &anna).await, 10_000);

        // Twice in the same instant, and a third time.
        let form = meant(&asked);
        let (first, second) = tokio::join!(send(&oleg, &confirm, &form), send(&oleg, &confirm, &form));
        let third = send(&oleg, &confirm, &form).await;
        assert!(first.status == 303 && first.to.starts_with(&page), "{first:?}");
        assert_eq!((&first.to, &first.to), (&second.to, &third.to));
        assert_eq!(desk.balance(&iris, &anna).await, 6_950);
        let done = oleg.get(&first.to).await;
        assert!(plain(&done).contains("Списано 30,50. Осталось 69,50."), "{}", done.html);
        // The same page with another amount on it.
        let mut other = form.clone();
        other[3].1 = "100".to_owned();
        let refused = send(&oleg, &confirm, &other).await;
        assert!(refused.status == 409 && plain(&refused).contains("уже списали другую сумму"), "{refused:?}");

        // What cannot be is said in a sentence, before and, for who comes late, after.
        let late = meant(&oleg.press(&ask, &[("client", anna.as_str()), ("amount", "60")]).await);
        let second =
            meant(&oleg.press(&ask, &[("client", anna.as_str()), ("amount", "60"), ("record", "502")]).await);
        assert_eq!(send(&oleg, &confirm, &late).await.status, 303);
        let refused = send(&oleg, &confirm, &second).await;
        assert!(refused.status == 409 && plain(&refused).contains("списать не больше 9,50"), "{refused:?}");
        for (amount, record, said) in [
            ("9,51", "", "списать не больше 9,50"),
            ("0", "", "больше нуля"),
            ("-5", "", "больше нуля"),
            ("1,000", "", "больше нуля"),
            ("", "", "больше нуля"),
            ("5", "503", "записи у клиента уже нет"),
        ] {
            let wish = [("client", anna.as_str()), ("amount", amount), ("record", record)];
            let refused = oleg.press(&ask, &wish).await;
            assert!(refused.status == 422 && plain(&refused).contains(said), "{amount}: {refused:?}");
        }
        // Codes of nobody, and of another salon.
        let theirs = desk.whose(&rose, 503).await;
        let maria = desk.person("owner", "maria@rose.example", Some(&rose)).await;
        let foreign = code_of(&maria.get(&format!("/desk/companies/{rose}/clients/{theirs}")).await);
        for code in ["DFJ23456", "нет", foreign.as_str()] {
            let refused = oleg.press(&ask, &[("code", code), ("amount", "5")]).await;
            let said = plain(&refused).contains("Клиента с таким кодом в этом салоне нет");
            assert!(
                refused.status == 422 && said && refused.html.contains(&format!("value=\"{code}\"")),
                "{code}"
            );
        }
        let wish = [("client", theirs.as_str()), ("amount", "5")];
        assert_eq!(oleg.press(&ask, &wish).await.status, 404, "another salon's client");
        let wish = [("client", theirs.as_str()), ("amount", "500"), ("once", "x")];
        assert_eq!(oleg.press(&confirm, &wish).await.status, 404);

        // A visit that was called off between the question and the answer.
        let form =
            meant(&oleg.press(&ask, &[("client", anna.as_str()), ("amount", "5"), ("record", "502")]).await);
        desk.called_off(&iris, 502).await;
        let refused = send(&oleg, &confirm, &form).await;
        assert!(refused.status == 409 && plain(&refused).contains("Эта запись отменена"), "{refused:?}");
        assert_eq!((desk.balance(&iris, &anna).await, desk.balance(&rose, &theirs).await), (950, 10_000));
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_desks_at_once_spend_no_more_than_there_is() {
    for desk in Desk::both_generous().await {
        let iris = desk.company(101, "Ирис").await;
        desk.booked(&iris, (501, -30), ANNA, Attendance::Arrived).await;
        let anna = desk.whose(&iris, 501).await;
        let (ask, confirm) =
            (format!("/desk/companies/{iris}/spend"), format!("/desk/companies/{iris}/spend/confirm"));
        let (oleg, maria) = (
            desk.person("receptionist", "oleg@iris.example", Some(&iris)).await,
            desk.person("owner", "maria@iris.example", Some(&iris)).await,
        );
        let mut wishes = Vec::new();
        for browser in [&oleg, &maria, &oleg, &maria, &oleg, &maria] {
            let page = browser.press(&ask, &[("client", anna.as_str()), ("amount", "40")]).await;
            wishes.push((browser, meant(&page)));
        }
        let sent = wishes.iter().map(|(browser, form)| send(browser, &confirm, form));
        let answers = futures::future::join_all(sent).await;
        let served = answers.iter().filter(|page| page.status == 303).count();
        let refused = answers.iter().filter(|page| plain(page).contains("списать не больше 20")).count();
        assert_eq!((served, refused), (2, 4), "{answers:?}");
        assert_eq!(desk.balance(&iris, &anna).await, 2_000);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_clients_before_them_spends_and_settles() {
    for desk in Desk::both_generous().await {
        let iris = desk.company(101, "Ирис").await;
        desk.doubtful(&iris, 513).await;
        let anna = desk.whose(&iris, 511).await;
        desk.booked(&iris, (518, -30), ANNA, Attendance::Waiting).await;
        let boss = desk.person("operator", "boss@salonbridge.test", None).await;
        let wish = [("client", anna.as_str()), ("amount", "1"), ("once", "x"), ("whose", "nobody")];
        for path in ["/spend", "/spend/confirm", "/unmatched/513"] {
            let page = boss.press(&format!("/desk/companies/{iris}{path}"), &wish).await;
            assert_eq!(page.status, 403, "{path}");
        }
        assert_eq!(desk.record(&iris, 513).await.matched, "ambiguous");
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_programme_is_off_the_page_says_who_switches_it_on() {
    for desk in Desk::both().await {
        let iris = desk.company(101, "Ирис").await;
        desk.booked(&iris, (501, -30), ANNA, Attendance::Arrived).await;
        let maria = desk.person("owner", "maria@iris.example", Some(&iris)).await;
        let anna = desk.whose(&iris, 501).await;
        for path in ["/clients".to_owned(), format!("/clients/{anna}")] {
            let text = plain(&maria.get(&format!("/desk/companies/{iris}{path}")).await);
            assert!(
                text.contains("Программу включает оператор сервиса") && text.contains("rules.toml"),
                "{text}"
            );
        }
        let page = maria.get(&format!("/desk/companies/{iris}/clients/{anna}?lang=en")).await;
        assert!(
            page.html.contains("There is nothing to spend yet")
                && page.html.contains("Visits earn no bonuses")
        );
        desk.stop().await;
    }
}
