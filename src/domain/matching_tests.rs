use super::*;
use crate::domain::record::{Client, Field};
use crate::kernel::crm_id::RecordId;

fn id(name: &str) -> ClientKey {
    ClientKey::from_stored(format!("cli_{name}"))
}

/// A client and the signs that name them: any of the letters c(ode), e(mail), p(hone), k (the card).
fn named(name: &str, signs: &str) -> Candidate {
    let has = |sign| signs.contains(sign);
    Candidate { id: id(name), code: has('c'), email: has('e'), phone: has('p'), card: has('k') }
}

fn one(name: &str, reason: Reason) -> Match {
    Match::One(id(name), reason)
}

#[test]
fn the_strongest_sign_that_names_one_client_decides() {
    for (candidates, expected) in [
        (vec![], Match::Nobody),
        (vec![named("anna", "c")], one("anna", Reason::Code)),
        (vec![named("anna", "cepk")], one("anna", Reason::Code)),
        (vec![named("anna", "c"), named("olga", "p")], one("anna", Reason::CodeOverContacts)),
        (vec![named("anna", "cp"), named("olga", "e")], one("anna", Reason::CodeOverContacts)),
        (vec![named("anna", "c"), named("olga", "k")], one("anna", Reason::CodeOverContacts)),
        (vec![named("anna", "e")], one("anna", Reason::Email)),
        (vec![named("olga", "p"), named("anna", "e")], one("anna", Reason::EmailOverPhone)),
        (vec![named("anna", "p")], one("anna", Reason::Phone)),
        (vec![named("anna", "p"), named("olga", "k")], one("anna", Reason::Phone)),
        (vec![named("anna", "k")], one("anna", Reason::Card)),
    ] {
        assert_eq!(decide(&candidates, None), expected, "{candidates:?}");
    }
}

#[test]
fn several_are_for_a_person_unless_the_card_or_what_was_decided_before_tells_them_apart() {
    let both = |signs_of_anna, signs_of_olga| [named("olga", signs_of_olga), named("anna", signs_of_anna)];
    let several = Match::Several(vec![id("anna"), id("olga")]);
    assert_eq!(decide(&both("p", "p"), None), several);
    assert_eq!(decide(&both("e", "e"), None), several);
    assert_eq!(decide(&both("pk", "p"), None), one("anna", Reason::Phone));
    assert_eq!(decide(&both("p", "p"), Some(&id("olga"))), one("olga", Reason::Phone));
    assert_eq!(decide(&both("pk", "p"), Some(&id("olga"))), one("anna", Reason::Phone), "the card is newer");
    assert_eq!(decide(&both("p", "p"), Some(&id("vera"))), several, "she is none of them any more");
    assert_eq!(decide(&both("ck", "c"), None), several, "two codes are two people");
    assert_eq!(decide(&both("e", "ep"), None), several, "a weaker sign does not decide");
}

#[test]
fn an_address_is_one_or_it_is_none() {
    for (written, read) in [
        ("anna@example.test", Some("anna@example.test")),
        ("  Anna@Example.TEST ", Some("anna@example.test")),
        ("АННА@ПОЧТА.РФ", Some("анна@почта.рф")),
        ("", None),
        ("-", None),
        ("нет", None),
        ("a@", None),
        ("@b.ru", None),
        ("a@b", None),
        ("a b@c.ru", None),
        ("a@b@c.ru", None),
    ] {
        assert_eq!(email(written).as_deref(), read, "{written}");
    }
}

#[test]
fn the_signs_of_a_record_are_what_its_card_and_comment_say() {
    let card = Client {
        id: Some(ClientId(5)),
        name: "Анна".into(),
        surname: String::new(),
        phone: Phone::parse("+79000000001"),
        email: Some(" Anna@Example.test".into()),
        silenced: false,
    };
    let record = Record {
        client: Field::Is(card.clone()),
        comment: Field::Is("Код клиента: DFJ23456".into()),
        ..Record::unknown(RecordId(1))
    };
    let signs = Signs::of(&record);
    assert_eq!(signs.codes.iter().map(Code::as_str).collect::<Vec<_>>(), ["DFJ23456"]);
    assert_eq!((signs.email.as_deref(), signs.card), (Some("anna@example.test"), Some(ClientId(5))));
    assert!(signs.are_contacts());
    let hidden = Client { phone: None, email: Some("-".into()), ..card };
    let signs = Signs::of(&Record { client: Field::Is(hidden), ..record });
    assert!(!signs.are_contacts() && signs.card.is_some());
    assert_eq!(Signs::of(&Record::unknown(RecordId(1))), Signs::default());
}

proptest::proptest! {
    /// Whatever the signs: nobody is chosen whom none of the strongest names, the order of reading means nothing, and asking
    /// again gives the same.
    #[test]
    fn a_choice_is_never_a_guess(
        signs in proptest::collection::vec(proptest::collection::vec(proptest::bool::ANY, 4), 0..6),
        before in proptest::option::of(0_usize..6),
    ) {
        let all: Vec<Candidate> = signs.iter().enumerate().map(|(place, said)| Candidate {
            id: id(&place.to_string()), code: said[0], email: said[1], phone: said[2], card: said[3],
        }).collect();
        let before = before.map(|place| id(&place.to_string()));
        let decided = decide(&all, before.as_ref());
        let mut turned = all.clone();
        turned.reverse();
        proptest::prop_assert_eq!(&decide(&turned, before.as_ref()), &decided);
        let strongest: Vec<&Candidate> = [|c: &Candidate| c.code, |c: &Candidate| c.email, |c: &Candidate| c.phone, |c: &Candidate| c.card]
            .into_iter().map(|names| all.iter().filter(|c| names(c)).collect::<Vec<_>>()).find(|named| !named.is_empty())
            .unwrap_or_default();
        match decided {
            Match::Nobody => proptest::prop_assert!(strongest.is_empty()),
            Match::Several(several) => proptest::prop_assert!(several.len() > 1 && several.len() == strongest.len()),
            Match::One(one, _) => {
                let chosen = strongest.iter().find(|c| c.id == one);
                proptest::prop_assert!(chosen.is_some());
                let told_apart = chosen.is_some_and(|c| c.card) || before == Some(one);
                proptest::prop_assert!(strongest.len() == 1 || told_apart);
            }
        }
    }
}
