//! How a number writes: the nearest visit first, never in a hurry, few strangers a day; what WhatsApp refuses, and what fails and
//! fails, waits and is seen. Hours pass here by a clock that is moved; nobody sleeps.

use std::collections::BTreeSet;

use salonbridge::boot::demo_trip::{CLIENT_PHONE, SALON_PHONE};
use salonbridge::domain::message::OutboxState;
use salonbridge::domain::session::InboundMessage;
use salonbridge::kernel::clock::Clock as _;
use salonbridge::kernel::id::OutboxId;
use salonbridge::kernel::phone::Phone;
use salonbridge::storage::pace;
use serde_json::json;

use crate::kit::{OPERATOR, Salon};
use crate::number::{Answer, desks, phone};

const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

#[tokio::test(flavor = "multi_thread")]
async fn after_an_outage_the_nearest_visits_are_told_first_and_what_is_stale_is_dropped_listed_and_counted() {
    for desk in desks().await {
        let began = desk.clock.now();
        // Clients 1 to 12, the later the number the nearer the visit; 20 and 21 had theirs while nothing could be sent.
        for n in 1..=12_u32 {
            desk.plan(n, 10 * HOUR - i64::from(n) * 30 * 60 * SECOND).await;
        }
        let stale = [desk.plan(20, -HOUR).await, desk.plan(21, -1).await];
        desk.pass(10 * 60 * SECOND).await;

        let handed = desk.handed(began);
        let order: Vec<u32> = handed.iter().map(|(_, client)| *client).collect();
        assert_eq!(order, (1..=12).rev().collect::<Vec<_>>());
        let pauses: BTreeSet<i64> = handed.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(pauses.iter().all(|pause| (3 * SECOND..=9 * SECOND).contains(pause)), "{pauses:?}");
        assert!(pauses.len() > 5, "a machine keeps time: {pauses:?}");
        for message in &stale {
            assert_eq!(desk.state(message).await, OutboxState::Expired);
        }
        assert_eq!(desk.said("expired", "too_late").await, 2);
        let (_, listed) = desk.salon.ask(OPERATOR, desk.salon.company("/messages?state=expired")).await;
        assert_eq!(listed["messages"].as_array().map(Vec::len), Some(2), "{listed}");
        assert_eq!(desk.health().await["sending"]["dropped_today"], 2);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatsapp_is_asked_about_a_number_once_a_month() {
    for desk in desks().await {
        let asked = || desk.whatsapp.asked.lock().expect("no panic").len();
        for (after, lookups) in [(0, 1), (14 * DAY, 1), (15 * DAY, 1), (DAY, 2), (14 * DAY, 2)] {
            desk.pass(after).await;
            desk.plan(1, HOUR).await;
            desk.pass(10 * SECOND).await;
            assert_eq!(asked(), lookups, "after {after}");
        }
        assert_eq!(desk.handed(desk.clock.now()).len(), 5);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_number_writes_to_few_strangers_a_day_and_keeps_some_for_the_nearest_visits() {
    for desk in desks().await {
        let began = desk.clock.now();
        // Twenty strangers a day at first, six of them for visits of the next day.
        let far: Vec<OutboxId> = {
            let mut planned = Vec::new();
            for n in 100..120 {
                planned.push(desk.plan(n, 5 * DAY + i64::from(n)).await);
            }
            planned
        };
        desk.pass(HOUR).await;
        assert_eq!(desk.handed(began).len(), 14, "the rest of the day is for others");
        assert_eq!(desk.said("held", "new_chats_full").await, 6);
        for n in 200..208 {
            desk.plan(n, 12 * HOUR).await;
        }
        desk.pass(HOUR).await;
        let near = desk.handed(began).into_iter().filter(|(_, client)| *client >= 200).count();
        assert_eq!((near, desk.handed(began).len()), (6, 20));
        let sending = desk.health().await["sending"].clone();
        assert_eq!(
            (&sending["new_chats"], &sending["new_chats_allowed"]),
            (&json!(20), &json!(20)),
            "{sending}"
        );
        assert_eq!(sending["waiting"], 8, "{sending}");
        // Whoever got a message before is no stranger.
        desk.plan(100, 5 * DAY).await;
        desk.pass(10 * 60 * SECOND).await;
        assert_eq!(desk.handed(began).last().map(|(_, client)| *client), Some(100));
        // The next day the others are told, and the two whose visit has begun by then are not.
        desk.pass(23 * HOUR).await;
        for message in &far {
            assert_eq!(desk.state(message).await, OutboxState::Sent);
        }
        assert_eq!(desk.said("expired", "too_late").await, 2);
        assert_eq!(desk.handed(began).len(), 27);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_alone_waits_alone_and_what_fails_and_fails_rests_is_seen_and_comes_back() {
    for desk in desks().await {
        let began = desk.clock.now();
        let broken = desk.plan(1, 3 * DAY).await;
        for n in 2..6 {
            desk.plan(n, 4 * DAY).await;
        }
        desk.judge(|message| if message.to.digits() == phone(1) { Answer::Broken } else { Answer::Taken });
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).len(), 4, "the others did not wait for it");
        assert_eq!(desk.state(&broken).await, OutboxState::Planned);

        // Now nothing gets out. Five failures in a row and three minutes later, sending rests.
        desk.judge(|_| Answer::Broken);
        for n in 6..11 {
            desk.plan(n, 4 * DAY).await;
        }
        desk.pass(HOUR).await;
        assert!(desk.said("held", "sending_rests").await >= 1);
        let tries = desk.whatsapp.tried.lock().expect("no panic").len();
        desk.pass(2 * HOUR).await;
        let more = desk.whatsapp.tried.lock().expect("no panic").len() - tries;
        assert!((1..=4).contains(&more), "{more} tries in two hours");
        let health = desk.health().await;
        let problems = health["problems"].as_array().expect("a list");
        assert!(problems.iter().any(|problem| problem["code"] == "sending_rests"), "{health}");

        desk.judge(|_| Answer::Taken);
        desk.pass(2 * HOUR).await;
        assert_eq!(desk.handed(began).len(), 10, "all are told, each once");
        let mut conn = desk.app.db.read().await.expect("a connection");
        let row = pace::find(&mut conn, &desk.salon.tenant).await.expect("read").expect("there");
        assert_eq!((row.breaker.failures, row.breaker.open_until), (0, None));
        drop(conn);
        desk.salon.world.stop().await;
    }
}

/// Its message may fail for days, nearest of all and tried again and again.
#[tokio::test(flavor = "multi_thread")]
async fn one_number_that_whatsapp_cannot_bear_keeps_nobody_else_from_their_message() {
    for (desk, ill) in desks().await.into_iter().zip([Answer::Broken, Answer::Unknown]) {
        let began = desk.clock.now();
        desk.judge(move |message| if message.to.digits() == phone(1) { ill } else { Answer::Taken });
        let broken = desk.plan(1, 2 * DAY).await;
        for n in 2..5 {
            desk.pass(3 * HOUR).await;
            let at = desk.clock.now();
            desk.plan(n, 5 * DAY).await;
            desk.pass(60 * SECOND).await;
            let (told_at, client) = desk.handed(began).last().copied().expect("a message");
            // A try that came to nothing is followed by a pause too.
            assert!(client == n && told_at - at.since(began) <= 10 * SECOND, "at once: {ill:?} {told_at}");
        }
        assert_eq!(desk.state(&broken).await, OutboxState::Planned);
        let tries = desk.whatsapp.tried.lock().expect("no panic").len();
        assert!((30..120).contains(&tries), "{tries} tries in nine hours: {ill:?}");
        desk.pass(2 * DAY).await;
        assert_eq!(desk.state(&broken).await, OutboxState::Expired);
        desk.salon.world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_whatsapp_refuses_new_chats_strangers_wait_friends_do_not_and_the_same_message_goes_later() {
    for desk in desks().await {
        let began = desk.clock.now();
        desk.plan(1, 3 * DAY).await;
        desk.pass(60 * SECOND).await;
        desk.judge(
            |message| if message.to.digits() == phone(1) { Answer::Taken } else { Answer::Nacked(463) },
        );
        let refused = desk.plan(2, 3 * DAY).await;
        let other = desk.plan(3, 2 * DAY).await;
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).len(), 2, "one refusal is enough: no other stranger is tried");
        desk.plan(1, 4 * DAY).await;
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.handed(began).last().map(|(_, client)| *client), Some(1), "a friend is told");
        for message in [&refused, &other] {
            assert_eq!(desk.state(message).await, OutboxState::Planned);
        }
        let health = desk.health().await;
        let problems = health["problems"].as_array().expect("a list");
        assert!(problems.iter().any(|problem| problem["code"] == "reach_out_locked"), "{health}");

        // Client 2 writes to the salon: no stranger any more.
        let inbound = InboundMessage {
            message_id: "in-1".to_owned(),
            phone: Phone::parse(&format!("+{}", phone(2))),
            lid: None,
            text: "hello".to_owned(),
            quoted_id: None,
            sent_at: desk.clock.now(),
        };
        salonbridge::app::inbound::keep(&desk.app, &desk.salon.tenant, &inbound).await.expect("kept");
        desk.judge(|_| Answer::Taken);
        desk.pass(60 * SECOND).await;
        assert_eq!(desk.state(&refused).await, OutboxState::Sent);
        assert_eq!(desk.state(&other).await, OutboxState::Planned);
        desk.pass(DAY).await;
        assert_eq!(desk.state(&other).await, OutboxState::Sent, "WhatsApp lets it again");
        let handed = desk.whatsapp.handed.lock().expect("no panic").clone();
        let ids: BTreeSet<&str> = handed.iter().map(|(_, message)| message.message_id.as_str()).collect();
        assert_eq!((handed.len(), ids.len()), (5, 4), "tried again under its own id");
        desk.salon.world.stop().await;
    }
}

/// Over the real wire: the sandbox refuses the first message to a stranger, then the stranger writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_whom_whatsapp_refused_is_told_when_they_write_to_the_salon() {
    let salon = Salon::active().await;
    let path = salon.hook_path().await;
    salon.decided("sent", "welcome").await;
    salon.whatsapp(json!({"nack": {"code": 463, "next": 1}})).await;
    salon.post(&path, salon.hook(701, "create", json!({}))).await;
    salon.until_why(701, "returned: reach_out_locked").await;
    salon
        .trip()
        .wa("POST", &format!("/phones/{CLIENT_PHONE}/send"), &json!({"to": SALON_PHONE, "text": "?"}))
        .await
        .expect("sent");
    salon.until_why(701, "sent: confirmation").await;
    assert_eq!(salon.told(1).await.len(), 1);
    salon.world.stop().await;
}
