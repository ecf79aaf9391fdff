//! The turns in virtual time: tables, and a world of nodes that ask, come late, give up and are told to slow down.

use proptest::prelude::*;

use super::*;

const WHOLE: Budget = Budget {
    per_second: 5,
    second_ms: 1_100,
    per_minute: 200,
    minute_ms: 61_000,
    background_per_second: 3,
    background_per_minute: 120,
};
use Answer::{Later, Place, Turn};
use Urgency::{Background, Urgent};

fn ask(windows: &mut Windows, now: i64, urgency: Urgency) -> Answer {
    windows.ask(&WHOLE, now, urgency, None)
}

#[test]
fn five_at_once_and_the_sixth_gets_a_place_a_second_later() {
    let mut windows = Windows::default();
    let answers: Vec<Answer> = (0..6).map(|_| ask(&mut windows, 0, Urgent)).collect();
    assert_eq!(answers, [Turn(0), Turn(0), Turn(0), Turn(0), Turn(0), Place(1_100)]);
    assert_eq!(windows.ask(&WHOLE, 900, Urgent, Some(1_100)), Place(1_100), "not yet");
    assert_eq!(windows.ask(&WHOLE, 1_100, Urgent, Some(1_100)), Turn(1_100), "now");
}

#[test]
fn background_leaves_a_reserve_in_every_second_and_minute() {
    let mut windows = Windows::default();
    let answers: Vec<Answer> = (0..4).map(|_| ask(&mut windows, 0, Background)).collect();
    assert_eq!(answers, [Turn(0), Turn(0), Turn(0), Later(1_100)]);
    assert_eq!(ask(&mut windows, 0, Urgent), Turn(0), "the reserve");

    let mut windows = Windows::default();
    let mut now = 0;
    for _ in 0..120 {
        now += 400;
        assert_eq!(ask(&mut windows, now, Background), Turn(now));
    }
    assert_eq!(ask(&mut windows, now + 400, Background), Later(now + 400 + 1_100));
    assert_eq!(
        ask(&mut windows.clone(), 400 + 61_000, Background),
        Turn(400 + 61_000),
        "when the first is a minute ago"
    );
    for _ in 0..16 {
        now += 1_200;
        for _ in 0..4 {
            assert_eq!(ask(&mut windows, now, Urgent), Turn(now), "urgent ones have the rest");
        }
        if now + 1_200 > 61_000 {
            break;
        }
    }
}

#[test]
fn background_waits_while_an_urgent_one_has_a_place_and_a_moment_longer() {
    let mut windows = Windows::default();
    for _ in 0..5 {
        ask(&mut windows, 0, Urgent);
    }
    assert_eq!(ask(&mut windows, 0, Urgent), Place(1_100));
    assert_eq!(
        ask(&mut windows, 1_100, Background),
        Later(1_200),
        "four are free, but an urgent one may want them"
    );
    assert_eq!(windows.ask(&WHOLE, 1_100, Urgent, Some(1_100)), Turn(1_100));
    assert_eq!(ask(&mut windows, 1_200, Background), Turn(1_200));
}

#[test]
fn a_place_that_is_missed_is_lost_and_one_given_back_is_free_again() {
    let mut windows = Windows::default();
    for _ in 0..6 {
        ask(&mut windows, 0, Urgent);
    }
    assert_eq!(
        windows.ask(&WHOLE, 1_151, Urgent, Some(1_100)),
        Turn(1_151),
        "asked anew: the call leaves now"
    );
    assert_eq!(windows.given, [0, 0, 0, 0, 0, 1_151]);

    let mut windows = Windows::default();
    for _ in 0..5 {
        ask(&mut windows, 0, Urgent);
    }
    windows.give_back(Urgent, 0);
    assert_eq!(ask(&mut windows, 1, Urgent), Turn(1));
    assert_eq!(windows.ask(&WHOLE, 2, Urgent, Some(777)), Place(1_100), "a place nobody gave is none");
}

#[test]
fn a_hold_reaches_who_has_a_place_already() {
    let mut windows = Windows::default();
    for _ in 0..6 {
        ask(&mut windows, 0, Urgent);
    }
    windows.hold(10_000);
    windows.hold(5_000);
    assert_eq!(windows.ask(&WHOLE, 1_100, Urgent, Some(1_100)), Later(10_000 - 1_100));
    assert_eq!(ask(&mut windows, 2_000, Background), Later(3_100));
    assert_eq!(ask(&mut windows, 8_900, Urgent), Place(10_000));
    assert_eq!(windows.ask(&WHOLE, 10_000, Urgent, Some(10_000)), Turn(10_000));
}

#[test]
fn a_clock_that_went_back_is_believed() {
    let mut windows = Windows::default();
    assert_eq!(ask(&mut windows, 3_600_000, Urgent), Turn(3_600_000));
    assert_eq!(ask(&mut windows, 0, Urgent), Turn(0));
}

#[test]
fn shares_together_are_never_more_than_the_whole() {
    for nodes in 1..=60 {
        let (share, many) = (WHOLE.share(nodes), i64::try_from(nodes).expect("small"));
        let in_one_second = i64::try_from(share.per_second).expect("small") * many * WHOLE.second_ms;
        assert!(in_one_second <= 5 * share.second_ms, "{nodes}: {share:?}");
        assert!(share.per_minute * nodes <= 200, "{nodes}: {share:?}");
        assert!(share.background_per_minute <= share.per_minute && share.background_per_second >= 1);
    }
}

/// One asker: a node's urgent or background waiters.
#[derive(Debug, Clone)]
struct Asker {
    urgency: Urgency,
    /// How many calls it has left, and from when.
    calls: usize,
    at: i64,
    place: Option<i64>,
    /// How much later than told it asks; and after how many places it gives one back.
    slow_ms: i64,
    gives_up: usize,
    places: usize,
    waits_since: Option<i64>,
}

#[derive(Debug)]
struct World {
    calls: Vec<(i64, Urgency, usize)>,
    /// For each background asker's call: turns that went to urgent ones while it waited.
    longest_passed: usize,
}

/// Runs askers by their own times until nobody has calls left; `holds` are (from, span).
fn run(mut askers: Vec<Asker>, holds: &[(i64, i64)]) -> World {
    let mut windows = Windows::default();
    let mut world = World { calls: Vec::new(), longest_passed: 0 };
    let mut holds: Vec<_> = holds.to_vec();
    holds.sort_unstable();
    let mut held_until = 0;
    let mut steps = 0;
    while let Some(index) = (0..askers.len()).filter(|i| askers[*i].calls > 0).min_by_key(|i| askers[*i].at) {
        steps += 1;
        assert!(steps < 200_000, "nobody gets on: {askers:?}");
        let now = askers[index].at;
        while holds.first().is_some_and(|(from, _)| *from <= now) {
            let (from, span) = holds.remove(0);
            windows.hold(from + span);
            held_until = held_until.max(from + span);
        }
        let asker = &mut askers[index];
        asker.waits_since.get_or_insert(now);
        let answer = windows.ask(&WHOLE, now, asker.urgency, asker.place.take());
        match answer {
            Turn(_) => {
                assert!(now >= held_until, "a call at {now}, held until {held_until}");
                if asker.urgency == Background {
                    let since = asker.waits_since.expect("set above");
                    let passed =
                        world.calls.iter().filter(|(at, of, _)| *of == Urgent && *at > since).count();
                    let other =
                        world.calls.iter().filter(|(at, of, _)| *of == Background && *at > since).count();
                    world.longest_passed = world.longest_passed.max(passed.saturating_sub(other * 20));
                }
                world.calls.push((now, asker.urgency, index));
                asker.calls -= 1;
                asker.waits_since = None;
                asker.at = now + 1;
            }
            Place(at) => {
                asker.places += 1;
                if asker.places.is_multiple_of(asker.gives_up) {
                    windows.give_back(asker.urgency, at);
                    asker.at = now + 7;
                } else {
                    asker.place = Some(at);
                    asker.at = at + asker.slow_ms;
                }
            }
            Later(at) => {
                assert!(at > now, "ask again when? {at} at {now}");
                asker.at = at + asker.slow_ms;
            }
        }
    }
    world
}

impl World {
    fn assert_within_the_limits(&self) {
        let times: Vec<i64> = self.calls.iter().map(|(at, ..)| *at).collect();
        assert!(times.is_sorted());
        within(&times, 5, 1_000);
        within(&times, 200, 60_000);
        let background: Vec<i64> =
            self.calls.iter().filter(|(_, of, _)| *of == Background).map(|(at, ..)| *at).collect();
        within(&background, 120, 60_000);
    }
}

fn within(times: &[i64], share: usize, window_ms: i64) {
    for (first, last) in times.iter().zip(times.iter().skip(share)) {
        assert!(last - first > window_ms, "{} within {window_ms} ms: {first}..{last}", share + 1);
    }
}

fn asker() -> impl Strategy<Value = Asker> {
    (
        any::<bool>(),
        1_usize..150,
        0_i64..30_000,
        prop_oneof![Just(0_i64), 0_i64..40, 0_i64..3_000],
        2_usize..50,
    )
        .prop_map(|(urgent, calls, at, slow_ms, gives_up)| Asker {
            urgency: if urgent { Urgent } else { Background },
            calls,
            at,
            place: None,
            slow_ms,
            gives_up,
            places: 0,
            waits_since: None,
        })
}

fn steady(urgency: Urgency, calls: usize) -> Asker {
    Asker {
        urgency,
        calls,
        at: 0,
        place: None,
        slow_ms: 0,
        gives_up: usize::MAX,
        places: 0,
        waits_since: None,
    }
}

#[test]
fn one_asker_is_no_slower_than_it_must_be() {
    let world = run(vec![steady(Urgent, 400)], &[]);
    world.assert_within_the_limits();
    let last = world.calls[399].0;
    assert!(last <= 61_000 + 40 * 1_100, "{last}");
}

#[test]
fn urgent_ones_come_first_and_background_is_not_forgotten() {
    let world = run(vec![steady(Urgent, 300), steady(Background, 40), steady(Urgent, 300)], &[]);
    world.assert_within_the_limits();
    let last_urgent = world.calls.iter().rposition(|(_, of, _)| *of == Urgent).expect("some");
    let between = world.calls[..last_urgent].iter().filter(|(_, of, _)| *of == Background).count();
    assert!((25..=65).contains(&between), "about one in ten to twenty: {between} beside 600");
    assert!(world.longest_passed <= 20, "{}", world.longest_passed);
}

#[test]
fn two_nodes_that_want_all_get_two_fifths_each_at_least() {
    let world = run(vec![steady(Urgent, 200), steady(Urgent, 200)], &[]);
    // Of five that come free at once, the fifth goes to who asks first.
    for span in world.calls[..200].chunks(20) {
        let first = span.iter().filter(|(.., who)| *who == 0).count();
        assert!((8..=12).contains(&first), "{first} of {}", span.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_second_and_no_minute_gets_more_than_its_share(
        askers in proptest::collection::vec(asker(), 1..7),
        holds in proptest::collection::vec((0_i64..60_000, 1_i64..20_000), 0..4),
    ) {
        run(askers, &holds).assert_within_the_limits();
    }

    #[test]
    fn nobody_in_the_background_starves(urgent in 1_usize..5, calls in 50_usize..200) {
        let mut askers: Vec<Asker> = (0..urgent).map(|_| steady(Urgent, calls)).collect();
        askers.push(steady(Background, 20));
        let world = run(askers, &[]);
        prop_assert!(world.longest_passed <= 20, "{}", world.longest_passed);
    }

    #[test]
    fn an_urgent_call_never_waits_for_one_in_the_background(at in 0_i64..40_000) {
        let mut askers: Vec<Asker> = (0..4).map(|_| steady(Background, 100)).collect();
        askers.push(Asker { at, ..steady(Urgent, 1) });
        let world = run(askers, &[]);
        let (called, ..) = world.calls.iter().find(|(_, of, _)| *of == Urgent).expect("called");
        prop_assert!(*called - at <= 1, "waited {} ms", called - at);
    }
}
