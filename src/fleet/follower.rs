//! Brings what an owner has signed into effect, whichever way it came, and says what has come of it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use alcove_hal::clock::Clock;
use serde_json::{Value, json};

use crate::config::change::{Change, Difference};
use crate::config::kept::When;
use crate::config::layers::Layer;
use crate::system::conditions::Conditions;
use crate::system::configuration::{Configuration, Terms, guarded};
use crate::system::desired::{self, Desired, Followed, Refused};
use crate::system::events::Events;

/// How long a risky change waits for the look that confirms it, in seconds.
const CONFIRM_WITHIN_S: u32 = 180;

/// Follows documents, one after the other.
pub struct Follower {
    box_id: String,
    configuration: Arc<Configuration>,
    events: Arc<Events>,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    followed: Followed,
    /// The generation that was made and waits to be confirmed.
    unconfirmed: Option<u64>,
    /// What was told last: that it works, or why not.
    told: Option<Result<u64, String>>,
}

impl Follower {
    /// Goes on after the document that the state directory knows.
    #[must_use]
    pub fn open(
        state: &Path,
        box_id: String,
        configuration: Arc<Configuration>,
        events: Arc<Events>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let inner = Inner { followed: Followed::open(state), unconfirmed: None, told: None };
        Self { box_id, configuration, events, clock, inner: Mutex::new(inner) }
    }

    /// What tells this box from all others.
    #[must_use]
    pub fn box_id(&self) -> &str {
        &self.box_id
    }

    /// What it changes.
    #[must_use]
    pub const fn configuration(&self) -> &Arc<Configuration> {
        &self.configuration
    }

    /// Tells the time.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Checks a document with its signature.
    ///
    /// # Errors
    /// One sentence; strangers, other boxes and the past are told as an event, too.
    pub fn read(&self, text: &[u8], signature: &str, key: &str) -> Result<Desired, String> {
        let known = self.inner().followed.serial(key);
        desired::read((text, signature), key, &self.box_id, known).map_err(|refused| {
            if !matches!(refused, Refused::Document(_)) {
                let data = json!({ "why": refused.to_string() });
                self.events.add("fleet.refused", None, &data, self.clock.unix_ms());
            }
            format!("what was fetched is not followed: {refused}")
        })
    }

    /// Whether a document is the owner's, and was followed by a newer one since.
    #[must_use]
    pub fn has_gone_on(&self, text: &[u8], signature: &str, key: &str) -> bool {
        let known = self.inner().followed.serial(key);
        matches!(desired::read((text, signature), key, &self.box_id, known), Err(Refused::Old { .. }))
    }

    /// Brings a document into effect.
    ///
    /// # Errors
    /// One sentence, where the configuration refuses it.
    pub fn follow(&self, key: &str, desired: &Desired) -> Result<(), String> {
        let mut inner = self.inner();
        let asked = Change {
            layer: Layer::Provisioned,
            by: format!("fleet, serial {}", desired.serial),
            at_unix_ms: self.clock.unix_ms(),
            body: desired.body.clone(),
            is_whole: true,
        };
        let terms = Terms { when: Some(When::Idle), ..Terms::default() };
        let tried = self.configuration.try_out(&asked, &terms).map_err(|error| error.to_string())?;
        // A change of where it looks can cut the box off from its fleet as others do from the network.
        let cuts_off = |difference: &Difference| difference.key.name.starts_with("fleet.");
        let is_risky = !guarded(&tried).is_empty() || tried.differences.iter().any(cuts_off);
        let confirm_within_s = is_risky.then_some(CONFIRM_WITHIN_S);
        let before = self.configuration.state().generation;
        let made = self.configuration.make(&asked, &Terms { confirm_within_s, ..terms });
        let (generation, _) = made.map_err(|error| error.to_string())?;
        if generation != before {
            inner.unconfirmed = confirm_within_s.map(|_| generation);
            log::info!(generation, serial = desired.serial; "the configuration was changed by the fleet");
        }
        inner.followed.note(key, desired.serial).map_err(|error| error.to_string())
    }

    /// The fleet was reached: whoever has reached it is not cut off.
    pub fn reached(&self) {
        let mut inner = self.inner();
        let state = self.configuration.state();
        if inner.unconfirmed == Some(state.generation) && state.observed == state.generation {
            inner.unconfirmed = None;
            // An administrator may have done so in the meantime.
            let _ = self.configuration.confirm(state.generation);
        }
    }

    /// Whether a change waits until the fleet is reached again.
    #[must_use]
    pub fn is_unconfirmed(&self) -> bool {
        self.inner().unconfirmed.is_some()
    }

    /// Says what has come of a look when it is something else than before.
    pub fn tell(&self, outcome: Result<u64, String>) {
        let mut inner = self.inner();
        if inner.told.as_ref() == Some(&outcome) {
            return;
        }
        match &outcome {
            Ok(serial) => {
                log::info!(serial; "the appliance is what its fleet wants");
                self.events.add("fleet.followed", None, &json!({ "serial": serial }), self.clock.unix_ms());
            }
            Err(why) => {
                log::warn!("the fleet is not followed: {why}");
                self.events.add("fleet.failed", None, &json!({ "why": why }), self.clock.unix_ms());
            }
        }
        inner.told = Some(outcome);
    }

    /// How the box is, for its fleet.
    #[must_use]
    pub fn report(&self, conditions: &Conditions) -> Value {
        let state = self.configuration.state();
        let conditions: Value = conditions
            .iter()
            .map(|one| {
                json!({ "type": one.kind.as_str(), "status": one.finding.status, "reason": one.finding.reason,
                    "message": one.finding.message, "since_unix_ms": one.since_unix_ms })
            })
            .collect();
        let (serial, trouble) = match &self.inner().told {
            Some(Ok(serial)) => (json!(serial), Value::Null),
            Some(Err(why)) => (Value::Null, json!(why)),
            None => (Value::Null, Value::Null),
        };
        json!({
            "box": self.box_id, "room": state.config.room.name, "version": env!("CARGO_PKG_VERSION"),
            "at_unix_ms": self.clock.unix_ms(), "serial": serial, "trouble": trouble,
            "generation": state.generation, "observed_generation": state.observed,
            "taken_back": state.taken_back, "conditions": conditions,
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Every change of it is one step.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
