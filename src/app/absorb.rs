//! Trip 2, the middle: what arrived for one record becomes what we know of it, and what its client is to be told.

use super::error::Error;
use super::{App, enqueue, notify, tenants_of};
use crate::domain::dates;
use crate::domain::message::MessageKind;
use crate::domain::planner::{self, Plan, Reason, Situation, Told};
use crate::domain::record::{self, Field, Record};
use crate::domain::rules::Rules;
use crate::domain::tenant::Tenant;
use crate::domain::wording::Filling;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::pack::unpack;
use crate::kernel::seal::DataKey;
use crate::storage::inbox::{self, InboxRow};
use crate::storage::outbox::NewOutbox;
use crate::storage::record::RecordWrite;
use crate::storage::{Conn, decision, outbox, record as records};
use crate::{yclients, yclients::webhook};

/// Hooks of one resource taken at once; more wait for the next run.
const MOST_AT_ONCE: i64 = 200;

/// The job: absorbs all that waits for one resource.
pub async fn absorb(app: &App, id: &TenantId, resource: &str, resource_id: i64) -> Result<(), Error> {
    let waiting = {
        let mut conn = app.db.read().await?;
        inbox::list_waiting(&mut conn, id, resource, resource_id, MOST_AT_ONCE).await?
    };
    match resource {
        "record" => absorb_record(app, id, RecordId(resource_id), &waiting).await,
        "service" | "service_category" | "staff" | "schedule" => {
            close(app, id, &waiting, "catalog", Some(enqueue::SYNC_CATALOG)).await
        }
        _ => close(app, id, &waiting, "kept", None).await,
    }
}

/// Marks rows that need no decision of their own; `ring` starts what they call for.
async fn close(
    app: &App,
    id: &TenantId,
    waiting: &[InboxRow],
    outcome: &str,
    ring: Option<&'static str>,
) -> Result<(), Error> {
    const CATALOG_DELAY_MS: i64 = 30_000;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    for row in waiting {
        inbox::mark_absorbed(&mut conn, id, &row.id, now, outcome).await?;
    }
    if let Some(kind) = ring.filter(|_| !waiting.is_empty()) {
        enqueue::installation(&mut conn, kind, id, now.plus_ms(CATALOG_DELAY_MS), now).await?;
    }
    Ok(conn.commit().await?)
}

/// What is known of a record before its waiting hooks are read.
struct Known {
    tenant: Tenant,
    key: DataKey,
    record: Record,
    told: Option<Told>,
    told_revision: i64,
}

async fn load(app: &App, id: &TenantId, record_id: RecordId) -> Result<Known, Error> {
    let tenant = tenants_of(app, id).await?.tenant;
    let key = app.keys.of(id).await?;
    let row = records::find(&mut app.db.read().await?, id, record_id).await?;
    let place = record_id.to_string();
    let (mut known, mut told, mut told_revision) = (Record::unknown(record_id), None, 0);
    if let Some(row) = row {
        known = serde_json::from_slice(&key.open("record", &place, &row.body)?)?;
        if !row.told.is_empty() {
            told = Some(serde_json::from_slice(&key.open("told", &place, &row.told)?)?);
        }
        told_revision = row.told_revision;
    }
    Ok(Known { tenant, key, record: known, told, told_revision })
}

async fn absorb_record(
    app: &App,
    id: &TenantId,
    record_id: RecordId,
    waiting: &[InboxRow],
) -> Result<(), Error> {
    if waiting.is_empty() {
        return Ok(());
    }
    let mut known = load(app, id, record_id).await?;
    let outcomes = learn(&mut known, waiting)?;
    if !known.record.is_whole() && !known.record.is_deleted() {
        read_whole(app, &mut known).await?;
    }

    let now = app.now();
    let rules = app.tenants.rules(known.tenant.salon_id);
    let plan = planner::plan(Situation {
        record: &known.record,
        told: known.told.as_ref(),
        rules,
        zone: known.tenant.timezone,
        tenant: known.tenant.state,
        activated_at: known.tenant.activated_at,
        now,
    });

    let mut conn = app.db.begin().await?;
    write_record(&mut conn, &known, now).await?;
    carry_out(app, &mut conn, &known, rules, plan, now).await?;
    for (row, outcome) in waiting.iter().zip(outcomes) {
        inbox::mark_absorbed(&mut conn, id, &row.id, now, outcome).await?;
    }
    conn.commit().await?;
    app.ring_for(enqueue::SEND);
    Ok(())
}

/// Reads the hooks in the order of their changes; one that is older than what we know, or unreadable, teaches nothing.
fn learn(known: &mut Known, waiting: &[InboxRow]) -> Result<Vec<&'static str>, Error> {
    let mut said = Vec::with_capacity(waiting.len());
    for row in waiting {
        let body = unpack(&known.key.open("inbox", &row.id, &row.body)?).unwrap_or_default();
        said.push(webhook::parse(&body).ok().and_then(|hooks| hooks.first()?.record()));
    }
    let times: Vec<_> = said.iter().map(|record| record.as_ref()?.changed_at).collect();
    let mut outcomes = vec!["unreadable"; waiting.len()];
    for place in record::order(known.record.changed_at, &times) {
        if let Some(record) = said[place].take() {
            outcomes[place] = if known.record.learn(record) { "absorbed" } else { "outdated" };
        }
    }
    Ok(outcomes)
}

/// A partial payload left something unsaid that a message needs: the CRM is asked. A record that is gone there is cancelled.
async fn read_whole(app: &App, known: &mut Known) -> Result<(), Error> {
    match app.crm.record(known.tenant.salon_id, known.record.id).await {
        Ok(Some(whole)) => {
            known.record.learn(whole);
        }
        Ok(None) => known.record.deleted = Field::Is(true),
        // No rights, no licence: we decide by what we have, and the reason for silence will say what is missing.
        Err(error @ (yclients::Error::Forbidden(_) | yclients::Error::LicenceExpired)) => {
            tracing::warn!(tenant.id = %known.tenant.id, record.id = %known.record.id, %error, "a record could not be read");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn write_record(conn: &mut Conn, known: &Known, now: UnixMs) -> Result<(), Error> {
    let record = &known.record;
    let sealed = known.key.seal("record", &record.id.to_string(), &serde_json::to_vec(record)?);
    let write = RecordWrite {
        id: record.id,
        starts_at: record.starts.value().map(|local| dates::instant(*local, known.tenant.timezone)),
        deleted: record.is_deleted(),
        changed_at: record.changed_at.unwrap_or(now),
        body: &sealed,
    };
    Ok(records::upsert(conn, &known.tenant.id, write, now).await?)
}

async fn carry_out(
    app: &App,
    conn: &mut Conn,
    known: &Known,
    rules: &Rules,
    plan: Plan,
    now: UnixMs,
) -> Result<(), Error> {
    let (id, record_id) = (&known.tenant.id, known.record.id);
    let new = match &plan {
        Plan::Say { kind, told } => Some(compose(app, known, rules, *kind, told, now)?),
        Plan::Silent(_) | Plan::Adopt(_) => None,
    };
    let standing = new.as_ref().map_or("", |new| new.intent.as_str());
    for withdrawn in outbox::withdraw(conn, id, record_id, standing, now).await? {
        decide(conn, known, "withdrawn", "superseded", Some(&withdrawn), now).await?;
    }
    match plan {
        Plan::Silent(reason) => decide(conn, known, "silent", reason.as_str(), None, now).await,
        Plan::Adopt(told) => {
            let sealed = known.key.seal("told", &record_id.to_string(), &serde_json::to_vec(&told)?);
            records::set_told(conn, id, record_id, &sealed, now).await?;
            decide(conn, known, "silent", Reason::BeforeInstall.as_str(), None, now).await
        }
        Plan::Say { kind, .. } => {
            let Some(new) = new else { return Ok(()) };
            if let Some(planned) = outbox::plan(conn, id, &new, now).await? {
                decide(conn, known, "planned", kind.as_str(), Some(&planned), now).await?;
                enqueue::send(conn, id, &planned, new.not_before, now).await?;
            }
            Ok(())
        }
    }
}

async fn decide(
    conn: &mut Conn,
    known: &Known,
    verb: &'static str,
    reason: &str,
    outbox: Option<&OutboxId>,
    now: UnixMs,
) -> Result<(), Error> {
    let new = decision::NewDecision { record: Some(known.record.id), verb, reason, outbox };
    Ok(decision::insert(conn, &known.tenant.id, new, now).await?)
}

/// Words a message and fixes its intent: which record, which telling, what exactly.
fn compose(
    app: &App,
    known: &Known,
    rules: &Rules,
    kind: MessageKind,
    told: &Told,
    now: UnixMs,
) -> Result<NewOutbox, Error> {
    let (salon, record) = (&known.tenant, &known.record);
    let told_json = serde_json::to_string(told)?;
    let version = &known.key.hash("told", &told_json)[..16];
    let intent = format!("{}:{}:{}:{version}", record.id, known.told_revision + 1, kind.as_str());
    let year = chrono::Datelike::year(&dates::local(now, salon.timezone));
    let mut filling = Filling {
        name: record.client.value().map(|c| c.name.clone()).unwrap_or_default(),
        salon: salon.title.clone(),
        address: salon.address.clone(),
        date: dates::day(told.starts, year, salon.locale),
        time: dates::time(told.starts),
        services: told.services.iter().cloned().collect(),
        master: told.master.clone(),
        ..Filling::default()
    };
    if let Some(before) = known.told.as_ref().filter(|before| before.starts != told.starts) {
        filling.old_date = dates::day(before.starts, year, salon.locale);
        filling.old_time = dates::time(before.starts);
    }
    let text = app.tenants.wording(salon.salon_id).render(salon.locale, &rules.wording, kind, &filling);
    Ok(NewOutbox {
        id: OutboxId::new(now),
        recipient: known.key.seal_text("outbox", "recipient", told.phone.digits()),
        text: known.key.seal_text("outbox", &intent, &text),
        told: known.key.seal_text("outbox_told", &intent, &told_json),
        told_before: match &known.told {
            Some(before) => known.key.seal("told", &record.id.to_string(), &serde_json::to_vec(before)?),
            None => String::new(),
        },
        message_id: notify::message_id(&known.key, &intent),
        intent,
        kind,
        record: Some(record.id),
        not_before: now,
        deadline: dates::instant(told.starts, salon.timezone),
    })
}
