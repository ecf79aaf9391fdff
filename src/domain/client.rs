//! A client as the salon's books know them: what stands sealed in their row, and by which words of their name they are found.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::matching;
use super::record;
use crate::kernel::phone::Phone;

/// Names shorter than this many letters are found by no search, and longer beginnings by their first [`MOST_LETTERS`].
pub const LEAST_LETTERS: usize = 3;
pub const MOST_LETTERS: usize = 8;
/// Of a longer name the rest is not found.
const MOST_WORDS: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Card {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub phone: Option<Phone>,
    #[serde(default)]
    pub email: Option<String>,
}

impl Card {
    /// What a record says of its client.
    #[must_use]
    pub fn of(client: &record::Client) -> Self {
        Self {
            code: None,
            name: format!("{} {}", client.name.trim(), client.surname.trim()).trim().to_owned(),
            phone: client.phone.clone(),
            email: client.email.as_deref().and_then(matching::email),
        }
    }

    /// Takes over what `newer` says. A number that is hidden or gone there is no news: what was known stands.
    pub fn learn(&mut self, newer: Self) {
        if !newer.name.is_empty() {
            self.name = newer.name;
        }
        self.code = self.code.take().or(newer.code);
        self.phone = newer.phone.or(self.phone.take());
        self.email = newer.email.or(self.email.take());
    }

    /// The beginnings a search may look for: of each word of the name its first three letters, four, up to eight.
    ///
    /// # Decision
    /// Names are sealed, so no database can look into them. Of "Анна Примерова" eight beginnings are kept as keyed hashes: three or
    /// four hundred bytes a client. It finds "при" and not "мер", and whoever holds the database without the key learns from it
    /// only which clients share a beginning.
    #[must_use]
    pub fn beginnings(&self) -> BTreeSet<String> {
        let words = words(&self.name);
        let of = |word: &Vec<char>| {
            (LEAST_LETTERS..=word.len().min(MOST_LETTERS))
                .map(|most| word[..most].iter().collect())
                .collect::<Vec<_>>()
        };
        words.iter().take(MOST_WORDS).flat_map(of).collect()
    }

    /// Whether each word of a search begins one of the name.
    #[must_use]
    pub fn is_found_by(&self, search: &str) -> bool {
        let own = words(&self.name);
        words(search).iter().all(|word| own.iter().any(|own| own.starts_with(word)))
    }
}

/// The beginning to look a search up by: that of its longest word. `None` when no word has three letters.
#[must_use]
pub fn key_of_search(search: &str) -> Option<String> {
    let longest = words(search).into_iter().max_by_key(Vec::len)?;
    (longest.len() >= LEAST_LETTERS).then(|| longest.iter().take(MOST_LETTERS).collect())
}

/// In lower case; "ё" is "е", as most people type it.
fn words(text: &str) -> Vec<Vec<char>> {
    let lower = text.to_lowercase().replace('ё', "е");
    lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Card {
        Card { name: name.to_owned(), ..Card::default() }
    }

    #[test]
    fn a_name_is_found_by_the_beginnings_of_its_words() {
        let anna = named("Анна-Мария Алёшина");
        let beginnings = anna.beginnings();
        assert!(beginnings.contains("анн") && beginnings.contains("алешина") && !beginnings.contains("шина"));
        for (search, found) in [
            ("анн", true),
            ("Алёш", true),
            ("алеш МАР", true),
            ("алешин анна", true),
            ("анна ольга", false),
            ("лешина", false),
        ] {
            assert_eq!(anna.is_found_by(search), found, "{search}");
        }
        for (search, key) in [
            ("ан", None),
            ("", None),
            ("- -", None),
            ("ли ван", Some("ван")),
            ("Константинопольский", Some("констант")),
        ] {
            assert_eq!(key_of_search(search).as_deref(), key, "{search}");
        }
        assert!(named(&"слово ".repeat(50)).beginnings().len() <= 3);
        assert!(named("Ян Ли").beginnings().is_empty());
    }

    #[test]
    fn what_is_hidden_takes_nothing_away() {
        let mut known = Card {
            code: Some("DFJ23456".to_owned()),
            name: "Анна".to_owned(),
            phone: Phone::parse("+79000000001"),
            email: Some("anna@example.test".to_owned()),
        };
        let before = known.clone();
        known.learn(Card::default());
        assert_eq!(known, before);
        known.learn(Card {
            name: "Анна Примерова".to_owned(),
            phone: Phone::parse("+79000000002"),
            ..Card::default()
        });
        assert_eq!(known.phone, Phone::parse("+79000000002"));
        assert_eq!(
            (known.name.as_str(), known.email.as_deref()),
            ("Анна Примерова", Some("anna@example.test"))
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_search_is_looked_up_by_is_kept_of_the_name_it_finds(name in "[а-яёА-Я]{1,12} [a-zA-Z]{1,12}", most in 3_usize..12) {
            let card = named(&name);
            for word in name.split(' ').filter(|word| word.chars().count() >= LEAST_LETTERS) {
                let search: String = word.chars().take(most).collect();
                proptest::prop_assert!(card.is_found_by(&search));
                let key = key_of_search(&search).expect("long enough");
                proptest::prop_assert!(card.beginnings().contains(&key));
            }
        }
    }
}
