//! Phone numbers as people read them: `+7 900 000-00-01`.

use crate::kernel::locale::Locale;
use crate::kernel::phone::Phone;

/// An amount of kopecks as a reader writes it: `1 000,50`, `1,000.50`.
#[must_use]
pub fn amount(kopecks: i64, locale: Locale) -> String {
    let (group, point) = if locale == Locale::Ru { ('\u{a0}', ',') } else { (',', '.') };
    let (whole, part) = (kopecks.unsigned_abs() / 100, kopecks.unsigned_abs() % 100);
    let digits = whole.to_string();
    let mut text = String::from(if kopecks < 0 { "\u{2212}" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if part > 0 { format!("{text}{point}{part:02}") } else { text }
}

/// Groups a number for reading. Text that is no number is shown as it is.
#[must_use]
pub fn readable(text: &str) -> String {
    let Some(phone) = Phone::parse(text) else {
        return text.to_owned();
    };
    let digits = phone.digits();
    if digits.len() == 11 && digits.starts_with('7') {
        let (area, rest) = digits[1..].split_at(3);
        return format!("+7\u{a0}{area}\u{a0}{}\u{2011}{}\u{2011}{}", &rest[..3], &rest[3..5], &rest[5..]);
    }
    format!("+{digits}")
}

#[cfg(test)]
mod tests {
    use super::{amount, readable};
    use crate::kernel::locale::Locale;

    #[test]
    fn amounts_are_written_as_their_reader_writes_them() {
        for (kopecks, ru, en) in [
            (0, "0", "0"),
            (5, "0,05", "0.05"),
            (99_900, "999", "999"),
            (100_000, "1 000", "1,000"),
            (-123_456_789, "\u{2212}1 234 567,89", "\u{2212}1,234,567.89"),
            (i64::MIN, "\u{2212}92 233 720 368 547 758,08", "\u{2212}92,233,720,368,547,758.08"),
        ] {
            assert_eq!(amount(kopecks, Locale::Ru).replace('\u{a0}', " "), ru);
            assert_eq!(amount(kopecks, Locale::En), en);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            readable("79000000001").replace('\u{a0}', " ").replace('\u{2011}', "-"),
            "+7 900 000-00-01"
        );
        assert_eq!(readable("+4915100000001"), "+4915100000001");
        assert_eq!(readable("Iris"), "Iris");
    }
}
