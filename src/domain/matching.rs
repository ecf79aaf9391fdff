//! Whose record is this? By the code in its comment, then the e-mail, then the phone, then the card it hangs on in the CRM.
//!
//! # Decision
//! - What names exactly one client decides, and what is weaker is not asked; that a weaker sign names another one is part of the
//!   reason. A code outweighs all: somebody wrote it down for this very purpose.
//! - Several clients of one sign are never guessed between. Yet two things are no guess: the card of the CRM that the record hangs
//!   on, where it is the card of one of them; and what was decided before, where it is one of them still.
//! - The card alone comes last, for a number that was changed, hidden or never there. The papers we began with do not know it.
//! - Phones are the same by their last ten digits, unless both say their country and it is another one: +7 900… is not +49 900….

use super::code::Code;
use super::record::Record;
use crate::kernel::crm_id::ClientId;
use crate::kernel::id::ClientKey;
use crate::kernel::phone::Phone;

/// What a record says of who comes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signs {
    pub codes: Vec<Code>,
    pub email: Option<String>,
    pub phone: Option<Phone>,
    pub card: Option<ClientId>,
}

impl Signs {
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let client = record.client.value();
        Self {
            codes: record.comment.value().map(|comment| Code::all_in(comment)).unwrap_or_default(),
            email: client.and_then(|client| email(client.email.as_deref()?)),
            phone: client.and_then(|client| client.phone.clone()),
            card: client.and_then(|client| client.id),
        }
    }

    /// Whether somebody could be reached by them: then the record makes its client known.
    #[must_use]
    pub fn are_contacts(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }
}

/// An address as it is compared: trimmed, in lower case. `None` for what is none ("-", "нет", "a@").
#[must_use]
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (name, host) = text.split_once('@')?;
    let fine = !name.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains('@')
        && !text.contains(char::is_whitespace)
        && text.len() <= 254;
    fine.then_some(text)
}

/// A client that one of the signs names, and which do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub id: ClientKey,
    pub code: bool,
    pub email: bool,
    pub phone: bool,
    pub card: bool,
}

/// What a match rests on, or why there is none. Stored and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Code,
    /// The e-mail, the phone or the card names another client.
    CodeOverContacts,
    Email,
    EmailOverPhone,
    Phone,
    Card,
    /// A person said so.
    Person,
    /// The record made its client known.
    Made,
    /// Several clients: a person is to say which.
    Ambiguous,
    /// Nobody we know, and no number or address to know them by.
    NoContact,
    /// The record has no client: a walk-in, or time that is blocked.
    NoClient,
}

impl Reason {
    pub const ALL: [Self; 11] = [
        Self::Code,
        Self::CodeOverContacts,
        Self::Email,
        Self::EmailOverPhone,
        Self::Phone,
        Self::Card,
        Self::Person,
        Self::Made,
        Self::Ambiguous,
        Self::NoContact,
        Self::NoClient,
    ];

    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::CodeOverContacts => "code_over_contacts",
            Self::Email => "email",
            Self::EmailOverPhone => "email_over_phone",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Person => "person",
            Self::Made => "made",
            Self::Ambiguous => "ambiguous",
            Self::NoContact => "no_contact",
            Self::NoClient => "no_client",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    One(ClientKey, Reason),
    Several(Vec<ClientKey>),
    Nobody,
}

/// Decides among the clients that the signs name. `before`: whose the record was until now.
#[must_use]
pub fn decide(candidates: &[Candidate], before: Option<&ClientKey>) -> Match {
    let signs: [fn(&Candidate) -> bool; 4] = [|c| c.code, |c| c.email, |c| c.phone, |c| c.card];
    for (strength, names) in signs.into_iter().enumerate() {
        let named: Vec<&Candidate> = candidates.iter().filter(|c| names(c)).collect();
        if named.is_empty() {
            continue;
        }
        let Some(one) = only(&named, before) else {
            let mut several: Vec<_> = named.into_iter().map(|c| c.id.clone()).collect();
            several.sort();
            return Match::Several(several);
        };
        let differs = |names: fn(&Candidate) -> bool| !names(one) && candidates.iter().any(names);
        let reason = match strength {
            0 if signs[1..].iter().any(|names| differs(*names)) => Reason::CodeOverContacts,
            0 => Reason::Code,
            1 if differs(signs[2]) => Reason::EmailOverPhone,
            1 => Reason::Email,
            2 => Reason::Phone,
            _ => Reason::Card,
        };
        return Match::One(one.id.clone(), reason);
    }
    Match::Nobody
}

fn only<'a>(named: &[&'a Candidate], before: Option<&ClientKey>) -> Option<&'a Candidate> {
    let one_of = |which: &dyn Fn(&Candidate) -> bool| {
        let mut those = named.iter().filter(|c| which(c));
        those.next().filter(|_| those.next().is_none()).copied()
    };
    // Two codes in one comment name two people, whoever's card it is.
    let is_by_code = named.iter().any(|c| c.code);
    one_of(&|_| true)
        .or_else(|| one_of(&|c| c.card && !is_by_code))
        .or_else(|| one_of(&|c| Some(&c.id) == before))
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
