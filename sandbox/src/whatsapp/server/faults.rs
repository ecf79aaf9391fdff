//! Bad weather on request: what goes wrong, how often and for whom, repeatable by a seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};
use serde::{Deserialize, Serialize};
use wacore_binary::Node;

use super::login::{CompanionEnd, failure};
use super::{Address, Server};

/// The whole set of faults, in the form the admin API speaks. Everything is off by default.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Decides every "how often" below; setting it starts the dice anew.
    pub seed: u64,
    pub nack: Option<Nack>,
    pub receipts: Receipts,
    pub connect: Option<Refusal>,
    pub refs: Refs,
    /// Companions' messages are routed but never acknowledged.
    pub no_acks: bool,
    /// So many ciphertexts are spoiled on their way, and have to be asked for again.
    pub garble: u32,
    /// So many requests to say a message again come to nothing, as when their companion dies over them.
    pub lose_requests: u32,
    /// Every stanza to a companion waits this long.
    pub slow_ms: u64,
    /// Half-open sockets: nothing is read or written any more, and nobody hangs up.
    pub silent: bool,
    pub script: Vec<Step>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nack {
    pub code: u16,
    /// How many messages; 0 is all of them.
    #[serde(default)]
    pub next: u32,
    /// Only messages of this account's companions.
    #[serde(default)]
    pub number: Option<String>,
}

/// Shares between 0 and 1 of the receipts that companions would hear.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Receipts {
    pub drop: f64,
    pub double: f64,
    pub late: f64,
    pub late_ms: u64,
    /// "Delivered" comes `late_ms` (or 50 ms) late and "read" at once, so that they overtake each other.
    pub reorder: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// 401, 402, 403, 405, 500, 503 …
    pub reason: u16,
    /// How many logins; 0 is all of them.
    #[serde(default)]
    pub next: u32,
    #[serde(default)]
    pub number: Option<String>,
    /// With 402: what the ban is for (101–106).
    #[serde(default)]
    pub code: Option<u16>,
    /// With 402: seconds until it ends.
    #[serde(default)]
    pub expire: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Refs {
    pub count: u32,
    pub first_ms: u64,
    pub next_ms: u64,
    pub grace_ms: u64,
}

impl Default for Refs {
    fn default() -> Self {
        Self { count: 6, first_ms: 60_000, next_ms: 20_000, grace_ms: 5_000 }
    }
}

/// At the nth message that companions send from now on, `set` is laid over the plan and `do` is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at_message: u64,
    #[serde(default)]
    pub set: serde_json::Map<String, serde_json::Value>,
    #[serde(default, rename = "do")]
    pub act: Vec<Action>,
}

/// Something that happens once. Numbers are accounts; "*" is everyone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The companions are unlinked: `<conflict type="device_removed">`, 401 when they return.
    Logout(String),
    /// Another login took their place: `<conflict type="replaced">`.
    Replace(String),
    /// The sockets are closed without a word.
    Close(String),
    /// `<stream:error code=…>` and closed.
    StreamError { number: String, code: u16 },
}

pub enum Weather {
    Fair,
    Lost,
    Doubled,
    Late(u64),
}

#[derive(Debug)]
pub struct Faults {
    plan: Plan,
    dice: StdRng,
    messages: u64,
    due: Vec<Action>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { plan: Plan::default(), dice: StdRng::seed_from_u64(0), messages: 0, due: Vec::new() }
    }
}

impl std::ops::Deref for Faults {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.plan
    }
}

impl Faults {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Lays `changes` over the plan: a key replaces, `null` restores its default, what is not named stays.
    pub fn change(
        &mut self,
        changes: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), serde_json::Error> {
        let mut whole = serde_json::to_value(&self.plan)?;
        if let Some(fields) = whole.as_object_mut() {
            for (key, value) in changes {
                if value.is_null() {
                    fields.remove(key);
                } else {
                    fields.insert(key.clone(), value.clone());
                }
            }
        }
        self.plan = serde_json::from_value(whole)?;
        let nack = self.plan.nack.as_mut().and_then(|nack| nack.number.as_mut());
        let connect = self.plan.connect.as_mut().and_then(|refusal| refusal.number.as_mut());
        for number in nack.into_iter().chain(connect) {
            *number = number.trim_start_matches('+').to_owned();
        }
        if changes.contains_key("seed") {
            self.dice = StdRng::seed_from_u64(self.plan.seed);
        }
        if changes.contains_key("script") {
            self.messages = 0;
        }
        Ok(())
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Counts a message and lays the steps of the script that are now due.
    pub fn message_passed(&mut self) {
        self.messages += 1;
        let now = self.messages;
        let (due, later) = self.plan.script.drain(..).partition(|step: &Step| step.at_message <= now);
        self.plan.script = later;
        for step in due {
            // A step that does not fit the plan was refused when the script was set.
            let _ = self.change(&step.set);
            self.due.extend(step.act);
        }
    }

    pub fn take_due(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.due)
    }

    pub fn nack(&mut self, from: &Address) -> Option<u16> {
        let nack = self.plan.nack.as_mut().filter(|_| from.device != 0)?;
        if nack.number.as_ref().is_some_and(|number| *number != from.number) {
            return None;
        }
        let code = nack.code;
        if spend(&mut nack.next) {
            self.plan.nack = None;
        }
        Some(code)
    }

    pub fn connect_failure(&mut self, number: &str) -> Option<Node> {
        let refusal = self.plan.connect.as_mut()?;
        if refusal.number.as_ref().is_some_and(|only| only != number) {
            return None;
        }
        let mut node = failure(refusal.reason);
        if refusal.reason == 402 {
            node.attrs.insert("code", refusal.code.unwrap_or(101));
            node.attrs.insert("expire", refusal.expire.unwrap_or(3_600));
        }
        if spend(&mut refusal.next) {
            self.plan.connect = None;
        }
        Some(node)
    }

    pub fn garble(&mut self) -> bool {
        let spoiled = self.plan.garble > 0;
        self.plan.garble = self.plan.garble.saturating_sub(1);
        spoiled
    }

    pub fn loses_request(&mut self) -> bool {
        let lost = self.plan.lose_requests > 0;
        self.plan.lose_requests = self.plan.lose_requests.saturating_sub(1);
        lost
    }

    pub fn swallow_ack(&self) -> bool {
        self.plan.no_acks
    }

    pub fn receipt_weather(&mut self, kind: &str) -> Weather {
        let receipts = self.plan.receipts.clone();
        if self.falls(receipts.drop) {
            return Weather::Lost;
        }
        if receipts.reorder {
            return if kind == "read" { Weather::Fair } else { Weather::Late(receipts.late_ms.max(50)) };
        }
        if self.falls(receipts.late) {
            return Weather::Late(receipts.late_ms);
        }
        if self.falls(receipts.double) { Weather::Doubled } else { Weather::Fair }
    }

    fn falls(&mut self, share: f64) -> bool {
        share > 0.0 && self.dice.random::<f64>() < share
    }
}

/// Uses one of a limited number up; true when it was the last.
fn spend(left: &mut u32) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    *left == 0
}

impl Server {
    /// Does one of the things that happen once; returns how many companions it met.
    pub fn carry_out(&self, action: &Action) -> usize {
        let (number, end) = match action {
            Action::Logout(number) => (number, CompanionEnd::LoggedOut),
            Action::Replace(number) => (number, CompanionEnd::Replaced),
            Action::Close(number) => (number, CompanionEnd::Dropped),
            Action::StreamError { number, code } => (number, CompanionEnd::StreamError(*code)),
        };
        let only = (number != "*").then(|| number.trim_start_matches('+'));
        self.for_each_companion(only, end)
    }

    pub fn carry_out_due_actions(&self) {
        let due = self.faults().take_due();
        for action in due {
            self.carry_out(&action);
        }
    }
}
