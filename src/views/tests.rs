//! Every page, in both languages, is held to the same rules; and so are the catalogues.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::i18n::{MISSING, SOURCES, parse};
use super::{qr, samples};
use crate::kernel::locale::Locale;

#[test]
fn every_page_keeps_the_house_rules() {
    for locale in Locale::ALL {
        for sample in samples(locale) {
            let (name, html) = (format!("{} {}", locale.code(), sample.name), &sample.html);
            assert!(html.contains(&format!("<html lang=\"{}\">", locale.code())), "{name}: no lang");
            let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
            assert!(title.is_some_and(|title| title.trim().len() > 12), "{name}: title is {title:?}");
            assert!(!html.contains(MISSING), "{name}: a word is missing");
            assert!(!html.contains(['{', '}']), "{name}: a placeholder is left over");
            assert!(!html.contains("<style") && !html.contains(" style="), "{name}: inline style");
            let inline_script = html.split("<script").skip(1).any(|tag| !tag.contains("></script>"));
            assert!(!inline_script && !html.contains("javascript:"), "{name}: inline script");
            let handler = html.split(' ').any(|word| word.starts_with("on") && word.contains("=\""));
            assert!(!handler, "{name}: an inline handler");
            assert_eq!(html.matches("<main").count(), 1, "{name}");
            assert!(html.contains("<h1"), "{name}: no heading");
            assert!(!html.contains('!') || html.matches('!').count() == 1, "{name}: an exclamation mark");
            assert!(html.len() < 40 * 1024, "{name}: {} bytes", html.len());
            assert_eq!(unclosed(html), Vec::<String>::new(), "{name}: tags do not match");
        }
    }
}

#[test]
fn a_page_with_its_assets_is_under_sixty_kilobytes() {
    let named = |text: &str| {
        let there = super::assets::ASSETS
            .iter()
            .filter(|asset| text.contains(asset.name.rsplit('/').next().unwrap_or_default()));
        there.map(|asset| asset.name).collect::<BTreeSet<_>>()
    };
    let asset =
        |name: &str| super::assets::ASSETS.iter().find(|asset| asset.name == name).expect("an asset").bytes;
    for sample in samples(Locale::Ru) {
        let mut all = named(&sample.html);
        assert!(all.len() > 3, "{}: {all:?}", sample.name);
        // A script takes others along.
        for script in all.clone().into_iter().filter(|name| name.ends_with(".js")) {
            all.extend(named(std::str::from_utf8(asset(script)).expect("a script is text")));
        }
        let bytes = all.iter().map(|name| asset(name).len()).sum::<usize>() + sample.html.len();
        assert!(bytes < 60 * 1024, "{}: {bytes} bytes with {all:?}", sample.name);
    }
}

#[test]
fn both_catalogues_say_the_same_things() {
    let [ru, en] = SOURCES.map(|(_, text)| shapes(text));
    for (key, placeholders) in &ru {
        assert_eq!(en.get(key), Some(placeholders), "{key}");
    }
    assert_eq!(ru.len(), en.len());
    for (locale, text) in SOURCES {
        let lines = text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).count();
        assert_eq!(lines, parse(text).len(), "{locale:?}: a key stands twice");
        let forms: &[&str] = if locale == Locale::Ru { &["one", "few", "many"] } else { &["one", "other"] };
        for line in text.lines().filter(|line| line.contains("[one] = ")) {
            let key = line.split('[').next().unwrap_or_default();
            assert!(forms.iter().all(|form| text.contains(&format!("{key}[{form}] = "))), "{locale:?} {key}");
        }
    }
}

#[test]
fn every_word_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for folder in ["templates", "src/views", "src/live", "src/web"] {
        collect(&root.join(folder), &mut sources);
    }
    for key in shapes(SOURCES[0].1).keys() {
        assert!(sources.contains(&format!("\"{key}\"")), "{key} is used nowhere");
    }
}

#[test]
fn the_salons_words_cannot_become_markup() {
    let view = crate::domain::connect::ConnectView {
        salon_title: "<b onclick=x>".to_owned(),
        as_of: crate::kernel::clock::UnixMs(0),
        step: crate::domain::connect::ConnectStep::NumberServesAnother { salon_title: "<i>*x*".to_owned() },
    };
    let reader =
        super::Reader { locale: Locale::En, timezone: chrono_tz::UTC, marketplace_url: String::new() };
    let opening =
        super::connect::Opening { token: "\"><script>", company_id: "", way: super::connect::FirstWay::Code };
    let html = super::connect::page(super::Frame::new(Locale::En, ""), &view, &reader, &opening);
    assert!(!html.contains("<b onclick") && !html.contains("<i>") && !html.contains("\"><script>"));
    assert!(!qr::svg("<script>").contains("<script"));
}

/// Keys without their plural forms, each with its placeholders.
fn shapes(text: &'static str) -> BTreeMap<String, BTreeSet<String>> {
    parse(text)
        .into_iter()
        .map(|(key, text)| {
            let names = text.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            let key = key.split('[').next().unwrap_or_default().to_owned();
            (key, names.map(str::to_owned).collect())
        })
        .collect()
}

fn collect(folder: &Path, into: &mut String) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "html") {
            into.push_str(&std::fs::read_to_string(path).expect("readable"));
        }
    }
}

/// Tags that were opened and not closed, or closed out of turn: enough of a parser for our own templates.
fn unclosed(html: &str) -> Vec<String> {
    const VOID: [&str; 5] = ["!doctype", "meta", "link", "input", "br"];
    let mut open: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let name: String =
            tag.chars().take_while(|c| !c.is_whitespace() && *c != '/' || tag.starts_with('/')).collect();
        if let Some(closed) = name.strip_prefix('/') {
            if open.pop().as_deref() != Some(closed) {
                wrong.push(format!("/{closed}"));
            }
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    wrong.extend(open);
    wrong
}
