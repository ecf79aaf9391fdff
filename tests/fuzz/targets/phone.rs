//! Phone numbers as people write them.

use salonbridge::kernel::phone::Phone;

use super::{Reader, texts};

pub struct Phones;

impl Reader for Phones {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        texts(&[
            "+7 (900) 000-00-01",
            "79000000001",
            "8 900 000-00-01",
            "+49 151 0000 0001",
            "+8 6139 0000 0001",
            "0",
            "+",
        ])
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(input);
        let phone = Phone::parse(&text)?;
        check(&phone);
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let trunk = !text.trim_start().starts_with('+') && digits.len() == 11 && digits.starts_with('8');
        let expected = if trunk { format!("7{}", &digits[1..]) } else { digits };
        assert_eq!(phone.digits(), expected, "no digit is made up or lost");
        // Spreading it out changes nothing.
        let spread: String = text.trim().chars().flat_map(|c| [c, ' ']).collect();
        assert_eq!(Phone::parse(&spread), Some(phone.clone()));
        Some(format!("{} {trunk} {}", phone.digits().len(), text.trim().starts_with('+')))
    }
}

/// What holds for every number, wherever it was read.
pub fn check(phone: &Phone) {
    let digits = phone.digits();
    assert!((9..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
    assert!(!digits.starts_with('0'));
    assert_eq!(Phone::parse(&phone.international()).as_ref(), Some(phone));
    for shown in [format!("{phone}"), format!("{phone:?}"), phone.masked()] {
        assert!(shown.chars().filter(char::is_ascii_digit).count() <= 3, "{shown} shows too much");
    }
    let kept = serde_json::to_string(phone).expect("a text");
    assert_eq!(&serde_json::from_str::<Phone>(&kept).expect("kept and found"), phone);
}
