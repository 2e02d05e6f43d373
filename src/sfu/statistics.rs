//! What is known of each peer, told when somebody asks: counters and states, nothing that a packet waits for.

use std::time::{Duration, Instant};

use crate::sfu::forwarder::Forwarder;
use crate::sfu::layer::LayerIn;
use crate::sfu::peer::{Link, Peer};
use crate::sfu::slot::{Feed, Slot};
use crate::sfu::track::Subscriber;
use crate::sfu::{DelayReport, PeerId, PeerStats, SlotId, TrackFlow};
use crate::track::{Kind, Layer, Source, VideoCodec};

/// Over how long a bit rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(1);

/// All that is known of one peer.
#[derive(Debug, Clone)]
pub struct PeerReport {
    /// Whose.
    pub peer: PeerId,
    /// Its transport is up; a local peer's always is.
    pub is_connected: bool,
    /// Its counters.
    pub stats: PeerStats,
    /// Bits of media per second from the peer, and to it, without headers; `None` in its first second.
    pub rates_bps: Option<(u64, u64)>,
    /// How good its way is; `None` for a local peer, whose way is none.
    pub way: Option<WayReport>,
    /// What it publishes.
    pub tracks: Vec<TrackReport>,
    /// What it is sent, in the order of its media lines; empty slots too.
    pub slots: Vec<SlotReport>,
}

/// How good a peer's way is: grades from 0 (lost) to 5 (nothing to be noticed), and shares from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct WayReport {
    /// From the peer to here.
    pub up_grade: u8,
    /// From here to the peer.
    pub down_grade: u8,
    /// What was lost on the way here in the last two seconds, and not sent again in time.
    pub up_loss: Option<f64>,
    /// What was lost on the way there in the last two seconds.
    pub down_loss: Option<f64>,
}

/// A published track.
#[derive(Debug, Clone)]
pub struct TrackReport {
    /// Which.
    pub source: Source,
    /// Whether it is forwarded.
    pub flow: TrackFlow,
    /// The codec that arrives; `None` for sound, and before anything has arrived.
    pub codec: Option<VideoCodec>,
    /// Its layers, as they are numbered; sound has one.
    pub layers: Vec<LayerReport>,
}

/// A layer of a published track.
#[derive(Debug, Clone, Copy)]
pub struct LayerReport {
    /// In pixels, as a key frame has told it, else assumed; `None` for sound.
    pub height: Option<u16>,
    /// What was measured last while it was sent.
    pub bitrate_bps: Option<u64>,
    /// Whether packets arrive.
    pub is_sent: bool,
    /// In how many slots it is shown, or heard.
    pub watchers: usize,
    /// How old its pictures are when they arrive.
    pub delays: DelayReport,
}

/// A slot of a subscriber.
#[derive(Debug, Clone, Copy)]
pub struct SlotReport {
    /// Which.
    pub slot: SlotId,
    /// For sound or pictures.
    pub kind: Kind,
    /// What is in it.
    pub shown: Option<Shown>,
    /// What replaces it with the next key frame.
    pub awaited: Option<Shown>,
}

/// A layer of somebody's track in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Whose.
    pub publisher: PeerId,
    /// Which track.
    pub source: Source,
    /// Which layer.
    pub layer: Layer,
    /// Its height in pixels; `None` for sound.
    pub height: Option<u16>,
}

/// Sums over peers, those that are gone included: they never fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Media packets that arrived.
    pub packets_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// Media packets that were sent.
    pub packets_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Media packets that did not arrive.
    pub lost_in: u64,
    /// Packets that did not reach those who tell of each.
    pub lost_out: u64,
    /// Key frames that were asked of publishers.
    pub keyframes_asked: u64,
    /// Key frames that subscribers asked for.
    pub keyframes_wanted: u64,
}

impl Totals {
    /// Adds the counters of a peer.
    pub(super) fn add(&mut self, stats: &PeerStats) {
        self.merge(&Self {
            packets_in: stats.packets_in,
            bytes_in: stats.bytes_in,
            packets_out: stats.packets_out,
            bytes_out: stats.bytes_out,
            lost_in: stats.lost_in,
            lost_out: stats.lost_out.unwrap_or(0),
            keyframes_asked: stats.keyframes_asked,
            keyframes_wanted: stats.keyframes_wanted,
        });
    }

    /// Adds other sums.
    pub fn merge(&mut self, other: &Self) {
        self.packets_in += other.packets_in;
        self.bytes_in += other.bytes_in;
        self.packets_out += other.packets_out;
        self.bytes_out += other.bytes_out;
        self.lost_in += other.lost_in;
        self.lost_out += other.lost_out;
        self.keyframes_asked += other.keyframes_asked;
        self.keyframes_wanted += other.keyframes_wanted;
    }
}

/// The bit rates of a peer, from its counters.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// When the window began, and the bytes in and out then.
    began: Option<(Instant, u64, u64)>,
    bps: Option<(u64, u64)>,
}

impl Rates {
    /// Time has passed.
    pub(super) fn tick(&mut self, stats: &PeerStats, now: Instant) {
        let window = (now, stats.bytes_in, stats.bytes_out);
        let (since, bytes_in, bytes_out) = *self.began.get_or_insert(window);
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= RATE_WINDOW {
            let bps = |bytes: u64| bytes * 8_000 / elapsed.as_millis().max(1) as u64;
            self.bps = Some((bps(stats.bytes_in - bytes_in), bps(stats.bytes_out - bytes_out)));
            self.began = Some(window);
        }
    }
}

impl Forwarder {
    /// All that is known of everybody, in the order in which places were taken.
    #[must_use]
    pub fn report(&self) -> Vec<PeerReport> {
        self.own_peers().map(|peer| self.report_of(peer)).collect()
    }

    /// The sums over all peers, those that are gone included.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.departed;
        self.own_peers().for_each(|peer| totals.add(&peer.stats));
        totals
    }

    /// Other branches tell of theirs.
    fn own_peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().flatten().filter(|peer| !peer.is_elsewhere())
    }

    fn report_of(&self, peer: &Peer) -> PeerReport {
        PeerReport {
            peer: peer.id,
            is_connected: match &peer.link {
                Link::Rtc(rtc) => rtc.is_connected(),
                Link::Local | Link::Elsewhere | Link::Guest { .. } => true,
            },
            stats: peer.stats,
            rates_bps: peer.rates.bps,
            way: peer.quality.as_ref().map(|quality| quality.report()),
            tracks: peer.tracks.iter().filter_map(|index| self.track_report(*index)).collect(),
            slots: peer.slots.iter().map(|slot| self.slot_report(slot)).collect(),
        }
    }

    fn track_report(&self, index: usize) -> Option<TrackReport> {
        let track = self.tracks[index].as_ref()?;
        let fed = |subscriber: &Subscriber| {
            let slot = self.peers[subscriber.peer].as_ref()?.slots.get(subscriber.slot)?;
            slot.current().filter(|feed| feed.track == index).map(|feed| feed.layer)
        };
        let fed: Vec<Layer> = track.subscribers.iter().filter_map(fed).collect();
        let layer = |(at, layer): (usize, &LayerIn)| LayerReport {
            height: (track.source.kind() == Kind::Video).then_some(layer.height),
            bitrate_bps: layer.measured_bps(),
            is_sent: layer.live,
            delays: layer.delays,
            watchers: fed.iter().filter(|layer| usize::from(layer.0) == at).count(),
        };
        Some(TrackReport {
            source: track.source,
            flow: if track.permitted { track.flow } else { TrackFlow::Off },
            codec: track.codec,
            layers: track.layers.iter().enumerate().map(layer).collect(),
        })
    }

    fn slot_report(&self, slot: &Slot) -> SlotReport {
        let shown = |feed: Feed| {
            let track = self.tracks[feed.track].as_ref()?;
            let height = track.layers.get(usize::from(feed.layer.0)).map(|layer| layer.height);
            Some(Shown {
                publisher: track.publisher_id,
                source: track.source,
                layer: feed.layer,
                height: height.filter(|_| track.source.kind() == Kind::Video),
            })
        };
        SlotReport {
            slot: slot.id,
            kind: slot.kind,
            shown: slot.current().and_then(shown),
            awaited: slot.pending().and_then(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sfu::local::{LocalSetup, Published};
    use crate::sfu::{DtlsIdentity, ForwarderConfig, WallClock};

    #[expect(clippy::disallowed_methods, reason = "an origin for virtual time; it is only added to")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn forwarder() -> Forwarder {
        Forwarder::new(ForwarderConfig {
            ice_addresses: Vec::new(),
            ice_tcp_addresses: Vec::new(),
            ice_relayed_address: None,
            certificate: DtlsIdentity::generate().expect("a certificate"),
            preferred_codec: VideoCodec::Vp8,
            video: true,
            start_bitrate_bps: 1_000_000,
            wall: WallClock::new(origin(), Duration::ZERO),
        })
    }

    const PUBLISHER: PeerId = PeerId(1);
    const VIEWER: PeerId = PeerId(2);

    /// A key frame of 640x360 in one packet of VP8 (RFC 7741, 4.2; RFC 6386, 9.1), of 1000 bytes.
    fn picture(layer: u8, sequence: u64, at: Instant) -> Published {
        let mut payload = vec![0_u8; 1000];
        payload[..11].copy_from_slice(&[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        Published {
            source: Source::Camera,
            layer: Layer(layer),
            codec: Some(VideoCodec::Vp8),
            sequence,
            timestamp: sequence as u32 * 3000,
            marker: true,
            audio_level: None,
            captured_at: at,
            payload: Arc::from(payload),
        }
    }

    /// Two seconds of a camera of two layers of which one is sent, watched by one.
    fn watched_camera() -> (Forwarder, Instant) {
        let (mut forwarder, mut now) = (forwarder(), origin());
        let publishes = vec![(Source::Camera, vec![180, 360])];
        forwarder.add_local(PUBLISHER, LocalSetup { publishes, ..LocalSetup::default() }, now);
        let decodes = vec![VideoCodec::Vp8];
        forwarder.add_local(VIEWER, LocalSetup { video_slots: 2, decodes, ..LocalSetup::default() }, now);
        forwarder.set_track(PUBLISHER, Source::Camera, TrackFlow::On, now);
        for sequence in 0..60 {
            now += Duration::from_millis(33);
            forwarder.handle_local(PUBLISHER, picture(1, sequence, now), now);
            forwarder.handle_timeout(now);
        }
        (forwarder, now)
    }

    fn of(reports: &[PeerReport], peer: PeerId) -> &PeerReport {
        reports.iter().find(|report| report.peer == peer).expect("a report")
    }

    #[test]
    fn a_report_tells_what_is_sent_and_what_is_shown_where() {
        let (forwarder, _) = watched_camera();
        let reports = forwarder.report();
        let [track] = &of(&reports, PUBLISHER).tracks[..] else { panic!("one track") };
        let layers: Vec<_> =
            track.layers.iter().map(|layer| (layer.height, layer.is_sent, layer.watchers)).collect();
        assert_eq!(layers, [(Some(180), false, 0), (Some(360), true, 1)]);
        let shown =
            Shown { publisher: PUBLISHER, source: Source::Camera, layer: Layer(1), height: Some(360) };
        let slots: Vec<_> =
            of(&reports, VIEWER).slots.iter().map(|slot| (slot.shown, slot.awaited)).collect();
        assert_eq!(slots, [(Some(shown), None), (None, None)]);
    }

    #[test]
    fn rates_are_measured_over_a_second_both_ways() {
        let (forwarder, _) = watched_camera();
        let reports = forwarder.report();
        let (up, _) = of(&reports, PUBLISHER).rates_bps.expect("measured");
        let (_, down) = of(&reports, VIEWER).rates_bps.expect("measured");
        // A packet of 1000 bytes every 33 ms.
        for bps in [up, down] {
            assert!((230_000..=256_000).contains(&bps), "{bps}");
        }
        assert!(of(&reports, PUBLISHER).way.is_none(), "a peer of this process has no way");
    }

    #[test]
    fn sums_do_not_fall_when_somebody_leaves() {
        let (mut forwarder, now) = watched_camera();
        let before = forwarder.totals();
        assert_eq!((before.packets_in, before.bytes_in, before.packets_out), (60, 60_000, 60));
        forwarder.remove(VIEWER, now);
        forwarder.remove(PUBLISHER, now);
        assert_eq!(forwarder.totals(), before);
    }
}
