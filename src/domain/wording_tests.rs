use super::*;

fn anna() -> Filling {
    Filling {
        name: "Анна".into(),
        salon: "Студия «Ирис»".into(),
        date: "сб, 14 марта".into(),
        time: "15:00".into(),
        services: vec!["Маникюр с покрытием".into()],
        master: "Мария".into(),
        address: "ул. Примерная, д. 1".into(),
        old_date: "пт, 13 марта".into(),
        old_time: "12:00".into(),
        code: "042917".into(),
    }
}

fn render(locale: Locale, set: &str, kind: MessageKind, filling: &Filling) -> String {
    Wording::defaults().expect("shipped texts").render(locale, set, kind, filling)
}

#[test]
fn a_confirmation_says_what_when_where_and_who() {
    assert_eq!(
        render(Locale::Ru, "plain", MessageKind::Confirmation, &anna()),
        "Анна, здравствуйте.\nВы записаны: сб, 14 марта, 15:00.\nУслуга: Маникюр с покрытием\nМастер: Мария\n\
         Студия «Ирис»\nул. Примерная, д. 1"
    );
}

#[test]
fn what_is_not_known_is_not_said() {
    let bare = Filling {
        date: "сб, 14 марта".into(),
        time: "15:00".into(),
        salon: "Ирис".into(),
        ..Filling::default()
    };
    assert_eq!(
        render(Locale::Ru, "plain", MessageKind::Confirmation, &bare),
        "Здравствуйте.\nВы записаны: сб, 14 марта, 15:00.\nИрис"
    );
}

#[test]
fn every_shipped_text_fills_without_a_leftover() {
    for locale in Locale::ALL {
        for set in ["plain", "festive"] {
            for kind in MessageKind::ALL {
                let text = render(locale, set, kind, &anna());
                assert!(!text.is_empty() && !text.contains(['{', '}']), "{locale:?} {set} {kind:?}: {text}");
            }
        }
    }
}

#[test]
fn a_code_is_said_or_the_text_is_refused() {
    for locale in Locale::ALL {
        assert!(render(locale, "festive", MessageKind::SignInCode, &anna()).contains(": 042917\n"));
    }
    let silent =
        Wording::defaults().expect("shipped texts").with(Locale::Ru, "[plain]\nsign_in_code = 'Войдите'");
    assert!(silent.is_err_and(|problem| problem.contains("sign_in_code")));
}

#[test]
fn names_cannot_bring_lines_marks_or_placeholders_of_their_own() {
    let rude = Filling { name: "*Анна*\nотменено {salon}\u{202e}".into(), ..anna() };
    let text = render(Locale::Ru, "plain", MessageKind::Confirmation, &rude);
    assert!(text.starts_with("Анна отменено {salon}, здравствуйте.\n"), "{text}");
}

#[test]
fn a_name_of_nothing_but_marks_is_no_name() {
    let nameless =
        render(Locale::Ru, "plain", MessageKind::Confirmation, &Filling { name: String::new(), ..anna() });
    for name in ["***", " _ ", "\u{202e}\u{61c}", "\u{feff}\u{2060}\n"] {
        let text =
            render(Locale::Ru, "plain", MessageKind::Confirmation, &Filling { name: name.into(), ..anna() });
        assert_eq!(text, nameless, "{name:?}");
    }
}

#[test]
fn unknown_placeholders_are_refused_with_the_list_of_known_ones() {
    let wording = Wording::defaults().expect("shipped texts");
    let error = wording.clone().with(Locale::Ru, "[plain]\nconfirmation = '{when}'").expect_err("refused");
    assert!(error.contains("{when}") && error.contains("{date}"), "{error}");
    assert!(wording.clone().with(Locale::Ru, "[plain]\nconfirmation = '{date'").is_err());
    assert!(wording.with(Locale::Ru, "[plain]\nconfirm = 'x'").is_err());
}

#[test]
fn a_salons_own_text_wins_and_the_rest_stays() {
    let wording = Wording::defaults()
        .expect("shipped")
        .with(Locale::Ru, "[plain]\ncancel = 'Отмена {date}'")
        .expect("valid");
    assert_eq!(wording.render(Locale::Ru, "plain", MessageKind::Cancel, &anna()), "Отмена сб, 14 марта");
    assert!(wording.render(Locale::Ru, "plain", MessageKind::Change, &anna()).contains("изменилась"));
}

proptest::proptest! {
    #[test]
    fn no_template_makes_the_check_or_the_filling_panic(template in ".*", name in ".*") {
        let filling = Filling { name, ..Filling::default() };
        let _ = check(&template);
        let _ = fill(&template, &filling.values(Locale::Ru));
    }
}
