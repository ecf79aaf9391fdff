//! A run as programs are told it, by HTTP and over the socket.

use serde_json::{Value, json};

use crate::domain::sync::{SyncRun, Trouble};

/// Instants are unix milliseconds.
#[must_use]
pub fn json(run: &SyncRun) -> Value {
    let counts = &run.counts;
    let trouble = Trouble::parse(&run.error);
    let scope: Value = serde_json::from_str(&run.scope).unwrap_or_default();
    json!({
        "sync_id": run.id,
        "kind": run.kind,
        "state": run.state,
        "by_hand": run.by_hand,
        "scope": scope,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "cancelled": counts.cancelled,
        "healed": counts.healed,
        "skipped": counts.skips(),
        "skipped_why": counts.skipped,
        "failed": counts.failed,
        "own_ms": run.own_ms,
        "attempts": run.attempts,
        "error": trouble.map(|trouble| json!({"code": trouble, "what_to_do": trouble.sentence()})),
        "asked_at": run.asked_at,
        "began_at": run.began_at,
        "moved_at": run.moved_at,
        "finished_at": run.finished_at,
    })
}
