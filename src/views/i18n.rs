//! Interface words: a catalogue per language, embedded, with placeholders and plural forms. Words for the salon's clients are
//! another system (they belong to the salon) and do not come from here.

use std::collections::HashMap;
use std::fmt::{Display, Write as _};
use std::sync::LazyLock;

use askama::filters::Safe;

use crate::kernel::locale::Locale;

pub(super) const SOURCES: [(Locale, &str); 2] = [
    (Locale::Ru, include_str!("../../templates/words/ru.ftl")),
    (Locale::En, include_str!("../../templates/words/en.ftl")),
];

/// Stands before a key that the catalogue lacks; the page still shows something, and the tests look for it.
pub(super) const MISSING: char = '⟦';

type Catalogue = HashMap<&'static str, String>;

static CATALOGUES: LazyLock<[Catalogue; 2]> = LazyLock::new(|| SOURCES.map(|(_, text)| parse(text)));

/// `key = text` lines; `#` begins a comment, `~` is a space that never breaks.
pub(super) fn parse(text: &'static str) -> Catalogue {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, text)| (key.trim(), text.trim().replace('~', "\u{a0}")))
        .collect()
}

/// The plural form a number takes in a language, by the rules of CLDR for whole numbers.
#[must_use]
pub fn plural(locale: Locale, n: u64) -> &'static str {
    match (locale, n % 10, n % 100) {
        (Locale::En, ..) if n == 1 => "one",
        (Locale::En, ..) => "other",
        (Locale::Ru, 1, last_two) if last_two != 11 => "one",
        (Locale::Ru, 2..=4, last_two) if !(12..=14).contains(&last_two) => "few",
        (Locale::Ru, ..) => "many",
    }
}

/// The words of one language, as templates ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Locale);

impl Words {
    fn catalogue(self) -> &'static Catalogue {
        let [ru, en] = &*CATALOGUES;
        match self.0 {
            Locale::Ru => ru,
            Locale::En => en,
        }
    }

    /// The text as it stands.
    #[must_use]
    pub fn t(self, key: &str) -> String {
        self.catalogue().get(key).cloned().unwrap_or_else(|| format!("{MISSING}{key}⟧"))
    }

    /// The text with one placeholder filled.
    #[must_use]
    pub fn with(self, key: &str, name: &str, value: impl Display) -> String {
        fill(&self.t(key), &[(name, &value)])
    }

    /// The text with two placeholders filled.
    #[must_use]
    pub fn with2(self, key: &str, a: &str, a_value: impl Display, b: &str, b_value: impl Display) -> String {
        fill(&self.t(key), &[(a, &a_value), (b, &b_value)])
    }

    /// The form of the text that this number takes; `{n}` becomes the number.
    #[must_use]
    pub fn count(self, key: &str, n: u64) -> String {
        let form = format!("{key}[{}]", plural(self.0, n));
        fill(&self.t(&form), &[("n", &n)])
    }

    /// The text with its `*stars*` made bold, safe to put into a page as it is.
    #[must_use]
    pub fn rich(self, key: &str) -> Safe<String> {
        Safe(emphasise(&self.t(key)))
    }
}

/// Replaces placeholders in one pass, so that a value with braces in it stays a value.
fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, tail)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (value, tail))
        });
        match known {
            Some((value, tail)) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{value}");
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out + rest
}

fn emphasise(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('*').enumerate() {
        let escaped = part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        if i % 2 == 1 {
            // Writing to a String cannot fail.
            let _ = write!(out, "<b>{escaped}</b>");
        } else {
            out.push_str(&escaped);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn russian_numbers_take_their_form() {
        for (n, form) in [
            (0, "many"),
            (1, "one"),
            (2, "few"),
            (5, "many"),
            (11, "many"),
            (12, "many"),
            (21, "one"),
            (22, "few"),
            (111, "many"),
            (114, "many"),
            (122, "few"),
        ] {
            assert_eq!(plural(Locale::Ru, n), form, "{n}");
        }
        assert_eq!((plural(Locale::En, 1), plural(Locale::En, 21)), ("one", "other"));
    }

    #[test]
    fn a_value_with_braces_is_not_filled_again() {
        let text = fill("{a} и {b}", &[("a", &"{b}"), ("b", &"Ирис")]);
        assert_eq!(text, "{b} и Ирис");
    }

    #[test]
    fn stars_become_bold_and_the_rest_is_escaped() {
        assert_eq!(emphasise("a *b* <c>"), "a <b>b</b> &lt;c&gt;");
    }
}
