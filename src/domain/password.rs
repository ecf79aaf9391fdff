//! Which passwords are taken. Length is what counts (NIST SP 800-63B); beside it only what is guessed first is refused.

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weak {
    Short,
    Long,
    /// The e-mail address, or the part of it before the @.
    LikeEmail,
    /// One of those that are tried first, or a run of a keyboard.
    Common,
    /// Of too few different characters.
    Monotonous,
}

pub const SHORTEST: usize = 12;
/// Longer ones would cost work without being stronger.
const LONGEST: usize = 200;
const FEWEST_DIFFERENT: usize = 5;
/// Letters beside what everybody tries first.
const FEWEST_OWN: usize = 4;
const SHORTEST_RUN: usize = 4;

/// What leaked lists begin with, longer than ours may be or made so by adding digits; and rows of keyboards.
const STEMS: [&str; 28] = [
    "password",
    "passw0rd",
    "parol",
    "пароль",
    "qwerty",
    "qwertz",
    "azerty",
    "йцукен",
    "asdfgh",
    "zxcvbn",
    "фывапр",
    "1qaz2wsx",
    "q1w2e3r4",
    "iloveyou",
    "welcome",
    "letmein",
    "administrator",
    "admin",
    "superman",
    "princess",
    "sunshine",
    "football",
    "changeme",
    "salonbridge",
    "yclients",
    "whatsapp",
    "dragon",
    "monkey",
];
const ROWS: [&str; 8] = [
    "01234567890123456789",
    "98765432109876543210",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "abcdefghijklmnopqrstuvwxyz",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "1q2w3e4r5t6y7u8i9o0p",
];

/// Whether a password may be taken for the login with this address.
pub fn check(password: &str, email: &str) -> Result<(), Weak> {
    let (length, lowered) = (password.chars().count(), password.to_lowercase());
    if length < SHORTEST {
        return Err(Weak::Short);
    }
    if length > LONGEST {
        return Err(Weak::Long);
    }
    let name = email.split('@').next().unwrap_or_default();
    // A short name may well be a part of a good password; one that is most of it may not.
    if lowered.contains(email) || (name.chars().count() * 2 >= length && lowered.contains(name)) {
        return Err(Weak::LikeEmail);
    }
    let mut different: Vec<char> = lowered.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < FEWEST_DIFFERENT {
        return Err(Weak::Monotonous);
    }
    if is_common(&lowered) { Err(Weak::Common) } else { Ok(()) }
}

/// Known words and runs of a keyboard with little beside them, or a short piece said over and over.
fn is_common(lowered: &str) -> bool {
    let mut rest = lowered.to_owned();
    for stem in STEMS {
        rest = rest.replace(stem, "");
    }
    let own = without_runs(&rest);
    let is_known =
        own.len() < lowered.len() && own.chars().filter(|c| c.is_alphabetic()).count() < FEWEST_OWN;
    let chars: Vec<char> = lowered.chars().collect();
    let repeats = (1..=6).any(|n| chars.iter().zip(chars.iter().skip(n)).all(|(a, b)| a == b));
    is_known || repeats
}

/// The text without whatever stands so in a keyboard's row.
fn without_runs(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (mut own, mut at) = (String::new(), 0);
    while at < chars.len() {
        let in_a_row = |end: &usize| {
            let run: String = chars[at..*end].iter().collect();
            ROWS.iter().any(|row| row.contains(&run))
        };
        match (at + SHORTEST_RUN..=chars.len()).rev().find(in_a_row) {
            Some(end) => at = end,
            None => {
                own.push(chars[at]);
                at += 1;
            }
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused() {
        for (password, why) in [
            ("", Weak::Short),
            ("Tr0ub4dor&3", Weak::Short),
            ("aaaaaaaaaaaa", Weak::Monotonous),
            ("121212121212", Weak::Monotonous),
            ("Password12345", Weak::Common),
            ("qwertyuiop123", Weak::Common),
            ("пароль2026!!", Weak::Common),
            ("йцукенгшщзхъ", Weak::Common),
            ("123456789012", Weak::Common),
            ("abcdefabcdef", Weak::Common),
            ("asdf1234ZXCV", Weak::Common),
            ("Anna.Petrova@Iris.example", Weak::LikeEmail),
            ("anna.petrova1", Weak::LikeEmail),
        ] {
            assert_eq!(check(password, "anna.petrova@iris.example"), Err(why), "{password}");
        }
        assert_eq!(check(&"ab1 ".repeat(51), "a@b.c"), Err(Weak::Long));
    }

    #[test]
    fn what_is_long_and_ones_own_is_taken() {
        for password in
            ["кот ест рыбу ночью", "correct horse battery", "V7#pq-29xT!m", "admin of seven quiet seas"]
        {
            assert_eq!(check(password, "admin@iris.example"), Ok(()), "{password}");
        }
        assert_eq!(check("seven anna trees", "anna@iris.example"), Ok(()));
    }
}
