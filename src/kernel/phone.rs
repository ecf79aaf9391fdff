//! Phone numbers: digits in E.164 order, masked wherever they are printed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phone number in international form, digits only. Prints masked; [`Phone::digits`] gives the whole.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people and YClients write it: `+7 (900) 000-00-01`, `79000000001`, `8 900 000-00-01`.
    ///
    /// A leading 8 before ten digits is the Russian trunk prefix and becomes 7. Anything that is not 9–15 digits is refused.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let allowed =
            |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '\u{a0}');
        if !text.chars().all(allowed) || text.chars().skip(1).any(|c| c == '+') {
            return None;
        }
        let mut digits: String = text.chars().filter(char::is_ascii_digit).collect();
        if !text.starts_with('+') && digits.len() == 11 && digits.starts_with('8') {
            digits.replace_range(0..1, "7");
        }
        let plausible = (9..=15).contains(&digits.len()) && !digits.starts_with('0');
        plausible.then_some(Self(digits))
    }

    /// Digits only, country code first: `79000000001`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The last ten digits: what is the same however a country's code is written, or left out.
    #[must_use]
    pub fn tail(&self) -> &str {
        &self.0[self.0.len().saturating_sub(10)..]
    }

    /// For people who may see it: `+79000000001`.
    #[must_use]
    pub fn international(&self) -> String {
        format!("+{}", self.0)
    }

    /// For logs: `+7…01`.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("+{}…{}", &self.0[..1], &self.0[self.0.len() - 2..])
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Phone({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (written, digits) in [
            ("+79000000001", "79000000001"),
            ("79000000001", "79000000001"),
            ("8 (900) 000-00-01", "79000000001"),
            ("+7 900 000-00-01", "79000000001"),
            ("+49 151 0000 0001", "4915100000001"),
            ("+8 6139 0000 0001", "8613900000001"),
        ] {
            assert_eq!(Phone::parse(written).expect(written).digits(), digits, "{written}");
        }
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for written in
            ["", "—", "Anna", "123", "00000000000", "7900000000100000", "+7900+0000001", "7900 ext 5"]
        {
            assert_eq!(Phone::parse(written), None, "{written}");
        }
    }

    #[test]
    fn a_printed_number_is_masked() {
        let phone = Phone::parse("+79001234567").expect("valid");
        assert_eq!(format!("{phone} {phone:?}"), "+7…67 Phone(+7…67)");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            if let Some(phone) = Phone::parse(&text) {
                assert_eq!(Phone::parse(&phone.international()), Some(phone));
            }
        }
    }
}
