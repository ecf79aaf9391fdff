//! Trip 2, between absorbing and sending: a plan becomes a message in words, or a reason for silence; both are written down.
//!
//! # Decision
//! When a record is given to another client, two messages leave in no certain order: the new client's confirmation, and to the
//! one before that it is off. Only the first notes what it tells at the record, or the second, if it were later, would make the
//! new client unknown again. Of the second its own row is the note: [`told_of`] looks there. Its `told` is empty.

use super::absorb::Known;
use super::error::Error;
use super::{App, enqueue, notify, pace, why};
use crate::domain::dates;
use crate::domain::message::{MessageKind, OutboxState};
use crate::domain::planner::{Plan, Reason, Told};
use crate::domain::rules::Rules;
use crate::domain::why::{Key, Verb, Why};
use crate::domain::wording::Filling;
use crate::kernel::clock::UnixMs;
use crate::kernel::crm_id::RecordId;
use crate::kernel::failpoint::{Mistake, planted};
use crate::kernel::id::{OutboxId, TenantId};
use crate::kernel::seal::DataKey;
use crate::storage::outbox::{NewOutbox, Pending};
use crate::storage::record::RecordRow;
use crate::storage::{Conn, outbox, record as records};

/// What was decided of a record: what its client is to be told, and what the client before.
pub(super) struct Decided<'a> {
    pub rules: &'a Rules,
    pub plan: Plan,
    pub farewell: Option<Told>,
}

/// What the client was told, and how often.
pub(super) async fn told_of(
    conn: &mut Conn,
    key: &DataKey,
    id: &TenantId,
    row: Option<&RecordRow>,
) -> Result<(Option<Told>, i64), Error> {
    let Some(row) = row else { return Ok((None, 0)) };
    if row.told.is_empty() {
        return Ok((None, row.told_revision));
    }
    let mut told: Told = serde_json::from_slice(&key.open("told", &row.record_id.to_string(), &row.told)?)?;
    if !told.cancelled
        && let Some(off) =
            outbox::find_intent(conn, id, &farewell_intent(RecordId(row.record_id), &told)).await?
    {
        told.cancelled =
            matches!(off.state, OutboxState::Sending | OutboxState::Sent | OutboxState::Uncertain);
    }
    Ok((Some(told), row.told_revision))
}

/// By the telling it takes back, so that a client who comes, goes, comes and goes is told each time.
fn farewell_intent(record: RecordId, told: &Told) -> String {
    format!("{record}:{}:farewell", told.serial)
}

/// Writes what follows from a plan: what is withdrawn, what is planned, what is taken as told, and why.
pub(super) async fn carry_out(
    app: &App,
    conn: &mut Conn,
    known: &Known,
    decided: Decided<'_>,
    farewells: &[Pending],
    now: UnixMs,
) -> Result<(), Error> {
    let (id, record_id) = (&known.tenant.id, known.record.id);
    let new = match &decided.plan {
        Plan::Say { kind, told } => {
            let told = numbered(known, told);
            let intent = intent(known, *kind, &told)?;
            Some(compose(app, known, decided.rules, (*kind, &told, intent), now)?)
        }
        Plan::Silent(_) | Plan::Adopt(_) => None,
    };
    // That the CRM was asked is worth a line only where something came of it.
    let speaks = new.is_some() || decided.farewell.is_some();
    if let Some(asked) = known.asked.filter(|_| known.is_to_answer() || speaks) {
        decide(conn, known, Verb::Asked, asked, None, now).await?;
    }
    let standing = new.as_ref().map_or("", |new| new.intent.as_str());
    let mut withdrawn = match planted(Mistake::NoUniqueKey) {
        true => Vec::new(),
        false => outbox::withdraw(conn, id, record_id, standing, now).await?,
    };
    withdrawn.extend(withdraw_farewells(conn, known, &decided.plan, farewells, now).await?);
    for withdrawn in withdrawn {
        decide(conn, known, Verb::Withdrawn, Key::Superseded, Some(&withdrawn), now).await?;
    }
    if let Some(off) = &decided.farewell {
        let parts = (MessageKind::Cancel, off, farewell_intent(record_id, off));
        let farewell = NewOutbox { told: String::new(), ..compose(app, known, decided.rules, parts, now)? };
        send(conn, known, &farewell, now).await?;
    }
    match decided.plan {
        // A second look without news is no decision.
        Plan::Silent(_) if !known.is_to_answer() => Ok(()),
        Plan::Silent(reason) => decide(conn, known, Verb::Silent, reason, None, now).await,
        Plan::Adopt(told) => {
            let told = serde_json::to_vec(&numbered(known, &told))?;
            let sealed = known.key.seal("told", &record_id.to_string(), &told);
            records::set_told(conn, id, record_id, &sealed, now).await?;
            decide(conn, known, Verb::Silent, Reason::BeforeInstall, None, now).await
        }
        Plan::Say { .. } => match new {
            Some(new) if send(conn, known, &new, now).await? => Ok(()),
            Some(new) if known.is_to_answer() => stands(conn, known, &new, now).await,
            _ => Ok(()),
        },
    }
}

/// A client who is spoken to again, or has the record again, is not told that it is off.
async fn withdraw_farewells(
    conn: &mut Conn,
    known: &Known,
    plan: &Plan,
    farewells: &[Pending],
    now: UnixMs,
) -> Result<Vec<OutboxId>, Error> {
    let holder = known.record.phone().filter(|_| !known.record.is_deleted());
    let spoken_to = match plan {
        Plan::Say { told, .. } => Some(&told.phone),
        Plan::Silent(_) | Plan::Adopt(_) => None,
    };
    let mut withdrawn = Vec::new();
    for row in farewells {
        let to = known.key.open_text("outbox", "recipient", &row.recipient)?;
        if [holder, spoken_to].into_iter().flatten().any(|phone| phone.digits() == to) {
            outbox::settle(conn, &known.tenant.id, &row.id, OutboxState::Cancelled, "superseded", now)
                .await?;
            withdrawn.push(row.id.clone());
        }
    }
    Ok(withdrawn)
}

/// `false` when this very message stands already.
async fn send(conn: &mut Conn, known: &Known, new: &NewOutbox, now: UnixMs) -> Result<bool, Error> {
    let Some(planned) = outbox::plan(conn, &known.tenant.id, new, now).await? else { return Ok(false) };
    decide(conn, known, Verb::Planned, new.kind, Some(&planned), now).await?;
    enqueue::send(conn, &known.tenant.id, new.not_before, now).await?;
    Ok(true)
}

/// News, and the message they ask for is there: it waits for its turn, or has failed and does not get better by being repeated.
async fn stands(conn: &mut Conn, known: &Known, new: &NewOutbox, now: UnixMs) -> Result<(), Error> {
    let Some(there) = outbox::find_intent(conn, &known.tenant.id, &new.intent).await? else { return Ok(()) };
    let why = match there.state {
        OutboxState::Planned | OutboxState::Sending => Key::AlreadyPlanned,
        OutboxState::Failed | OutboxState::Expired | OutboxState::Cancelled => Key::AlreadyFailed,
        OutboxState::Sent | OutboxState::Uncertain => Key::AlreadyTold,
    };
    decide(conn, known, Verb::Silent, why, Some(&there.id), now).await
}

async fn decide(
    conn: &mut Conn,
    known: &Known,
    verb: Verb,
    why: impl Into<Why>,
    about: Option<&OutboxId>,
    now: UnixMs,
) -> Result<(), Error> {
    why::note(conn, &known.tenant.id, (Some(known.record.id), about), verb, why, now).await
}

fn numbered(known: &Known, told: &Told) -> Told {
    Told { serial: known.told_revision + 1, ..told.clone() }
}

/// Which record, which telling, what exactly.
fn intent(known: &Known, kind: MessageKind, told: &Told) -> Result<String, Error> {
    let version = &known.key.hash("told", &serde_json::to_string(told)?)[..16];
    if planted(Mistake::NoUniqueKey) {
        return Ok(format!("{}:{}", known.record.id, crate::kernel::secret::random_hex(8)));
    }
    Ok(format!("{}:{}:{}:{version}", known.record.id, told.serial, kind.as_str()))
}

/// Words a message. All that it says of the visit and of the client is what they will have been told: the record may be another's.
fn compose(
    app: &App,
    known: &Known,
    rules: &Rules,
    (kind, told, intent): (MessageKind, &Told, String),
    now: UnixMs,
) -> Result<NewOutbox, Error> {
    let (salon, record) = (&known.tenant, &known.record);
    let year = chrono::Datelike::year(&dates::local(now, salon.timezone));
    let mut filling = Filling {
        name: told.name.clone(),
        salon: salon.title.clone(),
        address: salon.address.clone(),
        date: dates::day(told.starts, year, salon.locale),
        time: dates::time(told.starts),
        services: told.services.iter().cloned().collect(),
        master: told.master.clone(),
        ..Filling::default()
    };
    if let Some(card) = record.client.value().filter(|card| card.phone.as_ref() == Some(&told.phone))
        && filling.name.is_empty()
    {
        // Told before names were kept.
        filling.name.clone_from(&card.name);
    }
    if kind == MessageKind::Change
        && let Some(before) = known.told.as_ref().filter(|before| before.starts != told.starts)
    {
        filling.old_date = dates::day(before.starts, year, salon.locale);
        filling.old_time = dates::time(before.starts);
    }
    let deadline = dates::instant(told.starts, salon.timezone);
    // Whoever is moved away from today must hear of it today. A visit that is over is nobody's hurry.
    let before = known.told.as_ref().filter(|before| !before.cancelled);
    let moved_from =
        before.map(|before| dates::instant(before.starts, salon.timezone)).filter(|at| *at > now);
    let text = app.tenants.wording(salon.salon_id).render(salon.locale, &rules.wording, kind, &filling);
    Ok(NewOutbox {
        id: OutboxId::new(now),
        recipient: known.key.seal_text("outbox", "recipient", told.phone.digits()),
        peer: pace::peer(&known.key, told.phone.digits()),
        text: known.key.seal_text("outbox", &intent, &text),
        told: known.key.seal_text("outbox_told", &intent, &serde_json::to_string(told)?),
        told_before: match &known.told {
            Some(before) => known.key.seal("told", &record.id.to_string(), &serde_json::to_vec(before)?),
            None => String::new(),
        },
        message_id: notify::message_id(&known.key, &intent),
        intent,
        kind,
        record: Some(record.id),
        not_before: now,
        deadline,
        nearest: moved_from.into_iter().fold(deadline, UnixMs::min),
    })
}
