//! A salon's own template, filled with what clients and salons call themselves. The first line of the input is the template's
//! greeting, what follows a blank line is a client's name, the rest is the template.

use salonbridge::domain::message::MessageKind;
use salonbridge::domain::wording::{Filling, Wording};
use salonbridge::kernel::locale::Locale;

use super::{Reader, texts};

const LONGEST: usize = 2_000;

pub struct Wordings(Wording);

impl Default for Wordings {
    fn default() -> Self {
        Self(Wording::defaults().expect("shipped texts"))
    }
}

impl Reader for Wordings {
    fn beginnings(&self) -> Vec<Vec<u8>> {
        texts(&[
            "{name}, здравствуйте\n{greeting}\nВы записаны: {date}, {time}.\n{service_word}: {services}\n{master}\n\nАнна",
            "Hello, {name}\n{greeting} {old_date} {old_time} {salon} {address}\n\n*Anna*_{salon}\u{202e}",
            "{\n{date}}\n\n",
            "{greeting}\n{greeting}{greeting}\n\n{greeting}",
        ])
    }

    fn read(&mut self, input: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(input).into_owned();
        let (texts, name) = text.split_once("\n\n").unwrap_or((&text, ""));
        let (greeting, template) = texts.split_once('\n').unwrap_or(("", texts));
        let file = format!("[plain]\ngreeting = {}\nconfirmation = {}", quoted(greeting), quoted(template));
        let wording = match self.0.clone().with(Locale::Ru, &file) {
            Ok(wording) => wording,
            Err(reason) => return Some(reason.split(['{', '\'', '`']).next().unwrap_or_default().to_owned()),
        };
        let filling = Filling {
            name: name.to_owned(),
            salon: name.chars().rev().collect(),
            date: "сб, 14 марта".into(),
            time: "15:00".into(),
            services: vec![name.to_owned(), "Стрижка".into()],
            master: name.to_owned(),
            ..Filling::default()
        };
        let said = wording.render(Locale::Ru, "plain", MessageKind::Confirmation, &filling);
        assert_eq!(said, wording.render(Locale::Ru, "plain", MessageKind::Confirmation, &filling));
        assert!(said.chars().count() <= LONGEST, "{} characters", said.chars().count());

        // Whoever is written about cannot bring lines, marks or a direction of his own.
        let lines =
            template.lines().count() + greeting.lines().count() * template.matches("{greeting}").count();
        assert!(said.lines().count() <= lines.max(1), "{} lines of {lines}: {said:?}", said.lines().count());
        for mark in ['*', '_', '~', '`', '\u{202e}', '\u{200b}', '\0', '\u{85}'] {
            assert!(texts.contains(mark) || !said.contains(mark), "{mark:?} from a name: {said:?}");
        }
        let says_nothing =
            |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '_' | '~' | '`' | '\u{202e}');
        if name.chars().all(says_nothing) {
            let nameless = Filling { name: String::new(), ..filling };
            let greeted = wording.render(Locale::Ru, "plain", MessageKind::Confirmation, &nameless);
            assert_eq!(said, greeted, "{name:?} is no name");
        }
        // Braces are filled, never shown, unless a name has them.
        assert!(name.contains(['{', '}']) || texts.contains('}') || !said.contains(['{', '}']), "{said:?}");
        Some(format!(
            "{} {} {}",
            said.lines().count().min(9),
            said.is_empty(),
            said.chars().count() == LONGEST
        ))
    }
}

/// A TOML text, whatever is in it.
fn quoted(text: &str) -> String {
    let inside: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{inside}\"")
}
