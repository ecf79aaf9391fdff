//! A batch of hooks and the bells they ring, in one commit: the way that has to be fast.
//!
//! # Decision
//! Each engine has its own words here, against the house's rule of one text, because this is measured (`bin/bench`). PostgreSQL
//! gets columns as arrays and both tables in one statement, which is its own commit: one turn over the wire where a unit of work
//! takes five. SQLite gets the rows as one JSON text, so that a batch costs two turns with its thread, whatever its size.

use serde_json::{Value, json};
use sqlx::{PgPool, SqlitePool};

use super::db::{Db, begin_immediate};
use super::error::Error;
use super::inbox::NewInbox;
use super::job::NewJob;
use crate::kernel::id::TenantId;

const INBOX_JSON: &str = "INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
     FROM json_each($1) WHERE TRUE \
     ON CONFLICT (tenant_id, resource, resource_id, dedup) WHERE absorbed_at IS NULL DO NOTHING";
const JOB_JSON: &str = "INSERT INTO job (id, tenant_id, kind, subject, lane, state, run_at, attempt, created_at, updated_at) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, 'ready', value ->> 5, 0, value ->> 6, value ->> 6 \
     FROM json_each($1) WHERE TRUE ON CONFLICT (kind, subject) WHERE state = 'ready' DO NOTHING";
const BOTH: &str = "WITH kept AS ( \
     INSERT INTO inbox (id, tenant_id, source, resource, resource_id, dedup, body, received_at) \
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::bigint[]) \
     ON CONFLICT (tenant_id, resource, resource_id, dedup) WHERE absorbed_at IS NULL DO NOTHING) \
     INSERT INTO job (id, tenant_id, kind, subject, lane, state, run_at, attempt, created_at, updated_at) \
     SELECT id, tenant_id, kind, subject, lane, 'ready', run_at, 0, at, at \
     FROM unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::bigint[], $15::bigint[]) \
     AS t (id, tenant_id, kind, subject, lane, run_at, at) \
     ON CONFLICT (kind, subject) WHERE state = 'ready' DO NOTHING";

/// Stores hooks and rings their jobs, all or nothing; returns after the commit. A repeated delivery of what still waits folds
/// into it, a job that waits stays as it is. Rows are written in one order everywhere, so that two batches never wait for each
/// other in a circle.
pub async fn keep(db: &Db, mut hooks: Vec<NewInbox>, mut jobs: Vec<NewJob>) -> Result<(), Error> {
    hooks.sort_by(|a, b| place(a).cmp(&place(b)));
    jobs.sort_by(|a, b| a.subject.cmp(&b.subject));
    jobs.dedup_by(|a, b| a.subject == b.subject);
    match db {
        Db::Sqlite { writer, .. } => keep_in_sqlite(writer, &hooks, &jobs).await,
        Db::Postgres(pool) => keep_in_postgres(pool, &hooks, &jobs).await,
    }
}

/// Where a hook stands in the index that folds repeats.
fn place(hook: &NewInbox) -> (&TenantId, &str, i64, &str) {
    (&hook.tenant, &hook.resource, hook.resource_id, &hook.dedup)
}

async fn keep_in_sqlite(writer: &SqlitePool, hooks: &[NewInbox], jobs: &[NewJob]) -> Result<(), Error> {
    let hooks: Vec<Value> = hooks
        .iter()
        .map(|h| {
            let (id, tenant) = (h.id.as_str(), h.tenant.as_str());
            json!([id, tenant, h.source, h.resource, h.resource_id, h.dedup, h.body, h.received_at.0])
        })
        .collect();
    let jobs: Vec<Value> = jobs
        .iter()
        .map(|j| json!([j.id.as_str(), tenant_of(j), j.kind, j.subject, j.lane, j.run_at.0, j.now.0]))
        .collect();
    let mut unit = begin_immediate(writer).await?;
    sqlx::query(INBOX_JSON).bind(Value::Array(hooks).to_string()).execute(&mut *unit).await?;
    sqlx::query(JOB_JSON).bind(Value::Array(jobs).to_string()).execute(&mut *unit).await?;
    Ok(unit.commit().await?)
}

async fn keep_in_postgres(pool: &PgPool, hooks: &[NewInbox], jobs: &[NewJob]) -> Result<(), Error> {
    sqlx::query(BOTH)
        .bind(column(hooks, |h| h.id.as_str()))
        .bind(column(hooks, |h| h.tenant.as_str()))
        .bind(column(hooks, |h| h.source))
        .bind(column(hooks, |h| &h.resource))
        .bind(column(hooks, |h| h.resource_id))
        .bind(column(hooks, |h| &h.dedup))
        .bind(column(hooks, |h| &h.body))
        .bind(column(hooks, |h| h.received_at.0))
        .bind(column(jobs, |j| j.id.as_str()))
        .bind(column(jobs, tenant_of))
        .bind(column(jobs, |j| j.kind))
        .bind(column(jobs, |j| &j.subject))
        .bind(column(jobs, |j| &j.lane))
        .bind(column(jobs, |j| j.run_at.0))
        .bind(column(jobs, |j| j.now.0))
        .execute(pool)
        .await?;
    Ok(())
}

fn column<'a, R, T>(rows: &'a [R], pick: fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}

fn tenant_of(job: &NewJob) -> &str {
    job.tenant.as_ref().map_or("", TenantId::as_str)
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
