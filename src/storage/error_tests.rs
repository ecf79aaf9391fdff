use std::borrow::Cow;

use sqlx::error::{DatabaseError, ErrorKind};

use super::*;

/// What an engine says, by its code alone.
#[derive(Debug)]
struct Said(&'static str);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Said {}

impl DatabaseError for Said {
    fn message(&self) -> &str {
        self.0
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(self.0))
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

fn by_code(code: &'static str) -> Error {
    sqlx::Error::Database(Box::new(Said(code))).into()
}

#[test]
fn what_passes_by_itself_is_worth_another_try() {
    // SQLite's own codes, and the extended ones that sqlx gives: the kind stands in the low byte.
    let sqlite = ["5", "6", "10", "13", "14", "261", "517", "773", "266", "522", "778", "1034", "3338"];
    // PostgreSQL: gone, starting, stopping, not taking connections, locked, full, read-only after a switch, deadlocked, cancelled, disk trouble.
    let postgres = [
        "08006", "57P03", "57P01", "55000", "55P03", "53100", "53300", "25006", "40P01", "40001", "57014",
        "58030",
    ];
    for code in sqlite.into_iter().chain(postgres) {
        let error = by_code(code);
        assert!(matches!(error, Error::Unavailable(_)), "{code}: {error:?}");
        assert_eq!(error.retry(), Retry::Backoff, "{code}");
    }
    for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::WorkerCrashed] {
        assert!(matches!(Error::from(error), Error::Unavailable(_)));
    }
}

#[test]
fn what_is_our_mistake_is_not_tried_again() {
    // A constraint, a syntax error, a wrong type, a damaged file; 42601 must not be taken for SQLite's.
    for code in ["1", "19", "275", "787", "11", "20", "23502", "23514", "42601", "42703", "22021", "54000"] {
        let error = by_code(code);
        assert!(matches!(error, Error::Driver(_)), "{code}: {error:?}");
        assert_eq!(error.retry(), Retry::Never, "{code}");
    }
    assert!(matches!(Error::from(sqlx::Error::RowNotFound), Error::Driver(_)));
}

#[test]
fn who_was_not_quick_enough_is_told_from_who_has_no_database() {
    assert!(by_code("40P01").is_lost_race());
    assert!(Error::Conflict("job_lane".to_owned()).is_lost_race());
    for code in ["57P01", "40001", "5"] {
        assert!(!by_code(code).is_lost_race(), "{code}");
    }
}
