//! Trip 2, the middle: what arrived for one record becomes what we know of it, and what its client is to be told.

use super::error::Error;
use super::telling::{Decided, carry_out, told_of};
use super::{App, cards, enqueue, settle, tenant_in};
use crate::domain::dates;
use crate::domain::planner::{self, Plan, Situation, Told};
use crate::domain::record::{self, Field, Record};
use crate::domain::tenant::Tenant;
use crate::domain::why::Key;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::{ClientId, RecordId};
use crate::kernel::failpoint::{Mistake, failpoint, planted};
use crate::kernel::id::TenantId;
use crate::kernel::pack::pack;
use crate::kernel::seal::DataKey;
use crate::storage::inbox::{self, InboxRow};
use crate::storage::record::{self as records, RecordWrite};
use crate::storage::{Conn, job, outbox};
use crate::{yclients, yclients::webhook};

/// Hooks of one resource taken at once; for more another run is rung.
const MOST_AT_ONCE: usize = 200;
/// How often a record is looked at anew because its client was told something meanwhile.
const MOST_LOOKS: usize = 3;

/// The job: absorbs all that waits for one resource.
pub async fn absorb(app: &App, id: &TenantId, resource: &str, resource_id: i64) -> Result<(), Error> {
    let taken = match resource {
        "record" => absorb_record(app, id, RecordId(resource_id)).await?,
        "client" => {
            let waiting = list_waiting(app, id, resource, resource_id).await?;
            cards::absorb(app, id, ClientId(resource_id), &waiting).await?;
            waiting.len()
        }
        "service" | "service_category" | "staff" | "schedule" => {
            let waiting = list_waiting(app, id, resource, resource_id).await?;
            close(app, id, &waiting, "catalog", Some(enqueue::SYNC_CATALOG)).await?
        }
        _ => close(app, id, &list_waiting(app, id, resource, resource_id).await?, "kept", None).await?,
    };
    if taken < MOST_AT_ONCE {
        return Ok(());
    }
    let now = app.now();
    let mut conn = app.db.begin().await?;
    job::enqueue(&mut conn, &enqueue::absorb_job(id, resource, resource_id, now, now)).await?;
    conn.commit().await?;
    app.ring_for(enqueue::ABSORB);
    Ok(())
}

async fn list_waiting(
    app: &App,
    id: &TenantId,
    resource: &str,
    resource_id: i64,
) -> Result<Vec<InboxRow>, Error> {
    let mut conn = app.db.read().await?;
    Ok(inbox::list_waiting(&mut conn, id, resource, resource_id, MOST_AT_ONCE as i64).await?)
}

/// Marks rows that need no decision of their own; `ring` starts what they call for.
async fn close(
    app: &App,
    id: &TenantId,
    waiting: &[InboxRow],
    outcome: &str,
    ring: Option<&'static str>,
) -> Result<usize, Error> {
    const CATALOG_DELAY_MS: i64 = 30_000;
    let now = app.now();
    let mut conn = app.db.begin().await?;
    for row in waiting {
        inbox::mark_absorbed(&mut conn, id, &row.id, now, outcome).await?;
    }
    if let Some(kind) = ring.filter(|_| !waiting.is_empty()) {
        enqueue::installation(&mut conn, kind, id, now.plus_ms(CATALOG_DELAY_MS), now).await?;
    }
    conn.commit().await?;
    Ok(waiting.len())
}

/// What is known of a record, and of what its client knows.
pub(super) struct Known {
    pub tenant: Tenant,
    pub key: DataKey,
    pub record: Record,
    /// The sealed body that `record` was read from; '' when nothing was known.
    pub body: String,
    pub told: Option<Told>,
    pub told_revision: i64,
    /// A hook has come for it; otherwise it is only looked at again.
    pub has_news: bool,
    /// A hook said only a part of it: the rest may be older than that.
    pub is_pieced: bool,
    /// Hooks of one second said different things: only the CRM knows which of them is so.
    pub is_contradicted: bool,
    /// A person wants the client told anew and has not been answered yet.
    pub is_wanted: bool,
    /// The CRM was asked for the record: what came of it.
    pub asked: Option<Key>,
}

impl Known {
    /// Whether somebody is owed a word of what is decided. A second look without news is no decision.
    pub fn is_to_answer(&self) -> bool {
        self.has_news || self.is_wanted
    }
}

/// `None` when there is nothing to know: no hook has come, and none had come before.
async fn load(
    app: &App,
    conn: &mut Conn,
    (id, key): (&TenantId, DataKey),
    record_id: RecordId,
    has_news: bool,
) -> Result<Option<Known>, Error> {
    let row = records::find(conn, id, record_id).await?;
    if row.is_none() && !has_news {
        return Ok(None);
    }
    let tenant = tenant_in(app, conn, id).await?.tenant;
    let (told, told_revision) = told_of(conn, &key, id, row.as_ref()).await?;
    let record = match &row {
        Some(row) => serde_json::from_slice(&key.open("record", &record_id.to_string(), &row.body)?)?,
        None => Record::unknown(record_id),
    };
    let is_wanted = !has_news && settle::is_wanted(conn, id, record_id).await?;
    let known = Known {
        tenant,
        key,
        record,
        body: row.map(|row| row.body).unwrap_or_default(),
        told,
        told_revision,
        has_news,
        is_pieced: false,
        is_contradicted: false,
        is_wanted,
        asked: None,
    };
    Ok(Some(known))
}

/// Without hooks, a record that is known is looked at again: the salon's state or the clock may ask for something else now. Says how
/// many hooks were taken.
async fn absorb_record(app: &App, id: &TenantId, record_id: RecordId) -> Result<usize, Error> {
    for _ in 0..MOST_LOOKS {
        let key = app.keys.of(id).await?;
        let mut conn = app.db.read().await?;
        // Anew each time: whoever was quicker has taken some.
        let waiting = inbox::list_waiting(&mut conn, id, "record", record_id.0, MOST_AT_ONCE as i64).await?;
        let has_news = !waiting.is_empty();
        let Some(mut known) = load(app, &mut conn, (id, key), record_id, has_news).await? else {
            return Ok(0);
        };
        drop(conn);
        failpoint!("absorb.read");
        let bodies = app.keys.open_arrived(id, &known.key, &waiting).await?;
        let outcomes = learn(&mut known, &bodies);
        if is_unsure(app, &known) {
            read_whole(app, &mut known, &waiting).await?;
        }
        if write(app, &known, &waiting, &outcomes).await? {
            app.ring_for(enqueue::SEND);
            return Ok(waiting.len());
        }
    }
    // Messages go out, or somebody absorbs, faster than we decide: what waits is taken up again when they have.
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let later = enqueue::absorb_job(id, "record", record_id.0, now.plus_ms(enqueue::POLL_MS), now);
    job::enqueue(&mut conn, &later).await?;
    conn.commit().await?;
    Ok(0)
}

fn decide<'a>(app: &'a App, known: &Known, now: UnixMs) -> Decided<'a> {
    let rules = app.tenants.rules(known.tenant.salon_id);
    let situation = Situation {
        record: &known.record,
        told: known.told.as_ref().filter(|_| !planted(Mistake::NoDedupe)),
        rules,
        zone: known.tenant.timezone,
        tenant: known.tenant.state,
        activated_at: known.tenant.activated_at,
        now,
    };
    Decided { rules, plan: planner::plan(situation), farewell: planner::farewell(situation) }
}

/// Whether the CRM is to be asked first: a message needs what is not known, or one would go out by a record that was pieced
/// together or that nobody spoke of for a while. Other parts of it may have changed unheard, its client among them. A deletion
/// needs nothing but what was told.
fn is_unsure(app: &App, known: &Known) -> bool {
    if known.record.is_deleted() {
        return false;
    }
    let speaks =
        |decided: &Decided<'_>| matches!(decided.plan, Plan::Say { .. }) || decided.farewell.is_some();
    !known.record.is_whole()
        || known.is_contradicted
        || ((known.is_pieced || !known.has_news) && speaks(&decide(app, known, app.now())))
}

/// Decides and writes. `false`, and nothing is written, when more was learnt of the record or its client was told something since
/// `known` was loaded: a decision by what was known before would tell an older state last, or leave a client with a booking that
/// is gone.
async fn write(app: &App, known: &Known, waiting: &[InboxRow], outcomes: &[&str]) -> Result<bool, Error> {
    let now = app.now();
    let (id, record_id) = (&known.tenant.id, known.record.id);
    let decided = decide(app, known, now);
    let mut conn = app.db.begin().await?;
    // The record first, as everywhere, then its messages. From here on none of them can begin.
    if !write_record(&mut conn, known, now).await? {
        return Ok(false);
    }
    enqueue::books(&mut conn, id, now).await?;
    let farewells = outbox::hold(&mut conn, id, record_id).await?;
    let row = records::find(&mut conn, id, record_id).await?;
    if told_of(&mut conn, &known.key, id, row.as_ref()).await? != (known.told.clone(), known.told_revision) {
        return Ok(false);
    }
    carry_out(app, &mut conn, known, decided, &farewells, now).await?;
    for (row, outcome) in waiting.iter().zip(outcomes) {
        inbox::mark_absorbed(&mut conn, id, &row.id, now, outcome).await?;
    }
    failpoint!("absorb.before_commit");
    conn.commit().await?;
    failpoint!("absorb.committed");
    Ok(true)
}

/// Reads the hooks in the order of their changes; one that is older than what we know, or unreadable, teaches nothing.
fn learn(known: &mut Known, bodies: &[Option<Vec<u8>>]) -> Vec<&'static str> {
    let read = |body: &Option<Vec<u8>>| webhook::parse(body.as_ref()?).ok()?.first()?.record();
    let mut said: Vec<_> = bodies.iter().map(read).collect();
    let times: Vec<_> = said.iter().map(|record| record.as_ref()?.changed_at).collect();
    let mut outcomes = vec![Key::Unreadable.as_str(); bodies.len()];
    let mut last = None;
    for place in record::order(known.record.changed_at, &times) {
        if let Some(record) = said[place].take() {
            let is_part = !record.is_whole() && !record.is_deleted();
            known.is_contradicted |= known.record.contradicts(&record);
            let is_learnt = known.record.learn(record);
            known.is_pieced |= is_learnt && is_part;
            outcomes[place] = if is_learnt { Key::Absorbed } else { Key::Outdated }.as_str();
            if is_learnt && let Some(before) = last.replace(place) {
                outcomes[before] = Key::Merged.as_str();
            }
        }
    }
    outcomes
}

/// Asks the CRM for the record. One that is gone there is cancelled.
async fn read_whole(app: &App, known: &mut Known, waiting: &[InboxRow]) -> Result<(), Error> {
    match app.crm.record(known.tenant.salon_id, known.record.id).await {
        Ok(Some(whole)) => {
            known.record.learn(whole);
            known.asked = Some(Key::CrmRead);
        }
        Ok(None) => {
            is_believed_gone(app, known, waiting).await?;
            known.record.deleted = Field::Is(true);
            known.asked = Some(Key::CrmGone);
        }
        // No rights, no licence: we decide by what we have, and the reason for silence will say what is missing.
        Err(error @ (yclients::Error::Forbidden(_) | yclients::Error::LicenceExpired)) => {
            let is_expired = matches!(error, yclients::Error::LicenceExpired);
            known.asked = Some(if is_expired { Key::CrmLicence } else { Key::CrmForbidden });
            tracing::warn!(tenant.id = %known.tenant.id, record.id = %known.record.id, %error, "a record could not be read");
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// "There is no such thing" is said of a record, of a salon that is hidden for a while, and by a copy of the CRM that has not heard
/// of the record yet: only the first calls a visit off.
async fn is_believed_gone(app: &App, known: &Known, waiting: &[InboxRow]) -> Result<(), Error> {
    const NEWBORN_MS: i64 = 5_000;
    let now = app.now();
    if waiting.iter().any(|row| now.since(UnixMs(row.received_at)) < NEWBORN_MS) {
        return Err(yclients::Error::Malformed("a record that was spoken of just now is not there").into());
    }
    match app.crm.company(known.tenant.salon_id).await {
        Ok(_) => Ok(()),
        Err(yclients::Error::NotFound) => {
            Err(yclients::Error::Malformed("neither the record nor its salon is there").into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn write_record(conn: &mut Conn, known: &Known, now: UnixMs) -> Result<bool, Error> {
    let record = &known.record;
    let place = record.id.to_string();
    let sealed = known.key.seal("record", &place, &serde_json::to_vec(record)?);
    let raw = record.raw.as_deref().map(|raw| known.key.seal("record_raw", &place, &pack(raw.as_bytes())));
    let write = RecordWrite {
        id: record.id,
        starts_at: record.starts.value().map(|local| dates::instant(*local, known.tenant.timezone)),
        deleted: record.is_deleted(),
        changed_at: record.changed_at.unwrap_or(now),
        body: &sealed,
        over: &known.body,
        raw: raw.as_deref().unwrap_or_default(),
    };
    Ok(records::upsert(conn, &known.tenant.id, write, now).await?)
}
