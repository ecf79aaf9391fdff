use proptest::prelude::*;

use super::place::MOST;
use super::*;
use crate::domain::record::ServiceLine;
use crate::kernel::crm_id::{RecordId, ServiceId};

const NOW: UnixMs = UnixMs(1_770_000_000_000);

fn place(id: i64, at: i64) -> (i64, Option<UnixMs>) {
    (id, Some(UnixMs(at)))
}

/// The page of a list as a server gives it.
fn page(list: &[(i64, Option<UnixMs>)], step: Step) -> Vec<(i64, Option<UnixMs>)> {
    list.iter().skip(step.start() as usize).take(step.count as usize).copied().collect()
}

/// Reads a list that `shift` changes between any two pages; what was read, and in how many requests.
fn read(
    mut list: Vec<(i64, Option<UnixMs>)>,
    mut shift: impl FnMut(&mut Vec<(i64, Option<UnixMs>)>),
) -> (Vec<i64>, usize) {
    let (mut at, mut seen, mut requests) = (Place::default(), Vec::new(), 0);
    loop {
        let step = at.next();
        assert!(step.count as u64 <= MOST && step.page > 0, "{step:?}");
        let rows = page(&list, step);
        requests += 1;
        assert!(requests < 10_000, "it never ends: {at:?}");
        shift(&mut list);
        if !at.take(step, &rows) {
            continue;
        }
        seen.extend(rows.iter().map(|(id, _)| *id));
        if rows.len() < step.count as usize {
            return (seen, requests);
        }
    }
}

#[test]
fn a_list_that_stands_still_is_read_in_about_as_many_pages_as_it_has() {
    for (length, most) in
        [(0, 1), (1, 1), (199, 1), (200, 2), (201, 2), (1_000, 7), (10_000, 60), (100_000, 620)]
    {
        let list: Vec<_> = (1..=length).map(|id| place(id, 1)).collect();
        let (mut seen, requests) = read(list, |_| {});
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len() as i64, length);
        assert!(requests <= most, "{length} records in {requests} requests");
    }
}

#[test]
fn a_list_in_no_order_at_all_comes_to_an_end() {
    let list: Vec<_> = (1..=1_000).map(|id| place(id, 1)).collect();
    let mut turn = 0;
    let (_, requests) = read(list, |list| {
        turn += 317;
        list.rotate_left(turn % 900);
    });
    assert!(requests < 80, "{requests}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_moves_while_it_is_read_nothing_that_stood_still_is_left_out(
        length in 0_usize..1_500,
        moves in prop::collection::vec(prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..60), 0..20),
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let list: Vec<_> = (1..=length as i64).map(|id| place(id, 1)).collect();
        let mut touched = std::collections::BTreeSet::new();
        let (mut moves, mut gone, mut time) = (moves.into_iter(), gone.into_iter(), 2);
        let (seen, _) = read(list, |list| {
            for (from, to) in moves.next().into_iter().flatten() {
                if list.is_empty() { return; }
                let (id, _) = list.remove(from.index(list.len()));
                time += 1;
                touched.insert(id);
                list.insert(to.index(list.len() + 1), place(id, time));
            }
            if let Some(index) = gone.next() && !list.is_empty() {
                touched.insert(list.remove(index.index(list.len())).0);
            }
        });
        for id in 1..=length as i64 {
            prop_assert!(seen.contains(&id) || touched.contains(&id), "{id} of {length} was left out");
        }
    }

    #[test]
    fn a_salons_turn_comes_within_an_interval_and_a_half(minutes in 5_i64..1440, salon in 1_i64..10_000_000, now in 0_i64..4_000_000_000_000) {
        let rules = SyncRules { minutes };
        let wait = rules.wait_ms(salon, UnixMs(now));
        let whole = minutes * 60_000;
        prop_assert!((whole / 2..=whole * 3 / 2).contains(&wait), "{wait}");
        let next = UnixMs(now).plus_ms(wait);
        prop_assert_eq!(rules.wait_ms(salon, next), whole, "from then on exactly once an interval");
    }
}

#[test]
fn many_salons_are_spread_over_the_whole_interval() {
    let mut tenths = [0; 10];
    for salon in 0..1_000 {
        let wait = SyncRules::usual().wait_ms(990_000 + salon, NOW) - 15 * 60_000;
        tenths[(wait / 180_000).clamp(0, 9) as usize] += 1;
    }
    assert!(tenths.iter().all(|count| (60..=140).contains(count)), "{tenths:?}");
}

#[test]
fn what_changed_is_asked_for_early_enough_in_whatever_zone_the_question_is_read() {
    for zone in
        [Tz::Europe__Moscow, Tz::Asia__Kamchatka, Tz::Europe__Kaliningrad, Tz::UTC, Tz::America__New_York]
    {
        let Scope::Changed { after } = scope(Some(NOW), zone, NOW.plus_secs(1800)) else {
            panic!("not a later run")
        };
        for read_in in [zone, Tz::Europe__Moscow, Tz::UTC] {
            let asked = dates::instant(after, read_in);
            assert!(asked <= NOW.plus_ms(-OVERLAP_MS), "{zone} read in {read_in}: {}", NOW.since(asked));
        }
        let own = dates::instant(after, zone);
        assert!(NOW.since(own) <= 13 * 3_600_000, "{zone}: the whole day is not read again and again");
    }
    let Scope::Visits { from, to } = scope(None, Tz::Europe__Moscow, NOW) else {
        panic!("not the first run")
    };
    assert_eq!((to - from).num_days(), 60);
}

fn said(second: i64, services: &[(i64, &str)]) -> Record {
    let line = |(id, title): &(i64, &str)| ServiceLine {
        id: ServiceId(*id),
        title: (*title).to_owned(),
        cost: Some(100),
    };
    Record {
        starts: Field::Is(dates::local(NOW, Tz::UTC)),
        services: Field::Is(services.iter().map(line).collect()),
        master: Field::Empty,
        client: Field::Empty,
        deleted: Field::Is(false),
        changed_at: Some(UnixMs(second * 1000)),
        ..Record::unknown(RecordId(1))
    }
}

#[test]
fn what_is_news_is_told_from_what_is_known() {
    let (cut, both, turned) =
        (said(5, &[(1, "Cut")]), said(5, &[(1, "Cut"), (2, "Dye")]), said(5, &[(2, "Dye"), (1, "Cut")]));
    assert_eq!(weigh(None, cut.clone()), News::Learnt(Box::new(cut.clone())));
    assert_eq!(weigh(Some(&both), turned), News::Same, "services come in any order");
    assert_eq!(weigh(Some(&cut), said(4, &[(2, "Dye")])), News::Older);
    assert_eq!(weigh(Some(&cut), said(6, &[(2, "Dye")])), News::Learnt(Box::new(said(6, &[(2, "Dye")]))));
    assert_eq!(weigh(Some(&cut), both), News::Doubtful, "two truths of one second");
    let nameless = Record { client: Field::Unreadable, ..said(7, &[(1, "Cut")]) };
    assert_eq!(weigh(None, nameless.clone()), News::Doubtful);
    assert_eq!(weigh(Some(&nameless), nameless.clone()), News::Same, "it was asked about before");
    let gone = Record { deleted: Field::Is(true), ..cut.clone() };
    assert_eq!(
        weigh(Some(&gone), said(9, &[(1, "Cut")])),
        News::Doubtful,
        "only the CRM may undo a deletion"
    );
    let later = Record { changed_at: Some(UnixMs(9_000)), ..gone };
    assert_eq!(weigh(Some(&cut), later.clone()), News::Learnt(Box::new(later)));
}

#[test]
fn only_what_a_hook_should_have_brought_long_ago_is_healed() {
    let installed = Some(NOW);
    let (hour, soon) = (NOW.plus_secs(3600), NOW.plus_secs(3590));
    assert!(is_overdue(Some(NOW.plus_secs(60)), installed, hour));
    assert!(!is_overdue(Some(soon), installed, hour), "its hook may be on its way");
    assert!(!is_overdue(Some(NOW.plus_secs(-60)), installed, hour), "of before the installation");
    assert!(!is_overdue(Some(NOW), None, hour) && !is_overdue(None, installed, hour));
}

#[test]
fn weather_is_waited_for_and_a_refusal_ends_the_run() {
    let waits: Vec<_> = (1..=9).map(|n| Trouble::Weather.again_ms(n).map(|ms| ms / 60_000)).collect();
    assert_eq!(
        waits,
        [5, 10, 20, 40, 60, 60, 60, 60].map(Some).into_iter().chain([None]).collect::<Vec<_>>()
    );
    for trouble in Trouble::ALL {
        assert_eq!(Trouble::parse(trouble.as_str()), Some(trouble));
        assert!(trouble == Trouble::Weather || trouble.again_ms(1).is_none());
    }
    for state in SyncState::ALL {
        assert_eq!(SyncState::parse(state.as_str()), Some(state));
    }
}
