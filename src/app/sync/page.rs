//! One page of the journal: what is news in it is learnt, and what is to be said of it goes the way of a hook.
//!
//! # Decision
//! What was learnt is written here, a whole page at once, and only where no hook was quicker; whether anybody is to be told is the
//! planner's word, as everywhere. Where it says that somebody is, or where a message or a hook waits, the record also goes into the
//! inbox as if a hook had brought it: there is one door to a client, and it is `absorb`.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use super::super::error::Error;
use super::super::{App, enqueue, intake, telling, why};
use crate::domain::dates;
use crate::domain::planner::{self, Plan, Situation, Told};
use crate::domain::record::Record;
use crate::domain::sync::{self, Counts, News, Place, Skip, SyncRun};
use crate::domain::tenant::Tenant;
use crate::domain::why::{Key, Verb, Why};
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::failpoint::failpoint;
use crate::kernel::pack::pack;
use crate::kernel::seal::DataKey;
use crate::storage::record::RecordRow;
use crate::storage::record_batch::{self, Learnt};
use crate::storage::sync_run;
use crate::storage::{Conn, inbox, job};
use crate::yclients::records::RecordRow as Row;
use crate::yclients::webhook;

/// A page as it was read.
pub(super) struct Page<'a> {
    pub known: &'a Tenant,
    pub key: &'a DataKey,
    pub rows: Vec<Row>,
    /// How far was read before it, and where it begins.
    pub before: Place,
    pub start: u64,
    /// When our own work on it began.
    pub began: Instant,
}

/// A row's number and time, by which a page is known again.
pub(super) fn place_of(row: &Row) -> (i64, Option<UnixMs>) {
    row.record.as_ref().map_or((0, None), |record| (record.id.0, record.changed_at))
}

/// A record that is news.
struct Change {
    id: RecordId,
    row: Row,
    /// What is learnt of it; `None` where only the CRM can say.
    learnt: Option<Learnt>,
    /// It goes the way of a hook.
    speaks: bool,
    reason: Option<Key>,
    is_new: bool,
    is_cancelled: bool,
    is_healed: bool,
}

/// Takes a page in; the run's counts after it. `None`, and nothing is written, when another process has taken it.
pub(super) async fn take(
    app: &App,
    run: &SyncRun,
    page: Page<'_>,
    place: &Place,
) -> Result<Option<Counts>, Error> {
    let (known, key, began, now) = (page.known, page.key, page.began, app.now());
    let mut counts = Counts::default();
    let changes = look(app, page, now, &mut counts).await?;
    failpoint!("sync.looked");

    let mut conn = app.db.begin().await?;
    let learnt: Vec<Learnt> = changes.iter().filter_map(|change| change.learnt.clone()).collect();
    let written: HashSet<_> =
        record_batch::learn_many(&mut conn, &known.id, &learnt, now).await?.into_iter().collect();
    let mut decisions = Vec::new();
    let mut rings = false;
    for change in &changes {
        // A hook was quicker: what it brought is looked at beside what we read.
        let is_beaten = change.learnt.is_some() && !written.contains(&change.id);
        count(&mut counts, change, is_beaten);
        if change.is_healed && !is_beaten {
            decisions.push((change.id, Verb::Healed, Key::FoundBySync));
        }
        match change.reason.filter(|_| !is_beaten && !change.speaks) {
            Some(reason) => decisions.push((change.id, Verb::Silent, reason)),
            None => {
                rings = true;
                send_in(app, &mut conn, (known, key), change, now).await?;
            }
        }
    }
    if !written.is_empty() {
        enqueue::books(&mut conn, &known.id, now).await?;
    }
    why::note_many(&mut conn, &known.id, &decisions, now).await?;
    let mut total = run.counts.clone();
    total.add(counts.clone());
    let place = serde_json::to_string(place)?;
    let own_ms = run.own_ms + super::ms(began);
    if !sync_run::move_on(&mut conn, &known.id, run, (&place, &total, own_ms), now).await? {
        return Ok(None);
    }
    failpoint!("sync.before_commit");
    conn.commit().await?;
    if rings {
        app.ring_for(enqueue::ABSORB);
    }
    measure(&counts);
    Ok(Some(total))
}

/// Reads what is known of the page's records, and compares.
async fn look(app: &App, page: Page<'_>, now: UnixMs, counts: &mut Counts) -> Result<Vec<Change>, Error> {
    let Page { known, key, rows, before, start, .. } = page;
    let mut said = HashMap::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let is_again = before.has(start + at as u64, place_of(&row));
        match &row.record {
            _ if row.salon.is_some_and(|salon| salon != known.salon_id) => counts.skip(Skip::AnotherSalon),
            None => counts.skip(Skip::Unreadable),
            // The same twice: the later one of the page.
            Some(record) => drop(said.insert(record.id, (row, is_again))),
        }
    }
    let mut ids: Vec<RecordId> = said.keys().copied().collect();
    ids.sort_unstable();
    let stored = record_batch::find_many(&mut app.db.read().await?, &known.id, &ids).await?;
    let mut stored: HashMap<_, _> = stored.into_iter().map(|row| (RecordId(row.record_id), row)).collect();
    let mut news = Vec::new();
    for id in ids {
        let Some((row, is_again)) = said.remove(&id) else { continue };
        let Some(record) = row.record.clone() else { continue };
        let stored = stored.remove(&id);
        let Ok(before) = stored.as_ref().map(|row| opened(key, row)).transpose() else {
            tracing::warn!(tenant.id = %known.id, record.id = %id, "a stored record cannot be read");
            counts.failed += 1;
            continue;
        };
        match sync::weigh(before.as_ref(), record) {
            News::Same if is_again => {}
            News::Same => counts.unchanged += 1,
            News::Older => counts.skip(Skip::Older),
            News::Learnt(record) => news.push((row, stored, before, Some(*record))),
            News::Doubtful => news.push((row, stored, before, None)),
        }
    }
    decide(app, (known, key), news, now).await
}

fn opened(key: &DataKey, row: &RecordRow) -> Result<Record, Error> {
    Ok(serde_json::from_slice(&key.open("record", &row.record_id.to_string(), &row.body)?)?)
}

type Found = (Row, Option<RecordRow>, Option<Record>, Option<Record>);

/// What follows from each piece of news.
async fn decide(
    app: &App,
    (known, key): (&Tenant, &DataKey),
    news: Vec<Found>,
    now: UnixMs,
) -> Result<Vec<Change>, Error> {
    if news.is_empty() {
        return Ok(Vec::new());
    }
    let mut conn = app.db.read().await?;
    let ids: Vec<_> = news.iter().filter_map(|(row, ..)| Some(row.record.as_ref()?.id)).collect();
    let spoken: HashSet<_> = record_batch::spoken_of(&mut conn, &known.id, &ids).await?.into_iter().collect();
    let heard: HashSet<_> = record_batch::heard_of(&mut conn, &known.id, &ids).await?.into_iter().collect();
    let mut changes = Vec::with_capacity(news.len());
    for (id, (row, stored, before, learnt)) in ids.into_iter().zip(news) {
        let said = row.record.as_ref();
        let is_overdue = sync::is_overdue(said.and_then(|said| said.changed_at), known.activated_at, now);
        let mut change = Change {
            id,
            is_new: before.is_none(),
            is_cancelled: said.is_some_and(Record::is_deleted)
                && !before.as_ref().is_some_and(Record::is_deleted),
            is_healed: is_overdue && !heard.contains(&id),
            speaks: true,
            reason: None,
            learnt: None,
            row,
        };
        if let Some(record) = learnt {
            let (told, revision) = telling::told_of(&mut conn, key, &known.id, stored.as_ref()).await?;
            let situation = Situation {
                record: &record,
                told: told.as_ref(),
                rules: app.tenants.rules(known.salon_id),
                zone: known.timezone,
                tenant: known.state,
                activated_at: known.activated_at,
                now,
            };
            let farewell = planner::farewell(situation).is_some();
            let (reason, adopted) = match planner::plan(situation) {
                Plan::Say { .. } => (None, None),
                Plan::Silent(reason) => (Some(Why::from(reason).key), None),
                Plan::Adopt(told) => (Some(Key::BeforeInstall), Some(Told { serial: revision + 1, ..told })),
            };
            change.speaks = reason.is_none() || farewell || spoken.contains(&id) || heard.contains(&id);
            change.reason = reason.filter(|_| !change.speaks);
            let adopted = adopted.filter(|_| !change.speaks);
            change.learnt = Some(seal((known, key), &record, (stored, adopted), now)?);
        }
        changes.push(change);
    }
    Ok(changes)
}

fn seal(
    (known, key): (&Tenant, &DataKey),
    record: &Record,
    (stored, adopted): (Option<RecordRow>, Option<Told>),
    now: UnixMs,
) -> Result<Learnt, Error> {
    let place = record.id.to_string();
    let told = adopted.map(|told| Ok::<_, Error>(key.seal("told", &place, &serde_json::to_vec(&told)?)));
    let raw = record.raw.as_deref().map(|raw| key.seal("record_raw", &place, &pack(raw.as_bytes())));
    Ok(Learnt {
        id: record.id,
        starts_at: record.starts.value().map(|local| dates::instant(*local, known.timezone)),
        deleted: record.is_deleted(),
        changed_at: record.changed_at.unwrap_or(now),
        body: key.seal("record", &place, &serde_json::to_vec(record)?),
        raw: raw.unwrap_or_default(),
        told: told.transpose()?,
        before: stored.map(|row| (row.body, row.told)),
    })
}

fn count(counts: &mut Counts, change: &Change, is_beaten: bool) {
    match change {
        _ if is_beaten => counts.unchanged += 1,
        Change { is_cancelled: true, .. } => counts.cancelled += 1,
        Change { is_new: true, .. } => counts.created += 1,
        _ => counts.updated += 1,
    }
    counts.healed += i64::from(change.is_healed && !is_beaten);
}

/// Into the inbox, as if a hook had brought it.
async fn send_in(
    app: &App,
    conn: &mut Conn,
    (known, key): (&Tenant, &DataKey),
    change: &Change,
    now: UnixMs,
) -> Result<(), Error> {
    let text = change.row.as_hook(known.salon_id);
    let Some(hook) = webhook::parse(text.as_bytes()).ok().and_then(|mut hooks| hooks.pop()) else {
        return Ok(());
    };
    inbox::insert_found(conn, &intake::kept(key, &known.id, &hook, now)).await?;
    let settled = now.plus_ms(app.tenants.rules(known.salon_id).settle_ms);
    let bell = enqueue::absorb_job(&known.id, &hook.resource, hook.resource_id, settled, now);
    Ok(job::enqueue(conn, &bell).await?)
}

fn measure(counts: &Counts) {
    let words = [
        ("created", counts.created),
        ("updated", counts.updated),
        ("unchanged", counts.unchanged),
        ("cancelled", counts.cancelled),
        ("healed", counts.healed),
        ("failed", counts.failed),
        ("skipped", counts.skips()),
    ];
    for (outcome, count) in words {
        metrics::counter!("salonbridge_sync_records_total", "outcome" => outcome)
            .increment(u64::try_from(count).unwrap_or(0));
    }
}
