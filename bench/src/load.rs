//! The load: keep-alive connections that post hooks one after another, and how long each answer took.
//!
//! Raw HTTP/1.1 over one thread, because on one machine whatever the generator spends is taken from what it measures. Every
//! hook names a record of its own, so nothing folds: each costs its receiver a whole row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::report::{Latency, percentiles};

/// A hook as YClients sends it.
const BODY: &str = include_str!("../../tests/fixtures/yclients/webhook_record_create.json");
const BODY_SALON: &str = "990101";
const BODY_RECORD: &str = "880000501";
/// Nine digits, as many as the body has in that place.
pub const FIRST_RECORD: u64 = 100_000_000;
/// An answer that takes longer means that nobody answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much is posted.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub warm_up: Duration,
    pub measured: Duration,
}

/// Where one salon's hooks go.
#[derive(Debug, Clone)]
pub struct Target {
    pub path: String,
    pub salon_id: i64,
}

/// What came of a load.
#[derive(Debug)]
pub struct Outcome {
    pub rps: f64,
    pub latency: Latency,
    /// Every hook that was answered with 200, warm-up included: so many rows must be there.
    pub acknowledged: u64,
}

/// The body of one hook.
pub fn body(salon_id: i64, record: u64) -> String {
    BODY.replace(BODY_SALON, &salon_id.to_string()).replace(BODY_RECORD, &record.to_string())
}

/// Posts to `targets` in turn for as long as the load says. Blocks.
pub fn run(address: &str, targets: &[Target], load: Load) -> anyhow::Result<Outcome> {
    run_from(address, targets, load, FIRST_RECORD)
}

/// The same with records from this number on: two loads at once must not name the same.
pub fn run_from(address: &str, targets: &[Target], load: Load, first: u64) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (next, acknowledged) = (Arc::new(AtomicU64::new(first)), Arc::new(AtomicU64::new(0)));
        let begin = Instant::now() + load.warm_up;
        let end = begin + load.measured;
        let mut senders = Vec::with_capacity(load.connections);
        for place in 0..load.connections {
            // Each connection posts for its share of the salons in turn; where there are fewer, they share a salon.
            let own: Vec<&Target> =
                targets.iter().skip(place % targets.len()).step_by(load.connections).collect();
            let sender = Sender::connect(address, &own).await?;
            senders.push(tokio::spawn(sender.post_until(next.clone(), acknowledged.clone(), begin, end)));
        }
        let mut took = Vec::new();
        for sender in senders {
            took.append(&mut sender.await??);
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 hooks")]
        let rps = took.len() as f64 / load.measured.as_secs_f64();
        let acknowledged = acknowledged.load(Ordering::Relaxed);
        Ok(Outcome { rps, latency: percentiles(&mut took)?, acknowledged })
    })
}

/// One connection.
struct Sender {
    stream: TcpStream,
    /// One for each salon; they take turns.
    requests: Vec<Request>,
    turn: usize,
    answer: Vec<u8>,
}

struct Request {
    bytes: Vec<u8>,
    /// Where the record's number stands in it.
    places: Vec<usize>,
}

impl Request {
    fn to(address: &str, target: &Target) -> Self {
        let body = body(target.salon_id, FIRST_RECORD);
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            target.path,
            body.len()
        );
        let places =
            body.match_indices(&FIRST_RECORD.to_string()).map(|(place, _)| head.len() + place).collect();
        Self { bytes: [head, body].concat().into_bytes(), places }
    }

    fn name(&mut self, record: u64) {
        let digits = record.to_string();
        for place in &self.places {
            self.bytes[*place..*place + digits.len()].copy_from_slice(digits.as_bytes());
        }
    }
}

impl Sender {
    async fn connect(address: &str, targets: &[&Target]) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("nobody answers at {address}"))?;
        stream.set_nodelay(true)?;
        let requests = targets.iter().map(|target| Request::to(address, target)).collect();
        Ok(Self { stream, requests, turn: 0, answer: vec![0; 4096] })
    }

    async fn post_until(
        mut self,
        next: Arc<AtomicU64>,
        acknowledged: Arc<AtomicU64>,
        begin: Instant,
        end: Instant,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        loop {
            let sent = Instant::now();
            if sent >= end {
                return Ok(took);
            }
            self.turn = (self.turn + 1) % self.requests.len();
            self.requests[self.turn].name(next.fetch_add(1, Ordering::Relaxed));
            tokio::time::timeout(PATIENCE, self.exchange()).await.context("a hook was never answered")??;
            acknowledged.fetch_add(1, Ordering::Relaxed);
            let answered = Instant::now();
            if sent >= begin && answered < end {
                took.push(answered - sent);
            }
        }
    }

    /// One request and its whole answer; anything but 200 ends the run.
    async fn exchange(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.requests[self.turn].bytes).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..]).await?;
            if read == 0 {
                bail!("the connection was closed in the middle of an answer, or the answer is too long");
            }
            filled += read;
            let Some(whole) = answer_length(&self.answer[..filled])? else { continue };
            if filled < whole {
                continue;
            }
            if !self.answer.starts_with(b"HTTP/1.1 200") {
                bail!("a hook was answered with: {}", String::from_utf8_lossy(&self.answer[..filled]));
            }
            return Ok(());
        }
    }
}

/// How long the answer is, once its head is there.
fn answer_length(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&answer[..head])?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(Some(head + 4 + length.context("an answer that does not say how long it is")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_names_a_record_of_its_own_everywhere_in_the_body() {
        let text = body(990_107, 123_456_789);
        assert!(!text.contains(BODY_RECORD) && !text.contains(BODY_SALON));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["resource_id"], 123_456_789);
        assert_eq!(value["data"]["id"], 123_456_789);
        assert_eq!(value["company_id"], 990_107);
        assert!(text.len() > 3000, "a hook of the real size");
    }

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        assert_eq!(answer_length(b"HTTP/1.1 200 OK\r\nContent-Le").expect("no mistake"), None);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(answer_length(answer).expect("no mistake"), Some(answer.len() + 2));
    }
}
