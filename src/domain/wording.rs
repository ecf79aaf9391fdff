//! The words clients read: texts with strict placeholders, filled for one record.

use std::collections::HashMap;

use serde::Deserialize;

use super::message::MessageKind;
use crate::kernel::locale::Locale;

/// WhatsApp takes more; nobody reads more.
const LONGEST: usize = 2000;
const PLACEHOLDERS: [&str; 12] = [
    "greeting",
    "name",
    "salon",
    "date",
    "time",
    "services",
    "service_word",
    "master",
    "address",
    "old_date",
    "old_time",
    "code",
];

const DEFAULT_RU: &str = include_str!("../../tenants/_default/wording/ru.toml");
const DEFAULT_EN: &str = include_str!("../../tenants/_default/wording/en.toml");

/// One set of texts in one language. Built only from texts whose placeholders all exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Texts {
    greeting: Option<String>,
    greeting_nameless: Option<String>,
    confirmation: Option<String>,
    change: Option<String>,
    cancel: Option<String>,
    welcome: Option<String>,
    trial: Option<String>,
    sign_in_code: Option<String>,
}

/// All sets in all languages for one salon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording(HashMap<(Locale, String), Texts>);

/// What a text is filled with. Empty strings drop the lines that name them.
#[derive(Debug, Clone, Default)]
pub struct Filling {
    pub name: String,
    pub salon: String,
    pub date: String,
    pub time: String,
    pub services: Vec<String>,
    pub master: String,
    pub address: String,
    pub old_date: String,
    pub old_time: String,
    pub code: String,
}

impl Wording {
    /// The texts every salon starts from.
    pub fn defaults() -> Result<Self, String> {
        Self(HashMap::new()).with(Locale::Ru, DEFAULT_RU)?.with(Locale::En, DEFAULT_EN)
    }

    /// These texts with a file's own put over them.
    pub fn with(mut self, locale: Locale, text: &str) -> Result<Self, String> {
        let file: HashMap<String, Texts> = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        for (set, texts) in file {
            for template in texts.all() {
                check(template).map_err(|problem| format!("[{set}] {problem}"))?;
            }
            if texts.sign_in_code.as_ref().is_some_and(|text| !text.contains("{code}")) {
                return Err(format!("[{set}] sign_in_code must say {{code}}"));
            }
            self.0.entry((locale, set)).or_default().learn(texts);
        }
        Ok(self)
    }

    #[must_use]
    pub fn has_set(&self, set: &str) -> bool {
        self.0.contains_key(&(Locale::Ru, set.to_owned()))
    }

    /// The text a client gets. A salon's own set falls back to `plain` where it says nothing of a kind.
    #[must_use]
    pub fn render(&self, locale: Locale, set: &str, kind: MessageKind, filling: &Filling) -> String {
        let text = |pick: fn(&Texts) -> &Option<String>| {
            [set, "plain"]
                .iter()
                .find_map(|name| {
                    self.0.get(&(locale, (*name).to_owned())).and_then(|texts| pick(texts).as_deref())
                })
                .unwrap_or_default()
        };
        let template = match kind {
            MessageKind::Confirmation => text(|t| &t.confirmation),
            MessageKind::Change => text(|t| &t.change),
            MessageKind::Cancel => text(|t| &t.cancel),
            MessageKind::Welcome => text(|t| &t.welcome),
            MessageKind::Trial => text(|t| &t.trial),
            MessageKind::SignInCode => text(|t| &t.sign_in_code),
        };
        let values = filling.values(locale);
        let greeting = if clean(&filling.name).is_empty() {
            text(|t| &t.greeting_nameless)
        } else {
            text(|t| &t.greeting)
        };
        let greeting = fill(greeting, &values);
        fill(template, &|name| if name == "greeting" { Some(greeting.clone()) } else { values(name) })
    }
}

impl Texts {
    fn all(&self) -> impl Iterator<Item = &str> {
        [
            &self.greeting,
            &self.greeting_nameless,
            &self.confirmation,
            &self.change,
            &self.cancel,
            &self.welcome,
            &self.trial,
            &self.sign_in_code,
        ]
        .into_iter()
        .filter_map(Option::as_deref)
    }

    fn learn(&mut self, newer: Self) {
        let keep = |mine: &mut Option<String>, theirs: Option<String>| {
            if theirs.is_some() {
                *mine = theirs;
            }
        };
        keep(&mut self.greeting, newer.greeting);
        keep(&mut self.greeting_nameless, newer.greeting_nameless);
        keep(&mut self.confirmation, newer.confirmation);
        keep(&mut self.change, newer.change);
        keep(&mut self.cancel, newer.cancel);
        keep(&mut self.welcome, newer.welcome);
        keep(&mut self.trial, newer.trial);
        keep(&mut self.sign_in_code, newer.sign_in_code);
    }
}

impl Filling {
    fn values(&self, locale: Locale) -> impl Fn(&str) -> Option<String> {
        let services = self.services.join(", ");
        let word = match (locale, self.services.len()) {
            (Locale::Ru, 0 | 1) => "Услуга",
            (Locale::Ru, _) => "Услуги",
            (Locale::En, 0 | 1) => "Service",
            (Locale::En, _) => "Services",
        };
        let filling = self.clone();
        move |name| {
            Some(match name {
                "name" => clean(&filling.name),
                "salon" => clean(&filling.salon),
                "date" => filling.date.clone(),
                "time" => filling.time.clone(),
                "services" => clean(&services),
                "service_word" => word.to_owned(),
                "master" => clean(&filling.master),
                "address" => clean(&filling.address),
                "old_date" => filling.old_date.clone(),
                "old_time" => filling.old_time.clone(),
                "code" => filling.code.clone(),
                _ => return None,
            })
        }
    }
}

/// Text from outside becomes one plain line: no control characters, no WhatsApp formatting marks, nothing invisible.
fn clean(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '*' | '_' | '~' | '`' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| if odd(c) { ' ' } else { c })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Fills a template line by line; a line with an empty placeholder is dropped, blank lines are kept single.
fn fill(template: &str, values: &dyn Fn(&str) -> Option<String>) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in template.trim().lines() {
        let mut out = String::new();
        let mut rest = line;
        let mut dropped = false;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, tail)) = after.split_once('}') else { break };
            match values(name).filter(|value| !value.is_empty()) {
                Some(value) => out.push_str(&value),
                None => dropped = true,
            }
            rest = tail;
        }
        out.push_str(rest);
        let blank_twice = out.trim().is_empty() && lines.last().is_none_or(|last| last.trim().is_empty());
        if !dropped && !blank_twice {
            lines.push(out);
        }
    }
    lines.join("\n").trim_end().chars().take(LONGEST).collect()
}

/// Refuses a template that names a placeholder we do not have, or leaves a brace open.
fn check(template: &str) -> Result<(), String> {
    let mut rest = template;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return Err("a { is never closed".to_owned());
        };
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!(
                "there is no {{{name}}}; there are {}",
                PLACEHOLDERS.map(|p| format!("{{{p}}}")).join(" ")
            ));
        }
        rest = tail;
    }
    Ok(())
}

#[cfg(test)]
#[path = "wording_tests.rs"]
mod tests;
