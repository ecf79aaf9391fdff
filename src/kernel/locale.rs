//! The two languages we speak.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    #[default]
    Ru,
    En,
}

impl Locale {
    pub const ALL: [Self; 2] = [Self::Ru, Self::En];

    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }

    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        match code.trim().to_ascii_lowercase().split(['-', '_']).next()? {
            "ru" | "be" | "kk" | "uk" => Some(Self::Ru),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The language a name or an address is written in, as far as its letters tell.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        if text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c)) {
            return Some(Self::Ru);
        }
        text.chars().any(char::is_alphabetic).then_some(Self::En)
    }

    /// Picks from an `Accept-Language` header: the first language we speak in order of weight, Russian when none is.
    #[must_use]
    pub fn negotiate(header: &str) -> Self {
        let mut wishes: Vec<(f32, Self)> = header
            .split(',')
            .filter_map(|part| {
                let (code, weight) = part.split_once(";q=").unwrap_or((part, "1"));
                Some((weight.trim().parse().ok()?, Self::parse(code)?))
            })
            .collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
        wishes.first().map_or(Self::Ru, |(_, locale)| *locale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_tell_the_language() {
        for (text, language) in [
            ("Beauty Lab ул. Примерная, 1", Some(Locale::Ru)),
            ("Beauty Lab 1 Main St", Some(Locale::En)),
            ("990101 ", None),
        ] {
            assert_eq!(Locale::of_text(text), language, "{text}");
        }
    }

    #[test]
    fn the_heaviest_known_language_wins() {
        for (header, expected) in [
            ("", Locale::Ru),
            ("en-GB,en;q=0.9", Locale::En),
            ("de,en;q=0.8,ru;q=0.5", Locale::En),
            ("en;q=0.3,ru;q=0.9", Locale::Ru),
            ("zh;q=broken", Locale::Ru),
        ] {
            assert_eq!(Locale::negotiate(header), expected, "{header}");
        }
    }
}
