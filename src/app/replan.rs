//! Trip 2, once more: records are looked at again though no hook came, because something else changed what is to be said.

use super::enqueue;
use super::error::Error;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::TenantId;
use crate::storage::{Conn, job, record};

/// Records rung for at once. Each page comes later than the one before it, so that hooks are not kept waiting.
const PAGE: i64 = 200;
const PAGE_MS: i64 = 1_000;

/// Rings for every record of a salon that lies ahead: after a time of silence it says what it kept to itself, and what was
/// withdrawn meanwhile is planned again. The caller rings the workers after the commit.
pub async fn replan_upcoming(conn: &mut Conn, id: &TenantId, now: UnixMs) -> Result<(), Error> {
    let (mut after, mut run_at) = ((now, RecordId(i64::MAX)), now);
    loop {
        let page = record::list_upcoming(conn, id, after, PAGE).await?;
        for (_, record) in &page {
            job::enqueue(conn, &enqueue::absorb_job(id, "record", record.0, run_at, now)).await?;
        }
        let Some(last) = page.last().filter(|_| page.len() as i64 == PAGE) else { return Ok(()) };
        (after, run_at) = (*last, run_at.plus_ms(PAGE_MS));
    }
}
