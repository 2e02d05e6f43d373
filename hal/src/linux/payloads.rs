//! The way out of an encoder's pipeline: times that all encoders share, the RTP payloader, and its payloads.
//!
//! Times go through the pipeline as the time since an epoch that all encoders of a
//! [`GstCodecs`](super::GstCodecs) share: the RTP timestamp is `captured_at - epoch` at 90 kHz, modulo 2^32,
//! with no random offset. So layers of one camera, and one encoder that takes over from another, are on the
//! same time line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_app::AppSinkCallbacks;

use super::pipeline::Pipeline;
use crate::Result;
use crate::codec::{Payload, PayloadSink};

/// Bytes of an RTP packet, header included: leaves room for header extensions, SRTP and IPv6 in 1,280 bytes.
const MTU: u32 = 1_200;
/// Frames in a row without any output after which an encoder is taken for dead: 3 s at 30 frames per second.
const DEAD_AFTER_FRAMES: u32 = 90;
/// The least time between two frames, a little more than a tick of the RTP clock: each has its own timestamp.
const STEP_MIN: Duration = Duration::from_micros(12);

/// The times of the frames that go through one pipeline: each exceeds the one before.
pub(super) struct Timeline {
    epoch: Instant,
    latest: Option<Duration>,
}

impl Timeline {
    /// A line that counts from `epoch`.
    pub(super) const fn new(epoch: Instant) -> Self {
        Self { epoch, latest: None }
    }

    /// The time of the next frame.
    pub(super) fn next(&mut self, captured_at: Instant) -> Option<gst::ClockTime> {
        let since_epoch = captured_at.saturating_duration_since(self.epoch);
        let time = self.latest.map_or(since_epoch, |latest| since_epoch.max(latest + STEP_MIN));
        self.latest = Some(time);
        gst::ClockTime::try_from(time).ok()
    }
}

/// The payloads of one pipeline on their way into a sink, and whether any come.
pub(super) struct Outlet {
    /// Frames handed in since the last payload came out.
    unanswered: Arc<AtomicU32>,
}

impl Outlet {
    /// The end of a pipeline's description, from the coded pictures on, with that RTP payloader.
    pub(super) fn describe(payloader: &str) -> String {
        format!(
            "{payloader} pt=96 timestamp-offset=0 mtu={MTU} \
             ! appsink name=payloads sync=false async=false enable-last-sample=false"
        )
    }

    /// Leads what comes out of `pipeline` into `sink`.
    pub(super) fn open(pipeline: &Pipeline, epoch: Instant, sink: PayloadSink) -> Result<Self> {
        let unanswered = Arc::new(AtomicU32::new(0));
        let callbacks = payload_callbacks(epoch, Arc::clone(&unanswered), sink);
        pipeline.sink("payloads")?.set_callbacks(callbacks);
        Ok(Self { unanswered })
    }

    /// Counts a frame that is handed in; fails when too many went in without an answer.
    pub(super) fn expect_one(&self, pipeline: &Pipeline) -> Result<()> {
        if self.unanswered.fetch_add(1, Ordering::Relaxed) >= DEAD_AFTER_FRAMES {
            return Err(pipeline.failed(format!("nothing came out after {DEAD_AFTER_FRAMES} frames")));
        }
        Ok(())
    }
}

fn payload_callbacks(epoch: Instant, unanswered: Arc<AtomicU32>, mut sink: PayloadSink) -> AppSinkCallbacks {
    AppSinkCallbacks::builder()
        .new_sample(move |appsink| {
            let sample = appsink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            unanswered.store(0, Ordering::Relaxed);
            if let Some(payload) = payload(&sample, epoch) {
                sink(payload);
            }
            Ok(gst::FlowSuccess::Ok)
        })
        .build()
}

/// The payload in an RTP packet that a payloader made.
///
/// The time is taken from the running time of the buffer, not from its PTS: encoders shift that by hours to
/// keep their decoding times positive.
fn payload(sample: &gst::Sample, epoch: Instant) -> Option<Payload> {
    let buffer = sample.buffer()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = Duration::from(segment.to_running_time(buffer.pts()?)?);
    let packet = buffer.map_readable().ok()?;
    let (marker, start) = payload_start(&packet)?;
    let data = packet.get(start..)?.to_vec();
    Some(Payload { data, marker, timestamp: rtp_timestamp(time), captured_at: epoch + time })
}

/// The marker bit, and where the payload begins (RFC 3550, section 5.1).
fn payload_start(packet: &[u8]) -> Option<(bool, usize)> {
    let (first, second) = (*packet.first()?, *packet.get(1)?);
    let sources = usize::from(first & 0x0f);
    let mut start = 12 + 4 * sources;
    if first & 0x10 != 0 {
        let words = packet.get(start + 2..start + 4)?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    Some((second & 0x80 != 0, start))
}

/// 90 kHz, modulo 2^32.
#[expect(clippy::cast_possible_truncation, reason = "RTP timestamps are modulo 2^32")]
const fn rtp_timestamp(since_epoch: Duration) -> u32 {
    ((since_epoch.as_nanos() * 90_000 + 500_000_000) / 1_000_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::simulated::VirtualClock;

    #[test]
    fn frames_caught_at_once_still_have_timestamps_of_their_own() {
        let epoch = VirtualClock::new().now();
        let mut line = Timeline::new(epoch);
        let caught = epoch + Duration::from_millis(5);
        let stamps: Vec<u32> = (0..1_000).map(|_| rtp_timestamp(line.next(caught).unwrap().into())).collect();
        assert_eq!(stamps[0], 450);
        assert!(stamps.windows(2).all(|two| two[0] < two[1]));
        let later = caught + Duration::from_secs(1);
        assert_eq!(line.next(later).map(Duration::from), Some(later - epoch), "and then as they were caught");
    }

    #[test]
    fn rtp_timestamps_run_at_90_khz_and_wrap() {
        assert_eq!(rtp_timestamp(Duration::ZERO), 0);
        assert_eq!(rtp_timestamp(Duration::from_millis(33)), 2_970);
        assert_eq!(rtp_timestamp(Duration::from_secs(47_722)), 12_704);
    }

    #[test]
    fn the_payload_begins_behind_sources_and_extensions() {
        let mut packet = vec![0x80, 0xe0];
        packet.resize(12, 0);
        assert_eq!(payload_start(&packet), Some((true, 12)));
        packet[0] = 0x92;
        packet[1] = 0x60;
        packet.extend([0; 8]);
        packet.extend([0xbe, 0xde, 0, 2]);
        assert_eq!(payload_start(&packet), Some((false, 32)));
        assert_eq!(payload_start(&[0x80]), None);
    }
}
