//! The lines in front of the turns, in real time over small windows.

use super::*;

const SMALL: Budget = Budget {
    per_second: 2,
    second_ms: 40,
    per_minute: 1_000,
    minute_ms: 60_000,
    background_per_second: 1,
    background_per_minute: 600,
};

/// Own turns within small windows.
struct Small(Own);

#[async_trait]
impl Source for Small {
    async fn ask(&self, urgency: Urgency, place: Option<i64>) -> (Answer, Duration) {
        self.0.ask_within(&SMALL, urgency, place)
    }

    async fn give_back(&self, urgency: Urgency, place: i64) {
        self.0.give_back(urgency, place).await;
    }

    async fn hold(&self, ms: i64) {
        self.0.hold(ms).await;
    }
}

/// Waiters that write down their names when their turn comes.
#[derive(Clone)]
struct Office {
    pace: Arc<LinedPace<Small>>,
    called: Arc<Mutex<Vec<(i64, Urgency)>>>,
}

impl Office {
    fn new() -> Self {
        Self { pace: Arc::new(LinedPace::of(Small(Own::default()))), called: Arc::default() }
    }

    fn wait(&self, salon: i64, urgency: Urgency) -> tokio::task::JoinHandle<()> {
        let office = self.clone();
        tokio::spawn(async move {
            office.pace.take(salon, urgency).await;
            locked(&office.called).push((salon, urgency));
        })
    }

    /// So many stand in both lines; those whose tasks have not begun yet do not.
    async fn stand(&self, count: usize) {
        let standing = || {
            [&self.pace.urgent, &self.pace.background]
                .iter()
                .map(|q| locked(&q.state).line.len())
                .sum::<usize>()
        };
        while standing() < count {
            tokio::task::yield_now().await;
        }
    }

    fn called(&self) -> Vec<i64> {
        locked(&self.called).iter().map(|(salon, _)| *salon).collect()
    }
}

#[tokio::test]
async fn a_salon_with_many_calls_delays_another_by_one_turn_at_most() {
    let office = Office::new();
    office.pace.hold(50).await;
    for _ in 0..500 {
        drop(office.wait(1, Urgency::Urgent));
    }
    office.stand(500).await;
    office.wait(2, Urgency::Urgent).await.expect("called");
    let before = office.called();
    assert!(before.len() <= 2, "it waited for {before:?}");
}

#[tokio::test]
async fn an_urgent_call_goes_before_all_that_wait_in_the_background() {
    let office = Office::new();
    office.pace.hold(50).await;
    let background: Vec<_> = (0..20).map(|salon| office.wait(100 + salon, Urgency::Background)).collect();
    office.stand(20).await;
    let urgent: Vec<_> = (0..4).map(|salon| office.wait(salon, Urgency::Urgent)).collect();
    for waiter in urgent.into_iter().chain(background) {
        waiter.await.expect("called");
    }
    let called = office.called();
    let first = called[..6].iter().filter(|salon| **salon < 100).count();
    assert_eq!(first, 4, "{called:?}");
    assert_eq!(called.len(), 24);
}

#[tokio::test]
async fn who_stops_waiting_gives_up_its_place_and_nobodys_turn() {
    let office = Office::new();
    office.pace.hold(30).await;
    let given_up: Vec<_> = (0..100).map(|_| office.wait(1, Urgency::Urgent)).collect();
    office.stand(100).await;
    let kept: Vec<_> = (0..6).map(|_| office.wait(2, Urgency::Urgent)).collect();
    office.stand(106).await;
    given_up.iter().for_each(tokio::task::JoinHandle::abort);
    let began = Instant::now();
    for waiter in kept {
        waiter.await.expect("called");
    }
    assert!(
        began.elapsed() < Duration::from_millis(1_500),
        "no turn went to who is gone: {:?}",
        began.elapsed()
    );
    let state = locked(&office.pace.urgent.state);
    assert!(state.line.is_empty() && state.places.is_empty());
}

#[tokio::test]
async fn a_turn_that_reaches_nobody_is_the_next_ones() {
    let office = Office::new();
    for _ in 0..20 {
        office.pace.take(1, Urgency::Urgent).await;
        // Called and dropped before it looked: the narrowest moment.
        let queue = &office.pace.urgent;
        let (call, called) = oneshot::channel();
        let ticket = locked(&queue.state).line.join(1, call);
        queue.call(777);
        drop(Waiter { queue, salon: 1, ticket, called, is_served: false });
        assert_eq!(std::mem::take(&mut locked(&queue.state).places), [777]);
    }
}

#[tokio::test]
async fn waiters_whose_asker_died_begin_again() {
    let office = Office::new();
    office.pace.hold(30).await;
    // The asker's place is taken by one who does nothing and then dies.
    let queue = Arc::clone(&office.pace.urgent);
    locked(&queue.state).is_asking = true;
    let dead = Asking { queue, is_over: false };
    let waiter = office.wait(1, Urgency::Urgent);
    office.stand(1).await;
    drop(dead);
    waiter.await.expect("called");
}
