//! Phone numbers as people read them: `+7 900 000-00-01`.

use crate::kernel::phone::Phone;

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
    use super::readable;

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
