//! Trip 2, between absorbing and sending: a plan becomes a message in words, or a reason for silence; both are written down.

use super::absorb::Known;
use super::error::Error;
use super::{App, enqueue, notify};
use crate::domain::dates;
use crate::domain::message::MessageKind;
use crate::domain::planner::{Plan, Reason, Told};
use crate::domain::rules::Rules;
use crate::domain::wording::Filling;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::OutboxId;
use crate::storage::outbox::NewOutbox;
use crate::storage::{Conn, decision, outbox, record as records};

/// Writes what follows from a plan: what is withdrawn, what is planned, what is taken as told, and why.
pub(super) async fn carry_out(
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
        // A second look without news is no decision.
        Plan::Silent(_) if !known.has_news => Ok(()),
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
