//! One slot of a subscriber: which track fills it, which is on its way, and where the cut is.
//!
//! ```text
//!            assign                    key frame of B
//!   Empty ───────────▶ waiting for A ───────────────▶ shows A
//!     ▲                                                 │ assign B
//!     │ clear                                           ▼         key frame of B
//!     └──────────────────────────────────── shows A, waiting for B ─────────────▶ shows B
//! ```
//!
//! A sound needs no key frame: its first packet is the cut. Another layer of the same track is assigned and
//! cut in the same way; where layers share a flow, a smaller one is there at once.

use std::time::Instant;

use crate::sfu::SlotId;
use crate::sfu::inbound::Packet;
use crate::sfu::rewrite::{Numbers, Rewriter};
use crate::sfu::temporal::{Gate, TID_MAX};
use crate::track::{Kind, Layer, VideoCodec};

/// Clock rates: RFC 7587, 4.1; RFC 6184, 8.2.1; RFC 7741, 6.1; RFC 9628, 6.1.
const AUDIO_CLOCK_HZ: u32 = 48_000;
const VIDEO_CLOCK_HZ: u32 = 90_000;

/// A layer of a track whose sequence numbers are continuous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Feed {
    /// The index of the track in the forwarder.
    pub(super) track: usize,
    pub(super) layer: Layer,
    /// Another epoch counts anew, so that it needs a cut.
    pub(super) epoch: u32,
    /// It is in one flow with the other layers, and comes with those below it.
    pub(super) shared: bool,
}

impl Feed {
    /// Whether a packet of that feed is in the flow of this one.
    fn has(self, packet: Self) -> bool {
        self.track == packet.track
            && self.shared == packet.shared
            && (self.shared || self.layer == packet.layer)
    }

    /// The same one, smaller.
    fn has_below(self, other: Self) -> bool {
        self.shared && self.has(other) && self.epoch == other.epoch && self.layer > other.layer
    }
}

/// What becomes of a packet in a slot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Passage {
    /// Not for this slot, or not now.
    Dropped,
    /// The source is not followed any more and a key frame is needed.
    Stalled,
    /// To be sent with these numbers.
    Passed(Numbers),
    /// Left out, though it has numbers already: to be sent without what it says.
    Blank(Numbers),
    /// To be sent, as the first packet of a feed.
    Cut {
        numbers: Numbers,
        /// The track that the slot showed before.
        before: Option<usize>,
    },
}

/// What a key frame of the past does for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Help {
    /// Nothing: another one is needed.
    None,
    /// It is on its way.
    OnItsWay,
    /// The slot is to be cut to it.
    Again,
}

/// One slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: SlotId,
    pub(super) kind: Kind,
    /// Set apart for screens or their sound.
    pub(super) for_screen: bool,
    /// The codecs that the subscriber decodes here.
    decodes: Vec<VideoCodec>,
    rewriter: Rewriter,
    gate: Gate,
    /// The temporal layers that the awaited feed shall have.
    pending_frames: u8,
    current: Option<Feed>,
    pending: Option<Feed>,
    /// What the subscriber was told.
    pub(super) told: Option<usize>,
    /// The layer that would fill it if it were sent; `None` in an empty slot.
    pub(super) ideal: Option<Layer>,
}

impl Slot {
    pub(super) fn new(id: SlotId, kind: Kind, decodes: Vec<VideoCodec>) -> Self {
        let clock_hz = match kind {
            Kind::Audio => AUDIO_CLOCK_HZ,
            Kind::Video => VIDEO_CLOCK_HZ,
        };
        Self {
            id,
            kind,
            for_screen: false,
            decodes,
            rewriter: Rewriter::new(clock_hz),
            gate: Gate::default(),
            pending_frames: TID_MAX,
            current: None,
            pending: None,
            told: None,
            ideal: None,
        }
    }

    pub(super) fn can_decode(&self, codec: Option<VideoCodec>) -> bool {
        codec.is_none_or(|codec| self.decodes.contains(&codec))
    }

    /// The track that is in it or on its way.
    pub(super) fn holds(&self) -> Option<usize> {
        self.pending.or(self.current).map(|feed| feed.track)
    }

    pub(super) fn is_fed_by(&self, track: usize) -> bool {
        [self.current, self.pending].into_iter().flatten().any(|feed| feed.track == track)
    }

    pub(super) fn current(&self) -> Option<Feed> {
        self.current
    }

    pub(super) fn pending(&self) -> Option<Feed> {
        self.pending
    }

    /// What a key frame would help: the feed that is awaited, else the one that is shown.
    pub(super) fn needs(&self) -> Option<Feed> {
        self.pending.or(self.current)
    }

    /// From the next cut on this feed is shown, with its temporal layers up to `frames`. Returns whether a cut is
    /// needed. Until a smaller picture is there, the way is too narrow for every frame of the larger one.
    pub(super) fn assign(&mut self, feed: Feed, frames: u8) -> bool {
        if self.current.is_some_and(|current| current.has_below(feed)) {
            self.current = Some(feed);
            self.gate.want_up_to(feed.layer.0);
        }
        self.pending = (self.current != Some(feed)).then_some(feed);
        self.pending_frames = frames;
        let shrinks =
            self.current.is_some_and(|current| current.track == feed.track && current.layer > feed.layer);
        match self.pending {
            None => self.gate.want(frames),
            Some(_) if shrinks => self.gate.want(0),
            Some(_) => {}
        }
        self.pending.is_some()
    }

    /// What the last key frame of a feed that it waits for or follows can do for it: `first` begins it, and `on_its_way`
    /// says that it was sent so lately that whoever follows it may not have it yet.
    pub(super) fn help(&mut self, feed: Feed, first: &Packet, on_its_way: bool) -> Help {
        if !self.can_decode(first.codec) {
            return Help::None;
        }
        match self.current {
            Some(current) if current == feed && self.pending.is_none() => {
                if on_its_way {
                    return Help::OnItsWay;
                }
                if self.rewriter.was_cut_at(first.sequence) {
                    return Help::None;
                }
            }
            // A larger picture can wait; what people have just seen, they are not to see again.
            Some(current) if current.track == feed.track && current.layer < feed.layer => return Help::None,
            _ => {}
        }
        self.pending = Some(feed);
        Help::Again
    }

    /// Nothing more of this track, neither now nor awaited.
    pub(super) fn release(&mut self, track: usize) {
        self.current = self.current.filter(|feed| feed.track != track);
        self.pending = self.pending.filter(|feed| feed.track != track);
    }

    pub(super) fn clear(&mut self) {
        self.current = None;
        self.pending = None;
        self.ideal = None;
    }

    /// The timestamp from which on the slot is empty.
    pub(super) fn timestamp_at(&self, now: Instant) -> u32 {
        self.rewriter.timestamp_at(now)
    }

    /// A packet of one of its feeds.
    pub(super) fn take(
        &mut self,
        feed: Feed,
        packet: &Packet,
        numbers: Numbers,
        begins: bool,
        now: Instant,
    ) -> Passage {
        if let Some(pending) =
            self.pending.filter(|pending| pending.has(feed) && begins && self.can_decode(packet.codec))
        {
            let before = self.current.map(|current| current.track);
            self.current = Some(Feed { layer: pending.layer, ..feed });
            self.pending = None;
            self.gate.want(self.pending_frames);
            self.gate.want_up_to(if feed.shared { pending.layer.0 } else { u8::MAX });
            self.gate.restart();
            let (_, numbers) = self.judge(packet, numbers, begins);
            return Passage::Cut { numbers: self.rewriter.cut(numbers, now), before };
        }
        let Some(current) = self.current.filter(|current| current.has(feed)) else { return Passage::Dropped };
        if current.epoch != feed.epoch || !self.can_decode(packet.codec) {
            self.current = None;
            self.pending.get_or_insert(Feed { layer: current.layer, ..feed });
            return Passage::Stalled;
        }
        let (passes, numbers) = self.judge(packet, numbers, begins);
        if passes {
            return self.rewriter.follow(numbers, now).map_or(Passage::Dropped, Passage::Passed);
        }
        // Frames of VP9 name others by how far their picture ids are apart.
        let ids = numbers.ids.filter(|_| packet.codec == Some(VideoCodec::Vp8));
        let numbers = Numbers { ids, ..numbers };
        self.rewriter.leave_out(numbers, now).map_or(Passage::Dropped, Passage::Blank)
    }

    /// Whether a packet of the feed passes; and that it ends its picture, where what follows in it does not.
    fn judge(&mut self, packet: &Packet, numbers: Numbers, begins: bool) -> (bool, Numbers) {
        let Some(spatial) = packet.spatial else {
            return (self.gate.admits(packet.temporal, packet.timestamp, begins), numbers);
        };
        let up_to = self.gate.up_to(packet.temporal, packet.timestamp, begins);
        let ends = spatial.ends && up_to == Some(spatial.id);
        let passes = up_to.is_some_and(|largest| spatial.id <= largest);
        (passes, Numbers { marker: numbers.marker || ends, ..numbers })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sfu::spatial::Spatial;

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn feed(track: usize) -> Feed {
        Feed { track, layer: Layer(0), epoch: 0, shared: false }
    }

    struct Viewer {
        slot: Slot,
        now: Instant,
    }

    impl Viewer {
        fn of(kind: Kind, decodes: &[VideoCodec]) -> Self {
            Self { slot: Slot::new(SlotId(0), kind, decodes.to_vec()), now: origin() }
        }

        fn packet(&self, sequence: u64, codec: Option<VideoCodec>) -> Packet {
            Packet::bare(sequence, 0, codec, [0_u8; 4])
        }

        fn take(
            &mut self,
            feed: Feed,
            sequence: u64,
            codec: Option<VideoCodec>,
            begins: bool,
        ) -> Option<u64> {
            self.now += Duration::from_millis(33);
            let packet = self.packet(sequence, codec);
            let numbers = Numbers { sequence, timestamp: sequence as u32 * 3000, ..Numbers::default() };
            match self.slot.take(feed, &packet, numbers, begins, self.now) {
                Passage::Passed(numbers) | Passage::Cut { numbers, .. } => Some(numbers.sequence),
                Passage::Dropped | Passage::Blank(_) | Passage::Stalled => None,
            }
        }
    }

    const H264: Option<VideoCodec> = Some(VideoCodec::H264);

    #[test]
    fn a_picture_begins_with_a_key_frame() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::H264]);
        viewer.slot.assign(feed(1), TID_MAX);
        assert_eq!(viewer.take(feed(1), 10, H264, false), None);
        assert_eq!(viewer.take(feed(1), 11, H264, true), Some(1));
        assert_eq!(viewer.take(feed(1), 12, H264, false), Some(2));
    }

    /// A packet of one of three sizes that share a flow: whether it passes, and whether it ends its picture.
    fn sized(
        viewer: &mut Viewer,
        size: u8,
        sequence: u64,
        picture: u32,
        begins: bool,
    ) -> Option<(u64, bool)> {
        let spatial = Spatial { id: size, count: 3, ends: true, heights: None };
        let mut packet = Packet::bare(sequence, picture * 3000, Some(VideoCodec::Vp9), [0_u8; 4]);
        packet.spatial = Some(spatial);
        let feed = Feed { layer: Layer(size), shared: true, ..feed(1) };
        let numbers =
            Numbers { sequence, timestamp: packet.timestamp, marker: size == 2, ..Numbers::default() };
        match viewer.slot.take(feed, &packet, numbers, begins, viewer.now) {
            Passage::Passed(numbers) | Passage::Cut { numbers, .. } => {
                Some((numbers.sequence, numbers.marker))
            }
            Passage::Dropped | Passage::Blank(_) | Passage::Stalled => None,
        }
    }

    #[test]
    fn of_sizes_that_share_a_flow_those_up_to_the_wanted_one_pass_and_the_last_ends_the_picture() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::Vp9]);
        let middle = Feed { layer: Layer(1), shared: true, ..feed(1) };
        viewer.slot.assign(middle, TID_MAX);
        assert_eq!(sized(&mut viewer, 1, 9, 0, false), None);
        assert_eq!(sized(&mut viewer, 0, 10, 1, true), Some((1, false)));
        assert_eq!(sized(&mut viewer, 1, 11, 1, false), Some((2, true)));
        assert_eq!(sized(&mut viewer, 2, 12, 1, false), None);
        assert_eq!(sized(&mut viewer, 0, 13, 2, false), Some((3, false)), "numbers close up");
    }

    #[test]
    fn a_smaller_size_of_the_flow_is_there_from_the_next_picture_on_and_a_larger_one_at_a_key_frame() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::Vp9]);
        let size = |layer: u8| Feed { layer: Layer(layer), shared: true, ..feed(1) };
        viewer.slot.assign(size(2), TID_MAX);
        assert_eq!(sized(&mut viewer, 0, 10, 1, true), Some((1, false)));
        assert!(!viewer.slot.assign(size(0), TID_MAX), "nothing is awaited");
        assert_eq!(
            sized(&mut viewer, 1, 11, 1, false),
            Some((2, false)),
            "the picture is sent as it was begun"
        );
        assert_eq!(sized(&mut viewer, 2, 12, 1, false), Some((3, true)));
        assert_eq!(sized(&mut viewer, 0, 13, 2, false), Some((4, true)));
        assert_eq!(sized(&mut viewer, 1, 14, 2, false), None);
        assert!(viewer.slot.assign(size(2), TID_MAX), "a key frame is awaited");
        assert_eq!(sized(&mut viewer, 0, 15, 3, false), Some((5, true)));
        assert_eq!(sized(&mut viewer, 2, 16, 3, false), None);
        assert_eq!(sized(&mut viewer, 0, 17, 4, true), Some((6, false)));
        assert_eq!(sized(&mut viewer, 2, 19, 4, false).map(|(_, marker)| marker), Some(true));
    }

    #[test]
    fn the_old_picture_goes_on_until_the_new_one_can_be_shown() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::H264]);
        viewer.slot.assign(feed(1), TID_MAX);
        viewer.take(feed(1), 10, H264, true);
        viewer.slot.assign(feed(2), TID_MAX);
        assert_eq!(viewer.take(feed(2), 90, H264, false), None);
        assert_eq!(viewer.take(feed(1), 11, H264, false), Some(2));
        assert_eq!(viewer.take(feed(2), 91, H264, true), Some(3));
        assert_eq!(viewer.take(feed(1), 12, H264, false), None);
        assert!(!viewer.slot.is_fed_by(1));
    }

    #[test]
    fn a_feed_that_counts_anew_is_cut_at_its_next_key_frame() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::H264]);
        viewer.slot.assign(feed(1), TID_MAX);
        viewer.take(feed(1), 10, H264, true);
        let anew = Feed { epoch: 1, ..feed(1) };
        assert_eq!(viewer.take(anew, 0, H264, false), None);
        assert_eq!(viewer.take(anew, 1, H264, true), Some(2));
        assert_eq!(viewer.take(anew, 2, H264, false), Some(3));
    }

    #[test]
    fn a_key_frame_of_the_past_helps_whoever_has_not_had_it() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::H264]);
        let keyframe = viewer.packet(10, H264);
        let (large, small) = (Feed { layer: Layer(1), ..feed(1) }, feed(1));
        viewer.slot.assign(large, TID_MAX);
        assert_eq!(viewer.slot.help(large, &keyframe, true), Help::Again, "it waits for its first picture");
        assert_eq!(viewer.take(large, 10, H264, true), Some(1));
        assert_eq!(viewer.slot.help(large, &keyframe, true), Help::OnItsWay);
        assert_eq!(viewer.slot.help(large, &keyframe, false), Help::None, "it has had this one");
        viewer.slot.assign(small, TID_MAX);
        assert_eq!(viewer.slot.help(small, &keyframe, false), Help::Again, "less is sent at once");
        assert_eq!(viewer.take(small, 10, H264, true), Some(2));
        viewer.slot.assign(large, TID_MAX);
        assert_eq!(viewer.slot.help(large, &keyframe, false), Help::None, "a larger picture can wait");
        viewer.slot.assign(feed(2), TID_MAX);
        let foreign = viewer.packet(10, Some(VideoCodec::Vp8));
        assert_eq!(viewer.slot.help(feed(2), &foreign, false), Help::None);
    }

    #[test]
    fn a_codec_that_the_subscriber_lacks_is_waited_out() {
        let mut viewer = Viewer::of(Kind::Video, &[VideoCodec::Vp8]);
        viewer.slot.assign(feed(1), TID_MAX);
        assert_eq!(viewer.take(feed(1), 10, H264, true), None);
        assert_eq!(viewer.take(feed(1), 11, Some(VideoCodec::Vp8), true), Some(1));
        assert_eq!(viewer.take(feed(1), 12, H264, true), None);
        assert_eq!(viewer.take(feed(1), 13, Some(VideoCodec::Vp8), true), Some(2));
    }

    #[test]
    fn an_emptied_slot_sends_nothing_and_counts_on_when_it_is_filled_again() {
        let mut viewer = Viewer::of(Kind::Audio, &[]);
        viewer.slot.assign(feed(1), TID_MAX);
        assert_eq!(viewer.take(feed(1), 10, None, true), Some(1));
        viewer.slot.clear();
        assert_eq!(viewer.take(feed(1), 11, None, true), None);
        viewer.slot.assign(feed(2), TID_MAX);
        assert_eq!(viewer.take(feed(2), 500, None, true), Some(2));
    }
}
