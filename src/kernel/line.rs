//! A line of waiters that is fair to each house they come from: the houses take turns, not their waiters.

use std::collections::{HashMap, VecDeque};

/// Each waiter brings `T`, which is handed out when its turn comes.
#[derive(Debug)]
pub struct Line<T> {
    /// Houses with somebody waiting, the next one first.
    houses: VecDeque<i64>,
    waiting: HashMap<i64, VecDeque<(u64, T)>>,
    last_ticket: u64,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { houses: VecDeque::new(), waiting: HashMap::new(), last_ticket: 0 }
    }
}

impl<T> Line<T> {
    /// Joins the line; the ticket is for leaving it.
    pub fn join(&mut self, house: i64, who: T) -> u64 {
        self.last_ticket += 1;
        let waiting = self.waiting.entry(house).or_default();
        if waiting.is_empty() {
            self.houses.push_back(house);
        }
        waiting.push_back((self.last_ticket, who));
        self.last_ticket
    }

    /// Gives up a place. `None` when it was called before.
    pub fn leave(&mut self, house: i64, ticket: u64) -> Option<T> {
        let waiting = self.waiting.get_mut(&house)?;
        let place = waiting.iter().position(|(held, _)| *held == ticket)?;
        let (_, who) = waiting.remove(place)?;
        if waiting.is_empty() {
            self.waiting.remove(&house);
            self.houses.retain(|other| *other != house);
        }
        Some(who)
    }

    /// The next waiter; its house goes to the end of the line.
    pub fn call(&mut self) -> Option<T> {
        let house = self.houses.pop_front()?;
        let waiting = self.waiting.get_mut(&house)?;
        let (_, who) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&house);
        } else {
            self.houses.push_back(house);
        }
        Some(who)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.houses.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_house_with_five_hundred_waiters_delays_another_by_one_turn() {
        let mut line = Line::default();
        for n in 0..500 {
            line.join(1, (1, n));
        }
        assert_eq!(line.call(), Some((1, 0)));
        line.join(2, (2, 0));
        line.join(2, (2, 1));
        let called: Vec<_> = (0..5).filter_map(|_| line.call()).collect();
        assert_eq!(called, [(1, 1), (2, 0), (1, 2), (2, 1), (1, 3)]);
    }

    proptest::proptest! {
        /// Against the plain meaning of it: whoever waits is passed by each other house once at most before its own is called,
        /// in its own house nobody overtakes, nobody is lost and nobody is called twice.
        #[test]
        fn every_house_gets_its_turn(steps in proptest::collection::vec((0_u8..4, 0_i64..5), 1..400)) {
            let mut line = Line::default();
            let mut waiting: Vec<(i64, u64)> = Vec::new();
            let mut since: HashMap<i64, Vec<i64>> = HashMap::new();
            for (step, house) in steps {
                match step {
                    0 | 1 => {
                        let ticket = line.join(house, (house, line.last_ticket + 1));
                        waiting.push((house, ticket));
                        since.entry(house).or_default();
                    }
                    2 => if let Some(&(house, ticket)) = waiting.iter().rev().find(|(of, _)| *of == house) {
                        assert_eq!(line.leave(house, ticket), Some((house, ticket)));
                        assert_eq!(line.leave(house, ticket), None);
                        waiting.retain(|(_, other)| *other != ticket);
                        if !waiting.iter().any(|(of, _)| *of == house) {
                            since.remove(&house);
                        }
                    },
                    _ => {
                        let called = line.call();
                        assert_eq!(called.is_none(), waiting.is_empty());
                        let Some((house, ticket)) = called else { continue };
                        assert_eq!(waiting.iter().find(|(of, _)| *of == house), Some(&(house, ticket)));
                        waiting.retain(|(_, other)| *other != ticket);
                        since.remove(&house);
                        for passed_by in since.values_mut() {
                            assert!(!passed_by.contains(&house), "{house} twice before somebody who waits");
                            passed_by.push(house);
                        }
                        if waiting.iter().any(|(of, _)| *of == house) {
                            since.insert(house, Vec::new());
                        }
                    }
                }
                assert_eq!(line.is_empty(), waiting.is_empty());
            }
        }
    }
}
