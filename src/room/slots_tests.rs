//! Questions to the slots, with decoders that tests feed by hand.

use std::sync::Mutex;

use alcove_hal::codec::{EncoderSettings, PayloadSink, Probe, VideoEncoder};
use alcove_hal::{Error, Result};

use super::*;
use crate::room::testing::TestClock;

/// What the decoders of a test do.
#[derive(Default)]
struct Desk {
    made: Mutex<Vec<Codec>>,
    pictures: Mutex<VecDeque<u32>>,
    fails: Mutex<bool>,
    wishes: Mutex<bool>,
}

struct DeskCodecs(Arc<Desk>);
struct DeskDecoder(Arc<Desk>);

impl Codecs for DeskCodecs {
    fn probes(&self) -> &[Probe] {
        &[]
    }

    fn encoder(&self, _: EncoderSettings, _: PayloadSink) -> Result<Box<dyn VideoEncoder>> {
        Err(Error::Unsupported { device: "desk".into(), cause: "only decodes".into() })
    }

    fn decodes(&self, _: Codec) -> bool {
        true
    }

    fn decoder(&self, codec: Codec) -> Result<Box<dyn VideoDecoder>> {
        self.0.made.lock().unwrap().push(codec);
        Ok(Box::new(DeskDecoder(Arc::clone(&self.0))))
    }
}

impl VideoDecoder for DeskDecoder {
    fn push(&mut self, _: &Packet<'_>) -> Result<()> {
        if *self.0.fails.lock().unwrap() {
            return Err(Error::Failed { device: "desk".into(), cause: "told to".into() });
        }
        Ok(())
    }

    fn take_latest(&mut self) -> Option<Decoded> {
        let timestamp = self.0.pictures.lock().unwrap().pop_front()?;
        let at = TestClock::origin_of_time();
        Some(Decoded { frame: Frame::new(2, 2, vec![0; 6], at), timestamp })
    }

    fn take_keyframe_wish(&mut self) -> bool {
        *self.0.wishes.lock().unwrap()
    }
}

struct Bench {
    desk: Arc<Desk>,
    slots: Slots,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let desk = Arc::new(Desk::default());
        Self { desk, slots: Slots::default(), now: TestClock::origin_of_time() }
    }

    fn packet(&mut self, codec: VideoCodec) {
        let packet = Delivered {
            slot: SlotId(4),
            codec: Some(codec),
            sequence: 70_000,
            timestamp: 0,
            marker: true,
            captured_at: None,
            payload: Arc::from(vec![0]),
        };
        self.slots.push(0, &packet, codec, self.now);
        self.work();
    }

    /// What the decoders' thread does.
    fn work(&mut self) {
        let codecs = DeskCodecs(Arc::clone(&self.desk));
        while let Some(Work { order, .. }) = self.slots.take_work() {
            if let Some(order) = order {
                self.slots.install(order, codecs.decoder(hal_codec(order.codec)), self.now);
            }
        }
        assert!(!self.slots.has_work());
    }

    fn word(&mut self, track: Option<u64>, rtp_timestamp: u32) {
        let track = track.map(|id| (id, Source::Camera));
        self.slots.word(SlotWord { slot: SlotId(4), track, rtp_timestamp });
    }

    /// A picture with that timestamp is decoded; who is seen then?
    fn seen_after(&mut self, timestamp: u32) -> Vec<u64> {
        self.desk.pictures.lock().unwrap().push_back(timestamp);
        self.slots.refresh(self.now);
        self.seen()
    }

    fn seen(&self) -> Vec<u64> {
        (0..5).filter(|id| self.slots.picture((*id, Source::Camera), self.now).is_some()).collect()
    }
}

#[test]
fn the_name_changes_with_the_very_frame() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    bench.word(Some(1), 100);
    assert_eq!(bench.seen_after(100), [1]);
    bench.word(Some(2), 200);
    assert_eq!(bench.seen_after(199), [1]);
    assert_eq!(bench.seen_after(200), [2]);
}

#[test]
fn a_word_later_than_its_frame_holds_at_once_also_around_the_wrap() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    assert!(bench.seen_after(5).is_empty());
    bench.word(Some(3), u32::MAX - 10);
    assert_eq!(bench.seen(), [3]);
}

#[test]
fn an_empty_word_hides_the_picture_and_ends_the_decoder() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    bench.word(Some(1), 0);
    assert_eq!(bench.seen_after(1), [1]);
    bench.word(None, 2);
    assert!(bench.seen().is_empty());
    assert!(bench.seen_after(3).is_empty(), "no decoder, so nothing is taken");
}

#[test]
fn another_codec_makes_another_decoder_and_keeps_the_picture() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    bench.word(Some(1), 0);
    bench.seen_after(1);
    bench.packet(VideoCodec::Vp8);
    bench.packet(VideoCodec::Vp8);
    assert_eq!(*bench.desk.made.lock().unwrap(), [Codec::H264, Codec::Vp8]);
    assert_eq!(bench.seen(), [1]);
}

#[test]
fn a_failed_decoder_is_made_again() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    *bench.desk.fails.lock().unwrap() = true;
    bench.packet(VideoCodec::H264);
    *bench.desk.fails.lock().unwrap() = false;
    bench.packet(VideoCodec::H264);
    assert_eq!(bench.slots.counters().decoders, 2);
    assert_eq!(bench.slots.counters().packets_refused, 1);
}

#[test]
fn a_decoder_that_comes_too_late_is_retired() {
    let mut bench = Bench::new();
    let late = Order { number: 99, slot: SlotId(4), codec: VideoCodec::H264 };
    let codecs = DeskCodecs(Arc::clone(&bench.desk));
    bench.slots.install(late, codecs.decoder(Codec::H264), bench.now);
    assert!(bench.slots.take_work().is_some_and(|work| work.retired.len() == 1 && work.order.is_none()));
    assert!(bench.slots.take_work().is_none());
}

#[test]
fn key_frames_are_asked_for_twice_a_second_at_most() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    *bench.desk.wishes.lock().unwrap() = true;
    let asked = (0..100).filter(|_| {
        bench.now += Duration::from_millis(33);
        !bench.slots.refresh(bench.now).is_empty()
    });
    assert_eq!(asked.count(), 7);
}

#[test]
fn a_picture_that_stands_still_for_long_is_no_longer_shown() {
    let mut bench = Bench::new();
    bench.packet(VideoCodec::H264);
    bench.word(Some(1), 0);
    assert_eq!(bench.seen_after(1), [1]);
    bench.now += STALE_AFTER;
    assert!(bench.seen().is_empty());
}

#[test]
fn slots_are_bounded_and_words_of_sound_slots_are_not_theirs() {
    let mut bench = Bench::new();
    bench.slots.word(SlotWord { slot: SlotId(0), track: Some((1, Source::Microphone)), rtp_timestamp: 0 });
    bench.slots.word(SlotWord { slot: SlotId(0), track: None, rtp_timestamp: 0 });
    assert!(bench.slots.slots.is_empty());
    for slot in 0..100 {
        bench.slots.word(SlotWord { slot: SlotId(slot), track: Some((1, Source::Camera)), rtp_timestamp: 0 });
    }
    assert_eq!(bench.slots.slots.len(), SLOTS_MAX);
}
