//! Brings what is configured into effect: at once what can change in life; other devices, or the rest by a start anew,
//! when that disturbs nobody; and takes back what nobody confirms. The screen follows, too.
//!
//! ```text
//!   a change ─▶ live keys: handed to the loop ─▶ nothing else differs ─▶ in effect ─▶ waits to be confirmed
//!                        │                               ▲                             │ too long: taken back
//!                        │                               │ devices alone: chosen anew  ▼
//!                        └─▶ others differ ─▶ wait for the moment ─▶ start anew
//! ```

use std::time::{Duration, Instant};

use alcove_hal::clock::Clock;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::network::Wish;
use super::settings;
use crate::appliance::Handle;
use crate::config::change;
use crate::config::kept::When;
use crate::config::{Applies, Config, Room};
use crate::system::conditions::Conditions;
use crate::system::configuration::{Configuration, State};

/// How often is looked whether the moment has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Returns when the daemon is to start anew, with what is configured then.
pub(super) async fn follow(
    configuration: &Configuration,
    (handle, network): (&Handle, &Wish),
    started: &Config,
    clock: &dyn Clock,
) {
    let mut changes = configuration.subscribe();
    // What the daemon goes by, but for the keys that are live.
    let mut used = started.clone();
    let mut living = settings::live(&used, &used);
    let mut unconfirmed = Unconfirmed::default();
    loop {
        let state = changes.borrow_and_update().clone();
        let applies = |used: &Config| change::applies(&change::differences(used, &state.config));
        let needed = applies(&used);
        if needed > Applies::Live && is_the_moment(&state, handle, clock).await {
            if needed == Applies::Restart {
                return;
            }
            used.room = Room { name: used.room.name, ..state.config.room.clone() };
        }
        let live = settings::live(&state.config, &used);
        if living != live {
            if let Err(refusal) = handle.configure(live.clone()).await {
                log::warn!("the configuration takes effect later: {refusal}");
                tokio::time::timeout(LOOK_EVERY, changes.changed()).await.ok();
                changes.mark_changed();
                continue;
            }
            living = live;
        }
        let is_waiting = applies(&used) > Applies::Live;
        if !is_waiting {
            // Not sooner: an address that cuts the appliance off is undone only when all else is in effect, too.
            network.settle(&state.config.network).await;
            configuration.observe(state.generation);
        }
        let deadline = unconfirmed.deadline(&state, is_waiting, clock.now());
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return std::future::pending().await },
            () = until(deadline) => {
                let seconds = state.unconfirmed_s.unwrap_or_default();
                let cause = format!("nobody confirmed it within {seconds} seconds");
                if let Err(error) = configuration.take_back(state.generation, &cause, clock.unix_ms()) {
                    log::warn!("the configuration stays as it is: {error}");
                }
            }
            () = sleep_until((clock.now() + LOOK_EVERY).into()), if is_waiting => changes.mark_changed(),
        }
    }
}

/// Has the room's screen show another claim code, or none any more, as soon as it is so.
pub(super) async fn show_claim(mut code: watch::Receiver<Option<String>>, handle: Handle) {
    while code.changed().await.is_ok() {
        if let Err(refusal) = handle.refresh_screen().await {
            log::warn!("the screen shows the claim code as it was for up to five minutes: {refusal}");
        }
    }
}

/// Has the room's screen say what is wrong, as soon as it is so.
pub(super) async fn show_trouble(mut conditions: watch::Receiver<Conditions>, handle: Handle) {
    let mut shown = None;
    while conditions.changed().await.is_ok() {
        let trouble = conditions.borrow_and_update().for_the_screen().map(str::to_owned);
        if trouble == shown {
            continue;
        }
        match handle.refresh_screen().await {
            Ok(()) => shown = trouble,
            // It is drawn anew every five minutes, and when the appliance has started anew.
            Err(refusal) => log::debug!("the screen does not say yet what is wrong: {refusal}"),
        }
    }
}

async fn is_the_moment(state: &State, handle: &Handle, clock: &dyn Clock) -> bool {
    let is_open = || state.config.maintenance.is_open(clock.unix_time());
    match state.when {
        Some(When::Now) => true,
        Some(When::Reboot) => false,
        Some(When::Window) if !is_open() => false,
        Some(When::Idle | When::Window) | None => handle.status().await.is_ok_and(|status| status.is_idle),
    }
}

/// When the change that is in effect has to be confirmed at the latest.
#[derive(Default)]
struct Unconfirmed {
    generation: u64,
    deadline: Option<Instant>,
}

impl Unconfirmed {
    fn deadline(&mut self, state: &State, is_waiting: bool, now: Instant) -> Option<Instant> {
        let Some(within_s) = state.unconfirmed_s.filter(|_| !is_waiting) else {
            self.deadline = None;
            return None;
        };
        if self.generation != state.generation || self.deadline.is_none() {
            self.generation = state.generation;
            self.deadline = Some(now + Duration::from_secs(within_s.into()));
        }
        self.deadline
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
