//! Chance by a seed: the same seed and the same order of events give the same weather.

use serde::{Deserialize, Serialize};

/// SplitMix64. Written out because a seed kept in a bug report must mean the same next year, whatever library we use then.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        let span = high.saturating_sub(low).saturating_add(1);
        if span == 0 { low } else { low + self.next() % span }
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.between(0, i as u64) as usize;
            items.swap(i, j);
        }
    }
}

/// How often something happens: `false`, `true`, a probability such as `0.3`, or `{"every": 3}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Chance {
    Always(bool),
    Probability(f64),
    Every { every: u64 },
}

impl Default for Chance {
    fn default() -> Self {
        Self::Always(false)
    }
}

impl Chance {
    /// `seen` counts the rolls of this one chance, so that "every third" means the third, sixth, ninth.
    pub fn roll(self, seen: &mut u64, dice: &mut Dice) -> bool {
        *seen += 1;
        match self {
            Self::Always(yes) => yes,
            Self::Probability(p) => dice.unit() < p,
            Self::Every { every } => every > 0 && (*seen).is_multiple_of(every),
        }
    }
}
