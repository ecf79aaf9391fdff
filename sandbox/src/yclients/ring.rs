//! A log that forgets its oldest lines, so that a long run does not fill the memory.

use std::collections::VecDeque;

#[derive(Debug)]
pub struct Ring<T> {
    items: VecDeque<(u64, T)>,
    next: u64,
    capacity: usize,
}

impl<T> Ring<T> {
    pub fn new(capacity: usize) -> Self {
        Self { items: VecDeque::new(), next: 1, capacity }
    }

    pub fn push(&mut self, item: T) -> u64 {
        if self.items.len() >= self.capacity {
            self.items.pop_front();
        }
        let id = self.next;
        self.next += 1;
        self.items.push_back((id, item));
        id
    }

    /// Numbers are given in order and never reused, so the place follows from the first one kept.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let (first, _) = self.items.front()?;
        let place = usize::try_from(id.checked_sub(*first)?).ok()?;
        self.items.get_mut(place).map(|(_, item)| item)
    }

    pub fn get(&self, id: u64) -> Option<&T> {
        let (first, _) = self.items.front()?;
        let place = usize::try_from(id.checked_sub(*first)?).ok()?;
        self.items.get(place).map(|(_, item)| item)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        self.items.iter().map(|(id, item)| (*id, item))
    }

    /// How many were ever pushed, the forgotten ones included.
    pub fn total(&self) -> u64 {
        self.next - 1
    }

    pub fn clear(&mut self) {
        self.items.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn a_ring_forgets_its_oldest_and_finds_the_rest() {
        let mut ring = Ring::new(2);
        let ids: Vec<_> = ["a", "b", "c"].into_iter().map(|s| ring.push(s)).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(ring.get(1), None);
        assert_eq!(ring.get_mut(3), Some(&mut "c"));
        assert_eq!(ring.total(), 3);
    }
}
