//! Follows what a fleet wants of this box: fetches it, checks who says it, brings it into effect, and reports.
//!
//! ```text
//!   look ──▶ fetch BOX.toml, else all.toml, and its signature ──▶ check ──▶ the provisioned layer ──▶ report
//!    ▲            │ none, unreadable, refused: told once                        │ guarded: confirmed by the next
//!    └────────────┴────── interval, a change of fleet.*, news of the server ◀───┘ look that reaches the source
//! ```
//! It needs no way in: it works behind routers that let nobody through.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Url, header};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout};

use super::follower::Follower;
use crate::config::{Fleet, Secret};
use crate::system::conditions::Conditions;
use crate::system::desired::{DOCUMENT_BYTES_MAX, Desired, SIGNATURE_BYTES_MAX};

/// How long a server may hold its answer back until there is news (RFC 7240, `wait`), in seconds.
const NEWS_S: u64 = 50;

/// How much longer its answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(NEWS_S + 10);

/// A server that has held back its answer for so long is asked again at once.
const HELD: Duration = Duration::from_secs(5);

/// How soon is looked whether the source can still be reached after such a change, and after a look that failed; then
/// after twice as long, and so on, up to the interval.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// What a box is told by when nobody else is.
pub(super) const FOR_ALL: &str = "all.toml";

/// What fetches.
pub struct Agent {
    /// What it is followed by, and where it reads whom to follow.
    pub follower: Arc<Follower>,
    /// What it reports.
    pub conditions: watch::Receiver<Conditions>,
    /// Asks the web.
    pub http: reqwest::Client,
}

/// What was fetched.
enum Fetched {
    /// The document, its signature, and the tag by which the server knows it.
    News { text: Vec<u8>, signature: String, etag: Option<String> },
    /// The same as before.
    Same,
}

/// What the agent remembers from one look to the next.
#[derive(Default)]
struct Memory {
    /// Where the last document came from, its tag there, and what it wants.
    last: Option<(String, Option<String>, Desired)>,
    /// How many looks have failed since the last one that did not.
    failures: u32,
    /// The last look has brought news: whether the server holds its answer back until there is more shows at once.
    is_fresh: bool,
}

impl Agent {
    /// Follows until it is ended.
    pub async fn run(self) {
        let mut changes = self.follower.configuration().subscribe();
        let mut memory = Memory::default();
        loop {
            let fleet = changes.borrow_and_update().config.fleet.clone();
            let (Some(source), Some(key)) = (&fleet.source, &fleet.key) else {
                memory = Memory::default();
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let began = self.follower.clock().now();
            let outcome = self.look(&mut memory, source, key).await;
            let is_fresh = outcome.is_ok() && memory.is_fresh;
            memory.failures = if outcome.is_ok() { 0 } else { memory.failures + 1 };
            self.follower.tell(outcome);
            self.report(&fleet).await;
            let held = self.follower.clock().now().saturating_duration_since(began) >= HELD;
            let interval = self.spread(Duration::from_secs(fleet.interval_seconds.into()));
            let wait = match (memory.failures, held || is_fresh, self.follower.is_unconfirmed()) {
                (0, true, _) => Duration::ZERO,
                (0, false, true) => AGAIN_AFTER,
                (0, false, false) => interval,
                (failures, ..) => (AGAIN_AFTER * 2_u32.saturating_pow(failures.min(10) - 1)).min(interval),
            };
            let next = self.follower.clock().now() + wait;
            loop {
                tokio::select! {
                    () = sleep_until(next.into()) => break,
                    changed = changes.changed() => match changed {
                        Ok(()) if changes.borrow_and_update().config.fleet == fleet => {}
                        Ok(()) => break,
                        Err(_) => return,
                    },
                }
            }
            changes.mark_changed();
        }
    }

    /// Boxes that were switched on at the same moment do not ask at the same moment for ever: up to a tenth less.
    fn spread(&self, interval: Duration) -> Duration {
        let sum: u32 = self.follower.box_id().bytes().map(u32::from).sum();
        interval - interval / 10 * (sum % 100) / 100
    }

    /// Fetches and follows; the serial that is followed.
    async fn look(&self, memory: &mut Memory, source: &str, key: &str) -> Result<u64, String> {
        let known =
            memory.last.as_ref().filter(|(of, ..)| of == source).and_then(|(_, etag, _)| etag.clone());
        memory.is_fresh = false;
        let desired = match self.fetch(source, known.as_deref()).await? {
            Fetched::Same => memory.last.as_ref().map(|(.., desired)| desired.clone()),
            Fetched::News { text, signature, etag } => {
                let desired = self.follower.read(&text, &signature, key)?;
                memory.is_fresh = etag.is_some() && etag != known;
                memory.last = Some((source.to_owned(), etag, desired.clone()));
                Some(desired)
            }
        };
        let desired = desired.ok_or("the server says that nothing is new, and nothing was there before")?;
        self.follower.reached();
        self.follower.follow(key, &desired)?;
        Ok(desired.serial)
    }

    async fn fetch(&self, source: &str, known: Option<&str>) -> Result<Fetched, String> {
        let own = format!("{}.toml", self.follower.box_id());
        if source.starts_with('/') {
            let folder = Path::new(source);
            let name = if folder.join(&own).exists() { own.as_str() } else { FOR_ALL };
            let (text, signature) = signed(folder, name).await?;
            return Ok(Fetched::News { text, signature, etag: None });
        }
        let base = format!("{}/", source.trim_end_matches('/'));
        let base: Url = base.parse().map_err(|error| format!("fleet.source is no address: {error}"))?;
        for name in [own.as_str(), FOR_ALL] {
            let url = base.join(name).map_err(|error| format!("fleet.source is no address: {error}"))?;
            // A server that knows how holds the answer back until there is news.
            let mut request = self.http.get(url.clone()).timeout(ANSWER_MAX);
            if let Some(known) = known {
                request =
                    request.header(header::IF_NONE_MATCH, known).header("Prefer", format!("wait={NEWS_S}"));
            }
            let answer = request.send().await.map_err(|error| unreached(&url, error))?;
            let etag =
                answer.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
            match answer.status() {
                StatusCode::NOT_MODIFIED if known.is_some() => return Ok(Fetched::Same),
                StatusCode::NOT_FOUND if name != FOR_ALL => continue,
                StatusCode::OK => {}
                status => return Err(format!("{url} answered {status}")),
            }
            let text = body(&url, answer, DOCUMENT_BYTES_MAX).await?;
            let url = base.join(&format!("{name}.minisig")).map_err(|error| error.to_string())?;
            let answer = self.http.get(url.clone()).send().await.map_err(|error| unreached(&url, error))?;
            if answer.status() != StatusCode::OK {
                return Err(format!("{url} answered {}: the document has no signature", answer.status()));
            }
            let signature = body(&url, answer, SIGNATURE_BYTES_MAX).await?;
            let signature = String::from_utf8_lossy(&signature).into_owned();
            return Ok(Fetched::News { text, signature, etag });
        }
        Err(format!("there is neither {own} nor {FOR_ALL} at {base}"))
    }

    /// Tells where it is wanted how the appliance is; that nobody listens is the fleet's affair.
    async fn report(&self, fleet: &Fleet) {
        let Some(report) = &fleet.report else { return };
        let body = self.follower.report(&self.conditions.borrow().clone());
        let mut request = self.http.post(report).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &fleet.report_token {
            request = request.bearer_auth(Secret::reveal(token));
        }
        match request.body(body.to_string()).send().await {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => log::debug!("fleet.report answered {}", answer.status()),
            Err(error) => log::debug!("fleet.report was not told: {}", error.without_url()),
        }
    }
}

/// A document of a folder, and its signature.
pub(super) async fn signed(folder: &Path, name: &str) -> Result<(Vec<u8>, String), String> {
    let text = file(&folder.join(name), DOCUMENT_BYTES_MAX).await?;
    let signature = file(&folder.join(format!("{name}.minisig")), SIGNATURE_BYTES_MAX).await?;
    Ok((text, String::from_utf8_lossy(&signature).into_owned()))
}

/// A file, if it has no more bytes.
pub(super) async fn file(path: &Path, bytes_max: usize) -> Result<Vec<u8>, String> {
    let failed = |cause: &dyn std::fmt::Display| format!("cannot read {}: {cause}", path.display());
    let length = tokio::fs::metadata(path).await.map_err(|cause| failed(&cause))?.len();
    if length > bytes_max as u64 {
        return Err(failed(&format!("it has more than {bytes_max} bytes")));
    }
    tokio::fs::read(path).await.map_err(|cause| failed(&cause))
}

async fn body(url: &Url, mut answer: reqwest::Response, bytes_max: usize) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    let arriving = async {
        while let Some(piece) = answer.chunk().await.map_err(|error| unreached(url, error))? {
            whole.extend_from_slice(&piece);
            if whole.len() > bytes_max {
                return Err(format!("{url} has more than {bytes_max} bytes"));
            }
        }
        Ok(())
    };
    timeout(ANSWER_MAX, arriving).await.map_err(|_| format!("{url} did not arrive in time"))??;
    Ok(whole)
}

/// The error with its causes: the outermost says little.
fn unreached(url: &Url, error: reqwest::Error) -> String {
    format!("{url} cannot be fetched: {:#}", anyhow::Error::from(error.without_url()))
}
