//! Whatever comes from outside, or from a disk that failed: each reader gets spoilt inputs and must keep its promises on all.
//!
//! A few thousand inputs each in every run of the tests; `bin/fuzz` runs as many as one likes. An input that broke something is
//! printed, and belongs into `tests/fuzz/corpus/<reader>` together with the mending.
//!
//! # Decision
//! No coverage-guided engine: those need a nightly compiler or a tool beside cargo. Instead every reader says *where* an input led
//! (which refusal, which fields were read), and an input that led somewhere new is spoilt further.

mod mutate;
mod targets;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use mutate::Mutator;
use targets::Reader;

/// Inputs of each reader in a run of the tests.
const FEW: u64 = 6_000;
/// No input may take longer, in a build without optimisation on a busy machine.
const LONGEST: Duration = Duration::from_secs(2);
/// What a reader may ask for beyond what the process had, in KiB. Counted whether it is touched or not.
const MOST_MEMORY: u64 = 256 << 10;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

/// What is in the reader's own folder, and what it names.
fn corpus(name: &str, reader: &dyn Reader) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut inputs = reader.beginnings();
    let own = std::fs::read_dir(root.join("tests/fuzz/corpus").join(name));
    let mut files: Vec<_> = own.into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    inputs.extend(files.iter().map(|path| std::fs::read(path).expect("a file")));
    inputs
}

/// The most memory the process ever asked for, in KiB.
fn asked_for() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn fuzz(name: &str, reader: &mut dyn Reader) {
    let (runs, seed) = (number("FUZZ_RUNS", FEW), number("FUZZ_SEED", 1));
    let corpus = corpus(name, reader);
    let mut mutator = Mutator::new(seed, corpus.clone());
    let (began, had) = (Instant::now(), asked_for());
    let mut slowest = Duration::ZERO;
    let mut refused = 0;
    let beginnings = corpus.len() as u64;
    for run in 0..runs + beginnings {
        let input = match usize::try_from(run).ok().and_then(|run| corpus.get(run)) {
            Some(untouched) => untouched.clone(),
            None => mutator.next(),
        };
        let started = Instant::now();
        let end = catch_unwind(AssertUnwindSafe(|| reader.read(&input))).unwrap_or_else(|_| {
            panic!(
                "{name}, input {run} of seed {seed}: {:?}\n{}",
                String::from_utf8_lossy(&input),
                hex::encode(&input)
            )
        });
        let mut took = started.elapsed();
        if took > LONGEST {
            // Slow because of the input, or of a neighbour? A slow input is slow again.
            for _ in 0..3 {
                let again = Instant::now();
                reader.read(&input);
                took = took.min(again.elapsed());
            }
            assert!(
                took < LONGEST,
                "{name}, input {run} of seed {seed} takes {took:?}: {}",
                hex::encode(&input)
            );
        }
        slowest = slowest.max(took);
        refused += u64::from(end.is_none());
        let mut hash = DefaultHasher::new();
        end.hash(&mut hash);
        mutator.learn(input, hash.finish());
    }
    let memory = asked_for() - had;
    println!(
        "fuzz {name}: {runs} inputs from {beginnings} beginnings in {:.1} s, {} ends, {refused} refused, slowest {slowest:.1?}, {memory} KiB asked for",
        began.elapsed().as_secs_f64(),
        mutator.ends(),
    );
    assert!(memory < MOST_MEMORY, "{name}: {memory} KiB more than before");
    assert!(mutator.ends() > 2, "{name}: every input leads to the same end: it reads nothing");
    assert!(refused < runs + beginnings, "{name}: nothing was ever read");
}

macro_rules! readers {
    ($($name:ident: $reader:expr),* $(,)?) => {
        /// One after another: memory is counted for the whole process.
        #[test]
        fn every_reader_keeps_its_promises() {
            let only = std::env::var("FUZZ_ONLY").unwrap_or_default();
            let names = [$(stringify!($name)),*];
            assert!(only.is_empty() || names.contains(&only.as_str()), "no reader is named {only}; there are {names:?}");
            $(if only.is_empty() || only == stringify!($name) {
                fuzz(stringify!($name), &mut $reader);
            })*
        }
    };
}

readers! {
    hook: targets::hook::Hooks,
    visit: targets::visit::Visits,
    phone: targets::phone::Phones,
    wording: targets::wording::Wordings::default(),
    tenant: targets::tenant::Tenants::default(),
    sealed: targets::sealed::SealedTexts::default(),
    session: targets::session::Sessions::default(),
}
