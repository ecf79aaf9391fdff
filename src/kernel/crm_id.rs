//! The CRM's own ids: numbers that YClients gives, each in a type of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! crm_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

crm_id!(
    /// A salon: `salon_id` in the marketplace, `company_id` in the REST API.
    SalonId);
crm_id!(
    /// An appointment in the salon's journal.
    RecordId);
crm_id!(StaffId);
crm_id!(ServiceId);
crm_id!(ClientId);
