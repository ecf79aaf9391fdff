use super::*;
use crate::history::Row;

const NUMBER: &str = "79990000001";

fn version(minute: u16, made_at: i64) -> Version {
    Version { minute, cancelled: false, made_at }
}

fn heard(id: &str, kind: Kind, minute: u16, at: i64) -> Heard {
    Heard { id: id.to_owned(), from: NUMBER.to_owned(), kind, minute, at }
}

fn row(id: &str, state: &str) -> Row {
    Row {
        message_id: id.to_owned(),
        record: 5,
        state: state.to_owned(),
        reason: String::new(),
        deadline_at: 1_000,
    }
}

/// Booked, moved, cancelled; told of each.
fn right() -> Run {
    let versions =
        vec![version(600, 10), version(615, 20), Version { minute: 615, cancelled: true, made_at: 30 }];
    Run {
        seed: 1,
        lossy: false,
        records: BTreeMap::from([(5, versions)]),
        heard: vec![
            heard("a", Kind::Confirmation, 600, 11),
            heard("b", Kind::Change, 615, 21),
            heard("c", Kind::Cancel, 615, 31),
        ],
        rows: vec![row("a", "sent"), row("b", "sent"), row("c", "sent")],
    }
}

fn found(run: &Run) -> Vec<&'static str> {
    let verdict = check(run, NUMBER);
    verdict.findings().filter(|(_, found)| !found.is_empty()).map(|(name, _)| name).collect()
}

#[test]
fn what_is_right_is_called_right() {
    assert_eq!(found(&right()), [""; 0]);
    // A version that nobody was told of because the next one came at once: what is called off is what the client knew.
    let mut merged = right();
    merged.heard.remove(1);
    merged.rows.remove(1);
    merged.heard[1].minute = 600;
    assert_eq!(found(&merged), [""; 0]);
    // Booked and called off before anybody was told.
    let mut unheard = right();
    unheard.heard.clear();
    unheard.rows.clear();
    assert_eq!(found(&unheard), [""; 0]);
}

#[test]
fn each_thing_that_is_wrong_is_found() {
    let wrong = |change: fn(&mut Run)| {
        let mut run = right();
        change(&mut run);
        found(&run)
    };
    assert_eq!(wrong(|run| drop((run.heard.pop(), run.rows.pop()))), ["lost"], "the end was not told");
    assert_eq!(wrong(|run| drop(run.heard.pop())), ["lost"], "said to be sent, and on no phone");
    assert_eq!(
        wrong(|run| {
            run.heard.push(heard("d", Kind::Cancel, 615, 32));
            run.rows.push(row("d", "sent"));
        }),
        ["doubled"]
    );
    assert_eq!(wrong(|run| run.heard.push(heard("c", Kind::Cancel, 615, 31))), ["doubled"], "one id twice");
    assert_eq!(
        wrong(|run| {
            run.heard.remove(2);
            run.rows.remove(2);
            run.heard.swap(0, 1);
            run.lossy = true;
        }),
        ["out of order"]
    );
    assert_eq!(
        wrong(|run| run.heard[2].minute = 600),
        ["lost", "foreign"],
        "called off by a time it had no more"
    );
    assert_eq!(wrong(|run| run.heard[0].at = 9), ["early"]);
    assert_eq!(wrong(|run| run.heard[2].at = 1_001), ["late"]);
    assert_eq!(wrong(|run| run.heard[0].minute = 777), ["foreign"]);
    assert_eq!(
        wrong(|run| run.heard[0].from = "79990000009".to_owned()),
        ["foreign"],
        "another salon's number"
    );
    assert_eq!(wrong(|run| drop(run.rows.remove(0))), ["foreign"], "unknown to the database");
    assert_eq!(wrong(|run| run.rows[2].state = "cancelled".to_owned()), ["foreign"], "withdrawn, and there");
}

#[test]
fn a_message_in_doubt_excuses_what_it_stands_for_and_nothing_else() {
    let mut run = right();
    drop(run.heard.pop());
    run.rows[2].state = "uncertain".to_owned();
    assert_eq!(found(&run), [""; 0]);
    assert_eq!(check(&run, NUMBER).in_doubt, 1);
    run.rows[2].record = 6;
    assert_eq!(found(&run), ["lost"]);
}
