//! The pictures of the others: a decoder per slot, made when packets come, and whose picture it shows.
//!
//! Making and ending a decoder takes up to a tenth of a second, so a thread of its own does both
//! (`run_decoders`): whoever holds the lock of the slots is done at once, and the scene's clock never waits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alcove_hal::codec::{Codec, Codecs, Decoded, Packet, VideoDecoder};
use alcove_hal::frame::Frame;

use crate::room::age::{Ages, PictureAge};
use crate::room::scene::SlotWord;
use crate::room::shared::{Shared, locked};
use crate::sfu::SlotId;
use crate::sfu::local::Delivered;
use crate::track::{Kind, Source, VideoCodec};

/// The most picture slots; packets and words of more are dropped.
pub const SLOTS_MAX: usize = 32;

/// The most words that wait for their frame in one slot; at the limit the oldest is dropped.
const WORDS_MAX: usize = 16;

/// The most packets that wait for a decoder being made; at the limit the oldest is dropped.
const PENDING_MAX: usize = 512;

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
#[derive(Default)]
pub struct Slots {
    join: u64,
    slots: Vec<Slot>,
    /// Decoders that are no longer needed, at most one per decoder that was made.
    retired: Vec<Box<dyn VideoDecoder>>,
    orders_made: u64,
    counters: SlotCounters,
}

/// A decoder to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    number: u64,
    slot: SlotId,
    codec: VideoCodec,
}

/// What is to be done outside the lock.
pub(super) struct Work {
    retired: Vec<Box<dyn VideoDecoder>>,
    order: Option<Order>,
}

impl Slots {
    /// Takes a picture packet of that join; those of another are out of date and dropped.
    pub fn push(&mut self, join: u64, packet: &Delivered, codec: VideoCodec, now: Instant) {
        if join != self.join {
            return;
        }
        let Some(slot) = slot_of(&mut self.slots, packet.slot) else {
            self.counters.packets_refused += 1;
            return;
        };
        self.retired.extend(slot.prepare(codec, &mut self.orders_made, now));
        slot.ages.arrived(packet, now);
        let (taken, failed) = slot.push(packet);
        self.retired.extend(failed);
        self.counters.packets_refused += u64::from(!taken);
    }

    /// What is to be done outside the lock, if anything.
    pub(super) fn take_work(&mut self) -> Option<Work> {
        let retired = std::mem::take(&mut self.retired);
        let order = self.slots.iter_mut().find_map(Slot::take_order);
        (order.is_some() || !retired.is_empty()).then_some(Work { retired, order })
    }

    /// Whether [`Self::take_work`] would find something.
    pub(super) fn has_work(&self) -> bool {
        !self.retired.is_empty() || self.slots.iter().any(Slot::has_order)
    }

    /// A decoder was made, or could not be. One that is no longer wanted is retired.
    pub(super) fn install(
        &mut self,
        order: Order,
        made: alcove_hal::Result<Box<dyn VideoDecoder>>,
        now: Instant,
    ) {
        let wanted = self.slots.iter_mut().find(|slot| slot.expects(order));
        match (made, wanted) {
            (Ok(decoder), Some(slot)) => {
                self.counters.decoders += 1;
                self.retired.extend(slot.install(order.codec, decoder));
            }
            (Ok(decoder), None) => self.retired.push(decoder),
            (Err(cause), Some(slot)) => {
                log::warn!("slot {}: {} cannot be shown: {cause}", order.slot, order.codec);
                slot.give_up(now);
            }
            (Err(_), None) => {}
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
            self.retired.extend(slot.word(word));
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

    /// How old the pictures are when the scene takes them, by track.
    #[must_use]
    pub fn ages(&self) -> Vec<((u64, Source), PictureAge)> {
        self.slots.iter().filter_map(|slot| Some((slot.shown?, slot.ages.mean()?))).collect()
    }

    /// What happened so far.
    #[must_use]
    pub const fn counters(&self) -> SlotCounters {
        self.counters
    }

    /// Forgets all slots: from now on only packets of that join count.
    pub fn begin(&mut self, join: u64) {
        self.join = join;
        self.retired.extend(self.slots.drain(..).filter_map(|slot| slot.decoder).map(|(_, decoder)| decoder));
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
    /// The decoder being made, and whether somebody is at it.
    order: Option<(Order, bool)>,
    /// What came meanwhile.
    pending: VecDeque<Delivered>,
    failed_at: Option<Instant>,
    asked_at: Option<Instant>,
    words: VecDeque<SlotWord>,
    shown: Option<(u64, Source)>,
    latest: Option<Latest>,
    ages: Ages,
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
            order: None,
            pending: VecDeque::new(),
            failed_at: None,
            asked_at: None,
            words: VecDeque::new(),
            shown: None,
            latest: None,
            ages: Ages::default(),
        }
    }

    /// Sees to it that there is a decoder for `codec`, or will be; returns the one before.
    fn prepare(
        &mut self,
        codec: VideoCodec,
        orders_made: &mut u64,
        now: Instant,
    ) -> Option<Box<dyn VideoDecoder>> {
        let fits = match self.order {
            Some((order, _)) => order.codec == codec,
            None => self.decoder.as_ref().is_some_and(|(running, _)| *running == codec),
        };
        let resting = self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < DECODER_INTERVAL);
        if fits || resting {
            return None;
        }
        *orders_made += 1;
        self.order = Some((Order { number: *orders_made, slot: self.id, codec }, false));
        self.pending.clear();
        self.decoder.take().map(|(_, decoder)| decoder)
    }

    fn has_order(&self) -> bool {
        self.order.is_some_and(|(_, taken)| !taken)
    }

    fn take_order(&mut self) -> Option<Order> {
        let (order, taken) = self.order.as_mut().filter(|(_, taken)| !taken)?;
        *taken = true;
        Some(*order)
    }

    fn expects(&self, order: Order) -> bool {
        self.order.is_some_and(|(expected, _)| expected == order)
    }

    /// The decoder is there: it gets what waited for it. Returns it when it fails at once.
    fn install(
        &mut self,
        codec: VideoCodec,
        decoder: Box<dyn VideoDecoder>,
    ) -> Option<Box<dyn VideoDecoder>> {
        self.order = None;
        self.failed_at = None;
        self.decoder = Some((codec, decoder));
        let pending = std::mem::take(&mut self.pending);
        pending.iter().find_map(|packet| self.push(packet).1)
    }

    fn give_up(&mut self, now: Instant) {
        self.order = None;
        self.pending.clear();
        self.failed_at = Some(now);
    }

    /// Hands a packet to the decoder: whether it was taken, and the decoder when it has failed; another is made
    /// for a later packet.
    fn push(&mut self, packet: &Delivered) -> (bool, Option<Box<dyn VideoDecoder>>) {
        if self.order.is_some() {
            self.pending.push_back(packet.clone());
            if self.pending.len() > PENDING_MAX {
                self.pending.pop_front();
            }
            return (true, None);
        }
        let Some((_, decoder)) = &mut self.decoder else { return (false, None) };
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
            return (false, self.decoder.take().map(|(_, decoder)| decoder));
        }
        (true, None)
    }

    /// Takes a word; returns the decoder of a slot that has become empty.
    fn word(&mut self, word: SlotWord) -> Option<Box<dyn VideoDecoder>> {
        if word.track.is_none() {
            let emptied = std::mem::replace(self, Self::new(self.id));
            return emptied.decoder.map(|(_, decoder)| decoder);
        }
        self.words.push_back(word);
        if self.words.len() > WORDS_MAX {
            self.words.pop_front();
        }
        if let Some(timestamp) = self.latest.as_ref().map(|latest| latest.timestamp) {
            self.apply_words(timestamp);
        }
        None
    }

    /// The words that hold for a frame with that timestamp.
    fn apply_words(&mut self, timestamp: u32) {
        while let Some(word) = self.words.front().filter(|word| is_reached(word.rtp_timestamp, timestamp)) {
            if self.shown != word.track {
                self.ages = Ages::default();
            }
            self.shown = word.track;
            self.words.pop_front();
        }
    }

    fn take_latest(&mut self, now: Instant) -> bool {
        let Some((_, decoder)) = &mut self.decoder else { return false };
        let Some(Decoded { frame, timestamp }) = decoder.take_latest() else { return false };
        self.apply_words(timestamp);
        self.ages.taken(timestamp, frame.captured_at, now);
        self.latest = Some(Latest { frame, timestamp, taken_at: now });
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

/// Makes and ends decoders until the room stops; sleeps while there is nothing to do.
pub(super) fn run_decoders(shared: &Shared, codecs: &Arc<dyn Codecs>) {
    while !shared.is_stopping() {
        let work = locked(&shared.slots).take_work();
        let Some(Work { retired, order }) = work else {
            std::thread::park();
            continue;
        };
        if let Some(order) = order {
            let made = codecs.decoder(hal_codec(order.codec));
            locked(&shared.slots).install(order, made, shared.clock.now());
        }
        drop(retired);
    }
}

/// The codec by the name that the hardware layer has for it.
pub(super) const fn hal_codec(codec: VideoCodec) -> Codec {
    match codec {
        VideoCodec::H264 => Codec::H264,
        VideoCodec::Vp8 => Codec::Vp8,
        VideoCodec::Vp9 => Codec::Vp9,
        VideoCodec::Av1 => Codec::Av1,
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
