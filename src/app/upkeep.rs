//! What whoever keeps a salon running asks: is its sync healthy and whom does it know, where do its hooks come, what became of one.

use std::collections::BTreeMap;

use serde::Serialize;

use super::activate::hook_urls;
use super::error::Error;
use super::{App, tenants_of};
use crate::domain::books::Status;
use crate::domain::sync::{SyncKind, SyncRun, SyncState, Trouble};
use crate::domain::tenant::TenantState;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::TenantId;
use crate::storage::tally::{self, Fate};
use crate::storage::{client, hook_check, sync_run};

/// What a test posts: no resource of the journal, so it is kept and tells nobody anything.
pub const TEST_RESOURCE: &str = "salonbridge_test";

/// A test is asked after for so long.
const TEST_MS: i64 = 10 * 60_000;
/// Records shown as the newest.
const NEWEST: i64 = 5;

/// Answer of `GET /api/v1/companies/{id}/bookings/check`. Instants are unix milliseconds.
#[derive(Debug, Serialize)]
pub struct BookingsCheck {
    pub company_id: String,
    pub salon_id: i64,
    pub title: String,
    pub state: TenantState,
    /// How often the journal is read; 0: only by hand.
    pub sync_minutes: i64,
    /// Whether YClients' own settings send hooks to us; `unchecked` so far.
    pub webhooks: &'static str,
    pub last_sync: Option<LastSync>,
    /// How many there are of each state.
    pub records: BTreeMap<&'static str, i64>,
    /// Whose they are a person is to say.
    pub unmatched_records: i64,
    pub clients: i64,
    pub clients_with_code: i64,
    pub newest_records: Vec<NewestRecord>,
    /// What is to be done, most urgent first; empty when all is well.
    pub advice: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct LastSync {
    pub state: SyncState,
    pub asked_at: UnixMs,
    pub finished_at: Option<UnixMs>,
    pub error: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct NewestRecord {
    pub record_id: i64,
    pub starts_at: Option<i64>,
    pub status: String,
    /// Why it is this client's, or nobody's.
    pub matched: String,
}

/// Answer of `GET /api/v1/companies/{id}/webhook`.
#[derive(Debug, Serialize)]
pub struct Webhook {
    pub company_id: String,
    pub salon_id: i64,
    pub title: String,
    /// Whoever knows them may post hooks: they are as good as a password.
    pub webhook_urls: Vec<String>,
    /// Whether every hook must be signed by the secret that was agreed on.
    pub is_signed: bool,
    pub webhooks: &'static str,
    pub advice: Option<&'static str>,
}

pub async fn check_bookings(app: &App, id: &TenantId) -> Result<BookingsCheck, Error> {
    let known = tenants_of(app, id).await?.tenant;
    let mut conn = app.db.read().await?;
    let (last, _) = sync_run::last(&mut conn, id, SyncKind::Records).await?;
    let hooks = hook_check::find(&mut conn, id).await?.map(|(outcome, _)| outcome);
    let counted = tally::records(&mut conn, id).await?;
    let unmatched_records = tally::unmatched(&mut conn, id).await?;
    let (clients, clients_with_code) = client::count(&mut conn, id).await?;
    let newest = tally::newest(&mut conn, id, NEWEST).await?;
    drop(conn);
    let mut check = BookingsCheck {
        company_id: id.to_string(),
        salon_id: known.salon_id.0,
        title: known.title,
        state: known.state,
        sync_minutes: app.tenants.rules(known.salon_id).sync.minutes,
        webhooks: hooks.map_or("unchecked", |outcome| outcome.as_str()),
        last_sync: last.as_ref().map(last_sync),
        records: by_status(&counted),
        unmatched_records,
        clients,
        clients_with_code,
        newest_records: newest
            .into_iter()
            .map(|row| NewestRecord {
                record_id: row.record_id,
                starts_at: row.starts_at,
                status: row.status,
                matched: row.matched,
            })
            .collect(),
        advice: Vec::new(),
    };
    check.advice = advice(&check);
    check.advice.extend(hooks.and_then(|outcome| outcome.advice()).map(str::to_owned));
    Ok(check)
}

/// Every state is named, also when there is none of it; what the books have not kept yet is `new`.
fn by_status(counted: &[(String, i64)]) -> BTreeMap<&'static str, i64> {
    let mut records: BTreeMap<_, _> = Status::ALL.map(|status| (status.as_str(), 0)).into_iter().collect();
    for (status, count) in counted {
        *records.entry(Status::parse(status).map_or("new", Status::as_str)).or_default() += count;
    }
    records
}

fn last_sync(run: &SyncRun) -> LastSync {
    LastSync {
        state: run.state,
        asked_at: run.asked_at,
        finished_at: run.finished_at,
        error: Trouble::parse(&run.error).map(Trouble::sentence),
    }
}

fn advice(check: &BookingsCheck) -> Vec<String> {
    let mut advice = Vec::new();
    if check.state != TenantState::Active {
        advice.push(format!("The salon is {}: nothing is read until it is active", check.state.as_str()));
    }
    if let Some(error) = check.last_sync.as_ref().and_then(|last| last.error) {
        advice.push(error.to_owned());
    }
    if check.sync_minutes == 0 {
        advice.push(
            "The sync is switched off (sync.minutes = 0 in rules.toml): what a lost hook would have told stays unknown".to_owned(),
        );
    }
    if check.records.values().sum::<i64>() == 0 {
        advice.push(
            "No record is known yet: start a sync by `salonbridge bookings sync`, and look whether the app may read records in YClients"
                .to_owned(),
        );
    }
    if check.unmatched_records > 0 {
        advice.push(format!(
            "{} records are nobody's: say whose they are at the desk",
            check.unmatched_records
        ));
    }
    let codeless = check.clients - check.clients_with_code;
    if codeless > 0 {
        advice.push(format!("{codeless} clients have no code: make them by `salonbridge codes generate`"));
    }
    advice
}

/// Where the salon's hooks come. For its own programs and the operator's: the addresses are secret.
pub async fn webhook(app: &App, id: &TenantId) -> Result<Webhook, Error> {
    let stored = tenants_of(app, id).await?;
    let hook_key = app.keys.of(id).await?.open_text("tenant", "hook_key", &stored.keys.hook_key)?;
    let outcome = hook_check::find(&mut app.db.read().await?, id).await?.map(|(outcome, _)| outcome);
    Ok(Webhook {
        company_id: id.to_string(),
        salon_id: stored.tenant.salon_id.0,
        title: stored.tenant.title,
        webhook_urls: hook_urls(app, &hook_key),
        is_signed: app.settings.webhook_secret.is_some(),
        webhooks: outcome.map_or("unchecked", |outcome| outcome.as_str()),
        advice: outcome.and_then(|outcome| outcome.advice()),
    })
}

/// What became of a test that was posted lately.
pub async fn test_hook(app: &App, id: &TenantId, number: i64) -> Result<Fate, Error> {
    let since = app.now().plus_ms(-TEST_MS);
    let mut conn = app.db.read().await?;
    tally::hook(&mut conn, id, (TEST_RESOURCE, number), since).await?.ok_or(Error::NotFound)
}
