//! What happened, as four witnesses have it: the journal, the marketplace's list of hooks, the client's phone, the database.

use std::collections::BTreeMap;

use crate::plan::Minute;

/// One run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub seed: u64,
    /// Hooks were lost, or refused and never sent again.
    pub lossy: bool,
    pub records: BTreeMap<i64, Vec<Version>>,
    pub heard: Vec<Heard>,
    pub rows: Vec<Row>,
}

/// A state of a record in the journal, in the order of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub minute: Minute,
    pub cancelled: bool,
    /// Before the edit was made, unix milliseconds.
    pub made_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Confirmation,
    Change,
    Cancel,
}

/// A message that the client's phone decrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub id: String,
    /// Whose number it came from.
    pub from: String,
    pub kind: Kind,
    pub minute: Minute,
    pub at: i64,
}

/// A message of the database's outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub message_id: String,
    pub record: i64,
    pub state: String,
    pub reason: String,
    pub deadline_at: i64,
}

/// Reads a message of the proof's own wording: `kind;HH:MM`.
pub fn read(text: &str) -> Option<(Kind, Minute)> {
    let (kind, time) = text.trim().split_once(';')?;
    let kind = match kind {
        "confirmation" => Kind::Confirmation,
        "change" => Kind::Change,
        "cancel" => Kind::Cancel,
        _ => return None,
    };
    let (hours, minutes) = time.split_once(':')?;
    Some((kind, hours.parse::<Minute>().ok()? * 60 + minutes.parse::<Minute>().ok()?))
}
