//! Seats: which device of a kind the room uses, looked for anew as devices come and go.
//!
//! ```text
//!              seen                       pulled               waited for too long
//!  stand-in ─────────▶ the room's own ◀─────────▶ waited for ───────────────────────▶ any other
//!                            ▲             back                                            │
//!                            └──────────────────────────── back ───────────────────────────┘
//! ```
//! The room's own is the one that was asked for, else the first that was there. A device that was pulled is
//! waited for under its name, whichever number the kernel gives it next; a simulated one stands in only where
//! there was never a real one. What is asked for may change at any time; the own one stays it unless another one
//! is asked for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Clock;

/// How often the kernel's list of devices is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long the room's own device is waited for before another one is used.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What the configuration says of one kind of device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wish {
    /// The first that is found, a simulated one where there is none.
    #[default]
    Auto,
    /// None, even where there is one.
    None,
    /// The simulated one, even where there is a real one.
    Simulated,
    /// The one whose name has that part; the first that is found while it is not there.
    Named(String),
}

/// What was found of one kind.
pub struct Found<Device: ?Sized> {
    /// The devices, in the order of the kernel's.
    pub devices: Vec<Arc<Device>>,
    /// What cannot be used, with the reason.
    pub problems: Vec<String>,
}

/// How devices of one kind are looked for.
pub struct Looker<Device: ?Sized> {
    /// Lists what the kernel has without touching it; what is not in it changes nothing. Called often.
    pub list: fn() -> Vec<String>,
    /// Looks at the devices themselves. Called when the list has changed.
    pub find: Box<dyn Fn() -> Found<Device> + Send + Sync>,
    /// Whether a simulated device is used where there was never a real one.
    pub has_stand_in: bool,
}

/// Where one device of the room has its place.
pub struct Seat<Device: ?Sized> {
    name: fn(&Device) -> &str,
    looker: Option<Looker<Device>>,
    simulated: Arc<Device>,
    clock: Arc<dyn Clock>,
    state: Mutex<State<Device>>,
}

struct State<Device: ?Sized> {
    wish: Wish,
    listed: Vec<String>,
    looked_at: Option<Instant>,
    changes: u64,
    found: Found<Device>,
    own: Option<Own<Device>>,
}

/// The device that the room calls its own.
struct Own<Device: ?Sized> {
    device: Arc<Device>,
    missing_since: Option<Instant>,
}

/// How good a device is for the seat: the lower, the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    AskedFor,
    Own,
    Other,
    StandIn,
}

impl<Device: ?Sized> Seat<Device> {
    /// A seat that takes what `looker` finds.
    #[must_use]
    pub fn new(
        wish: Wish,
        name: fn(&Device) -> &str,
        looker: Looker<Device>,
        simulated: Arc<Device>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { name, looker: Some(looker), simulated, clock, state: Mutex::new(State::new(wish)) }
    }

    /// A seat that has no device but this one, whatever is wished for; none, if none is.
    #[must_use]
    pub fn fixed(device: Arc<Device>, wish: Wish, name: fn(&Device) -> &str, clock: Arc<dyn Clock>) -> Self {
        Self { name, looker: None, simulated: device, clock, state: Mutex::new(State::new(wish)) }
    }

    /// The device to use now. It may have been pulled: then it is the one that is waited for. None where there is
    /// none, or none is wished for: then the kernel's devices are not touched.
    #[must_use]
    pub fn device(&self) -> Option<Arc<Device>> {
        let mut state = self.look();
        let best = self.best(&state);
        if self.looked_for(&state).is_some()
            && let Some((rank, device)) = &best
            && (*rank == Rank::AskedFor || *rank == Rank::Other && state.own.is_none())
        {
            state.own = Some(Own { device: Arc::clone(device), missing_since: None });
        }
        best.map(|(_, device)| device)
    }

    /// Whether the device in use is to be closed: a better one has come, or another one or none is wished for now.
    #[must_use]
    pub fn is_outdone(&self, in_use: &Arc<Device>) -> bool {
        let state = self.look();
        let rank = self.rank(&state, in_use);
        self.best(&state).is_none_or(|(best, _)| best < rank)
    }

    /// How often the devices, or what is wished for, have changed: whoever waits for a device goes on when this does.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.look().changes
    }

    /// The names of what is there, whether each is a simulated one, and what cannot be used and why.
    #[must_use]
    pub fn present(&self) -> (Vec<(String, bool)>, Vec<String>) {
        let state = self.look();
        let told = |device: &Arc<Device>, is_simulated| ((self.name)(device).to_owned(), is_simulated);
        let Some(looked) = self.looked_for(&state) else {
            return (self.chosen(&state).iter().map(|device| told(device, true)).collect(), Vec::new());
        };
        let real = state.found.devices.iter().map(|device| told(device, false));
        let stand_in = (looked.has_stand_in && state.found.devices.is_empty()).then_some(&self.simulated);
        let stand_in = stand_in.map(|device| told(device, true));
        (real.chain(stand_in).collect(), state.found.problems.clone())
    }

    /// The real devices that are there.
    #[must_use]
    pub fn found(&self) -> Vec<Arc<Device>> {
        self.look().found.devices.clone()
    }

    /// A device as `alcove devices` shows it.
    #[must_use]
    pub fn name_of<'a>(&self, device: &'a Device) -> &'a str {
        (self.name)(device)
    }

    /// What the configuration says of this seat.
    #[must_use]
    pub fn wish(&self) -> Wish {
        self.locked().wish.clone()
    }

    /// From now on the configuration says this. Whoever uses the device finds it outdone if it is another one now.
    pub fn set_wish(&self, wish: Wish) {
        let mut state = self.locked();
        if state.wish != wish {
            state.wish = wish;
            state.changes += 1;
        }
    }

    fn locked(&self) -> MutexGuard<'_, State<Device>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How devices are looked for, where that is wished for at all.
    fn looked_for(&self, state: &State<Device>) -> Option<&Looker<Device>> {
        let is_wished = matches!(state.wish, Wish::Auto | Wish::Named(_));
        self.looker.as_ref().filter(|_| is_wished)
    }

    /// The device where none is looked for: the simulated one, or none at all.
    fn chosen(&self, state: &State<Device>) -> Option<&Arc<Device>> {
        (state.wish != Wish::None).then_some(&self.simulated)
    }

    /// Looks whether devices have come or gone, if that was not done just now.
    fn look(&self) -> MutexGuard<'_, State<Device>> {
        let mut state = self.locked();
        let Some(looker) = self.looked_for(&state) else { return state };
        let now = self.clock.now();
        if state.looked_at.is_some_and(|at| now.saturating_duration_since(at) < LOOK_EVERY) {
            return state;
        }
        let is_first = state.looked_at.replace(now).is_none();
        // Taken before the look: what comes in between is seen the next time.
        let listed = (looker.list)();
        if is_first || listed != state.listed {
            state.listed = listed;
            state.changes += 1;
            let found = (looker.find)();
            self.take_over(&mut state, found);
        }
        let State { own, found, .. } = &mut *state;
        if let Some(own) = own {
            let is_there = found.devices.iter().any(|device| Arc::ptr_eq(device, &own.device));
            own.missing_since = if is_there { None } else { own.missing_since.or(Some(now)) };
        }
        state
    }

    /// Keeps what was known before: a device that is looked at twice is still the same.
    fn take_over(&self, state: &mut State<Device>, mut found: Found<Device>) {
        for device in &mut found.devices {
            let name = (self.name)(device);
            if let Some(known) = state.found.devices.iter().find(|known| (self.name)(known) == name) {
                *device = Arc::clone(known);
            }
        }
        let back = state.own.as_ref().and_then(|own| self.same(&found.devices, (self.name)(&own.device)));
        if let (Some(own), Some(back)) = (&mut state.own, back) {
            own.device = back;
        }
        state.found = found;
    }

    /// The device of that name, else one that has it but for the place where it is plugged in.
    fn same(&self, devices: &[Arc<Device>], name: &str) -> Option<Arc<Device>> {
        let exactly = devices.iter().find(|device| (self.name)(device) == name);
        let but_for_place =
            || devices.iter().find(|device| without_place((self.name)(device)) == without_place(name));
        exactly.or_else(but_for_place).cloned()
    }

    /// The best device there is, or the one that is waited for.
    fn best(&self, state: &State<Device>) -> Option<(Rank, Arc<Device>)> {
        let Some(looked) = self.looked_for(state) else {
            return self.chosen(state).map(|device| (Rank::AskedFor, Arc::clone(device)));
        };
        let ranked = |device: &Arc<Device>| (self.rank(state, device), Arc::clone(device));
        let best = state.found.devices.iter().map(ranked).min_by_key(|(rank, _)| *rank);
        match (best, &state.own) {
            (Some((Rank::Other, device)), Some(own)) if own.is_waited_for(self.clock.now()) => {
                drop(device);
                Some((Rank::Own, Arc::clone(&own.device)))
            }
            (Some(best), _) => Some(best),
            (None, Some(own)) => Some((Rank::Own, Arc::clone(&own.device))),
            (None, None) => looked.has_stand_in.then(|| (Rank::StandIn, Arc::clone(&self.simulated))),
        }
    }

    fn rank(&self, state: &State<Device>, device: &Arc<Device>) -> Rank {
        let is = |other: &Arc<Device>| Arc::ptr_eq(other, device);
        let is_asked_for = match (self.looked_for(state), &state.wish) {
            (None, _) => self.chosen(state).is_some_and(is),
            (Some(_), Wish::Named(part)) => (self.name)(device).contains(part.as_str()),
            (Some(_), _) => false,
        };
        if is_asked_for {
            Rank::AskedFor
        } else if is(&self.simulated) {
            Rank::StandIn
        } else if state.own.as_ref().is_some_and(|own| is(&own.device)) {
            Rank::Own
        } else {
            Rank::Other
        }
    }
}

impl<Device: ?Sized> State<Device> {
    const fn new(wish: Wish) -> Self {
        let found = Found { devices: Vec::new(), problems: Vec::new() };
        Self { wish, listed: Vec::new(), looked_at: None, changes: 0, found, own: None }
    }
}

impl<Device: ?Sized> Own<Device> {
    fn is_waited_for(&self, now: Instant) -> bool {
        self.missing_since.is_some_and(|since| now.saturating_duration_since(since) < WAIT_MAX)
    }
}

/// A name as `Eye (/dev/video0)` without where it is plugged in.
fn without_place(name: &str) -> &str {
    name.rsplit_once(" (").map_or(name, |(device, _)| device)
}

#[cfg(test)]
#[path = "seat_tests.rs"]
mod tests;
