use std::collections::BTreeMap;

use super::*;

fn client(name: &str) -> ClientKey {
    ClientKey::from_stored(format!("cli_{name}"))
}

fn programme(percent: i64) -> Programme {
    Programme { rate: percent * 100, ..Programme::off() }
}

fn visit(status: Status, rubles: i64) -> Visit {
    Visit { status, price: Some(rubles * 100), paid_full: false, day: NaiveDate::from_ymd_opt(2026, 3, 14) }
}

/// A ledger of one record, kept by [`settle`].
#[derive(Default)]
struct Ledger {
    standings: BTreeMap<ClientKey, Standing>,
    accounts: BTreeMap<String, i64>,
}

impl Ledger {
    fn post(&mut self, entry: &Entry, rate: Option<i64>) {
        let fresh = Standing { client: entry.client.clone(), accrued: 0, spent: 0, rate: None };
        let standing = self.standings.entry(entry.client.clone()).or_insert(fresh);
        match entry.kind {
            Kind::Accrue | Kind::Reverse => standing.accrued += entry.change(),
            Kind::Spend | Kind::Refund => standing.spent -= entry.change(),
            Kind::Expire => {}
        }
        standing.rate = if entry.kind == Kind::Accrue { rate } else { standing.rate };
        for (account, amount) in entry.lines() {
            *self.accounts.entry(account).or_default() += amount;
        }
    }

    fn look(&mut self, programme: &Programme, visit: &Visit, holder: Option<&ClientKey>) -> usize {
        let standings: Vec<_> = self.standings.values().cloned().collect();
        let due = settle(programme, visit, holder, &standings);
        for due in &due {
            self.post(&due.entry, due.rate);
        }
        due.len()
    }

    fn balance(&self, client: &ClientKey) -> i64 {
        self.accounts.get(&account(client)).copied().unwrap_or(0)
    }
}

#[test]
fn a_completed_visit_earns_once_and_an_undone_one_nothing() {
    let (anna, five, mut ledger) = (client("anna"), programme(5), Ledger::default());
    for (status, balance) in [
        (Status::Pending, 0),
        (Status::Completed, 11_250),
        (Status::Completed, 11_250),
        (Status::Confirmed, 0),
        (Status::Completed, 11_250),
        (Status::Cancelled, 0),
        (Status::NoShow, 0),
    ] {
        ledger.look(&five, &visit(status, 2250), Some(&anna));
        assert_eq!(ledger.balance(&anna), balance, "{status:?}");
        assert_eq!(ledger.look(&five, &visit(status, 2250), Some(&anna)), 0, "a second look posts nothing");
    }
}

#[test]
fn another_price_and_another_client_are_made_good() {
    let (anna, olga, ten, mut ledger) = (client("anna"), client("olga"), programme(10), Ledger::default());
    ledger.look(&ten, &visit(Status::Completed, 1000), Some(&anna));
    ledger.look(&ten, &visit(Status::Completed, 1500), Some(&anna));
    assert_eq!(ledger.balance(&anna), 15_000);
    ledger.look(&ten, &visit(Status::Completed, 800), Some(&anna));
    assert_eq!(ledger.balance(&anna), 8_000);
    ledger.look(&ten, &visit(Status::Completed, 800), Some(&olga));
    assert_eq!((ledger.balance(&anna), ledger.balance(&olga)), (0, 8_000));
    ledger.look(&ten, &visit(Status::Completed, 800), None);
    assert_eq!(ledger.balance(&olga), 0, "the record has no client any more");
    let unreadable = Visit { price: None, ..visit(Status::Completed, 0) };
    ledger.look(&ten, &visit(Status::Completed, 800), Some(&anna));
    assert_eq!(ledger.look(&ten, &unreadable, Some(&anna)), 0, "it waits until the price can be read");
}

#[test]
fn a_visit_keeps_the_percentage_it_earned_by() {
    let (anna, mut ledger) = (client("anna"), Ledger::default());
    ledger.look(&programme(5), &visit(Status::Completed, 1000), Some(&anna));
    assert_eq!(ledger.look(&programme(20), &visit(Status::Completed, 1000), Some(&anna)), 0);
    assert_eq!(ledger.look(&programme(0), &visit(Status::Completed, 1000), Some(&anna)), 0, "switched off");
    ledger.look(&programme(0), &visit(Status::Pending, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), 0);
    ledger.look(&programme(20), &visit(Status::Completed, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), 20_000, "completed anew, by what holds now");
    // Whose it was is corrected afterwards: what it earned goes over as it is.
    let olga = client("olga");
    ledger.look(&programme(0), &visit(Status::Completed, 1000), Some(&olga));
    assert_eq!((ledger.balance(&anna), ledger.balance(&olga)), (0, 20_000), "switched off meanwhile");
    let late = Programme { since: NaiveDate::from_ymd_opt(2026, 4, 1), ..programme(5) };
    ledger.look(&late, &visit(Status::Completed, 1000), Some(&anna));
    assert_eq!((ledger.balance(&anna), ledger.balance(&olga)), (20_000, 0), "and begun anew since");
}

#[test]
fn what_was_spent_on_a_visit_earns_nothing_and_comes_back_when_it_is_cancelled() {
    let (anna, ten, mut ledger) = (client("anna"), programme(10), Ledger::default());
    ledger.post(&Entry::new(Kind::Accrue, &anna, 50_000).expect("more than nothing"), None);
    ledger.standings.clear();
    ledger.post(&Entry::new(Kind::Spend, &anna, 20_000).expect("more than nothing"), None);
    ledger.look(&ten, &visit(Status::Completed, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), 50_000 - 20_000 + 8_000);
    ledger.look(&ten, &visit(Status::NoShow, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), 30_000);
    ledger.look(&ten, &visit(Status::Cancelled, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), 50_000);
    assert_eq!(ledger.look(&ten, &visit(Status::Cancelled, 1000), Some(&anna)), 0);
}

#[test]
fn what_was_spent_is_taken_back_all_the_same() {
    let (anna, ten, mut ledger) = (client("anna"), programme(10), Ledger::default());
    ledger.look(&ten, &visit(Status::Completed, 1000), Some(&anna));
    let elsewhere = Entry::new(Kind::Spend, &anna, 10_000).expect("more than nothing");
    for (account, amount) in elsewhere.lines() {
        *ledger.accounts.entry(account).or_default() += amount;
    }
    ledger.look(&ten, &visit(Status::Pending, 1000), Some(&anna));
    assert_eq!(ledger.balance(&anna), -10_000, "a debt that the next visits fill");
}

#[test]
fn the_rules_of_a_programme_say_what_earns() {
    let anna = client("anna");
    let earns = |programme: &Programme, visit: &Visit| {
        settle(programme, visit, Some(&anna), &[]).first().map_or(0, |due| due.entry.amount())
    };
    let done = visit(Status::Completed, 1000);
    assert_eq!(earns(&programme(5), &done), 5_000);
    assert_eq!(earns(&programme(0), &done), 0);
    assert_eq!(earns(&Programme { min_price: 100_001, ..programme(5) }, &done), 0);
    assert_eq!(earns(&Programme { only_paid: true, ..programme(5) }, &done), 0);
    assert_eq!(
        earns(&Programme { only_paid: true, ..programme(5) }, &Visit { paid_full: true, ..done }),
        5_000
    );
    let since = |day| Programme { since: NaiveDate::from_ymd_opt(2026, 3, day), ..programme(5) };
    assert_eq!((earns(&since(14), &done), earns(&since(15), &done)), (5_000, 0));
    assert_eq!(earns(&programme(5), &Visit { price: Some(199), ..done }), 9, "rounded down");
    assert_eq!(earns(&programme(100), &Visit { price: Some(i64::MAX), ..done }), i64::MAX);
    assert_eq!(Programme { most_percent: 30, ..programme(5) }.most_of(100_050), 30_015);
}

#[test]
fn the_oldest_is_used_first_and_only_what_is_left_of_it_expires() {
    for (given_before, taken_ever, balance, expected) in [
        (100, 0, 150, 100),
        (100, 40, 110, 60),
        (100, 100, 50, 0),
        (100, 140, 10, 0),
        (0, 0, 50, 0),
        (100, 20, 30, 30),
        (100, 0, -20, 0),
    ] {
        assert_eq!(
            expiring(given_before, taken_ever, balance),
            expected,
            "{given_before} {taken_ever} {balance}"
        );
    }
}

proptest::proptest! {
    /// Whatever happens to a record in whatever order: every posting sums to zero, the ledger does, and in the end the record's
    /// holder has what it earns and nobody else anything of it.
    #[test]
    fn the_ledger_sums_to_zero_and_forgets_the_way_it_came(
        steps in proptest::collection::vec((0_usize..5, 0_i64..500_000, 0_usize..3, proptest::bool::ANY), 1..30),
        rate in 0_i64..=10_000,
    ) {
        let (people, mut ledger) = ([client("anna"), client("olga")], Ledger::default());
        let programme = Programme { rate, ..Programme::off() };
        for (status, price, holder, spends) in &steps {
            let visit = Visit { price: Some(*price), ..visit(Status::ALL[*status], 0) };
            let holder = people.get(*holder);
            if let Some(holder) = holder.filter(|_| *spends) {
                let most = ledger.balance(holder);
                if let Some(spend) = Entry::new(Kind::Spend, holder, most) {
                    ledger.post(&spend, None);
                }
            }
            ledger.look(&programme, &visit, holder);
            proptest::prop_assert_eq!(ledger.look(&programme, &visit, holder), 0);
            proptest::prop_assert_eq!(ledger.accounts.values().sum::<i64>(), 0);
            let spent: i64 = ledger.standings.values().map(|s| s.spent).sum();
            for standing in ledger.standings.values() {
                let is_holder = Some(&standing.client) == holder;
                let earns = is_holder && visit.status == Status::Completed;
                proptest::prop_assert_eq!(standing.accrued, if earns { share(price - spent, rate) } else { 0 });
            }
        }
    }

    #[test]
    fn both_sides_of_an_entry_sum_to_zero(amount: i64, kind in 0_usize..5) {
        let Some(entry) = Entry::new(Kind::ALL[kind], &client("anna"), amount) else {
            proptest::prop_assert!(amount <= 0);
            return Ok(());
        };
        proptest::prop_assert_eq!(entry.lines().iter().map(|(_, amount)| i128::from(*amount)).sum::<i128>(), 0);
        proptest::prop_assert_eq!(Kind::parse(entry.kind.as_str()), Some(entry.kind));
    }
}
