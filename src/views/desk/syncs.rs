//! The log of the sync: what each reading of the journal or the catalogue brought, and what stood in its way.

use askama::Template;

use super::{Turn, join};
use crate::domain::sync::{Skip, SyncKind, SyncRun, SyncState, Trouble};
use crate::kernel::clock::UnixMs;
use crate::views::{Frame, Words, dates, html};

#[derive(Debug, Clone)]
pub struct Syncs<'a> {
    pub nav: String,
    pub title: &'a str,
    pub company: &'a str,
    /// The page's address.
    pub url: &'a str,
    pub form_key: &'a str,
    pub timezone: chrono_tz::Tz,
    pub now: UnixMs,
    pub may_sync: bool,
    /// Why it was not begun.
    pub is_refused: bool,
    /// Whether the newest are shown: then the page follows what happens.
    pub is_first: bool,
    pub rows: &'a [SyncRun],
    pub turn: Turn,
}

#[derive(Template)]
#[template(path = "desk/syncs.html")]
struct Page<'a> {
    frame: Frame,
    w: Words,
    nav: &'a str,
    title: &'a str,
    company: &'a str,
    url: &'a str,
    form_key: &'a str,
    may_sync: bool,
    is_refused: bool,
    is_first: bool,
    rows: Vec<String>,
    turn: &'a Turn,
    zone: &'static str,
}

#[must_use]
pub fn syncs(frame: Frame, list: &Syncs<'_>) -> String {
    let w = frame.words;
    html(&Page {
        nav: &list.nav,
        title: list.title,
        company: list.company,
        url: list.url,
        form_key: list.form_key,
        may_sync: list.may_sync,
        is_refused: list.is_refused,
        is_first: list.is_first,
        rows: list.rows.iter().map(|run| sync_line(w, run, (list.timezone, list.now))).collect(),
        turn: &list.turn,
        zone: list.timezone.name(),
        frame,
        w,
    })
}

#[derive(Template)]
#[template(path = "desk/sync.html")]
struct Line {
    id: String,
    state: &'static str,
    time: String,
    what: String,
    tone: &'static str,
    standing: String,
    counts: String,
    healed: String,
    skipped: String,
    trouble: String,
}

/// One run as a line: of the page, and of what the page is told while it is open.
#[must_use]
pub fn sync_line(w: Words, run: &SyncRun, (zone, now): (chrono_tz::Tz, UnixMs)) -> String {
    let kind = match run.kind {
        SyncKind::Records => "desk-sync-records",
        SyncKind::Catalog => "desk-sync-catalog",
    };
    let (tone, standing) = match run.state {
        SyncState::Waiting => ("calm", "desk-sync-waiting"),
        SyncState::Running => ("calm", "desk-sync-running"),
        SyncState::Done => ("good", "desk-sync-done"),
        SyncState::Failed => ("stop", "desk-sync-broken"),
    };
    let by = w.t(if run.by_hand { "desk-sync-by-hand" } else { "desk-sync-by-itself" });
    html(&Line {
        id: run.id.to_string(),
        state: run.state.as_str(),
        time: dates::moment(run.began_at.unwrap_or(run.asked_at), now, zone, w.0),
        what: format!("{} · {by}", w.t(kind)),
        tone,
        standing: w.t(standing),
        counts: counts(w, run),
        healed: if run.counts.healed > 0 {
            count(w, "desk-sync-healed", run.counts.healed)
        } else {
            String::new()
        },
        skipped: skipped(w, run),
        trouble: Trouble::parse(&run.error).map(|trouble| w.t(trouble_key(trouble))).unwrap_or_default(),
    })
}

fn count(w: Words, key: &str, n: i64) -> String {
    w.count(key, u64::try_from(n).unwrap_or_default())
}

fn counts(w: Words, run: &SyncRun) -> String {
    let it = &run.counts;
    let of = |key: &str, n: i64| if n > 0 { w.with(key, "n", n) } else { String::new() };
    let all = join(&[
        of("desk-sync-created", it.created),
        of("desk-sync-updated", it.updated),
        of("desk-sync-cancelled", it.cancelled),
        of("desk-sync-unchanged", it.unchanged),
        of("desk-sync-unread", it.failed),
    ]);
    if all.is_empty() && run.state == SyncState::Done { w.t("desk-sync-nothing") } else { all }
}

fn skipped(w: Words, run: &SyncRun) -> String {
    let reason = |(why, n): (&String, &i64)| {
        let key = match why.as_str() {
            key if key == Skip::Unreadable.as_str() => "desk-skip-unreadable",
            key if key == Skip::AnotherSalon.as_str() => "desk-skip-another",
            _ => "desk-skip-older",
        };
        w.with(key, "n", n)
    };
    let reasons: Vec<_> = run.counts.skipped.iter().filter(|(_, n)| **n > 0).map(reason).collect();
    if reasons.is_empty() { String::new() } else { w.with("desk-skipped", "why", reasons.join(", ")) }
}

fn trouble_key(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Weather => "desk-trouble-weather",
        Trouble::Licence => "desk-trouble-licence",
        Trouble::Forbidden => "desk-trouble-forbidden",
        Trouble::Unauthorised => "desk-trouble-unauthorised",
        Trouble::NotActive => "desk-trouble-not-active",
        Trouble::Internal => "desk-trouble-internal",
    }
}
