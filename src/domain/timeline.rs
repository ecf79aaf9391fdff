//! One record's timeline: what came, what was decided and why, what became of each message. Plain values, as they are shown.

use std::sync::Arc;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::message::{MessageKind, OutboxState, Ticks};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::OutboxId;

/// Who looks.
///
/// # Decision
/// A salon wrote to its clients itself: it sees numbers, names and texts. The operator keeps the product running and answers "why",
/// for which times, states and reasons are enough: numbers are masked, names and texts left out. Whose link opens a page decides
/// what the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eye {
    Salon,
    Operator,
}

/// Where an entry comes from; entries of one moment stand in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Hook,
    Decision,
    Tick,
}

impl Source {
    pub const ALL: [Self; 3] = [Self::Hook, Self::Decision, Self::Tick];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hook => "hook",
            Self::Decision => "decision",
            Self::Tick => "tick",
        }
    }
}

/// A message an entry is about, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: OutboxId,
    pub kind: MessageKind,
    pub state: OutboxState,
    pub ticks: Ticks,
    pub reason: String,
    pub attempts: i64,
    pub created_at: UnixMs,
    pub sent_at: Option<UnixMs>,
    pub delivered_at: Option<UnixMs>,
    pub read_at: Option<UnixMs>,
    /// Masked, unless the salon looks.
    pub to: String,
    /// Only for the salon.
    pub text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: UnixMs,
    pub source: Source,
    pub id: String,
    /// [`super::why::Verb`] and [`super::why::Why`] as stored; a later version may have written what this one does not know.
    pub verb: String,
    pub reason: String,
    /// Of a hook: `create`, `update`, `delete`, or the wire's own word.
    pub event: Option<String>,
    /// Of a hook: how it came to us.
    pub came_by: Option<String>,
    pub message: Option<Arc<Message>>,
}

/// Between two entries: where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub at: UnixMs,
    pub source: Source,
    pub id: String,
}

impl Cursor {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let at = UnixMs(parts.next()?.parse().ok()?);
        let name = parts.next()?;
        let source = Source::ALL.into_iter().find(|source| source.as_str() == name)?;
        let id = parts.next().filter(|id| id.len() <= 64)?;
        let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c));
        plain.then(|| Self { at, source, id: id.to_owned() })
    }

    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}.{}", self.at.0, self.source.as_str(), self.id)
    }
}

impl Entry {
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.at, source: self.source, id: self.id.clone() }
    }
}

/// A page of it, the oldest first.
#[derive(Debug, Clone)]
pub struct Timeline {
    pub record: RecordId,
    /// In the salon's own time; unknown until the CRM says it.
    pub starts: Option<NaiveDateTime>,
    /// Only for the salon.
    pub client: Option<String>,
    pub is_deleted: bool,
    pub zone: Tz,
    pub entries: Vec<Entry>,
    pub next: Option<Cursor>,
    /// Messages that wait for a person's word, on whatever page they stand.
    pub doubts: Vec<Arc<Message>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor = Cursor { at: UnixMs(17), source: Source::Tick, id: "out_01J.read".to_owned() };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        for wrong in ["", "1", "1.hook", "x.hook.inb_1", "1.wish.inb_1", "1.hook.a'b", "1.hook.\u{436}"] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }
}
