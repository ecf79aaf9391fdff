//! This process among those that share its database: it shows that it lives, gives up those that do not, and sees to it that
//! every linked session runs somewhere.
//!
//! # Decision
//! Nobody's clock is compared with another's. A node moves its beat once a second; whoever looks, and sees it stand still over
//! five looks of its own, removes it, and everything it held is free. A node that slept finds itself removed, lets go of all it
//! ran and joins anew under another name; what it still tries to write or send names an epoch that is over. A process that has
//! its database to itself (SQLite, or PostgreSQL without Redis) needs no beat: nobody is there to give it up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::error::Error;
use super::{App, enqueue, sessions};
use crate::domain::session::SessionState;
use crate::kernel::clock::UnixMs;
use crate::kernel::id::NodeId;
use crate::storage::node::{self, NodeRow};
use crate::storage::{Db, job, wa_session};

/// How often a node shows that it lives, and looks at the others.
pub const BEAT: Duration = Duration::from_secs(1);
/// So many looks in a row that see no beat.
const STILL_LOOKS: u32 = 5;
/// A node that has not shown itself for so long may have been given up. Shorter than what the others wait.
const DOUBT_AFTER: Duration = Duration::from_secs(4);
/// Sessions without a node are looked for so often, though no node came or went.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// This process, by the name the others know it by.
pub struct Node {
    id: RwLock<NodeId>,
    /// When it last showed that it lives; `None` for a process that has the database to itself.
    shown: Option<RwLock<Instant>>,
    /// As many sessions it takes, and no more while there are others.
    most: AtomicUsize,
    /// Somebody came or went.
    stirred: Notify,
}

impl Node {
    /// A process that has its database to itself.
    #[must_use]
    pub fn alone(now: UnixMs) -> Self {
        Self {
            id: RwLock::new(NodeId::new(now)),
            shown: None,
            most: AtomicUsize::new(usize::MAX),
            stirred: Notify::new(),
        }
    }

    /// One of several.
    #[must_use]
    pub fn shared(now: UnixMs) -> Self {
        Self { shown: Some(RwLock::new(Instant::now())), ..Self::alone(now) }
    }

    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shown.is_some()
    }

    /// Whether this process may count on what it holds. Beyond doubt it is only while it shows itself in time.
    #[must_use]
    pub fn stands(&self) -> bool {
        let Some(shown) = &self.shown else { return true };
        shown.read().unwrap_or_else(PoisonError::into_inner).elapsed() < DOUBT_AFTER
    }

    /// Whether others should take what it has to offer.
    #[must_use]
    pub fn is_full(&self, running: usize) -> bool {
        running >= self.most.load(Ordering::Relaxed)
    }

    fn shows(&self, at: Instant) {
        if let Some(shown) = &self.shown {
            *shown.write().unwrap_or_else(PoisonError::into_inner) = at;
        }
    }

    fn rename(&self, id: NodeId) {
        *self.id.write().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// Takes its place in the database; alone, it clears away whoever died there.
    pub async fn join(&self, db: &Db, now: UnixMs) -> Result<(), Error> {
        let began = Instant::now();
        let mut conn = db.begin().await?;
        node::join(&mut conn, &self.id(), now).await?;
        if !self.is_shared() {
            node::remove_others(&mut conn, &self.id()).await?;
        }
        conn.commit().await?;
        self.shows(began);
        tracing::info!(node = %self.id(), shared = self.is_shared(), "joined");
        Ok(())
    }

    /// Leaves it. Everything that it held is free.
    pub async fn leave(&self, db: &Db) -> Result<(), Error> {
        let mut conn = db.begin().await?;
        node::leave(&mut conn, &self.id()).await?;
        Ok(conn.commit().await?)
    }
}

/// What a node has seen of the others, over a connection of its own.
pub struct Watch {
    db: Db,
    /// The beat each was last seen at, and how many looks ago it moved.
    still: HashMap<String, (i64, u32)>,
}

impl Watch {
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db, still: HashMap::new() }
    }
}

/// Takes a look: who stands still for too long, at which beat, and whether anybody came or went.
fn see(
    still: &mut HashMap<String, (i64, u32)>,
    rows: &[NodeRow],
    own: &NodeId,
) -> (Vec<(String, i64)>, bool) {
    let known = still.len();
    let mut seen = HashMap::with_capacity(rows.len());
    let mut came = false;
    for row in rows.iter().filter(|row| row.id != own.as_str()) {
        let looks = match still.get(&row.id) {
            Some((beat, looks)) if *beat == row.beat => looks + 1,
            Some(_) => 0,
            None => {
                came = true;
                0
            }
        };
        seen.insert(row.id.clone(), (row.beat, looks));
    }
    let changed = came || seen.len() != known;
    *still = seen;
    let gone = still.iter().filter(|(_, (_, looks))| *looks >= STILL_LOOKS);
    (gone.map(|(id, (beat, _))| (id.clone(), *beat)).collect(), changed)
}

/// Shows that this node lives, and sees who does not. Called every [`BEAT`], and never kept waiting by what follows from it.
pub async fn beat(app: &App, watch: &mut Watch) -> Result<(), Error> {
    let began = Instant::now();
    let running = app.gateway()?.running();
    let mut conn = watch.db.begin().await?;
    let lives = node::beat(&mut conn, &app.node.id(), i64::try_from(running).unwrap_or(i64::MAX)).await?;
    conn.commit().await?;
    if !lives {
        rejoin(app).await?;
    }
    app.node.shows(began);
    let rows = node::list(&mut watch.db.read().await?).await?;
    let (still, mut changed) = see(&mut watch.still, &rows, &app.node.id());
    for (id, at) in still {
        let mut conn = watch.db.begin().await?;
        let gone = node::remove_still(&mut conn, &id, at).await?;
        conn.commit().await?;
        if gone {
            tracing::warn!(node = id, "a node does not move any more: what it ran is taken over");
            metrics::counter!("salonbridge_nodes_given_up_total").increment(1);
            changed = true;
        }
    }
    if changed {
        app.node.stirred.notify_one();
    }
    Ok(())
}

/// The others gave this node up while it slept. Nothing it holds counts any more.
async fn rejoin(app: &App) -> Result<(), Error> {
    tracing::error!(node = %app.node.id(), "this node was given up by the others; it lets go of all it ran and joins anew");
    app.gateway()?.abandon().await;
    app.node.rename(NodeId::new(app.now()));
    app.node.join(&app.db, app.now()).await
}

/// Waits until somebody came or went, or a while; then takes back the jobs of those who are gone, shares the sessions out, and rings
/// for those that run nowhere.
pub async fn look_after(app: &App) -> Result<(), Error> {
    // Nothing is lost when nobody tells: it is looked at all the same.
    let _ = tokio::time::timeout(LOOK_EVERY, app.node.stirred.notified()).await;
    take_back(app).await?;
    share(app).await?;
    app.gateway()?.give_back().await;
    sessions::restore_all(app).await?;
    Ok(())
}

/// Takes back the leases of jobs that ran out, or whose node is gone.
pub async fn take_back(app: &App) -> Result<(), Error> {
    let now = app.now();
    let mut conn = app.db.begin().await?;
    let jobs = job::reap(&mut conn, now, now).await?;
    conn.commit().await?;
    if jobs > 0 {
        tracing::warn!(jobs, "leases of a process that went away were taken back");
        app.ring();
    }
    Ok(())
}

/// Finds how many sessions are a node's share, and hands over what is clearly more: a few at a time, for each is offline for a moment.
async fn share(app: &App) -> Result<(), Error> {
    let (nodes, counts) = {
        let mut conn = app.db.read().await?;
        (node::list(&mut conn).await?.len().max(1), wa_session::count(&mut conn).await?)
    };
    let linked =
        counts.iter().filter(|(state, _)| SessionState::parse(state).is_some_and(SessionState::is_linked));
    let linked = usize::try_from(linked.map(|(_, count)| count).sum::<i64>()).unwrap_or(0);
    let most = most_for(linked, nodes);
    app.node.most.store(most, Ordering::Relaxed);
    let gateway = app.gateway()?;
    let over = gateway.running().saturating_sub(most);
    for tenant in gateway.some_online(over.min(1 + most / 10)) {
        gateway.stop(&tenant).await;
        let now = app.now();
        let mut conn = app.db.begin().await?;
        enqueue::installation(&mut conn, enqueue::RESTORE, &tenant, now, now).await?;
        conn.commit().await?;
        app.ring_for(enqueue::RESTORE);
    }
    Ok(())
}

/// A node's share, with a twentieth and one more, so that not every newcomer makes all move.
fn most_for(linked: usize, nodes: usize) -> usize {
    if nodes < 2 {
        return usize::MAX;
    }
    let share = linked.div_ceil(nodes);
    share + share / 20 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, beat: i64) -> NodeRow {
        NodeRow { id: id.to_owned(), beat, sessions: 0 }
    }

    #[test]
    fn who_stands_still_over_five_looks_is_given_up_and_who_moves_is_not() {
        let (mut still, own) = (HashMap::new(), NodeId::from_stored("nod_own".to_owned()));
        assert_eq!(see(&mut still, &[row("nod_a", 3), row("nod_own", 0)], &own), (vec![], true));
        for look in 1..=4 {
            assert_eq!(
                see(&mut still, &[row("nod_a", 3), row("nod_own", 0)], &own),
                (vec![], false),
                "look {look}"
            );
        }
        assert_eq!(see(&mut still, &[row("nod_a", 3)], &own), (vec![("nod_a".to_owned(), 3)], false));
        assert_eq!(see(&mut still, &[row("nod_a", 4)], &own), (vec![], false), "it moved after all");
        assert_eq!(see(&mut still, &[], &own), (vec![], true), "it went");
    }

    #[test]
    fn shares_leave_room_for_every_session_whatever_the_number_of_nodes() {
        for nodes in 2..9 {
            for linked in [0, 1, 7, 100, 1_000, 5_001] {
                let most = most_for(linked, nodes);
                assert!(most * nodes >= linked, "{linked} on {nodes}");
                assert!(most <= linked / nodes * 21 / 20 + 3, "{linked} on {nodes}: {most}");
            }
        }
        assert_eq!(most_for(50, 1), usize::MAX);
    }

    #[test]
    fn a_node_that_did_not_show_itself_doubts_before_the_others_give_it_up() {
        let node = Node::shared(UnixMs(1));
        assert!(node.stands());
        node.shows(Instant::now() - DOUBT_AFTER);
        assert!(!node.stands());
        assert!(DOUBT_AFTER < BEAT * STILL_LOOKS);
        node.shows(Instant::now());
        assert!(node.stands());
        assert!(Node::alone(UnixMs(1)).stands());
    }
}
