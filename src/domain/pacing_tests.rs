use proptest::prelude::*;

use super::*;
use crate::domain::rules::Rules;

const NOW: UnixMs = UnixMs(1_770_000_000_000);

fn rules() -> Pacing {
    Rules::defaults().expect("shipped defaults").pacing
}

/// A number that was linked `days` days ago and has been silent since.
fn number(days: i64) -> Number {
    Number {
        since: NOW.plus_ms(-days * DAY_MS),
        last_at: None,
        busy_until: UnixMs(0),
        locked_until: None,
        begun: Vec::new(),
    }
}

/// To somebody the number knows, of a visit in three days.
fn message() -> Waiting {
    Waiting {
        not_before: NOW,
        nearest: NOW.plus_ms(3 * DAY_MS),
        is_cold: false,
        client_at: None,
        is_own: false,
        is_asked_for: false,
    }
}

fn later(turn: Turn) -> (i64, Key) {
    match turn {
        Turn::Now => (0, Key::Confirmation),
        Turn::Later { at, why } => (at.since(NOW), why),
    }
}

#[test]
fn a_number_that_has_been_silent_writes_at_once() {
    assert_eq!(turn(&rules(), &number(3), &message(), NOW), Turn::Now);
    assert_eq!(turn(&rules(), &number(0), &Waiting { is_cold: true, ..message() }, NOW), Turn::Now);
}

#[test]
fn a_number_is_known_for_a_month_after_whatsapp_found_it() {
    let found = |days: i64| is_known(Some(NOW.plus_ms(-days * DAY_MS)), NOW);
    assert_eq!([0, 29, 30, -1].map(found), [true, true, false, false]);
    assert!(!is_known(None, NOW));
}

#[test]
fn between_two_messages_it_pauses_each_time_differently_whoever_is_next() {
    let rules = rules();
    let mut pauses: Vec<i64> = (0..50)
        .map(|n| {
            let now = NOW.plus_ms(n);
            let spoke = Number { last_at: Some(now), ..number(3) };
            let Turn::Later { at, why: Key::Paced } = turn(&rules, &spoke, &message(), now) else {
                panic!("no pause");
            };
            let other = Waiting { nearest: NOW.plus_ms(HOUR_MS), is_cold: true, ..message() };
            assert_eq!(turn(&rules, &spoke, &other, now), Turn::Later { at, why: Key::Paced });
            at.since(now)
        })
        .collect();
    assert!(pauses.iter().all(|pause| (3_000..=9_000).contains(pause)), "{pauses:?}");
    pauses.sort_unstable();
    pauses.dedup();
    assert!(pauses.len() > 40, "{pauses:?}");
}

#[test]
fn one_client_is_not_written_to_twice_in_a_breath() {
    let again = Waiting { client_at: Some(NOW), ..message() };
    assert_eq!(later(turn(&rules(), &number(3), &again, NOW)), (15_000, Key::Paced));
}

#[test]
fn what_a_client_asked_for_waits_for_the_numbers_breath_alone() {
    let rules = rules();
    let mut busy_until = UnixMs(0);
    for _ in 0..rules.burst + 9 {
        busy_until = rules.busy_after(busy_until, NOW);
    }
    let tired = Number { busy_until, begun: vec![NOW; 500], ..number(3) };
    let code = Waiting { is_cold: true, client_at: Some(NOW), ..message() };
    assert!(matches!(turn(&rules, &tired, &code, NOW), Turn::Later { .. }));
    let code = Waiting { is_asked_for: true, ..code };
    assert_eq!(turn(&rules, &tired, &code, NOW), Turn::Now);
    let spoke = Number { last_at: Some(NOW), ..tired.clone() };
    assert!(matches!(turn(&rules, &spoke, &code, NOW), Turn::Later { why: Key::Paced, .. }));
    let locked = Number { locked_until: Some(NOW.plus_ms(HOUR_MS)), ..tired };
    assert_eq!(later(turn(&rules, &locked, &code, NOW)), (HOUR_MS, Key::ReachOutLocked));
}

#[test]
fn what_is_ahead_of_the_hours_rate_waits() {
    let rules = rules();
    let mut busy_until = UnixMs(0);
    for _ in 0..rules.burst + 1 {
        busy_until = rules.busy_after(busy_until, NOW);
    }
    let full = Number { busy_until, ..number(30) };
    assert_eq!(later(turn(&rules, &full, &message(), NOW)), (HOUR_MS / rules.per_hour, Key::HourFull));
    assert_eq!(turn(&rules, &full, &message(), NOW.plus_ms(HOUR_MS / rules.per_hour)), Turn::Now);
}

#[test]
fn new_chats_are_few_at_first_and_more_by_the_day() {
    let rules = rules();
    for (days, allowed) in [(0, 20), (2, 20), (3, 25), (7, 40), (13, 100), (400, 100)] {
        assert_eq!(rules.new_chats_at(number(days).since, NOW), allowed, "day {days}");
    }
    assert_eq!(rules.new_chats_at(NOW.plus_ms(DAY_MS), NOW), 20, "a clock that went back");
}

#[test]
fn the_last_new_chats_of_a_day_are_kept_for_the_nearest_visits() {
    let rules = rules();
    // 20 a day, 6 of them for visits of the next 24 hours. The first was begun 23 hours ago, then one every half an hour.
    let begun = |count: i64| (0..count).map(|n| NOW.plus_ms(-23 * HOUR_MS + n * HOUR_MS / 2)).collect();
    let far = Waiting { is_cold: true, ..message() };
    let near = Waiting { nearest: NOW.plus_ms(5 * HOUR_MS), ..far };
    let after = |count| Number { begun: begun(count), ..number(1) };

    assert_eq!(turn(&rules, &after(13), &far, NOW), Turn::Now);
    assert_eq!(later(turn(&rules, &after(14), &far, NOW)), (HOUR_MS, Key::NewChatsFull));
    assert_eq!(turn(&rules, &after(14), &near, NOW), Turn::Now);
    assert_eq!(later(turn(&rules, &after(20), &near, NOW)), (HOUR_MS, Key::NewChatsFull));
    assert_eq!(turn(&rules, &after(20), &message(), NOW), Turn::Now, "whom it knows it may always answer");
    // A far visit becomes a near one before the first of the day is a day old.
    let tomorrow = Waiting { nearest: NOW.plus_ms(DAY_MS + HOUR_MS / 2), ..far };
    assert_eq!(later(turn(&rules, &after(14), &tomorrow, NOW)), (HOUR_MS / 2, Key::NewChatsFull));
}

#[test]
fn a_lock_of_whatsapp_holds_strangers_and_nobody_else_whatever_the_rules() {
    let locked = Number { locked_until: Some(NOW.plus_ms(DAY_MS)), ..number(30) };
    let stranger = Waiting { is_cold: true, ..message() };
    let off = Pacing { is_on: false, ..rules() };
    for rules in [rules(), off] {
        assert_eq!(later(turn(&rules, &locked, &stranger, NOW)), (DAY_MS, Key::ReachOutLocked));
        assert_eq!(turn(&rules, &locked, &message(), NOW), Turn::Now);
        assert_eq!(turn(&rules, &locked, &Waiting { is_own: true, ..stranger }, NOW), Turn::Now);
    }
}

#[test]
fn a_lock_is_asked_after_more_and_more_seldom() {
    let hours: Vec<i64> = (0..8).map(|locks| rules().lock_ms(locks) / HOUR_MS).collect();
    assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24, 24]);
    assert_eq!(rules().lock_ms(i64::MAX), 24 * HOUR_MS);
}

#[test]
fn the_salons_own_number_is_written_to_at_any_time() {
    let busy = Number { last_at: Some(NOW), busy_until: NOW.plus_ms(DAY_MS), ..number(0) };
    let own = Waiting { is_own: true, is_cold: true, client_at: Some(NOW), ..message() };
    assert_eq!(turn(&rules(), &busy, &own, NOW), Turn::Now);
    let soon = Waiting { not_before: NOW.plus_ms(500), ..own };
    assert_eq!(
        later(turn(&rules(), &busy, &soon, NOW)),
        (500, Key::NotBefore),
        "what failed a moment ago waits"
    );
}

#[test]
fn without_pacing_only_what_failed_and_what_whatsapp_refuses_waits() {
    let off = Pacing { is_on: false, ..rules() };
    let begun = vec![NOW; 100];
    let busy = Number { last_at: Some(NOW), busy_until: NOW.plus_ms(DAY_MS), begun, ..number(0) };
    let message = Waiting { is_cold: true, client_at: Some(NOW), ..message() };
    assert_eq!(turn(&off, &busy, &message, NOW), Turn::Now);
}

/// A salon's outbox and its number, driven through time by the rules alone: the nearest deadline whose turn it is goes first.
fn drain(rules: &Pacing, days: i64, mut waiting: Vec<(usize, Waiting)>) -> Vec<(UnixMs, usize, Waiting)> {
    let (mut number, mut now, mut sent) = (number(days), NOW, Vec::new());
    while !waiting.is_empty() {
        waiting.retain(|(_, message)| message.nearest > now);
        waiting.sort_by_key(|(n, message)| (message.nearest, *n));
        number.begun.retain(|at| now.since(*at) < DAY_MS);
        let turns: Vec<_> = waiting.iter().map(|(_, message)| turn(rules, &number, message, now)).collect();
        match turns.iter().position(|turn| *turn == Turn::Now) {
            Some(place) => {
                let (n, message) = waiting.remove(place);
                number.last_at = Some(now);
                number.busy_until = rules.busy_after(number.busy_until, now);
                if message.is_cold {
                    number.begun.push(now);
                }
                sent.push((now, n, message));
            }
            None => {
                let next = turns.iter().map(|turn| match turn {
                    Turn::Now => now,
                    Turn::Later { at, .. } => *at,
                });
                let Some(next) = next.min() else { break };
                assert!(next > now, "a look that leads nowhere");
                now = next;
            }
        }
    }
    sent
}

fn backlog() -> impl Strategy<Value = Vec<Waiting>> {
    let one = (1_i64..7 * 24 * 60, any::<bool>()).prop_map(|(minutes, is_cold)| Waiting {
        nearest: NOW.plus_ms(minutes * 60_000),
        is_cold,
        ..message()
    });
    proptest::collection::vec(one, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever waits, the number keeps its pause, its hour and its day, and nothing is said too late.
    #[test]
    fn a_backlog_drains_at_the_pace_of_a_person(days in 0_i64..30, waiting in backlog()) {
        let rules = rules();
        let sent = drain(&rules, days, waiting.iter().copied().enumerate().collect());
        for pair in sent.windows(2) {
            prop_assert!(pair[1].0.since(pair[0].0) >= rules.pause_ms.0);
        }
        let most_in_an_hour = rules.burst + rules.per_hour + 1;
        for (at, ..) in &sent {
            let within = |ms| sent.iter().filter(move |(then, ..)| (0..ms).contains(&then.since(*at)));
            prop_assert!(i64::try_from(within(HOUR_MS).count()).expect("few") <= most_in_an_hour);
            let strangers = within(DAY_MS).filter(|(_, _, message)| message.is_cold).count();
            let allowed = rules.new_chats_at(number(days).since, at.plus_ms(DAY_MS));
            prop_assert!(i64::try_from(strangers).expect("few") <= allowed, "{strangers} of {allowed}");
        }
        prop_assert!(sent.iter().all(|(at, _, message)| *at < message.nearest));
    }

    /// A clock that was hours ahead and was set right: what it wrote down holds nobody up.
    #[test]
    fn a_clock_that_was_ahead_silences_nobody(ahead in 1_i64..30 * DAY_MS) {
        let rules = rules();
        let then = NOW.plus_ms(ahead);
        let number = Number { last_at: Some(then), busy_until: rules.busy_after(then, then), ..number(3) };
        let message = Waiting { client_at: Some(then), nearest: NOW.plus_ms(40 * DAY_MS), ..message() };
        if let Turn::Later { at, .. } = turn(&rules, &number, &message, NOW) {
            prop_assert!(at.since(NOW) <= HOUR_MS / rules.per_hour, "{}", at.since(NOW));
        }
    }

    /// When nobody is a stranger and there is time for all, all are told, the nearest visit first.
    #[test]
    fn the_nearest_visit_is_told_first(waiting in backlog()) {
        let known: Vec<Waiting> = waiting
            .iter()
            .map(|message| Waiting { is_cold: false, nearest: message.nearest.plus_ms(7 * DAY_MS), ..*message })
            .collect();
        let sent = drain(&rules(), 3, known.iter().copied().enumerate().collect());
        prop_assert_eq!(sent.len(), known.len());
        prop_assert!(sent.windows(2).all(|pair| pair[0].2.nearest <= pair[1].2.nearest));
    }
}
