//! Tells what happens: events for those who follow them, webhooks for those who want to be called, files for later.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alcove_hal::clock::Clock;
use tokio::runtime::Runtime;
use tokio::time::{MissedTickBehavior, interval};

use crate::api;
use crate::system::events::{Events, Keeper};
use crate::system::operations::Operations;
use crate::system::webhooks::Webhooks;
use crate::system::{box_id, https};

/// How long what happens may wait to be written down: a disk is not made to write for each event.
const EVENTS_KEPT_EVERY: Duration = Duration::from_secs(1);

/// How long it may wait to be written down that a webhook was told something.
const WEBHOOKS_KEPT_EVERY: Duration = Duration::from_secs(30);

/// What tells.
pub(super) struct Telling {
    pub(super) events: Arc<Events>,
    pub(super) webhooks: Arc<Webhooks>,
    pub(super) operations: Arc<Operations>,
    pub(super) box_id: String,
    keeper: Arc<Mutex<Keeper>>,
}

impl Telling {
    /// Goes on where it was; and what of it is out of order, in a sentence.
    pub(super) fn open(state: &Path, clock: &Arc<dyn Clock>) -> anyhow::Result<(Self, Option<String>)> {
        let box_id = box_id::of_this_box(state)?;
        let (events, keeper) = Events::open(state, format!("urn:alcove:{box_id}"));
        let events = Arc::new(events);
        let (webhooks, trouble) = Webhooks::open(state, Arc::clone(&events), api::wanted_types);
        let keeper = Arc::new(Mutex::new(keeper));
        let operations = Arc::new(Operations::new(Arc::clone(&events), Arc::clone(clock)));
        Ok((Self { events, webhooks: Arc::new(webhooks), operations, box_id, keeper }, trouble))
    }

    /// Tells from now on.
    pub(super) fn begin(&self, runtime: &Runtime, clock: &Arc<dyn Clock>) -> anyhow::Result<()> {
        runtime.spawn(keep_events(Arc::clone(&self.events), Arc::clone(&self.keeper)));
        runtime.spawn(Arc::clone(&self.webhooks).run(https::asker()?, Arc::clone(clock)));
        runtime.spawn(keep_webhooks(Arc::clone(&self.webhooks)));
        Ok(())
    }

    /// Writes down where it was.
    pub(super) fn end(&self) {
        keep(&self.events, &self.keeper);
        keep_told(&self.webhooks);
    }
}

async fn keep_events(events: Arc<Events>, keeper: Arc<Mutex<Keeper>>) {
    let mut newest = events.subscribe();
    let mut turns = interval(EVENTS_KEPT_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while newest.changed().await.is_ok() {
        turns.tick().await;
        newest.mark_unchanged();
        let (events, keeper) = (Arc::clone(&events), Arc::clone(&keeper));
        // It fails when the runtime ends, and then it is done once more.
        let _ = tokio::task::spawn_blocking(move || keep(&events, &keeper)).await;
    }
}

async fn keep_webhooks(webhooks: Arc<Webhooks>) {
    let mut turns = interval(WEBHOOKS_KEPT_EVERY);
    loop {
        turns.tick().await;
        let webhooks = Arc::clone(&webhooks);
        // As above.
        let _ = tokio::task::spawn_blocking(move || keep_told(&webhooks)).await;
    }
}

fn keep(events: &Events, keeper: &Mutex<Keeper>) {
    keeper.lock().unwrap_or_else(PoisonError::into_inner).keep(events);
}

fn keep_told(webhooks: &Webhooks) {
    if let Err(error) = webhooks.keep() {
        log::warn!("after the next start some webhooks are told what they know already: {error}");
    }
}
