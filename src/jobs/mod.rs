//! The worker: rings of the job table become runs of use cases.

mod kinds;
pub mod worker;
