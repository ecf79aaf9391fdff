//! The checker: it knows nothing of the product, only what is right.
//!
//! For each record, in the order in which its client's phone shows them: nothing that the journal never said, nothing twice, no
//! older version after a newer one, nothing before it was so or after it was worth saying; and in the end the client knows what
//! the journal says, or there is a message in doubt that a person can see. What the database calls sent the phone has, and what
//! the phone has the database knows.

use std::collections::{BTreeMap, HashSet};

use crate::history::{Heard, Kind, Run, Version};

/// What was found, by kind, each with the seed that brings it about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    pub late: Vec<String>,
    pub early: Vec<String>,
    pub out_of_order: Vec<String>,
    /// Never true, of another salon, or unknown to the database.
    pub foreign: Vec<String>,
    /// Messages that stand for a person to settle.
    pub in_doubt: usize,
}

impl Verdict {
    pub fn is_clean(&self) -> bool {
        self.findings().all(|(_, found)| found.is_empty())
    }

    pub fn findings(&self) -> impl Iterator<Item = (&'static str, &Vec<String>)> {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("late", &self.late),
            ("early", &self.early),
            ("out of order", &self.out_of_order),
            ("foreign", &self.foreign),
        ]
        .into_iter()
    }

    pub fn add(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.doubled.extend(other.doubled);
        self.late.extend(other.late);
        self.early.extend(other.early);
        self.out_of_order.extend(other.out_of_order);
        self.foreign.extend(other.foreign);
        self.in_doubt += other.in_doubt;
    }
}

/// Checks one run; `number` is the salon's.
pub fn check(run: &Run, number: &str) -> Verdict {
    let mut verdict = Verdict::default();
    let mut heard: BTreeMap<i64, Vec<&Heard>> = BTreeMap::new();
    let mut ids = HashSet::new();
    for message in &run.heard {
        let said = || {
            format!(
                "seed {}: {:?} {:02}:{:02}",
                run.seed,
                message.kind,
                message.minute / 60,
                message.minute % 60
            )
        };
        let of = run.records.iter().find(|(_, versions)| versions.iter().any(|v| v.minute == message.minute));
        match of {
            Some((record, _)) if message.from == number => heard.entry(*record).or_default().push(message),
            _ => verdict.foreign.push(format!("{} was never true", said())),
        }
        if !ids.insert(&message.id) {
            verdict.doubled.push(format!("{}: one id twice on the phone", said()));
        }
        match run.rows.iter().find(|row| row.message_id == message.id) {
            None => verdict.foreign.push(format!("{}: the database knows nothing of it", said())),
            Some(row) if message.at > row.deadline_at => verdict.late.push(said()),
            Some(row) if ["planned", "cancelled", "expired"].contains(&row.state.as_str()) => {
                verdict.foreign.push(format!("{}: the database calls it {}", said(), row.state));
            }
            Some(_) => {}
        }
    }
    for row in run.rows.iter().filter(|row| row.state == "sent" && !ids.contains(&row.message_id)) {
        verdict
            .lost
            .push(format!("seed {}: record {} has a message sent that no phone has", run.seed, row.record));
    }
    for (record, versions) in &run.records {
        let none = Vec::new();
        of_record(run, *record, versions, heard.get(record).unwrap_or(&none), &mut verdict);
    }
    verdict.in_doubt = run.rows.iter().filter(|row| row.state == "uncertain").count();
    verdict
}

fn of_record(run: &Run, record: i64, versions: &[Version], heard: &[&Heard], verdict: &mut Verdict) {
    let name = |what: &str| format!("seed {}, record {record}: {what}", run.seed);
    let mut last: Option<usize> = None;
    let mut said = HashSet::new();
    let in_doubt = run.rows.iter().any(|row| row.record == record && row.state == "uncertain");
    for message in heard {
        // A cancellation takes back what the client was told last, whatever the visit was moved to meanwhile; a message in doubt
        // counts as told.
        let known = last.map(|place: usize| versions[place].minute).filter(|_| !in_doubt);
        let meant = |version: &Version| match message.kind {
            Kind::Cancel => version.cancelled && known.is_none_or(|known| known == message.minute),
            _ => !version.cancelled && version.minute == message.minute,
        };
        let Some(place) = versions.iter().position(meant) else {
            verdict.foreign.push(name(&format!("{:?} of a visit that was not cancelled", message.kind)));
            continue;
        };
        if !said.insert((message.kind == Kind::Cancel, message.minute)) {
            verdict.doubled.push(name(&format!("{:?} {} told twice", message.kind, message.minute)));
        }
        if last.is_some_and(|before| place < before) {
            verdict
                .out_of_order
                .push(name(&format!("{:?} {} after a newer one", message.kind, message.minute)));
        }
        if message.at < versions[place].made_at {
            verdict.early.push(name("told before it was so"));
        }
        last = Some(place);
    }
    let Some(end) = versions.last() else { return };
    let knows = match last {
        Some(place) => place + 1 == versions.len(),
        // Who was never told of a visit need not hear that it is off.
        None => end.cancelled,
    };
    if !knows && !in_doubt && !run.lossy {
        verdict.lost.push(name(&format!("the client knows version {last:?} of {}", versions.len() - 1)));
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
