//! The register of statements: each storage file lists its own, and [`prepare_all`] has the engine check every one.

use sqlx::{Executor as _, SqlSafeStr as _};

use super::db::{Conn, on};
use super::error::Error;

/// Every statement of the house, with the file it stands in.
#[must_use]
pub fn all() -> Vec<(&'static str, &'static str)> {
    let files: &[(&str, &[&'static str])] = &[
        ("alert", super::alert::SQL),
        ("api_key", super::api_key::SQL),
        ("allowance", super::allowance::SQL),
        ("booking_form", super::booking_form::SQL),
        ("tenant", super::tenant::SQL),
        ("books", super::books::SQL),
        ("catalog", super::catalog::SQL),
        ("catalog_now", super::catalog_now::SQL),
        ("chat", super::chat::SQL),
        ("client", super::client::SQL),
        ("client_sitting", super::client_sitting::SQL),
        ("hook_check", super::hook_check::SQL),
        ("key_change", super::key_change::SQL),
        ("inbox", super::inbox::SQL),
        ("job", super::job::SQL),
        ("ledger", super::ledger::SQL),
        ("node", super::node::SQL),
        ("pairing", super::pairing::SQL),
        ("record", super::record::SQL),
        ("record_batch", super::record_batch::SQL),
        ("retention", super::retention::SQL),
        ("sync_run", super::sync_run::SQL),
        ("tally", super::tally::SQL),
        ("session_lease", super::session_lease::SQL),
        ("decision", super::decision::SQL),
        ("desk", super::desk::SQL),
        ("guess", super::guess::SQL),
        ("login", super::login::SQL),
        ("platform", super::platform::SQL),
        ("sign_in", super::sign_in::SQL),
        ("sitting", super::sitting::SQL),
        ("outbox", super::outbox::SQL),
        ("pace", super::pace::SQL),
        ("timeline", super::timeline::SQL),
        ("uncertain", super::uncertain::SQL),
        ("wa_session", super::wa_session::SQL),
        ("wa_value", super::wa_value::SQL),
        ("waiting", super::waiting::SQL),
    ];
    files.iter().flat_map(|(file, list)| list.iter().map(|sql| (*file, *sql))).collect()
}

/// Prepares every statement; the error names the first the engine does not take.
pub async fn prepare_all(conn: &mut Conn) -> Result<usize, (String, Error)> {
    let statements = all();
    for (file, sql) in &statements {
        let prepared = on!(conn, c => c.prepare(sql.into_sql_str()).await.map(drop));
        prepared.map_err(|e| (format!("{file}: {sql}"), Error::from(e)))?;
    }
    Ok(statements.len())
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
