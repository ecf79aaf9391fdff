//! What is done in one run, all of it drawn from a seed: edits in the journal, bad weather, blows to the product.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Visits of one run are told apart by their minute of the day; no two versions of any of its records share one.
pub type Minute = u16;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    pub edits: Vec<Edit>,
    pub blows: Vec<Blow>,
    pub weather: Weather,
    /// Hooks that were lost or refused stay so: the client may then know less than the journal, and still nothing wrong.
    pub lossy: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// After the edit before, in milliseconds.
    pub wait_ms: u64,
    pub record: usize,
    pub act: Act,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Book(Minute),
    Move(Minute),
    Cancel,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blow {
    /// After the blow before, in milliseconds.
    pub after_ms: u64,
    pub how: How,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// `kill -9`, wherever the process stands.
    Kill,
    /// Restarted so that it dies when it passes this place for the nth time.
    DieAt {
        place: &'static str,
        pass: u64,
    },
    /// Stopped for so long, and told to go on.
    Pause {
        ms: u64,
    },
    // Of several nodes; what is struck is the one that runs the session.
    /// Stopped until somebody wakes it: the others give it up.
    Sleep,
    /// Stops itself when it passes this place for the nth time.
    SleepAt {
        place: &'static str,
        pass: u64,
    },
    /// Whoever sleeps goes on; a moment later whoever took over is killed.
    Wake,
    FlushRedis,
    WithoutRedis {
        ms: u64,
    },
    /// PostgreSQL ends every connection.
    Cut,
}

/// As the sandboxes' admin APIs take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weather {
    pub yclients: Value,
    pub whatsapp: Value,
}

/// Places that a run passes; those of an installation are another trip's.
const PLACES: [&str; 20] = [
    "intake.before_commit",
    "intake.committed",
    "absorb.read",
    "absorb.before_commit",
    "absorb.committed",
    "notify.wanted",
    "notify.before_begin",
    "notify.begun",
    "notify.sent",
    "notify.before_settle",
    "notify.settled",
    "job.before_claim",
    "job.claimed",
    "job.before_finish",
    "job.finished",
    "session.before_commit",
    "session.committed",
    "vault.before_commit",
    "vault.committed",
    "yclients.called",
];

impl Plan {
    pub fn of(seed: u64, salon_phone: &str) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut minutes: Vec<Minute> = (10 * 60..22 * 60).collect();
        minutes.shuffle(&mut dice);
        let lossy = dice.random_bool(0.2);
        Self {
            seed,
            edits: edits(&mut dice, minutes),
            blows: blows(&mut dice),
            weather: weather(&mut dice, lossy, salon_phone),
            lossy,
        }
    }

    /// A plan for several nodes: fewer blows, with time between them to be given up and taken over. `sleeps`: the one that falls
    /// asleep over a key it is about to write.
    pub fn of_nodes(seed: u64, salon_phone: &str, sleeps: bool) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut minutes: Vec<Minute> = (10 * 60..22 * 60).collect();
        minutes.shuffle(&mut dice);
        let story = if sleeps { 0 } else { dice.random_range(0..5) };
        let mut edits = if story == 0 { bookings(minutes) } else { edits(&mut dice, minutes) };
        if story > 0 {
            edits.truncate(8);
            for edit in &mut edits {
                edit.wait_ms = dice.random_range(300..2_200);
            }
        }
        let blows = node_blows(&mut dice, story);
        Self { seed, edits, blows, weather: weather(&mut dice, false, salon_phone), lossy: false }
    }
}

/// How long a node has to be still until the others have given it up and taken over.
const GIVEN_UP_MS: std::ops::Range<u64> = 5_500..8_000;

/// One booking after another: some are told by whoever falls asleep over them, some by whoever takes over, and some after that one
/// is gone, with nothing but what both of them wrote.
fn bookings(minutes: Vec<Minute>) -> Vec<Edit> {
    let book = |(record, minute)| Edit { wait_ms: 1_200, record, act: Act::Book(minute) };
    minutes.into_iter().take(14).enumerate().map(book).collect()
}

fn node_blows(dice: &mut StdRng, story: u8) -> Vec<Blow> {
    let mut blow = |least: u64, most: u64, how: How| Blow { after_ms: dice.random_range(least..most), how };
    match story {
        0 => {
            // The first makes the session; from then on each says how far it has come.
            let sleep = blow(0, 200, How::SleepAt { place: "vault.before_session", pass: 3 });
            vec![sleep, Blow { after_ms: 13_000, how: How::Wake }]
        }
        1 => vec![blow(200, 1_500, How::Sleep), blow(GIVEN_UP_MS.start, GIVEN_UP_MS.end, How::Wake)],
        2 => (0..2).map(|_| blow(300, 3_000, How::Kill)).collect(),
        3 => {
            let ms = blow(300, 2_500, How::Kill).after_ms;
            vec![
                blow(200, 1_500, How::WithoutRedis { ms }),
                blow(200, 1_500, How::Kill),
                blow(200, 1_500, How::FlushRedis),
            ]
        }
        _ => vec![blow(200, 1_500, How::Cut), blow(200, 2_500, How::Kill), blow(200, 1_500, How::Cut)],
    }
}

fn edits(dice: &mut StdRng, mut minutes: Vec<Minute>) -> Vec<Edit> {
    let records = dice.random_range(2..=4);
    let mut left: Vec<(usize, bool)> = (0..records).map(|record| (record, false)).collect();
    let mut edits = Vec::new();
    while !left.is_empty() {
        let place = dice.random_range(0..left.len());
        let (record, booked) = left[place];
        let minute = minutes.pop().unwrap_or_default();
        let act = if !booked {
            left[place].1 = true;
            Act::Book(minute)
        } else if dice.random_bool(0.55) {
            Act::Move(minute)
        } else {
            // What was booked is cancelled, or stays as it is.
            left.swap_remove(place);
            if dice.random_bool(0.5) {
                continue;
            }
            Act::Cancel
        };
        edits.push(Edit { wait_ms: dice.random_range(0..250), record, act });
    }
    edits
}

fn blows(dice: &mut StdRng) -> Vec<Blow> {
    let count = dice.random_range(2..=5);
    let blow = |dice: &mut StdRng| Blow {
        after_ms: dice.random_range(50..600),
        how: match dice.random_range(0..10) {
            0..4 => How::Kill,
            4..9 => How::DieAt {
                place: PLACES[dice.random_range(0..PLACES.len())],
                pass: dice.random_range(1..4),
            },
            _ => How::Pause { ms: dice.random_range(50..400) },
        },
    };
    (0..count).map(|_| blow(dice)).collect()
}

fn weather(dice: &mut StdRng, lossy: bool, salon_phone: &str) -> Weather {
    let seed: u32 = dice.random();
    let copies = if dice.random_bool(0.5) { 3 } else { 1 };
    let hooks = json!({
        "lose": if lossy { 0.2 } else { 0.0 }, "double": sometimes(dice, 0.4), "late": sometimes(dice, 0.3), "late_ms": 700,
        "reorder": sometimes(dice, 0.3), "reorder_ms": 400, "copies_min": 1, "copies_max": copies,
        "partial": sometimes(dice, 0.2), "cancel_as_update": sometimes(dice, 0.5),
    });
    let garble = u8::from(dice.random_bool(0.2));
    let lose_requests = u8::from(garble > 0 && seed.is_multiple_of(2));
    // A message that was garbled is asked for again by a receipt: WhatsApp does not lose those.
    let drop = if garble > 0 { 0.0 } else { sometimes(dice, 0.3) };
    let receipts = json!({
        "drop": drop, "double": sometimes(dice, 0.3), "late": sometimes(dice, 0.5), "late_ms": 300,
        "reorder": dice.random_bool(0.5),
    });
    let mut routes = Vec::new();
    for (kind, status) in [("status", 503), ("status", 429), ("half", 200), ("html", 200)] {
        if dice.random_bool(0.2) {
            routes.push(json!({
                "route": "GET /api/v1/record/*", "kind": kind, "status": status, "count": 1, "retry_after": 1,
            }));
        }
    }
    let mut script = Vec::new();
    if dice.random_bool(0.4) {
        script.push(json!({"at_message": dice.random_range(1..5), "do": [{"close": salon_phone}]}));
    }
    Weather {
        yclients: json!({"clear": true, "seed": seed, "hooks": hooks, "routes": routes}),
        whatsapp: json!({"seed": seed, "receipts": receipts, "garble": garble, "lose_requests": lose_requests, "script": script}),
    }
}

/// The share, or none at all.
fn sometimes(dice: &mut StdRng, share: f64) -> f64 {
    if dice.random_bool(0.5) { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_is_a_plan_and_another_seed_another() {
        assert_eq!(Plan::of(7, "79990000001"), Plan::of(7, "79990000001"));
        assert_ne!(Plan::of(7, "79990000001").edits, Plan::of(8, "79990000001").edits);
    }

    #[test]
    fn every_plan_books_before_it_moves_and_names_no_minute_twice() {
        for seed in 0..500 {
            let plan = Plan::of(seed, "79990000001");
            let (mut booked, mut gone, mut minutes) = (HashSet::new(), HashSet::new(), HashSet::new());
            for edit in &plan.edits {
                assert!(!gone.contains(&edit.record), "{seed}: edited after it was cancelled");
                match edit.act {
                    Act::Book(minute) => assert!(booked.insert(edit.record) && minutes.insert(minute)),
                    Act::Move(minute) => assert!(booked.contains(&edit.record) && minutes.insert(minute)),
                    Act::Cancel => assert!(booked.contains(&edit.record) && gone.insert(edit.record)),
                }
            }
            assert!((2..=5).contains(&plan.blows.len()));
        }
    }

    #[test]
    fn a_plan_for_several_nodes_has_time_to_give_one_up() {
        for seed in 0..100 {
            let plan = Plan::of_nodes(seed, "79990000001", seed.is_multiple_of(2));
            assert!(!plan.blows.is_empty() && !plan.lossy);
            let sleeps =
                plan.blows.iter().position(|blow| matches!(blow.how, How::Sleep | How::SleepAt { .. }));
            let wakes = plan.blows.iter().position(|blow| blow.how == How::Wake);
            assert_eq!(sleeps.is_some(), wakes.is_some());
            assert!(sleeps <= wakes && (seed % 2 == 1 || sleeps.is_some()));
        }
    }

    #[test]
    fn every_place_to_die_at_is_one_of_the_products() {
        for place in PLACES {
            assert!(salonbridge::kernel::failpoint::NAMES.contains(&place), "{place}");
        }
    }
}
