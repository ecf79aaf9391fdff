//! Prefixed ids: a ULID behind a tag that says what it names, so a mixed-up id is seen in a log line and refused by a type.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::clock::UnixMs;

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            /// A new id, sortable by the moment it was made.
            #[must_use]
            pub fn new(now: UnixMs) -> Self {
                Self(format!("{}{}", $prefix, fresh_ulid(now)))
            }

            /// Takes an id from outside; `None` when it does not name this kind of thing.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                (body.len() == 26 && body.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| Self(text.to_owned()))
            }

            /// Wraps what our own database holds.
            #[must_use]
            pub fn from_stored(text: String) -> Self {
                Self(text)
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

prefixed_id!(
    /// One installation of our product. The REST API calls it a company.
    TenantId, "tnt_");
prefixed_id!(
    /// Something that arrived and is kept until it is absorbed.
    InboxId, "inb_");
prefixed_id!(
    /// A message we intend to send.
    OutboxId, "out_");
prefixed_id!(
    /// A unit of work.
    JobId, "job_");
prefixed_id!(
    /// A process of ours.
    NodeId, "nod_");
prefixed_id!(
    /// One stored decision with its reason.
    DecisionId, "dec_");

/// Ids of one millisecond grow too: what came in one post is read in the order it was written.
fn fresh_ulid(now: UnixMs) -> String {
    static LAST: Mutex<(u64, u128)> = Mutex::new((0, 0));
    let instant = u64::try_from(now.0).unwrap_or_default();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // Of eighty random bits the highest is left free, so that a millisecond's steps do not overflow.
    *last = match *last {
        (then, tail) if then == instant => (then, tail + 1 + u128::from(rand::random::<u32>())),
        _ => (instant, rand::random::<u128>() >> 49),
    };
    ulid::Ulid::from_parts(last.0, last.1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_only_under_their_own_prefix() {
        let id = TenantId::new(UnixMs(1_700_000_000_000));
        assert_eq!(TenantId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(OutboxId::parse(id.as_str()), None);
        assert_eq!(TenantId::parse("tnt_../../etc/passwd-------"), None);
        assert_eq!(TenantId::parse(""), None);
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        assert!(JobId::new(UnixMs(1)) < JobId::new(UnixMs(2)));
        // Other tests make ids too, of other moments; between two of one moment nothing else may come.
        let moment = UnixMs(4_000_000_000_000);
        let ids: Vec<JobId> = std::iter::repeat_with(|| JobId::new(moment)).take(3).collect();
        assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    }
}
