use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqlitePool;

use super::*;
use crate::storage::{Db, kit};

/// These grow with a salon's years; the others hold a few rows a salon, or the day's work.
const GROWING: [&str; 9] = [
    "chat",
    "client",
    "client_word",
    "decision",
    "inbox",
    "ledger_line",
    "ledger_posting",
    "outbox",
    "record",
];

/// Who begins to read all that a salon has in a growing table, and may: it stops at a limit, for the index has the order that is
/// asked for; or somebody wants a count now and then; or it is a test.
const KNOWN: &[(&str, &str)] = &[
    ("client", "SEARCH client USING COVERING INDEX client_code (tenant_id=?)"),
    ("decision", "SEARCH decision USING INDEX decision_of_record (tenant_id=?)"),
    ("outbox", "SEARCH outbox USING COVERING INDEX outbox_of_state (tenant_id=?)"),
    ("outbox", "SEARCH outbox USING INDEX outbox_recent (tenant_id=?)"),
    ("record", "SEARCH record USING COVERING INDEX record_upcoming (tenant_id=?)"),
    ("tally", "SEARCH record USING INDEX record_upcoming (tenant_id=?)"),
    ("tally", "SEARCH record USING INDEX sqlite_autoindex_record_1 (tenant_id=?)"),
];

async fn plan(pool: &SqlitePool, sql: &str) -> Vec<String> {
    let explained = sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(pool).await;
    let steps: Vec<(i64, i64, i64, String)> = explained.unwrap_or_else(|error| panic!("{sql}: {error}"));
    steps.into_iter().map(|(.., step)| step).collect()
}

/// Whether a step reads all of a growing table, or all that a salon has in it. `small`: indexes that leave out what is done with.
fn reads_all(step: &str, small: &[String]) -> bool {
    let words: Vec<&str> = step.split(' ').collect();
    let index = words.iter().position(|word| *word == "INDEX").and_then(|at| words.get(at + 1));
    let is_of = |table: &&str| match index {
        Some(index) => index.trim_start_matches("sqlite_autoindex_").starts_with(&format!("{table}_")),
        None => words.get(1) == Some(table),
    };
    GROWING.iter().any(is_of)
        && !index.is_some_and(|index| small.iter().any(|known| known == index))
        && (words[0] == "SCAN" || step.ends_with("(tenant_id=?)"))
}

/// SQLite has no statistics here, as on the day a salon installs: what it finds without them it always finds.
#[tokio::test]
async fn nothing_that_grows_is_read_from_end_to_end() {
    let base = kit::sqlite().await;
    let Db::Sqlite { writer: pool, .. } = &base.db else { panic!("it is on SQLite") };
    const SMALL: &str = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'";
    let small: Vec<String> = sqlx::query_scalar(SMALL).fetch_all(pool).await.expect("listed");
    let mut unknown = Vec::new();
    // Whoever erases a salon reads all of it, once.
    for (file, sql) in all().iter().filter(|(_, sql)| !sql.starts_with("DELETE")) {
        for step in plan(pool, sql).await {
            if reads_all(&step, &small) && !KNOWN.contains(&(file, &step)) {
                unknown.push(format!("(\"{file}\", \"{step}\"): {sql}"));
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}
