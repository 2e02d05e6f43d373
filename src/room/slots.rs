//! The pictures of the others: a decoder per slot, made when packets come, and whose picture it shows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::codec::{Codec, Codecs, Decoded, Packet, VideoDecoder};
use alcove_hal::frame::Frame;

use crate::room::scene::SlotWord;
use crate::sfu::SlotId;
use crate::sfu::local::Delivered;
use crate::track::{Kind, Source, VideoCodec};

/// The most picture slots; packets and words of more are dropped.
pub const SLOTS_MAX: usize = 32;

/// The most words that wait for their frame in one slot; at the limit the oldest is dropped.
const WORDS_MAX: usize = 16;

/// How often a slot asks for a key frame at most.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// How long to wait before a decoder that failed is made again.
const DECODER_INTERVAL: Duration = Duration::from_millis(500);

/// A picture older than this is no longer shown: its sender has a problem that its name card tells better.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// What happened to the pictures since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SlotCounters {
    /// Pictures decoded and taken for the scene.
    pub pictures: u64,
    /// Packets that no decoder took.
    pub packets_refused: u64,
    /// Decoders made.
    pub decoders: u64,
    /// Key frames asked for.
    pub keyframe_wishes: u64,
}

/// All picture slots of the room.
pub struct Slots {
    codecs: Arc<dyn Codecs>,
    join: u64,
    slots: Vec<Slot>,
    counters: SlotCounters,
}

impl Slots {
    /// No slots yet: they come into being by their first packet or word.
    #[must_use]
    pub fn new(codecs: Arc<dyn Codecs>) -> Self {
        Self { codecs, join: 0, slots: Vec::new(), counters: SlotCounters::default() }
    }

    /// Takes a picture packet of that join; those of another are out of date and dropped.
    pub fn push(&mut self, join: u64, packet: &Delivered, codec: VideoCodec, now: Instant) {
        if join != self.join {
            return;
        }
        let codecs = Arc::clone(&self.codecs);
        let Some(slot) = slot_of(&mut self.slots, packet.slot) else {
            self.counters.packets_refused += 1;
            return;
        };
        if slot.prepare(&*codecs, codec, now) {
            self.counters.decoders += 1;
        }
        if !slot.push(packet) {
            self.counters.packets_refused += 1;
        }
    }

    /// Takes a word: the slot shows that track from that timestamp on.
    pub fn word(&mut self, word: SlotWord) {
        let is_picture = word.track.is_none_or(|(_, source)| source.kind() == Kind::Video);
        let is_known = self.slots.iter().any(|slot| slot.id == word.slot);
        if is_picture
            && (is_known || word.track.is_some())
            && let Some(slot) = slot_of(&mut self.slots, word.slot)
        {
            slot.word(word);
        }
    }

    /// Takes the latest picture of every decoder, and returns the slots that need a key frame.
    pub fn refresh(&mut self, now: Instant) -> Vec<SlotId> {
        let mut wishes = Vec::new();
        for slot in &mut self.slots {
            self.counters.pictures += u64::from(slot.take_latest(now));
            if slot.wishes_keyframe(now) {
                self.counters.keyframe_wishes += 1;
                wishes.push(slot.id);
            }
        }
        wishes
    }

    /// The latest picture of a track, while it is in a slot.
    #[must_use]
    pub fn picture(&self, track: (u64, Source), now: Instant) -> Option<&Frame> {
        let shown = self.slots.iter().filter(|slot| slot.shown == Some(track));
        let latest = shown.filter_map(|slot| slot.latest.as_ref()).max_by_key(|latest| latest.taken_at)?;
        (now.saturating_duration_since(latest.taken_at) < STALE_AFTER).then_some(&latest.frame)
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> SlotCounters {
        self.counters
    }

    /// Forgets all slots: from now on only packets of that join count.
    pub fn begin(&mut self, join: u64) {
        self.join = join;
        self.slots.clear();
    }
}

fn slot_of(slots: &mut Vec<Slot>, id: SlotId) -> Option<&mut Slot> {
    let index = match slots.iter().position(|slot| slot.id == id) {
        Some(index) => index,
        None if slots.len() < SLOTS_MAX => {
            slots.push(Slot::new(id));
            slots.len() - 1
        }
        None => return None,
    };
    slots.get_mut(index)
}

/// One slot.
///
/// ```text
///          first packet            picture with the word's timestamp, or a later one
///  empty ───────────────▶ decoding ────────────────────────────────────────────────▶ showing a track
///    ▲                       │  ▲                                                       │  │
///    │                       └──┘ another codec, or a failure: another decoder ◀────────┘  │
///    └──────────────────────────────────────────────────────────────────────────────────────┘
///                                     word "empty"
/// ```
struct Slot {
    id: SlotId,
    decoder: Option<(VideoCodec, Box<dyn VideoDecoder>)>,
    failed_at: Option<Instant>,
    asked_at: Option<Instant>,
    words: VecDeque<SlotWord>,
    shown: Option<(u64, Source)>,
    latest: Option<Latest>,
}

struct Latest {
    frame: Frame,
    timestamp: u32,
    taken_at: Instant,
}

impl Slot {
    fn new(id: SlotId) -> Self {
        Self {
            id,
            decoder: None,
            failed_at: None,
            asked_at: None,
            words: VecDeque::new(),
            shown: None,
            latest: None,
        }
    }

    /// Sees to it that there is a decoder for `codec`; returns whether one was made.
    fn prepare(&mut self, codecs: &dyn Codecs, codec: VideoCodec, now: Instant) -> bool {
        let fits = self.decoder.as_ref().is_some_and(|(running, _)| *running == codec);
        let resting = self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < DECODER_INTERVAL);
        if fits || resting {
            return false;
        }
        self.decoder = None;
        match codecs.decoder(hal_codec(codec)) {
            Ok(decoder) => {
                self.decoder = Some((codec, decoder));
                self.failed_at = None;
                true
            }
            Err(cause) => {
                log::warn!("slot {}: {codec} cannot be shown: {cause}", self.id);
                self.failed_at = Some(now);
                false
            }
        }
    }

    /// Hands a packet to the decoder; a decoder that fails is thrown away, and made again by a later packet.
    fn push(&mut self, packet: &Delivered) -> bool {
        let Some((_, decoder)) = &mut self.decoder else { return false };
        // RTP counts modulo 2^16 (RFC 3550, 5.1).
        let [.., high, low] = packet.sequence.to_be_bytes();
        let pushed = decoder.push(&Packet {
            sequence_number: u16::from_be_bytes([high, low]),
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload: &packet.payload,
        });
        if let Err(cause) = pushed {
            log::warn!("slot {}: the decoder has stopped and is made again: {cause}", self.id);
            self.decoder = None;
            return false;
        }
        true
    }

    fn word(&mut self, word: SlotWord) {
        if word.track.is_none() {
            *self = Self::new(self.id);
            return;
        }
        self.words.push_back(word);
        if self.words.len() > WORDS_MAX {
            self.words.pop_front();
        }
        if let Some(timestamp) = self.latest.as_ref().map(|latest| latest.timestamp) {
            self.apply_words(timestamp);
        }
    }

    /// The words that hold for a frame with that timestamp.
    fn apply_words(&mut self, timestamp: u32) {
        while let Some(word) = self.words.front().filter(|word| is_reached(word.rtp_timestamp, timestamp)) {
            self.shown = word.track;
            self.words.pop_front();
        }
    }

    fn take_latest(&mut self, now: Instant) -> bool {
        let Some((_, decoder)) = &mut self.decoder else { return false };
        let Some(Decoded { frame, timestamp }) = decoder.take_latest() else { return false };
        self.latest = Some(Latest { frame, timestamp, taken_at: now });
        self.apply_words(timestamp);
        true
    }

    fn wishes_keyframe(&mut self, now: Instant) -> bool {
        let Some((_, decoder)) = &mut self.decoder else { return false };
        if self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < KEYFRAME_INTERVAL) {
            return false;
        }
        let wishes = decoder.take_keyframe_wish();
        if wishes {
            self.asked_at = Some(now);
        }
        wishes
    }
}

/// Whether `timestamp` is `mark` or later, modulo 2^32.
const fn is_reached(mark: u32, timestamp: u32) -> bool {
    timestamp.wrapping_sub(mark) < 1 << 31
}

/// The codec by the name that the hardware layer has for it.
pub(super) const fn hal_codec(codec: VideoCodec) -> Codec {
    match codec {
        VideoCodec::H264 => Codec::H264,
        VideoCodec::Vp8 => Codec::Vp8,
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
