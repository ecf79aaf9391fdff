//! The client version all sessions of the process claim. The library would fetch it per session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use whatsapp_rust::http::HttpClient;
use whatsapp_rust::version::fetch_latest_app_version;

use super::settings::{SANDBOX_VERSION, Settings};
use super::wire::Http;

/// The client version we claim: the operator's, or WhatsApp's own newest, asked for once a day.
///
/// # Decision
/// A session must start though WhatsApp's page does not answer, and nobody waits for a page longer than a moment: the answer is
/// fetched by a task of its own, what is known is claimed meanwhile, and a failure is remembered. The price is that the first
/// sessions of a process may claim an older version once more; WhatsApp takes versions for weeks.
pub(super) struct Version {
    fixed: Option<Claim>,
    http: Arc<dyn HttpClient>,
    pace: Pace,
    known: Arc<watch::Sender<Known>>,
}

type Claim = (u32, u32, u32);

/// What was heard of WhatsApp's newest version.
#[derive(Clone, Copy, Default)]
struct Known {
    version: Option<(Claim, Instant)>,
    failed: Option<Instant>,
    asking: bool,
}

#[derive(Clone, Copy)]
struct Pace {
    /// How long an answer is good.
    fresh: Duration,
    /// After a failure nobody asks for so long.
    after_failure: Duration,
    /// Whoever knows no version at all waits so long for the first.
    moment: Duration,
}

const PACE: Pace = Pace {
    fresh: Duration::from_secs(24 * 3600),
    after_failure: Duration::from_secs(60),
    moment: Duration::from_secs(3),
};

impl Version {
    pub(super) fn new(settings: &Settings, http: Http) -> Self {
        let fixed = settings.version.or_else(|| settings.ws_url.as_ref().map(|_| SANDBOX_VERSION));
        Self::asked_by(fixed, Arc::new(http), PACE)
    }

    fn asked_by(fixed: Option<Claim>, http: Arc<dyn HttpClient>, pace: Pace) -> Self {
        Self { fixed, http, pace, known: Arc::new(watch::Sender::default()) }
    }

    /// Whether asking again may bring a newer one.
    pub(super) fn may_change(&self) -> bool {
        self.fixed.is_none()
    }

    /// The version to claim now; `None` when none could be learnt since the process began. Then what the device claimed before
    /// is as good as any.
    pub(super) async fn get(&self) -> Option<Claim> {
        if self.fixed.is_some() {
            return self.fixed;
        }
        self.refresh(self.pace.fresh);
        let mut known = self.known.subscribe();
        let heard = known.wait_for(|known| known.version.is_some() || !known.asking);
        // Too late is not heard: whoever comes after this one may have it.
        let heard = tokio::time::timeout(self.pace.moment, heard).await.ok()?.ok()?.version;
        heard.map(|(version, _)| version)
    }

    /// Has the version asked for anew unless it is younger than this. One task asks for all, and nobody waits for it here.
    pub(super) fn refresh(&self, at_most_old: Duration) {
        let begins = self.fixed.is_none()
            && self.known.send_if_modified(|known| {
                let fresh = known.version.is_some_and(|(_, at)| at.elapsed() < at_most_old);
                let failed = known.failed.is_some_and(|at| at.elapsed() < self.pace.after_failure);
                let begins = !known.asking && !fresh && !failed;
                known.asking |= begins;
                begins
            });
        if begins {
            tokio::spawn(ask(Arc::clone(&self.http), Arc::clone(&self.known)));
        }
    }
}

async fn ask(http: Arc<dyn HttpClient>, known: Arc<watch::Sender<Known>>) {
    let answer = fetch_latest_app_version(&http).await;
    if let Err(error) = &answer {
        tracing::warn!(%error, "WhatsApp does not tell its current version; an earlier one is claimed");
    }
    known.send_modify(|known| {
        known.asking = false;
        let now = Instant::now();
        match answer {
            Ok(version) => (known.version, known.failed) = (Some((version, now)), None),
            Err(_) => known.failed = Some(now),
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use whatsapp_rust::http::{HttpRequest, HttpResponse};

    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const QUICK: Pace = Pace {
        fresh: Duration::from_secs(3600),
        after_failure: Duration::from_millis(300),
        moment: Duration::from_millis(200),
    };

    /// WhatsApp's page: what it says (nothing: it fails), how long it takes, and how often it was asked.
    #[derive(Default)]
    struct Page {
        revision: AtomicU32,
        takes_ms: AtomicU32,
        asked: AtomicU32,
    }

    impl Page {
        fn says(&self, revision: u32, takes_ms: u32) {
            self.revision.store(revision, Ordering::SeqCst);
            self.takes_ms.store(takes_ms, Ordering::SeqCst);
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl HttpClient for Page {
        async fn execute(&self, _request: HttpRequest) -> anyhow::Result<HttpResponse> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let revision = self.revision.load(Ordering::SeqCst);
            tokio::time::sleep(MS * self.takes_ms.load(Ordering::SeqCst)).await;
            anyhow::ensure!(revision > 0, "no route");
            let body = format!("{{\"client_revision\":{revision},}}").into_bytes();
            Ok(HttpResponse { status_code: 200, body })
        }
    }

    fn page(pace: Pace) -> (Arc<Page>, Version) {
        let page = Arc::new(Page::default());
        (Arc::clone(&page), Version::asked_by(None, page, pace))
    }

    #[tokio::test]
    async fn a_thousand_sessions_ask_once_and_a_failure_is_remembered() {
        let (page, version) = page(QUICK);
        page.says(0, 10);
        let all = futures::future::join_all((0..1000).map(|_| version.get())).await;
        assert!(all.iter().all(Option::is_none));
        page.says(7, 0);
        assert_eq!((version.get().await, page.asked()), (None, 1));
        tokio::time::sleep(QUICK.after_failure).await;
        assert_eq!((version.get().await, page.asked()), (Some((2, 3000, 7)), 2));
    }

    #[tokio::test]
    async fn a_page_that_hangs_holds_nobody_up_and_its_answer_is_not_lost() {
        let (page, version) = page(QUICK);
        page.says(7, 1_000);
        let began = Instant::now();
        assert_eq!(version.get().await, None);
        assert!(began.elapsed() < MS * 900, "{:?}", began.elapsed());
        tokio::time::sleep(MS * 1_200).await;
        assert_eq!((version.get().await, page.asked()), (Some((2, 3000, 7)), 1));
    }

    #[tokio::test]
    async fn yesterdays_version_is_claimed_while_todays_is_asked_for() {
        let (page, version) = page(Pace { fresh: MS, moment: Duration::from_secs(20), ..QUICK });
        page.says(7, 0);
        assert_eq!(version.get().await, Some((2, 3000, 7)));
        tokio::time::sleep(MS * 5).await;
        page.says(0, 50);
        assert_eq!(version.get().await, Some((2, 3000, 7)));
        tokio::time::sleep(MS * 200).await;
        assert_eq!(version.get().await, Some((2, 3000, 7)), "better than none");
        assert_eq!(page.asked(), 2);
    }

    #[tokio::test]
    async fn the_operators_version_is_never_asked_for() {
        let page = Arc::new(Page::default());
        let version = Version::asked_by(Some((1, 2, 3)), Arc::clone(&page) as Arc<dyn HttpClient>, QUICK);
        version.refresh(Duration::ZERO);
        assert_eq!((version.get().await, version.may_change()), (Some((1, 2, 3)), false));
        assert_eq!(page.asked(), 0);
    }
}
