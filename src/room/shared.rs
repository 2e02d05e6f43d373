//! What the room's threads share: what is wanted, the plan, the latest pictures, and how they wake each other.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use alcove_hal::Error;
use alcove_hal::clock::Clock;
use alcove_hal::frame::Frame;

use crate::room::layout::Size;
use crate::room::mixer::MixerCounters;
use crate::room::plan::{Art, Plan, Planner};
use crate::room::scene::SceneModel;
use crate::room::slots::Slots;
use crate::room::snapshot::Composed;
use crate::room::tone::Sounding;
use crate::room::{DeviceClass, DeviceState, EventSink, RoomEvent};
use crate::track::{Layer, VideoCodec};

/// How often a thread that waits for a device looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// What the room is to do. It is state, not a queue: the last word counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Which join this is, counted from 1; `None` while in no meeting.
    pub(super) joined: Option<u64>,
    pub(super) microphone: bool,
    pub(super) camera: bool,
    pub(super) codec: VideoCodec,
    /// The highest layer that anybody watches.
    pub(super) highest: Option<Layer>,
    /// How loud the others are, in percent.
    pub(super) volume: u8,
    /// The tone of a call that is heard.
    pub(super) sounding: Option<Sounding>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            joined: None,
            microphone: true,
            camera: true,
            codec: VideoCodec::H264,
            highest: Some(Layer(u8::MAX)),
            volume: 100,
            sounding: None,
        }
    }
}

/// The threads that sleep until something is to be done.
pub(super) struct Sleepers {
    pub(super) painter: Thread,
    pub(super) camera: Thread,
    pub(super) voice: Thread,
    pub(super) sound: Thread,
    pub(super) screen: Thread,
    pub(super) decoders: Thread,
}

/// Counters that threads add to.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Turns of the scene's clock, whether a picture was drawn or not.
    pub(super) turns: AtomicU64,
    pub(super) frames: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) missing: AtomicU64,
    pub(super) compose_us: AtomicU64,
    pub(super) compose_max_us: AtomicU64,
    /// From the tick of the scene until the screen had the picture, lately.
    pub(super) screen_us: AtomicU64,
    pub(super) camera_frames: AtomicU64,
    pub(super) packets_out: AtomicU64,
    pub(super) packets_lost: AtomicU64,
    pub(super) packets_in: AtomicU64,
    /// How loud the microphone is, above the faintest, from 1; 0 while it does not capture.
    loudness: AtomicU8,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// The microphone is that loud, in dBov; none: it does not capture any more.
    pub(super) fn set_microphone(&self, dbov: Option<i8>) {
        let loudness = dbov.map_or(0, |dbov| 128 - dbov.clamp(-127, 0).unsigned_abs());
        self.loudness.store(loudness, Ordering::Relaxed);
    }

    pub(super) fn microphone_dbov(&self) -> Option<i8> {
        let loudness = self.loudness.load(Ordering::Relaxed);
        i8::try_from(i16::from(loudness) - 128).ok().filter(|_| loudness > 0)
    }
}

/// What the room's threads share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    /// What RTP timestamps count from.
    pub(super) epoch: Instant,
    pub(super) counters: Counters,
    /// A bit per camera layer that shall begin anew.
    pub(super) keyframes: AtomicU8,
    pub(super) slots: Mutex<Slots>,
    pub(super) mixer: Mutex<MixerCounters>,
    /// The latest picture of the room's own camera, while it captures.
    pub(super) own_picture: Mutex<Option<Frame>>,
    /// What the screen shows.
    pub(super) composed: Arc<Composed>,
    pub(super) sleepers: OnceLock<Sleepers>,
    events: EventSink,
    stopping: AtomicBool,
    wanted: Mutex<Wanted>,
    planner: Mutex<Planner>,
    plan: Mutex<Arc<Plan>>,
    art: Mutex<Arc<Art>>,
    devices: Mutex<Vec<(DeviceClass, String, DeviceState)>>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>, events: EventSink, mut planner: Planner) -> Self {
        let (plan, _) = planner.plan();
        Self {
            epoch: clock.now(),
            clock,
            counters: Counters::default(),
            keyframes: AtomicU8::new(0),
            slots: Mutex::default(),
            mixer: Mutex::default(),
            own_picture: Mutex::default(),
            composed: Arc::default(),
            sleepers: OnceLock::new(),
            events,
            stopping: AtomicBool::new(false),
            wanted: Mutex::default(),
            planner: Mutex::new(planner),
            plan: Mutex::new(Arc::new(plan)),
            art: Mutex::default(),
            devices: Mutex::default(),
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake_all();
    }

    pub(super) fn tell(&self, event: RoomEvent) {
        (self.events)(event);
    }

    pub(super) fn wanted(&self) -> Wanted {
        *locked(&self.wanted)
    }

    /// Changes what is wanted, and wakes whoever may have to act on it.
    pub(super) fn want(&self, change: impl FnOnce(&mut Wanted)) {
        change(&mut locked(&self.wanted));
        self.wake_all();
    }

    pub(super) fn plan(&self) -> Arc<Plan> {
        Arc::clone(&locked(&self.plan))
    }

    pub(super) fn art(&self) -> Arc<Art> {
        Arc::clone(&locked(&self.art))
    }

    pub(super) fn set_art(&self, art: Art) {
        *locked(&self.art) = Arc::new(art);
    }

    pub(super) fn show(&self, model: SceneModel) {
        self.replan(|planner| {
            planner.show(model);
            true
        });
    }

    pub(super) fn resize(&self, size: Size) {
        self.replan(|planner| planner.resize(size));
    }

    fn replan(&self, change: impl FnOnce(&mut Planner) -> bool) {
        let mut planner = locked(&self.planner);
        if !change(&mut planner) {
            return;
        }
        let (plan, wishes) = planner.plan();
        *locked(&self.plan) = Arc::new(plan);
        if let Some(sleepers) = self.sleepers.get() {
            sleepers.painter.unpark();
        }
        if let Some(wishes) = wishes {
            let wishes = wishes.into_iter().map(|wish| (wish.participant, wish.source, wish.max_height));
            self.tell(RoomEvent::Wishes(wishes.collect()));
        }
    }

    /// Says what a device is doing, when that is news.
    pub(super) fn report(&self, class: DeviceClass, name: &str, state: DeviceState) {
        let mut devices = locked(&self.devices);
        let known = devices.iter().position(|(known, ..)| *known == class);
        if known.is_some_and(|index| devices[index].1 == name && devices[index].2 == state) {
            return;
        }
        devices.retain(|(known, ..)| *known != class);
        devices.push((class, name.to_owned(), state.clone()));
        drop(devices);
        self.tell(RoomEvent::Device { class, name: name.to_owned(), state });
    }

    pub(super) fn report_loss(&self, class: DeviceClass, name: &str, cause: &Error) {
        self.report(class, name, DeviceState::Lost(cause.to_string()));
    }

    /// The device of that kind, whichever it was, is closed.
    pub(super) fn report_off(&self, class: DeviceClass) {
        let name = self.devices().into_iter().find_map(|(known, name, _)| (known == class).then_some(name));
        if let Some(name) = name {
            self.report(class, &name, DeviceState::Off);
        }
    }

    pub(super) fn devices(&self) -> Vec<(DeviceClass, String, DeviceState)> {
        locked(&self.devices).clone()
    }

    /// Waits for `deadline` while `still` holds.
    pub(super) fn rest_until(&self, deadline: Instant, still: impl Fn(&Wanted) -> bool) {
        loop {
            let now = self.clock.now();
            if now >= deadline || self.is_stopping() || !still(&self.wanted()) {
                return;
            }
            self.clock.wait_until(deadline.min(now + LOOK));
        }
    }

    /// Packets or words have come: there may be decoders to make or to end.
    pub(super) fn wake_decoders(&self) {
        if let Some(sleepers) = self.sleepers.get()
            && locked(&self.slots).has_work()
        {
            sleepers.decoders.unpark();
        }
    }

    /// Whoever may have to act on what has changed does.
    pub(super) fn wake_all(&self) {
        if let Some(Sleepers { painter, camera, voice, sound, screen, decoders }) = self.sleepers.get() {
            for sleeper in [painter, camera, voice, sound, screen, decoders] {
                sleeper.unpark();
            }
        }
    }
}

/// The lock, also after a panic of another holder: what is behind these locks is replaced as a whole.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Time on a clock of `rate_hz` from `epoch` to `at`, modulo 2^32, as RTP timestamps count.
pub(super) fn rtp_time(epoch: Instant, at: Instant, rate_hz: u32) -> u32 {
    let ticks = at.saturating_duration_since(epoch).as_nanos() * u128::from(rate_hz) / 1_000_000_000;
    u32::try_from(ticks & u128::from(u32::MAX)).unwrap_or(0)
}

/// How long to leave a lost device alone: longer each time, 5 seconds at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    failures: u32,
}

impl Patience {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);
    /// A device that is there and gives nothing: it may begin at any moment.
    const FOR_A_SIGNAL: Duration = Duration::from_millis(500);
    const FOR_A_DEVICE: Duration = Duration::from_millis(500);

    /// There is no device at all: when to look next.
    pub(super) fn for_a_device(self, now: Instant) -> Instant {
        now + Self::FOR_A_DEVICE
    }

    /// It failed again: when to try next.
    pub(super) fn after_failure(&mut self, now: Instant, cause: &Error) -> Instant {
        let longest =
            if matches!(cause, Error::NoSignal { .. }) { Self::FOR_A_SIGNAL } else { Self::LONGEST };
        let pause = Self::FIRST.saturating_mul(1 << self.failures.min(8)).min(longest);
        self.failures = self.failures.saturating_add(1);
        now + pause
    }

    /// It works.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }
}
