//! The script against its twin in `kernel/turns.rs`, and what only Redis can do.

use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::kernel::turns::Windows;

const BUDGET: Budget = Budget {
    per_second: 5,
    second_ms: 1_100,
    per_minute: 20,
    minute_ms: 9_000,
    background_per_second: 3,
    background_per_minute: 12,
};

async fn node(name: &str, node: &str) -> Turns {
    let url = std::env::var("TEST_REDIS_URL")
        .expect("TEST_REDIS_URL is not set: run the tests by bin/test, which starts a Redis");
    Turns::connect(&url, name, node.to_owned(), BUDGET).await.expect("Redis")
}

fn name() -> String {
    format!("test:{}", random_hex(4))
}

#[tokio::test]
async fn the_script_says_what_its_twin_says() {
    for seed in 0..6_u64 {
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let (turns, mut twin) = (node(&name(), "a").await, Windows::default());
        // Near the clock's own size: numbers of that many digits must survive.
        let mut now = 1_790_000_000_000_i64;
        let mut places: Vec<(Urgency, i64)> = Vec::new();
        for step in 0..400 {
            now += if rng.random_bool(0.7) { rng.random_range(0..60) } else { rng.random_range(0..1_500) };
            let urgency = Urgency::ALL[usize::from(rng.random_bool(0.5))];
            match rng.random_range(0..20) {
                0 => {
                    let span = rng.random_range(1..4_000);
                    turns.hold_at(span, Some(now)).await.expect("held");
                    twin.hold(now + span);
                }
                1 if !places.is_empty() => {
                    let (urgency, place) = places.swap_remove(rng.random_range(0..places.len()));
                    turns.give_back(urgency, place).await.expect("given back");
                    twin.give_back(urgency, place);
                }
                _ => {
                    let place = places.iter().position(|(of, at)| *of == urgency && *at <= now + 30);
                    let place = place.map(|index| places.swap_remove(index).1);
                    let said = turns.ask_at(urgency, place, Some(now)).await.expect("an answer");
                    let expected = twin.ask(&BUDGET, now, urgency, place);
                    assert_eq!(
                        said.answer, expected,
                        "seed {seed}, step {step}, at {now}, {urgency:?} {place:?}"
                    );
                    if let Answer::Place(at) = expected {
                        places.push((urgency, at));
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn two_nodes_share_one_budget_and_are_counted() {
    let name = name();
    let (a, b) = (node(&name, "a").await, node(&name, "b").await);
    for turn in 0..5 {
        let asked = if turn % 2 == 0 { &a } else { &b };
        let said = asked.ask(Urgency::Urgent, None).await.expect("an answer");
        assert!(matches!(said.answer, Answer::Turn(_)), "{turn}: {said:?}");
    }
    let sixth = b.ask(Urgency::Urgent, None).await.expect("an answer");
    assert!(matches!(sixth.answer, Answer::Place(at) if at - sixth.now > 500), "{sixth:?}");
    assert_eq!(sixth.nodes, 2);
}

#[tokio::test]
async fn a_hold_is_felt_by_every_node() {
    let name = name();
    let (a, b) = (node(&name, "a").await, node(&name, "b").await);
    a.hold(30_000).await.expect("held");
    a.hold(1_000).await.expect("a shorter one changes nothing");
    let said = b.ask(Urgency::Urgent, None).await.expect("an answer");
    assert!(matches!(said.answer, Answer::Later(at) if at - said.now > 28_000), "{said:?}");
}

#[tokio::test]
async fn what_was_taken_without_redis_counts_when_it_is_back() {
    let turns = node(&name(), "a").await;
    turns.record(&[300, 100, 0, 200, 8_000]).await.expect("recorded");
    let said = turns.ask(Urgency::Urgent, None).await.expect("an answer");
    assert!(matches!(said.answer, Answer::Turn(_)), "the oldest is no more of this second: {said:?}");
    let said = turns.ask(Urgency::Urgent, None).await.expect("an answer");
    assert!(matches!(said.answer, Answer::Place(at) if at - said.now <= 800), "{said:?}");
}
