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
    /// Something the operator is to hear of.
    AlertId, "alr_");
prefixed_id!(
    /// A process of ours.
    NodeId, "nod_");
prefixed_id!(
    /// One stored decision with its reason.
    DecisionId, "dec_");
prefixed_id!(
    /// One reading of the journal or the catalogue as a whole.
    SyncId, "syn_");
prefixed_id!(
    /// A client as a salon's books know them. The CRM's own number of their card is [`super::crm_id::ClientId`].
    ClientKey, "cli_");
prefixed_id!(
    /// One posting in the bonus ledger.
    PostingId, "pst_");
prefixed_id!(
    /// A person who uses our pages.
    LoginId, "log_");

/// Ids of one millisecond grow too: what came in one post, or was decided in one unit of work, is read in the order it was
/// written, whatever ids of other moments were made in between.
fn fresh_ulid(now: UnixMs) -> String {
    static LAST: Mutex<u128> = Mutex::new(0);
    let instant = u64::try_from(now.0).unwrap_or_default();
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    // A process begins anywhere in the lower half of eighty bits: its steps do not reach the end of the upper one.
    *last = match *last {
        0 => rand::random::<u128>() >> 49,
        tail => tail + 1 + u128::from(rand::random::<u32>()),
    };
    ulid::Ulid::from_parts(instant, *last).to_string()
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
        let moment = UnixMs(4_000_000_000_000);
        let next = || {
            let between = JobId::new(moment.plus_ms(1));
            (JobId::new(moment), between)
        };
        let ids: Vec<_> = std::iter::repeat_with(next).take(50).collect();
        assert!(ids.is_sorted_by(|a, b| a.0 < b.0), "of one moment: {ids:?}");
        assert!(ids.iter().all(|(id, between)| id < between));
    }
}
