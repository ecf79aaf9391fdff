//! Records of which nobody knows whose they are, settled at the desk.

use salonbridge::app::books;
use salonbridge::domain::record::Attendance;
use salonbridge::kernel::crm_id::ClientId;
use salonbridge::kernel::id::ClientKey;
use salonbridge::storage::client::{self, HashedSigns};

use crate::desk_counter::{ANNA, code_of, generous, plain};
use crate::desk_kit::{Desk, NOW};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_whose_a_record_is_and_the_first_word_stands() {
    for desk in Desk::both_generous().await {
        let iris = desk.company(101, "Ирис").await;
        desk.doubtful(&iris, 513).await;
        for record in [514, 515, 516] {
            let somebody = (record, "Кто-то", ANNA.2, "");
            desk.booked(&iris, (record, -30), somebody, Attendance::Arrived).await;
        }
        desk.booked(&iris, (517, -30), (77, "Некто", "", ""), Attendance::Arrived).await;
        let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
        let path = format!("/desk/companies/{iris}/unmatched");
        let list = oleg.get(&path).await;
        let text = plain(&list);
        assert_eq!(list.html.matches("row of-unmatched").count(), 5);
        for said in
            ["Подходят несколько клиентов", "совпали: телефон", "ни телефона, ни почты", "Анна", "Ольга"]
        {
            assert!(text.contains(said), "{said}: {text}");
        }
        let (anna, olga) = (desk.whose(&iris, 511).await, desk.whose(&iris, 512).await);
        let settle = async |record: i64, whose: &str, code: &str| {
            oleg.press(&format!("{path}/{record}"), &[("whose", whose), ("code", code)]).await
        };
        for (whose, code, said) in [
            ("", "", "Выберите, чья это запись"),
            ("cli_x", "", "Выберите, чья это запись"),
            ("code", "", "Клиента с таким кодом"),
            ("code", "DFJ23456", "Клиента с таким кодом"),
        ] {
            let page = settle(514, whose, code).await;
            assert!(page.status == 422 && plain(&page).contains(said), "{whose}: {page:?}");
        }
        let nobody = ClientKey::new(NOW);
        assert_eq!(settle(513, nobody.as_str(), "").await.status, 400);
        assert_eq!(settle(999, "nobody", "").await.status, 404);

        let page = settle(513, olga.as_str(), "").await;
        assert_eq!((page.status, page.to.as_str()), (303, path.as_str()));
        assert_eq!(settle(513, anna.as_str(), "").await.status, 303, "late: it leads back to what is left");
        let code = code_of(&oleg.get(&format!("/desk/companies/{iris}/clients/{anna}")).await);
        assert_eq!(settle(514, "code", &code).await.status, 303);
        assert_eq!(settle(515, "nobody", "").await.status, 303);
        let before = desk.clients(&iris).await;
        let (one, two) = tokio::join!(settle(516, "new", ""), settle(516, "new", ""));
        assert_eq!((one.status, two.status, settle(517, "new", "").await.status), (303, 303, 303));
        assert_eq!(desk.clients(&iris).await, before + 2, "pressed twice it makes one client");
        books::keep(desk.app(), &iris).await.expect("kept");
        assert_eq!(
            (desk.whose(&iris, 513).await, desk.whose(&iris, 514).await),
            (olga.clone(), anna.clone())
        );
        assert_eq!((desk.balance(&iris, &olga).await, desk.balance(&iris, &anna).await), (10_000, 10_000));
        let left = desk.record(&iris, 515).await;
        assert_eq!((left.client, left.matched.as_str()), (None, "person"));
        let fresh = desk.whose(&iris, 517).await;
        assert_eq!(desk.balance(&iris, &fresh).await, 10_000);
        let list = oleg.get(&path).await;
        assert!(plain(&list).contains("Все записи разобраны"), "{}", list.html);
        // What was settled stays so when the record is written anew.
        desk.booked(&iris, (515, -30), (515, "Кто-то", ANNA.2, ""), Attendance::Arrived).await;
        assert_eq!(desk.record(&iris, 515).await.client, None);
        desk.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_anothers_stays_theirs_when_its_record_makes_somebody_new() {
    let desk = Desk::start(generous()).await;
    let iris = desk.company(101, "Ирис").await;
    desk.doubtful(&iris, 513).await;
    let olga = desk.whose(&iris, 512).await;
    let mut conn = desk.app().db.begin().await.expect("begins");
    let row = client::find(&mut conn, &iris, &olga).await.expect("read").expect("there");
    let theirs = client::ClientRow { card: Some(ClientId(7)), ..row };
    client::update(&mut conn, &iris, &theirs, NOW).await.expect("written");
    conn.commit().await.expect("commits");
    let oleg = desk.person("receptionist", "oleg@iris.example", Some(&iris)).await;
    let path = format!("/desk/companies/{iris}/unmatched/513");
    assert_eq!(oleg.press(&path, &[("whose", "new")]).await.status, 303);
    let made = desk.whose(&iris, 513).await;
    let mut conn = desk.app().db.read().await.expect("a connection");
    let of_card = client::list_named(&mut conn, &iris, &HashedSigns::default(), Some(ClientId(7))).await;
    assert_eq!(of_card.expect("read").into_iter().map(|row| row.id).collect::<Vec<_>>(), [olga]);
    assert!(client::find(&mut conn, &iris, &made).await.expect("read").expect("there").card.is_none());
    drop(conn);
    desk.stop().await;
}
