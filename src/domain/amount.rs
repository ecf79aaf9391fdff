//! An amount as somebody types it: "500", "1 000,50". In kopecks.

/// Longer than any amount.
const MOST_DIGITS: usize = 12;

/// `None` for nothing, for less than a kopeck, and for what may mean two things: "1,000" is a thousand to some and one to others.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let text: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}')).collect();
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((&text, "0"));
    let is_plain =
        |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_plain(whole, MOST_DIGITS) || !is_plain(part, 2) {
        return None;
    }
    let kopecks = whole.parse::<i64>().ok()? * 100 + format!("{part:0<2}").parse::<i64>().ok()?;
    (kopecks > 0).then_some(kopecks)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn amounts_are_read_as_people_type_them_and_never_guessed() {
        for (typed, kopecks) in [
            ("500", Some(50_000)),
            (" 1 000,5 ", Some(100_050)),
            ("1\u{a0}000.05", Some(100_005)),
            ("0,01", Some(1)),
            ("999999999999", Some(99_999_999_999_900)),
            ("", None),
            ("0", None),
            ("-5", None),
            ("1,000", None),
            ("1.2.3", None),
            ("5 р", None),
            ("1e3", None),
            (",5", None),
            ("5,", None),
            ("٥", None),
            ("9999999999999", None),
        ] {
            assert_eq!(parse(typed), kopecks, "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".{0,40}") {
            proptest::prop_assert!(parse(&text).is_none_or(|kopecks| kopecks > 0));
        }
    }
}
