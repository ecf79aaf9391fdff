//! Inputs made of inputs: a seeded hand that spoils what it is given, and remembers what led somewhere new.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Inputs grow no longer than this.
const LONGEST: usize = 16 << 10;
/// Inputs remembered because they led somewhere new.
const MOST_FOUND: usize = 4_000;

/// Values that are known to hurt somebody.
const NASTY: &[&str] = &[
    "",
    "0",
    "-0",
    "-1",
    "1e999",
    "1e-7",
    "0.1",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551616",
    "null",
    "true",
    "[]",
    "{}",
    "[[",
    "{\"",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "\u{a0}",
    "\u{200b}",
    "é",
    "𐍈",
    "ﷺ",
    "٣",
    "%00",
    "%2B",
    "%25",
    "&",
    "=",
    "+",
    "/",
    "_",
    "*",
    "~",
    "`",
    "{",
    "}",
    "\n",
    "\r\n",
    "\t",
    "\\",
    "'",
    "'''",
    "\"\"\"",
    "#",
    "..",
    "<script>",
    "id",
    "type",
    "event",
    "data",
    "resource",
    "resource_id",
    "company_id",
    "salon_id",
    "status",
    "deleted",
    "partner_token",
    "services",
    "staff",
    "client",
    "phone",
    "date",
    "datetime",
    "last_change_date",
    "record",
    "record_created",
    "update",
    "delete",
];

pub struct Mutator {
    rng: StdRng,
    corpus: Vec<Vec<u8>>,
    /// Where inputs led so far.
    ends: HashSet<u64>,
}

impl Mutator {
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        assert!(!corpus.is_empty(), "nothing to begin with");
        Self { rng: StdRng::seed_from_u64(seed), corpus, ends: HashSet::new() }
    }

    /// Says where an input led; one that led somewhere new is a beginning of others.
    pub fn learn(&mut self, input: Vec<u8>, end: u64) {
        if self.ends.len() < MOST_FOUND && self.ends.insert(end) {
            self.corpus.push(input);
        }
    }

    pub fn ends(&self) -> usize {
        self.ends.len()
    }

    pub fn next(&mut self) -> Vec<u8> {
        let mut input = self.pick().to_vec();
        let spoils = 1 + self.rng.random_range(0..4_usize) * self.rng.random_range(0..3_usize);
        for _ in 0..spoils {
            self.spoil(&mut input);
            input.truncate(LONGEST);
        }
        input
    }

    fn pick(&mut self) -> &[u8] {
        &self.corpus[self.rng.random_range(0..self.corpus.len())]
    }

    /// A stretch of the input, rarely a long one.
    fn stretch(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.rng.random_range(0..=len);
        let most = if self.rng.random_bool(0.9) { 12 } else { len };
        start..(start + self.rng.random_range(0..=most)).min(len)
    }

    fn spoil(&mut self, input: &mut Vec<u8>) {
        let stretch = self.stretch(input.len());
        let at = stretch.start;
        match self.rng.random_range(0..12) {
            0 if !input.is_empty() => {
                let bit = self.rng.random_range(0..8);
                input[at.min(stretch.end.saturating_sub(1)).min(at)..]
                    .iter_mut()
                    .take(1)
                    .for_each(|b| *b ^= 1 << bit);
            }
            1 => input[stretch].iter_mut().take(1).for_each(|b| *b = b.wrapping_add(1)),
            2 => drop(input.drain(stretch)),
            3 => {
                let copy = input[stretch].to_vec();
                splice(input, at..at, &copy);
            }
            4 => {
                let times = 1 << self.rng.random_range(0..11);
                let copy: Vec<u8> = input[stretch].iter().copied().cycle().take(times * 4).collect();
                splice(input, at..at, &copy);
            }
            5 => {
                let other = self.pick().to_vec();
                let from = self.stretch(other.len());
                splice(input, stretch, &other[from]);
            }
            6 => {
                let other = self.pick().to_vec();
                let from = self.rng.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 => input.truncate(at),
            8 => {
                let byte: u8 = self.rng.random();
                splice(input, stretch, &[byte]);
            }
            9 => self.spoil_value(input),
            _ => {
                let word = NASTY[self.rng.random_range(0..NASTY.len())];
                let stretch = if self.rng.random_bool(0.5) { at..at } else { stretch };
                splice(input, stretch, word.as_bytes());
            }
        }
    }

    /// Puts another value where one seems to stand: after a colon or an equals sign, up to the next mark.
    fn spoil_value(&mut self, input: &mut Vec<u8>) {
        let is_start = |b: &u8| matches!(b, b':' | b'=');
        let starts: Vec<usize> =
            input.iter().enumerate().filter(|(_, b)| is_start(b)).map(|(at, _)| at + 1).collect();
        if starts.is_empty() {
            return;
        }
        let start = starts[self.rng.random_range(0..starts.len())];
        let end = input[start..].iter().position(|b| matches!(b, b',' | b'}' | b'&' | b'\n'));
        let end = end.map_or(input.len(), |end| start + end);
        let word = NASTY[self.rng.random_range(0..NASTY.len())];
        let quoted = format!("\"{word}\"");
        let value = if self.rng.random_bool(0.5) { quoted.as_bytes() } else { word.as_bytes() };
        splice(input, start..end, value);
    }
}

fn splice(input: &mut Vec<u8>, range: std::ops::Range<usize>, with: &[u8]) {
    input.splice(range, with.iter().copied());
}
