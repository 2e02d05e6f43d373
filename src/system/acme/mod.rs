//! A certificate that an authority issues by itself (ACME, RFC 8555), renewed and swapped while connections go on.
//!
//! ```text
//!   off ◀─ acme.directory ─▶ waits ── none there, other names, it is time, or somebody asks ──▶ asks the authority
//!                              ▲                                                                   │         │
//!                              ├── had: kept in acme.pem, shown to whoever comes next ◀────────────┘         │
//!                              └── not had: told; again after 30 s, refused ones after 5 min, then twice ◀───┘
//!                                  as long, up to 12 h, or as long as the authority says; in acme.json
//! ```
//! It is time when a third of the certificate's life is left, or when the authority says (RFC 9773), which is asked now and then.
//! The account with the authority, and its key, are in `acme-account.json`. What an owner has uploaded is left alone.

mod account;
mod acme_dns;
mod asker;
mod dns_update;
mod failure;
mod order;
mod plan;
mod proof;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alcove_hal::clock::Clock;
use aws_lc_rs::{digest, rand};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep_until, timeout};

use self::asker::Asker;
use self::failure::Failure;
use self::order::Tell;
use self::plan::{HINT_AGAIN, Plan};
use self::proof::{Answers, Proof};
use super::certificates::{Slot, Uploads, View};
use super::configuration::State;
use super::operations::Progress;
use crate::config;

/// How often is looked whether it is time: clocks are set, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// How long one order may take.
const ORDER_MAX: Duration = Duration::from_mins(5);

const ACCOUNT_FILE: &str = "acme-account.json";
const PLAN_FILE: &str = "acme.json";

/// How things stand between the appliance and the authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The names that a certificate is wanted for; none where none is wanted.
    pub names: Vec<String>,
    /// Why the last try has failed, and what to do about it: a part of a sentence.
    pub trouble: Option<String>,
    /// When the next one is, in seconds since the Unix epoch.
    pub next_unix: u64,
}

/// Has certificates issued.
pub struct Acme {
    state: PathBuf,
    uploads: Uploads,
    clock: Arc<dyn Clock>,
    answers: Answers,
    inner: Mutex<Inner>,
    wake: Notify,
}

#[derive(Default)]
struct Inner {
    standing: Standing,
    /// Somebody wants a new one now.
    asked: Option<Progress>,
}

impl Acme {
    /// With what is kept in the state directory; shown at once, where a certificate is wanted still.
    #[must_use]
    pub fn open(state: &Path, uploads: Uploads, config: &config::Acme, clock: Arc<dyn Clock>) -> Self {
        let (state, answers) = (state.to_owned(), Answers::default());
        let acme = Self { state, uploads, clock, answers, inner: Mutex::default(), wake: Notify::new() };
        acme.begin(config);
        acme
    }

    /// What the authority is to read at `/.well-known/acme-challenge/TOKEN`, if it is to read anything there now.
    #[must_use]
    pub fn answer(&self, token: &str) -> Option<String> {
        self.answers.get(token)
    }

    /// How things stand; `None` where no certificate is wanted.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        Some(self.inner().standing.clone()).filter(|standing| !standing.names.is_empty())
    }

    /// Has a new one issued now, whatever the old one is good for.
    pub fn renew(&self, progress: Progress) {
        self.inner().asked = Some(progress);
        self.wake.notify_one();
    }

    /// Keeps the certificate good until it is ended.
    pub async fn run(self: Arc<Self>, mut changes: watch::Receiver<State>) {
        let mut acme = changes.borrow_and_update().config.acme.clone();
        loop {
            let (mut plan, settings) = self.begin(&acme);
            while changes.borrow_and_update().config.acme == acme {
                let now_unix = self.clock.unix_time().as_secs();
                let certificate = self.uploads.get(Slot::Acme);
                let next_unix = plan.next_unix(certificate.as_ref(), &acme.names, now_unix);
                let asked = self.tell(&plan, next_unix);
                let is_on = acme.directory.is_some();
                if is_on && (asked.is_some() || next_unix <= now_unix) {
                    self.turn(&acme, (&mut plan, &settings), asked).await;
                    continue;
                }
                if let Some(view) = certificate.filter(|view| is_on && plan.wants_hint(view, now_unix)) {
                    self.ask_when(&acme, &mut plan, &view).await;
                    continue;
                }
                let wait = Duration::from_secs(next_unix.saturating_sub(now_unix)).min(LOOK_EVERY);
                tokio::select! {
                    () = sleep_until((self.clock.now() + wait).into()), if is_on => {}
                    () = self.wake.notified() => {}
                    changed = changes.changed() => if changed.is_err() { return },
                }
            }
            acme = changes.borrow().config.acme.clone();
        }
    }

    /// What was tried before with those settings, and their hash.
    fn begin(&self, acme: &config::Acme) -> (Plan, String) {
        let settings = digest::digest(&digest::SHA256, json!(acme).to_string().as_bytes());
        let settings: String = settings.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let plan = Plan::open(&self.state.join(PLAN_FILE), &settings);
        if acme.directory.is_none() {
            self.uploads.hide(Slot::Acme);
        } else if self.uploads.get(Slot::Acme).is_none() {
            self.uploads.take_up(Slot::Acme);
        }
        let names = acme.directory.iter().flat_map(|_| acme.names.clone()).collect();
        self.inner().standing = Standing { names, trouble: plan.trouble.clone(), next_unix: 0 };
        (plan, settings)
    }

    /// Notes how things stand; takes what somebody has asked for.
    fn tell(&self, plan: &Plan, next_unix: u64) -> Option<Progress> {
        let mut inner = self.inner();
        inner.standing.trouble.clone_from(&plan.trouble);
        inner.standing.next_unix = next_unix;
        inner.asked.take()
    }

    /// Asks the authority when it wants to renew that one. What it does not say is no trouble.
    async fn ask_when(&self, acme: &config::Acme, plan: &mut Plan, view: &View) {
        let said = async {
            let leaf = self.uploads.leaf(Slot::Acme)?;
            let asker = Asker::new(acme.authority.as_deref(), Arc::clone(&self.clock)).ok()?;
            let asked = account::renewal_window(&self.state.join(ACCOUNT_FILE), acme, &asker, &leaf).await;
            asked
                .inspect_err(|failure| log::debug!("the authority does not say when: {}", failure.cause))
                .ok()
        };
        let (window_unix, again) = said.await.unwrap_or((None, HINT_AGAIN));
        plan.take_hint(view, window_unix, (again, self.clock.unix_time().as_secs()), dice());
    }

    /// Tries once, and plans the next time.
    async fn turn(&self, acme: &config::Acme, (plan, settings): (&mut Plan, &str), asked: Option<Progress>) {
        let names = acme.names.join(", ");
        log::info!(
            "a certificate for {names} is asked for, from {}",
            acme.directory.as_deref().unwrap_or_default()
        );
        let tell = |percent, message: &str| asked.iter().for_each(|progress| progress.tell(percent, message));
        let mut broken_off = plan.clone();
        let failure = Failure::here("the last try was broken off by a restart", "nothing has to be done");
        broken_off.failed(&failure, None, self.clock.unix_time().as_secs(), dice());
        self.keep(&broken_off, settings);
        let outcome = self.obtain(acme, &tell).await;
        let now_unix = self.clock.unix_time().as_secs();
        let message = match &outcome {
            Ok(view) => {
                plan.succeeded(view, now_unix);
                format!("a certificate for {names} was issued, and is in use")
            }
            Err((failure, leave_alone)) => {
                plan.failed(failure, *leave_alone, now_unix, dice());
                format!("no certificate for {names} was had: {}", failure.cause)
            }
        };
        self.keep(plan, settings);
        match outcome {
            Ok(_) => log::info!("{message}"),
            Err(_) => log::warn!("{message}"),
        }
        match (outcome, asked) {
            (Ok(view), Some(progress)) => {
                progress.succeed(&message, json!({ "fingerprint": view.fingerprint }))
            }
            (Err(_), Some(progress)) => progress.fail(&message, Value::Null),
            (_, None) => {}
        }
    }

    /// A box that starts anew goes on from there.
    fn keep(&self, plan: &Plan, settings: &str) {
        if let Err(error) = plan.keep(&self.state.join(PLAN_FILE), settings) {
            log::warn!("when a certificate is asked for next is not remembered over a start: {error}");
        }
    }

    /// A new certificate, in use already; or why there is none, and for how long the authority wants to be left alone.
    async fn obtain(&self, acme: &config::Acme, tell: Tell<'_>) -> Result<View, (Failure, Option<Duration>)> {
        let asker = Asker::new(acme.authority.as_deref(), Arc::clone(&self.clock))
            .map_err(|failure| (failure, None))?;
        let mut outcome = self.ask(acme, &asker, tell).await;
        // An account that the authority has forgotten is made anew, once.
        if outcome.as_ref().is_err_and(|failure| failure.is_unknown)
            && std::fs::remove_file(self.state.join(ACCOUNT_FILE)).is_ok()
        {
            outcome = self.ask(acme, &asker, tell).await;
        }
        outcome.map_err(|failure| (failure, asker.leave_alone()))
    }

    async fn ask(&self, acme: &config::Acme, asker: &Asker, tell: Tell<'_>) -> Result<View, Failure> {
        tell(5, "asks the authority");
        let account = account::open(&self.state.join(ACCOUNT_FILE), acme, asker).await?;
        let way =
            acme.proof().ok_or_else(|| Failure::here("the keys of acme do not fit together", "mend them"))?;
        let mut proof = Proof::new(way, &self.answers, (asker.http(), Arc::clone(&self.clock)))?;
        let placed = timeout(ORDER_MAX, order::place(&account, &acme.names, &mut proof, tell)).await;
        proof.clear().await;
        let too_long = |_| Failure::there("it takes too long", "nothing has to be done, unless that lasts");
        let (chain, key) = placed.map_err(too_long)??;
        let (uploads, now_unix) = (self.uploads.clone(), self.clock.unix_time().as_secs());
        let put = tokio::task::spawn_blocking(move || uploads.put(Slot::Acme, &chain, &key, now_unix)).await;
        let advice = "look at the log, and at the state directory";
        let put = put.map_err(|cause| Failure::here(cause.to_string(), advice))?;
        put.map_err(|refused| Failure::there(refused.to_string(), advice))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Every change is one step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 0 to 255, by chance.
fn dice() -> u8 {
    let mut byte = [0];
    rand::fill(&mut byte).expect("the system has random numbers once it has started");
    byte[0]
}
