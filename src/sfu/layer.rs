//! A layer of a track as it arrives: its height and bitrate, and the key frames asked of it.

use std::time::{Duration, Instant};

use crate::sfu::capture::DelayReport;
use crate::sfu::inbound::Packet;
use crate::sfu::keyframe::Sight;
use crate::sfu::keyframe_cache::KeyframeCache;
use crate::sfu::quality::Tally;
use crate::sfu::temporal::TEMPORAL_LAYERS;
use crate::track::Layer;

/// Over how long a layer's bitrate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(1);
/// A sequence number this far below the highest one means that the sender counts anew.
const RESTART_GAP: u64 = 5000;
/// The height of the top layer until a key frame tells it.
const TOP_HEIGHT: u16 = 720;
/// How long nobody must watch a layer before its publisher may stop it.
const UNWANTED_AFTER: Duration = Duration::from_secs(3);
/// The least time between two requests for a key frame of a layer, and from a key frame to the next request: until
/// then its [cache](KeyframeCache) serves whoever needs one.
pub(super) const KEYFRAME_EVERY: Duration = Duration::from_secs(1);

/// A layer as it arrives.
#[derive(Debug)]
pub(super) struct LayerIn {
    pub(super) height: u16,
    pub(super) height_told: bool,
    /// Packets arrive.
    pub(super) live: bool,
    pub(super) epoch: u32,
    /// The epoch in the branch that it comes from.
    pub(super) epoch_elsewhere: Option<u32>,
    highest_sequence: Option<u64>,
    pub(super) last_packet: Option<Instant>,
    window_since: Option<Instant>,
    /// By temporal layer.
    window_bytes: [u64; TEMPORAL_LAYERS],
    measured_bps: Option<[u64; TEMPORAL_LAYERS]>,
    /// What arrived since it was last looked at, and the highest number then.
    arrived: u64,
    looked_at_sequence: Option<u64>,
    pub(super) ask: KeyframeAsk,
    pub(super) cache: KeyframeCache,
    pub(super) delays: DelayReport,
}

impl LayerIn {
    pub(super) fn new(told: Option<u16>, at: usize, layers: usize) -> Self {
        Self {
            height: told.unwrap_or(TOP_HEIGHT >> (layers - 1 - at)),
            height_told: told.is_some(),
            live: false,
            epoch: 0,
            epoch_elsewhere: None,
            highest_sequence: None,
            last_packet: None,
            window_since: None,
            window_bytes: [0; TEMPORAL_LAYERS],
            measured_bps: None,
            arrived: 0,
            looked_at_sequence: None,
            ask: KeyframeAsk::default(),
            cache: KeyframeCache::default(),
            delays: DelayReport::default(),
        }
    }

    /// Counts a packet of the flow that the layer stands for. Returns whether the sender counts anew.
    pub(super) fn count(&mut self, fresh: bool, sequence: u64) -> bool {
        let restarted =
            self.highest_sequence.is_some_and(|highest| fresh || sequence + RESTART_GAP < highest);
        if restarted {
            self.restart(self.epoch + 1);
        }
        self.looked_at_sequence.get_or_insert_with(|| sequence.saturating_sub(1));
        self.arrived += 1;
        self.highest_sequence = self.highest_sequence.max(Some(sequence));
        restarted
    }

    /// Its sequence numbers begin anew.
    pub(super) fn restart(&mut self, epoch: u32) {
        self.epoch = epoch;
        self.cache.forget();
        (self.highest_sequence, self.looked_at_sequence, self.arrived) = (None, None, 0);
    }

    /// Nothing is known of what it costs, nor whether it is sent.
    pub(super) fn forget_past(&mut self) {
        self.live = false;
        self.last_packet = None;
        (self.window_since, self.window_bytes) = (None, [0; TEMPORAL_LAYERS]);
        self.measured_bps = None;
    }

    /// It is sent in pictures of this height. Returns whether that is news.
    pub(super) fn show(&mut self, height: u16, now: Instant) -> bool {
        let news = !self.live || !self.height_told || self.height != height;
        (self.height, self.height_told, self.live) = (height, true, true);
        self.last_packet = Some(now);
        news
    }

    /// Takes note of a packet of its own. Returns whether it was not sent before, or in another height.
    pub(super) fn note(&mut self, packet: &Packet, sight: Sight, now: Instant) -> bool {
        self.last_packet = Some(now);
        self.measure(packet, now);
        self.delays.note(packet.captured, packet.making, now);
        if sight.starts_keyframe {
            self.ask.answered(now);
        }
        let news = !self.live;
        self.live = true;
        match sight.height {
            Some(height) => self.show(height, now) || news,
            None => news,
        }
    }

    /// What arrived since the last call, and what did not.
    pub(super) fn take_tally(&mut self) -> Tally {
        let arrived = std::mem::take(&mut self.arrived);
        let before = std::mem::replace(&mut self.looked_at_sequence, self.highest_sequence);
        let numbers = self.highest_sequence.zip(before).map_or(0, |(now, before)| now.saturating_sub(before));
        Tally { arrived, lost: numbers.saturating_sub(arrived) }
    }

    fn measure(&mut self, packet: &Packet, now: Instant) {
        let since = *self.window_since.get_or_insert(now);
        let temporal = packet.temporal.map_or(0, |temporal| usize::from(temporal.id));
        self.window_bytes[temporal] += packet.payload.len() as u64;
        let elapsed = now.saturating_duration_since(since);
        if elapsed < RATE_WINDOW {
            return;
        }
        let bps = self.window_bytes.map(|bytes| bytes * 8_000 / (elapsed.as_millis().max(1) as u64));
        // A pause says nothing about what the layer costs when it is sent.
        if elapsed < RATE_WINDOW * 2 {
            let before = self.measured_bps.unwrap_or(bps);
            self.measured_bps = Some(std::array::from_fn(|at| (before[at] * 3 + bps[at]) / 4));
        }
        self.window_since = Some(now);
        self.window_bytes = [0; TEMPORAL_LAYERS];
    }

    /// What it costs, once it was measured.
    pub(super) fn measured_bps(&self) -> Option<u64> {
        self.measured_bps.map(|measured| measured.iter().sum())
    }

    /// What each of its temporal layers costs; until that was measured, all of it by its size.
    pub(super) fn frames_bps(&self) -> [u64; TEMPORAL_LAYERS] {
        self.measured_bps.unwrap_or_else(|| [self.usual_bps(), 0, 0, 0])
    }

    fn usual_bps(&self) -> u64 {
        match self.height {
            0..=200 => 150_000,
            201..=400 => 500_000,
            401..=800 => 1_500_000,
            801..=1200 => 3_000_000,
            _ => 6_000_000,
        }
    }
}

/// Key frames asked of a layer: however many want one, it is asked for once and again only after a while.
#[derive(Debug, Default)]
pub(super) struct KeyframeAsk {
    is_wanted: bool,
    asked_at: Option<Instant>,
    answered_at: Option<Instant>,
    unanswered: u32,
}

impl KeyframeAsk {
    /// A publisher that does not answer is asked less often.
    const PATIENT_AFTER: u32 = 10;
    const PATIENT_EVERY: Duration = Duration::from_secs(2);

    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// A key frame has come.
    pub(super) fn answered(&mut self, now: Instant) {
        self.is_wanted = false;
        self.answered_at = Some(now);
        self.unanswered = 0;
    }

    /// Whether to ask now.
    pub(super) fn poll(&mut self, now: Instant) -> bool {
        let every = if self.unanswered >= Self::PATIENT_AFTER { Self::PATIENT_EVERY } else { KEYFRAME_EVERY };
        let is_recent = |at: Instant| now.saturating_duration_since(at) < every;
        if !self.is_wanted || [self.asked_at, self.answered_at].into_iter().flatten().any(is_recent) {
            return false;
        }
        self.asked_at = Some(now);
        self.unanswered += 1;
        true
    }
}

/// The highest layer that anybody watches: more is told at once, less only after a while.
#[derive(Debug)]
pub(super) struct WantedLayers {
    told: Option<Layer>,
    less_since: Option<Instant>,
}

impl WantedLayers {
    pub(super) fn all(layers: usize) -> Self {
        Self { told: Some(Layer((layers - 1) as u8)), less_since: None }
    }

    pub(super) fn judge(&mut self, highest: Option<Layer>, now: Instant) -> Option<Option<Layer>> {
        if highest == self.told {
            self.less_since = None;
            return None;
        }
        if highest < self.told {
            let since = *self.less_since.get_or_insert(now);
            if now.saturating_duration_since(since) < UNWANTED_AFTER {
                return None;
            }
        }
        self.less_since = None;
        self.told = highest;
        Some(highest)
    }
}
