//! A client's code: eight characters that a person says at the desk, or that stand in the comment of a record.
//!
//! # Decision: the letters
//! Codes are made of 16 characters, so that four random bytes are one code and none is likelier than another: four thousand million
//! of them. None looks like another (no 0 O, 1 I L, 5 S, 2 Z, 8 B, 6 G), and none of the letters looks like a Russian one of another
//! sound (no A B C E H K M O P T X Y): "эр" at the phone is an R, never a P. What is read may hold any letter and digit, for
//! people type Cyrillic for Latin and the other way: both are folded onto the Latin look-alike.

use std::fmt;

const LETTERS: &[u8; 16] = b"23456789DFJNQRVW";
pub const LENGTH: usize = 8;
/// What stands before a code in a comment, without spaces and folded as the comment is.
const WORDINGS: [&str; 6] =
    ["Код клиента", "Клиентский код", "Client code", "Client's code", "Customer code", "Code of client"];
/// Of a longer comment no more is read.
const MOST_CHARS: usize = 4_000;

/// In upper case and Latin letters.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(String);

impl Code {
    /// The code that these bits are: each has its own.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        let nibbles = (0..LENGTH).map(|place| bits >> (4 * place) & 0xf);
        Self(nibbles.map(|nibble| char::from(LETTERS[nibble as usize])).collect())
    }

    /// Reads a code that stands alone, in any case, with spaces or hyphens in it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code: String = text.chars().filter(|c| !is_gap(*c)).map(fold).take(LENGTH + 1).collect();
        is_code(&code).then_some(Self(code))
    }

    /// Every code that a comment names: `Код клиента: ABC12345`, in any case, with any spaces, Latin for Cyrillic, or in English.
    #[must_use]
    pub fn all_in(comment: &str) -> Vec<Self> {
        let read = Folded::read(comment);
        let mut found: Vec<Self> = Vec::new();
        for wording in WORDINGS {
            let wording = Folded::read(wording).chars;
            for end in read.ends_of(&wording) {
                found.extend(read.code_at(end).filter(|code| !found.contains(code)));
            }
        }
        found
    }

    /// Whether it may be one that we made: of these letters and digits no name consists.
    #[must_use]
    pub fn is_made(&self) -> bool {
        self.0.bytes().all(|b| LETTERS.contains(&b))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whoever has a code may spend by it: it is not for logs.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

fn is_code(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{200b}' | '\u{feff}')
}

/// Upper case, and of letters that look alike the Latin one.
fn fold(c: char) -> char {
    let mut upper = c.to_uppercase();
    let one = match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    };
    match one {
        'А' => 'A',
        'В' => 'B',
        'Е' | 'Ё' => 'E',
        'З' => '3',
        'І' => 'I',
        'Ј' => 'J',
        'К' => 'K',
        'М' => 'M',
        'Н' => 'H',
        'О' => 'O',
        'Р' => 'P',
        'С' => 'C',
        'Т' => 'T',
        'У' => 'Y',
        'Х' => 'X',
        'Ѕ' => 'S',
        'Ԛ' => 'Q',
        'Ԝ' => 'W',
        '’' | '`' => '\'',
        other => other,
    }
}

/// A text without its gaps; of each character whether one stood before it.
struct Folded {
    chars: Vec<char>,
    after_gap: Vec<bool>,
}

impl Folded {
    fn read(text: &str) -> Self {
        let (mut chars, mut after_gap, mut gap) = (Vec::new(), Vec::new(), true);
        for c in text.chars().take(MOST_CHARS) {
            if is_gap(c) {
                gap = true;
            } else {
                chars.push(fold(c));
                after_gap.push(std::mem::take(&mut gap));
            }
        }
        Self { chars, after_gap }
    }

    fn ends_of<'a>(&'a self, words: &'a [char]) -> impl Iterator<Item = usize> + 'a {
        let windows = self.chars.windows(words.len()).enumerate();
        windows.filter(move |(_, window)| *window == words).map(move |(place, _)| place + words.len())
    }

    /// The code that begins behind `start` and whatever signs stand there. One that runs on into a ninth character is none.
    fn code_at(&self, start: usize) -> Option<Code> {
        let begin = start + self.chars[start..].iter().position(|c| c.is_alphanumeric())?;
        let code: String = self.chars[begin..].iter().take(LENGTH).collect();
        let runs_on = self.chars.get(begin + LENGTH).is_some_and(|next| next.is_alphanumeric())
            && !self.after_gap[begin + LENGTH];
        (is_code(&code) && !runs_on).then_some(Code(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(comment: &str) -> Vec<String> {
        Code::all_in(comment).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_code_is_found_however_it_is_written() {
        for comment in [
            "Код клиента: ABC12345",
            "код клиента abc12345",
            "  КОД   КЛИЕНТА :  ABC 12345 ",
            "Хочу нюдовый оттенок. Код клиента: ABC12345, спасибо",
            "Код клиента — ABC-12345",
            "Код клиента №ABC12345\nвторая строка",
            "Код\u{a0}клиента:\u{a0}ABC12345",
            "Koд клиeнтa: ABC12345",
            "Код клиента: АВС12345",
            "Код клиента: авс12З45",
            "Client code: ABC12345",
            "client’s code = abc12345",
            "Сlient соde: ABC12345",
            "Customer code (ABC12345)",
            "Клиентский код: ABC12345",
            "Код клиента: ABC12345 Код клиента: ABC12345",
        ] {
            assert_eq!(codes(comment), ["ABC12345"], "{comment}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_taken_for_one() {
        for comment in [
            "",
            "ABC12345",
            "Код клиента:",
            "Код клиента: ABC123456",
            "Код клиента: ABC1234",
            "Код клиента: неизвестен",
            "Код домофона: ABC12345",
            "Код клиента: ЖЖЖ12345",
        ] {
            assert_eq!(codes(comment), Vec::<String>::new(), "{comment}");
        }
        assert_eq!(codes("Код клиента: ABC12345. Код клиента: DFJ23456"), ["ABC12345", "DFJ23456"]);
    }

    #[test]
    fn a_code_at_the_desk_is_read_in_any_case_with_any_gaps() {
        for typed in ["abc12345", " ABC 123 45", "авс-12345"] {
            assert_eq!(Code::parse(typed).expect(typed).as_str(), "ABC12345");
        }
        for typed in ["", "abc1234", "abc123456", "abc!2345", "+79000000001"] {
            assert_eq!(Code::parse(typed), None, "{typed}");
        }
        assert!(!format!("{:?}", Code::parse("ABC12345")).contains("ABC"));
    }

    #[test]
    fn no_letter_of_a_made_code_looks_like_another() {
        for confusing in "01OIL5SZBGABCEHKMOPTXYU".chars().filter(|c| *c != '5') {
            assert!(!LETTERS.contains(&(confusing as u8)), "{confusing}");
        }
        let mut sorted = *LETTERS;
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|two| two[0] != two[1]));
    }

    proptest::proptest! {
        #[test]
        fn every_code_survives_a_comment_and_no_two_are_one(bits: u32, other: u32) {
            let code = Code::from_bits(bits);
            proptest::prop_assert_eq!(code == Code::from_bits(other), bits == other);
            proptest::prop_assert_eq!(Code::parse(code.as_str()), Some(code.clone()));
            proptest::prop_assert!(code.is_made());
            let comment = format!("постоянная, код клиента: {} (любит тишину)", code.as_str().to_lowercase());
            proptest::prop_assert_eq!(Code::all_in(&comment), vec![code]);
        }

        #[test]
        fn no_comment_makes_the_reader_panic(comment in ".*", tail in ".{0,20}") {
            let _ = Code::all_in(&comment);
            let _ = Code::all_in(&format!("код клиента{tail}"));
        }
    }
}
