//! Bad weather on request: what to break, how often, by which seed.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::dice::{Chance, Dice};

/// A test that adds faults in a loop forgets the oldest ones beyond this.
const ROUTES_KEPT: usize = 200;

pub struct Faults {
    pub seed: u64,
    pub dice: Dice,
    pub routes: Vec<RouteFault>,
    pub hooks: HookFaults,
    pub hook_wire: Distortion,
    pub rest_wire: Distortion,
    counts: HashMap<&'static str, u64>,
    next_route: u64,
}

/// One way for REST or the marketplace to misbehave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteFault {
    #[serde(default, skip_deserializing)]
    pub id: u64,
    /// `"GET /api/v1/records/*"`; `*` stands for anything, the method may be `*` or left out.
    pub route: String,
    pub kind: FaultKind,
    /// For `status`, `html` and `empty`.
    #[serde(default)]
    pub status: Option<u16>,
    /// For `status`: which of the platform's shapes.
    #[serde(default)]
    pub shape: ErrorShape,
    #[serde(default)]
    pub message: Option<String>,
    /// Before anything else happens; `slow` is this alone.
    #[serde(default)]
    pub delay_ms: u64,
    /// The header `Retry-After`, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// Let the call do its work and spoil only the answer: what a lost answer to a payment looks like.
    #[serde(default)]
    pub after: bool,
    /// How many calls pass before it begins.
    #[serde(default)]
    pub skip: u64,
    /// How many times it strikes; without it, for ever.
    #[serde(default)]
    pub count: Option<u64>,
    #[serde(default = "always")]
    pub chance: Chance,
    #[serde(default, skip_deserializing)]
    pub hits: u64,
    #[serde(skip)]
    seen: u64,
    #[serde(skip)]
    rolled: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An error in one of the shapes.
    Status,
    /// A page of HTML where JSON was due.
    Html,
    /// No body at all.
    Empty,
    /// Half a body, then the connection breaks.
    Half,
    /// Half a body that claims to be whole.
    Cut,
    /// The right answer, late.
    Slow,
    /// No answer for two minutes.
    Hang,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    #[default]
    E1,
    E2,
    E3,
    E4,
    /// `success: false` with HTTP 200.
    E5,
    /// No body.
    E6,
}

/// What may happen to hooks on their way.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HookFaults {
    pub lose: Chance,
    pub late: Chance,
    pub late_ms: u64,
    pub double: Chance,
    /// Held back until the next hook to the same address has been answered.
    pub reorder: Chance,
    pub reorder_ms: u64,
    /// Copies per change, diced between the two.
    pub copies_min: u64,
    pub copies_max: u64,
    /// Updates carry the id and what changed, nothing else.
    pub partial: Chance,
    /// A deletion comes as `update` with `deleted: true`.
    pub cancel_as_update: Chance,
}

impl Default for HookFaults {
    fn default() -> Self {
        let never = Chance::default();
        Self {
            lose: never,
            late: never,
            late_ms: 10_000,
            double: never,
            reorder: never,
            reorder_ms: 5_000,
            copies_min: 1,
            copies_max: 1,
            partial: never,
            cancel_as_update: never,
        }
    }
}

/// The platform's looseness with types and times.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Distortion {
    pub numbers_as_strings: Chance,
    /// `[]` for an empty object and for a missing client, master or position.
    pub empty_as_array: Chance,
    pub shuffle_services: Chance,
    /// `datetime` an hour off in its zone; `date` stays right.
    pub wrong_offset: Chance,
    /// A `total_count` that lies.
    pub wrong_total: Chance,
}

fn always() -> Chance {
    Chance::Always(true)
}

impl Faults {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: Dice::new(seed),
            routes: Vec::new(),
            hooks: HookFaults::default(),
            hook_wire: Distortion::default(),
            rest_wire: Distortion::default(),
            counts: HashMap::new(),
            next_route: 1,
        }
    }

    /// Starts the dice anew.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
        self.dice = Dice::new(seed);
        self.counts.clear();
    }

    /// One roll of a named chance.
    pub fn roll(&mut self, name: &'static str, chance: Chance) -> bool {
        chance.roll(self.counts.entry(name).or_default(), &mut self.dice)
    }

    pub fn add(&mut self, mut fault: RouteFault) {
        if self.routes.len() >= ROUTES_KEPT {
            self.routes.remove(0);
        }
        fault.id = self.next_route;
        self.next_route += 1;
        self.routes.push(fault);
    }

    /// The first fault that strikes this call.
    pub fn strike(&mut self, method: &str, path: &str) -> Option<RouteFault> {
        for fault in &mut self.routes {
            if !fault.matches(method, path) {
                continue;
            }
            fault.seen += 1;
            let spent = fault.count.is_some_and(|count| fault.hits >= count);
            if fault.seen <= fault.skip || spent || !fault.chance.roll(&mut fault.rolled, &mut self.dice) {
                continue;
            }
            fault.hits += 1;
            return Some(fault.clone());
        }
        None
    }
}

impl RouteFault {
    fn matches(&self, method: &str, path: &str) -> bool {
        let (wanted, pattern) = self.route.split_once(' ').unwrap_or(("*", &self.route));
        (wanted == "*" || wanted.eq_ignore_ascii_case(method)) && glob(pattern.trim(), path)
    }
}

/// `*` matches any run of characters, slashes included.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let parts: Vec<_> = parts.collect();
    let Some((tail, middle)) = parts.split_last() else { return true };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(glob("/api/v1/records/*", "/api/v1/records/990101"));
        assert!(glob("*/callback", "/marketplace/partner/callback"));
        assert!(glob("/a/*/c/*", "/a/b/c/d"));
        assert!(!glob("/a/*/c", "/a/b/d"));
        assert!(!glob("/a", "/a/b"));
    }
}
